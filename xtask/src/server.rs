//! Servers that this process starts beside itself, and that end with it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::command::program;
use crate::failure::Failure;
use crate::project::Project;

/// How long one may take to come up; moto loads a good part of an AWS in Python.
const READY_BOUND: Duration = Duration::from_mins(1);

/// Runs a command until the end of stdin. It lets go of the command's output, whose end then is the command's.
const UNTIL_STDIN_ENDS: &str = r#""$@" < /dev/null 2>&1 & child=$!; exec > /dev/null 2>&1; read -r _; kill -KILL $child; wait $child"#;

/// A running server, which ends when this is dropped, and when this process ends, however it does: then its stdin ends.
pub(crate) struct Server {
    process: Child,
    /// Where it is.
    pub(crate) url: String,
}

/// What a server does that has just been started.
enum Beginning {
    Announced(String),
    /// Its output ended without an announcement; so it read.
    Ended(String),
}

/// A command that ends when its stdin does, whatever the program does with its own; it prints on stdout only.
pub(crate) fn until_stdin_ends(project: &Project, server: &std::path::Path) -> Command {
    let mut guard = program("sh", &project.root);
    guard.args(["-c", UNTIL_STDIN_ENDS, "sh"]).arg(server);
    guard
}

impl Server {
    /// Starts a command that ends when its stdin does, and waits for the line on stdout that announces its URL.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        announced: fn(&str) -> Option<&str>,
    ) -> Result<Self, Failure> {
        Self::start_within(READY_BOUND, name, command, announced)
    }

    fn start_within(
        bound: Duration,
        name: &str,
        command: &mut Command,
        announced: fn(&str) -> Option<&str>,
    ) -> Result<Self, Failure> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("{name} did not start: {error}")))?;
        let stdout = process.stdout.take();
        // From here on it is ended whatever happens.
        let mut server = Self { process, url: String::new() };
        let beginning = stdout.map(|stdout| beginning(stdout, announced));
        server.url = match beginning.map(|beginning| beginning.recv_timeout(bound)) {
            Some(Ok(Beginning::Announced(url))) => url,
            Some(Ok(Beginning::Ended(printed))) => {
                let printed = printed.trim_end();
                return Err(Failure::new(format!("{name} ended before it was up: {printed}")));
            }
            _ => {
                let bound = bound.as_secs();
                return Err(Failure::new(format!("{name} was not up within {bound} s")));
            }
        };
        Ok(server)
    }

    /// The id of the process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Reads what the server prints. The rest after its announcement is read and dropped, so that it never waits for a
/// reader.
fn beginning(
    stdout: impl Read + Send + 'static,
    announced: fn(&str) -> Option<&str>,
) -> mpsc::Receiver<Beginning> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut printed = String::new();
        for line in lines.by_ref() {
            if let Some(url) = announced(&line) {
                let _ = sender.send(Beginning::Announced(url.to_owned()));
                break;
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        // After an announcement nobody receives this.
        lines.for_each(drop);
        let _ = sender.send(Beginning::Ended(printed));
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn url(line: &str) -> Option<&str> {
        line.strip_prefix("up ")
    }

    fn guarded(script: &str) -> Command {
        let project = Project { root: Path::new(".").to_path_buf() };
        let mut command = until_stdin_ends(&project, Path::new("sh"));
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_there_until_it_is_dropped() {
        let mut command = guarded("echo loading >&2; echo up $$; exec tail -f /dev/null");
        let server = Server::start("it", &mut command, url).unwrap();
        let process = Path::new("/proc").join(&server.url);
        assert!(process.exists());
        drop(server);
        assert!(!process.exists());
    }

    #[test]
    fn one_that_ends_early_is_told_with_what_it_printed() {
        let mut command = guarded("echo no port; echo is free >&2; exit 3");
        let failure = Server::start("it", &mut command, url).err().unwrap();
        assert_eq!(failure.to_string(), "it ended before it was up: no port\nis free");
    }

    #[test]
    fn one_that_never_announces_itself_is_ended() {
        let mut command = guarded("exec tail -f /dev/null");
        let failure = Server::start_within(Duration::ZERO, "it", &mut command, url).err().unwrap();
        assert_eq!(failure.to_string(), "it was not up within 0 s");
    }
}
