use super::*;

#[test]
fn documented_reasons_become_codes_of_ours() {
    for (text, code) in [
        ("invalid payment header", Code::Malformed),
        ("param_mismatch", Code::Malformed),
        ("toAddr mismatch", Code::Recipient),
        ("amount mismatch", Code::Value),
        ("unsupported_chain", Code::NoMatch),
        ("payer_blocked", Code::Facilitator),
        ("risk_address", Code::Facilitator),
        ("resource mismatch", Code::Resource),
        ("no matching payment option", Code::NoMatch),
        ("invalid_signature", Code::Signature),
        ("not_yet_valid", Code::ValidAfter),
        ("expired", Code::ValidBefore),
        ("insufficient_balance", Code::Balance),
    ] {
        let loosely = [
            text.to_owned(),
            text.to_ascii_uppercase(),
            text.replace(' ', "_"),
            text.replace('_', " "),
            format!(" {text}. "),
        ];
        for text in loosely {
            assert_eq!(Reason::read(&text), Reason::No(code), "{text}");
        }
    }
}

#[test]
fn codes_of_ours_stay_what_they_are() {
    for code in Code::ALL {
        let read = Reason::read(code.as_str());
        match code {
            Code::NonceUsed => assert_eq!(read, Reason::Spent),
            // The two share a spelling.
            Code::Ambiguous => assert_eq!(read, Reason::No(Code::Malformed)),
            _ => assert_eq!(read, Reason::No(code)),
        }
    }
}

#[test]
fn a_spent_nonce_is_no_proof_of_either() {
    for text in [
        "nonce_used",
        "Nonce used",
        "authorization already used",
        "duplicate settlement",
    ] {
        assert_eq!(Reason::read(text), Reason::Spent, "{text}");
    }
}

#[test]
fn who_could_not_look_has_not_refused() {
    for text in [
        "onchain_error",
        "Onchain Error",
        "payment processing",
        "PAYMENT_PROCESSING",
        "still pending",
        "service unavailable",
        "settlement_timeout",
        "timed out",
        // What went wrong on the way may have gone out before.
        "system_error",
        "RPC error, please retry",
        "broadcast exception",
        "server busy",
        "try again later",
    ] {
        assert_eq!(Reason::read(text), Reason::Open, "{text}");
    }
}

#[test]
fn unknown_words_become_one_code() {
    for text in ["", "Ваш платёж", "<script>", "you have been a bad buyer"] {
        assert_eq!(Reason::read(text), Reason::No(Code::Facilitator), "{text}");
    }
    assert!(Reason::is_not_found("not_found") && Reason::is_not_found("Not found"));
    assert!(!Reason::is_not_found("") && !Reason::is_not_found("payer not found"));
}
