//! Templates that AWS refuses, each by one change of a stack that it would take: the emulator refuses them in the same words,
//! and `docs/refused-templates.md` lists them.

use std::path::Path;

use serde_json::Value;
use verifier_emulator::{Emulator, Template};

use crate::support::config;

const CASES: &str = include_str!("refused.json");
const PAGE: &str = "docs/refused-templates.md";
/// The fewest that there have to be.
const LEAST: usize = 60;

/// Applies a change as RFC 7396 says: what is null is taken away.
fn merge(target: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, change) in changes {
        if change.is_null() {
            target.as_object_mut().expect("an object").remove(name);
        } else {
            merge(&mut target[name], change);
        }
    }
}

/// What a stack of that template is refused with, if it is.
async fn refused(template: &Value) -> Option<String> {
    let config = match Template::parse(&template.to_string()) {
        Ok(_) => config(template),
        Err(error) => return Some(error.to_string()),
    };
    match Emulator::start(config).await {
        Ok(emulator) => {
            emulator.shut_down().await;
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_refused_in_its_words_and_listed() {
    let cases: Value = serde_json::from_str(CASES).expect("JSON");
    assert_eq!(refused(&cases["base"]).await, None, "what is changed would be taken");
    let rows = cases["rows"].as_array().expect("rows");
    assert!(rows.len() >= LEAST, "{}", rows.len());
    let (mut wrong, mut listed) = (Vec::new(), Vec::new());
    for row in rows {
        let mut template = cases["base"].clone();
        merge(&mut template, &row["change"]);
        let what = row["what"].as_str().expect("a text");
        let says: Vec<&str> =
            row["says"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
        let error = refused(&template).await.unwrap_or_else(|| "nothing".to_owned());
        if !says.iter().all(|words| error.contains(words)) {
            wrong.push(format!("{what}: {error}; expected {says:?}"));
        }
        let page = row["page"].as_str().expect("a page");
        // A long name would make the table unreadable, and says nothing more.
        let error = error.replace(&"q".repeat(81), "qqq…").replace(&"f".repeat(65), "fff…");
        // A pattern of AWS's that looks like a link is none.
        let error = error.replace('|', "\\|").replace('\n', " ").replace("](", "] (");
        listed.push(format!("| [{what}]({page}) | `{error}` |"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let missing: Vec<&String> = listed.iter().filter(|line| !page.contains(*line)).collect();
    assert!(missing.is_empty(), "{PAGE} lacks these lines:\n{}", listed.join("\n"));
}
