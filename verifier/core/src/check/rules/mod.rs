//! The rules, one per file.

pub mod api_cors;
pub mod api_hello;
pub mod api_reject;
pub mod cfg_access;
pub mod cfg_alarm;
pub mod cfg_consumer;
pub mod cfg_encryption;
pub mod cfg_experiment;
pub mod cfg_logs;
pub mod cfg_receives;
pub mod cfg_redrive;
pub mod cfg_retention;
pub mod cfg_tls;
pub mod cfg_visibility;
pub mod clean_leftovers;
pub mod dlq_arrival;
pub mod dlq_attempts;
pub mod dlq_others;
pub mod job_accept;
pub mod job_isolation;
pub mod job_success;
pub mod stack_owns;
pub mod stack_ready;
pub mod web_config;
pub mod web_page;
