//! The stack, brought up by `verifier local` as a page says.

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Deserializer, Value};

use crate::session::Session;

/// How long bringing it up may take: on a fresh checkout the functions are built first.
const READY_BOUND: Duration = Duration::from_mins(10);

/// Runs a command until the end of stdin, which comes when this test ends, however it does.
///
/// The shell gives its own outputs up, so that the reader sees the end of them when the command ends.
const UNTIL_STDIN_ENDS: &str = r#""$@" & exec > /dev/null 2>&1; read -r _; kill -KILL $!; wait $!"#;

/// A running `verifier local`. Dropping it ends it; its functions end with it.
pub(crate) struct Local {
    guard: Child,
    ready: Value,
}

impl Local {
    /// Runs `command`, which must be a `cargo run -- local …`, and waits until the stack is up.
    pub(crate) fn start(session: &Session, command: &str) -> Self {
        let words = command
            .strip_prefix("cargo run -- ")
            .unwrap_or_else(|| panic!("not run by cargo: {command}"));
        let mut guard = session
            .command("sh")
            .args(["-c", UNTIL_STDIN_ENDS, "sh", env!("CARGO_BIN_EXE_verifier")])
            .args(words.split_whitespace())
            .args(["--format", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = guard.stdout.take().unwrap();
        // From here on it is ended whatever happens.
        let mut local = Self { guard, ready: Value::Null };
        let ready = first_value(stdout).recv_timeout(READY_BOUND);
        let ready = ready
            .unwrap_or_else(|_| panic!("`{command}` was not up after {} s", READY_BOUND.as_secs()));
        local.ready = ready
            .unwrap_or_else(|| panic!("`{command}` ended before it was up; see its output above"));
        local
    }

    /// What a shell needs for the commands of a page: what points AWS clients at the stack, its name as `STACK`, and
    /// its outputs by their names.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pair =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
        let of = |section: &str| self.ready[section].as_object().unwrap().iter().map(pair);
        let stack = ("STACK".to_owned(), self.ready["stackName"].as_str().unwrap().to_owned());
        of("environment").chain(of("outputs")).chain([stack]).collect()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The first JSON value in a stream, as soon as it is complete; `None` when the stream ends before.
fn first_value(stream: impl Read + Send + 'static) -> mpsc::Receiver<Option<Value>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut values = Deserializer::from_reader(stream).into_iter::<Value>();
        let _ = sender.send(values.next().and_then(Result::ok));
    });
    receiver
}
