//! Files that are written: one way for all of them, so that nothing else is ever overwritten.
//!
//! * A regular file is written whole, or not at all: to a new file beside it with a random name, which nobody can have seeded
//!   (`O_CREAT | O_EXCL` follows no link), and which takes its place when it is complete.
//! * Links are followed to their end first, and what they lead to is replaced where it is.
//! * What is no regular file (a pipe, a device, a socket, an open descriptor such as `/dev/stdout`) is written to, and stays.
//! * A report keeps the permissions and the owner of the file that was there. What holds bodies is the user's alone
//!   (0600), whatever the file had before.
//!
//! Sources: open(2), rename(2), `proc_pid_fd(5)`.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, OFlags, access};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use verifier_emulator::Trust;

use crate::shell::failure::Failure;
use crate::shell::output;

mod apart;
mod reading;
mod special;
mod target;
mod unnamed;

pub(crate) use apart::{Named, check_apart};
pub(crate) use reading::{bounded, check_lines, lines, read, read_plan, read_text, text};
pub(crate) use target::Target;
#[cfg(test)]
pub(crate) use unnamed::MEMORY_BYTES;
pub(crate) use unnamed::{Unnamed, unnamed};

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;
/// How much room a file has to have at least, so that a full disk is noticed before a run.
const PROBE_BYTES: usize = 4096;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever could before, or whom the umask lets.
    AsBefore,
    /// The user alone.
    User,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Place {
    /// A regular file, or nothing yet.
    Whole { target: PathBuf, existing: Option<Metadata> },
    /// A pipe, a device or a socket.
    Special(PathBuf),
    /// This process's stdout (1) or stderr (2).
    Standard(u8),
    /// A descriptor that somebody has opened.
    Descriptor(PathBuf),
}

/// The number of this process's stdout or stderr, where a path leads there.
pub(crate) fn standard(path: &Path) -> Option<u8> {
    match place(path) {
        Ok(Place::Standard(number)) => Some(number),
        _ => None,
    }
}

/// What leads to a pipe, a device or the like, to be written to piece by piece; stdout and stderr are written to by
/// [`output`] alone.
pub(crate) fn stream(path: &Path) -> io::Result<Box<dyn Write>> {
    Ok(match place(path)? {
        Place::Standard(_) => return Err(io::ErrorKind::Unsupported.into()),
        Place::Descriptor(path) | Place::Whole { target: path, .. } => {
            Box::new(OpenOptions::new().append(true).open(path)?)
        }
        Place::Special(path) => special::open_for(&path)?,
    })
}

/// Fails where what is for the caller alone would reach another user, by a pipe or a socket of theirs.
pub(crate) fn check_private(path: &Path) -> io::Result<()> {
    match place(path)? {
        Place::Special(path) => special::check_private(&path),
        Place::Whole { .. } | Place::Standard(_) | Place::Descriptor(_) => Ok(()),
    }
}

/// Fails where a name leads to another file than the one that was made.
pub(crate) fn check_same(path: &Path, made: &Metadata) -> io::Result<()> {
    let there = fs::symlink_metadata(path)?;
    if (there.dev(), there.ino()) == (made.dev(), made.ino()) {
        return Ok(());
    }
    Err(io::Error::other("another file has taken its place meanwhile"))
}

/// The id of the user who owns what is there.
pub(crate) fn owner(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.uid())
}

/// Whether what was found in or above a folder, and not named, counts there: see [`Trust`].
pub(crate) fn is_trusted(path: &Path, here: &Path) -> bool {
    Trust::of(&[here]).counts(path)
}

/// Whether something is the caller's or the superuser's.
pub(crate) fn is_own(path: &Path) -> bool {
    Trust::default().counts(path)
}

/// The id of the user whose rights count.
pub(crate) fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Writes what nobody else may read: bodies, or secrets. Whoever waits for the file never sees a part of it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    Staged::new(place(path)?, content, Readers::User)?.commit()
}

/// Writes a file where none is; one that is there is kept.
pub(crate) fn write_new(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    check_name(path)?;
    let mut draft = Draft::with_mode(path, if readers == Readers::User { 0o600 } else { 0o666 })?;
    draft.add(content)?;
    draft.become_new(path)
}

/// Whether a file could be written there, before anything has taken its time. Nothing is changed.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    check_at(place(path)?)
}

fn check_at(place: Place) -> io::Result<()> {
    match place {
        Place::Whole { target, existing } => {
            if let Some(existing) = &existing {
                check_replaceable(&target, existing)?;
            }
            Draft::beside(&target)?.add(&[0; PROBE_BYTES])
        }
        Place::Special(path) | Place::Descriptor(path) => special::check(&path),
        Place::Standard(_) => Ok(()),
    }
}

/// Whether a new file could be made there. What is there, a link that leads nowhere included, is refused.
pub(crate) fn check_new(path: &Path) -> io::Result<()> {
    check_name(path)?;
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Draft::beside(path)?.add(&[0; PROBE_BYTES])
}

/// Whether a path leads to a pipe, a device or the like, which has no content to lose.
pub(crate) fn is_special(path: &Path) -> bool {
    !matches!(place(path), Ok(Place::Whole { .. }) | Err(_))
}

/// Whether anything is there, be it a link that leads nowhere.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a regular file is there, and no link to one.
pub(crate) fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Takes a name away. What a link leads to stays.
pub(crate) fn unlink(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Makes a file that was not there, for the user alone, to append to it. Its name is on the disk when this returns.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    check_name(path)?;
    check_folders(path)?;
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    sync_folder(path)?;
    Ok(file)
}

/// Lets nobody else read an open file.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Appends to a file that others append to as well, such as GitHub's job summary. Links and pipes are as for [`write_private`].
pub(crate) fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    match place(path)? {
        Place::Special(path) => special::write(&path, content),
        Place::Standard(_) | Place::Descriptor(_) => {
            OpenOptions::new().append(true).open(path)?.write_all(content)
        }
        Place::Whole { target, .. } => {
            let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            let mut file = OpenOptions::new();
            file.append(true).create(true).custom_flags(flags).open(target)?.write_all(content)
        }
    }
}

/// Whether a file could be appended to. Nothing is written.
pub(crate) fn check_append(path: &Path) -> io::Result<()> {
    match place(path)? {
        Place::Special(path) | Place::Descriptor(path) => special::check(&path),
        Place::Standard(_) => Ok(()),
        Place::Whole { .. } => append(path, b""),
    }
}

/// Makes a new folder for the user alone.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Makes a folder, with those above it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    check_dash(path)?;
    // The folder itself, and those above it.
    check_folders(&path.join("inside"))?;
    fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    })
}

/// That a file cannot be written. `what` is what it is: a report, a plan.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    let (problem, next) = match error.kind() {
        io::ErrorKind::AlreadyExists => (
            format!("the {what} {} is there already", path.display()),
            "name another file; what is in this one may be nowhere else",
        ),
        _ => (
            format!("the {what} {} cannot be written: {error}", path.display()),
            "name a file in a folder that is there, may be written to and has room",
        ),
    };
    Failure { next: Some(next.to_owned()), ..Failure::usage(problem) }
}

/// Content that is whole on the disk, but for what cannot be taken back once it is written, and has only to take its place.
/// Several that belong together are all staged before the first is committed: a full disk leaves what was there.
pub(crate) enum Staged {
    /// In a new file.
    Draft { draft: Draft, target: PathBuf, existing: Option<Metadata>, readers: Readers },
    /// Kept until it is written to what is no regular file.
    Kept { place: Place, content: Vec<u8> },
}

impl Staged {
    fn new(place: Place, content: &[u8], readers: Readers) -> io::Result<Self> {
        match (&place, readers) {
            (Place::Special(path), Readers::User) => special::check_private(path)?,
            (Place::Whole { existing: Some(existing), .. }, Readers::User) => {
                special::check_owner(existing)?;
            }
            _ => {}
        }
        let Place::Whole { target, existing } = place else {
            return Ok(Self::Kept { place, content: content.to_owned() });
        };
        let is_new_report = readers == Readers::AsBefore && existing.is_none();
        let mut draft = Draft::with_mode(&target, if is_new_report { 0o666 } else { 0o600 })?;
        draft.add(content)?;
        draft.file.as_file().sync_all()?;
        Ok(Self::Draft { draft, target, existing, readers })
    }

    /// Puts it where it belongs.
    pub(crate) fn commit(self) -> io::Result<()> {
        let (place, content) = match self {
            Self::Draft { draft, target, existing, readers } => {
                return draft.replace(&target, existing.as_ref(), readers);
            }
            Self::Kept { place, content } => (place, content),
        };
        match place {
            Place::Standard(1) => output::to_stdout(&String::from_utf8_lossy(&content)),
            Place::Standard(_) => output::to_stderr(&String::from_utf8_lossy(&content)),
            Place::Whole { target: path, .. } | Place::Descriptor(path) => {
                // What is in the file already was written by the same command line.
                OpenOptions::new().append(true).open(path)?.write_all(&content)
            }
            Place::Special(path) => special::write(&path, &content),
        }
    }
}

/// Follows links to where they lead.
fn place(path: &Path) -> io::Result<Place> {
    check_name(path)?;
    let mut at = path.to_owned();
    for _ in 0..=LINKS_MAX {
        check_folders(&at)?;
        if let Some(place) = descriptor(&at)? {
            return Ok(place);
        }
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Place::Whole { target: at, existing: None });
            }
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            special::check_link(&at, &found)?;
            let link = fs::read_link(&at)?;
            at = at.parent().unwrap_or(Path::new("")).join(link);
        } else if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        } else if found.is_file() {
            return Ok(Place::Whole { target: at, existing: Some(found) });
        } else {
            return Ok(Place::Special(at));
        }
    }
    Err(Errno::LOOP.into())
}

/// Fails where the way to a file leads through another user's link to what is not theirs.
fn check_folders(path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1) {
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_symlink() => special::check_link(folder, &found)?,
            _ => {}
        }
    }
    Ok(())
}

/// Fails on a path that cannot be a file's.
fn check_name(path: &Path) -> io::Result<()> {
    check_dash(path)?;
    let ends_as_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if ends_as_folder || !matches!(path.components().next_back(), Some(Component::Normal(_))) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}

/// Fails on `-`, which means stdout to some commands and would be a file's name to others.
fn check_dash(path: &Path) -> io::Result<()> {
    if path.as_os_str() == "-" {
        let problem = "`-` does not mean stdout here; what is really named so is `./-`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    Ok(())
}

/// An open descriptor, whose link leads to no name that could be replaced.
fn descriptor(path: &Path) -> io::Result<Option<Place>> {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    let Some(folder) =
        folder.filter(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
    else {
        return Ok(None);
    };
    let is_dir = fs::metadata(path)?.is_dir();
    if is_dir {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let is_own = folder == Path::new(&format!("/proc/{}/fd", std::process::id()));
    let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
    Ok(Some(match number {
        Some(number @ 1..=2) if is_own => Place::Standard(number),
        _ => Place::Descriptor(path.to_owned()),
    }))
}

/// Fails on a file that is there and that a rename would not replace, or should not.
fn check_replaceable(target: &Path, existing: &Metadata) -> io::Result<()> {
    access(target, Access::WRITE_OK)?;
    if fs::metadata(folder_of(target))?.dev() != existing.dev() {
        return Err(io::Error::other("it is a mount point, which cannot be replaced"));
    }
    if is_program(target)? {
        return Err(io::Error::other("it is a program, which is not replaced"));
    }
    Ok(())
}

/// Whether a file is a program by what it begins with: the permission to run it says nothing on some file systems.
fn is_program(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    let begins = |mark: &[u8]| start.starts_with(mark);
    // ELF, a script, Mach-O of 64 bits, and Mach-O of several machines.
    Ok(begins(b"\x7fELF")
        || begins(b"#!")
        || begins(b"\xcf\xfa\xed\xfe")
        || begins(b"\xca\xfe\xba\xbe"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A rename is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// A file that is not where it belongs yet. It is gone when this is dropped before.
pub(crate) struct Draft {
    file: NamedTempFile,
}

impl Draft {
    /// A new, empty one in the folder of a file, which only the user may read.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        Self::with_mode(target, 0o600)
    }

    /// The same with another mode, from which the umask takes what it does.
    fn with_mode(target: &Path, mode: u32) -> io::Result<Self> {
        check_folders(target)?;
        let folder = folder_of(target);
        if !fs::metadata(folder).is_ok_and(|found| found.is_dir()) {
            let problem = format!("{} is no folder that is there", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, problem));
        }
        let mut name = tempfile::Builder::new();
        name.prefix(".verifier-").rand_bytes(16).permissions(Permissions::from_mode(mode));
        Ok(Self { file: name.tempfile_in(folder).map_err(without_name)? })
    }

    /// Writes at its end.
    pub(crate) fn add(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.as_file_mut().write_all(content)
    }

    /// The same, and stays open. Returns the file, and what it is now.
    pub(crate) fn become_new_and_stay_open(self, path: &Path) -> io::Result<(File, Metadata)> {
        self.file.as_file().sync_all()?;
        let file = self.file.persist_noclobber(path).map_err(|error| error.error)?;
        sync_folder(path)?;
        let made = file.metadata()?;
        Ok((file, made))
    }

    /// The file that is written to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Takes the place of nothing, and is the user's alone. Fails if something is there.
    pub(crate) fn become_new(self, path: &Path) -> io::Result<()> {
        self.become_new_and_stay_open(path).map(drop)
    }

    fn replace(
        self,
        target: &Path,
        existing: Option<&Metadata>,
        readers: Readers,
    ) -> io::Result<()> {
        let file = self.file.as_file();
        if let Some(existing) = existing {
            let made = file.metadata()?;
            if (existing.uid(), existing.gid()) != (made.uid(), made.gid()) {
                // Only root may give a file away; whoever else can replace it becomes its owner.
                let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
            }
        }
        if let (Readers::AsBefore, Some(existing)) = (readers, existing) {
            file.set_permissions(Permissions::from_mode(existing.mode() & 0o777))?;
        }
        file.sync_all()?;
        self.file.persist(target).map_err(|error| error.error)?;
        if readers == Readers::User { sync_folder(target) } else { Ok(()) }
    }
}

/// The error, without the name of a file that nobody has asked for.
fn without_name(error: io::Error) -> io::Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
}

#[cfg(test)]
pub(crate) mod tests;
