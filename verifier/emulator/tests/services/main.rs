//! The emulator's services, as their clients see them.
//!
//! They are one program: each would bring the whole of the AWS SDK with it, and be linked with that alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod broken_functions;
mod cloudformation;
mod cloudwatch;
mod dead_letters;
mod entrances;
mod exhaustion;
mod faults;
mod http_api;
mod iam;
mod logs;
mod malformed;
mod misbehaviour;
mod own_code;
mod perimeter;
mod refused;
mod s3;
