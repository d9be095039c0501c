//! What a buyer hands back for a quote, when the price has gone up meanwhile.
//!
//! The first byte says what the rest is: `e` edits of a quote that was sealed, `t` what a quote
//! says under the code of another, `j` what the quote stands in, `o` a path that it was not quoted
//! for, any other a quote. In small letters it is shown to x402, in capitals to MPP.
#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::quotes::{MPP, Quoted, X402};

static PROVEN: Once = Once::new();

fuzz_target!(|data: &[u8]| {
    PROVEN.call_once(|| {
        X402.prove();
        MPP.prove();
    });
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let quoted: &Quoted = if kind.is_ascii_uppercase() {
        &MPP
    } else {
        &X402
    };
    match kind.to_ascii_lowercase() {
        b'e' => quoted.refuses(&quoted.edited(data)),
        b't' => quoted.refuses(&quoted.reworded(data)),
        b'j' => assert!(!quoted.opens_around(data)),
        b'o' => {
            // A URL that is too long for a header can't be offered at all.
            let data = &data[..data.len().min(256)];
            let path = format!("/{}", String::from_utf8_lossy(data));
            let other = path != "/premium-data";
            assert!(!other || !quoted.opens(&path, &quoted.seal.as_str().into()));
        }
        _ => quoted.refuses(&String::from_utf8_lossy(data)),
    }
});
