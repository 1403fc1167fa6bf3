//! When a fault strikes.

use std::fmt::{self, Write};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::fault::Fault;
use super::happening::{Caller, Happening};

/// The rules of a plan, as they are written in a file.
///
/// ```json
/// {"seed": 7, "rules": [
///   {"operation": "SendMessage", "queue": "Jobs*", "probability": 0.1,
///    "fault": {"kind": "disconnect", "commit": "after"}}
/// ]}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRules {
    /// The random seed.
    #[serde(default)]
    pub seed: u64,
    /// The first that matches decides, at each boundary.
    #[serde(default)]
    pub rules: Vec<FaultRule>,
}

/// A fault, and when it strikes. What a rule does not name matches anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What it is called in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The operation; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// On whose behalf it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The queue's name; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The function's name; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the message's body, the payload or the log event contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Which of the happenings that match so far, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Nth>,
    /// What `nth` counts by.
    #[serde(default, skip_serializing_if = "is_by_rule")]
    pub count_by: CountBy,
    /// How probable it is then; 0 to 1.
    #[serde(default = "certain", skip_serializing_if = "is_certain")]
    pub probability: f64,
    /// From when on, counted from the plan's beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_milliseconds: Option<u64>,
    /// Until when, counted from the plan's beginning; exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_milliseconds: Option<u64>,
    /// What goes wrong.
    #[serde(deserialize_with = "Fault::deserialize_strictly")]
    pub fault: Fault,
}

/// Which of several happenings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Nth {
    /// This one.
    Only(u64),
    /// These, both ends included; to the end if there is no `to`.
    Range {
        /// The first.
        from: u64,
        /// The last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
}

/// What happenings are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountBy {
    /// All that match the rule.
    #[default]
    Rule,
    /// Those of each message by themselves: so its first receive can be told from its second.
    Message,
}

/// Rules that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultPlanError {
    /// Not of the format.
    #[error("the fault rules cannot be read: {0}")]
    Malformed(String),
    /// A rule that says something impossible.
    #[error("fault rule {number} ({rule}): {problem}")]
    Rule {
        /// Which, counted from 1.
        number: usize,
        /// Its name, or its fault.
        rule: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl FaultRules {
    /// Reads rules in JSON and checks them.
    pub fn parse(text: &[u8]) -> Result<Self, FaultPlanError> {
        let rules: Self = serde_json::from_slice(text)
            .map_err(|error| FaultPlanError::Malformed(error.to_string()))?;
        rules.check()?;
        Ok(rules)
    }

    /// Checks rules that were made otherwise.
    pub fn check(&self) -> Result<(), FaultPlanError> {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(problem) = rule.problem() {
                let (number, rule) = (index + 1, rule.title());
                return Err(FaultPlanError::Rule { number, rule, problem });
            }
        }
        Ok(())
    }
}

impl FaultRule {
    /// A rule that always strikes.
    pub fn always(fault: Fault) -> Self {
        Self {
            name: None,
            operation: None,
            caller: None,
            queue: None,
            function: None,
            contains: None,
            nth: None,
            count_by: CountBy::Rule,
            probability: certain(),
            from_milliseconds: None,
            until_milliseconds: None,
            fault,
        }
    }

    /// Whether a pattern of a rule, in which `*` stands for any text, is about a name.
    pub fn names(pattern: &str, name: &str) -> bool {
        glob(pattern, name)
    }

    /// Its name, or that of its fault.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.fault.kind().to_owned())
    }

    /// What it does and when, in words: `crash at Invoke of worker, the 1st to 2nd time`.
    pub fn in_words(&self) -> String {
        let mut words = self.title();
        if self.name.is_some() {
            words = format!("{words} ({})", self.fault.kind());
        }
        let mut add = |before: &str, text: &dyn fmt::Display| {
            // Writing to a String cannot fail.
            let _ = write!(words, "{before}{text}");
        };
        if let Some(operation) = &self.operation {
            add(" at ", operation);
        }
        for (before, part) in
            [(" of ", &self.function), (" on ", &self.queue), (" with ", &self.contains)]
        {
            if let Some(part) = part {
                add(before, part);
            }
        }
        match self.nth {
            Some(Nth::Only(number)) => add(", number ", &number),
            Some(Nth::Range { from, to: Some(to) }) => {
                add(", numbers ", &format_args!("{from} to {to}"));
            }
            Some(Nth::Range { from, to: None }) => add(", from number ", &from),
            None => {}
        }
        if self.count_by == CountBy::Message {
            add(" of each message", &"");
        }
        if self.probability < 1.0 {
            add(", with probability ", &self.probability);
        }
        if let Some(from) = self.from_milliseconds {
            add(", from ", &format_args!("{from} ms"));
        }
        if let Some(until) = self.until_milliseconds {
            add(", until ", &format_args!("{until} ms"));
        }
        words
    }

    /// Whether it is about such a happening: everything but number and chance.
    pub(super) fn is_about(&self, happening: &Happening<'_>, elapsed_milliseconds: u64) -> bool {
        let named = |pattern: &Option<String>, name: Option<&str>| match pattern {
            None => true,
            Some(pattern) => name.is_some_and(|name| glob(pattern, name)),
        };
        named(&self.operation, Some(happening.operation))
            && self.strikes_at(happening.operation)
            && self.caller.is_none_or(|caller| caller == happening.caller)
            && named(&self.queue, happening.queue)
            && named(&self.function, happening.function)
            && self
                .contains
                .as_ref()
                .is_none_or(|part| happening.text.is_some_and(|text| text.contains(part.as_str())))
            && self.from_milliseconds.is_none_or(|from| elapsed_milliseconds >= from)
            && self.until_milliseconds.is_none_or(|until| elapsed_milliseconds < until)
    }

    fn strikes_at(&self, operation: &str) -> bool {
        self.fault.stage().operations().is_none_or(|operations| operations.contains(&operation))
    }

    fn problem(&self) -> Option<String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Some(format!("a probability is from 0 to 1, found {}", self.probability));
        }
        if self.nth.is_some_and(|nth| nth.range().is_empty() || *nth.range().start() == 0) {
            return Some("nth counts from 1, and from must not be above to".to_owned());
        }
        let window = (self.from_milliseconds.unwrap_or(0), self.until_milliseconds);
        if window.1.is_some_and(|until| until <= window.0) {
            return Some("until_milliseconds must be above from_milliseconds".to_owned());
        }
        if let (Some(pattern), Some(operations)) =
            (&self.operation, self.fault.stage().operations())
            && !operations.iter().any(|operation| glob(pattern, operation))
        {
            let possible = operations.join(", ");
            return Some(format!("it strikes at {possible}, never at the operation {pattern}"));
        }
        self.fault.problem()
    }
}

impl Nth {
    /// The numbers that it means.
    pub fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::Only(number) => number..=number,
            Self::Range { from, to } => from..=to.unwrap_or(u64::MAX),
        }
    }
}

/// Whether a name matches a pattern in which `*` stands for any text.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

fn certain() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_certain(probability: &f64) -> bool {
    *probability >= 1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_by_rule(count_by: &CountBy) -> bool {
    *count_by == CountBy::Rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, matches) in [
            ("jobs", "jobs", true),
            ("jobs", "jobs2", false),
            ("*", "", true),
            ("Stack-*-Jobs*", "Stack-PR1-JobsQueue", true),
            ("Stack-*-Jobs*", "Stack-PR1-Dead", false),
            ("*Batch", "SendMessageBatch", true),
            ("*Batch", "SendMessage", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a**c", "ac", true),
        ] {
            assert_eq!(glob(pattern, name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn rules_survive_being_written_and_read() {
        let text = br#"{"seed": 7, "rules": [
            {"operation": "SendMessage", "queue": "Jobs*", "nth": {"from": 2, "to": 3}, "probability": 0.5,
             "fault": {"kind": "disconnect", "commit": "after"}},
            {"contains": "poison", "nth": 1, "count_by": "message", "caller": "mapping",
             "fault": {"kind": "crash", "at": "before-effect"}},
            {"fault": {"kind": "reorder"}}
        ]}"#;
        let rules = FaultRules::parse(text).unwrap();
        let written = serde_json::to_vec(&rules).unwrap();
        assert_eq!(FaultRules::parse(&written).unwrap(), rules);
        assert_eq!(rules.rules[0].nth.unwrap().range(), 2..=3);
        assert_eq!(rules.rules[2].title(), "reorder");
        let words: Vec<String> = rules.rules.iter().map(FaultRule::in_words).collect();
        assert_eq!(
            words,
            [
                "disconnect at SendMessage on Jobs*, numbers 2 to 3, with probability 0.5",
                "crash with poison, number 1 of each message",
                "reorder",
            ]
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_rule_and_the_reason() {
        for (rule, problem) in [
            (r#"{"fault": {"kind": "explode"}}"#, "unknown variant `explode`"),
            (r#"{"fault": {"kind": "reorder"}, "que": "jobs"}"#, "unknown field `que`"),
            (r#"{"fault": {"kind": "reorder", "by": 1}}"#, "unknown field `by`"),
            (
                r#"{"fault": {"kind": "reorder"}, "nth": {"from": 1, "til": 2}}"#,
                "did not match any",
            ),
            (r#"{"fault": {"kind": "reorder"}, "probability": 1.5}"#, "from 0 to 1"),
            (r#"{"fault": {"kind": "reorder"}, "nth": 0}"#, "counts from 1"),
            (r#"{"fault": {"kind": "reorder"}, "nth": {"from": 3, "to": 2}}"#, "counts from 1"),
            (
                r#"{"name": "late", "operation": "SendMessage", "fault": {"kind": "log-lost"}}"#,
                "fault rule 1 (late): it strikes at PutLogEvents, never at the operation SendMessage",
            ),
            (
                r#"{"fault": {"kind": "error", "status": 200, "code": "x", "commit": "after"}}"#,
                "a status from 400 to 599, found 200",
            ),
            (
                r#"{"fault": {"kind": "reorder"}, "from_milliseconds": 5, "until_milliseconds": 5}"#,
                "must be above",
            ),
            (r#"{"fault": {"kind": "receive-count-drift", "by": 0}}"#, "drift by 0"),
        ] {
            let text = format!(r#"{{"rules": [{rule}]}}"#);
            let refused = FaultRules::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
