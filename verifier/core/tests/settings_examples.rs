//! Settings files, right and wrong.
#![allow(clippy::expect_used, clippy::panic)]

use contract::{Job, Outcome};
use verifier_core::check::read_settings;
use verifier_core::settings::{
    Filling, InForce, KEYS, MessageIds, Outcomes, Settings, lookup, queue_name,
};

const RUN: &str = "vrf-6569e9c0-0badcafe";

fn read(text: &str) -> InForce {
    read_settings("verifier.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    let error = read_settings("verifier.toml", text).expect_err(text);
    error.to_string()
}

/// Fails unless each file is refused with those words, at a place in it.
fn are_refused(files: &[(&str, &str)]) {
    for (text, said) in files {
        let error = refused(text);
        assert!(error.contains(said), "{text}\n{error}");
        assert!(error.starts_with("verifier.toml:"), "{error}");
    }
}

#[test]
fn an_empty_file_changes_nothing() {
    assert_eq!(read("").settings(), &Settings::default());
    assert_eq!(read("[outputs]\n[expect]\n").settings(), &Settings::default());
}

#[test]
fn a_value_comes_from_its_line_and_the_rest_from_the_defaults() {
    let mut in_force =
        read("[expect]\n\nreceives = 4\n[[expect.allow]]\ncheck = \"cfg.logs\"\nreason = \"r\"\n");
    in_force.set("expect.timeout_seconds", "--timeout", |settings| {
        settings.expect.timeout_seconds = Some(9);
    });
    let origin = |key: &str| {
        let shown = in_force.shown();
        let found = shown.iter().find(|shown| shown.key == key).expect("a key");
        found.origin.to_string()
    };
    assert_eq!(origin("expect.receives"), "verifier.toml:3");
    assert_eq!(origin("expect.allow"), "verifier.toml:4");
    assert_eq!(origin("expect.timeout_seconds"), "--timeout");
    assert_eq!(origin("outputs.api_url"), "default");
    assert_eq!(in_force.settings().expect.receives, Some(4));
    assert_eq!(in_force.settings().expect.timeout_seconds, Some(9));
}

#[test]
fn what_is_wrong_is_said_with_file_line_key_and_what_was_expected() {
    are_refused(&[
        ("[outputs", "verifier.toml:1:9: this is no TOML"),
        (
            "[output]\n",
            "verifier.toml:1:2: output: there is no such section; did you mean outputs?",
        ),
        ("outputs = 1\n", "verifier.toml:1:11: outputs: expected a table, found the number 1"),
        (
            "[api]\n\nhello_paths = \"/\"\n",
            "verifier.toml:3:1: api.hello_paths: there is no such key; did you mean api.hello_path?",
        ),
        (
            "[page]\nxyz = 1\n",
            "verifier.toml:2:1: page.xyz: there is no such key; expected one of page.config_path",
        ),
        (
            "[outputs]\napi_url = 7\n",
            "verifier.toml:2:11: outputs.api_url: expected a string, or false, found the number 7; write for example api_url = \"ApiUrl\"",
        ),
        ("[outputs]\napi_url = true\n", "expected a string, or false, found true"),
        ("[outputs]\njobs_queue = false\n", "outputs.jobs_queue: expected a string, found false"),
        (
            "[outputs]\njobs_queue = \" \"\n",
            "outputs.jobs_queue: expected a string, found the string",
        ),
        (
            "[resources]\nqueue = 7\n",
            "verifier.toml:2:9: resources.queue: expected a string, or false, found the number 7; write for example queue = \"orders\"",
        ),
        (
            "[resources]\ndead_letter_queue = \"\"\n",
            "resources.dead_letter_queue: expected a string",
        ),
        ("[resources]\nfunction = true\n", "resources.function: expected a string, or false"),
        (
            "[resources]\nqueues = \"q\"\n",
            "resources.queues: there is no such key; did you mean resources.queue?",
        ),
        (
            "[jobs]\nsubmit = \"sns\"\n",
            "verifier.toml:2:10: jobs.submit: expected \"http\" or \"sqs\", found the string \"sns\"; write for example submit = \"http\"",
        ),
        (
            "[jobs]\nmessage_attributes = { n = 1 }\n",
            "jobs.message_attributes: expected a table of strings",
        ),
        (
            "[jobs]\nmessage_group_id = 1\n",
            "jobs.message_group_id: expected a string, or false, found the number 1",
        ),
        (
            "[jobs]\nmessage_deduplication_id = []\n",
            "jobs.message_deduplication_id: expected a string, or false",
        ),
        (
            "[expect]\nreceives = 0\n",
            "expected a whole number from 1 to 1000, or false, found the number 0",
        ),
        ("[expect]\nreceives = 4.5\n", "expected a whole number from 1 to 1000, or false"),
        ("[api]\naccepted_status = 404\n", "expected a whole number from 200 to 299"),
        (
            "[expect]\norigins = \"a\"\n",
            "expect.origins: expected a list of strings, found the string \"a\"",
        ),
        (
            "[expect]\norigins = [1]\n",
            "verifier.toml:2:12: expect.origins: expected a list of strings, found another list, in which [0] is the number 1; write for example origins = [\"https://preview.example\"]",
        ),
        (
            "[jobs]\nheaders = { a = 1 }\n",
            "jobs.headers: expected a table of strings, found another table, in which a is the number 1",
        ),
        (
            "[[expect.allow]]\ncheck = \"cfg.logs\"\n",
            "verifier.toml:1:1: expect.allow: expected a list of tables, each with check and reason, found another list; write for example allow = [{ check = \"cfg.logs\",",
        ),
        (
            "[[expect.allow]]\ncheck = \"cfg.log\"\nreason = \"r\"\n",
            "verifier.toml:1:10: expect.allow: no check is called cfg.log; did you mean cfg.logs?",
        ),
    ]);
}

#[test]
fn only_who_posts_jobs_needs_somewhere_to_post_them_to() {
    let nowhere = InForce::read("verifier.toml", "[outputs]\napi_url = false\njob_url = false\n");
    let nowhere = nowhere.expect("whoever posts nothing reads it");
    let refused = nowhere.for_posting().map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(
        refused,
        Err("verifier.toml:3:1: outputs.job_url: there is nowhere to post jobs to; expected an output, api.jobs_path, or jobs.submit = \"sqs\"".to_owned())
    );
    let below_the_api = "[outputs]\njob_url = false\n[api]\njobs_path = \"/jobs\"\n";
    let sent = "[outputs]\njob_url = false\n[jobs]\nsubmit = \"sqs\"\n";
    let named = "[outputs]\njob_url = false\n[resources]\njob_url = \"https://a.example/jobs\"\n";
    for somewhere in [below_the_api, sent, named, ""] {
        let read = InForce::read("verifier.toml", somewhere).expect("it is sound");
        assert!(read.for_posting().is_ok(), "{somewhere}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_at_one_of_them() {
    are_refused(&[
        (
            "[jobs]\ngood = '{\"a\": \"{job_ids}\"}'\n",
            "verifier.toml:2:1: jobs.good: there is no placeholder {job_ids}; did you mean {job_id}?",
        ),
        ("[jobs]\ngood = '{\"a\": \"{run_id}\"}'\n", "jobs.good: expected {job_id} in it"),
        ("[jobs]\nfailing = '{job_id} {padding}'\n", "there is no placeholder {padding}"),
        (
            "[jobs]\ngood = '{job_id}'\nfailing = '{job_id}'\n",
            "jobs.failing: expected another body",
        ),
        (
            "[jobs]\nrefused = [{ defect = \"a b\", body = '{job_id}' }]\n",
            "jobs.refused: expected defects that differ, of a-z",
        ),
        (
            "[outputs]\njob_url = \"A\"\n[api]\njobs_path = \"/x\"\n",
            "verifier.toml:4:1: api.jobs_path: outputs.job_url says where jobs are posted to",
        ),
        (
            "[outputs]\napi_url = false\n[api]\njobs_path = \"/x\"\n",
            "outputs.api_url: api.jobs_path is below",
        ),
        (
            "[resources]\njob_url = \"https://a.example\"\n[api]\njobs_path = \"/x\"\n",
            "verifier.toml:4:1: api.jobs_path: resources.job_url says where jobs are posted to",
        ),
        (
            "[resources]\napi_url = \"a.example\"\n",
            "verifier.toml:2:1: resources.api_url: expected a URL such as https://api.example, found \"a.example\"",
        ),
        ("[resources]\njob_url = \"ftp://a\"\n", "resources.job_url: expected a URL"),
        ("[resources]\npreview_url = \"/\"\n", "resources.preview_url: expected a URL"),
        (
            "[jobs]\nmessage_attributes = { \"AWS.x\" = \"1\" }\n",
            "jobs.message_attributes: \"AWS.x\" is no name of an attribute",
        ),
        ("[jobs]\nmessage_attributes = { x = \"\" }\n", "the value of x is empty"),
        (
            "[jobs]\nmessage_attributes = { x = \"{jobid}\" }\n",
            "there is no placeholder {jobid}; did you mean {job_id}?",
        ),
        ("[jobs]\nmessage_group_id = \"a b\"\n", "jobs.message_group_id: expected letters, digits"),
        (
            "[jobs]\nmessage_deduplication_id = \"{run_id}\"\n",
            "jobs.message_deduplication_id: expected {job_id} or {name} in it",
        ),
        (
            "[api]\nhello_path = \"hello\"\n",
            "api.hello_path: expected a path that begins with a slash",
        ),
        ("[outcomes]\nsuccess = []\n", "outcomes.success: expected one word at least"),
        ("[outcomes]\nfailure = [\"succeeded\"]\n", "succeeded is in outcomes.success too"),
        ("[outcomes]\njob_id = false\nmessage_id = false\n", "outcomes.job_id: expected a path"),
        (
            "[outcomes]\npattern = '('\n",
            "verifier.toml:2:1: outcomes.pattern: expected a regular expression",
        ),
        (
            "[outcomes]\npattern = '(?<jobid>.)'\n",
            "there is no such group as jobid; did you mean job_id?",
        ),
        ("[outcomes]\npattern = '(?<job_id>.)'\n", "expected a group named outcome"),
        (
            "[outcomes]\npattern = '(?<outcome>.)(?<receive_count>.)'\n",
            "expected a group named job_id or message_id",
        ),
        (
            "[outcomes]\npattern = '(?<outcome>.)(?<receive_count>.)(?<job_id>.)'\nreason = \"why\"\n",
            "verifier.toml:3:1: outcomes.reason: it is not used beside outcomes.pattern",
        ),
    ]);
}

#[test]
fn what_cannot_be_sent_is_no_settings_file() {
    for (text, said) in [
        (
            "[api]\nhello_path = \"/hello world\"\n",
            "verifier.toml:2:1: api.hello_path: expected a path of a URL",
        ),
        (
            "[jobs]\nheaders = { \"bad header\" = \"1\" }\n",
            "verifier.toml:2:1: jobs.headers: \"bad header\" is no name of a header",
        ),
        ("[jobs]\nheaders = { \"\" = \"1\" }\n", "jobs.headers: \"\" is no name of a header"),
        ("[jobs]\nheaders = { x-a = \"1\\n2\" }\n", "jobs.headers: the value of x-a has control"),
        (
            "[jobs]\nheaders = { Content-Length = \"1\" }\n",
            "jobs.headers: Content-Length is set by",
        ),
        ("[jobs]\nheaders = { x-a = \"1\", X-A = \"2\" }\n", "jobs.headers: x-a is there twice"),
        (
            "[expect]\norigins = [\"https://a.example/\"]\n",
            "verifier.toml:2:1: expect.origins: \"https://a.example/\" is no origin: a scheme, a host and no path; did you mean https://a.example?",
        ),
        (
            "[expect]\norigins = [\"a.example\"]\n",
            "is no origin: a scheme, a host and no path; expected one",
        ),
        ("[expect]\norigins = [\"https://A.example:443\"]\n", "did you mean https://a.example?"),
        ("[expect]\norigins = [\"null\"]\n", "\"null\" is no origin"),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{error}");
    }
    // An app's own scheme, a port and a star are origins.
    let all = "[expect]\norigins = [\"*\", \"capacitor://localhost\", \"http://localhost:8000\"]\n";
    assert_eq!(read(all).settings().expect.origins.len(), 3);
}

#[test]
fn the_default_bodies_are_jobs_of_their_run_and_the_refused_ones_are_none() {
    let settings = Settings::default();
    let job_id = format!("{RUN}-failing");
    let filling = Filling { job_id: &job_id, run_id: RUN, name: "failing", padding_bytes: 9 };
    for (template, fails) in [(&settings.jobs.good, false), (&settings.jobs.failing, true)] {
        let body = filling.fill(template);
        let job = Job::parse(body.as_bytes()).expect("a job");
        assert_eq!((job.fail, job.job_id.as_deref()), (fails, Some(job_id.as_str())));
        assert_eq!(job.run_id.as_deref(), Some(RUN));
        assert_eq!(settings.jobs.message_ids().job_of(&body), Some(job_id.clone()));
        let run = settings.jobs.message_ids().run_of(&body).expect("a run");
        assert_eq!(run.to_string(), RUN);
    }
}

#[test]
fn a_message_names_its_job_at_a_path_and_its_run_with_it() {
    let ids = MessageIds { run_id: None, job_id: "order.ref".to_owned() };
    let run = |body: String| ids.run_of(&body).map(|run| run.to_string());
    assert_eq!(run(format!(r#"{{"order":{{"ref":"{RUN}-good-1"}}}}"#)).as_deref(), Some(RUN));
    assert_eq!(run(format!(r#"{{"order": {{"ref": "{RUN}-torn""#)).as_deref(), Some(RUN));
    assert_eq!(run(format!(r#"{{"order":{{"ref":"{RUN}"}}}}"#)), None);
    assert_eq!(run(format!(r#"{{"ref":"{RUN}-good-1"}}"#)), None);
}

#[test]
fn outcomes_are_read_from_plain_text_also_within_lambdas_json() {
    let outcomes = Outcomes {
        pattern: Some(
            r"^(?<job_id>\S+) (?<receive_count>\d+) (?<outcome>\w+)(?: (?<request_id>\S+))?$"
                .to_owned(),
        ),
        success: vec!["done".to_owned()],
        failure: vec!["broken".to_owned()],
        ..Outcomes::default()
    };
    let reader = outcomes.reader().expect("a pattern");
    let line = reader.read(&format!("{RUN}-a 2 done q\n"), RUN).expect("an outcome");
    assert_eq!(line.job_id, Some(format!("{RUN}-a")));
    assert_eq!((line.receive_count, line.outcome), (2, Outcome::Succeeded));
    assert_eq!((line.request_id.as_str(), line.message_id.as_str()), ("q", ""));
    let nested = format!(r#"{{"level":"INFO","message":"{RUN}-a 3 broken"}}"#);
    assert_eq!(reader.read(&nested, RUN).expect("an outcome").outcome, Outcome::Failed);
    for other in [
        format!("{RUN}-a two done"),
        format!("{RUN}-a 2 stopped"),
        format!("{RUN}0-a 2 done"),
        format!("{RUN} 2 done"),
        String::new(),
    ] {
        assert_eq!(reader.read(&other, RUN), None, "{other}");
    }
}

#[test]
fn outcomes_are_read_from_json_of_another_shape() {
    let text = |text: &str| Some(text.to_owned());
    let outcomes = Outcomes {
        marks: [("kind".to_owned(), "result".to_owned())].into(),
        run_id: None,
        job_id: text("job.ref"),
        message_id: None,
        receive_count: text("attempt"),
        request_id: None,
        outcome: "ok".to_owned(),
        success: vec!["true".to_owned()],
        failure: vec!["false".to_owned()],
        reason: text("errors.0"),
        batch_size: None,
        pattern: None,
    };
    let reader = outcomes.reader().expect("no pattern");
    let line = format!(
        r#"{{"kind":"result","job":{{"ref":"{RUN}-a"}},"attempt":"3","ok":false,"errors":["jam"]}}"#
    );
    let read = reader.read(&line, RUN).expect("an outcome");
    assert_eq!((read.receive_count, read.outcome), (3, Outcome::Failed));
    assert_eq!(read.reason.as_deref(), Some("jam"));
    assert_eq!(reader.read(&line.replace("result", "start"), RUN), None);
    assert_eq!(reader.read(&line.replace("\"ref\"", "\"id\""), RUN), None);
}

#[test]
fn paths_lead_through_tables_and_lists() {
    let value = serde_json::json!({"a": {"b": [1, {"c": 2}]}, "x.y": 3});
    assert_eq!(lookup(&value, "a.b.1.c"), Some(&2.into()));
    assert_eq!(lookup(&value, "x.y"), Some(&3.into()));
    for path in ["a.c", "a.b.2", "a.b.x", "", "a.b.1.c.d"] {
        assert_eq!(lookup(&value, path), None, "{path}");
    }
}

#[test]
fn a_queue_is_named_by_its_name_its_url_or_its_arn() {
    for output in [
        "q.fifo",
        "https://sqs.eu-central-1.amazonaws.com/1/q.fifo",
        "arn:aws:sqs:eu-central-1:1:q.fifo",
    ] {
        assert_eq!(queue_name(output), "q.fifo");
    }
}

#[test]
fn every_key_is_told_of() {
    for key in KEYS.iter() {
        assert!(!key.about.is_empty() && key.name.split('.').count() == 2, "{}", key.name);
    }
}

/// On half the stack that a worker of tokio has.
#[test]
fn a_file_that_nests_too_deep_is_refused() {
    let test = || {
        for text in [
            format!("[outputs]\napi_url = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000)),
            format!("[outputs]\napi_url = {}1{}\n", "{a=".repeat(100_000), "}".repeat(100_000)),
            format!("[outputs{}]\n", ".a".repeat(20_000)),
            format!("outputs{} = 1\n", ".a".repeat(20_000)),
        ] {
            assert!(read_settings("verifier.toml", &text).is_err());
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(test);
    thread.expect("a thread").join().expect("no overflow");
}
