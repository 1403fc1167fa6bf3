//! What the roles' grants were used for.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use verifier_model::iam::{Grant, Request, granting, grants};

use crate::stack::RoleSpec;

/// A role, with what its policies grant, and what was asked with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrants {
    /// Its logical id.
    pub role: String,
    /// What its policies grant, in their order.
    pub granted: Vec<Grant>,
    /// What of that requests were allowed by.
    pub used: BTreeSet<Grant>,
    /// What was denied to it, by action.
    pub denied: BTreeMap<String, Refused>,
}

/// What was denied to a role of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// AWS's sentence of the first time, and what decided it.
    pub sentence: String,
    /// How often.
    pub times: u64,
}

/// How many requests are told apart before they are looked at anew: each sandbox writes to a log stream of its own.
const REQUESTS_MAX: usize = 10_000;

/// What requests were allowed by, of each role by its ARN.
#[derive(Default)]
pub(super) struct Uses(Mutex<Used>);

#[derive(Default)]
struct Used {
    /// Requests that were looked at: role, action and resource. Their conditions are taken for the same.
    seen: HashSet<(String, String, String)>,
    used: BTreeMap<String, BTreeSet<Grant>>,
    denied: BTreeMap<String, BTreeMap<String, Refused>>,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that was allowed to a role.
    pub(super) fn note(&self, role: &RoleSpec, request: &Request) {
        let mut noted = self.lock();
        let key = (role.arn.clone(), request.action.clone(), request.resource.clone());
        if noted.seen.contains(&key) {
            return;
        }
        if noted.seen.len() >= REQUESTS_MAX {
            noted.seen.clear();
        }
        noted.seen.insert(key);
        noted.used.entry(role.arn.clone()).or_default().extend(granting(&role.identity, request));
    }

    /// Notes that an action was denied to a role.
    pub(super) fn deny(&self, role: &RoleSpec, action: &str, sentence: &str) {
        let mut noted = self.lock();
        let of_role = noted.denied.entry(role.arn.clone()).or_default();
        let refused = of_role.entry(action.to_owned()).or_default();
        if refused.times == 0 {
            sentence.clone_into(&mut refused.sentence);
        }
        refused.times += 1;
    }

    /// What a role grants, and what of that was used.
    pub(super) fn of(&self, role: &RoleSpec) -> RoleGrants {
        let noted = self.lock();
        RoleGrants {
            role: role.logical_id.clone(),
            granted: grants(&role.identity),
            used: noted.used.get(&role.arn).cloned().unwrap_or_default(),
            denied: noted.denied.get(&role.arn).cloned().unwrap_or_default(),
        }
    }
}
