use payment_core::Money;
use scenarios::Reply;

use crate::shops::PRICE;

pub(crate) const VARY: &str = "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";

/// The 402 of a request that has brought no payment.
pub(crate) fn unpaid(method: &str, path: &str) -> Reply {
    let body = problem_text(UNPAID, 402, "payment_required", ",\"ours\":\"unpaid\"");
    problem(402, body).with("www-authenticate", &challenge(method, path, PRICE))
}

/// The 402 of a payment that was refused with this code.
pub(crate) fn refused(path: &str, code: &str) -> Reply {
    let body = format!(
        "{{\"type\":\"urn:test\",\"title\":\"Test\",\"status\":402,\"code\":\"{code}\",\"ours\":\"{code}\"}}"
    );
    problem(402, body).with("www-authenticate", &challenge("GET", path, PRICE))
}

/// What a request that asks for this is offered, without a query and a body.
pub(crate) fn challenge(method: &str, path: &str, price: Money) -> String {
    format!(
        "ours method=\"{method}\" url=\"https://shop.example{path}\" query=\"none\" body=\"false\" price=\"{price}\""
    )
}

/// A fault on our side, of which the buyer learns the code.
pub(crate) fn fault(status: u16, code: &str) -> Reply {
    problem(status, problem_text(FAULT, status, code, ""))
}

/// What a seller has denied with this code.
pub(crate) fn denied(code: &str, detail: &str) -> Reply {
    let kind = (
        "urn:tollgate:problem:access-denied",
        "Access Denied",
        detail,
    );
    problem(403, problem_text(kind, 403, code, ""))
}

/// A problem of the gate's own.
pub(crate) fn own(status: u16, kind: Kind<'_>, code: &str) -> Reply {
    problem(status, problem_text(kind, status, code, ""))
}

/// The type, the title and the detail of a problem.
type Kind<'a> = (&'a str, &'a str, &'a str);

const UNPAID: Kind<'static> = (
    "https://paymentauth.org/problems/payment-required",
    "Payment Required",
    "this resource is paid for",
);

const FAULT: Kind<'static> = (
    "https://paymentauth.org/problems/internal-payment-error",
    "Internal Payment Error",
    "the payment could not be processed; nothing was charged",
);

pub(crate) const PENDING: Kind<'static> = (
    "urn:tollgate:problem:settlement-pending",
    "Settlement Pending",
    "the payment may have been made; send the same request again, do not pay again",
);

pub(crate) const TOO_LARGE: Kind<'static> = (
    "urn:tollgate:problem:credential-too-large",
    "Credential Too Large",
    "the payment header is larger than is read here",
);

pub(crate) const AMBIGUOUS: Kind<'static> = (
    "urn:tollgate:problem:ambiguous-payment",
    "Ambiguous Payment",
    "the request carries payments of two protocols; send one",
);

fn problem_text((kind, title, detail): Kind<'_>, status: u16, code: &str, more: &str) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\",\"code\":\"{code}\"{more}}}"
    )
}

/// A problem with this body.
pub(crate) fn problem(status: u16, body: String) -> Reply {
    let headers = [
        ("cache-control", "no-store".to_owned()),
        ("content-type", "application/problem+json".to_owned()),
        ("content-length", body.len().to_string()),
        ("vary", VARY.to_owned()),
    ];
    Reply::new(status, headers, body)
}

/// What a handler says, paid for.
pub(crate) fn served(body: &str) -> Reply {
    answered(200, body)
        .with("cache-control", "private")
        .with("payment-response", "settled")
}

/// What a handler says behind the gate, when nothing was settled for it.
pub(crate) fn answered(status: u16, body: &str) -> Reply {
    free(status, body).with("vary", VARY)
}

/// What a handler says where there is no gate.
pub(crate) fn free(status: u16, body: &str) -> Reply {
    Reply::new(status, [("content-length", body.len().to_string())], body)
}

/// What changes an expected reply.
pub(crate) trait Change: Sized {
    /// With this header, in the place of those that it has by this name.
    fn with(self, name: &str, value: &str) -> Self;
    /// Without this header.
    fn without(self, name: &str) -> Self;
    /// As the answer to a `HEAD`: the same without its body.
    fn headless(self) -> Self;
}

impl Change for Reply {
    fn with(self, name: &str, value: &str) -> Self {
        let mut reply = self.without(name);
        reply.headers.push((name.to_owned(), value.to_owned()));
        reply.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        reply
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(had, _)| had != name);
        self
    }

    fn headless(mut self) -> Self {
        self.body.clear();
        self
    }
}
