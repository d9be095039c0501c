use http::{HeaderName, HeaderValue};

use crate::shop::HOST;

/// A header that pays, or tries to.
pub(crate) type Credential = (HeaderName, HeaderValue);

/// One request, in words of no framework.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: &'static str,
    pub(crate) credential: Option<Credential>,
}

impl Asked {
    /// The header lines, as text and bytes.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let credential = self.credential.iter();
        let credential = credential.map(|(name, value)| (name.as_str(), value.as_bytes()));
        std::iter::once(("host", HOST.as_bytes())).chain(credential)
    }

    /// As it goes over a connection.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("GET {} HTTP/1.1\r\n", self.path).into_bytes();
        for (name, value) in self.headers() {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}
