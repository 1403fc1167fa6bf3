//! How fast an endpoint of SQS is, and what a queue full of messages costs the emulator.
//!
//! Client and server share the machine, so the figures say how they compare, not what either could do alone. What the
//! SDK costs by itself is measured against a connector that answers without a network, and what the server gives to a
//! client that costs next to nothing against plain HTTP.

mod canned;
mod full;
mod functions;
mod plain;
mod rates;

pub use full::{Full, fill};
pub use functions::{Function, Program, Starts, functions, measure_starts, native, node};
pub use rates::{Rates, Volume, measure_plain, measure_sdk, measure_sdk_alone};

/// Why nothing could be measured.
type Failed = Box<dyn std::error::Error + Send + Sync>;
