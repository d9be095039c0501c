//! Server-sent events as a buyer reads them (WHATWG HTML, 9.2.6): LF, CR and CRLF end lines, the
//! blank after the colon may be missing, and no line or event is longer than we keep.

use std::collections::VecDeque;

/// One event with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; empty when it has none.
    pub(crate) name: String,
    /// Its data, the lines joined by LF.
    pub(crate) data: String,
}

/// An event or line beyond the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The most bytes of one event, its unfinished line included.
pub(crate) const MAX_EVENT: usize = 1024 * 1024;

/// Reads events out of pieces of a body, wherever it is cut.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// The last line ended with CR: an LF behind it is part of that end.
    after_cr: bool,
    past_first_line: bool,
}

impl Parser {
    /// Reads one more piece. What it completes is added to `events`.
    pub(crate) fn read(
        &mut self,
        piece: &[u8],
        events: &mut VecDeque<Event>,
    ) -> Result<(), TooLarge> {
        for &byte in piece {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => self.end_line(events)?,
                _ => {
                    self.line.push(byte);
                    self.check_size()?;
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut VecDeque<Event>) -> Result<(), TooLarge> {
        let line = std::mem::take(&mut self.line);
        let mut text = String::from_utf8_lossy(&line);
        if !std::mem::replace(&mut self.past_first_line, true)
            && let Some(rest) = text.strip_prefix('\u{feff}')
        {
            text = rest.to_owned().into();
        }
        if text.is_empty() {
            let name = std::mem::take(&mut self.name);
            // An event without data is none.
            events.extend(self.data.take().map(|data| Event { name, data }));
            return Ok(());
        }
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments, `id` and `retry` say nothing here.
            _ => {}
        }
        self.check_size()
    }

    fn check_size(&self) -> Result<(), TooLarge> {
        let data = self.data.as_ref().map_or(0, String::len);
        let size = self.line.len() + self.name.len() + data;
        if size > MAX_EVENT {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        for piece in pieces {
            parser.read(piece, &mut events).unwrap();
        }
        events.into()
    }

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
        }
    }

    fn section(name: &str) -> Vec<Value> {
        let file = vectors::load("mpp_core.json");
        vectors::cases(&file, name).to_vec()
    }

    #[test]
    fn recorded_streams_are_parsed() {
        let mut tally = vectors::Tally::new("sse/parse");
        for case in section("/sse/parse") {
            let raw = vectors::text(&case, "raw");
            let read = parse(&[raw.as_bytes()]);
            // What the recorded parser did wrong, by the notes beside the cases.
            let expected = match raw {
                "data:hi\n\n" => Some(event("", "hi")),
                "event: message\r\ndata: hi\r\n\r\n" => Some(event("message", "hi")),
                "event: payment-need-voucher\ndata: {\"channelId\":1}\n\n" => {
                    Some(event("payment-need-voucher", "{\"channelId\":1}"))
                }
                _ => match &case["parsed"] {
                    Value::Null => None,
                    parsed => Some(match &parsed["data"] {
                        Value::String(text) => event(&read[0].name, text),
                        // Control events were read to their JSON there.
                        json => {
                            let data: Value = serde_json::from_str(&read[0].data).unwrap();
                            assert_eq!(&data, json);
                            event(vectors::text(parsed, "type"), &read[0].data)
                        }
                    }),
                },
            };
            assert_eq!(read, Vec::from_iter(expected), "{raw:?}");
            tally.ran();
        }
        assert_eq!(tally.count(), 12);
    }

    #[test]
    fn recorded_streams_read_back() {
        let mut tally = vectors::Tally::new("sse/format");
        for case in section("/sse/format") {
            let out = vectors::text(&case, "out");
            let read = parse(&[out.as_bytes()]);
            let (name, kind) = (vectors::text(&case, "name"), &read[0].name);
            match case["value"].as_str() {
                // The recorded writer let a lone CR through, and cut the value by it.
                Some("a\rb") => assert_eq!(read, [event("message", "a")]),
                Some(value) => assert_eq!(read, [event("message", &value.replace("\r\n", "\n"))]),
                None => assert_eq!(*kind, format!("payment-{}", name.replace('_', "-"))),
            }
            tally.ran();
        }
        assert_eq!(tally.count(), 8);
    }

    #[test]
    fn lines_end_by_lf_cr_and_crlf_wherever_the_body_is_cut() {
        let text =
            "\u{feff}event:a\r\ndata: x\rdata:y\ndata:  z\r\n\r\n: c\n\nretry: 5\nid: 1\ndata\n\n";
        let expected = [event("a", "x\ny\n z"), event("", "")];
        assert_eq!(parse(&[text.as_bytes()]), expected);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(parse(&bytes), expected);
        for at in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            assert_eq!(parse(&[left, right]), expected, "{at}");
        }
        // What has no end is no event.
        assert_eq!(parse(&[b"data: x\n"]), []);
    }

    #[test]
    fn lines_and_events_are_bounded() {
        let read = |text: String| {
            let (mut parser, mut events) = (Parser::default(), VecDeque::new());
            parser.read(text.as_bytes(), &mut events)
        };
        assert_eq!(read("x".repeat(MAX_EVENT)), Ok(()));
        assert_eq!(read("x".repeat(MAX_EVENT + 1)), Err(TooLarge));
        let half = format!("data:{}\n", "x".repeat(MAX_EVENT / 2));
        assert_eq!(read(half.repeat(3)), Err(TooLarge));
        assert_eq!(read("data:\n".repeat(MAX_EVENT + 2)), Err(TooLarge));
        let many = format!("{half}\n").repeat(3);
        assert_eq!(read(many), Ok(()));
    }
}
