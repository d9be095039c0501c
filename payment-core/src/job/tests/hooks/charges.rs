//! What a handler charges, where the buyer has signed a maximum. (T04)

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;
use crate::{ChargeError, Units};

fn shop_that_charges(units: u64) -> Shop {
    let shop = Shop::staffed(1);
    *shop.world.handling.lock().unwrap() = Handling::Charges(units);
    shop
}

fn charges(shop: &Shop) -> [Result<(), ChargeError>; 2] {
    let charges = std::mem::take(&mut *shop.world.charges.lock().unwrap());
    charges.try_into().unwrap()
}

#[test]
fn t04_handler_charges_at_most_what_was_signed_and_once() {
    for (units, first, second, charged) in [
        (0, Ok(()), Err(ChargeError::Twice), Some(0)),
        (1, Ok(()), Err(ChargeError::Twice), Some(1)),
        (100, Ok(()), Err(ChargeError::Twice), Some(100)),
        (
            101,
            Err(ChargeError::TooMuch),
            Err(ChargeError::TooMuch),
            None,
        ),
    ] {
        let shop = shop_that_charges(units);
        assert_eq!(shop.buy("/a", "upto"), page(200, true));
        assert_eq!(charges(&shop), [first, second]);
        let charged = charged.map(Units::from);
        assert_eq!(*shop.world.charged.lock().unwrap(), [charged], "{units}");
        // Hooks see what is charged, and before that what it can be.
        let amount = |hook| shop.staff.context(hook).paid.amount();
        let full = Units::from(100);
        assert_eq!(amount("after_verify"), full);
        assert_eq!(amount("before_settle"), charged.unwrap_or(full));
        assert_eq!(amount("succeeded"), charged.unwrap_or(full));
    }
}

#[test]
fn fixed_price_is_not_for_the_handler_to_say() {
    for (path, name) in [("/a", "c"), ("/first", "c"), ("/first", "upto")] {
        let shop = shop_that_charges(1);
        assert_eq!(shop.buy(path, name), page(200, true));
        assert_eq!(
            charges(&shop),
            [Err(ChargeError::Fixed); 2],
            "{path} {name}"
        );
        assert_eq!(*shop.world.charged.lock().unwrap(), [None]);
    }
}

#[test]
fn charge_of_a_settlement_that_has_begun_is_refused() {
    let shop = shop_that_charges(7);
    shop.world.script("settle", &[Act::UnknownMoved]);
    assert_eq!(shop.buy("/a", "upto").status, 503);
    assert_eq!(charges(&shop)[0], Ok(()));
    assert_eq!(shop.buy("/a", "upto"), page(200, true));
    assert_eq!(charges(&shop), [Err(ChargeError::Fixed); 2]);
}

#[test]
fn failing_handler_charges_nothing() {
    for act in [Act::Refuse, Act::Fail] {
        let shop = shop_that_charges(7);
        shop.world.script("serve", &[act]);
        assert!(!shop.buy("/a", "upto").delivered());
        assert!(shop.world.charged.lock().unwrap().is_empty());
        assert_eq!(shop.world.moved("upto"), 0);
        *shop.world.handling.lock().unwrap() = Handling::Plain;
        assert_eq!(shop.buy("/a", "upto"), page(200, true));
        let charged = shop.world.charged.lock().unwrap();
        assert_eq!(*charged, [None], "what a failed one said is forgotten");
    }
}

#[test]
fn charge_that_comes_late_does_not_count_and_is_told_so() {
    for handling in [Handling::Plain, Handling::Charges(7)] {
        let shop = Shop::staffed(1);
        *shop.world.handling.lock().unwrap() = handling;
        shop.world.script("settle", &[Act::Hang]);
        let mut visit = shop.visit("/a", "upto");
        assert!(polled(&mut visit, 100).is_none());
        let kept = shop.world.paid.lock().unwrap().clone().unwrap();
        let late = kept.charge(Units::ZERO);
        let (refusal, charged) = match handling {
            Handling::Plain => (ChargeError::Fixed, None),
            _ => (ChargeError::Twice, Some(Units::from(7))),
        };
        assert_eq!(late, Err(refusal));
        shop.world.let_go(1);
        assert!(polled(&mut visit, 100).is_some());
        assert_eq!(*shop.world.charged.lock().unwrap(), [charged]);
    }
}

#[test]
fn hooks_charge_nothing() {
    let shop = Shop::staffed(1);
    assert_eq!(shop.buy("/a", "upto"), page(200, true));
    for hook in [
        "before_verify",
        "after_verify",
        "before_settle",
        "succeeded",
    ] {
        let charge = shop.staff.context(hook).paid.charge(Units::ZERO);
        assert_eq!(charge, Err(ChargeError::Fixed), "{hook}");
    }
}

#[test]
fn charge_of_a_response_that_is_denied_moves_nothing() {
    let shop = shop_that_charges(7);
    shop.staff.script("before_settle", &[Say::Decide]);
    assert_eq!(shop.buy("/a", "upto").status, 403);
    assert!(shop.world.charged.lock().unwrap().is_empty());
    shop.assert_sound("upto");
}

#[test]
fn charge_of_what_is_delivered_unpaid_is_refused() {
    for settle in [Act::Refuse, Act::UnknownMoved] {
        let shop = shop_that_charges(7);
        shop.world.script("settle", &[settle]);
        shop.staff.script("settle_failed", &[Say::Decide]);
        assert_eq!(shop.buy("/first", "upto"), page(200, false));
        assert_eq!(charges(&shop), [Err(ChargeError::Fixed); 2], "{settle:?}");
        shop.assert_sound("upto");
    }
}
