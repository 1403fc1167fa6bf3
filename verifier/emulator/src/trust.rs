//! What was not named counts here only if it is of somebody whose files do: [`verifier_model::owners`] decides, and this looks.
//!
//! Everything that is run, or read as a part of the stack, comes through this: templates and what they include, code, layers,
//! archives and CDK's assets, functions' programs, modules of Node.js, pages, and Cargo workspaces.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

use verifier_model::owners::{Owners, are_closed, is_open};

/// Whose files count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust(Owners);

/// Something that another user has put where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfAnother {
    /// What it is.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: u32,
}

impl fmt::Display for OfAnother {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, owner } = self;
        write!(
            formatter,
            "{} is another user's (user id {owner}), and what was not named is neither run nor read of them",
            path.display()
        )
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Trust {
    /// The caller's, the superuser's, and those of who owns what was named: a file and its folder, the working directory.
    pub fn of(named: &[&Path]) -> Self {
        let places = named.iter().map(|path| whole(path));
        Self(Owners::new(caller(), places.filter_map(|path| owner(&path)).collect::<Vec<_>>()))
    }

    /// Whether something counts: a link, and what it leads to.
    pub fn counts(&self, path: &Path) -> bool {
        self.look(path).is_ok()
    }

    fn look(&self, path: &Path) -> Result<(), OfAnother> {
        let found = [fs::symlink_metadata(path), fs::metadata(path)];
        let mut owners = found.iter().flatten().map(Metadata::uid);
        match owners.find(|owner| !self.0.count(*owner)) {
            Some(owner) => Err(OfAnother { path: path.to_owned(), owner }),
            None => Ok(()),
        }
    }

    /// Fails on what does not count of a path: itself, a folder on the way to it from one that was named, or what is in it,
    /// where everyone may put something.
    pub fn check(&self, path: &Path, named: &Path) -> Result<(), OfAnother> {
        let (path, named) = (whole(path), whole(named));
        for step in path.ancestors().take_while(|step| *step != named) {
            self.look(step)?;
        }
        self.check_inside(&path)
    }

    /// Fails on what does not count in a folder where everyone may put something.
    pub fn check_inside(&self, folder: &Path) -> Result<(), OfAnother> {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let is_folder = |found: &Metadata| found.is_dir() && is_open(found.mode());
            if !fs::metadata(&folder).is_ok_and(|found| is_folder(&found)) {
                continue;
            }
            for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
                self.look(&entry.path())?;
                // A link is not followed further: it may lead back.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// The first that does not count of these names, in a folder and those above it: what tools look for there.
    pub fn others_above(&self, folder: &Path, names: &[&str]) -> Option<OfAnother> {
        let folder = whole(folder);
        let all = folder.ancestors().flat_map(|above| names.iter().map(|name| above.join(name)));
        all.filter(|path| fs::symlink_metadata(path).is_ok())
            .find_map(|path| self.look(&path).and_then(|()| self.check_inside(&path)).err())
    }
}

/// Whether nobody else can put anything into a folder or those above it.
pub(crate) fn is_closed(folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    let found: Result<Vec<Metadata>, _> = folder.ancestors().map(fs::metadata).collect();
    let owners = found.map(|all| all.into_iter().map(|one| (one.uid(), one.mode())));
    owners.is_ok_and(|all| are_closed(caller(), all))
}

/// A path from the root. The folder of a path without one is the working directory.
fn whole(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The id of the user whose rights count.
pub(crate) fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|found| found.uid())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    const ANOTHER: u32 = 65_534;

    /// A folder where everyone may put something, with an own folder and a file of another user's in it. Only the superuser can
    /// make one.
    fn shared() -> Option<tempfile::TempDir> {
        let shared = tempfile::tempdir().unwrap();
        fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::create_dir(shared.path().join("own")).unwrap();
        fs::write(shared.path().join("own/code"), "").unwrap();
        fs::write(shared.path().join("theirs"), "").unwrap();
        (caller() == 0)
            .then(|| chown(shared.path().join("theirs"), Some(ANOTHER), None).unwrap())?;
        Some(shared)
    }

    #[test]
    fn what_another_user_has_put_into_a_shared_folder_does_not_count() {
        let Some(shared) = shared() else { return };
        let (folder, at) = (shared.path(), |name: &str| shared.path().join(name));
        let trust = Trust::of(&[&at("template.yaml")]);
        assert!(trust.check(&at("own/code"), folder).is_ok());
        let of_another = trust.check(&at("theirs"), folder).unwrap_err();
        assert_eq!((&of_another.path, of_another.owner), (&at("theirs"), ANOTHER));
        // Below it, through a link of one's own, and as a part of the whole folder.
        symlink(at("theirs"), at("own/link")).unwrap();
        for found in ["theirs/deep", "own/link", ""] {
            assert!(trust.check(&at(found), &at("nowhere")).is_err(), "{found}");
        }
        assert!(trust.check_inside(folder).is_err() && trust.check_inside(&at("own")).is_ok());
        // Who is named is relied on.
        assert!(Trust::of(&[&at("theirs")]).check(&at("theirs"), folder).is_ok());
    }

    #[test]
    fn what_tools_find_above_a_folder_counts_by_its_owner() {
        let Some(shared) = shared() else { return };
        let own = shared.path().join("own");
        let trust = Trust::default();
        let above = |name| trust.others_above(&own, &[name]).map(|of_another| of_another.path);
        assert_eq!(above("theirs"), Some(shared.path().join("theirs")));
        assert_eq!(above("code"), None);
        assert!(!is_closed(&own) && is_closed(Path::new("/")));
    }
}
