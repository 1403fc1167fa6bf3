//! The vocabulary that the Lambdas and the verifier share.
//!
//! `POST /jobs` takes a [`Job`] and answers a [`SubmitResponse`] or an [`ApiError`]; `GET /hello` answers a
//! [`HelloResponse`]; the worker writes one [`OutcomeLine`] per received message. Both sides of each of these
//! conversations compile against this crate, so they cannot drift apart.

mod api;
mod directives;
mod job;
mod outcome;

pub use api::{ApiError, ApiErrorDetail, ErrorCode, HelloResponse, SubmitResponse};
pub use directives::{DIRECTIVES, Directives, ExitAt};
pub use job::{ID_MAX_CHARS, Job, TASK_MAX_CHARS};
pub use outcome::{OUTCOME_EVENT, Outcome, OutcomeLine};
