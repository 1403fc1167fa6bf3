//! An environment's log stream: what the function writes there, and what Lambda itself does.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use super::ending::Tail;
use super::environment_context::EnvironmentContext;
use super::output::{CutOff, Item, Output};
use crate::clock::Clock;
use crate::logs::{LogSource, LogStore};
use crate::stack::FunctionSpec;

/// How long the end of an invocation waits for the output that was written until then. It is read as it is written, so
/// only what is left in the pipe is waited for.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

/// An environment's log stream, and the pipe whose lines come there.
pub(super) struct Log {
    output: Output,
    writer: LogWriter,
    /// The last that the function wrote, while it starts.
    tail: Arc<Mutex<Option<Tail>>>,
}

/// Writes to an environment's log stream.
#[derive(Clone)]
struct LogWriter {
    store: Arc<LogStore>,
    clock: Clock,
    source: LogSource,
    json: bool,
    /// Whether the function's role lets Lambda write.
    is_allowed: bool,
}

/// Whether a function's role lets Lambda write to a log stream. Where it does not, the function runs, and nothing is logged.
fn may_write(context: &EnvironmentContext, function: &Arc<FunctionSpec>, stream: &str) -> bool {
    let has_group = context.logs.lock().has_group(&function.log_group);
    context.access.may_log(function, stream, has_group, context.clock.now())
}

impl Log {
    pub(super) fn start(
        environment_context: &EnvironmentContext,
        function: &Arc<FunctionSpec>,
        stream: &str,
        nonce: &str,
    ) -> io::Result<Self> {
        let writer = LogWriter {
            store: environment_context.logs.clone(),
            clock: environment_context.clock.clone(),
            source: LogSource {
                function: function.name.clone(),
                group: function.log_group.clone(),
                stream: stream.to_owned(),
            },
            json: function.log_format == "JSON",
            is_allowed: may_write(environment_context, function, stream),
        };
        let tail = Arc::new(Mutex::new(Some(Tail::default())));
        let sink = {
            let (writer, tail) = (writer.clone(), tail.clone());
            move |item| writer.item(item, &tail)
        };
        Ok(Self { output: Output::start(nonce, sink)?, writer, tail })
    }

    /// Lets a command write here.
    pub(super) fn attach(&self, command: &mut Command) -> io::Result<()> {
        command.stdin(Stdio::null()).stdout(self.output.writer()?).stderr(self.output.writer()?);
        Ok(())
    }

    /// Returns when all that the function has written is in the log; `false` if that takes too long, which is logged.
    pub(super) async fn drain(&mut self) -> bool {
        let is_read = self.output.drain(DRAIN_PATIENCE).await;
        if !is_read {
            let (function, seconds) = (&self.writer.source.function, DRAIN_PATIENCE.as_secs());
            let message = format!(
                "the output of the function {function} was not read to its end within {seconds} s; its environment is ended"
            );
            tracing::error!("{message}");
            self.writer.line(message);
        }
        is_read
    }

    /// The last that the function has written; from now on it is not kept.
    pub(super) fn take_tail(&self) -> String {
        lock(&self.tail).take().map(|tail| tail.text()).unwrap_or_default()
    }

    pub(super) fn line(&self, message: String) {
        self.writer.line(message);
    }

    pub(super) fn init_start(&self, function: &str) {
        self.writer.platform("initStart", &json!({"initializationType": "on-demand", "phase": "init", "functionName": function, "functionVersion": "$LATEST"}));
    }

    /// What Lambda writes of an initialisation that failed.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>, section "Failures during
    /// the Init phase".
    pub(super) fn init_failed(&self, error_type: &str, problem: &str, duration: Duration) {
        let millis = duration.as_secs_f64() * 1000.0;
        self.line(format!("Error: {problem}\n{error_type}"));
        self.writer.platform("initReport", &json!({"initializationType": "on-demand", "status": "error", "phase": "init", "errorType": error_type, "metrics": {"durationMs": millis}}));
        if !self.writer.json {
            self.line(format!("INIT_REPORT Init Duration: {millis:.2} ms\tPhase: init\tStatus: error\tError Type: {error_type}"));
        }
    }

    pub(super) fn start_of(&self, request_id: &str) {
        self.writer.platform("start", &json!({"requestId": request_id, "version": "$LATEST"}));
        if !self.writer.json {
            self.line(format!("START RequestId: {request_id} Version: $LATEST"));
        }
    }

    pub(super) fn end_of(
        &self,
        request_id: &str,
        status: &str,
        duration: Duration,
        memory_mb: u64,
    ) {
        let millis = duration.as_secs_f64() * 1000.0;
        let billed = duration.as_millis() + 1;
        let metrics =
            json!({"durationMs": millis, "billedDurationMs": billed, "memorySizeMB": memory_mb});
        self.writer.platform(
            "report",
            &json!({"requestId": request_id, "metrics": metrics, "status": status}),
        );
        if !self.writer.json {
            self.line(format!("END RequestId: {request_id}"));
            // In text, it says only of what Lambda itself ended how it ended: not that the function answered with an error.
            let status = match status {
                "timeout" => "\tStatus: timeout",
                "error" => "\tStatus: error\tError Type: Runtime.ExitError",
                _ => "",
            };
            self.line(format!("REPORT RequestId: {request_id}\tDuration: {millis:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {memory_mb} MB{status}"));
        }
    }
}

impl LogWriter {
    fn item(&self, item: Item, tail: &Mutex<Option<Tail>>) {
        match item {
            Item::Line(line) => {
                if let Some(tail) = lock(tail).as_mut() {
                    tail.push(&line);
                }
                self.line(line);
            }
            Item::CutOff(cut_off) => self.cut_off(cut_off),
            Item::Fence => {}
        }
    }

    fn line(&self, message: String) {
        if self.is_allowed {
            self.store.append(&self.source, message, self.clock.now());
        }
    }

    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
    fn platform(&self, kind: &str, record: &serde_json::Value) {
        if self.json {
            let millis = i64::try_from(self.clock.now().as_millis()).unwrap_or_default();
            let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
            let time = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            self.line(
                json!({"time": time, "type": format!("platform.{kind}"), "record": record})
                    .to_string(),
            );
        }
    }

    /// Says how much of an invocation's output is not in the log.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>, section
    /// "`platform.logsDropped`".
    fn cut_off(&self, CutOff { lines, bytes }: CutOff) {
        let reason =
            "the function wrote more than the emulator keeps of a line or of an invocation";
        self.platform(
            "logsDropped",
            &json!({"reason": reason, "droppedRecords": lines, "droppedBytes": bytes}),
        );
        if !self.json {
            self.line(format!("LOGS_DROPPED {bytes} bytes of {lines} lines: {reason}"));
        }
    }
}

fn lock(tail: &Mutex<Option<Tail>>) -> MutexGuard<'_, Option<Tail>> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}
