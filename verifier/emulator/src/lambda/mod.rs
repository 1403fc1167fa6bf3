//! Lambda: execution environments with the real binaries, and event source mappings.

mod account;
mod ending;
mod environment;
mod environment_context;
mod functions;
mod interpreters;
mod launch;
mod log;
mod mapping;
mod mapping_context;
mod mappings;
mod measure;
mod metrics;
mod output;
mod pool;
mod process_group;
mod runtime_api;

pub(crate) use environment::is_of_function;
pub(crate) use environment_context::EnvironmentContext;
pub use functions::Unstartable;
pub(crate) use functions::{FunctionConfiguration, Functions, Invocation, Invoked};
pub(crate) use interpreters::{Interpreters, name_of};
pub(crate) use launch::Launch;
pub(crate) use mappings::Mappings;
pub use measure::{FunctionStart, measure_function};
pub(crate) use process_group::ProcessGroups;
pub(crate) use runtime_api::PAYLOAD_BYTES_MAX as SYNCHRONOUS_BYTES_MAX;
