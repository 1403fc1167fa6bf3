//! The rules, one per file.

pub mod api_hello;
pub mod cfg_consumer;
pub mod cfg_redrive;
pub mod cfg_visibility;
pub mod clean_residue;
pub mod dlq_arrival;
pub mod dlq_attempts;
pub mod job_accept;
pub mod job_success;
pub mod stack_owns;
pub mod stack_ready;
