#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::shop::{base_offer, changed, offer_of};

fn is(accepted: &Value, offer: &Offer) -> bool {
    let text = accepted.to_string();
    serde_json::from_str::<Accepted<'_>>(&text).is_ok_and(|accepted| accepted.is(offer))
}

#[test]
fn echoes_match_as_the_vectors_recommend() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 matching");
    for (offer, cases) in [
        (&file["matching"]["advertised"][0], "/matching/cases"),
        (
            &file["matching"]["nested"]["advertised"],
            "/matching/nested/cases",
        ),
    ] {
        let offer = offer_of(offer);
        for case in vectors::cases(&file, cases) {
            let expected = case["recommended"].as_bool().unwrap();
            assert_eq!(is(&case["accepted"], &offer), expected, "{}", case["id"]);
            tally.ran();
        }
    }
}

#[test]
fn offers_are_told_apart() {
    let file = vectors::load("x402_core.json");
    let multi = &file["matching"]["multi"];
    let offers: Vec<Offer> = vectors::cases(multi, "/advertised")
        .iter()
        .map(offer_of)
        .collect();
    let index = offers
        .iter()
        .position(|offer| is(&multi["accepted"], offer));
    assert_eq!(index, Some(1));
    assert_eq!(multi["tsIndex"], 1);
}

#[test]
fn a_whole_number_may_have_a_point() {
    let offer = offer_of(&base_offer());
    let text = |seconds: &str| {
        base_offer()
            .to_string()
            .replace("\"maxTimeoutSeconds\":60", seconds)
    };
    for (seconds, good) in [
        ("\"maxTimeoutSeconds\":60.0", true),
        ("\"maxTimeoutSeconds\":60.5", false),
        ("\"maxTimeoutSeconds\":-60", false),
    ] {
        let text = text(seconds);
        let accepted: Accepted<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(accepted.is(&offer), good, "{seconds}");
    }
}

#[test]
fn what_we_offer_may_be_echoed_though_it_is_ours_to_say() {
    let permit2 = changed(
        &base_offer(),
        "extra",
        json!({ "assetTransferMethod": "permit2" }),
    );
    assert!(is(&permit2, &offer_of(&permit2)));
    assert!(!is(&permit2, &offer_of(&base_offer())));
}

#[test]
fn an_offer_without_extra_needs_none() {
    let bare = changed(&base_offer(), "extra", Value::Null);
    let offer = offer_of(&bare);
    assert!(is(&bare, &offer));
    assert!(is(&changed(&bare, "extra", json!({})), &offer));
    let flow = changed(&bare, "extra", json!({ "paymentFlow": "upfront" }));
    assert!(!is(&flow, &offer));
}
