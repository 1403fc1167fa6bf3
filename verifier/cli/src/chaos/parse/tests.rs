//! Tests of the format: what is read, what is refused and in which words, and that the schema says the same.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};
use verifier_chaos::{Anomaly, Schedule};

use super::*;
use crate::chaos::{Builtin, experiment_from, experiment_of_file};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/chaos-experiment.1.schema.json");

struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn load() -> Self {
        let mut schemas = Schemas::new();
        let index =
            Compiler::new().compile(SCHEMA, &mut schemas).unwrap_or_else(|e| panic!("{e:#}"));
        Self(schemas, index)
    }

    fn accepts(&self, document: &Value) -> bool {
        self.0.validate(document, self.1).is_ok()
    }
}

/// The names that a schema has for anomalies.
fn anomalies_of(schema: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/");
    let text = std::fs::read_to_string(format!("{folder}{schema}.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(schema["$defs"]["anomaly"]["enum"].clone()).unwrap()
}

#[test]
fn schemas_name_every_anomaly() {
    let names = Anomaly::ALL.map(Anomaly::as_str);
    assert_eq!(anomalies_of("chaos.1"), names);
    assert_eq!(anomalies_of("chaos-experiment.1"), names);
}

/// A document in which every field there is stands, and every form of each.
fn everything() -> Value {
    let faults = [
        json!({"kind":"error","status":500,"code":"x","message":"m","commit":"after"}),
        json!({"kind":"disconnect","commit":"before"}),
        json!({"kind":"latency","milliseconds":1}),
        json!({"kind":"fail-entry","code":"x","commit":"after","sender_fault":true}),
        json!({"kind":"delayed-delivery","milliseconds":1}),
        json!({"kind":"empty-receive","milliseconds":1}),
        json!({"kind":"reorder"}),
        json!({"kind":"duplicate-delivery"}),
        json!({"kind":"visibility-expires","milliseconds":1}),
        json!({"kind":"receive-count-drift","by":1}),
        json!({"kind":"early-move"}),
        json!({"kind":"late-move"}),
        json!({"kind":"delete-lost"}),
        json!({"kind":"stale-counts","milliseconds":1}),
        json!({"kind":"clock-skew","milliseconds":-1}),
        json!({"kind":"throttle"}),
        json!({"kind":"crash","at":"before-effect"}),
        json!({"kind":"freeze","milliseconds":1}),
        json!({"kind":"cold-start","milliseconds":1}),
        json!({"kind":"answer","payload":""}),
        json!({"kind":"log-late","milliseconds":1}),
        json!({"kind":"log-lost"}),
        json!({"kind":"log-doubled"}),
        json!({"kind":"log-truncated","bytes":1}),
    ];
    let mut rules: Vec<Value> = faults.into_iter().map(|fault| json!({ "fault": fault })).collect();
    rules.push(json!({
        "name": "n", "operation": "*", "caller": "mapping", "queue": "jobs", "function": "worker",
        "contains": "c", "nth": {"from": 1, "to": 2}, "count_by": "message", "probability": 0.5,
        "from_milliseconds": 1, "until_milliseconds": 2, "fault": {"kind": "reorder"}
    }));
    rules.push(json!({"nth": 3, "fault": {"kind": "latency", "milliseconds": 1}}));
    json!({
        "schema": "verifier.chaos.experiment/1", "name": "everything", "description": "d", "seed": 1,
        "stack": {
            "maxReceiveCount": 4, "visibilityTimeoutSeconds": 60, "functionTimeoutSeconds": 9,
            "batchSize": 5, "maximumBatchingWindowSeconds": 1, "maximumConcurrency": 5,
            "reportBatchItemFailures": true, "slackSeconds": 30
        },
        "steadyState": {"checks": ["cfg.*", "job.success"]},
        "load": [
            {"submit": {"name": "a", "atMilliseconds": 0, "job": "good"}},
            {"submit": {"name": "b", "atMilliseconds": 0, "job": {"slow": {"milliseconds": 5}}}},
            {"submit": {"name": "c", "atMilliseconds": 0, "job": {"flaky": {"fails": 1}}}},
            {"burst": {"name": "d", "atMilliseconds": 0, "count": 2, "everyMilliseconds": 1, "job": "poison"}},
            {"submit": {"name": "e", "atMilliseconds": 0, "job": {"exiting": {"at": "after"}}, "times": 2}},
            {"submit": {"name": "f", "atMilliseconds": 0, "job": "garbling"}},
            {"submit": {"name": "g", "atMilliseconds": 0, "job": "cut-off"}},
            {"redrive": {"atMilliseconds": 9, "by": "move-task"}},
            {"purge": {"atMilliseconds": 9}}
        ],
        "faults": rules,
        "changes": [
            {"setting": "mapping-disabled", "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": "batch-item-failures-ignored", "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": "submit-stopped", "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"batch-size": {"size": 1}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"worker-concurrency": {"limit": 0}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"batching-window": {"seconds": 5}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"maximum-concurrency": {"limit": 2}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"visibility-timeout": {"seconds": 9}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"max-receive-count": {"count": 2}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"worker-timeout": {"seconds": 9}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"worker-memory": {"megabytes": 128}}, "fromMilliseconds": 0, "untilMilliseconds": 1},
            {"setting": {"competing-receiver": {"seconds": 9}}, "fromMilliseconds": 0, "untilMilliseconds": 1}
        ],
        "undoAtMilliseconds": 10, "allow": ["lost", "redelivered"],
        "abort": {"maxDurationSeconds": 60, "maxCostCalls": 5},
        "found": {"target": "sim", "anomalies": ["lost"], "seeded": "lost", "historySha256": "00"}
    })
}

/// Every place of a document, as JSON pointers.
fn places(document: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                self::places(value, &format!("{at}/{}", name.replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                self::places(value, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

/// The document with one thing changed, in every way that is tried.
fn variants(document: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    self::places(document, "", &mut places);
    let mut variants = Vec::new();
    for place in &places {
        let mut with = |what: &str, change: &dyn Fn(&mut Value)| {
            let mut changed = document.clone();
            change(changed.pointer_mut(place).unwrap());
            variants.push((format!("{place}: {what}"), changed));
        };
        for other in [
            json!(null),
            json!("text"),
            json!(-1),
            json!(7),
            json!(1.5),
            json!(true),
            json!([{}]),
            json!({"x": 1}),
        ] {
            with(&other.to_string(), &|value| *value = other.clone());
        }
        with("another field", &|value| {
            if let Some(fields) = value.as_object_mut() {
                fields.insert("surplus".to_owned(), json!(1));
            }
        });
        if let Some((parent, name)) = place.rsplit_once('/') {
            let mut without = document.clone();
            if let Some(fields) = without.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.remove(&name.replace("~1", "/"));
                variants.push((format!("{place}: left out"), without));
            }
        }
    }
    variants
}

#[test]
fn the_schema_says_what_the_types_say() {
    let schema = Schema::load();
    let document = everything();
    assert!(schema.accepts(&document));
    parse_json(&document.to_string()).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for (what, variant) in variants(&document) {
        let typed = serde_json::from_value::<Experiment>(variant.clone());
        let is_accepted = schema.accepts(&variant);
        assert_eq!(typed.is_ok(), is_accepted, "{what}: {:?}", typed.err());
        *(if is_accepted { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > 200 && refused > 1_500, "{accepted} accepted, {refused} refused");
}

#[test]
fn whatever_is_written_keeps_to_the_schema() {
    let schema = Schema::load();
    for seed in 0..500 {
        let experiment = Experiment::of_schedule("a", "b", Schedule::generate(seed));
        let written = serde_json::to_value(&experiment).unwrap();
        assert!(schema.accepts(&written), "{written:#}");
        assert_eq!(parse_json(&written.to_string()).unwrap(), experiment);
        // JSON is YAML, too.
        assert_eq!(parse_yaml(&written.to_string()).unwrap(), experiment);
    }
    for builtin in Builtin::ALL {
        let written = serde_json::to_value(builtin.experiment().unwrap()).unwrap();
        assert!(schema.accepts(&written), "{}", builtin.name);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_field_and_its_line() {
    let good = Builtin::named("lost-ack").unwrap().text;
    for (from, to, field, problem) in [
        ("seed: 4", "sede: 4", "sede", "unknown field `sede`"),
        ("seed: 4", "seed: four", "seed", "line 4"),
        ("seed: 4", "seed: -4", "seed", "line 4"),
        ("job: poison}", "job: poisson}", "load[1].submit.job", "unknown variant `poisson`"),
        ("- submit:", "- submits:", "load[1]", "unknown variant `submits`"),
        ("caller: function", "caller: nobody", "faults[1].caller", "unknown variant `nobody`"),
        (
            "kind: delete-lost",
            "kind: delete-los",
            "faults[2].fault",
            "unknown variant `delete-los`",
        ),
        (
            "{kind: delete-lost}",
            "{kind: delete-lost, at: 1}",
            "faults[2].fault",
            "unknown field `at`",
        ),
        ("undoAtMilliseconds: 60000", "", "", "missing field `undoAtMilliseconds`"),
        ("seed: 4", "seed: 4\nseed: 5", "", "duplicate"),
        ("name: lost-ack", "name: Lost", "", "name: a name has 1 to 60"),
        (
            "operation: DeleteMessage",
            "operation: Delete",
            "",
            "faults[2]: the delete is forgotten: ",
        ),
        (
            "schema: verifier.chaos.experiment/1",
            "schema: other/1",
            "",
            "schema: verifier.chaos.experiment/1 is",
        ),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let said = parse_yaml(&text).unwrap_err();
        assert!(said.starts_with(field) && said.contains(problem), "{to}: {said}");
    }
}

#[test]
fn json_is_refused_in_the_same_words() {
    let said = |change: &dyn Fn(&mut Value)| {
        let mut document = everything();
        change(&mut document);
        parse_json(&document.to_string()).unwrap_err()
    };
    let surplus = said(&|document| document["stack"]["batchSizes"] = 1.into());
    assert!(surplus.starts_with("stack.batchSizes: unknown field `batchSizes`"), "{surplus}");
    let wrong = said(&|document| document["abort"]["maxCostCalls"] = "many".into());
    assert!(wrong.starts_with("abort.maxCostCalls: invalid type"), "{wrong}");
    assert!(parse_json(&format!("{} 1", everything())).unwrap_err().contains("trailing"));
}

#[test]
fn files_are_read_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = folder.path().join("mine.yaml");
    std::fs::write(&yaml, Builtin::named("lost-ack").unwrap().text).unwrap();
    let found = experiment_from(yaml.to_str().unwrap()).unwrap();
    assert_eq!(found, experiment_from("lost-ack").unwrap());
    let json = folder.path().join("mine.json");
    std::fs::write(&json, serde_json::to_string(&found).unwrap()).unwrap();
    assert_eq!(experiment_of_file(&json).unwrap(), found);
    std::fs::write(&json, "seed: 1").unwrap();
    let said = experiment_of_file(&json).unwrap_err();
    assert!(said.what.contains("mine.json cannot be used: "), "{said}");
    let said = experiment_from("lost-act").unwrap_err();
    assert!(said.what.contains("no file lost-act") && said.next.is_some(), "{said:?}");
    let said = experiment_of_file(folder.path()).unwrap_err();
    assert!(said.what.contains("cannot be used"), "{said}");
}

/// On half the stack that a worker of tokio has.
#[test]
fn a_file_that_nests_too_deep_is_refused() {
    let test = || {
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        assert!(parse_json(&format!("{{\"schedule\": {open}1{close}}}")).is_err());
        assert!(parse_yaml(&format!("schedule: {open}1{close}\n")).is_err());
        assert!(parse_yaml(&format!("schedule: {}1\n", "- ".repeat(20_000))).is_err());
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(test);
    thread.unwrap().join().unwrap();
}
