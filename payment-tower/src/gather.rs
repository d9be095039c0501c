use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;

/// Why a body is not there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    TooLarge,
    Broken,
}

/// Reads a body to its end, since one that says how long it is can still break off. The one frame
/// of a body that was made at once is kept as it is. Memory is taken as bytes come, not as they are
/// announced.
pub(crate) async fn gather<B: Body>(
    body: B,
    limit: usize,
) -> Result<(Bytes, Option<HeaderMap>), Gap> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > limit) {
        return Err(Gap::TooLarge);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut trailers: Option<HeaderMap> = None;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Gap::Broken)?;
        match frame.into_data() {
            Ok(mut data) => {
                let size = data.remaining();
                let before = if joined.is_empty() {
                    first.len()
                } else {
                    joined.len()
                };
                if size > limit.saturating_sub(before) {
                    return Err(Gap::TooLarge);
                }
                if before == 0 {
                    first = data.copy_to_bytes(size);
                } else if size > 0 {
                    // Joined, so that what is held costs its size however small its frames are.
                    if joined.is_empty() {
                        joined.put(std::mem::take(&mut first));
                    }
                    joined.put(data);
                }
            }
            Err(frame) => {
                if let Ok(more) = frame.into_trailers() {
                    trailers.get_or_insert_default().extend(more);
                }
            }
        }
    }
    let data = if joined.is_empty() {
        first
    } else {
        joined.freeze()
    };
    Ok((data, trailers))
}
