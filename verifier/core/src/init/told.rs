//! Lines of a log that name a job.

use std::collections::BTreeMap;

use serde_json::Value;

use super::probe::Probe;

/// A line that names a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Which.
    pub(super) probe: usize,
    /// The values of a line of JSON that has an id of the probe's in a field of its own, by their paths.
    pub(super) fields: BTreeMap<String, String>,
    /// What was written, for people.
    pub(super) text: String,
}

/// The line as one of a probe's, if it is one. A line in which the worker writes down the whole event tells nothing of a job's end.
pub(super) fn of_probe(probes: &[Probe], line: &str) -> Option<Told> {
    let line = line.trim();
    let probe = probes.iter().position(|probe| probe.is_named_in_by_itself(line))?;
    let is_event = ["receiptHandle", "eventSourceARN"].iter().any(|name| line.contains(name));
    let is_of_lambda = ["START ", "END ", "REPORT "].iter().any(|word| line.starts_with(word));
    (!is_event && !is_of_lambda).then_some(())?;
    let value = crate::settings::document(line).filter(Value::is_object);
    let roots = value.as_ref().map(crate::settings::roots).unwrap_or_default();
    let is_of_lambda = value.as_ref().and_then(|value| value["type"].as_str());
    (!is_of_lambda.is_some_and(|kind| kind.starts_with("platform."))).then_some(())?;
    let fields = roots.iter().map(flat);
    let has_id =
        |fields: &BTreeMap<String, String>| fields.values().any(|text| probes[probe].is_id(text));
    let fields = fields.into_iter().find(has_id).unwrap_or_default();
    let message = value.as_ref().and_then(|value| value["message"].as_str());
    let text = message.unwrap_or(line).to_owned();
    Some(Told { probe, fields, text })
}

/// All values below a value that are no lists and no tables, as texts, by their paths. A name with a dot has no path of its own.
pub(super) fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    gather(value, "", &mut found);
    found
}

fn gather(value: &Value, path: &str, found: &mut BTreeMap<String, String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => {
            for (name, each) in fields.iter().filter(|(name, _)| !name.contains('.')) {
                gather(each, &below(name), found);
            }
        }
        Value::Array(items) => {
            for (position, each) in items.iter().enumerate() {
                gather(each, &below(&position.to_string()), found);
            }
        }
        other => {
            if let Some(text) = crate::settings::text_of(other).filter(|_| !path.is_empty()) {
                found.insert(path.to_owned(), text);
            }
        }
    }
}
