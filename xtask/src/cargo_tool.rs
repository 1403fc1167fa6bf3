//! Programs from crates.io, each in one version, below the target folder. They are run, and never linked or shipped.

use std::io::Write;
use std::path::PathBuf;

use crate::command::Run;
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;

/// A program.
pub(crate) struct Tool {
    /// Its package, and its command.
    pub(crate) name: &'static str,
    /// The one version that is taken.
    pub(crate) version: &'static str,
    /// Options of `cargo install`, such as the features that are wanted.
    pub(crate) options: &'static [&'static str],
}

impl Tool {
    /// Installs it if it is not there yet, and returns its path.
    pub(crate) fn install(
        &self,
        project: &Project,
        out: &mut dyn Write,
    ) -> Result<PathBuf, Failure> {
        let Self { name, version, options } = self;
        let folder = project.target()?.join("tools");
        let path = folder.join("bin").join(name);
        // Cargo notes here what it has installed.
        let installed = std::fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        if path.is_file() && is_installed(&installed, name, version) {
            return Ok(path);
        }
        writeln!(out, "installing {name} {version}, which takes some minutes")?;
        out.flush()?;
        let mut command = cargo(project);
        command.args(["install", "--quiet", "--locked", name, "--version", &format!("={version}")]);
        // Where cargo is told to put what it builds, it would keep hundreds of objects that nobody needs again.
        command.args(*options).arg("--root").arg(&folder).env_remove("CARGO_TARGET_DIR").run()?;
        Ok(path)
    }
}

fn is_installed(crates: &str, name: &str, version: &str) -> bool {
    crates.lines().any(|line| line.starts_with(&format!("\"{name} {version} (")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_has_installed_is_read_from_its_notes() {
        let crates = "[v1]\n\"cargo-deny 0.20.2 (registry+https://github.com/rust-lang/crates.io-index)\" = [\"cargo-deny\"]\n";
        assert!(is_installed(crates, "cargo-deny", "0.20.2"));
        assert!(!is_installed(crates, "cargo-deny", "0.20.20"));
        assert!(!is_installed(crates, "cargo-deny", "0.20"));
        assert!(!is_installed(crates, "mdbook", "0.20.2"));
        assert!(!is_installed("", "cargo-deny", "0.20.2"));
    }
}
