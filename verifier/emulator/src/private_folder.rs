//! A folder of an emulator's own, which is gone with it, however it ends.
//!
//! An emulator that is killed removes nothing. So each folder has a file that its emulator holds locked, and the one that makes
//! the next folder removes those whose lock is free: the kernel frees it with the process.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What the names of all of them begin with.
const PREFIX: &str = "verifier-functions-";
/// The file that is locked as long as the folder is in use.
const LOCK: &str = "lock";

/// A folder that only its user may look into.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    /// How many folders were named in it.
    count: usize,
    // They are dropped in this order: what is no longer locked may be removed by others.
    folder: TempDir,
    _lock: File,
}

impl PrivateFolder {
    /// Makes one, and removes those that killed emulators have left there.
    pub(crate) fn make(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let mut name = tempfile::Builder::new();
        name.prefix(PREFIX).permissions(Permissions::from_mode(0o700));
        let folder = name.tempdir_in(parent)?;
        // It has its name only when it is locked: before that it would be taken for one that was left.
        let new = folder.path().join("lock.new");
        let lock = File::create(&new)?;
        lock.lock()?;
        fs::rename(&new, folder.path().join(LOCK))?;
        Ok(Self { count: 0, folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The name of a folder in it that is not there yet.
    pub(crate) fn next(&mut self) -> PathBuf {
        self.count += 1;
        self.path().join("code").join(self.count.to_string())
    }
}

/// Removes what was left. What cannot be looked at is of others.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let of_emulators =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in of_emulators {
        let lock = File::options().write(true).open(entry.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // Another emulator may be removing it, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_emulator_has_left_goes_with_the_next_one_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let used = PrivateFolder::make(parent.path()).unwrap();
        // Of one that was killed, the lock is free and the folder is there.
        let killed = PrivateFolder::make(parent.path()).unwrap();
        let PrivateFolder { folder, _lock: lock, .. } = killed;
        let left = folder.keep();
        drop(lock);
        // One that is being made has no lock yet.
        let fresh = parent.path().join(format!("{PREFIX}fresh"));
        fs::create_dir(&fresh).unwrap();
        let other = parent.path().join("other");
        fs::create_dir(&other).unwrap();
        let next = PrivateFolder::make(parent.path()).unwrap();
        assert!(!left.exists());
        for kept in [used.path(), next.path(), &fresh, &other] {
            assert!(kept.exists(), "{}", kept.display());
        }
        let gone = next.path().to_owned();
        drop(next);
        assert!(!gone.exists());
    }

    #[test]
    fn only_its_user_may_look_into_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(parent.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn names_in_it_are_told_apart() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = PrivateFolder::make(parent.path()).unwrap();
        assert_ne!(folder.next(), folder.next());
    }
}
