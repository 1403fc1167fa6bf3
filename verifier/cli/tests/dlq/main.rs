//! `verifier dlq`, against a stack that stays up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod files;
mod looking;
mod overview;
mod queues;
#[path = "../support/mod.rs"]
mod support;
mod watching;
