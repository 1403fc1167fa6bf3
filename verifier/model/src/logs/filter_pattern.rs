//! Filter patterns: which log events `FilterLogEvents` selects.
//!
//! Supported are terms (all must occur), quoted terms, `?term` (any of these), `-term` (must not occur) and JSON
//! selectors that compare one property with `=`, `!=`, `<`, `<=`, `>` or `>=`, joined by `&&` or by `||`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.

use serde_json::Value;
use thiserror::Error;

/// A pattern that is not supported or not well formed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Invalid character(s) in term '{pattern}': {reason}")]
pub struct FilterPatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What was expected.
    pub reason: String,
}

/// A filter pattern, read once and applied to many events.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterPattern(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    Json { joined_by_or: bool, conditions: Vec<Condition> },
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    path: Vec<Step>,
    comparison: Comparison,
    operand: Operand,
}

/// One step from a JSON value to a value within it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// `.name`, of an object.
    Property(String),
    /// `[0]`, of a list.
    Element(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    /// Text, in which `*` stands for any run of characters.
    Text(String),
    Number(f64),
}

impl FilterPattern {
    /// Reads a pattern. The empty pattern selects every event.
    pub fn parse(pattern: &str) -> Result<Self, FilterPatternError> {
        let trimmed = pattern.trim();
        let fail = |reason: &str| FilterPatternError {
            pattern: pattern.to_owned(),
            reason: reason.to_owned(),
        };
        let kind = match trimmed.strip_prefix('{') {
            Some(rest) => {
                let inner =
                    rest.strip_suffix('}').ok_or_else(|| fail("expected a closing brace"))?;
                parse_json(inner).map_err(fail)?
            }
            None if trimmed.starts_with('[') => {
                return Err(fail("space-delimited patterns are not supported here"));
            }
            None if trimmed.starts_with('%') => {
                return Err(fail("regular expressions are not supported here"));
            }
            None => parse_terms(trimmed).map_err(fail)?,
        };
        Ok(Self(kind))
    }

    /// Whether the pattern selects an event with this message.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms { all, any, none } => {
                all.iter().all(|term| message.contains(term))
                    && (any.is_empty() || any.iter().any(|term| message.contains(term)))
                    && !none.iter().any(|term| message.contains(term))
            }
            Kind::Json { joined_by_or, conditions } => {
                let Ok(event) = serde_json::from_str::<Value>(message) else {
                    return false;
                };
                if *joined_by_or {
                    conditions.iter().any(|condition| condition.holds(&event))
                } else {
                    conditions.iter().all(|condition| condition.holds(&event))
                }
            }
        }
    }
}

fn parse_terms(pattern: &str) -> Result<Kind, &'static str> {
    let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        let (list, start) = match first {
            '?' => (&mut any, &rest[1..]),
            '-' => (&mut none, &rest[1..]),
            _ => (&mut all, rest),
        };
        let (term, after) = take_term(start)?;
        list.push(term);
        rest = after;
    }
    Ok(Kind::Terms { all, any, none })
}

fn take_term(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        return take_quoted(quoted);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    // AWS wants anything but letters, digits and underscores in quotes.
    if term.is_empty() || !term.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(
            "a term with other characters than letters, digits and _ must stand in double quotes",
        );
    }
    Ok((term.to_owned(), rest))
}

/// Reads up to the closing quote; a backslash escapes the next character.
fn take_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut term = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Ok((term, &text[index + 1..])),
            '\\' => term.extend(chars.next().map(|(_, escaped)| escaped)),
            other => term.push(other),
        }
    }
    Err("a double quote is not closed")
}

fn parse_json(pattern: &str) -> Result<Kind, &'static str> {
    let mut conditions = Vec::new();
    let mut joined_by_or = None;
    let mut rest = pattern.trim_start();
    loop {
        let (condition, after) = take_condition(rest)?;
        conditions.push(condition);
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        let (or, after) = match (rest.strip_prefix("&&"), rest.strip_prefix("||")) {
            (Some(after), _) => (false, after),
            (_, Some(after)) => (true, after),
            _ => return Err("expected && or || between conditions"),
        };
        if *joined_by_or.get_or_insert(or) != or {
            return Err("mixing && and || is not supported here");
        }
        rest = after.trim_start();
    }
    Ok(Kind::Json { joined_by_or: joined_by_or.unwrap_or(false), conditions })
}

fn take_condition(text: &str) -> Result<(Condition, &str), &'static str> {
    let text = text.strip_prefix("$.").ok_or("a condition starts with $.")?;
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '=' | '!' | '<' | '>'))
        .ok_or("expected a comparison")?;
    let (selector, rest) = text.split_at(end);
    let path = parse_selector(selector)?;
    let rest = rest.trim_start();
    let operators = [
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let (comparison, rest) = operators
        .iter()
        .find_map(|(text, comparison)| rest.strip_prefix(text).map(|rest| (*comparison, rest)))
        .ok_or("expected a comparison")?;
    let rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        let (text, rest) = take_quoted(quoted)?;
        return Ok((Condition { path, comparison, operand: Operand::Text(text) }, rest));
    }
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '&' | '|')).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    if word.is_empty() {
        return Err("expected a value after the comparison");
    }
    let operand = word.parse().map_or_else(|_| Operand::Text(word.to_owned()), Operand::Number);
    Ok((Condition { path, comparison, operand }, rest))
}

/// Reads a selector, which stands after `$.`: names joined by dots, each with indices in brackets if it is a list.
fn parse_selector(selector: &str) -> Result<Vec<Step>, &'static str> {
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

impl Condition {
    fn holds(&self, event: &Value) -> bool {
        let found = self.path.iter().try_fold(event, |value, step| match step {
            Step::Property(name) => value.as_object()?.get(name),
            Step::Element(index) => value.as_array()?.get(*index),
        });
        let Some(found) = found else {
            return false;
        };
        match (&self.operand, found) {
            (Operand::Number(number), Value::Number(found)) => {
                found.as_f64().is_some_and(|found| self.comparison.holds(found.partial_cmp(number)))
            }
            (Operand::Text(pattern), found) => {
                let text = match found {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) => found.to_string(),
                    _ => return false,
                };
                match self.comparison {
                    Comparison::Equal => wildcard_matches(pattern, &text),
                    Comparison::NotEqual => !wildcard_matches(pattern, &text),
                    _ => false,
                }
            }
            // A number compared with text: equal only to its own digits.
            (Operand::Number(number), Value::String(text)) => match self.comparison {
                Comparison::Equal => text.parse() == Ok(*number),
                Comparison::NotEqual => text.parse() != Ok(*number),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        matches!(
            (self, ordering),
            (Self::Equal, Some(Equal))
                | (Self::NotEqual, Some(Less | Greater))
                | (Self::Less, Some(Less))
                | (Self::LessOrEqual, Some(Less | Equal))
                | (Self::Greater, Some(Greater))
                | (Self::GreaterOrEqual, Some(Greater | Equal))
        )
    }
}

/// Whether the text has the pattern's pieces, which `*` separates, in order.
fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        FilterPattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn terms_must_all_occur_and_are_case_sensitive() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR code", "code: ERROR"));
        assert!(!matches("ERROR code", "ERROR"));
        assert!(!matches("error", "ERROR"));
        assert!(matches(r#""run-1 \"x\"""#, r#"a run-1 "x" b"#));
        assert!(matches("?ERROR ?WARN", "WARN"));
        assert!(!matches("?ERROR ?WARN", "INFO"));
        assert!(!matches("ERROR -Exiting", "ERROR Exiting"));
        assert!(matches(r#"ERROR -"not this""#, "ERROR this"));
    }

    #[test]
    fn selectors_compare_properties() {
        let event = r#"{"level":"INFO","fields":{"runId":"vr-1","receiveCount":3,"ok":true},"list":[{"a":1}]}"#;
        for pattern in [
            r#"{ $.fields.runId = "vr-1" }"#,
            r#"{$.fields.runId="vr-*"}"#,
            "{ $.fields.receiveCount = 3 }",
            "{ $.fields.receiveCount >= 3 && $.level = INFO }",
            "{ $.fields.receiveCount > 9 || $.level = \"INFO\" }",
            r#"{ $.level != "WARN" }"#,
            "{ $.list[0].a = 1 }",
            "{ $.fields.ok = \"true\" }",
        ] {
            assert!(matches(pattern, event), "{pattern}");
        }
        for pattern in [
            r#"{ $.fields.runId = "vr-2" }"#,
            "{ $.fields.receiveCount < 3 }",
            "{ $.absent = 1 }",
            "{ $.absent != 1 }",
            "{ $.list.0.a = 1 }",
            "{ $.list[1].a = 1 }",
            "{ $.level[0] = INFO }",
            "{ $.fields.receiveCount >= 3 && $.level = WARN }",
        ] {
            assert!(!matches(pattern, event), "{pattern}");
        }
        assert!(!matches("{ $.a = 1 }", "not JSON"));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in [
            "\"open",
            "a-b",
            "{ $.a",
            "{ }",
            "{ a = 1 }",
            "{ $.a }",
            "{ $.a = }",
            "{ $. = 1 }",
            "{ $.a = 1 $.b = 2 }",
            "{ $.a = 1 && $.b = 2 || $.c = 3 }",
            "[a, b]",
            "%x%",
            "?",
            "{ $.a[ = 1 }",
            "{ $.a[x] = 1 }",
            "{ $.a[0]b = 1 }",
            "{ $.[0] = 1 }",
            "{ $.a$b = 1 }",
        ] {
            assert!(FilterPattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn wildcards_match_in_order() {
        assert!(wildcard_matches("a*b*c", "a-x-b-y-c"));
        assert!(wildcard_matches("*", ""));
        assert!(wildcard_matches("*b", "ab"));
        assert!(!wildcard_matches("a*b*c", "a-c-b"));
        assert!(!wildcard_matches("ab*", "ba"));
    }
}
