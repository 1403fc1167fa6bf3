//! `cargo xtask bench emulator`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::command::{Run, cargo, program};
use crate::failure::Failure;
use crate::moto::Moto;
use crate::project::Project;

/// Builds in release, starts the emulator and moto, each in a process of its own, and measures both.
pub(crate) fn run(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let moto = Moto::start(project)?;
    cargo(project).args(["build", "--release", "--package", "verifier-conformance"]).run()?;
    let bench = project.target()?.join("release/verifier-bench");
    let emulator = Served::start(&bench, &project.root)?;
    out.flush()?;
    program(&bench, &project.root)
        .args(["run", "--emulator", &emulator.url, "--moto", &moto.url])
        .args(["--emulator-process", &emulator.server.id().to_string()])
        .run()
}

/// The emulator, which ends when its stdin does, and so with this process.
struct Served {
    server: Child,
    url: String,
}

impl Served {
    fn start(bench: &Path, folder: &Path) -> Result<Self, Failure> {
        let mut server = program(bench, folder)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("the emulator did not start: {error}")))?;
        let stdout = server.stdout.take();
        // From here on it is ended whatever happens.
        let mut emulator = Self { server, url: String::new() };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        line.trim().clone_into(&mut emulator.url);
        if emulator.url.is_empty() {
            return Err(Failure::new("the emulator ended before it was up"));
        }
        Ok(emulator)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
