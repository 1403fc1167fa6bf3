//! Lambda: execution environments with the real binaries, and event source mappings.

mod environment;
mod functions;
mod mapping;
mod output;
mod process_group;
mod runtime_api;

pub(crate) use environment::FUNCTION_ACCESS_KEY_ID;
pub(crate) use functions::Functions;
pub(crate) use mapping::run_mapping;
pub(crate) use process_group::ProcessGroup;
