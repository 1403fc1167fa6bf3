//! Whom a statement of a resource's policy, or of a role's trust policy, is about.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.

use serde_json::Value;

use super::error::PolicyError;
use super::request::Caller;
use super::value::texts;

/// Whom a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// `*`: everybody, also who did not sign.
    Everyone,
    /// An account, by its id or the ARN of its root: all in it, as far as that account allows them.
    Account(String),
    /// A user, a role or a session, by its ARN.
    Arn(String),
    /// A service of AWS.
    Service(String),
    /// What no request here is made by: federated identities, and canonical users of S3.
    Other,
}

/// How directly a caller is named. What is named more directly needs less from other policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// By its account, which has to allow it, too.
    ByAccount,
    /// By its role: boundaries and session policies still limit it.
    ByRole,
    /// Itself, or as one of everybody.
    Itself,
}

impl Principal {
    /// How directly it names a caller; none where it does not.
    pub(super) fn names(&self, caller: &Caller) -> Option<Named> {
        let is = |matches: bool, named: Named| matches.then_some(named);
        match (self, caller) {
            (Self::Everyone, _) => Some(Named::Itself),
            (Self::Account(id), Caller::Root(account)) => is(id == account, Named::Itself),
            (Self::Account(id), _) => is(caller.account() == Some(id), Named::ByAccount),
            (Self::Arn(arn), Caller::User(user)) => is(arn == user, Named::Itself),
            (Self::Arn(arn), Caller::Session { role, session }) => {
                is(arn == session, Named::Itself).or(is(arn == role, Named::ByRole))
            }
            (Self::Service(name), Caller::Service(service)) => is(name == service, Named::Itself),
            _ => None,
        }
    }
}

/// Whether a list of those who are excepted (`NotPrincipal`) excepts a caller: AWS may look at the account first, then the
/// role, then the session, and each has to be in the list.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
pub(super) fn excepts(principals: &[Principal], caller: &Caller) -> bool {
    let has = |named: Named| {
        principals.iter().any(|principal| {
            matches!(principal, Principal::Everyone) || principal.names(caller) == Some(named)
        })
    };
    match caller {
        Caller::Session { .. } => has(Named::Itself) && has(Named::ByRole) && has(Named::ByAccount),
        Caller::User(_) => has(Named::Itself) && has(Named::ByAccount),
        _ => has(Named::Itself),
    }
}

/// Reads `Principal` or `NotPrincipal`.
pub(super) fn read(value: &Value, place: &str) -> Result<Vec<Principal>, PolicyError> {
    if value == "*" {
        return Ok(vec![Principal::Everyone]);
    }
    let kinds = value.as_object().filter(|kinds| !kinds.is_empty()).ok_or_else(|| {
        PolicyError::new(place, "has to be \"*\", or to name principals by kind: {\"AWS\": …}")
    })?;
    let mut principals = Vec::new();
    for (kind, names) in kinds {
        let place = format!("{place}.{kind}");
        for name in texts(names, &place)? {
            principals.push(of_kind(kind, &name, &place)?);
        }
    }
    Ok(principals)
}

fn of_kind(kind: &str, name: &str, place: &str) -> Result<Principal, PolicyError> {
    match kind {
        "AWS" => of_aws(name, place),
        "Service" => Ok(Principal::Service(name.to_owned())),
        "Federated" | "CanonicalUser" => Ok(Principal::Other),
        _ => Err(PolicyError::new(place, "is no kind of principal")),
    }
}

fn of_aws(name: &str, place: &str) -> Result<Principal, PolicyError> {
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if name == "*" {
        return Ok(Principal::Everyone);
    }
    if is_account(name) {
        return Ok(Principal::Account(name.to_owned()));
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, "root"] if is_account(account) => {
            Ok(Principal::Account(account.to_owned()))
        }
        ["arn", _, "iam" | "sts", "", account, resource]
            if is_account(account) && !resource.contains(['*', '?']) =>
        {
            Ok(Principal::Arn(name.to_owned()))
        }
        _ => Err(PolicyError::new(
            place,
            format!(
                "{name:?} is no principal: an account, or the whole ARN of a user, role or session"
            ),
        )),
    }
}
