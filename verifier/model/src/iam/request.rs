//! What is decided about: who asks to do what to which resource, and what else is known of it.

use std::collections::BTreeMap;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody signed it.
    Anonymous,
    /// The root user of an account, by the account's id.
    Root(String),
    /// A user, by its ARN.
    User(String),
    /// Someone who assumed a role, such as a function.
    Session {
        /// The role's ARN, for example `arn:aws:iam::123456789012:role/worker`.
        role: String,
        /// The session's ARN, for example `arn:aws:sts::123456789012:assumed-role/worker/function`.
        session: String,
    },
    /// A service of AWS, for example `apigateway.amazonaws.com`.
    Service(String),
}

impl Caller {
    /// The account that it belongs to; none for services, and for who did not sign.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::Service(_) => None,
            Self::Root(account) => Some(account),
            Self::User(arn) | Self::Session { role: arn, .. } => arn.split(':').nth(4),
        }
    }

    /// How AWS calls it in an error.
    pub fn shown(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Root(account) => format!("arn:aws:iam::{account}:root"),
            Self::User(arn) | Self::Session { session: arn, .. } | Self::Service(arn) => {
                arn.clone()
            }
        }
    }
}

/// The keys of a request that conditions and variables read, each with its values. Names have no case.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    /// Adds a key with one value.
    #[must_use]
    pub fn with(self, name: &str, value: impl Into<String>) -> Self {
        self.with_all(name, [value.into()])
    }

    /// Adds a key with so many values, of which there may be none.
    #[must_use]
    pub fn with_all(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.0.insert(name.to_ascii_lowercase(), values.into_iter().collect());
        self
    }

    /// The values of a key; none where the request does not have it.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// The value of a key that has one, as variables take it.
    pub(super) fn single(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            [value] => Some(value),
            _ => None,
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who makes it.
    pub caller: Caller,
    /// What is to be done, for example `sqs:SendMessage`.
    pub action: String,
    /// The ARN of what it is to be done to, or `*` where the action is about no single resource.
    pub resource: String,
    /// What else is known of it.
    pub keys: Keys,
}
