//! Texts with placeholders, and values found by paths.

use serde_json::Value;

/// What takes the place of `{job_id}`, `{run_id}`, `{name}` and `{padding}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filling<'a> {
    /// The job's id.
    pub job_id: &'a str,
    /// The run's id.
    pub run_id: &'a str,
    /// What the job is called in the run, for people.
    pub name: &'a str,
    /// How long the padding is, in bytes: as long as the largest message that the queue takes.
    pub padding_bytes: usize,
}

/// The placeholder that makes a body larger than the queue takes.
pub(super) const PADDING: &str = "padding";
/// The placeholders of a job's body.
pub(super) const OF_JOBS: [&str; 3] = ["job_id", "run_id", "name"];

impl Filling<'_> {
    /// The text with everything filled in. Braces around anything else, as in JSON, stay.
    pub fn fill(&self, template: &str) -> String {
        replace(template, |name| match name {
            "job_id" => Some(self.job_id.to_owned()),
            "run_id" => Some(self.run_id.to_owned()),
            "name" => Some(self.name.to_owned()),
            PADDING => Some("x".repeat(self.padding_bytes)),
            _ => None,
        })
    }
}

/// The names in braces in a text, in their order. JSON's braces have quotes or white space behind them.
pub(super) fn names(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (position, _) in template.match_indices('{') {
        let rest = &template[position + 1..];
        let name = rest.split('}').next().unwrap_or_default();
        if name.len() < rest.len() && is_name(name) {
            names.push(name);
        }
    }
    names
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    !text.is_empty() && text.chars().all(is_part)
}

fn replace(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| Some((value(name)?, after)));
        if let Some((value, behind)) = known {
            filled.push_str(&value);
            rest = behind;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled + rest
}

/// A text in which `{tag:NAME}` is a tag's value; `None` when it names a tag that is not there, or is `*`: then any text
/// will do.
pub(crate) fn with_tags(template: &str, tag: impl Fn(&str) -> Option<String>) -> Option<String> {
    if template == "*" {
        return None;
    }
    let filled = replace(template, |name| {
        let name = name.strip_prefix("tag:")?;
        // No value of a tag has such a character.
        Some(tag(name).unwrap_or_else(|| "\u{0}".to_owned()))
    });
    (!filled.contains('\u{0}')).then_some(filled)
}

/// The value at a path of names and positions with dots between: `detail.ids.0`. A name that itself has dots is found
/// where it stands first.
pub fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let inner = match value {
        Value::Array(items) => items.get(first.parse::<usize>().ok()?)?,
        other => other.get(first)?,
    };
    rest.map_or(Some(inner), |rest| lookup(inner, rest))
}

/// A value that is no list and no table, as a text.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
