//! The model of CloudWatch Logs that the emulator needs: which events a filter pattern selects.

mod filter_pattern;

pub use filter_pattern::{FilterPattern, FilterPatternError};
