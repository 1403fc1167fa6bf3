//! Functions that run from their own code, in Node.js and Python: what a handler is given, and what becomes of its errors.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use verifier_emulator::{CodeConfig, Emulator, EmulatorConfig};

use crate::support::{Stand, config, mapping, queues, resources};

/// A function with code of its own, in the newest runtime of the interpreter that every machine for these tests has.
fn function(runtime: &str, handler: &str, code: &Value, format: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "probe",
            "Runtime": runtime,
            "Handler": handler,
            "Code": code,
            "Role": "arn:aws:iam::000000000000:role/other",
            "Timeout": 5,
            "LoggingConfig": {"LogFormat": format, "LogGroup": "probe"},
        },
    })
}

fn document(function: Value) -> Value {
    let parts = [("Probe", function), ("Mapping", mapping(json!({"Enabled": false})))];
    json!({"Resources": resources(queues().into_iter().chain(parts))})
}

fn inline(runtime: &str, code: &str) -> Value {
    document(function(runtime, "index.handler", &json!({"ZipFile": code}), "Text"))
}

/// An answer of a function: whether it is an error, and what it says.
async fn ask(stand: &Stand, event: &Value) -> (bool, Value) {
    let payload = Blob::new(event.to_string());
    let invoked = stand.lambda.invoke().function_name("probe").payload(payload).send().await;
    let invoked = invoked.expect("an answer");
    let payload = invoked.payload.map(Blob::into_inner).unwrap_or_default();
    let answer = serde_json::from_slice(&payload).expect("JSON");
    (invoked.function_error.is_some(), answer)
}

/// The lines of its log.
async fn lines(stand: &Stand) -> Vec<String> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let found = logs.filter_log_events().log_group_name("probe").send().await.expect("events");
    found.events().iter().filter_map(|event| event.message.clone()).collect()
}

/// What one invocation of a handler comes to: its answer, and the log.
async fn one(document: &Value, event: &Value) -> ((bool, Value), Vec<String>) {
    let stand = Stand::of(config(document)).await;
    let answer = ask(&stand, event).await;
    let lines = lines(&stand).await;
    stand.emulator.shut_down().await;
    (answer, lines)
}

const NODE: &str = "nodejs20.x";
const PYTHON: &str = "python3.11";

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_is_given_its_event_and_its_context() {
    let node = "exports.handler = async (event, context) => ({ event, id: context.awsRequestId,
        name: context.functionName, memory: context.memoryLimitInMB, group: context.logGroupName,
        arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis(),
        root: process.env.LAMBDA_TASK_ROOT === process.cwd(), environment: process.env.AWS_EXECUTION_ENV })";
    let python = "import os
def handler(event, context):
    return dict(event=event, id=context.aws_request_id, name=context.function_name,
        memory=context.memory_limit_in_mb, group=context.log_group_name,
        arn=context.invoked_function_arn, left=context.get_remaining_time_in_millis(),
        root=os.environ['LAMBDA_TASK_ROOT'] == os.getcwd(), environment=os.environ['AWS_EXECUTION_ENV'])
";
    for (runtime, code) in [(NODE, node), (PYTHON, python)] {
        let ((is_error, answer), _) = one(&inline(runtime, code), &json!({"a": [1, "é"]})).await;
        assert!(!is_error, "{answer}");
        assert_eq!(answer["event"], json!({"a": [1, "é"]}));
        assert_eq!(answer["id"].as_str().map(str::len), Some(36));
        assert_eq!(answer["name"], "probe");
        assert_eq!(answer["memory"], "128");
        assert_eq!(answer["group"], "probe");
        assert_eq!(answer["arn"], "arn:aws:lambda:us-local-1:000000000000:function:probe");
        let left = answer["left"].as_i64().expect("a number");
        assert!((1..=5_000).contains(&left), "{left}");
        assert_eq!(answer["root"], true);
        assert_eq!(answer["environment"], format!("AWS_Lambda_{runtime}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_node_answer_in_each_way_that_there_is() {
    for (code, expected) in [
        ("exports.handler = (event, context, callback) => callback(null, event.x + 1)", json!(2)),
        // A callback waits until nothing is left to do.
        (
            "let late = 0; exports.handler = (event, context, callback) => {
                setTimeout(() => { late = 7 }, 20); callback(null, { get late() { return late } }) }",
            json!({"late": 7}),
        ),
        (
            "exports.handler = (event, context, callback) => {
                context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60_000); callback(null, 'now') }",
            json!("now"),
        ),
        ("exports.handler = (event, context) => { context.succeed('old') }", json!("old")),
        // Nothing returned, and nothing left to do.
        ("exports.handler = () => {}", json!(null)),
        ("exports.handler = async () => undefined", json!(null)),
        ("exports.handler = () => ({ then: (resolve) => resolve(5) })", json!(5)),
    ] {
        let ((is_error, answer), _) = one(&inline(NODE, code), &json!({"x": 1})).await;
        assert!(!is_error, "{code}: {answer}");
        assert_eq!(answer, expected, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_the_shape_that_lambda_gives_it() {
    let of = async |runtime: &str, code: &str| one(&inline(runtime, code), &json!({})).await;
    for (code, kind, message) in [
        ("exports.handler = async () => { throw new TypeError('bad') }", "TypeError", "bad"),
        (
            "exports.handler = (e, c, callback) => callback(new RangeError('far'))",
            "RangeError",
            "far",
        ),
        ("exports.handler = () => { throw new Error('at once') }", "Error", "at once"),
        ("exports.handler = async () => { throw 'a text' }", "string", "a text"),
        ("exports.handler = async () => ({ a: 1n })", "Error", "Unable to stringify response body"),
    ] {
        let ((is_error, answer), lines) = of(NODE, code).await;
        assert!(is_error, "{code}: {answer}");
        assert_eq!(
            (&answer["errorType"], &answer["errorMessage"]),
            (&json!(kind), &json!(message))
        );
        assert!(answer["trace"].is_array(), "{answer}");
        let logged = lines.iter().find(|line| line.contains("\tERROR\tInvoke Error \t{"));
        assert!(logged.is_some_and(|line| line.contains(message)), "{lines:?}");
    }
    let ((is_error, answer), lines) =
        of(PYTHON, "def handler(event, context):\n    raise ValueError('bad')\n").await;
    assert!(is_error);
    assert_eq!(
        (&answer["errorType"], &answer["errorMessage"]),
        (&json!("ValueError"), &json!("bad"))
    );
    assert_eq!(answer["requestId"].as_str().map(str::len), Some(36));
    let trace = answer["stackTrace"].as_array().expect("a trace");
    assert_eq!(trace.len(), 1, "{answer}");
    let frame = trace[0].as_str().expect("a text");
    assert!(
        frame.contains("index.py\", line 2, in handler\n    raise ValueError('bad')"),
        "{frame}"
    );
    let logged = lines.iter().find(|line| line.starts_with("[ERROR] ValueError: bad\rTraceback"));
    assert!(logged.is_some(), "{lines:?}");
    let ((is_error, answer), _) =
        of(PYTHON, "def handler(event, context):\n    return object()\n").await;
    assert!(is_error);
    assert_eq!(answer["errorType"], "Runtime.MarshalError");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_cannot_be_loaded_says_so_in_lambda_s_words() {
    let node = |code: &str, handler: &str| {
        document(function(NODE, handler, &json!({"ZipFile": code}), "Text"))
    };
    let python = |code: &str, handler: &str| {
        document(function(PYTHON, handler, &json!({"ZipFile": code}), "Text"))
    };
    for (document, kind, message) in [
        (
            node("exports.other = 1", "index.handler"),
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        (
            node("exports.handler = 1", "index.handler"),
            "Runtime.HandlerNotFound",
            "index.handler is not a function",
        ),
        (
            node("require('no-such-module')", "index.handler"),
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'no-such-module'",
        ),
        (
            node("", "other.handler"),
            "Runtime.ImportModuleError",
            "Error: Cannot find module './other'",
        ),
        (
            node("exports.handler = (", "index.handler"),
            "Runtime.UserCodeSyntaxError",
            "SyntaxError",
        ),
        (node("", "handler"), "Runtime.MalformedHandlerName", "Bad handler"),
        (node("", "../index.handler"), "Runtime.MalformedHandlerName", "not a valid handler name"),
        (node("throw new RangeError('top')", "index.handler"), "RangeError", "top"),
        (
            python("x = 1", "index.handler"),
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'index'",
        ),
        (
            python("import no_such_module", "index.handler"),
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'no_such_module'",
        ),
        (
            python("def handler(:\n", "index.handler"),
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'index': ",
        ),
        (python("", "handler"), "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        (python("raise KeyError('top')", "index.handler"), "KeyError", "'top'"),
    ] {
        let ((is_error, answer), lines) = one(&document, &json!({})).await;
        assert!(is_error, "{answer}");
        assert_eq!(answer["errorType"], kind, "{answer}");
        let said = answer["errorMessage"].as_str().expect("a text");
        assert!(said.contains(message), "{said}");
        assert!(lines.iter().any(|line| line.contains(message)), "{message}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_the_process_ends_the_invocation_and_the_next_one_starts_anew() {
    for (runtime, code, kind, message) in [
        (
            NODE,
            "let n = 0; exports.handler = async (event) => { n += 1; if (event.end) process.exit(3); return n }",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 3",
        ),
        (
            NODE,
            "let n = 0; exports.handler = async (event) => { n += 1; if (event.end) { Promise.reject(new Error('lost')); await new Promise((go) => setTimeout(go, 1_000)) } return n }",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        (
            NODE,
            "let n = 0; exports.handler = async (event) => { n += 1; if (event.end) { setTimeout(() => { throw new TypeError('later') }); await new Promise((go) => setTimeout(go, 1_000)) } return n }",
            "TypeError",
            "later",
        ),
        (
            PYTHON,
            "import sys\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    if event.get('end'):\n        sys.exit(3)\n    return n\n",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 3",
        ),
    ] {
        let stand = Stand::of(config(&inline(runtime, code))).await;
        assert_eq!(ask(&stand, &json!({})).await, (false, json!(1)));
        assert_eq!(ask(&stand, &json!({})).await, (false, json!(2)), "it stays warm");
        let (is_error, answer) = ask(&stand, &json!({"end": true})).await;
        assert!(is_error, "{answer}");
        assert_eq!(answer["errorType"], kind, "{answer}");
        assert!(
            answer["errorMessage"].as_str().is_some_and(|said| said.contains(message)),
            "{answer}"
        );
        assert_eq!(ask(&stand, &json!({})).await, (false, json!(1)), "a new process");
        stand.emulator.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_logged_as_lambda_logs_them() {
    let node =
        "console.info('start'); exports.handler = async () => { console.log('a %s', 'b', { c: 1 });
        console.warn('two\\nlines'); console.debug('fine'); process.stdout.write('raw\\n') }";
    let python = "import logging\nlogging.getLogger().setLevel('INFO')\nlog = logging.getLogger('mine')\ndef handler(event, context):\n    log.info('a %s', 'b')\n    log.debug('fine')\n    print('raw')\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        log.exception('no')\n";
    let of = async |runtime: &str, code: &str, format: &str| {
        let code = json!({"ZipFile": code});
        let (_, lines) =
            one(&document(function(runtime, "index.handler", &code, format)), &json!({})).await;
        lines
    };
    let has = |lines: &[String], pattern: &str| {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        assert!(lines.iter().any(|line| pattern.is_match(line)), "{pattern}: {lines:#?}");
    };
    let time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z";
    let id = "[0-9a-f-]{36}";
    let lines = of(NODE, node, "Text").await;
    has(&lines, &format!(r"^{time}\tundefined\tINFO\tstart$"));
    has(&lines, &format!(r"^{time}\t{id}\tINFO\ta b \{{ c: 1 \}}$"));
    has(&lines, &format!(r"^{time}\t{id}\tWARN\ttwo\rlines$"));
    has(&lines, &format!(r"^{time}\t{id}\tDEBUG\tfine$"));
    has(&lines, "^raw$");
    let lines = of(PYTHON, python, "Text").await;
    has(&lines, &format!(r"^\[INFO\]\t{time}\t{id}\ta b$"));
    has(&lines, "^raw$");

    let json_lines = |lines: &[String], message: &str| -> Option<Value> {
        let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.into_iter().find(|line| line["message"] == message)
    };
    let lines = of(NODE, node, "JSON").await;
    let line = json_lines(&lines, "a b { c: 1 }").expect("a line");
    assert_eq!(
        (&line["level"], line["requestId"].as_str().map(str::len)),
        (&json!("INFO"), Some(36))
    );
    assert!(json_lines(&lines, "fine").is_none(), "INFO is the level where none is given");
    let lines = of(PYTHON, python, "JSON").await;
    let line = json_lines(&lines, "a b").expect("a line");
    assert_eq!((&line["level"], &line["logger"]), (&json!("INFO"), &json!("mine")));
    let line = json_lines(&lines, "no").expect("a line");
    assert_eq!(
        (&line["errorType"], &line["errorMessage"]),
        (&json!("ZeroDivisionError"), &json!("division by zero"))
    );
}

/// A project as a team has it: modules of both kinds, handlers in folders, and an archive.
fn project(folder: &Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    };
    write("cjs/src/api.js", "exports.deep = { handler: async () => require('./part') }");
    write("cjs/src/part.js", "module.exports = 'cjs'");
    write(
        "mjs/index.mjs",
        "import { part } from './part.mjs'; export const handler = async () => part",
    );
    write("mjs/part.mjs", "export const part = await Promise.resolve('mjs')");
    write("typed/package.json", r#"{"type": "module"}"#);
    write("typed/lib/index.js", "export const handler = async () => 'typed'");
    write(
        "python/app/main.py",
        "from app.part import part\ndef handler(event, context):\n    return part\n",
    );
    write("python/app/part.py", "part = 'python'\n");
    write("layer/nodejs/node_modules/of-layer/index.js", "module.exports = 'layer'");
    write("layer/python/of_layer.py", "part = 'layer'\n");
    write("layered/index.js", "exports.handler = async () => require('of-layer')");
    write(
        "layered/index.py",
        "import of_layer\ndef handler(event, context):\n    return of_layer.part\n",
    );
    write("esm/package.json", r#"{"type": "module"}"#);
    write("esm/cdk.out/asset/index.js", "exports.handler = async () => require('./part')");
    write("esm/cdk.out/asset/part.js", "module.exports = 'not esm'");
    write("source/index.ts", "export const handler = async () => 1");
}

/// An emulator of a function of that project.
fn of_project(folder: &Path, document: &Value) -> EmulatorConfig {
    let code = CodeConfig { template_folder: folder.to_owned(), ..CodeConfig::default() };
    EmulatorConfig { code, ..config(document) }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_is_found_where_the_template_or_the_user_says() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let layered = |runtime: &str| {
        let mut document = document(function(runtime, "index.handler", &json!("layered"), "Text"));
        document["Resources"]["Layer"] =
            json!({"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": "layer"}});
        document["Resources"]["Probe"]["Properties"]["Layers"] = json!([{"Ref": "Layer"}]);
        document
    };
    let at = |runtime: &str, handler: &str, path: &str| {
        document(function(runtime, handler, &json!(path), "Text"))
    };
    let mut asset = at(NODE, "index.handler", "elsewhere");
    asset["Resources"]["Probe"]["Properties"]["Code"] = json!({"S3Bucket": "b", "S3Key": "k.zip"});
    asset["Resources"]["Probe"]["Metadata"] =
        json!({"aws:asset:path": "mjs", "aws:asset:property": "Code"});
    for (document, expected) in [
        (at(NODE, "src/api.deep.handler", "./cjs"), "cjs"),
        (at(NODE, "index.handler", "mjs"), "mjs"),
        (at(NODE, "lib/index.handler", "typed"), "typed"),
        (asset, "mjs"),
        (at(NODE, "index.handler", "esm/cdk.out/asset"), "not esm"),
        (at(PYTHON, "app.main.handler", "python"), "python"),
        (at(PYTHON, "app/main.handler", "python"), "python"),
        (layered(NODE), "layer"),
        (layered(PYTHON), "layer"),
    ] {
        let stand = Stand::of(of_project(folder.path(), &document)).await;
        assert_eq!(ask(&stand, &json!({})).await, (false, json!(expected)), "{document}");
        stand.emulator.shut_down().await;
    }
    assert!(!folder.path().join("python/app/__pycache__").exists(), "nothing is left behind");
    let mut config = of_project(folder.path(), &at(NODE, "index.handler", "nowhere"));
    config.code.given = BTreeMap::from([("Probe".to_owned(), folder.path().join("mjs"))]);
    let stand = Stand::of(config).await;
    assert_eq!(ask(&stand, &json!({})).await, (false, json!("mjs")));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_refused_by_name_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = document(function(NODE, "index.handler", &json!("mjs"), "Text"));
        change(&mut document["Resources"]["Probe"]["Properties"]);
        document
    };
    for (document, words) in [
        (with(&|all| all["Runtime"] = json!("java21")), "has the runtime java21"),
        (with(&|all| all["Runtime"] = json!("nodejs16.x")), "has the runtime nodejs16.x"),
        (with(&|all| all["PackageType"] = json!("Image")), "is a container image (PackageType)"),
        (
            with(&|all| {
                all["Layers"] = json!(["arn:aws:lambda:us-east-1:017000801446:layer:Powertools:1"]);
            }),
            "has a layer of elsewhere (Layers: arn:aws:lambda",
        ),
        (with(&|all| all["Code"] = json!("nowhere")), "--code Probe=PATH"),
        (
            with(&|all| all["Code"] = json!({"S3Bucket": "b", "S3Key": "k.zip"})),
            "its code is in a bucket, as k.zip",
        ),
        (with(&|all| all["Code"] = json!("source")), "its code is TypeScript"),
        (with(&|all| all["Runtime"] = json!("provided.al2023")), "names no binary"),
    ] {
        let refused = Emulator::start(of_project(folder.path(), &document)).await.err();
        let refused = refused.expect("a refusal").to_string();
        assert!(refused.contains("Probe") && refused.contains(words), "{refused}");
    }
    let mut config = of_project(folder.path(), &with(&|_| ()));
    config.code.given = BTreeMap::from([("Nope".to_owned(), folder.path().to_owned())]);
    let refused = Emulator::start(config).await.err().expect("a refusal").to_string();
    assert!(refused.contains("--code Nope"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_brings_no_code_but_what_the_user_has() {
    let own = "exports.handler = async () => 'mine'";
    let stand = Stand::of(config(&inline(NODE, own))).await;
    let client = aws_sdk_cloudformation::Client::new(&stand.sdk);
    let create = async |name: &str, mut document: Value| {
        for id in ["Dead", "Jobs"] {
            let queue = &mut document["Resources"][id]["Properties"]["QueueName"];
            *queue = json!(format!("{name}-{}", queue.as_str().expect("a name")));
        }
        document["Resources"]["Probe"]["Properties"]["FunctionName"] = json!(name);
        document["Resources"]["Probe"]["Properties"]["LoggingConfig"]["LogGroup"] = json!(name);
        let create = client.create_stack().stack_name(name).template_body(document.to_string());
        create.send().await.expect("the request is accepted");
        let described = client.describe_stacks().stack_name(name).send().await.expect("it is");
        described.stacks()[0].stack_status_reason().unwrap_or_default().to_owned()
    };
    assert_eq!(create("same", inline(NODE, own)).await, "");
    let other = inline(NODE, "exports.handler = async () => 'theirs'");
    let at = |handler: &str| document(function(NODE, handler, &json!({"ZipFile": own}), "Text"));
    let path = document(function(NODE, "index.handler", &json!("/etc"), "Text"));
    for (name, document) in [("other", other), ("handler", at("/etc/passwd.x")), ("path", path)] {
        let reason = create(name, document).await;
        assert!(reason.contains("a request may not bring any"), "{name}: {reason}");
    }
    stand.emulator.shut_down().await;
}
