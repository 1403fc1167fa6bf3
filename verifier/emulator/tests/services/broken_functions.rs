//! Functions that cannot start, that write more than anybody reads, and that are changed while they run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::support::{Stand, config, mapping, probe, queues, resources};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::time::timeout;
use verifier_emulator::EmulatorConfig;

/// How long a test may take. A freeze would last for good.
const PATIENCE: Duration = Duration::from_mins(2);

/// A stack of one function, which is this program.
fn of_program(folder: &Path, program: &[u8], mode: u32, log_format: &str) -> EmulatorConfig {
    let file = folder.join("probe.py");
    std::fs::write(&file, program).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode");
    let logging = json!({"LogFormat": log_format, "LogGroup": "probe"});
    let function = probe(json!({"LoggingConfig": logging}));
    let document = json!({"Resources": resources([("Probe", function)])});
    EmulatorConfig { functions: folder.to_owned(), ..config(&document) }
}

impl Stand {
    /// The error type and the payload of an invocation.
    async fn invoke(&self, wish: &str) -> (Option<String>, Value) {
        let payload = Blob::new(json!({"wish": wish}).to_string());
        let invoke = self.lambda.invoke().function_name("probe").payload(payload);
        let output = invoke.send().await.expect("an answer");
        let bytes = output.payload.as_ref().map(Blob::as_ref).unwrap_or_default();
        (output.function_error, serde_json::from_slice(bytes).expect("JSON"))
    }

    async fn log(&self) -> Vec<String> {
        let logs = aws_sdk_cloudwatchlogs::Client::new(&self.sdk);
        let (mut messages, mut token) = (Vec::new(), None);
        loop {
            let page = logs.filter_log_events().log_group_name("probe").set_next_token(token);
            let page = page.send().await.expect("an answer");
            messages.extend(page.events.into_iter().flatten().filter_map(|event| event.message));
            token = page.next_token;
            if token.is_none() {
                return messages;
            }
        }
    }
}

/// A program that cannot start is invoked. What its caller and its log say of it.
async fn started(program: &[u8], mode: u32, log_format: &str) -> (String, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let stand = Stand::of(of_program(folder.path(), program, mode, log_format)).await;
    let (failed, payload) = timeout(PATIENCE, stand.invoke("pid")).await.expect("an end");
    assert_eq!(failed.as_deref(), Some("Unhandled"));
    let log = stand.log().await.join("\n");
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    (text("errorType"), text("errorMessage"), log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_ends_while_it_starts_shows_its_output_to_the_caller_and_in_the_log() {
    let reporting = "#!/usr/bin/env python3\n\
        import json, os, time, urllib.request as u\n\
        api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/init/error'\n\
        body = json.dumps({'errorType': 'Wished', 'errorMessage': 'no settings'}).encode()\n\
        u.urlopen(u.Request(api, body))\ntime.sleep(60)\n";
    let endless = "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x >&2\nexit 7\n";
    for (program, error_type, ended, written) in [
        (
            "#!/usr/bin/env python3\nimport nothing_like_this\n",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 1",
            "ModuleNotFoundError: No module named 'nothing_like_this'",
        ),
        (
            "#!/bin/sh\necho no settings >&2\nexit 1\n",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 1",
            "no settings",
        ),
        (
            "#!/usr/bin/env no-such-interpreter\n",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 127",
            "no-such-interpreter",
        ),
        (
            "#!/bin/sh\necho about to fall\nkill -SEGV $$\n",
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
            "about to fall",
        ),
        (
            "#!/usr/bin/env python3\ndef handler(event, context):\n    return event\n",
            "Runtime.ExitError",
            "Runtime exited without providing a reason",
            "a file with a handler alone is not started",
        ),
        (endless, "Runtime.ExitError", "exit status 7", "xxxxx"),
        (reporting, "Wished", "the runtime reported an init error: no settings", ""),
    ] {
        let (kind, message, log) = started(program.as_bytes(), 0o755, "JSON").await;
        assert_eq!(kind, error_type, "{message}");
        for text in [ended, written] {
            assert!(message.contains(text), "{text} is not in {message}");
            assert!(log.contains(text), "{text} is not in the log: {log}");
        }
        assert!(log.contains(&format!(r#""errorType":"{error_type}""#)), "{log}");
        assert!(message.len() < 10_000, "{} bytes", message.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_be_started_at_all_says_why_to_the_caller_and_in_the_log() {
    let other: u8 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, other, 0, 1, 0, 0, 0]);
    elf.resize(200, 0);
    for (program, mode, why) in [
        (b"#!/no/such/interpreter\n".as_slice(), 0o755, "the interpreter /no/such/interpreter"),
        (b"#!/bin/sh\n", 0o644, "it is not executable"),
        (&elf, 0o755, "build it for this machine"),
    ] {
        let (kind, message, log) = started(program, mode, "Text").await;
        assert_eq!(kind, "Runtime.InvalidEntrypoint", "{message}");
        assert!(message.contains(why), "{why} is not in {message}");
        assert!(log.contains(why), "{why} is not in the log: {log}");
        assert!(log.contains("Error Type: Runtime.InvalidEntrypoint"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_program_is_known_before_it_is_invoked() {
    let handler = b"def handler(event, context):\n    return event\n".as_slice();
    for (program, mode, problem) in [
        (handler, 0o644, Some("a file with a handler alone is not started")),
        (b"#!/bin/sh\n", 0o644, Some("run chmod +x on it")),
        (b"#!/bin/sh\n", 0o755, None),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let stand = Stand::of(of_program(folder.path(), program, mode, "JSON")).await;
        let found = stand.emulator.unstartable().await;
        let told = found.first().map(|found| (found.function.as_str(), found.problem.as_str()));
        assert_eq!(told.map(|(function, _)| function), problem.map(|_| "probe"));
        let is_told = told.zip(problem).is_none_or(|((_, told), problem)| told.contains(problem));
        assert!(is_told, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_end_whatever_a_function_writes_and_the_log_says_what_is_missing() {
    let stand = Stand::start(resources([("Probe", probe(json!({"Timeout": 20})))])).await;
    // The first is the length at which a fence was cut in two, so that no invocation came behind it.
    for bytes in [1_048_560_usize, 1_048_576, 1_048_577, 20_000_000, 0] {
        let wish = format!("flood {bytes}");
        let answer = timeout(PATIENCE, stand.invoke(&wish)).await;
        assert_eq!(answer.expect("it ends").1["body"], "flooded", "{wish}");
    }
    let log = stand.log().await;
    assert!(log.iter().all(|line| line.len() <= 1024 * 1024));
    let told = |line: &&String| line.contains("platform.logsDropped");
    let told: Vec<&String> = log.iter().filter(told).collect();
    let prefix = "\u{1e}fence ".len();
    for missing in [20_000_000 + prefix - 1_048_576, 1 + prefix, prefix] {
        let text = format!(r#""droppedBytes":{missing},"droppedRecords":1"#);
        assert!(told.iter().any(|line| line.contains(&text)), "{text}: {told:?}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
}

/// Invocations, changes of the configuration, of the concurrency and of the mapping, and a delete, all at once, while the
/// clock skips what it can.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_freezes_while_everything_changes() {
    let parts = [("Probe", probe(json!({"Timeout": 20}))), ("Mapping", mapping(json!({})))];
    let stand = Stand::start(resources(queues().into_iter().chain(parts))).await;
    let invoke = async {
        for round in 0..12 {
            let payload = Blob::new(json!({"wish": format!("pid {round}")}).to_string());
            // It may be throttled or have ended; what matters is that it is answered.
            let _ = stand.lambda.invoke().function_name("probe").payload(payload).send().await;
        }
    };
    let configure = async {
        for round in 0..12 {
            let update = stand.lambda.update_function_configuration().function_name("probe");
            update.timeout(20 + round).send().await.expect("it is changed");
        }
    };
    let reserve = async {
        for round in 0..12 {
            let reserve = stand.lambda.put_function_concurrency().function_name("probe");
            let reserve = reserve.reserved_concurrent_executions(round % 3);
            reserve.send().await.expect("it is reserved");
            let free = stand.lambda.delete_function_concurrency().function_name("probe");
            free.send().await.expect("it is free");
        }
    };
    let send = async {
        for round in 0..12 {
            stand.send("jobs", &format!("nothing:{round}")).await;
            stand.wait(1).await;
        }
    };
    let all = async {
        tokio::join!(invoke, configure, reserve, send, async {
            let invokers = (0..4).map(|_| async {
                for _ in 0..8 {
                    let payload = Blob::new(r#"{"wish": "pid"}"#);
                    let invoke = stand.lambda.invoke().function_name("probe").payload(payload);
                    let _ = invoke.send().await;
                }
            });
            futures::future::join_all(invokers).await
        });
        stand.invoke("pid").await
    };
    let (failed, _) = timeout(PATIENCE, Box::pin(all)).await.expect("nothing freezes");
    assert_eq!(failed, None);
}

/// A function that answers its invocations after a while, and one that signals its whole process group at each.
const RUNTIME: &str = "#!/usr/bin/env python3\n\
    import os, time, urllib.request as u\n\
    api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n\
    while True:\n\
    \x20   with u.urlopen(api + 'next') as n: i = n.headers['Lambda-Runtime-Aws-Request-Id']\n\
    \x20   DEED\n\
    \x20   u.urlopen(u.Request(api + i + '/response', b'\"done\"'))\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_leaves_running_ends_with_its_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    // A session of its own, which ignores what ends its group; and the group's leader is signalled first.
    let deed = "import subprocess as s, signal; signal.signal(15, signal.SIG_IGN); os.killpg(0, 15); \
        child = s.Popen(['sh', '-c', 'trap \"\" TERM HUP; sleep 600; :'], start_new_session=True); \
        print('{\"child\": %d}' % child.pid, flush=True)";
    let program = RUNTIME.replace("DEED", deed);
    let stand = Stand::of(of_program(folder.path(), program.as_bytes(), 0o755, "Text")).await;
    assert_eq!(stand.invoke("").await, (None, json!("done")));
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let lines = logs.filter_log_events().log_group_name("probe").filter_pattern("{ $.child > 0 }");
    let lines = lines.send().await.expect("an answer").events.unwrap_or_default();
    let line: Value =
        serde_json::from_str(lines[0].message.as_deref().expect("a line")).expect("JSON");
    let status = format!("/proc/{}/status", line["child"]);
    let is_running = || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        status.contains("State:") && !status.contains("State:\tZ")
    };
    assert!(is_running());
    stand.emulator.shut_down().await;
    let ended = async {
        while is_running() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_signals_its_group_reaches_no_other_function() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, deed) in [("probe.py", "time.sleep(0.3)"), ("killer.py", "os.killpg(0, 15)")] {
        let file = folder.path().join(name);
        std::fs::write(&file, RUNTIME.replace("DEED", deed)).expect("it is written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    let mut killer = probe(json!({"FunctionName": "killer"}));
    killer["Metadata"]["verifier:binary"] = json!("killer.py");
    let document =
        json!({"Resources": resources([("Probe", probe(json!({}))), ("Killer", killer)])});
    let config = EmulatorConfig { functions: folder.path().to_owned(), ..config(&document) };
    let stand = Stand::of(config).await;
    // It is there before the other begins.
    assert_eq!(stand.invoke("").await, (None, json!("done")));
    let kill = async || {
        let invoked = stand.lambda.invoke().function_name("killer").send().await;
        invoked.expect("an answer").function_error
    };
    let (done, ended) = tokio::join!(stand.invoke(""), kill());
    assert_eq!(done, (None, json!("done")));
    assert!(ended.is_some(), "it ended itself");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_knows_from_which_level_on_it_logs() {
    let program = b"#!/bin/sh\necho \"from ${AWS_LAMBDA_LOG_LEVEL-nowhere} on\"\nexit 7\n";
    let folder = tempfile::tempdir().expect("a folder");
    for (format, level, said) in [
        ("JSON", None, Ok("from INFO on")),
        ("JSON", Some("ERROR"), Ok("from ERROR on")),
        ("Text", None, Ok("from nowhere on")),
        ("Text", Some("ERROR"), Err("needs the log format JSON")),
        ("JSON", Some("LOUD"), Err("is none of TRACE, DEBUG, INFO, WARN, ERROR, FATAL")),
    ] {
        let file = folder.path().join("probe.py");
        std::fs::write(&file, program).expect("it is written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let mut logging = json!({"LogFormat": format, "LogGroup": "probe"});
        if let Some(level) = level {
            logging["ApplicationLogLevel"] = json!(level);
        }
        let function = probe(json!({"LoggingConfig": logging}));
        let document = json!({"Resources": resources([("Probe", function)])});
        let config = EmulatorConfig { functions: folder.path().to_owned(), ..config(&document) };
        match said {
            Ok(said) => {
                let stand = Stand::of(config).await;
                timeout(PATIENCE, stand.invoke("pid")).await.expect("an end");
                let log = stand.log().await.join("\n");
                assert!(log.contains(said), "{format} {level:?}: {log}");
                stand.emulator.shut_down().await;
            }
            Err(said) => {
                let refused = verifier_emulator::Emulator::start(config).await.err();
                let error = refused.expect("a refusal").to_string();
                assert!(error.contains("Probe (AWS::Lambda::Function)"), "{error}");
                assert!(error.contains(said), "{error}");
            }
        }
    }
}
