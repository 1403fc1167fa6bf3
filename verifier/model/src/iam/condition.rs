//! The conditions of a statement.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>.

use serde_json::Value;

use super::error::PolicyError;
use super::keys;
use super::operator::{self, Comparison};
use super::request::Keys;
use super::value::condition_values;

/// One key of one operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// `Null`: whether the key is missing, as one of these says.
    Missing(Vec<bool>),
    Compared {
        comparison: Comparison,
        is_negated: bool,
        if_exists: bool,
        quantity: Quantity,
    },
}

/// Which of a key's values have to be as the policy wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    /// The one that it has. Of several, as of any.
    Single,
    /// `ForAllValues:`.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// Reads the element `Condition`: all that it holds has to be met.
pub(super) fn read(
    value: &Value,
    variables: bool,
    place: &str,
) -> Result<Vec<Condition>, PolicyError> {
    let object = |value: &Value, place: &str| {
        let refused = || PolicyError::new(place, format!("has to be an object, not {value}"));
        value.as_object().cloned().ok_or_else(refused)
    };
    let mut conditions = Vec::new();
    for (operator, tests) in object(value, place)? {
        let place = format!("{place}.{operator}");
        for (key, values) in object(&tests, &place)? {
            let place = format!("{place}.{key}");
            if !keys::is_known(&key) {
                return Err(PolicyError::new(place, format!("{key} is no condition key of AWS's")));
            }
            let values = condition_values(&values, &place)?;
            let test = test(&operator, &values, variables, &place)?;
            conditions.push(Condition { key, test });
        }
    }
    Ok(conditions)
}

fn test(name: &str, values: &[String], variables: bool, place: &str) -> Result<Test, PolicyError> {
    let unknown = || PolicyError::new(place, format!("{name} is no operator of conditions"));
    if name == "Null" {
        let wanted = values.iter().map(|value| operator::boolean(value, place));
        return Ok(Test::Missing(wanted.collect::<Result<_, _>>()?));
    }
    let (quantity, rest) = match name.split_once(':') {
        None => (Quantity::Single, name),
        Some(("ForAllValues", rest)) => (Quantity::All, rest),
        Some(("ForAnyValue", rest)) => (Quantity::Any, rest),
        Some(_) => return Err(unknown()),
    };
    let (plain, if_exists) = match rest.strip_suffix("IfExists") {
        Some(plain) => (plain, true),
        None => (rest, false),
    };
    let (comparison, is_negated) =
        operator::read(plain, values, variables, place)?.ok_or_else(unknown)?;
    Ok(Test::Compared { comparison, is_negated, if_exists, quantity })
}

impl Condition {
    /// The key that it reads.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a request meets it.
    pub(super) fn is_met(&self, keys: &Keys) -> bool {
        let values = keys.get(&self.key);
        match &self.test {
            Test::Missing(wanted) => wanted.contains(&values.is_none_or(<[String]>::is_empty)),
            Test::Compared { comparison, is_negated, if_exists, quantity } => {
                let is_as_wanted = |value: &String| comparison.holds(value, keys) != *is_negated;
                match (values, quantity) {
                    // What is not there is in no list, and is unlike everything.
                    (None | Some([]), Quantity::All) => true,
                    (None | Some([]), Quantity::Any) => *if_exists && values.is_none(),
                    (None | Some([]), Quantity::Single) => *if_exists || *is_negated,
                    (Some(values), Quantity::All) => values.iter().all(is_as_wanted),
                    // Without a quantity, any of them is enough to be like; to be unlike, all have to be.
                    (Some(values), Quantity::Single) if *is_negated => {
                        values.iter().all(is_as_wanted)
                    }
                    (Some(values), Quantity::Any | Quantity::Single) => {
                        values.iter().any(is_as_wanted)
                    }
                }
            }
        }
    }
}
