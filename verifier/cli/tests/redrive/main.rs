//! `verifier redrive`, as a process, against an emulator in another one: nothing is lost, whatever happens.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions only"
)]

mod asking;
mod events;
mod faults;
mod inference;
mod kill;
mod kill_kinds;
mod limits;
mod moto;
mod night;
mod ramp;
mod reach;
mod rows;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod undo;
mod world;
