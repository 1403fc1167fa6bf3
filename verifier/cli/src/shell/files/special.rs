//! What is no file: pipes, devices and sockets, which are written to and stay.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, Mode, OFlags, access, open};
use rustix::io::Errno;

use super::{descriptor, folder_of};

/// How long is waited for whoever reads from a pipe.
const READER_WITHIN: Duration = Duration::from_secs(10);

/// Writes to one.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    open_for(path)?.write_all(content)
}

/// Fails where what is for the caller alone would reach another user: by a pipe or a socket of theirs.
pub(super) fn check_private(path: &Path) -> io::Result<()> {
    let made = fs::metadata(path)?;
    let has_reader = made.file_type().is_fifo() || made.file_type().is_socket();
    if !has_reader || is_callers(made.uid(), super::caller()) {
        return Ok(());
    }
    Err(of_another())
}

/// Fails where a file of another user would get what is for the caller alone: it stays theirs.
pub(super) fn check_owner(existing: &Metadata) -> io::Result<()> {
    if is_callers(existing.uid(), super::caller()) { Ok(()) } else { Err(of_another()) }
}

fn of_another() -> io::Error {
    let problem = "it is another user's, who would read what is for you alone";
    io::Error::new(io::ErrorKind::PermissionDenied, problem)
}

/// Fails on a link of another user that would have something replaced that is not theirs: one in a folder where everyone may put
/// things, such as `/tmp`, or one that leads out of its folder to a folder that they do not own. The kernel refuses the first
/// kind; what resolves links by itself has to, too.
///
/// Source: `protected_symlinks` in <https://docs.kernel.org/admin-guide/sysctl/fs.html>.
pub(super) fn check_link(link: &Path, made: &Metadata) -> io::Result<()> {
    let (owner, caller) = (made.uid(), super::caller());
    if is_callers(owner, caller) {
        return Ok(());
    }
    let folder = fs::metadata(folder_of(link))?;
    if !may_follow(owner, caller, (folder.mode(), folder.uid())) {
        let problem = "it is another user's link, in a folder where everyone may put one";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    let target = folder_of(link).join(fs::read_link(link)?);
    let there = if target.is_dir() { target } else { folder_of(&target).to_owned() };
    let there = fs::metadata(there)?;
    if may_lead(owner, (folder.dev(), folder.ino()), (there.dev(), there.ino(), there.uid())) {
        return Ok(());
    }
    let problem = "it is another user's link, to a folder that is not theirs";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

/// Whether a link of that owner may be followed in a folder of that mode and owner.
fn may_follow(owner: u32, caller: u32, (mode, folder_owner): (u32, u32)) -> bool {
    const STICKY_AND_WRITABLE: u32 = 0o1002;
    mode & STICKY_AND_WRITABLE != STICKY_AND_WRITABLE || owner == caller || owner == folder_owner
}

/// Whether a link of that owner may lead from one folder, a device and an inode, to another, with its owner: they could do there
/// by themselves whatever it leads to.
fn may_lead(owner: u32, from: (u64, u64), (device, inode, there_owner): (u64, u64, u32)) -> bool {
    from == (device, inode) || there_owner == owner
}

/// Whether the owner reads nothing there that they may not read: the superuser reads everything in any case.
fn is_callers(owner: u32, caller: u32) -> bool {
    owner == caller || owner == 0
}

/// One that is written to piece by piece. Nothing is written to another user's pipe: a report may hold what they may not read.
pub(super) fn open_for(path: &Path) -> io::Result<Box<dyn Write>> {
    check_private(path)?;
    let kind = fs::metadata(path)?.file_type();
    Ok(if kind.is_socket() {
        Box::new(UnixStream::connect(path)?)
    } else if kind.is_fifo() {
        Box::new(Pipe::open(path)?)
    } else {
        Box::new(OpenOptions::new().write(true).open(path)?)
    })
}

/// Whether what is no file could be written to, as far as that can be found out without a trace.
///
/// A pipe is not opened: its reader would take the end for that of the content. A socket is asked with another type than it
/// has, which nobody is reported: EPROTOTYPE says that somebody has it (connect(2)).
pub(super) fn check(path: &Path) -> io::Result<()> {
    access(path, Access::WRITE_OK)?;
    check_private(path)?;
    let kind = fs::metadata(path)?.file_type();
    if kind.is_fifo() {
        return Ok(());
    }
    if kind.is_socket() && !is_descriptor(path) {
        return match UnixDatagram::unbound()?.connect(path) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::PROTOTYPE) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(Errno::PROTOTYPE.into()),
        };
    }
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(open(path, flags | OFlags::CLOEXEC, Mode::empty()).map(drop)?)
}

fn is_descriptor(path: &Path) -> bool {
    matches!(descriptor(path), Ok(Some(_)))
}

/// A pipe with a name, for whose reader is not waited indefinitely.
struct Pipe(OwnedFd);

impl Pipe {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let began = Instant::now();
        loop {
            match open(path, flags, Mode::empty()) {
                Ok(pipe) => return Ok(Self(pipe)),
                Err(Errno::NXIO) if began.elapsed() < READER_WITHIN => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Errno::NXIO) => return Err(nobody_reads()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.0, content) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let timeout = Timespec::try_from(READER_WITHIN).map_err(io::Error::other)?;
                    if poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], Some(&timeout))? == 0 {
                        return Err(nobody_reads());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn nobody_reads() -> io::Error {
    let problem = format!("no process has read from the pipe for {} s", READER_WITHIN.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_another_user_is_not_followed_where_everyone_may_put_one() {
        let tmp = (0o41777, 0);
        assert!(may_follow(1001, 1001, tmp) && may_follow(0, 1001, tmp));
        assert!(!may_follow(1002, 1001, tmp) && !may_follow(1002, 0, tmp));
        // In a folder of one's own, or of a group, it depends on where the link leads.
        assert!(may_follow(1002, 1001, (0o40755, 1001)) && may_follow(1002, 1001, (0o41770, 0)));
    }

    #[test]
    fn a_link_of_another_user_leads_to_no_folder_but_theirs_and_its_own() {
        assert!(may_lead(1002, (1, 5), (1, 6, 1002)), "to a folder of theirs");
        assert!(may_lead(1002, (1, 5), (1, 5, 1001)), "within its folder");
        assert!(!may_lead(1002, (1, 5), (1, 6, 1001)), "to the caller's");
        assert!(!may_lead(1002, (1, 5), (2, 5, 0)), "to the system's");
    }

    #[test]
    fn a_pipe_of_another_user_gets_nothing_that_is_for_the_caller_alone() {
        for (owner, caller, expected) in
            [(1001, 1001, true), (0, 1001, true), (1001, 1002, false), (1001, 0, false)]
        {
            assert_eq!(is_callers(owner, caller), expected, "{owner} {caller}");
        }
        assert!(check_private(Path::new("/dev/null")).is_ok());
    }
}
