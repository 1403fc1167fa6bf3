//! `cargo xtask deny`: cargo-deny, by the rules in `deny.toml`.
//!
//! Building cargo-deny takes longer than most steps of the tests, and the list of vulnerabilities changes without a
//! change of ours. So it is no step; a workflow runs it.

use std::io::Write;

use crate::cargo_tool::Tool;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", options: &[] };

/// Checks licences, bans and sources, and known vulnerabilities unless it is to leave the network alone.
pub(crate) fn check(project: &Project, offline: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let deny = CARGO_DENY.install(project, out)?;
    let mut command = program(deny, &project.root);
    command.args(["--workspace", "--all-features", "--locked", "check"]);
    if offline {
        command.args(["licenses", "bans", "sources"]);
    }
    command.run()
}
