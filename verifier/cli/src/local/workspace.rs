//! The Cargo workspace whose functions are built.

use std::path::{Path, PathBuf};

use verifier_emulator::Trust;

use crate::shell::failure::Failure;
use crate::shell::files;

/// What says what is in a Cargo workspace.
const MANIFEST: &str = "Cargo.toml";
/// What cargo and rustup read in a folder and in those above it.
const CARGO_READS: [&str; 5] =
    [".cargo", ".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];
/// What the root of a repository has.
const REPOSITORY: &str = ".git";

/// The Cargo workspace around the working directory or around the template, within its repository. It is built, which runs what
/// is in it: what another user has put there is none.
pub(super) fn find_project(here: &Path, template: &Path, trust: &Trust) -> Option<PathBuf> {
    let is_workspace = |folder: &Path| {
        let manifest = folder.join(MANIFEST);
        let counts = trust.counts(folder) && trust.counts(&manifest);
        let text = counts.then(|| files::read_text(&manifest));
        text.is_some_and(|text| text.is_ok_and(|text| text.contains("[workspace]")))
    };
    let nearest = |start: &Path| {
        for folder in start.ancestors() {
            if is_workspace(folder) {
                return Some(folder.to_path_buf());
            }
            if folder.join(REPOSITORY).exists() {
                break;
            }
        }
        None
    };
    nearest(here).or_else(|| nearest(std::path::absolute(template).ok()?.parent()?))
}

/// Fails where cargo would read what another user has put into a workspace or above it: it says what is run.
///
/// Sources: <https://doc.rust-lang.org/cargo/reference/config.html>, "Hierarchical structure";
/// <https://rust-lang.github.io/rustup/overrides.html>, "The toolchain file".
pub(super) fn check_workspace(project: &Path, trust: &Trust) -> Result<(), Failure> {
    let of_another = trust.others_above(project, &CARGO_READS);
    let of_another = of_another.or_else(|| trust.check_inside(project).err());
    let Some(of_another) = of_another else { return Ok(()) };
    Err(Failure {
        next: Some(
            "build the functions yourself, and name their folder with --functions".to_owned(),
        ),
        ..Failure::usage(format!(
            "cargo does not build the functions in {}: {of_another}",
            project.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ANOTHER: u32 = 65_534;

    /// A folder with these files, in each manifest a workspace.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "[workspace]").unwrap();
        }
        folder
    }

    fn found(folder: &Path, here: &str, template: &str) -> Option<PathBuf> {
        let here = folder.join(here);
        fs::create_dir_all(&here).unwrap();
        let found = find_project(&here, &folder.join(template), &Trust::of(&[&here]))?;
        Some(found.strip_prefix(folder).unwrap().to_owned())
    }

    #[test]
    fn a_workspace_is_around_the_working_directory_or_the_template_in_their_repository() {
        let all = folder(&["a/Cargo.toml", "a/b/.git", "c/Cargo.toml", "c/.git"]);
        assert_eq!(found(all.path(), "a", "x"), Some("a".into()));
        assert_eq!(found(all.path(), "a/d", "x"), Some("a".into()));
        assert_eq!(found(all.path(), "a/b", "x"), None, "it is above the repository");
        assert_eq!(
            found(all.path(), "c/d/e", "x"),
            Some("c".into()),
            "it is the repository's root"
        );
        assert_eq!(found(all.path(), "a/b", "c/d/template.yaml"), Some("c".into()));
    }

    /// Only the superuser can make what is another's.
    #[test]
    fn what_another_user_has_put_there_is_not_built() {
        if files::caller() != 0 {
            return;
        }
        let own =
            folder(&["Cargo.toml", ".cargo/config.toml", "in/Cargo.toml", "in/worker/build.rs"]);
        let give = |name: &str, user| {
            std::os::unix::fs::chown(own.path().join(name), Some(user), None).unwrap();
        };
        let workspace = own.path().join("in");
        assert!(check_workspace(&workspace, &Trust::default()).is_ok());
        give(".cargo/config.toml", ANOTHER);
        let refused = check_workspace(&workspace, &Trust::default()).unwrap_err();
        assert!(refused.what.contains(".cargo/config.toml is another user's"), "{}", refused.what);
        give(".cargo/config.toml", 0);
        give("in/Cargo.toml", ANOTHER);
        assert_eq!(found(own.path(), "in", "x"), Some("".into()), "the own one above counts");
        give("in/Cargo.toml", 0);
        give("in/worker", ANOTHER);
        assert!(check_workspace(&workspace, &Trust::default()).is_ok(), "its folder is closed");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
        fs::set_permissions(&workspace, mode).unwrap();
        assert!(check_workspace(&workspace, &Trust::default()).is_err());
    }
}
