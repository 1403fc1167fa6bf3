//! Conditions on the properties of JSON: `{ $.name = value }`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html>.

use serde_json::Value;

use super::condition::{Comparison, Operand};
use super::expression::Expression;
use super::reason::Reason;
use super::scan::Scan;

/// A condition on one property.
#[derive(Clone, Debug)]
pub(super) struct Property {
    path: Vec<Step>,
    test: Test,
}

/// One step from a JSON value to a value within it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// `.name`, of an object.
    Property(String),
    /// `[0]`, of a list.
    Element(usize),
}

#[derive(Clone, Debug)]
enum Test {
    Compares(Comparison, Operand),
    /// `IS NULL`, `IS TRUE` and `IS FALSE`.
    Is(Value),
    /// `EXISTS` and `NOT EXISTS`.
    Exists(bool),
}

pub(super) fn parse(scan: &mut Scan<'_>) -> Result<Expression<Property>, Reason> {
    if !scan.takes("{") {
        return Err("expected an opening brace");
    }
    let expression = Expression::parse(scan, &property)?;
    if scan.takes("}") { Ok(expression) } else { Err("expected && or ||, or a closing brace") }
}

fn property(scan: &mut Scan<'_>) -> Result<Property, Reason> {
    if !scan.takes("$.") {
        return Err("a condition starts with $.");
    }
    let selector = scan.word(|c| matches!(c, '=' | '!' | '<' | '>' | ')' | '}'));
    let path = selected(selector)?;
    let test = if scan.takes("IS") {
        Test::Is(match scan.word(|c| matches!(c, ')' | '}' | '&' | '|')) {
            "NULL" => Value::Null,
            "TRUE" => Value::Bool(true),
            "FALSE" => Value::Bool(false),
            _ => return Err("expected NULL, TRUE or FALSE after IS"),
        })
    } else if scan.takes("NOT") {
        if !scan.takes("EXISTS") {
            return Err("expected EXISTS after NOT");
        }
        Test::Exists(false)
    } else if scan.takes("EXISTS") {
        Test::Exists(true)
    } else {
        Test::Compares(scan.comparison()?, scan.operand(&[')', '}'])?)
    };
    Ok(Property { path, test })
}

/// Reads a selector, which stands after `$.`: names joined by dots, each with indices in brackets if it is a list.
fn selected(selector: &str) -> Result<Vec<Step>, Reason> {
    let mut path = Vec::new();
    for part in selector.split('.') {
        let (name, mut indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() {
            return Err("a property name is empty");
        }
        if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            return Err("a property name has other characters than letters, digits, _ and -");
        }
        path.push(Step::Property(name.to_owned()));
        while !indices.is_empty() {
            let (index, after) = indices
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .ok_or("expected an index in brackets")?;
            path.push(Step::Element(index.parse().map_err(|_| "an index is not a number")?));
            indices = after;
        }
    }
    Ok(path)
}

impl Property {
    pub(super) fn holds(&self, event: &Value) -> bool {
        let found = self.path.iter().try_fold(event, |value, step| match step {
            Step::Property(name) => value.as_object()?.get(name),
            Step::Element(index) => value.as_array()?.get(*index),
        });
        match (&self.test, found) {
            (Test::Exists(expected), found) => found.is_some() == *expected,
            (_, None) => false,
            (Test::Is(expected), Some(found)) => found == expected,
            (Test::Compares(comparison, operand), Some(found)) => match found {
                Value::String(text) => comparison.holds_of_text(text, operand),
                Value::Bool(_) => comparison.holds_of_text(&found.to_string(), operand),
                Value::Number(number) => number.as_f64().is_some_and(|value| {
                    comparison.holds_of_number(value, &number.to_string(), operand)
                }),
                // Lists, objects and null have no value to compare, not even one that is another.
                _ => false,
            },
        }
    }
}
