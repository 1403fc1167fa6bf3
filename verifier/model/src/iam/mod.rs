//! How AWS decides whether a request is allowed: policies, what applies to a request, and the decision.
//!
//! Everything a policy holds is checked when it is read, so that a condition which AWS would refuse, or an operator that is
//! misspelled, is an error which names it instead of a statement that never takes effect.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html> and the pages of
//! each element below
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>.

mod condition;
mod decision;
mod error;
mod grants;
mod keys;
mod operator;
mod pattern;
mod policy;
mod principal;
mod request;
mod value;

pub use self::decision::{
    Attached, Decision, Denial, Granted, Policies, PolicyKind, ResourceRule, decide,
};
pub use self::error::PolicyError;
pub use self::grants::{Grant, granting, grants};
pub use self::policy::{Effect, Policy};
pub use self::request::{Caller, Keys, Request};
