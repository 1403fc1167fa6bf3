//! Where in a JSON line what a function logged may stand.

use serde_json::Value;

/// The values in which to look, in order. Lambda's JSON format nests what a function logs below `fields` or `message`, beside its
/// own, and a logger may write its own JSON as a text below `message`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
pub(crate) fn roots(value: &Value) -> Vec<Value> {
    let written = value.get("message").and_then(Value::as_str);
    let written: Option<Value> = written.and_then(|text| serde_json::from_str(text.trim()).ok());
    let nested = ["fields", "message"].into_iter().filter_map(|name| value.get(name)).cloned();
    nested.chain(written).chain([value.clone()]).collect()
}
