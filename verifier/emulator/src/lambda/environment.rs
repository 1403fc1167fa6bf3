//! One execution environment: a function's process and the Runtime API that it talks to.
//!
//! The life of an environment is written as a straight line: [`Environment::start`] until the runtime first asks for
//! an invocation, [`Environment::invoke`] until it answers, [`Environment::settle`] until it asks again. Whatever else
//! happens meanwhile (the process ends, its time is up) ends the environment.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.

use std::env::consts::ARCH;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::faults::CrashPoint;
use verifier_model::sqs::md5_of_body;

use super::ending::{HANDLER_ALONE, HEAD_BYTES, entrypoint_problem, exit_problem};
use super::environment_context::EnvironmentContext;
use super::launch::Launch;
use super::log::Log;
use super::pool::Pooled;
use super::process_group::ProcessGroup;
use super::runtime_api::{CONNECTIONS_MAX, Delivery, RuntimeApi, RuntimeCall, RuntimeError};
use crate::stack::FunctionSpec;

/// How long a function may take until it first asks for an invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>, section "Init phase".
pub(super) const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an error that a runtime reports of its initialisation is shown, in bytes.
const REPORTED_BYTES_MAX: usize = 4 * 1024;

/// Why an environment could not be made ready.
pub(crate) struct InitError {
    /// Lambda's name for it.
    pub(crate) error_type: String,
    /// What happened, with the last that the function wrote.
    pub(crate) message: String,
}

/// What Lambda reports of an invocation that ended without the function's own report.
pub(crate) fn error_payload(error_type: &str, message: &str) -> String {
    json!({"errorType": error_type, "errorMessage": message}).to_string()
}

/// A running environment.
pub(super) struct Environment {
    function: Arc<FunctionSpec>,
    process: Child,
    /// Ends what the function has started, too, when it is dropped.
    _group: ProcessGroup,
    api: RuntimeApi,
    log: Log,
    /// Answers the runtime's pending call for the next invocation.
    next: Option<oneshot::Sender<Delivery>>,
}

/// What a fault does to the process during an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessFault {
    None,
    /// It is killed.
    Crash(CrashPoint),
    /// It was stopped for so long, and goes on.
    Thaw {
        frozen: Duration,
    },
}

/// Why an environment ended.
enum Ended {
    Exited(ExitStatus),
    TimedOut,
    InitError(RuntimeError),
}

impl Environment {
    /// Starts the function's process and waits until it asks for its first invocation.
    pub(super) async fn start(
        environment_context: &EnvironmentContext,
        function: &Arc<FunctionSpec>,
        launch: &Launch,
        id: &str,
        nonce: &str,
    ) -> Result<Self, InitError> {
        let failed = |what: &str, error: &io::Error| InitError {
            error_type: "Runtime.Unknown".to_owned(),
            message: format!("{what} cannot be set up: {error}"),
        };
        let places = environment_context.connections.port(CONNECTIONS_MAX);
        let api = RuntimeApi::start(places).await;
        let api = api.map_err(|error| failed("the Runtime API", &error))?;
        let stream = log_stream(environment_context, id);
        let log = Log::start(environment_context, function, &stream, nonce)
            .map_err(|error| failed("the function's output", &error))?;
        log.init_start(&function.name);
        let mut command = Command::new(&launch.executable);
        command
            .args(&launch.arguments)
            .env_clear()
            .envs(variables(environment_context, function, &api, &stream))
            .envs(launch.variables.iter().map(|(name, value)| (name, value)))
            .envs(&function.environment)
            .kill_on_drop(true);
        if let Some(folder) = &launch.folder {
            command.current_dir(folder);
        }
        log.attach(&mut command).map_err(|error| failed("the function's output", &error))?;
        let group = environment_context.groups.start();
        let group = group.map_err(|error| failed("the function's process group", &error))?;
        group.add(&mut command);
        let started = Instant::now();
        let spawned = command.spawn();
        // The command holds write ends of the pipe.
        drop(command);
        let process = match spawned {
            Ok(process) => process,
            Err(error) => {
                let error_type = "Runtime.InvalidEntrypoint".to_owned();
                let program = &launch.executable;
                let head = beginning_of(program).await;
                let message = entrypoint_problem(program, &error, head.as_deref(), ARCH);
                log.init_failed(&error_type, &message, started.elapsed());
                return Err(InitError { error_type, message });
            }
        };
        let function = function.clone();
        let mut environment = Self { function, process, _group: group, api, log, next: None };
        environment.init(started).await?;
        Ok(environment)
    }

    async fn init(&mut self, started: Instant) -> Result<(), InitError> {
        let Some(ended) = self.until_next(started + INIT_TIMEOUT).await.err() else {
            let _ = self.log.take_tail();
            return Ok(());
        };
        let (error_type, problem) = init_problem(ended);
        self.log.drain().await;
        let tail = self.log.take_tail();
        self.log.init_failed(&error_type, &problem, started.elapsed());
        self.kill().await;
        let message =
            if tail.is_empty() { problem } else { format!("{problem}\nIts last output:\n{tail}") };
        Err(InitError { error_type, message })
    }

    /// Stops the process, until an invocation lets it go on.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        // The child is not reaped as long as it is held here, so the id is still its own.
        if let Some(process) = id.and_then(Pid::from_raw) {
            let _ = kill_process(process, signal);
        }
    }

    /// Hands an invocation over and waits for its end. The environment can be used again if [`Self::settle`] says so.
    pub(super) async fn invoke(
        &mut self,
        request_id: &str,
        payload: Bytes,
        process_fault: ProcessFault,
    ) -> InvocationOutcome {
        let started = Instant::now();
        self.log.start_of(request_id);
        let answer = self.converse(request_id, payload, process_fault).await;
        // Everything that the function wrote before it answered belongs to this invocation.
        let is_read = self.log.drain().await;
        let (status, outcome) = match answer {
            Ok(Ok(payload)) => ("success", InvocationOutcome::Responded(payload.to_vec())),
            Ok(Err(error)) => (
                "failure",
                InvocationOutcome::Errored(String::from_utf8_lossy(&error.body).into_owned()),
            ),
            Err(ended) => self.broke_off(request_id, ended),
        };
        self.log.end_of(request_id, status, started.elapsed(), self.function.memory_mb);
        if matches!(status, "timeout" | "error") || !is_read {
            self.kill().await;
        }
        outcome
    }

    /// Hands the payload over and waits for the answer, with what a fault does to the process meanwhile.
    async fn converse(
        &mut self,
        request_id: &str,
        payload: Bytes,
        process_fault: ProcessFault,
    ) -> Result<Result<Bytes, RuntimeError>, Ended> {
        let timeout = Duration::from_secs(self.function.timeout_seconds);
        // Time during which the process was stopped is the function's, too.
        let left = match process_fault {
            ProcessFault::Thaw { frozen } => timeout.saturating_sub(frozen),
            ProcessFault::None | ProcessFault::Crash(_) => timeout,
        };
        if left.is_zero() {
            // Its time was up while it was stopped; it never goes on.
            return Err(Ended::TimedOut);
        }
        if process_fault == ProcessFault::Crash(CrashPoint::BeforeEffect) {
            self.kill().await;
        }
        let deadline = Instant::now() + left;
        let delivery = Delivery {
            request_id: request_id.to_owned(),
            payload,
            timeout,
            function_arn: self.function.arn.clone(),
        };
        // If nobody takes it, the process has just ended, as the wait for its answer will find.
        let _ = self.next.take().map(|next| next.send(delivery));
        if matches!(process_fault, ProcessFault::Thaw { .. }) {
            self.signal(Signal::CONT);
        }
        let answer = self.answer(request_id, deadline).await;
        let ProcessFault::Crash(at) = process_fault else {
            return answer;
        };
        self.kill().await;
        match self.process.wait().await {
            Ok(status) if at == CrashPoint::AfterEffect => Err(Ended::Exited(status)),
            _ => answer,
        }
    }

    /// What Lambda logs and reports of an invocation that the function did not end itself, with its status.
    fn broke_off(&self, request_id: &str, ended: Ended) -> (&'static str, InvocationOutcome) {
        let (status, error_type, message) = match ended {
            Ended::TimedOut => {
                let seconds = self.function.timeout_seconds;
                let message = format!("Task timed out after {seconds}.00 seconds");
                self.log.line(format!("{request_id} {message}"));
                let message = format!("RequestId: {request_id} Error: {message}");
                ("timeout", "Sandbox.Timedout".to_owned(), message)
            }
            Ended::Exited(status) => {
                let message = format!("RequestId: {request_id} Error: {}", exit_problem(status));
                self.log.line(format!("{message}\nRuntime.ExitError"));
                ("error", "Runtime.ExitError".to_owned(), message)
            }
            Ended::InitError(error) => {
                let message = reported_problem(&error);
                ("error", error.error_type, message)
            }
        };
        (status, InvocationOutcome::Errored(error_payload(&error_type, &message)))
    }

    /// Waits until the runtime asks for another invocation; `false` if the environment has ended.
    ///
    /// What a runtime does between its answer and that call still belongs to the invocation and to its time.
    pub(super) async fn settle(&mut self) -> bool {
        if self.next.is_some() {
            return true;
        }
        let timeout = Duration::from_secs(self.function.timeout_seconds);
        let ready = self.until_next(Instant::now() + timeout).await.is_ok();
        if !ready {
            self.log.drain().await;
            self.kill().await;
        }
        ready
    }

    async fn until_next(&mut self, deadline: Instant) -> Result<(), Ended> {
        loop {
            match self.call(deadline).await? {
                RuntimeCall::Next(reply) => {
                    self.next = Some(reply);
                    return Ok(());
                }
                RuntimeCall::InitError(error) => return Err(Ended::InitError(error)),
                // Nothing is being invoked, so no id can be right.
                RuntimeCall::Response(_, _, reply) | RuntimeCall::Error(_, _, reply) => {
                    let _ = reply.send(false);
                }
            }
        }
    }

    async fn answer(
        &mut self,
        request_id: &str,
        deadline: Instant,
    ) -> Result<Result<Bytes, RuntimeError>, Ended> {
        loop {
            let (id, answer, reply) = match self.call(deadline).await? {
                RuntimeCall::Response(id, payload, reply) => (id, Ok(payload), reply),
                RuntimeCall::Error(id, error, reply) => (id, Err(error), reply),
                RuntimeCall::InitError(error) => return Err(Ended::InitError(error)),
                RuntimeCall::Next(reply) => {
                    // It asks for another invocation without having answered: its time will be up.
                    self.next = Some(reply);
                    continue;
                }
            };
            let matched = id == request_id;
            let _ = reply.send(matched);
            if matched {
                return Ok(answer);
            }
        }
    }

    async fn call(&mut self, deadline: Instant) -> Result<RuntimeCall, Ended> {
        let call = async {
            tokio::select! {
                // A call that was made before the process ended is heard first.
                biased;
                Some(call) = self.api.calls.recv() => Ok(call),
                status = self.process.wait() => match self.api.calls.try_recv() {
                    Ok(call) => Ok(call),
                    Err(_) => Err(Ended::Exited(status.unwrap_or_default())),
                },
            }
        };
        timeout_at(deadline, call).await.unwrap_or(Err(Ended::TimedOut))
    }

    async fn kill(&mut self) {
        self.next = None;
        // It may have ended by itself; either way it is reaped here.
        let _ = self.process.kill().await;
    }
}

impl Pooled for Environment {
    type Spec = FunctionSpec;

    fn spec(&self) -> &Arc<FunctionSpec> {
        &self.function
    }

    /// Whether the process still runs and waits for an invocation.
    fn is_ready(&mut self) -> bool {
        // A runtime whose call was cut off may have asked again meanwhile.
        while let Ok(call) = self.api.calls.try_recv() {
            if let RuntimeCall::Next(reply) = call {
                self.next = Some(reply);
            }
        }
        let waits = self.next.as_ref().is_some_and(|next| !next.is_closed());
        waits && matches!(self.process.try_wait(), Ok(None))
    }
}

/// The environment variables that Lambda sets for every function.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
fn variables(
    environment_context: &EnvironmentContext,
    function: &FunctionSpec,
    api: &RuntimeApi,
    stream: &str,
) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = [
        ("AWS_LAMBDA_RUNTIME_API", api.address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", function.log_format.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", environment_context.region.clone()),
        ("AWS_DEFAULT_REGION", environment_context.region.clone()),
        ("AWS_ACCESS_KEY_ID", access_key_of(&function.name)),
        ("AWS_SECRET_ACCESS_KEY", "emulated".to_owned()),
        ("AWS_SESSION_TOKEN", "emulated".to_owned()),
        ("AWS_ENDPOINT_URL", environment_context.endpoint.clone()),
        ("_HANDLER", function.handler.clone()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // Functions that are scripts need their interpreter.
    variables.extend(std::env::var("PATH").ok().map(|path| ("PATH".to_owned(), path)));
    let level = function.application_log_level.clone();
    variables.extend(level.map(|level| ("AWS_LAMBDA_LOG_LEVEL".to_owned(), level)));
    variables
}

/// What access keys of functions begin with.
const FUNCTION_ACCESS_KEY: &str = "ASIAFN";

/// The access key by which the emulator tells a function from others, and from its other clients: 20 characters, as on AWS.
pub(crate) fn access_key_of(function: &str) -> String {
    let digest = md5_of_body(function).to_ascii_uppercase();
    format!("{FUNCTION_ACCESS_KEY}{}", &digest[..14])
}

/// Whether an access key is a function's.
pub(crate) fn is_of_function(access_key: &str) -> bool {
    access_key.starts_with(FUNCTION_ACCESS_KEY)
}

fn log_stream(environment_context: &EnvironmentContext, id: &str) -> String {
    let now = environment_context.clock.now();
    let millis = i64::try_from(now.as_millis()).unwrap_or_default();
    let date = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{}/[$LATEST]{id}", date.strftime("%Y/%m/%d"))
}

/// The beginning of a file, if it can be read.
pub(super) async fn beginning_of(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let file = tokio::fs::File::open(path).await.ok()?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).await.ok()?;
    Some(head)
}

/// Lambda's name for the end of an initialisation, and what happened.
fn init_problem(ended: Ended) -> (String, String) {
    match ended {
        Ended::Exited(status) => {
            let problem = exit_problem(status);
            // It is no program that ends well before it asks for anything.
            let hint = if status.success() { format!("; {HANDLER_ALONE}") } else { String::new() };
            ("Runtime.ExitError".to_owned(), problem + &hint)
        }
        Ended::TimedOut => {
            let seconds = INIT_TIMEOUT.as_secs();
            let problem = format!("Init phase timed out: it took longer than {seconds} s");
            ("Sandbox.Timedout".to_owned(), problem)
        }
        Ended::InitError(error) => {
            let problem = reported_problem(&error);
            (error.error_type, problem)
        }
    }
}

/// The error that a runtime has reported of its initialisation, in words.
fn reported_problem(error: &RuntimeError) -> String {
    let body: serde_json::Value = serde_json::from_slice(&error.body).unwrap_or_default();
    let whole = String::from_utf8_lossy(&error.body);
    let mut text = body["errorMessage"].as_str().unwrap_or(&whole).to_owned();
    text.truncate(text.floor_char_boundary(REPORTED_BYTES_MAX));
    format!("the runtime reported an init error: {text}")
}
