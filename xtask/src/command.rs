//! Running other programs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::failure::Failure;

/// A program in a folder, in the environment that a shell would have given it.
///
/// `cargo run` tells this process about its own package. Passed on, that would reach build scripts that watch those
/// variables (ring's does), and half of the dependencies would be built again for `xtask`, and once more without it.
pub(crate) fn program(name: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder).stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(is_about_a_package) {
            command.env_remove(variable);
        }
    }
    command
}

/// The `PATH` of this process, with a folder before the others.
pub(crate) fn path_with(folder: &Path) -> Result<OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders)
        .map_err(|error| Failure::new(format!("the PATH cannot be extended: {error}")))
}

/// Whether cargo sets a variable of that name for the programs that it runs, and for them only.
fn is_about_a_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
        || matches!(variable, "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

/// Running a command to its end.
pub(crate) trait Run {
    /// Runs it; its output goes where this process's goes.
    fn run(&mut self) -> Result<(), Failure>;
    /// Runs it and returns what it printed on stdout; its errors go where this process's go.
    fn capture(&mut self) -> Result<String, Failure>;
}

impl Run for Command {
    fn run(&mut self) -> Result<(), Failure> {
        let status = self.status().map_err(|error| did_not_start(self, &error))?;
        if status.success() { Ok(()) } else { Err(ended(self, status.to_string())) }
    }

    fn capture(&mut self) -> Result<String, Failure> {
        let output: Output =
            self.stderr(Stdio::inherit()).output().map_err(|error| did_not_start(self, &error))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(ended(self, output.status.to_string()))
        }
    }
}

fn did_not_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` did not start: {error}", shown(command)))
}

fn ended(command: &Command, how: impl AsRef<str>) -> Failure {
    Failure::new(format!("`{}` ended with {}", shown(command), how.as_ref()))
}

/// A command as one would type it: the program without its folder, and the arguments.
pub(crate) fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy);
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["clippy", "--", "-D", "it's a warning"]);
        assert_eq!(shown(&command), r"cargo clippy -- -D 'it'\''s a warning'");
    }

    #[test]
    fn what_cargo_says_of_this_package_is_not_passed_on() {
        for variable in ["CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "CARGO_BIN_EXE_x", "OUT_DIR"] {
            assert!(is_about_a_package(variable), "{variable}");
        }
        for variable in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "RUSTFLAGS"]
        {
            assert!(!is_about_a_package(variable), "{variable}");
        }
        // cargo has set it for this test, so this is not vacuous.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let command = program("true", Path::new("."));
        assert!(command.get_envs().any(|pair| pair == (OsStr::new("CARGO_MANIFEST_DIR"), None)));
    }

    #[test]
    fn a_failure_names_the_command() {
        let here = Path::new(".");
        let failure = program("false", here).run().unwrap_err().to_string();
        assert_eq!(failure, "`false` ended with exit status: 1");
        let failure = program("no-such-program", here).capture().unwrap_err().to_string();
        assert!(failure.starts_with("`no-such-program` did not start: "), "{failure}");
    }

    #[test]
    fn a_folder_comes_before_the_others_of_the_path() {
        let path = path_with(Path::new("/tools")).unwrap();
        let all = std::env::split_paths(&path).collect::<Vec<_>>();
        assert_eq!(all.first().map(PathBuf::as_path), Some(Path::new("/tools")));
        assert!(all.len() > 1);
        assert!(path_with(Path::new("/a:b")).is_err());
    }

    #[test]
    fn output_can_be_captured() {
        let printed = program("echo", Path::new(".")).arg("a b").capture().unwrap();
        assert_eq!(printed, "a b\n");
    }
}
