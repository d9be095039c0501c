use std::sync::{Arc, Mutex};

use super::*;
use crate::{Denial, Fault, Paid, ProtocolName, Refusal, Timestamp, Units};

fn context() -> PaymentContext {
    let ask = Ask::new(Timestamp::default(), "GET", "/a");
    let paid = Paid::new(ProtocolName::new("test"), Units::from(7));
    PaymentContext::new(Arc::new(ask), paid)
}

fn denied() -> Denied {
    Fault::unavailable("down", "no answer").into()
}

fn reply() -> Reply {
    Reply::empty(http::StatusCode::PAYMENT_REQUIRED)
}

fn failure() -> Failure {
    Failure::from(&denied())
}

/// Asks all of them; what those say that decide.
async fn ask_all(hooks: &impl Hooks) -> (Access, [Verdict; 3], [Recovery; 2], Refund) {
    let (at, receipt, denied) = (context(), Receipt::default(), denied());
    hooks.challenged(&at.ask, &reply()).await;
    hooks.after_settle(&at, &receipt).await;
    hooks.compensate(&at).await;
    hooks.succeeded(&at).await;
    hooks.failed(&at.ask, &failure()).await;
    (
        hooks.protected_request(&at.ask).await,
        [
            hooks.before_verify(&at).await,
            hooks.after_verify(&at).await,
            hooks.before_settle(&at).await,
        ],
        [
            hooks.verify_failed(&at, &denied).await,
            hooks.settle_failed(&at, &denied).await,
        ],
        hooks.refund(&at, &receipt).await,
    )
}

fn deny(code: &'static str) -> Verdict {
    Verdict::Deny(Denial::new(code))
}

#[tokio::test]
async fn each_closure_is_asked_in_its_own_place() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listens = |what: &'static str| {
        let heard = Arc::clone(&heard);
        move || {
            let heard = Arc::clone(&heard);
            async move { heard.lock().expect("not poisoned").push(what) }
        }
    };
    let (challenged, after_settle) = (listens("challenged"), listens("after_settle"));
    let (compensate, succeeded) = (listens("compensate"), listens("succeeded"));
    let failed = listens("failed");
    let hooks = On::new()
        .protected_request(async |ask| match &*ask.path {
            "/a" => Access::Grant,
            _ => Access::Pay,
        })
        .challenged(move |_, reply| {
            assert_eq!(reply.status, 402);
            challenged()
        })
        .before_verify(async |at| {
            assert_eq!(at.paid.amount(), Units::from(7));
            deny("before_verify")
        })
        .after_verify(async |_| deny("after_verify"))
        .verify_failed(async |_, failure| match &*failure.code {
            "down" => Recovery::Recover,
            _ => Recovery::Leave,
        })
        .before_settle(async |_| deny("before_settle"))
        .after_settle(move |_, _| after_settle())
        .settle_failed(async |_, _| Recovery::Leave)
        .compensate(move |_| compensate())
        .refund(async |_, _| Refund::Done)
        .succeeded(move |_| succeeded())
        .failed(move |_, failure| {
            assert_eq!(failure.status, 503);
            failed()
        });
    let said = ask_all(&hooks).await;
    let verdicts = ["before_verify", "after_verify", "before_settle"].map(deny);
    let recoveries = [Recovery::Recover, Recovery::Leave];
    assert_eq!(said, (Access::Grant, verdicts, recoveries, Refund::Done));
    assert_eq!(
        *heard.lock().expect("not poisoned"),
        [
            "challenged",
            "after_settle",
            "compensate",
            "succeeded",
            "failed"
        ]
    );
    let other = On::new().settle_failed(async |_, _| Recovery::Recover);
    assert_eq!(
        ask_all(&other).await.2,
        [Recovery::Leave, Recovery::Recover]
    );
}

#[tokio::test]
async fn who_says_nothing_changes_nothing() {
    let said = ask_all(&On::new()).await;
    let verdicts = [Verdict::GoOn, Verdict::GoOn, Verdict::GoOn];
    let leave = [Recovery::Leave; 2];
    assert_eq!(said, (Access::Pay, verdicts, leave, Refund::Keep));
    struct Silent;
    impl Hooks for Silent {}
    assert_eq!(ask_all(&Silent).await, said);
    assert!(On::new().headers().is_empty() && Hooks::deadline(&On::new()).is_none());
}

#[tokio::test]
async fn error_of_a_closure_is_no_answer() {
    let hooks = On::new()
        .protected_request(async |_| Err::<Access, _>("broke"))
        .before_verify(async |_| Err::<Verdict, _>("broke"))
        .after_verify(async |_| Ok::<_, &str>(Verdict::GoOn))
        .before_settle(async |_| Err::<Verdict, _>("broke"))
        .verify_failed(async |_, _| Err::<Recovery, _>("broke"))
        .settle_failed(async |_, _| Ok::<_, &str>(Recovery::Recover))
        .refund(async |_, _| Err::<Refund, _>("broke"));
    let failed = || Verdict::Failed("broke".into());
    let said = (
        Access::Failed("broke".into()),
        [failed(), Verdict::GoOn, failed()],
        [Recovery::Leave, Recovery::Recover],
        Refund::Failed("broke".into()),
    );
    assert_eq!(ask_all(&hooks).await, said);
}

#[test]
fn headers_and_deadline_are_those_that_were_set() {
    let hooks = On::new()
        .reading([http::header::COOKIE])
        .reading([http::header::ACCEPT])
        .deadline(Duration::from_secs(9));
    assert_eq!(
        hooks.headers(),
        [http::header::COOKIE, http::header::ACCEPT]
    );
    assert_eq!(Hooks::deadline(&hooks), Some(Duration::from_secs(9)));
}

#[test]
fn denial_comes_down_to_what_the_client_sees() {
    let status = http::StatusCode::FORBIDDEN;
    let problem = crate::Problem::new("urn:a", "A", status, "a", "");
    let refusal = Refusal::new(ProtocolName::new("test"), problem).code("b");
    let failure = Failure::from(&Denied::from(refusal));
    assert_eq!((&*failure.code, failure.status), ("b", status));
    assert!(!failure.unknown);
}
