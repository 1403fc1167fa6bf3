//! `cargo xtask bench emulator`.

use std::io::Write;

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::moto;
use crate::project::Project;
use crate::project::cargo;
use crate::server::Server;

/// Builds in release, starts the emulator and moto, each in a process of its own, and measures both.
pub(crate) fn run(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let moto = moto::start(project)?;
    cargo(project).args(["build", "--release", "--package", "verifier-conformance"]).run()?;
    let bench = project.target()?.join("release/verifier-bench");
    // It ends when its stdin does by itself, and so its process is the one whose memory is looked at.
    let emulator =
        Server::start("the emulator", program(&bench, &project.root).arg("serve"), announced)?;
    out.flush()?;
    program(&bench, &project.root)
        .args(["run", "--emulator", &emulator.url, "--moto", &moto.url])
        .args(["--emulator-process", &emulator.id().to_string()])
        .run()
}

/// Its URL is all that it prints.
fn announced(line: &str) -> Option<&str> {
    Some(line.trim()).filter(|url| url.starts_with("http://"))
}
