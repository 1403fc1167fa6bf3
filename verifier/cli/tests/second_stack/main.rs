//! A stack of another team: other names, other paths, other payloads, other log lines, and no page. `verifier check` proves
//! it by nothing but its `verifier.toml`, and notices each flaw.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Checked, VERIFIER, check_local};
use verifier_testkit::{run, scrubbed};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_stack").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// Checks the stack after a change.
fn check(arguments: &[&str], change: impl FnOnce(&mut Value)) -> Checked {
    check_with(&file("verifier.toml"), arguments, change)
}

/// The same with other settings.
fn check_with(config: &Path, arguments: &[&str], change: impl FnOnce(&mut Value)) -> Checked {
    let sound = std::fs::read_to_string(file("print-shop.template.json")).expect("a template");
    let mut template: Value = serde_json::from_str(&sound).expect("JSON");
    change(&mut template);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("print-shop.template.json");
    std::fs::write(&path, template.to_string()).expect("it is written");
    let functions = file("functions");
    let stack = ["--template", text(&path), "--functions", text(&functions)];
    check_local(&[&stack, ["--config", text(config)].as_slice(), arguments].concat())
}

/// What does not pass on the sound stack either: it has no page, and lives with two warnings.
const SOUND: [(&str, &str); 5] = [
    ("cfg.logs", "warn"),
    ("cfg.alarm", "warn"),
    ("web.page", "not-run"),
    ("web.config", "not-run"),
    ("api.cors", "not-run"),
];

/// The same, with more.
fn sound_but(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut expected = SOUND.to_vec();
    expected.extend(more);
    let position = |id: &str| verifier_core::check::CHECKS.iter().position(|check| check.id == id);
    expected.sort_by_key(|(id, _)| position(id));
    expected
}

/// Gives the worker a flaw.
fn flaw(template: &mut Value, name: &str) {
    template["Resources"]["Press"]["Properties"]["Environment"]["Variables"]["PRESS_FLAW"] =
        name.into();
}

#[test]
fn it_passes_with_nothing_but_its_settings() {
    let checked = check(&["--strict"], |_| {});
    checked.assert(0, &sound_but(&[]));
    assert_eq!(checked.report["verdict"], "pass");
    assert_eq!(checked.report["leftBehind"], serde_json::json!([]));
    let attempts = checked.find("dlq.attempts")["evidence"]["attempts"].as_array();
    assert_eq!(attempts.expect("attempts").len(), 4);
    let alarm = &checked.find("cfg.alarm");
    assert_eq!(alarm["evidence"]["allowed"], "the shop's alarms are in another stack");
    assert!(alarm["summary"].as_str().expect("a text").contains("in another stack"));
    assert_eq!(checked.find("web.page")["summary"], "the stack has no page");
}

#[test]
fn without_its_settings_it_does_not() {
    let template = file("print-shop.template.json");
    let functions = file("functions");
    let checked = check_local(&["--template", text(&template), "--functions", text(&functions)]);
    assert_eq!(checked.code, Some(1), "{:#}", checked.report);
    assert_eq!(checked.with_verdict("fail"), ["stack.ready"]);
}

#[test]
fn a_worker_that_acknowledges_the_failing_job_is_noticed() {
    let checked = check(&[], |template| flaw(template, "acknowledges"));
    checked.assert(1, &sound_but(&[("dlq.attempts", "inconclusive"), ("dlq.arrival", "fail")]));
}

#[test]
fn another_dead_letter_queue_is_noticed() {
    let checked = check(&[], |template| {
        template["Resources"]["Tickets"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] =
            serde_json::json!({"Fn::GetAtt": ["Attic", "Arn"]});
    });
    assert_eq!(checked.with_verdict("fail"), ["cfg.redrive"], "{:#}", checked.report);
    assert_eq!(checked.code, Some(1));
    assert_eq!(checked.find("job.accept")["verdict"], "not-run");
}

#[test]
fn a_good_job_that_fails_is_noticed() {
    let checked = check(&[], |template| flaw(template, "jams"));
    // Those that were submitted when the failing job returned have receives left when it is dead-lettered, and are named.
    checked.assert(
        1,
        &sound_but(&[
            ("job.success", "fail"),
            ("job.isolation", "fail"),
            ("clean.leftovers", "warn"),
        ]),
    );
    assert!(checked.report["leftBehind"].as_array().is_some_and(|left| !left.is_empty()));
}

#[test]
fn lines_that_do_not_tell_the_job_are_noticed() {
    let checked = check(&[], |template| flaw(template, "mumbles"));
    // The work may be done all the same.
    checked.assert(
        3,
        &sound_but(&[
            ("job.success", "inconclusive"),
            ("job.isolation", "not-run"),
            ("dlq.attempts", "inconclusive"),
        ]),
    );
}

#[test]
fn a_pattern_that_does_not_fit_is_told_with_a_line() {
    let settings = std::fs::read_to_string(file("verifier.toml")).expect("settings");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("verifier.toml");
    std::fs::write(&path, settings.replace("^ticket", "^card")).expect("it is written");
    let checked = check_with(&path, &[], |_| {});
    let open = ["job.success", "dlq.attempts"];
    assert_eq!(checked.with_verdict("inconclusive"), open, "{:#}", checked.report);
    let summary = checked.find("job.success")["summary"].as_str().expect("a text");
    assert!(summary.contains("no outcome by the settings: ticket vrf-"), "{summary}");
}

#[test]
fn another_receive_count_than_the_file_expects_is_noticed() {
    let checked = check(&[], |template| {
        template["Resources"]["Tickets"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] =
            6.into();
    });
    assert_eq!(checked.with_verdict("fail"), ["cfg.redrive"], "{:#}", checked.report);
    assert_eq!(checked.code, Some(1));
}

#[test]
fn a_named_origin_has_to_be_allowed_though_there_is_no_page() {
    let settings = std::fs::read_to_string(file("verifier.toml")).expect("settings");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("verifier.toml");
    let origins = "[expect]\norigins = [\"https://a.example\", \"https://b.example\"]\n";
    std::fs::write(&path, settings.replace("[expect]\n", origins)).expect("it is written");
    let allowing = |origins: &[&str], headers: &[&str]| {
        let cors = serde_json::json!({
            "AllowOrigins": origins, "AllowMethods": ["POST"], "AllowHeaders": headers,
        });
        check_with(&path, &[], |template| {
            template["Resources"]["Service"]["Properties"]["CorsConfiguration"] = cors;
        })
    };
    // The headers of a submission, as its settings have them.
    let headers = ["content-type", "x-counter"];
    let both = allowing(&["https://a.example", "https://b.example"], &headers);
    assert_eq!(both.find("api.cors")["verdict"], "pass", "{:#}", both.report);
    let without = allowing(&["https://a.example", "https://b.example"], &headers[..1]);
    assert!(without.find("api.cors")["actual"].as_str().expect("a text").contains("x-counter"));
    let one = allowing(&["https://a.example"], &headers);
    assert_eq!(one.with_verdict("fail"), ["api.cors"]);
    assert!(one.find("api.cors")["expected"].as_str().expect("a text").contains("b.example"));
}

#[test]
fn the_command_line_overrides_the_file() {
    let checked = check(&["--receives", "3"], |_| {});
    assert_eq!(checked.with_verdict("fail"), ["cfg.redrive"], "{:#}", checked.report);
}

#[test]
fn the_settings_in_force_are_shown_with_where_they_come_from() {
    let show = |arguments: &[&str]| {
        let mut command = scrubbed(VERIFIER);
        command.current_dir(file("functions")).args(["config", "show"]).args(arguments);
        let output = run(&mut command);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a text")
    };
    // The file is found from a folder below its own.
    let shown: Value = serde_json::from_str(&show(&["--format", "json"])).expect("JSON");
    assert_eq!(shown["schema"], "verifier.config/1");
    let find = |key: &str| {
        let values = shown["values"].as_array().expect("values");
        let found = values.iter().find(|value| value["key"] == key);
        found.unwrap_or_else(|| panic!("no {key}")).clone()
    };
    let receives = find("expect.receives");
    assert_eq!(receives["value"], 4);
    let origin = receives["origin"].as_str().expect("a text");
    assert!(origin.ends_with("verifier.toml:39"), "{origin}");
    assert_eq!(find("outputs.preview_url")["value"], false);
    assert_eq!(find("expect.log_seconds")["origin"], "default");
    let human = show(&["--receives", "9"]);
    assert!(human.contains("receives = 9  # --receives\n"), "{human}");
    assert!(human.contains("[outputs]\npreview_url = false  # "), "{human}");
}

#[test]
fn what_is_wrong_in_a_file_is_a_usage_error_with_file_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "[outputs]\n\napi_ulr = \"A\"\n").expect("it is written");
    let checked = check_local(&["--config", text(&path)]);
    assert_eq!(checked.code, Some(2));
    for said in ["wrong.toml:3:1: outputs.api_ulr", "did you mean outputs.api_url?"] {
        assert!(checked.stderr.contains(said), "{}", checked.stderr);
    }
    let missing = folder.path().join("none.toml");
    let checked = check_local(&["--config", text(&missing)]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("none.toml"), "{}", checked.stderr);
}
