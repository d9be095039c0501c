#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::okx::SaCode;

fn read_at(status: u16, body: &str) -> Result<String, OkxFault> {
    let status = StatusCode::from_u16(status).unwrap();
    data(status, body.as_bytes()).map(|data| data.get().to_owned())
}

fn read(body: &str) -> Result<String, OkxFault> {
    read_at(200, body)
}

fn is_garbage(read: &Result<String, OkxFault>) -> bool {
    matches!(read, Err(OkxFault::Garbage { .. }))
}

#[test]
fn zero_is_success_as_number_and_as_text() {
    for body in [
        r#"{"code":0,"msg":"","data":{"a":1}}"#,
        r#"{"code":"0","msg":"success","data":{"a":1}}"#,
        r#"{"data":{"a":1},"code":0}"#,
        r#"{"code":0,"data":[{"a":1}]}"#,
        r#"{"code":0,"data": [ {"a":1} ] }"#,
        r#"{"code":0,"data":{"a":1},"error_code":"","error_message":"","detail":{"x":[1]}}"#,
        " {\n\"code\" : 0 , \"data\" : {\"a\":1} }\n",
    ] {
        assert_eq!(read(body).unwrap(), r#"{"a":1}"#, "{body}");
    }
}

#[test]
fn every_other_code_is_refused_before_the_data_is_looked_at() {
    for (code, expected) in [
        ("50011", ApiCode::RateLimited),
        ("\"50011\"", ApiCode::RateLimited),
        ("50001", ApiCode::Unavailable),
        ("50026", ApiCode::System),
        ("51000", ApiCode::Parameter),
        ("\"50113\"", ApiCode::Signature),
        ("8000", ApiCode::Sa(SaCode::Internal)),
        ("-1", ApiCode::Sa(SaCode::Internal)),
        ("\"-1\"", ApiCode::Sa(SaCode::Internal)),
        ("70008", ApiCode::Sa(SaCode::ChannelClosed)),
        ("12345", ApiCode::Other(12345)),
        ("9223372036854775807", ApiCode::Other(i64::MAX)),
        ("9223372036854775808", ApiCode::Unreadable),
        ("1e99", ApiCode::Unreadable),
        ("0.0", ApiCode::Unreadable),
        ("0.5", ApiCode::Unreadable),
        ("0e0", ApiCode::Unreadable),
        ("-0", ApiCode::Unreadable),
        ("\"00\"", ApiCode::Unreadable),
        ("\"+0\"", ApiCode::Unreadable),
        ("\" 0\"", ApiCode::Unreadable),
        ("\"\"", ApiCode::Unreadable),
        ("\"-\"", ApiCode::Unreadable),
        ("\"success\"", ApiCode::Unreadable),
        ("\"\\u0030\"", ApiCode::Unreadable),
        ("true", ApiCode::Unreadable),
        ("false", ApiCode::Unreadable),
        ("null", ApiCode::Unreadable),
        ("{}", ApiCode::Unreadable),
        ("[0]", ApiCode::Unreadable),
    ] {
        for data in ["{\"success\":true}", "null", "{}"] {
            let body = format!("{{\"code\":{code},\"msg\":\"prose\",\"data\":{data}}}");
            match read(&body) {
                Err(OkxFault::Refused(code)) => assert_eq!(code, expected, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}

#[test]
fn success_without_an_object_is_no_success() {
    for body in [
        r#"{"code":0}"#,
        r#"{"code":0,"data":null}"#,
        r#"{"code":0,"data":[]}"#,
        r#"{"code":0,"data":[{},{}]}"#,
        r#"{"code":0,"data":[[{}]]}"#,
        r#"{"code":0,"data":[null]}"#,
        r#"{"code":0,"data":"{}"}"#,
        r#"{"code":0,"data":true}"#,
        r#"{"code":0,"data":7}"#,
    ] {
        assert!(is_garbage(&read(body)), "{body}");
    }
}

#[test]
fn an_answer_without_a_code_is_the_bare_object() {
    let body = r#"{"isValid":true}"#;
    assert_eq!(read(body).unwrap(), body);
    assert!(is_garbage(&read_at(500, body)));
    for body in ["[{\"isValid\":true}]", "null", "true", "\"x\"", "7"] {
        assert!(is_garbage(&read(body)), "{body}");
    }
}

#[test]
fn a_code_outlives_an_error_status() {
    let body = r#"{"code":"50113","msg":"Invalid Sign","data":{}}"#;
    let fault = read_at(401, body).unwrap_err();
    assert!(matches!(fault, OkxFault::Refused(ApiCode::Signature)));
    // Whatever stands beside it, 429 is said at the door.
    for code in ["50011", "50001", "1", "true"] {
        let body = format!("{{\"code\":{code}}}");
        let fault = read_at(429, &body).unwrap_err();
        assert!(matches!(fault, OkxFault::Refused(ApiCode::RateLimited)));
        assert!(fault.is_undone() && fault.is_passing());
    }
}

#[test]
fn a_yes_with_an_error_status_is_neither() {
    let body = r#"{"code":0,"data":{"success":true}}"#;
    for status in [301, 400, 401, 403, 404, 429, 500, 503] {
        let fault = read_at(status, body).unwrap_err();
        assert!(matches!(fault, OkxFault::Contradictory { .. }), "{status}");
        assert!(!fault.is_undone(), "{status}");
    }
}

#[test]
fn what_reads_differently_to_two_parsers_is_garbage() {
    let deep = format!(
        "{{\"code\":0,\"data\":{}{}}}",
        "{\"a\":".repeat(40),
        "}".repeat(41)
    );
    let wide = format!("{{\"code\":0,\"data\":{{\"a\":[{}1]}}}}", "1,".repeat(5000));
    for body in [
        r#"{"code":1,"code":0,"data":{}}"#,
        r#"{"code":0,"data":{"success":false,"success":true}}"#,
        r#"{"code":0,"data":{}} {}"#,
        r#"{"code":0,"data":{}"#,
        "\u{feff}{\"code\":0,\"data\":{}}",
        "<html>502</html>",
        "",
        &deep,
        &wide,
    ] {
        assert!(is_garbage(&read(body)), "{body:.60}");
    }
    let latin = b"{\"code\":0,\"data\":{\"a\":\"\xff\"}}";
    assert!(matches!(
        data(StatusCode::OK, latin),
        Err(OkxFault::Garbage { .. })
    ));
}

#[test]
fn no_text_of_an_answer_is_in_a_fault() {
    for body in [
        r#"{"code":51000,"msg":"prose","error_message":"prose","data":{"x":"prose"}}"#,
        r#"{"code":"prose","msg":"prose"}"#,
        r#"{"code":0,"msg":"prose","data":"prose"}"#,
        "prose",
    ] {
        let fault = read(body).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("prose"), "{fault:?}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(
        status in 100_u16..600,
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = data(StatusCode::from_u16(status).unwrap(), &body);
    }

    #[test]
    fn only_zero_is_success(code in any::<i64>()) {
        let body = format!("{{\"code\":{code},\"data\":{{}}}}");
        prop_assert_eq!(read(&body).is_ok(), code == 0);
        let body = format!("{{\"code\":\"{code}\",\"data\":{{}}}}");
        prop_assert_eq!(read(&body).is_ok(), code == 0);
    }
}
