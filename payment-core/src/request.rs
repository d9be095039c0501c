use bytes::Bytes;

/// What a decision may look at: the head of the request, read once before the first await.
pub trait RequestHead {
    /// The method in upper case.
    fn method(&self) -> &str;
    /// The path that the client asked for, with the prefix of each mount it was dispatched through.
    /// It is what offers name.
    fn path(&self) -> &str;
    /// The path as the handler finds it, where that may differ: what a mount has left of it, what a
    /// rewriting has made of it, or its spelling as it was sent. A [`RouteTable`](crate::RouteTable) prices what is priced
    /// by either.
    fn dispatched_path(&self) -> Option<&str> {
        None
    }
    /// The pattern by which the framework has dispatched, in its own spelling and with the prefix
    /// of each mount: axum's `MatchedPath`, actix's `match_pattern()`. `None` where it did not
    /// dispatch yet, or by no pattern. A [`RouteTable`](crate::RouteTable) finds by it what it
    /// doesn't find by the path; it never makes a request free.
    fn pattern(&self) -> Option<&str> {
        None
    }
    /// The query without its `?`.
    fn query(&self) -> Option<&str>;
    /// The authority the client asked for. Hostile: never part of a decision.
    fn authority(&self) -> Option<&str>;
    /// Whether a body comes with it, as far as the head tells: no, where it says so.
    fn has_body(&self) -> bool;
    /// The body, where the framework has gathered it; see [`Admit::reads_body`](crate::Admit).
    fn body(&self) -> Option<&Bytes> {
        None
    }

    /// Visits each value of a header, in order. Names are lower case.
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));
}

impl RequestHead for http::request::Parts {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        match self.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.headers.get(http::header::HOST)?.to_str().ok(),
        }
    }

    fn has_body(&self) -> bool {
        let length = self.headers.get(http::header::CONTENT_LENGTH);
        match length {
            Some(length) => length.as_bytes() != b"0",
            // HTTP/1.1 frames a body by one of two headers; later versions need neither.
            None => {
                self.headers.contains_key(http::header::TRANSFER_ENCODING)
                    || self.version > http::Version::HTTP_11
            }
        }
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.headers.get_all(name) {
            visit(value.as_bytes());
        }
    }
}
