//! A message that failed again, and whether it did for the old reason.

use serde::{Deserialize, Serialize};

use crate::dead_letters::shape;

/// A message whose message failed again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounce {
    /// The message's id.
    pub from: String,
    /// The message's id.
    pub to: String,
    /// Why the message failed before the redrive, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_reason: Option<String>,
    /// Why the message failed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the old reason is only inferred.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_old_reason_inferred: bool,
    /// Whether the reason is only inferred.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_reason_inferred: bool,
}

/// How a failure compares with the one before the redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failing {
    /// The cause is the one from before the redrive: it is not fixed.
    SameCause,
    /// For another one: something is wrong that was not then.
    NewCause,
    /// One of the reasons is not known.
    Unknown,
}

impl Bounce {
    /// How its cause compares with the one before.
    pub fn failing(&self) -> Failing {
        match (&self.old_reason, &self.reason) {
            (Some(old), Some(reason)) if shape(old) == shape(reason) => Failing::SameCause,
            (Some(_), Some(_)) => Failing::NewCause,
            _ => Failing::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_failures_are_told_apart_and_nothing_is_guessed() {
        let failing = |old: Option<&str>, reason: Option<&str>| {
            let bounce = Bounce {
                from: "old".to_owned(),
                to: "new".to_owned(),
                old_reason: old.map(str::to_owned),
                reason: reason.map(str::to_owned),
                is_old_reason_inferred: false,
                is_reason_inferred: false,
            };
            bounce.failing()
        };
        assert_eq!(failing(Some("full"), Some("full")), Failing::SameCause);
        assert_eq!(failing(Some("full"), Some("slow")), Failing::NewCause);
        assert_eq!(failing(Some("row 7 is locked"), Some("row 12 is locked")), Failing::SameCause);
        for (old, reason) in [(None, Some("full")), (Some("full"), None), (None, None)] {
            assert_eq!(failing(old, reason), Failing::Unknown);
        }
    }

    #[test]
    fn a_journal_without_reasons_can_be_read() {
        let bounce: Bounce = serde_json::from_str(r#"{"from": "a", "to": "b"}"#).unwrap();
        assert_eq!((bounce.old_reason.as_ref(), bounce.reason.as_ref()), (None, None));
        assert_eq!(serde_json::to_string(&bounce).unwrap(), r#"{"from":"a","to":"b"}"#);
    }
}
