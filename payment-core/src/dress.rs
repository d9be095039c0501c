//! How the gate's answers are worded for one client, and what stands on whatever leaves a route.

use http::header::{
    ACCEPT, ACCESS_CONTROL_EXPOSE_HEADERS, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN,
    TRANSFER_ENCODING, VARY,
};
use http::{HeaderName, HeaderValue};

use crate::accept::prefers_html;
use crate::cache::merge_list;
use crate::cors::{EXPOSED, Reader};
use crate::custom::unharmed;
use crate::gate::{Priced, Shared};
use crate::reply::{About, VARY_ON};
use crate::stamp::{RECEIPTS, Stamps};
use crate::{Ask, Failure, Page, Reply, RequestHead};

/// The request headers that answers of one route vary on, beside those that all do.
#[derive(Default)]
pub(crate) struct Varies {
    /// What the gate answers itself, with those that all do.
    answer: Option<HeaderValue>,
    /// What handlers answer.
    served: Option<HeaderValue>,
}

impl Varies {
    /// `read`: what prices and hooks are made of. `page`: what a page is made of.
    pub(crate) fn on(read: &[HeaderName], page: &[HeaderName], origin: bool) -> Self {
        let of_all = HeaderValue::from_static(VARY_ON);
        let add = |to: Option<HeaderValue>, name: &HeaderName| {
            let before = to.as_ref().and_then(|value| value.to_str().ok());
            let name = HeaderValue::from_name(name.clone());
            Some(merge_list(before, &name))
        };
        let origin = origin.then_some(&ORIGIN);
        let served = read.iter().chain(origin).fold(None, add);
        let answer = read.iter().chain(origin).chain(page).fold(None, add);
        Self {
            answer: answer.map(|added| merge_list(of_all.to_str().ok(), &added)),
            served,
        }
    }
}

impl<G> Shared<G> {
    /// An answer that is not of one route, for who may read it.
    pub(crate) fn readable(&self, mut reply: Reply, head: &dyn RequestHead) -> Reply {
        let Some(cors) = &self.cors else { return reply };
        if cors.varies() {
            let all = [VARY_ON, ORIGIN.as_str()].join(", ");
            reply
                .headers
                .extend(HeaderValue::try_from(all).map(|all| (VARY, all)));
        }
        self.expose(&mut reply, cors.reader(head));
        reply
    }

    fn expose(&self, reply: &mut Reply, reader: Reader) {
        if let (Some(cors), true) = (&self.cors, reader != Reader::Nobody) {
            reply.headers.extend(cors.allow(reader));
            let name = ACCESS_CONTROL_EXPOSE_HEADERS;
            reply.headers.insert(name, EXPOSED);
        }
    }
}

impl<G> Priced<G> {
    /// Puts the answer in the words of the seller, or makes it a page for people.
    pub(crate) fn word(&self, reply: &mut Reply, ask: &Ask, unknown: bool) {
        let said = match reply.about {
            About::Other => None,
            About::Unpaid => {
                if let Some(page) = self.page(reply, ask) {
                    return show(reply, page);
                }
                self.route.wording.unpaid_body(ask)
            }
            About::Unsettled => {
                let failure = || Failure::of(reply, unknown);
                self.route.wording.unsettled_body(ask, failure)
            }
        };
        if let Some((content_type, body)) = said.and_then(|said| said.over(&reply.body)) {
            if let Some(content_type) = content_type {
                reply.headers.insert(CONTENT_TYPE, content_type);
            }
            reply.body = body;
        }
    }

    /// Only for who wants to look at what was not paid for: a page that pays asks anew for
    /// anything, and what came with a payment is answered in the words of its protocol.
    fn page(&self, reply: &Reply, ask: &Ask) -> Option<Page> {
        let paywall = self.paywall.as_ref()?;
        let looks = matches!(&*ask.method, "GET" | "HEAD") && prefers_html(&ask.headers);
        looks.then(|| unharmed(|| paywall.page(ask, reply)))??
    }

    /// Who may read what is answered to this request.
    pub(crate) fn reader(&self, head: &dyn RequestHead) -> Reader {
        let cors = self.shared.cors.as_ref();
        cors.map_or(Reader::Nobody, |cors| cors.reader(head))
    }

    /// Adds what stands on every answer that the gate gives on this route.
    pub(crate) fn complete(&self, reply: &mut Reply, reader: Reader) {
        if let Some(varies) = &self.varies.answer {
            reply.headers.insert(VARY, varies.clone());
        }
        self.shared.expose(reply, reader);
    }

    /// What stands on every response of the handler.
    pub(crate) fn stamped(&self, stamps: &mut Stamps, reader: Reader) {
        let varies = self.varies.served.clone();
        let varies = varies.map(|varies| (VARY, varies));
        let cors = self.shared.cors.iter();
        let allowed = cors.flat_map(|cors| cors.allow(reader));
        stamps.on(&self.receipts, varies.into_iter().chain(allowed));
    }
}

/// Puts the page in the place of the document. What the answer has said already stays said.
fn show(reply: &mut Reply, page: Page) {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    let before = reply.headers.clone();
    for (name, value) in page.headers {
        if !before.contains_key(&name) && !NOT_OF_PAGES.contains(&name) && !RECEIPTS.contains(&name)
        {
            reply.headers.append(name, value);
        }
    }
    reply.headers.insert(CONTENT_TYPE, HTML);
    reply.body = page.html;
}

/// What frames the message, which is the server's to say.
const NOT_OF_PAGES: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];

/// What a page is chosen by.
pub(crate) const CHOOSES: HeaderName = ACCEPT;
