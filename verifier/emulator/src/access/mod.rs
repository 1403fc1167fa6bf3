//! Whether a request is allowed: who makes it, and what the template's policies say.
//!
//! Functions have their role, as far as the template has it; everybody else is an administrator of the account, whom only
//! a queue's policy can deny something. What is denied is denied as by AWS, and the log names what decided.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

mod asked;
mod context;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use verifier_model::iam::{
    Attached, Caller, Decision, Denial, Policies, Policy, Request, ResourceRule, decide,
};
use verifier_model::time::Timestamp;

pub(crate) use self::asked::{Asked, of_other_services, of_sqs};
use self::context::keys;
use crate::stack::{FunctionSpec, RoleSpec};
use crate::template::{ACCOUNT_ID, PARTITION};

/// What policies are kept of queues: a text is read once.
type QueuePolicies = BTreeMap<String, Option<Arc<Attached>>>;

/// The roles of all stacks, and the decisions by them.
pub(crate) struct Access {
    /// Whether anything is denied.
    is_on: bool,
    region: String,
    roles: Mutex<BTreeMap<String, Arc<RoleSpec>>>,
    queue_policies: Mutex<QueuePolicies>,
    /// What was denied, and how often.
    denials: Mutex<BTreeMap<String, u64>>,
}

/// A request that is not allowed.
pub(crate) struct Denied {
    /// AWS's sentence.
    pub(crate) sentence: String,
}

/// How many denials are told apart.
const DENIALS_MAX: usize = 100;
/// The most texts of policies that are kept.
const QUEUE_POLICIES_MAX: usize = 1_000;

impl Access {
    pub(crate) fn new(is_on: bool, region: &str) -> Self {
        Self {
            is_on,
            region: region.to_owned(),
            roles: Mutex::default(),
            queue_policies: Mutex::default(),
            denials: Mutex::default(),
        }
    }

    /// What was denied, with what decided it, and how often.
    pub(crate) fn denials(&self) -> Vec<(String, u64)> {
        lock(&self.denials).iter().map(|(denial, times)| (denial.clone(), *times)).collect()
    }

    pub(crate) fn note(&self, denial: String) {
        tracing::warn!("denied: {denial}");
        let mut denials = lock(&self.denials);
        if denials.len() < DENIALS_MAX || denials.contains_key(&denial) {
            *denials.entry(denial).or_default() += 1;
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn add(&self, roles: &[RoleSpec]) {
        let all = roles.iter().map(|role| (role.arn.clone(), Arc::new(role.clone())));
        lock(&self.roles).extend(all);
    }

    pub(crate) fn remove(&self, roles: &[RoleSpec]) {
        lock(&self.roles).retain(|arn, _| roles.iter().all(|gone| gone.arn != *arn));
    }

    /// The role of a function, where it is known and decides anything.
    pub(crate) fn role(&self, function: &FunctionSpec) -> Option<Arc<RoleSpec>> {
        if self.is_on { lock(&self.roles).get(&function.role).cloned() } else { None }
    }

    /// Decides about what a function asks for, or an administrator where there is none.
    pub(crate) fn decide(
        &self,
        function: Option<(&FunctionSpec, &RoleSpec)>,
        asked: &Asked,
        queue_policy: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let of_queue = queue_policy.and_then(|text| self.queue_policy(text));
        let (identity, boundary) = match function {
            Some((_, role)) => (role.identity.as_slice(), role.boundary.as_ref()),
            None => (&[][..], None),
        };
        let caller =
            function.map_or_else(administrator, |(function, role)| session(function, role));
        let request = Request {
            keys: keys(&caller, function.map(|(function, _)| function), &self.region, now),
            caller,
            action: asked.action.clone(),
            resource: asked.resource.clone(),
        };
        let policies = Policies {
            identity,
            boundary,
            session: None,
            resource: of_queue.as_deref(),
            resource_account: ACCOUNT_ID,
            rule: ResourceRule::Either,
        };
        match decide(&request, &policies) {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(denial) => {
                let sentence = denial.sentence(&request, &asked.written);
                let by = match &denial {
                    Denial::Explicit(statement) => statement.to_string(),
                    Denial::Implicit(_) => match function {
                        Some((_, role)) => {
                            format!("no statement of the role {} allows it", role.logical_id)
                        }
                        None => "no statement allows it".to_owned(),
                    },
                };
                self.note(format!("{sentence} ({by})"));
                Err(Denied { sentence })
            }
        }
    }

    /// Whether a function's role lets Lambda write its log stream, and say so to a group that is not there yet.
    pub(crate) fn may_log(
        &self,
        function: &FunctionSpec,
        stream: &str,
        has_group: bool,
        now: Timestamp,
    ) -> bool {
        let Some(role) = self.role(function) else { return true };
        let group = format!(
            "arn:{PARTITION}:logs:{}:{ACCOUNT_ID}:log-group:{}",
            self.region, function.log_group
        );
        let asks = |action: &str, resource: String| {
            self.decide(Some((function, &role)), &Asked::new("logs", action, resource), None, now)
                .is_ok()
        };
        let of_stream = format!("{group}:log-stream:{stream}");
        (has_group || asks("CreateLogGroup", format!("{group}:log-stream:")))
            && asks("CreateLogStream", of_stream.clone())
            && asks("PutLogEvents", of_stream)
    }

    /// Whether Lambda may assume a function's role.
    pub(crate) fn may_be_assumed(&self, role: &RoleSpec, now: Timestamp) -> bool {
        let Some(trust) = &role.trust else { return true };
        let caller = Caller::Service("lambda.amazonaws.com".to_owned());
        let request = Request {
            keys: keys(&caller, None, &self.region, now),
            caller,
            action: "sts:AssumeRole".to_owned(),
            resource: role.arn.clone(),
        };
        let policies = Policies {
            identity: &[],
            boundary: None,
            session: None,
            resource: Some(trust),
            resource_account: ACCOUNT_ID,
            rule: ResourceRule::Resource,
        };
        matches!(decide(&request, &policies), Decision::Allowed(_))
    }

    fn queue_policy(&self, text: &str) -> Option<Arc<Attached>> {
        let mut policies = lock(&self.queue_policies);
        if let Some(known) = policies.get(text) {
            return known.clone();
        }
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let policy = Policy::of_resource(&document);
        if let Err(error) = &policy {
            tracing::warn!("a queue's policy is not looked at: {error}");
        }
        let policy = policy
            .ok()
            .map(|policy| Arc::new(Attached { name: "policy of the queue".to_owned(), policy }));
        if policies.len() >= QUEUE_POLICIES_MAX {
            policies.clear();
        }
        policies.insert(text.to_owned(), policy.clone());
        policy
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who everybody is that is no function: the root user, as `GetCallerIdentity` answers, whom policies of its own cannot limit.
fn administrator() -> Caller {
    Caller::Root(ACCOUNT_ID.to_owned())
}

fn session(function: &FunctionSpec, role: &RoleSpec) -> Caller {
    let name = role.arn.rsplit('/').next().unwrap_or_default();
    let session =
        format!("arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{name}/{}", function.name);
    Caller::Session { role: role.arn.clone(), session }
}
