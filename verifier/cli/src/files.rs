//! Files that are written: one way for all of them, so that nothing else is ever overwritten.
//!
//! * A regular file is written whole, or not at all: to a new file beside it with a random name, which nobody can have planted
//!   (`O_CREAT | O_EXCL` follows no link), and which takes its place when it is complete.
//! * Links are followed to their end first, and what they lead to is replaced where it is.
//! * What is no regular file (a pipe, a device, a socket, an open descriptor such as `/dev/stdout`) is written to, and stays.
//! * A report keeps the permissions and the owner of the file that was there. What holds bodies is the user's alone
//!   (0600), whatever the file had before.
//!
//! Sources: open(2), rename(2), proc_pid_fd(5).

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown,
};
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, Mode, OFlags, access, open};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::output;

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;
/// How much room a file has to have at least, so that a full disk is noticed before a run.
const PROBE_BYTES: usize = 4096;
/// How long is waited for whoever reads from a pipe.
const READER_WITHIN: Duration = Duration::from_secs(10);

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Whoever could before, or whom the umask lets.
    AsBefore,
    /// The user alone.
    User,
}

/// What a path leads to.
#[derive(Debug)]
enum Place {
    /// A regular file, or nothing yet.
    Whole { target: PathBuf, existing: Option<Metadata> },
    /// A pipe, a device or a socket.
    Special(PathBuf),
    /// This process's stdout (1) or stderr (2).
    Standard(u8),
    /// A descriptor that somebody has opened.
    Descriptor(PathBuf),
}

/// Writes a report.
pub(crate) fn write_report(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, Readers::AsBefore)
}

/// Writes what nobody else may read: bodies, or secrets. Whoever waits for the file never sees a part of it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, Readers::User)
}

/// Whether a file could be written there, before anything has taken its time. Nothing is changed.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match place(path)? {
        Place::Whole { target, existing } => {
            if let Some(existing) = &existing {
                check_replaceable(&target, existing)?;
            }
            Draft::beside(&target)?.add(&[0; PROBE_BYTES])
        }
        Place::Special(path) | Place::Descriptor(path) => Ok(access(&path, Access::WRITE_OK)?),
        Place::Standard(_) => Ok(()),
    }
}

/// Whether a new file could be made there. What is there, a link that leads nowhere included, is refused.
pub(crate) fn check_new(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Draft::beside(path)?.add(&[0; PROBE_BYTES])
}

/// Whether a path leads to a pipe, a device or the like, which has no content to lose.
pub(crate) fn is_special(path: &Path) -> bool {
    !matches!(place(path), Ok(Place::Whole { .. }) | Err(_))
}

/// Makes a file that was not there, for the user alone, to append to it. Its name is on the disk when this returns.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    sync_folder(path)?;
    Ok(file)
}

/// Lets nobody else read an open file.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Appends to a file that others append to as well, such as GitHub's job summary.
pub(crate) fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(content)
}

/// Takes a file away again that was written there. Nothing but a regular file is.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match place(path)? {
        Place::Whole { target, existing: Some(_) } => fs::remove_file(target),
        _ => Ok(()),
    }
}

/// Makes a new folder for the user alone.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Makes a folder, with those above it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
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

fn write(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    match place(path)? {
        Place::Whole { target, existing } => {
            let is_new_report = readers == Readers::AsBefore && existing.is_none();
            let mut draft = Draft::with_mode(&target, if is_new_report { 0o666 } else { 0o600 })?;
            draft.add(content)?;
            draft.replace(&target, existing.as_ref(), readers)
        }
        Place::Standard(1) => to_stdout(content),
        Place::Standard(_) => {
            let text = output::guarded(&String::from_utf8_lossy(content));
            io::stderr().lock().write_all(text.as_bytes())
        }
        Place::Descriptor(path) => {
            // What is in the file already was written by the same command line.
            OpenOptions::new().append(true).open(path)?.write_all(content)
        }
        Place::Special(path) => {
            let kind = fs::metadata(&path)?.file_type();
            if kind.is_socket() {
                UnixStream::connect(&path)?.write_all(content)
            } else if kind.is_fifo() {
                to_pipe(&path, content)
            } else {
                OpenOptions::new().write(true).open(&path)?.write_all(content)
            }
        }
    }
}

fn to_stdout(content: &[u8]) -> io::Result<()> {
    let text = output::guarded(&String::from_utf8_lossy(content));
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes to a pipe with a name, for whose reader is not waited for ever.
fn to_pipe(path: &Path, content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let began = Instant::now();
    let pipe = loop {
        match open(path, flags, Mode::empty()) {
            Ok(pipe) => break pipe,
            Err(Errno::NXIO) if began.elapsed() < READER_WITHIN => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(Errno::NXIO) => return Err(nobody_reads()),
            Err(error) => return Err(error.into()),
        }
    };
    let mut left = content;
    while !left.is_empty() {
        match rustix::io::write(&pipe, left) {
            Ok(count) => left = &left[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let timeout = Timespec::try_from(READER_WITHIN).map_err(io::Error::other)?;
                if poll(&mut [PollFd::new(&pipe, PollFlags::OUT)], Some(&timeout))? == 0 {
                    return Err(nobody_reads());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn nobody_reads() -> io::Error {
    let problem = format!("no process has read from the pipe for {} s", READER_WITHIN.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, problem)
}

/// Follows links to where they lead.
fn place(path: &Path) -> io::Result<Place> {
    let ends_as_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if ends_as_folder || !matches!(path.components().next_back(), Some(Component::Normal(_))) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut at = path.to_owned();
    for _ in 0..=LINKS_MAX {
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
    Ok(())
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

    /// The file that is written to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Takes the place of nothing, and is the user's alone. Fails if something is there. Returns the file that it is now.
    pub(crate) fn become_new(self, path: &Path) -> io::Result<Metadata> {
        self.file.as_file().sync_all()?;
        let file = self.file.persist_noclobber(path).map_err(|error| error.error)?;
        sync_folder(path)?;
        file.metadata()
    }

    /// Takes the place of a private file of our own, unless that is not the one that was written before. Returns the file that
    /// it is now.
    pub(crate) fn replace_own(self, path: &Path, before: &Metadata) -> io::Result<Metadata> {
        let there = fs::symlink_metadata(path)?;
        if (there.dev(), there.ino()) != (before.dev(), before.ino()) {
            return Err(io::Error::other("another file has taken its place meanwhile"));
        }
        self.file.as_file().sync_all()?;
        let file = self.file.persist(path).map_err(|error| error.error)?;
        sync_folder(path)?;
        file.metadata()
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
pub(crate) mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    /// The sources of this program without their tests: path and code.
    pub(crate) fn sources() -> Vec<(String, String)> {
        fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let path = entry.display().to_string();
                if entry.is_dir() {
                    collect(&entry, found);
                } else if !["tests.rs", "stand.rs", "sample.rs"]
                    .iter()
                    .any(|name| path.ends_with(name))
                {
                    let text = fs::read_to_string(&entry).unwrap();
                    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
                    let code = code.split("\n#[cfg(test)]\npub(crate) mod tests").next().unwrap();
                    found.push((path, code.to_owned()));
                }
            }
        }
        let mut found = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.len() > 50);
        found
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn with_mode(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_is_written_here() {
        for (path, code) in sources() {
            // A journal that is gone on with is opened, locked and cut off where it is.
            let known = "OpenOptions::new().read(true).append(true).open(path)";
            let code =
                if path.ends_with("journal.rs") { code.replacen(known, "", 1) } else { code };
            for line in code.lines().filter(|line| !line.starts_with("use ")) {
                let writes = [
                    "File::create",
                    "File::options",
                    "fs::write",
                    "OpenOptions",
                    "fs::rename",
                    "fs::copy",
                    "create_dir_all",
                    "tempfile",
                    "generate_to",
                ];
                let is_here = path.ends_with("src/files.rs");
                assert!(
                    is_here || !writes.iter().any(|each| line.contains(each)),
                    "{path}: {line}"
                );
            }
        }
    }

    #[test]
    fn a_report_is_replaced_whole_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.html");
        write_report(&path, b"new").unwrap();
        assert_eq!(mode(&path) & 0o600, 0o600);
        for kept in [0o640, 0o604, 0o600] {
            with_mode(&path, "old", kept);
            check(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"old");
            write_report(&path, b"new").unwrap();
            assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), kept));
        }
        assert_eq!(names(folder.path()), ["r.html"]);
    }

    #[test]
    fn what_is_private_is_the_users_alone_whatever_it_was_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        write_private(&path, b"new").unwrap();
        assert_eq!(mode(&path), 0o600);
        with_mode(&path, "old", 0o666);
        write_private(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o600));
        let journal = create_private(&folder.path().join("journal")).unwrap();
        assert_eq!(journal.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(create_private(&path).is_err());
    }

    #[test]
    fn links_are_followed_to_their_end_which_is_replaced_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&there).unwrap();
        with_mode(&there.join("target"), "old", 0o640);
        symlink("../there/second", here.join("first")).unwrap();
        symlink("target", there.join("second")).unwrap();
        write_report(&here.join("first"), b"new").unwrap();
        assert_eq!(fs::read(there.join("target")).unwrap(), b"new");
        assert_eq!(mode(&there.join("target")), 0o640);
        // One that dangles makes what it names.
        symlink("../there/made", here.join("dangling")).unwrap();
        write_report(&here.join("dangling"), b"new").unwrap();
        assert_eq!(fs::read(there.join("made")).unwrap(), b"new");
        assert_eq!(names(&here), ["dangling", "first"]);
        assert_eq!(names(&there), ["made", "second", "target"]);
        for link in ["first", "dangling"] {
            assert!(fs::symlink_metadata(here.join(link)).unwrap().is_symlink(), "{link}");
        }
        symlink("b", here.join("a")).unwrap();
        symlink("a", here.join("b")).unwrap();
        symlink("/nowhere/x", here.join("nowhere")).unwrap();
        for bad in ["a", "nowhere"] {
            assert!(check(&here.join(bad)).is_err(), "{bad}");
            assert!(write_report(&here.join(bad), b"new").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_planted_partial_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("r.html"), folder.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, folder.path().join("r.html.partial")).unwrap();
        write_report(&path, b"new").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
    }

    #[test]
    fn pipes_devices_and_sockets_are_written_to_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader =
            Command::new("cat").arg(&pipe).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let long = vec![b'x'; 300_000];
        assert!(is_special(&pipe));
        check(&pipe).unwrap();
        write_report(&pipe, &long).unwrap();
        assert_eq!(reader.wait_with_output().unwrap().stdout, long);
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        write_report(Path::new("/dev/null"), b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let full = write_report(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let socket = folder.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        write_report(&socket, b"said").unwrap();
        let said = io::read_to_string(listener.accept().unwrap().0).unwrap();
        assert_eq!(said, "said");
        assert_eq!(names(folder.path()), ["pipe", "socket"]);
    }

    #[test]
    fn an_open_descriptor_is_appended_to_and_not_replaced() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opened");
        let mut file = File::options().append(true).create(true).open(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let number = file.as_raw_fd();
        for name in [format!("/dev/fd/{number}"), format!("/proc/self/fd/{number}")] {
            check(Path::new(&name)).unwrap();
            write_report(Path::new(&name), b"more ").unwrap();
        }
        file.write_all(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before more more after");
        assert!(matches!(place(Path::new("/dev/stdout")), Ok(Place::Standard(1))));
        assert!(check(Path::new("/dev/fd/987")).is_err());
    }

    #[test]
    fn what_cannot_be_written_is_found_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        let missing = folder.path().join("missing/r");
        let below = file.join("r");
        for bad in [
            missing.as_path(),
            &below,
            folder.path(),
            Path::new("/proc/r"),
            Path::new(""),
            Path::new(".."),
        ] {
            assert!(check(bad).is_err(), "{}", bad.display());
            assert!(write_report(bad, b"x").is_err(), "{}", bad.display());
            assert!(check_new(bad).is_err(), "{}", bad.display());
        }
        let slash = format!("{}/new/", folder.path().display());
        assert!(check(Path::new(&slash)).is_err());
        assert_eq!(check_new(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        check_new(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"kept");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_draft_replaces_nothing_but_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        let draft = |text: &[u8]| {
            let mut draft = Draft::beside(&path).unwrap();
            draft.add(text).unwrap();
            draft
        };
        let first = draft(b"1").become_new(&path).unwrap();
        assert!(draft(b"2").become_new(&path).is_err());
        let second = draft(b"2").replace_own(&path, &first).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"2".to_vec(), 0o600));
        // Kept open, so that its number is not given to the next.
        let _theirs = fs::rename(&path, folder.path().join("theirs"));
        fs::write(&path, "theirs").unwrap();
        assert!(draft(b"3").replace_own(&path, &second).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["backup", "theirs"]);
    }
}
