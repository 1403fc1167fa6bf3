//! moto's server, an emulator that the project's own is compared with.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::command::program;
use crate::failure::Failure;
use crate::project::Project;
use crate::python;

/// How long it may take to come up; it loads a good part of an AWS in Python.
const READY_BOUND: Duration = Duration::from_mins(1);

/// Runs a command until the end of stdin, which comes when this process ends, however it does.
const UNTIL_STDIN_ENDS: &str =
    r#""$@" < /dev/null & child=$!; read -r _; kill -KILL $child; wait $child"#;

/// A running server, which ends when this is dropped.
pub(crate) struct Moto {
    guard: Child,
    /// Where it is.
    pub(crate) url: String,
}

impl Moto {
    /// Installs it if need be, starts it on a free port of 127.0.0.1, and waits until it listens.
    pub(crate) fn start(project: &Project) -> Result<Self, Failure> {
        let server = python::moto_server(project)?;
        let mut guard = program("sh", &project.root)
            .args(["-c", UNTIL_STDIN_ENDS, "sh"])
            .arg(server)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("moto did not start: {error}")))?;
        let stderr = guard.stderr.take();
        // From here on it is ended whatever happens.
        let mut moto = Self { guard, url: String::new() };
        let found = stderr.map(url_in).and_then(|url| url.recv_timeout(READY_BOUND).ok());
        moto.url = found.ok_or_else(|| {
            Failure::new(format!("moto did not listen within {} s", READY_BOUND.as_secs()))
        })?;
        Ok(moto)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The URL that the server announces. The rest of what it prints, a line for each request, is read and dropped, so
/// that it never waits for a reader.
fn url_in(stderr: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(url) = announced(&line) {
                let _ = sender.send(url.to_owned());
            }
        }
    });
    receiver
}

fn announced(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("Running on ")?;
    rest.split_whitespace().next().filter(|url| url.starts_with("http://127.0.0.1:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_from_the_announcement() {
        assert_eq!(announced(" * Running on http://127.0.0.1:5000"), Some("http://127.0.0.1:5000"));
        for other in [
            "Press CTRL+C to quit",
            " * Running on http://0.0.0.0:5000",
            "127.0.0.1 - - \"POST / HTTP/1.1\" 200 -",
        ] {
            assert_eq!(announced(other), None, "{other}");
        }
    }
}
