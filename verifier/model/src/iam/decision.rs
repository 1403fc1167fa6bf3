//! Whether a request is allowed, and what says so.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>,
//! and for the sentences
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use std::fmt;

use super::policy::{Effect, Policy, Statement};
use super::principal::Named;
use super::request::{Caller, Request};

/// What kind of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// One of the caller's own.
    Identity,
    /// The most that those of the caller may allow.
    Boundary,
    /// The most that a session may do.
    Session,
    /// That of the resource.
    Resource,
}

/// A policy that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// What it is called, as errors name it.
    pub name: String,
    /// What it says.
    pub policy: Policy,
}

/// Whose word is needed within one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceRule {
    /// Either the caller's policies allow a request, or the resource's: for most resources.
    Either,
    /// The resource's has to allow it: for keys of KMS, and for who may assume a role.
    Resource,
}

/// The policies that apply to a request.
#[derive(Clone, Copy, Debug)]
pub struct Policies<'a> {
    /// Those of the caller.
    pub identity: &'a [Attached],
    /// The caller's permissions boundary, where it has one.
    pub boundary: Option<&'a Attached>,
    /// The session's policies, where it has any.
    pub session: Option<&'a [Attached]>,
    /// The resource's, where it has one.
    pub resource: Option<&'a Attached>,
    /// The account that the resource belongs to.
    pub resource_account: &'a str,
    /// Whose word is needed.
    pub rule: ResourceRule,
}

/// A statement, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The policy's kind.
    pub kind: PolicyKind,
    /// The policy's name.
    pub policy: String,
    /// The statement's `Sid`, or its place.
    pub statement: String,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request is allowed, by that statement; by none where the caller is the root of the account.
    Allowed(Option<Granted>),
    /// It is denied.
    Denied(Denial),
}

/// Why a request is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit(Granted),
    /// No policy of that kind allows it.
    Implicit(PolicyKind),
}

/// Decides about a request.
pub fn decide(request: &Request, policies: &Policies<'_>) -> Decision {
    let denied = policies.all().find_map(|(kind, attached)| {
        let denies =
            |each: &&Statement| each.effect == Effect::Deny && each.is_about(request).is_some();
        let statement = attached.policy.statements().iter().find(denies)?;
        Some(Granted::new(kind, attached, statement))
    });
    if let Some(denied) = denied {
        return Decision::Denied(Denial::Explicit(denied));
    }
    match policies.allowed(request) {
        Ok(granted) => Decision::Allowed(granted),
        Err(kind) => Decision::Denied(Denial::Implicit(kind)),
    }
}

impl Granted {
    fn new(kind: PolicyKind, attached: &Attached, statement: &Statement) -> Self {
        Self { kind, policy: attached.name.clone(), statement: statement.name.clone() }
    }
}

impl<'a> Policies<'a> {
    fn all(&self) -> impl Iterator<Item = (PolicyKind, &'a Attached)> {
        let of = |kind: PolicyKind, policies: &'a [Attached]| {
            policies.iter().map(move |each| (kind, each))
        };
        of(PolicyKind::Identity, self.identity)
            .chain(self.boundary.map(|each| (PolicyKind::Boundary, each)))
            .chain(of(PolicyKind::Session, self.session.unwrap_or_default()))
            .chain(self.resource.map(|each| (PolicyKind::Resource, each)))
    }

    /// What allows a request that nothing denies, or the kind of policy that would have to.
    fn allowed(&self, request: &Request) -> Result<Option<Granted>, PolicyKind> {
        let account = match &request.caller {
            Caller::Anonymous | Caller::Service(_) => {
                let (_, granted) = self.by_resource(request).ok_or(PolicyKind::Resource)?;
                return Ok(Some(granted));
            }
            caller => caller.account(),
        };
        let is_same_account = account == Some(self.resource_account);
        let by_resource = self.by_resource(request);
        match by_resource {
            None if !is_same_account => {
                self.by_caller(request)?;
                Err(PolicyKind::Resource)
            }
            Some((Named::Itself, granted)) if is_same_account => Ok(Some(granted)),
            Some((Named::ByRole, granted)) if is_same_account => {
                self.limits(request)?;
                Ok(Some(granted))
            }
            None if self.rule == ResourceRule::Resource => Err(PolicyKind::Resource),
            // The account is named, which leaves it to its own policies; or another account's are needed, too.
            _ => self.by_caller(request),
        }
    }

    /// What the resource's policy allows the caller, most directly.
    fn by_resource(&self, request: &Request) -> Option<(Named, Granted)> {
        let attached = self.resource?;
        let allowing =
            attached.policy.statements().iter().filter(|each| each.effect == Effect::Allow);
        let about = allowing.filter_map(|each| Some((each.is_about(request)?, each)));
        let (named, statement) = about.max_by_key(|(named, _)| *named)?;
        Some((named, Granted::new(PolicyKind::Resource, attached, statement)))
    }

    fn by_caller(&self, request: &Request) -> Result<Option<Granted>, PolicyKind> {
        if matches!(request.caller, Caller::Root(_)) {
            return Ok(None);
        }
        let granted = allowing(request, PolicyKind::Identity, self.identity)?;
        self.limits(request)?;
        Ok(Some(granted))
    }

    /// Whether the caller's boundary and its session let a request pass.
    fn limits(&self, request: &Request) -> Result<(), PolicyKind> {
        if let Some(boundary) = self.boundary {
            allowing(request, PolicyKind::Boundary, std::slice::from_ref(boundary))?;
        }
        if let Some(session) = self.session {
            allowing(request, PolicyKind::Session, session)?;
        }
        Ok(())
    }
}

fn allowing(
    request: &Request,
    kind: PolicyKind,
    policies: &[Attached],
) -> Result<Granted, PolicyKind> {
    let allows =
        |each: &&Statement| each.effect == Effect::Allow && each.is_about(request).is_some();
    let found = policies.iter().find_map(|attached| {
        let statement = attached.policy.statements().iter().find(allows)?;
        Some(Granted::new(kind, attached, statement))
    });
    found.ok_or(kind)
}

impl PolicyKind {
    /// What AWS calls it in an error, without its article.
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
        }
    }
}

impl Denial {
    /// AWS's sentence, for an action written as its service writes it.
    pub fn sentence(&self, request: &Request, action: &str) -> String {
        let caller = request.caller.shown();
        let resource = &request.resource;
        let why = match self {
            Self::Explicit(granted) => {
                let article = if granted.kind == PolicyKind::Identity { "an" } else { "a" };
                format!("with an explicit deny in {article} {}", granted.kind.name())
            }
            Self::Implicit(kind) => {
                format!("because no {} allows the {action} action", kind.name())
            }
        };
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
        )
    }
}

/// The statement by name, for the log of who answers.
impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the {} {}", self.statement, self.kind.name(), self.policy)
    }
}
