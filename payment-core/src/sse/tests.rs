#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// What a reader makes of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// A strict reader: HTML, 9.2.6 "Interpreting an event stream". Comments are left out, and so is
/// what no blank line ends.
pub(crate) fn read(stream: &str) -> Vec<Read> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut all, mut id) = (Vec::new(), None);
    let (mut name, mut data) = (String::new(), String::new());
    for line in stream.split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        if line.is_empty() {
            let data = std::mem::take(&mut data);
            let name = std::mem::take(&mut name);
            if let Some(data) = data.strip_suffix('\n') {
                let name = if name.is_empty() {
                    "message".to_owned()
                } else {
                    name
                };
                all.push(Read {
                    name,
                    id: id.clone(),
                    data: data.to_owned(),
                });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            _ => {}
        }
    }
    all
}

fn text(event: &SseEvent) -> String {
    String::from_utf8(event.encode().to_vec()).unwrap()
}

fn message(data: &str) -> Read {
    Read {
        name: "message".to_owned(),
        id: None,
        data: data.to_owned(),
    }
}

#[test]
fn events_are_written_as_others_write_them() {
    let mut tally = vectors::Tally::new("mpp sse format");
    let mut lone = 0;
    for case in vectors::cases(&vectors::load("mpp_core.json"), "/sse/format") {
        let out = vectors::text(case, "out");
        tally.ran();
        let Some(value) = case["value"].as_str() else {
            let json = read(out).pop().unwrap().data;
            let ours = match vectors::text(case, "name") {
                "need_voucher" => need_voucher(json.as_bytes()),
                "receipt" => receipt(json.as_bytes()),
                other => panic!("{other}"),
            };
            assert_eq!(ours, out);
            continue;
        };
        let event = SseEvent::new(value.to_owned());
        // They write the name that goes without saying; and a lone CR as it is, which lets what
        // follows look like a field.
        if value.contains('\r') {
            lone += 1;
        } else {
            assert_eq!(text(&event.clone().name("message").unwrap()), out);
            assert_eq!(format!("event: message\n{}", text(&event)), out);
        }
        let normal = value.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(read(&text(&event)), [message(&normal)]);
    }
    assert_eq!((tally.count(), lone), (8, 2));
}

#[test]
fn each_kind_of_line_end_begins_a_line_of_data() {
    for (data, lines) in [
        ("", "data: \n\n"),
        ("a", "data: a\n\n"),
        ("a\rb", "data: a\ndata: b\n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        ("a\r\r\nb\n", "data: a\ndata: \ndata: b\ndata: \n\n"),
        (
            "x\r\revent: payment-receipt\rdata: {}",
            "data: x\ndata: \ndata: event: payment-receipt\ndata: data: {}\n\n",
        ),
        (" two", "data:  two\n\n"),
    ] {
        assert_eq!(text(&SseEvent::from(data)), lines, "{data:?}");
    }
}

#[test]
fn name_and_id_stand_before_the_data() {
    let event = SseEvent::from("a")
        .name("delta")
        .unwrap()
        .id("7 of 9")
        .unwrap();
    assert_eq!(text(&event), "event: delta\nid: 7 of 9\ndata: a\n\n");
    let read = read(&text(&event)).pop().unwrap();
    assert_eq!((&*read.name, read.id.as_deref()), ("delta", Some("7 of 9")));
}

#[test]
fn names_of_the_gate_and_names_that_break_their_line_are_refused() {
    let name = |name: &'static str| SseEvent::from("a").name(name).map(drop);
    for reserved in ["payment-receipt", "payment-", "Payment-Need-Voucher"] {
        assert_eq!(name(reserved), Err(SseEventError::Reserved), "{reserved}");
    }
    for broken in [
        "",
        "a\nb",
        "a\rdata: x",
        " payment-receipt",
        "\u{feff}payment-receipt",
        "\tpayment-receipt",
        "a b",
        "ä",
        "a\0",
    ] {
        assert_eq!(name(broken), Err(SseEventError::Name), "{broken:?}");
    }
    for good in ["payment", "a:b", "delta", "x-payment-receipt"] {
        assert_eq!(name(good), Ok(()), "{good}");
    }
    for id in ["a\n", "\r", "\0"] {
        let refused = SseEvent::from("a").id(id);
        assert_eq!(refused, Err(SseEventError::Id), "{id:?}");
    }
}

#[test]
fn control_events_hold_whatever_json_they_are_given() {
    let read = read(std::str::from_utf8(&receipt(b"{\r\n \"a\": 1}")).unwrap());
    assert_eq!(read.len(), 1);
    assert_eq!(
        (&*read[0].name, &*read[0].data),
        ("payment-receipt", "{\n \"a\": 1}")
    );
}

#[test]
fn an_event_is_allocated_once() {
    for data in ["", "abc", "a\r\nb\rc\n"] {
        let event = SseEvent::from(data).name("n").unwrap().id("i").unwrap();
        let encoded = Vec::from(event.encode());
        assert_eq!(encoded.capacity(), encoded.len());
    }
}

/// Text with a taste for line ends and for what looks like fields.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("event: payment-receipt".to_owned()),
        Just("data: {}".to_owned()),
        Just("id:".to_owned()),
        Just(":".to_owned()),
        Just("\0".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\u{2028}".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~]{1,9}",
        "(payment-|Payment-|PAYMENT)[a-z]{0,7}",
        hostile()
    ]
}

proptest! {
    #[test]
    fn any_data_comes_back_and_never_as_an_event_of_the_gate(
        all in proptest::collection::vec((hostile(), name(), hostile()), 1..4)
    ) {
        let mut stream = String::new();
        let mut written = Vec::new();
        for (data, name, id) in all {
            let mut event = SseEvent::new(data.clone());
            if let Ok(named) = event.clone().name(name) {
                event = named;
            }
            if let Ok(known) = event.clone().id(id) {
                event = known;
            }
            stream.push_str(&text(&event));
            written.push((event, data.replace("\r\n", "\n").replace('\r', "\n")));
        }
        let read = read(&stream);
        prop_assert_eq!(read.len(), written.len());
        for (read, (event, data)) in read.iter().zip(&written) {
            prop_assert_eq!(&read.data, data);
            prop_assert_eq!(&*read.name, event.name.as_deref().unwrap_or("message"));
            prop_assert!(!read.name.to_ascii_lowercase().starts_with("payment-"));
            if event.id.is_some() {
                prop_assert_eq!(read.id.as_deref(), event.id.as_deref());
            }
        }
    }
}
