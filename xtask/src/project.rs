//! Where the project lies.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Run, program};
use crate::failure::Failure;

/// The project's folders.
#[derive(Debug)]
pub(crate) struct Project {
    /// The root: where the workspace's `Cargo.toml` is.
    pub(crate) root: PathBuf,
}

impl Project {
    /// Finds the workspace around the working directory.
    pub(crate) fn find() -> Result<Self, Failure> {
        let here = std::env::current_dir().map_err(|error| {
            Failure::new(format!("the working directory cannot be read: {error}"))
        })?;
        let root = here.ancestors().find(|folder| is_workspace(folder));
        match root {
            Some(root) => Ok(Self { root: root.to_path_buf() }),
            None => Err(Failure::new(format!("{} is not inside the project", here.display()))),
        }
    }

    /// The CDK app.
    pub(crate) fn stack(&self) -> PathBuf {
        self.root.join("stack")
    }

    /// Cargo's target folder, wherever it was told to have it.
    pub(crate) fn target(&self) -> Result<PathBuf, Failure> {
        let mut metadata = cargo(self);
        metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
        let metadata: serde_json::Value = serde_json::from_str(&metadata.capture()?)
            .map_err(|error| Failure::new(format!("cargo metadata cannot be read: {error}")))?;
        let target = metadata.get("target_directory").and_then(serde_json::Value::as_str);
        target
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new("cargo metadata names no target folder"))
    }
}

fn is_workspace(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
}

/// `cargo`, at the project's root.
pub(crate) fn cargo(project: &Project) -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &project.root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_this_crate() {
        // Tests run in their crate's folder, one below the root.
        let project = Project::find().unwrap();
        assert_eq!(project.root.join("xtask"), Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(project.stack().join("package.json").is_file());
    }
}
