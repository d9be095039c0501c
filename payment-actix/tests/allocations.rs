//! What the gate allocates on requests behind actix-web, beside the same app without it. A binary
//! of its own, whose allocator counts by thread: tests beside each other don't mix.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::pin::pin;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::middleware::{Condition, Identity};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, web};
use payment_actix::{GateExt, PaymentMiddleware};
use payment_core::{Gate, RouteTable, usd};
use scenarios::Frugal;

fn main() {}
