//! What a stack's roles allow, and what of it a run used.

use std::collections::{BTreeMap, BTreeSet};

use verifier_model::iam::Grant;

/// What a role of the stack allows, and what was asked with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleGrants {
    /// The role, by its logical id.
    pub role: String,
    /// What its policies grant, in their order.
    pub granted: Vec<Grant>,
    /// What of that requests were allowed by.
    pub used: BTreeSet<Grant>,
    /// What was denied to it, by action: the first time in AWS's words, and how often.
    pub denied: BTreeMap<String, (String, u64)>,
}

/// What is known of a stack's roles at the end of a run.
#[derive(Clone, Copy, Debug)]
pub struct Roles<'a> {
    /// The roles of the stack; `None` where the endpoint does not tell what they are used for.
    pub all: Option<&'a [RoleGrants]>,
    /// How many jobs the run sent: without any, the roles were hardly used.
    pub jobs: usize,
}

impl RoleGrants {
    /// Whether anything was asked for with it that it allows.
    pub fn is_used(&self) -> bool {
        !self.used.is_empty()
    }

    /// What it grants and nothing used, in the order of its policies.
    pub fn unused(&self) -> impl Iterator<Item = &Grant> {
        self.granted.iter().filter(|grant| !self.used.contains(grant))
    }
}
