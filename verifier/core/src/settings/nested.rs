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

/// The JSON of a line: the whole of it, or what stands behind the time, the request's id and the level that Lambda's runtimes for
/// Node.js and Python put before whatever is logged in their text format, with tabs between.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html>.
pub(crate) fn document(line: &str) -> Option<Value> {
    /// How many fields stand before it.
    const FIELDS: usize = 3;
    let line = line.trim();
    let behind = || line.splitn(FIELDS + 1, '\t').nth(FIELDS).map(str::trim);
    let whole = serde_json::from_str(line).ok();
    whole.or_else(|| serde_json::from_str(behind().filter(|text| text.starts_with('{'))?).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_stands_behind_what_lambda_puts_before_it() {
        let found = Some(json!({"a": 1}));
        for line in [
            "{\"a\":1}\n",
            "2026-01-02T03:04:05.678Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tINFO\t{\"a\":1}\n",
            "[INFO]\t2026-01-02T03:04:05.678Z\t79b4f56e-95b1-4643-9700-2807f4e68189\t{\"a\":1}\n",
            "{\t\"a\"\t:\t1\t}",
        ] {
            assert_eq!(document(line), found, "{line}");
        }
        for line in ["a\t{\"a\":1}", "a\tb\tc\td {\"a\":1}", "a\tb\tc\t{\"a\":1} and more", ""] {
            assert_eq!(document(line), None, "{line}");
        }
    }
}
