//! The stack with functions in Node.js and in Python, as CDK synthesises them: no metadata of the verifier's, and an asset for
//! each function. `verifier check --local` finds and runs them.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{VERIFIER, check_changed, check_local};
use verifier_testkit::{Changes, run, scrubbed, template};

fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_code").join(language)
}

/// Has the stack's functions run from their own code, which is in one folder.
fn rewrite(changes: &mut Changes, runtime: &str, folder: Option<&Path>) {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    for function in resources.values_mut() {
        let Some(binary) = function["Metadata"]["verifier:binary"].as_str() else { continue };
        let name = if binary == "submit-job" { "submit" } else { binary }.to_owned();
        function["Properties"]["Runtime"] = json!(runtime);
        function["Properties"]["Handler"] = json!(format!("{name}.handler"));
        function["Metadata"] = match folder {
            Some(folder) => json!({"aws:asset:path": folder, "aws:asset:property": "Code"}),
            None => json!({}),
        };
    }
}

#[test]
fn the_stack_passes_with_functions_in_node_and_python() {
    for (language, runtime) in [("node", "nodejs20.x"), ("python", "python3.11")] {
        let folder = folder(language);
        let checked = check_changed(&["--strict"], |changes| {
            rewrite(changes, runtime, Some(&folder));
        });
        checked.assert(0, &[]);
        assert_eq!(checked.report["leftBehind"], json!([]));
        let attempts = checked.find("dlq.attempts")["evidence"]["attempts"].as_array();
        assert_eq!(attempts.map(Vec::len), Some(3), "{language}");
    }
}

#[test]
fn code_that_the_template_does_not_lead_to_is_named() {
    let node = folder("node");
    let of = |changes: &mut Changes| -> Vec<String> {
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let is_own = |resource: &Value| resource["Metadata"]["verifier:binary"].is_string();
        resources.iter().filter(|(_, each)| is_own(each)).map(|(id, _)| id.clone()).collect()
    };
    let mut ids = Vec::new();
    let file = template(|changes| {
        ids = of(changes);
        rewrite(changes, "nodejs20.x", None);
    });
    let path = file.path().to_str().expect("a path");
    let refused = check_local(&["--template", path]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("in a bucket"), "{}", refused.stderr);
    assert!(ids.iter().any(|id| refused.stderr.contains(&format!("--code {id}=PATH"))));
    let given: Vec<String> = ids
        .iter()
        .flat_map(|id| ["--code".to_owned(), format!("{id}={}", node.display())])
        .collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    check_local(&[&["--template", path], given.as_slice()].concat()).assert(0, &[]);
}

#[test]
fn an_interpreter_of_another_version_is_one_warning_and_an_old_or_missing_one_an_error() {
    let node = folder("node");
    let interpreter = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("it is written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("its mode");
        (folder, path)
    };
    // Whatever version the machine has, it is not both of these.
    let warned: Vec<usize> = ["nodejs20.x", "nodejs22.x"]
        .iter()
        .map(|runtime| {
            let checked = check_changed(&[], |changes| rewrite(changes, runtime, Some(&node)));
            checked.assert(0, &[]);
            checked.stderr.matches(&format!("warning: {runtime} functions run in Node.js")).count()
        })
        .collect();
    assert!(warned.contains(&1) && warned.iter().all(|count| *count <= 1), "{warned:?}");
    let (_old, old) = interpreter("printf '/old/node\\n16.20.0\\n'");
    let given = format!("nodejs20.x={}", old.display());
    let refused = check_changed(&["--runtime", &given], |changes| {
        rewrite(changes, "nodejs20.x", Some(&node));
    });
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("Node.js 16.20 is too old"), "{}", refused.stderr);
}

/// A folder as CDK synthesises it: two stacks, one of them with code in Node.js.
fn synthesised() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("it is written");
    };
    let file = template(|changes| rewrite(changes, "nodejs20.x", None));
    let text = std::fs::read_to_string(file.path()).expect("a template");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let resources = document["Resources"].as_object().expect("resources");
    // CDK names assets in a manifest of their own.
    let keys: Vec<&str> = resources
        .values()
        .filter(|each| {
            each["Properties"]["Handler"].as_str().is_some_and(|handler| handler != "index.handler")
        })
        .filter_map(|each| each["Properties"]["Code"]["S3Key"].as_str())
        .collect();
    let node = self::folder("node");
    let of_asset = |key: &&str| {
        let asset = json!({"source": {"path": node}, "destinations": {"here": {"objectKey": key}}});
        ((*key).to_owned(), asset)
    };
    let assets: serde_json::Map<String, Value> = keys.iter().map(of_asset).collect();
    let stack = |name: &str| {
        json!({"type": "aws:cloudformation:stack", "displayName": name,
            "properties": {"templateFile": format!("{name}.template.json")}})
    };
    let manifest = json!({"artifacts": {"Jobs": stack("Jobs"), "Other": stack("Other")}});
    write("manifest.json", &manifest.to_string());
    write("Jobs.template.json", &text);
    write("Other.template.json", r#"{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}"#);
    write("Jobs.assets.json", &json!({"files": assets}).to_string());
    folder
}

#[test]
fn a_folder_of_cdk_s_is_a_template_and_stack_chooses_among_several() {
    let folder = synthesised();
    let path = folder.path().to_str().expect("a path");
    let checked = check_local(&["--template", path, "--stack", "Jobs"]);
    checked.assert(0, &[]);
    assert_eq!(checked.report["stack"], "Jobs");
    let refused = check_local(&["--template", path]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("has 2 stacks"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--stack: Jobs, Other"), "{}", refused.stderr);
    for (arguments, words) in [
        (&["--stack", "Jobs"][..], "chooses among the stacks of CDK's folder"),
        (&["--template", path, "--stack", "Nope"], "has no stack Nope"),
    ] {
        let refused = check_local(arguments);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

/// No metadata, no launcher, no file by hand, and no output for the queues: CDK makes none.
#[test]
fn a_stack_of_cdk_s_that_was_never_seen_is_proposed_and_checked() {
    let folder = synthesised();
    let template = folder.path().join("Jobs.template.json");
    let text = std::fs::read_to_string(&template).expect("a template");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    let outputs = document["Outputs"].as_object_mut().expect("outputs");
    outputs.retain(|name, _| !name.contains("Queue"));
    std::fs::write(&template, document.to_string()).expect("it is written");
    let path = folder.path().to_str().expect("a path");
    let settings = folder.path().join("verifier.toml");
    let settings = settings.to_str().expect("a path");
    let init = ["init", "--template", path, "--stack", "Jobs", "--output", settings];
    let output = run(scrubbed(VERIFIER).args(init));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(settings).expect("the settings");
    // By ids without the hash that CDK ends them with.
    for queue in ["JobsQueue", "JobsDeadLetterQueue"] {
        assert!(written.contains(queue), "{written}");
    }
    let args = ["--template", path, "--stack", "Jobs", "--config", settings, "--strict"];
    check_local(&args).assert(0, &[]);
}

#[test]
fn what_is_about_a_template_is_refused_for_a_deployed_stack() {
    for option in [
        &["--clock", "real"][..],
        &["--code", "F=."],
        &["--runtime", "nodejs22.x=node"],
        &["--value", "a=b"],
    ] {
        let mut command = scrubbed(VERIFIER);
        let output = run(command.args(["check", "--stack", "S"]).args(option));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("{} goes with --local", option[0])), "{said}");
    }
}

#[test]
fn what_aws_looks_up_is_given_by_value_and_never_passed_on_as_text() {
    let node = folder("node");
    let change = |changes: &mut Changes| {
        rewrite(changes, "nodejs20.x", Some(&node));
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let is_hello = |each: &&mut Value| each["Properties"]["Handler"] == "hello.handler";
        let hello = resources.values_mut().find(is_hello).expect("it is there");
        hello["Properties"]["Environment"]["Variables"]["PR_NUMBER"] =
            json!("{{resolve:ssm:/preview/number:2}}");
    };
    check_changed(&["--value", "/preview/number=123"], change).assert(0, &[]);
    let refused = check_changed(&[], change);
    assert_eq!(refused.code, Some(2));
    let said = &refused.stderr;
    assert!(said.contains("PR_NUMBER needs the value of /preview/number"), "{said}");
    assert!(said.contains("--value '/preview/number=VALUE'"), "{said}");
}
