//! A policy, read from its document.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::condition::{self, Condition};
use super::error::PolicyError;
use super::pattern::{Meaning, Pattern};
use super::principal::{self, Named, Principal, excepts};
use super::request::{Keys, Request};
use super::value::texts;

/// The elements that a statement may have.
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// What a statement does to the requests that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It allows them.
    Allow,
    /// It denies them, whatever allows them.
    Deny,
}

/// Where a policy stands, which says what its statements have to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// At an identity: no principals, and resources.
    Identity,
    /// At a resource: principals and resources.
    Resource,
    /// At a role, whose assumption it is about: principals, and no resources.
    Role,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    /// Its `Sid`, or its place in the policy.
    pub(super) name: String,
    pub(super) effect: Effect,
    principals: Whom,
    actions: Choice,
    /// None in a role's trust policy, which is about that role.
    resources: Option<Choice>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
enum Whom {
    /// The identity that the policy is attached to.
    Holder,
    These(Vec<Principal>),
    AllBut(Vec<Principal>),
}

/// Patterns of which one has to match, or none.
#[derive(Clone, Debug, PartialEq)]
struct Choice {
    patterns: Vec<Pattern>,
    is_negated: bool,
}

impl Policy {
    /// Reads a policy of an identity, a boundary, or of a session.
    ///
    /// # Errors
    ///
    /// Names the first place that AWS would refuse, or that is not known here.
    pub fn of_identity(document: &Value) -> Result<Self, PolicyError> {
        Self::read(document, Stands::Identity)
    }

    /// Reads a policy of a resource, such as a queue.
    ///
    /// # Errors
    ///
    /// As for `of_identity`.
    pub fn of_resource(document: &Value) -> Result<Self, PolicyError> {
        Self::read(document, Stands::Resource)
    }

    /// Reads the policy of a role that says who may assume it.
    ///
    /// # Errors
    ///
    /// As for `of_identity`.
    pub fn of_trust(document: &Value) -> Result<Self, PolicyError> {
        Self::read(document, Stands::Role)
    }

    /// The keys that its conditions read, each as often as it is read.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|each| &each.conditions).map(Condition::key)
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn read(document: &Value, stands: Stands) -> Result<Self, PolicyError> {
        let Some(policy) = document.as_object() else {
            return Err(PolicyError::new("the policy", "has to be an object"));
        };
        if let Some(unknown) = unknown(policy, &["Version", "Id", "Statement"]) {
            return Err(PolicyError::new(unknown, "is no element of a policy"));
        }
        let variables = match policy.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            Some(_) => {
                return Err(PolicyError::new(
                    "Version",
                    "has to be \"2012-10-17\" or \"2008-10-17\"",
                ));
            }
        };
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement) => vec![statement],
            None => return Err(PolicyError::new("Statement", "is missing")),
        };
        if stands != Stands::Resource {
            check_sids(&statements)?;
        }
        let read = |(index, value)| Statement::read(value, index, variables, stands);
        let statements = statements.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }
}

/// What IAM asks of the ids of statements. Services whose resources have policies may ask for less.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>.
fn check_sids(statements: &[&Value]) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for (index, statement) in statements.iter().enumerate() {
        let Some(sid) = statement.get("Sid").and_then(Value::as_str) else { continue };
        let refused =
            |problem| Err(PolicyError::new(format!("Statement[{index}].Sid {sid:?}"), problem));
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return refused("Statement IDs (SID) must be alpha-numeric");
        }
        if !sid.is_empty() && !seen.insert(sid) {
            return refused("Statement IDs (SID) in a single policy must be unique");
        }
    }
    Ok(())
}

impl Statement {
    fn read(
        value: &Value,
        index: usize,
        variables: bool,
        stands: Stands,
    ) -> Result<Self, PolicyError> {
        let place = format!("Statement[{index}]");
        let Some(statement) = value.as_object() else {
            return Err(PolicyError::new(place, "has to be an object"));
        };
        if let Some(unknown) = unknown(statement, &ELEMENTS) {
            return Err(PolicyError::new(
                format!("{place}.{unknown}"),
                "is no element of a statement",
            ));
        }
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => {
                return Err(PolicyError::new(
                    format!("{place}.Effect"),
                    "has to be \"Allow\" or \"Deny\"",
                ));
            }
        };
        let meaning = Meaning { wildcards: true, variables: false };
        let actions = choice(statement, ["Action", "NotAction"], meaning, &place)?
            .ok_or_else(|| PolicyError::new(&place, "has neither Action nor NotAction"))?;
        let conditions = statement.get("Condition").map_or(Ok(Vec::new()), |value| {
            condition::read(value, variables, &format!("{place}.Condition"))
        })?;
        let sid = statement.get("Sid").and_then(Value::as_str);
        Ok(Self {
            name: sid.map_or_else(|| format!("statement {}", index + 1), str::to_owned),
            effect,
            principals: whom(statement, stands, &place)?,
            actions,
            resources: resources(statement, variables, stands, &place)?,
            conditions,
        })
    }

    /// How directly a request is what it is about; none where it is not.
    pub(super) fn is_about(&self, request: &Request) -> Option<Named> {
        let Request { caller, action, resource, keys } = request;
        let named = match &self.principals {
            Whom::Holder => Some(Named::Itself),
            Whom::These(these) => these.iter().filter_map(|each| each.names(caller)).max(),
            Whom::AllBut(these) => (!excepts(these, caller)).then_some(Named::Itself),
        }?;
        let is_met = self.actions.has(|pattern| pattern.matches_ignoring_case(action, keys))
            && self.resources.as_ref().is_none_or(|resources| resources.is_of(resource, keys))
            && self.conditions.iter().all(|condition| condition.is_met(keys));
        is_met.then_some(named)
    }

    /// Its actions and its resources as they are written. A role's trust policy has no resources.
    pub(super) fn written(&self) -> (Vec<String>, Vec<String>) {
        let resources = self.resources.as_ref().map_or_else(Vec::new, |all| all.written(|_| true));
        (self.actions.written(|_| true), resources)
    }

    /// Those of them that stand for what a request is about.
    pub(super) fn matching(&self, request: &Request) -> (Vec<String>, Vec<String>) {
        let Request { action, resource, keys, .. } = request;
        let is_of = |pattern: &Pattern| pattern.matches(resource, keys);
        let resources = self.resources.as_ref().map_or_else(Vec::new, |all| all.written(is_of));
        (self.actions.written(|pattern| pattern.matches_ignoring_case(action, keys)), resources)
    }
}

impl Choice {
    /// The patterns that are asked for, each as it is written; as one what is written by what it excepts.
    fn written(&self, is_asked: impl Fn(&Pattern) -> bool) -> Vec<String> {
        if self.is_negated {
            let excepted: Vec<String> = self.patterns.iter().map(Pattern::to_string).collect();
            return vec![format!("all but {}", excepted.join(", "))];
        }
        self.patterns.iter().filter(|each| is_asked(each)).map(Pattern::to_string).collect()
    }

    fn has(&self, matches: impl Fn(&Pattern) -> bool) -> bool {
        self.patterns.iter().any(matches) != self.is_negated
    }

    fn is_of(&self, resource: &str, keys: &Keys) -> bool {
        self.has(|pattern| pattern.matches(resource, keys))
    }
}

fn unknown<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a String> {
    object.keys().find(|key| !known.contains(&key.as_str()))
}

/// The element that says what is chosen, or what is not: one of both at most.
fn choice(
    statement: &Map<String, Value>,
    [these, all_but]: [&str; 2],
    meaning: Meaning,
    place: &str,
) -> Result<Option<Choice>, PolicyError> {
    let (name, is_negated) = match (statement.get(these), statement.get(all_but)) {
        (Some(_), Some(_)) => {
            return Err(PolicyError::new(place, format!("has both {these} and {all_but}")));
        }
        (Some(_), None) => (these, false),
        (None, Some(_)) => (all_but, true),
        (None, None) => return Ok(None),
    };
    let place = format!("{place}.{name}");
    let texts = texts(&statement[name], &place)?;
    if name.ends_with("Action") {
        texts.iter().try_for_each(|text| is_action(text, &place))?;
    }
    let read = |text: &String| Pattern::read(text, meaning, &place);
    let patterns = texts.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Some(Choice { patterns, is_negated }))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>.
fn is_action(text: &str, place: &str) -> Result<(), PolicyError> {
    let is_service = |service: &str| {
        !service.is_empty()
            && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_right = text == "*"
        || text
            .split_once(':')
            .is_some_and(|(service, name)| is_service(service) && !name.is_empty());
    let refused =
        || PolicyError::new(place, format!("{text:?} is no action: sqs:SendMessage, sqs:* or *"));
    is_right.then_some(()).ok_or_else(refused)
}

fn resources(
    statement: &Map<String, Value>,
    variables: bool,
    stands: Stands,
    place: &str,
) -> Result<Option<Choice>, PolicyError> {
    let meaning = Meaning { wildcards: true, variables };
    let resources = choice(statement, ["Resource", "NotResource"], meaning, place)?;
    match (stands, &resources) {
        (Stands::Role, Some(_)) => {
            Err(PolicyError::new(place, "has a Resource, which a trust policy has not"))
        }
        (Stands::Identity | Stands::Resource, None) => {
            Err(PolicyError::new(place, "has neither Resource nor NotResource"))
        }
        _ => Ok(resources),
    }
}

fn whom(statement: &Map<String, Value>, stands: Stands, place: &str) -> Result<Whom, PolicyError> {
    let named = |name: &str| {
        statement
            .get(name)
            .map(|value| principal::read(value, &format!("{place}.{name}")))
            .transpose()
    };
    match (stands, named("Principal")?, named("NotPrincipal")?) {
        (Stands::Identity, None, None) => Ok(Whom::Holder),
        (Stands::Identity, ..) => {
            Err(PolicyError::new(place, "has a Principal, which a policy of an identity has not"))
        }
        (_, Some(these), None) => Ok(Whom::These(these)),
        (_, None, Some(these)) => Ok(Whom::AllBut(these)),
        (_, Some(_), Some(_)) => {
            Err(PolicyError::new(place, "has both Principal and NotPrincipal"))
        }
        (_, None, None) => Err(PolicyError::new(place, "has neither Principal nor NotPrincipal")),
    }
}
