//! How fast the stack's functions start and what they need, beside the same in Node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use verifier_emulator::{FunctionStart, measure_function};

use super::Failed;
use super::rates::new_queue;
use crate::endpoint::Endpoint;

/// A function of the stack, with an event that it can answer.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The event of its first invocation.
    event: String,
    /// What a right answer contains.
    answer: &'static str,
}

/// What its process is.
#[derive(Clone, Debug)]
pub enum Program {
    /// The program in this file.
    Native(PathBuf),
    /// Node, running this module.
    Node(PathBuf),
}

/// The medians of several starts; memory in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Starts {
    /// From the start of the process to its first call of `next`.
    pub init: Duration,
    /// The shortest of these times.
    pub init_min: Duration,
    /// How long the first invocation took.
    pub invocation: Duration,
    /// Resident memory after the start.
    pub resident_after_init: u64,
    /// Resident memory after the first invocation.
    pub resident_after_invocation: u64,
}

/// The stack's functions.
pub fn functions() -> [Function; 3] {
    let request = |method: &str, path: &str, body: Option<&str>| {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": "", "isBase64Encoded": false, "body": body,
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": method, "path": path}},
        })
        .to_string()
    };
    let job = r#"{"task":"measure"}"#;
    let record = json!({"messageId": "m-1", "receiptHandle": "r", "body": r#"{"task":"measure","jobId":"j-1"}"#, "attributes": {"ApproximateReceiveCount": "1"}});
    [
        Function {
            name: "hello",
            event: request("GET", "/hello", None),
            answer: "Hello from preview 7!",
        },
        Function {
            name: "submit-job",
            event: request("POST", "/jobs", Some(job)),
            answer: r#""statusCode":202"#,
        },
        Function {
            name: "worker",
            event: json!({"Records": [record]}).to_string(),
            answer: r#""batchItemFailures":[]"#,
        },
    ]
}

/// Starts a function again and again, with the emulator at `url` as its AWS.
pub async fn measure_starts(
    url: &str,
    function: &Function,
    program: &Program,
    runs: usize,
) -> Result<Starts, Failed> {
    let sqs = Endpoint::local("bench", url).await.sqs(url);
    let queue = new_queue(&sqs).await?;
    // The first run reads the program from the disk, which is not what is measured.
    start(url, &queue, function, program).await?;
    let mut starts = Vec::with_capacity(runs);
    for _ in 0..runs {
        starts.push(start(url, &queue, function, program).await?);
    }
    sqs.delete_queue().queue_url(queue).send().await?;
    Ok(Starts {
        init: median(&starts, |start| start.init),
        init_min: starts.iter().map(|start| start.init).min().unwrap_or_default(),
        invocation: median(&starts, |start| start.invocation),
        resident_after_init: median(&starts, |start| start.resident_after_init),
        resident_after_invocation: median(&starts, |start| start.resident_after_invocation),
    })
}

async fn start(
    url: &str,
    queue: &str,
    function: &Function,
    program: &Program,
) -> Result<FunctionStart, Failed> {
    let started = measure_function(command(url, queue, program), function.event.as_bytes()).await?;
    let answer = String::from_utf8_lossy(&started.response);
    // Answers that are JSON within JSON have their quotes escaped.
    if !answer.contains(function.answer) {
        return Err(format!("{} answered {answer}", function.name).into());
    }
    Ok(started)
}

fn command(url: &str, queue: &str, program: &Program) -> Command {
    let mut command = match program {
        Program::Native(file) => Command::new(file),
        Program::Node(module) => {
            let mut node = Command::new("node");
            node.arg(module);
            node
        }
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    // What Lambda sets, as far as anything here reads it.
    command.env_clear().env("PATH", path).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "measured"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "measured"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", "us-local-1"),
        ("AWS_ACCESS_KEY_ID", "measured"),
        ("AWS_SECRET_ACCESS_KEY", "measured"),
        ("AWS_ENDPOINT_URL", url),
        ("QUEUE_URL", queue),
        ("PR_NUMBER", "7"),
    ]);
    command
}

fn median<T: Ord + Default + Copy>(starts: &[FunctionStart], of: fn(&FunctionStart) -> T) -> T {
    let mut values: Vec<T> = starts.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The program of a function in a folder of built ones, as cargo-lambda lays it out.
pub fn native(folder: &Path, function: &Function) -> Program {
    Program::Native(folder.join(function.name).join("bootstrap"))
}

/// The module of a function in a folder of them.
pub fn node(folder: &Path, function: &Function) -> Program {
    Program::Node(folder.join(function.name).with_extension("mjs"))
}

#[cfg(test)]
mod tests {
    use verifier_emulator::ClockMode;

    use super::*;
    use crate::endpoint::start_emulator;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_functions_in_node_keep_the_contract() {
        let emulator = start_emulator(ClockMode::Real).await.unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/functions");
        for function in functions() {
            let program = node(&folder, &function);
            let starts = measure_starts(emulator.endpoint(), &function, &program, 1).await.unwrap();
            assert!(starts.init > Duration::ZERO && starts.init_min <= starts.init, "{starts:?}");
            assert!(starts.resident_after_init > 0 && starts.resident_after_invocation > 0);
        }
        emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_that_ends_or_answers_otherwise_is_an_error() {
        let [hello, ..] = functions();
        let emulator = start_emulator(ClockMode::Real).await.unwrap();
        let measure = async |function: &Function, program: Program| {
            let starts = measure_starts(emulator.endpoint(), function, &program, 1).await;
            starts.unwrap_err().to_string()
        };
        let ended = measure(&hello, Program::Native("true".into())).await;
        assert_eq!(ended, "the function ended with exit status: 0");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/functions");
        let program = node(&folder, &hello);
        let other = Function { answer: "Hello from preview 8!", ..hello };
        let other = measure(&other, program).await;
        assert!(other.starts_with("hello answered {\"statusCode\":200"), "{other}");
        emulator.shut_down().await;
    }
}
