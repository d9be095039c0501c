use http::Uri;

/// An origin in the one spelling that it has: lower case, no default port, nothing after the
/// authority.
pub(crate) struct Origin {
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) text: String,
}

impl Origin {
    /// Reads an origin. Whatever a parser drops, or reads otherwise than it stands there, is
    /// refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let host = uri.host()?.to_ascii_lowercase();
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default_port = match &*scheme {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let mut origin = format!("{scheme}://{host}");
        let bare = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let named = default_port.map(|port| format!("{origin}:{port}"));
        if let Some(port) = uri.port_u16().filter(|port| Some(*port) != default_port) {
            origin.push_str(&format!(":{port}"));
        }
        let odd = |b: u8| !(b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        let named_host = !host.is_empty() && !host.bytes().any(odd);
        if !named_host || (bare != origin && named != Some(bare)) {
            return None;
        }
        Some(Self {
            scheme,
            host,
            text: origin,
        })
    }
}
