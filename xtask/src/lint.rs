//! The linters of what is not Rust: workflows, scripts, the synthesised templates, and spelling and words everywhere.

use std::io::Write;
use std::path::Path;

use crate::command::{Run, path_with, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::python;
use crate::words;

/// A linter, and what it is reported.
struct Linter {
    program: &'static str,
    arguments: &'static [&'static str],
    /// Where it runs, below the project's root; there lies its configuration.
    folder: &'static str,
}

/// The shell scripts; those in workflows are found by actionlint.
const SCRIPTS: [&str; 15] = [
    ".ci/run",
    ".ci/rustc",
    ".github/actions/delete-preview/delete.sh",
    ".github/actions/find-previews/find.sh",
    ".github/actions/plan/plan.sh",
    ".github/actions/previews.sh",
    ".github/actions/synthesise/synthesise.sh",
    "stack/bin/account.sh",
    "stack/bin/account/ask.sh",
    "stack/bin/account/bootstrap.sh",
    "stack/bin/account/checks.sh",
    "stack/bin/account/role.sh",
    "stack/bin/account/variables.sh",
    "stack/bin/preview.sh",
    "verifier/bench/verify.sh",
];

const LINTERS: [Linter; 5] = [
    Linter { program: "actionlint", arguments: &[], folder: "" },
    Linter { program: "zizmor", arguments: &["--offline", "--quiet", "."], folder: "" },
    Linter { program: "shellcheck", arguments: &SCRIPTS, folder: "" },
    Linter { program: "typos", arguments: &["--hidden"], folder: "" },
    Linter { program: "cfn-lint", arguments: &[], folder: "stack" },
];

/// Runs every linter; each has to find nothing.
pub(crate) fn lint(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let gone = words::violations(project)?;
    if !gone.is_empty() {
        return Err(Failure::new(format!(
            "words of xtask/words.toml came back:\n{}",
            gone.join("\n")
        )));
    }
    writeln!(out, "no word of xtask/words.toml came back")?;
    let programs = python::linters(project)?;
    // actionlint looks for shellcheck on the path.
    let path = path_with(&programs)?;
    for linter in &LINTERS {
        run(project, &programs, &path, linter)?;
        writeln!(out, "{} found nothing", linter.program)?;
    }
    Ok(out.flush()?)
}

fn run(
    project: &Project,
    programs: &Path,
    path: &std::ffi::OsStr,
    linter: &Linter,
) -> Result<(), Failure> {
    program(programs.join(linter.program), &project.root.join(linter.folder))
        .args(linter.arguments)
        .env("PATH", path)
        .run()
}
