//! What AWS may do to a sound stack within its bounds: messages in another order and late, late lines, slow starts.

use serde_json::{Value, json};

/// The rules; the seed of the fault plan says when each strikes.
pub(crate) fn rules() -> Vec<Value> {
    let at = |operation: &str, probability: f64, fault: Value| json!({"operation": operation, "probability": probability, "fault": fault});
    vec![
        at("SendMessage", 0.3, json!({"kind": "delayed-delivery", "milliseconds": 900})),
        at("ReceiveMessage", 0.2, json!({"kind": "reorder"})),
        at("ReceiveMessage", 0.1, json!({"kind": "empty-receive", "milliseconds": 300})),
        at("PutLogEvents", 0.3, json!({"kind": "log-late", "milliseconds": 5_000})),
        at("Invoke", 0.1, json!({"kind": "cold-start", "milliseconds": 400})),
    ]
}
