//! Resources that no stack's outputs name: options, settings, files of outputs, logical ids; and jobs that are sent to the queue
//! itself. The commands are given names alone; how the queues came to be is none of their business.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Checked, Local, Printed, STACK, TOKEN_VARIABLE, VERIFIER, ask_sqs, check_changed};
use verifier_testkit::{Changes, scrubbed, template};

/// Checks of resources of no stack, by names alone: those that then have nothing to evaluate.
const WITHOUT: [(&str, &str); 6] = [
    ("stack.ready", "not-run"),
    ("stack.owns", "not-run"),
    ("web.page", "not-run"),
    ("web.config", "not-run"),
    ("api.hello", "not-run"),
    ("api.cors", "not-run"),
];

struct World {
    local: Local,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        Self { local: Local::start(&[]), folder: tempfile::tempdir().expect("a folder") }
    }

    fn of(arguments: &[&str]) -> Self {
        Self { local: Local::start(arguments), folder: tempfile::tempdir().expect("a folder") }
    }

    fn jobs(&self) -> &str {
        self.local.text("/outputs/JobsQueueName")
    }

    fn dead_letters(&self) -> &str {
        self.local.text("/outputs/JobsDeadLetterQueueName")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path
    }

    /// A command in the folder, whose `verifier.toml` is found.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(VERIFIER);
        command.args(arguments).args(["--endpoint-url", self.local.text("/endpoint")]);
        command.env(TOKEN_VARIABLE, self.local.token()).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        Printed::of(&mut self.command(arguments))
    }

    fn check(&self, arguments: &[&str]) -> Checked {
        Checked::of(&mut self.command(&[&["check"], arguments].concat()))
    }

    fn sqs(&self, operation: &str, request: &Value) {
        ask_sqs(self.local.text("/endpoint"), operation, request);
    }

    fn url(&self, queue: &str) -> String {
        format!("{}/000000000000/{queue}", self.local.text("/endpoint"))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn refused(printed: &Printed, said: &[&str]) {
    printed.assert(2);
    for said in said {
        assert!(printed.stderr.contains(said), "{said}: {}", printed.stderr);
    }
}

#[test]
fn a_queue_is_all_that_has_to_be_named_and_the_rest_follows() {
    let world = World::start();
    let named = world.check(&["--queue", world.jobs(), "--only", "cfg.*", "--strict"]);
    assert_eq!(named.code, Some(0), "{:#}", named.report);
    assert_eq!(named.report["stack"], world.jobs());
    assert!(
        named.find("cfg.redrive")["summary"].as_str().expect("text").contains(world.dead_letters())
    );
    // Nothing says where jobs are posted to, which is no reason to say nothing else.
    let all = world.check(&["--queue", world.jobs()]);
    assert_eq!(all.code, Some(3), "{:#}", all.report);
    let summary = all.find("job.accept")["summary"].as_str().expect("text");
    assert!(summary.contains("--api") && summary.contains("jobs.submit"), "{summary}");
    let summary = all.find("stack.ready")["summary"].as_str().expect("text");
    assert!(summary.contains("no stack of CloudFormation"), "{summary}");
    assert!(
        !all.report["awsCalls"]
            .as_object()
            .expect("calls")
            .keys()
            .any(|call| call.starts_with("CloudFormation"))
    );
    // A URL and an ARN name it as well, and so do the settings.
    let arn = format!("arn:aws:sqs:us-local-1:000000000000:{}", world.jobs());
    for queue in [&world.url(world.jobs()), &arn] {
        let checked = world.check(&["--queue", queue, "--only", "cfg.redrive,cfg.consumer"]);
        assert_eq!(checked.code, Some(0), "{queue}: {:#}", checked.report);
    }
    world.file("verifier.toml", &format!("[resources]\nqueue = \"{}\"\n", world.jobs()));
    assert_eq!(world.check(&["--only", "cfg.*"]).code, Some(0));
    let listed = world.run(&["dlq", "list", "--format", "json"]);
    listed.assert(0);
    assert!(listed.json()["queue"].to_string().contains(world.dead_letters()), "{}", listed.stdout);
}

#[test]
fn terraforms_outputs_lead_to_everything_and_a_good_stack_passes() {
    let world = World::start();
    let output = |value: Value| json!({"value": value, "type": "string", "sensitive": false});
    let outputs = json!({
        "queues": output(json!({"jobs": world.url(world.jobs()), "n": 1})),
        "api": output(json!(world.local.text("/outputs/ApiUrl"))),
        "password": {"value": "hunter2", "type": "string", "sensitive": true},
    });
    let file = world.file("tf.json", &outputs.to_string());
    let settings = "[outputs]\njobs_queue = \"queues.jobs\"\napi_url = \"api\"\njob_url = false\n";
    let api = "[api]\njobs_path = \"/jobs\"\nhello_answer = { message = \"*\" }\n";
    world.file("verifier.toml", &format!("{settings}{api}"));
    let checked = world.check(&["--terraform-outputs", text(&file), "--strict"]);
    let without = WITHOUT.iter().filter(|(id, _)| *id != "api.hello").copied();
    checked.assert(0, &without.collect::<Vec<_>>());
    assert!(!checked.report.to_string().contains("hunter2"));
    world.run(&["dlq", "list", "--terraform-outputs", text(&file)]).assert(0);
    world.run(&["redrive", "--terraform-outputs", text(&file), "--dry-run"]).assert(0);
    // SST's file is plain JSON, and may come by a pipe.
    let plain = json!({"queues": {"jobs": world.jobs()}}).to_string();
    world.file("verifier.toml", "[outputs]\njobs_queue = \"queues.jobs\"\n");
    let mut piped = world.command(&["dlq", "list", "--json-outputs", "-"]);
    let piped = piped.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut piped = piped.expect("it starts");
    piped.stdin.take().expect("a pipe").write_all(plain.as_bytes()).expect("it is written");
    let ended = piped.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_what_to_do() {
    let world = World::start();
    world.file("verifier.toml", "[outputs]\njobs_queue = \"jobs_queue_url\"\n");
    for (name, content, said) in [
        ("list.json", "[]", "found a list"),
        ("empty.json", "", "it is empty"),
        ("none.json", "{}", "holds no outputs"),
        ("null.json", r#"{"jobs_queue_url": {"value": null}}"#, "is null"),
        ("number.json", r#"{"jobs_queue_url": {"value": 7}}"#, "is a number"),
        ("secret.json", r#"{"jobs_queue_url": {"value": "q", "sensitive": true}}"#, "is sensitive"),
        ("other.json", r#"{"job_queue_url": {"value": "q"}}"#, "did you mean job_queue_url?"),
    ] {
        let file = world.file(name, content);
        for command in [&["check"][..], &["dlq", "list"], &["chaos", "run", "mapping-flap"]] {
            let printed = world.run(&[command, &["--terraform-outputs", text(&file)]].concat());
            refused(&printed, &[name, said]);
        }
    }
    refused(&world.run(&["check", "--terraform-outputs", "gone.json"]), &["gone.json"]);
    let file = world.file("plain.json", r#"{"jobs_queue_url": "q"}"#);
    let both = world.run(&["check", "--stack", STACK, "--json-outputs", text(&file)]);
    refused(&both, &["are of no stack"]);
}

#[test]
fn a_queue_that_is_not_meant_is_never_taken() {
    let world = World::start();
    let jobs = world.jobs();
    let other_region = format!("arn:aws:sqs:eu-west-1:000000000000:{jobs}");
    let other_account = format!("arn:aws:sqs:us-local-1:999999999999:{jobs}");
    for (queue, said) in [(&other_region, "eu-west-1"), (&other_account, "999999999999")] {
        let listed = world.run(&["dlq", "list", "--queue", queue]);
        assert_ne!(listed.code, Some(0), "{}", listed.stdout);
        assert!(listed.stderr.contains(said), "{}", listed.stderr);
        let checked = world.check(&["--queue", queue, "--only", "cfg.*"]);
        assert_ne!(checked.code, Some(0), "{:#}", checked.report);
    }
    refused(&world.run(&["check", "--queue", "no queue"]), &["--queue: no queue names no queue"]);
    refused(
        &world.run(&["check", "--queue", "q", "--api", "a.example"]),
        &["--api: expected a URL"],
    );
    refused(&world.run(&["check"]), &["nothing says what is to be checked", "--queue"]);
    refused(&world.run(&["check", "--dlq", world.dead_letters()]), &["no jobs queue is named"]);
    refused(&world.run(&["dlq", "list", "--queue", jobs, "--dlq", jobs]), &["they are one queue"]);
    let one = world.check(&["--queue", jobs, "--dlq", jobs, "--only", "cfg.redrive"]);
    assert_eq!(one.code, Some(1), "{:#}", one.report);
    // A dead-letter queue has none of its own to lead to.
    let none = world.run(&["dlq", "list", "--queue", world.dead_letters()]);
    refused(&none, &["has no redrive policy that names one", "--dlq"]);
    world.sqs("CreateQueue", &json!({"QueueName": "others"}));
    let other = world.check(&["--queue", jobs, "--dlq", "others", "--only", "cfg.redrive"]);
    assert!(
        other.find("cfg.redrive")["summary"]
            .as_str()
            .expect("text")
            .contains("leads to another queue")
    );
    let alone = world.check(&["--queue", "others", "--only", "cfg.redrive,cfg.consumer"]);
    assert_eq!(alone.with_verdict("fail"), ["cfg.redrive", "cfg.consumer"]);
    // With a stack, a queue that is not its own is refused, and nothing is sent to it.
    refused(
        &world.run(&["dlq", "list", "--stack", STACK, "--queue", "others"]),
        &["no resource of the stack"],
    );
    let stack = world.check(&["--stack", STACK, "--queue", "others"]);
    assert_eq!(stack.code, Some(1), "{:#}", stack.report);
    assert!(stack.with_verdict("fail").contains(&"stack.owns"));
    assert_eq!(stack.find("job.accept")["verdict"], "not-run");
    world.run(&["dlq", "list", "--stack", STACK, "--queue", jobs]).assert(0);
    world.file("verifier.toml", "[outputs]\ndead_letter_queue = \"Tickets\"\n");
    let unknown = world.run(&["dlq", "list", "--stack", STACK]);
    refused(&unknown, &["has no output Tickets", "the stack's queues are Jobs", "--dlq"]);
}

#[test]
fn jobs_are_sent_to_the_queue_itself_where_the_settings_say_so() {
    let world = World::start();
    world.file(
        "verifier.toml",
        "[jobs]\nsubmit = \"sqs\"\nmessage_attributes = { run = \"{run_id}\" }\n",
    );
    let checked = world.check(&["--queue", world.jobs(), "--strict"]);
    let without = WITHOUT.into_iter().chain([("api.reject", "not-run")]);
    checked.assert(0, &without.collect::<Vec<_>>());
    let accepted = checked.find("job.accept")["summary"].as_str().expect("text");
    assert!(accepted.contains("accepted by SQS"), "{accepted}");
    assert!(
        checked.report["awsCalls"]["SQS.SendMessage"].as_u64() >= Some(4),
        "{:#}",
        checked.report
    );
    assert_eq!(checked.report["leftBehind"], json!([]));
    let policy = world.run(&["iam-policy", "check"]);
    assert!(policy.stdout.contains("sqs:SendMessage"), "{}{}", policy.stdout, policy.stderr);
}

fn fifo(changes: &mut Changes) {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    for queue in resources.values_mut().filter(|each| each["Type"] == "AWS::SQS::Queue") {
        let is_jobs = queue["Properties"].get("RedrivePolicy").is_some();
        queue["Properties"]["FifoQueue"] = json!(true);
        queue["Properties"]["QueueName"] = json!(if is_jobs { "jobs.fifo" } else { "dead.fifo" });
    }
    changes.mapping()["MaximumBatchingWindowInSeconds"] = json!(0);
}

#[test]
fn jobs_of_a_fifo_queue_have_a_group_each_or_one_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("verifier.toml");
    for group in ["", "message_group_id = \"orders\"\n"] {
        let text = format!("[jobs]\nsubmit = \"sqs\"\n{group}");
        std::fs::write(&settings, text).expect("it is written");
        let path = settings.to_str().expect("a path");
        let checked = check_changed(&["--config", path, "--skip", "cfg.alarm,web.*"], fifo);
        assert_eq!(checked.code, Some(0), "{group}: {:#}\n{}", checked.report, checked.stderr);
        // A FIFO queue has no batching window, so that jobs meet only by being sent together.
        let isolation = checked.find("job.isolation");
        assert_eq!(isolation["verdict"], "pass", "{isolation:#}");
        assert_eq!(checked.find("job.success")["verdict"], "pass");
        assert_eq!(checked.report["leftBehind"], json!([]));
    }
}

/// What SQS does not take of a request is sent again by itself, and nothing is there twice.
#[test]
fn a_job_that_a_request_of_several_leaves_out_is_sent_again() {
    let settings = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    std::fs::write(settings.path(), "[jobs]\nsubmit = \"sqs\"\n").expect("it is written");
    let path = settings.path().to_str().expect("a path");
    for (sender_fault, code) in [(false, 0), (true, 1)] {
        let faults = support::fault_file(
            &json!([{"operation": "SendMessageBatch", "nth": 1, "fault":
            {"kind": "fail-entry", "code": "InternalError", "commit": "before", "sender_fault": sender_fault}}]),
        );
        let faults = faults.path().to_str().expect("a path");
        let arguments = ["--config", path, "--faults", faults, "--skip", "cfg.alarm,web.*"];
        let checked = check_changed(&arguments, |changes| {
            changes.mapping()["MaximumBatchingWindowInSeconds"] = json!(0);
        });
        assert_eq!(checked.code, Some(code), "{:#}\n{}", checked.report, checked.stderr);
        let accepted = checked.find("job.accept")["verdict"].clone();
        assert_eq!(accepted, if sender_fault { "fail" } else { "pass" }, "{:#}", checked.report);
        assert_eq!(checked.report["leftBehind"], json!([]));
    }
}

/// Sent by one request, good jobs and the failing one come in one batch, and what fails that takes the good ones along.
#[test]
fn a_worker_of_a_fifo_queue_that_throws_is_found_whatever_the_groups() {
    let functions = support::functions_with("worker", "worker-kinds.py");
    let functions = functions.path().to_str().expect("a path");
    let settings = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    let path = settings.path().to_str().expect("a path");
    let one = "message_group_id = \"orders\"\n";
    for (group, batch_size) in [("", 10), ("", 2), (one, 10), (one, 2)] {
        let text = format!("[jobs]\nsubmit = \"sqs\"\n{group}");
        std::fs::write(path, text).expect("it is written");
        let arguments = ["--config", path, "--functions", functions, "--skip", "cfg.alarm,web.*"];
        let checked = check_changed(&arguments, |changes| {
            fifo(changes);
            changes.mapping()["BatchSize"] = json!(batch_size);
            let resources = changes.document()["Resources"].as_object_mut().expect("resources");
            let worker =
                resources.values_mut().find(|each| each["Metadata"]["verifier:binary"] == "worker");
            let properties = &mut worker.expect("a worker")["Properties"];
            let variables = &mut properties["Environment"]["Variables"];
            for (name, value) in [("MUTANT", "failing=throws"), ("JOBS", ""), ("DEAD_LETTERS", "")]
            {
                variables[name] = json!(value);
            }
        });
        assert_eq!(checked.code, Some(1), "{group} {batch_size}: {:#}", checked.report);
        assert_eq!(checked.find("job.isolation")["verdict"], "fail", "{:#}", checked.report);
    }
}

#[test]
fn a_stack_without_outputs_for_its_queues_needs_none() {
    let without = |changes: &mut Changes| {
        let outputs = changes.document()["Outputs"].as_object_mut().expect("outputs");
        outputs.retain(|name, _| !name.contains("Queue"));
    };
    let only = check_changed(&["--strict"], without);
    only.assert(0, &[]);
    let ready = only.find("stack.ready")["summary"].as_str().expect("text").to_owned();
    assert!(ready.contains("the only queue of the stack with a redrive policy"), "{ready}");
    // By logical ids, without CDK's hash.
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("verifier.toml");
    let text =
        "[outputs]\njobs_queue = \"JobsQueue\"\ndead_letter_queue = \"JobsDeadLetterQueue\"\n";
    std::fs::write(&settings, text).expect("it is written");
    let path = settings.to_str().expect("a path");
    check_changed(&["--strict", "--config", path], without).assert(0, &[]);
    // A second pair of queues leaves it open which is meant.
    let two = check_changed(&[], |changes| {
        without(changes);
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let is_jobs = |each: &&Value| each["Properties"].get("RedrivePolicy").is_some();
        let jobs = resources.values().find(is_jobs).expect("a jobs queue").clone();
        resources.insert("Mails".to_owned(), jobs);
    });
    assert_eq!(two.code, Some(1), "{:#}", two.report);
    let ready = two.find("stack.ready")["summary"].as_str().expect("text");
    assert!(ready.contains("JobsQueueName"), "{ready}");
}

#[test]
fn of_several_functions_the_named_one_is_the_worker() {
    let file = template(|changes| {
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let is_hello = |each: &Value| each["Metadata"]["verifier:binary"] == "hello";
        let hello = resources.iter().find(|(_, each)| is_hello(each)).expect("hello").0.clone();
        let is_mapping = |each: &&Value| each["Type"] == "AWS::Lambda::EventSourceMapping";
        let mut second = resources.values().find(is_mapping).expect("a mapping").clone();
        second["Properties"]["FunctionName"] = json!({"Ref": hello});
        resources.insert("SecondMapping".to_owned(), second);
    });
    let world = World::of(&["--template", text(file.path()), "--no-iam"]);
    let only = ["--queue", world.jobs(), "--only", "cfg.consumer,cfg.visibility"];
    let several = world.check(&only);
    assert_eq!(several.find("cfg.consumer")["verdict"], "fail", "{:#}", several.report);
    let mappings = several.find("cfg.consumer")["evidence"]["mappings"].as_array();
    let readers: Vec<&str> =
        mappings.expect("mappings").iter().filter_map(|each| each["function"].as_str()).collect();
    let worker = readers.iter().find(|name| name.contains("Worker")).expect("the worker");
    let named = world.check(&[&only[..], &["--function", worker]].concat());
    let consumer = named.find("cfg.consumer");
    assert_eq!(consumer["verdict"], "warn", "{consumer:#}");
    assert!(
        consumer["summary"].as_str().expect("text").contains("each takes some of the messages")
    );
    assert_eq!(named.find("cfg.visibility")["verdict"], "pass");
    let other = world.check(&[&only[..], &["--function", "nobody"]].concat());
    assert!(
        other.find("cfg.consumer")["summary"].as_str().expect("text").contains("does not read")
    );
}

#[test]
fn a_queue_of_a_preview_is_broken_and_restored_without_a_stack() {
    let world = World::start();
    world.file("verifier.toml", "[jobs]\nsubmit = \"sqs\"\n");
    // A stack's tags are those of its queues, too.
    let url = world.url(world.jobs());
    world.sqs("UntagQueue", &json!({"QueueUrl": url, "TagKeys": ["preview"]}));
    let run = ["chaos", "run", "mapping-flap", "--queue", world.jobs(), "--yes"];
    refused(&world.run(&run), &["has no tag preview=true", "tag-queue"]);
    world.sqs("TagQueue", &json!({"QueueUrl": url, "Tags": {"preview": "true"}}));
    let ran = world.run(&[&run[..], &["--format", "json", "--journal", "undo.jsonl"]].concat());
    ran.assert(0);
    let journal = world.folder.path().join("undo.jsonl");
    world.run(&["chaos", "rollback", "--journal", text(&journal)]).assert(0);
    // What only an API does with a job is left out.
    let crowd = ["chaos", "run", "poison-in-a-crowd", "--queue", world.jobs(), "--yes"];
    let crowd = world.run(&crowd);
    crowd.assert(0);
    assert!(crowd.stderr.contains("is left out: jobs are sent to the queue"), "{}", crowd.stderr);
    // The queue is broken only where the command line says so, and by nothing that the simulator has.
    let settings = format!("[resources]\nqueue = \"{}\"\n", world.jobs());
    world.file("verifier.toml", &settings);
    let sim = Printed::of(
        scrubbed(VERIFIER).args(["chaos", "run", "mapping-flap"]).current_dir(world.folder.path()),
    );
    sim.assert(0);
    assert!(sim.stdout.contains("on sim"), "{}", sim.stdout);
    refused(&world.run(&["chaos", "run", "mapping-flap", "--yes"]), &["--yes means nothing to"]);
}
