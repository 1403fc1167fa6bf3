//! A folder of an emulator's own, which is gone with it, however it ends.
//!
//! An emulator that is killed removes nothing. So each folder has a file that its emulator holds locked, and the one that makes
//! the next folder removes those whose lock is free: the kernel frees it with the process.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use tempfile::TempDir;

use crate::trust::caller;

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

/// Removes what was left. What is of others stays, and is not opened: their lock might be a pipe, which waits for a reader.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let of_emulators =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in of_emulators.filter(|entry| is_own_folder(&entry.path())) {
        let lock = own_lock(&entry.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // Another emulator may be removing it, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == caller())
}

/// Opens a lock: a regular file of the caller's, and no link to one.
fn own_lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let file = File::from(open(path, flags | OFlags::CLOEXEC, Mode::empty())?);
    let found = file.metadata()?;
    if found.is_file() && found.uid() == caller() {
        return Ok(file);
    }
    Err(io::ErrorKind::PermissionDenied.into())
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
    fn a_lock_that_is_none_is_waited_for_by_nobody() {
        let parent = tempfile::tempdir().unwrap();
        let (pipe, link) = (
            parent.path().join(format!("{PREFIX}pipe")),
            parent.path().join(format!("{PREFIX}link")),
        );
        for folder in [&pipe, &link] {
            fs::create_dir(folder).unwrap();
        }
        let made = std::process::Command::new("mkfifo").arg(pipe.join(LOCK)).status();
        assert!(made.unwrap().success());
        fs::write(parent.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("../file", link.join(LOCK)).unwrap();
        let folder = PrivateFolder::make(parent.path()).unwrap();
        for kept in [folder.path(), &pipe, &link] {
            assert!(kept.exists(), "{}", kept.display());
        }
        // Only the superuser can make what is another's: a lock that is free stays there, too.
        if caller() == 0 {
            let theirs = parent.path().join(format!("{PREFIX}theirs"));
            fs::create_dir(&theirs).unwrap();
            fs::write(theirs.join(LOCK), "").unwrap();
            std::os::unix::fs::chown(&theirs, Some(65_534), None).unwrap();
            let _next = PrivateFolder::make(parent.path()).unwrap();
            assert!(theirs.exists());
        }
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
