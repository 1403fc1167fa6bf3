//! Whether a request is allowed: who makes it, and what the template's policies say.
//!
//! Functions have their role, as far as the template has it; everybody else is an administrator of the account, whom only
//! a queue's policy can deny something, or whoever the emulator was told that they are. What is denied is denied as by AWS, and the log names what decided.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

mod asked;
mod context;
mod uses;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use verifier_model::iam::{
    Attached, Caller, Decision, Denial, Keys, Policies, Policy, Request, ResourceRule, decide,
};
use verifier_model::time::Timestamp;

pub(crate) use self::asked::Asked;
use self::context::keys;
use self::uses::Uses;
pub use self::uses::{Refused, RoleGrants};
use crate::stack::{FunctionSpec, Organization, RoleSpec, as_own};
use crate::template::{ACCOUNT_ID, PARTITION};

/// What policies are kept of queues: a text is read once.
type QueuePolicies = BTreeMap<String, Option<Arc<Attached>>>;

/// The roles of all stacks, and the decisions by them.
pub(crate) struct Access {
    /// Whether anything is denied.
    is_on: bool,
    region: String,
    /// What the account is in, as far as the stack says that it was started with.
    organization: Mutex<Arc<Organization>>,
    roles: Mutex<BTreeMap<String, Arc<RoleSpec>>>,
    queue_policies: Mutex<QueuePolicies>,
    /// Who everybody is that is no function, where that is no administrator.
    callers: Mutex<Option<Principal>>,
    /// What was denied, and how often.
    denials: Mutex<BTreeMap<String, u64>>,
    uses: Uses,
}

/// Who asks: a function, or everybody else under a policy or a role.
#[derive(Clone)]
pub(crate) struct Principal {
    role: Arc<RoleSpec>,
    of: Holder,
}

/// Who has a role.
#[derive(Clone)]
enum Holder {
    Function(Arc<FunctionSpec>),
    /// What reads queues for a function.
    Poller,
    /// Whoever is no function.
    Caller,
}

impl Principal {
    fn function(&self) -> Option<&FunctionSpec> {
        match &self.of {
            Holder::Function(function) => Some(function),
            Holder::Poller | Holder::Caller => None,
        }
    }

    /// Whether it is the stack that asks, and not its user.
    fn is_of_stack(&self) -> bool {
        !matches!(self.of, Holder::Caller)
    }

    fn caller(&self) -> Caller {
        let RoleSpec { arn, .. } = self.role.as_ref();
        let name = arn.rsplit('/').next().unwrap_or_default();
        let session = self.function().map_or("verifier", |function| &function.name);
        let session = format!("arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{name}/{session}");
        Caller::Session { role: arn.clone(), session }
    }
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
            organization: Mutex::default(),
            roles: Mutex::default(),
            queue_policies: Mutex::default(),
            callers: Mutex::default(),
            denials: Mutex::default(),
            uses: Uses::default(),
        }
    }

    /// From now on, everybody who is no function may do what a policy allows.
    pub(crate) fn limit_callers(&self, policy: Policy) {
        let name = "caller";
        let role = RoleSpec {
            logical_id: name.to_owned(),
            arn: format!("arn:{PARTITION}:iam::{ACCOUNT_ID}:role/{name}"),
            trust: None,
            tags: BTreeMap::new(),
            identity: vec![Attached { name: name.to_owned(), policy }],
            boundary: None,
        };
        *lock(&self.callers) = Some(Principal { role: Arc::new(role), of: Holder::Caller });
    }

    /// From now on, everybody who is no function has a role, by its logical id, name or ARN; the logical ids of those that
    /// there are where it is none of them.
    pub(crate) fn give_callers(&self, name: &str) -> Result<(), Vec<String>> {
        let roles = lock(&self.roles);
        let is_it = |role: &&Arc<RoleSpec>| {
            role.logical_id == name || role.arn == name || role.arn.rsplit('/').next() == Some(name)
        };
        let Some(role) = roles.values().find(is_it) else {
            return Err(roles.values().map(|role| role.logical_id.clone()).collect());
        };
        *lock(&self.callers) = Some(Principal { role: role.clone(), of: Holder::Caller });
        Ok(())
    }

    /// A function, where its role is known and decides anything.
    pub(crate) fn function(&self, function: Arc<FunctionSpec>) -> Option<Principal> {
        let role = self.role(&function)?;
        Some(Principal { role, of: Holder::Function(function) })
    }

    /// What reads queues for a function, with its role: no function itself.
    pub(crate) fn poller(&self, function: &FunctionSpec) -> Option<Principal> {
        Some(Principal { role: self.role(function)?, of: Holder::Poller })
    }

    /// Who is no function, where that is no administrator.
    pub(crate) fn callers(&self) -> Option<Principal> {
        if self.is_on { lock(&self.callers).clone() } else { None }
    }

    /// What was denied, with what decided it, and how often.
    pub(crate) fn denials(&self) -> Vec<(String, u64)> {
        lock(&self.denials).iter().map(|(denial, times)| (denial.clone(), *times)).collect()
    }

    /// The roles of all stacks, with what their policies grant and what of that was used.
    pub(crate) fn grants(&self) -> Vec<RoleGrants> {
        let roles = lock(&self.roles);
        roles.values().map(|role| self.uses.of(role)).collect()
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

    /// From now on the account is in the organisation that a stack's policies name, unless it is in one.
    pub(crate) fn join(&self, organization: &Organization) {
        let mut own = lock(&self.organization);
        if own.id().is_none() {
            *own = Arc::new(organization.clone());
        }
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

    /// Decides about what is asked for: by somebody, or by an administrator where there is none.
    pub(crate) fn decide(
        &self,
        by: Option<&Principal>,
        asked: &Asked,
        queue_policy: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let of_queue = queue_policy.and_then(|text| self.queue_policy(text));
        let (identity, boundary) = by
            .map_or((&[][..], None), |by| (by.role.identity.as_slice(), by.role.boundary.as_ref()));
        let caller = by.map_or_else(administrator, Principal::caller);
        let function = by.and_then(Principal::function);
        let organization = lock(&self.organization).clone();
        let of_caller = keys(&caller, function, (&self.region, &organization), now);
        let of_role = by.iter().flat_map(|by| &by.role.tags);
        let of_caller = of_role.fold(of_caller, |keys, (tag, value)| {
            keys.with(&format!("aws:PrincipalTag/{tag}"), value)
        });
        let with = |keys: Keys, (name, value): &(String, String)| keys.with(name, value);
        let request = Request {
            keys: asked.keys.iter().fold(of_caller, with),
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
        let of_stack = by.filter(|by| by.is_of_stack());
        match decide(&request, &policies) {
            Decision::Allowed(_) => {
                if let Some(by) = of_stack {
                    self.uses.note(&by.role, &request);
                }
                Ok(())
            }
            Decision::Denied(denial) => {
                let sentence = denial.sentence(&request, &asked.written);
                let told = format!("{sentence} ({})", decided_by(&denial, by));
                if let Some(by) = of_stack {
                    self.uses.deny(&by.role, &asked.action, &told);
                }
                self.note(told);
                Err(Denied { sentence })
            }
        }
    }

    /// Whether a function's role lets Lambda write its log stream, and make the group where it is not there yet.
    pub(crate) fn may_log(
        &self,
        function: &Arc<FunctionSpec>,
        stream: &str,
        has_group: bool,
        now: Timestamp,
    ) -> bool {
        let Some(by) = self.function(function.clone()) else { return true };
        let group = format!(
            "arn:{PARTITION}:logs:{}:{ACCOUNT_ID}:log-group:{}",
            self.region, function.log_group
        );
        let asks = |action: &str, resource: String| {
            self.decide(Some(&by), &Asked::new("logs", action, resource), None, now).is_ok()
        };
        let of_stream = format!("{group}:log-stream:{stream}");
        (has_group || asks("CreateLogGroup", format!("{group}:log-stream:")))
            && asks("CreateLogStream", of_stream.clone())
            && asks("PutLogEvents", of_stream)
    }

    /// Whether Lambda may assume a function's role.
    pub(crate) fn may_be_assumed(
        &self,
        role: &RoleSpec,
        function: &FunctionSpec,
        now: Timestamp,
    ) -> bool {
        let Some(trust) = &role.trust else { return true };
        let caller = Caller::Service("lambda.amazonaws.com".to_owned());
        // By these a trust policy names the functions that it is for:
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>.
        let organization = lock(&self.organization).clone();
        let of_function = keys(&caller, None, (&self.region, &organization), now)
            .with("aws:SourceAccount", ACCOUNT_ID)
            .with("aws:SourceArn", &function.arn);
        let request = Request {
            keys: of_function,
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
        let policy = Policy::of_resource(&as_own(&document, &self.region));
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

/// What has denied a request.
fn decided_by(denial: &Denial, by: Option<&Principal>) -> String {
    match (denial, by) {
        (Denial::Explicit(statement), _) => statement.to_string(),
        (Denial::Implicit(_), Some(by)) => {
            format!("no statement of the role {} allows it", by.role.logical_id)
        }
        (Denial::Implicit(_), None) => "no statement allows it".to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who everybody is that is no function: the root user, as `GetCallerIdentity` answers, whom policies of its own cannot limit.
fn administrator() -> Caller {
    Caller::Root(ACCOUNT_ID.to_owned())
}
