//! Conditions on fields that blanks separate: `[ip, ..., status = 4*, bytes]`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-spaced-delimited-log-events.html>.

use super::condition::{Comparison, Operand};
use super::expression::Expression;
use super::reason::Reason;
use super::scan::Scan;

/// The fields of an event, in their order.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    before: Vec<Field>,
    /// The fields after `...`, where it is there: any number of others stand between.
    after: Option<Vec<Field>>,
}

/// A field, and what it has to be.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    conditions: Option<Expression<Named>>,
}

/// A condition on the field of a name: most often the one that it stands at.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    comparison: Comparison,
    operand: Operand,
}

pub(super) fn parse(scan: &mut Scan<'_>) -> Result<Fields, Reason> {
    if !scan.takes("[") {
        return Err("expected an opening bracket");
    }
    let mut fields = Fields { before: Vec::new(), after: None };
    loop {
        if scan.takes("...") {
            if fields.after.replace(Vec::new()).is_some() {
                return Err("... may be in a pattern once");
            }
        } else {
            let field = field(scan)?;
            fields.after.as_mut().unwrap_or(&mut fields.before).push(field);
        }
        if scan.takes("]") {
            return Ok(fields);
        }
        if !scan.takes(",") {
            return Err("expected a comma between fields, or a closing bracket");
        }
        // A last field without a name, as in the documentation's examples.
        if scan.takes("]") {
            fields.after.as_mut().unwrap_or(&mut fields.before).push(Field::any());
            return Ok(fields);
        }
    }
}

const ENDS: [char; 3] = [',', ']', ')'];

fn field(scan: &mut Scan<'_>) -> Result<Field, Reason> {
    if scan.peek() == Some(',') {
        return Ok(Field::any());
    }
    let name = name(scan)?;
    if matches!(scan.peek(), Some(',' | ']') | None) {
        return Ok(Field { name, conditions: None });
    }
    let first =
        Named { name: name.clone(), comparison: scan.comparison()?, operand: scan.operand(&ENDS)? };
    let conditions = Expression::joined(Expression::Condition(first), scan, &|scan| {
        Ok(Named {
            name: self::name(scan)?,
            comparison: scan.comparison()?,
            operand: scan.operand(&ENDS)?,
        })
    })?;
    Ok(Field { name, conditions: Some(conditions) })
}

fn name(scan: &mut Scan<'_>) -> Result<String, Reason> {
    let name = scan.word(|c| ENDS.contains(&c) || matches!(c, '=' | '!' | '<' | '>' | '&' | '|'));
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err("a field has a name of letters, digits, _ and -");
    }
    Ok(name.to_owned())
}

impl Field {
    fn any() -> Self {
        Self { name: String::new(), conditions: None }
    }
}

impl Fields {
    pub(super) fn matches(&self, message: &str) -> bool {
        let values = split(message);
        let after = self.after.as_deref().unwrap_or_default();
        let asked = self.before.len() + after.len();
        let fits = if self.after.is_some() { values.len() >= asked } else { values.len() == asked };
        if !fits {
            return false;
        }
        let last = &values[values.len() - after.len()..];
        let pairs: Vec<(&Field, &str)> = self
            .before
            .iter()
            .zip(values.iter().copied())
            .chain(after.iter().zip(last.iter().copied()))
            .collect();
        let value = |name: &str| {
            pairs.iter().find(|(field, _)| field.name == name).map(|(_, value)| *value)
        };
        let holds = |condition: &Named| {
            value(&condition.name)
                .is_some_and(|value| condition.comparison.holds_of_text(value, &condition.operand))
        };
        pairs.iter().all(|(field, _)| {
            field.conditions.as_ref().is_none_or(|conditions| conditions.holds(&holds))
        })
    }
}

/// The fields of an event: what stands between blanks, between double quotes, or between square brackets.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let quoted = closing.and_then(|closing| rest[1..].split_once(closing));
        let (field, after) = quoted
            .unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_brackets_keep_a_field_together_where_they_are_closed() {
        assert_eq!(split(r#"a  [b c] "d e" f"#), ["a", "b c", "d e", "f"]);
        assert_eq!(split(r#" "open and [so on "#), ["\"open", "and", "[so", "on"]);
        assert_eq!(split(""), Vec::<&str>::new());
    }
}
