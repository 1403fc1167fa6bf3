//! `cargo xtask walkthrough`: the patch that CONTRIBUTING.md shows, applied to a copy of the project as an outsider would.
//!
//! The copy has the same paths below its root and the same times, and links to what the target folder has of libraries,
//! so cargo builds nothing again but what the patch changes and what depends on that.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::{Project, cargo};

/// The page with the patch, and the most files that one may touch.
const PAGE: &str = "CONTRIBUTING.md";
const FILES_MAX: usize = 7;
/// The check that the patch adds.
const CHECK: &str = "cfg.delay";
/// The tests of the rules, of what is generated, and of what the pages say of checks.
const TESTS: [&str; 6] = [
    "check::rules",
    "a_section_in_the_runbook",
    "readme_shows_what_a_check_prints",
    "reference_of_the_command_line",
    "settings::",
    "what_the_pages_point_to",
];
/// What the default build makes, so that libraries get the same features, and the library with the patch's tests.
const PACKAGES: [&str; 6] = ["verifier", "verifier-core", "hello", "submit-job", "worker", "xtask"];

/// Applies the patch to a copy, builds that, and runs what has to pass. Leaves nothing behind.
pub(crate) fn run(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let target = project.target()?;
    let folder = target.join("walkthrough");
    remove(&folder)?;
    let copy = Project { root: folder.join("project") };
    copy_sources(project, &copy.root)?;
    link_libraries(&target.join("debug"), &folder.join("target/debug"))?;
    let touched = apply(&patch(project)?, &copy.root)?;
    let tried = try_out(&copy, &folder.join("target"));
    remove(&folder)?;
    tried?;
    Ok(writeln!(out, "{CHECK} was added with {} files: {}", touched.len(), touched.join(", "))?)
}

/// Builds the copy, and looks for the check where users do.
fn try_out(copy: &Project, target: &Path) -> Result<(), Failure> {
    let in_copy = || {
        let mut command = cargo(copy);
        command.env("CARGO_TARGET_DIR", target);
        command
    };
    in_copy().args(["fmt", "--all", "--check"]).run()?;
    let packages: Vec<&str> = PACKAGES.iter().flat_map(|name| ["--package", name]).collect();
    let programs = ["verifier", "hello", "submit-job", "worker"];
    let programs = programs.iter().flat_map(|name| ["--bin", name]);
    in_copy().args(["build", "--quiet"]).args(&packages).args(programs).run()?;
    let mut tests = in_copy();
    tests.env("VERIFIER_TEST_FUNCTIONS", target.join("debug"));
    tests.args(["test", "--quiet"]).args(&packages).args(["--lib", "--test", "docs", "--"]);
    tests.args(TESTS).run()?;
    let verifier = target.join("debug/verifier");
    let verifier = || Command::new(&verifier);
    for (arguments, expected) in
        [(&["check", "--list"][..], CHECK), (&["explain", CHECK], "the jobs queue does not delay")]
    {
        let printed = verifier().args(arguments).capture()?;
        if !printed.contains(expected) {
            return Err(Failure::new(format!(
                "`verifier {}` does not say {expected}: {printed}",
                arguments.join(" ")
            )));
        }
    }
    Ok(())
}

/// The patch that the page shows.
fn patch(project: &Project) -> Result<String, Failure> {
    let page = fs::read_to_string(project.root.join(PAGE))
        .map_err(|error| Failure::new(format!("{PAGE} cannot be read: {error}")))?;
    let block = page.split_once("\n```diff\n").and_then(|(_, rest)| rest.split_once("\n```\n"));
    block
        .map(|(patch, _)| format!("{patch}\n"))
        .ok_or_else(|| Failure::new(format!("{PAGE} shows no patch in a block marked `diff`")))
}

/// The files that a patch touches.
fn touched(patch: &str) -> Vec<String> {
    patch.lines().filter_map(|line| line.strip_prefix("+++ b/").map(str::to_owned)).collect()
}

/// Applies a patch to what is in a folder; returns the files that it touches.
fn apply(patch: &str, folder: &Path) -> Result<Vec<String>, Failure> {
    let touched = touched(patch);
    if touched.len() > FILES_MAX {
        return Err(Failure::new(format!(
            "the patch of {PAGE} touches {} files; expected {FILES_MAX} at most",
            touched.len()
        )));
    }
    let file = folder.join(".add-a-check.patch");
    fs::write(&file, patch).map_err(|error| failed("written", &file, &error))?;
    // Below a repository, git would look for the paths from its root.
    let mut git = program("git", folder);
    git.env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder));
    let applied = git.args(["apply", "--whitespace=error"]).arg(&file).run();
    fs::remove_file(&file).map_err(|error| failed("removed", &file, &error))?;
    applied.map_err(|error| {
        Failure::new(format!(
            "the patch of {PAGE} does not apply: {error}; write it against the files as they are"
        ))
    })?;
    Ok(touched)
}

/// Copies what git knows, and what it does not ignore, with the files' times.
fn copy_sources(project: &Project, to: &Path) -> Result<(), Failure> {
    let listed = program("git", &project.root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .capture()?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (project.root.join(name), to.join(name));
        // A file that was removed and not committed yet is listed, too.
        if from.is_file() {
            copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Copies what cargo knows of the libraries that it has built, and links to them: cargo and the compiler replace a library
/// and never write into it.
fn link_libraries(from: &Path, to: &Path) -> Result<(), Failure> {
    for folder in [".fingerprint", "build", "deps"] {
        for path in files_below(&from.join(folder))? {
            let Ok(name) = path.strip_prefix(from) else { continue };
            let is_library = |kind: &str| matches!(kind, "rlib" | "rmeta" | "so" | "dylib" | "dll");
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            match folder {
                "deps" if is_library(kind) => link(&path, &to.join(name))?,
                "deps" if kind != "d" => {}
                _ => copy(&path, &to.join(name))?,
            }
        }
    }
    Ok(())
}

/// The files below a folder; none where it is not there.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.map_err(|error| failed("read", folder, &error))?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    make_folder_of(to)?;
    fs::hard_link(from, to).map_err(|error| failed("linked", from, &error))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    make_folder_of(to)?;
    let copied = fs::copy(from, to).and_then(|_| fs::metadata(from)?.modified());
    let timed = copied.and_then(|time| File::open(to)?.set_modified(time));
    timed.map_err(|error| failed("copied", from, &error))
}

fn make_folder_of(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(|error| failed("made", folder, &error))
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("removed", folder, &error))
        }
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_applies_and_touches_few_files() {
        let project = Project::find().unwrap();
        let patch = patch(&project).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in touched(&patch) {
            let from = project.root.join(&name);
            if from.is_file() {
                copy(&from, &folder.path().join(&name)).unwrap();
            }
        }
        let touched = apply(&patch, folder.path()).unwrap();
        for needed in ["RUNBOOK.md", "CHANGELOG.md", "verifier/core/src/check/rules/mod.rs"] {
            assert!(touched.iter().any(|name| name == needed), "{needed}");
            let text = fs::read_to_string(folder.path().join(needed)).unwrap();
            assert!(text.contains("cfg.delay") || text.contains("cfg_delay"), "{needed}");
        }
    }

    #[test]
    fn a_patch_that_touches_many_files_is_refused() {
        let patch = "--- a/file\n+++ b/file\n".repeat(FILES_MAX + 1);
        let error = apply(&patch, Path::new(".")).unwrap_err();
        assert!(error.to_string().contains("touches 8 files"), "{error}");
    }
}
