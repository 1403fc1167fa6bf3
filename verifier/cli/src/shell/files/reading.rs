//! Files that are read: only those with an end, and only so much of them as fits into memory.
//!
//! A pipe without a writer is waited for without an end, and a device such as `/dev/zero` has none. Sources: open(2), fifo(7).

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// The largest document that is read as a whole, in bytes: settings, a template, an experiment.
const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The largest plan, in bytes. Ten million messages have about as many.
const PLAN_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// The largest file that is read line by line, in bytes: a journal, an export, a history.
const LINES_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// The longest line in bytes. A batch of ten messages of 1 MiB has 60 MiB where JSON escapes each byte.
const LINE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A document's bytes. Fails on what is no regular file, and on one that is too large.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    whole(path, DOCUMENT_BYTES_MAX)
}

/// A plan's bytes: it names each message.
pub(crate) fn read_plan(path: &Path) -> io::Result<Vec<u8>> {
    whole(path, PLAN_BYTES_MAX)
}

fn whole(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = regular(path, bytes_max)?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A document's text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    text(read(path)?)
}

/// The text of bytes.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8")
    })
}

/// A file that is read line by line.
pub(crate) fn lines(path: &Path) -> io::Result<impl BufRead + use<>> {
    Ok(bounded(BufReader::new(regular(path, LINES_BYTES_MAX)?.take(LINES_BYTES_MAX))))
}

/// Fails where a line has no end: also stdin may be a device.
pub(crate) fn bounded(reader: impl BufRead) -> impl BufRead {
    Bounded { reader, line: 0, most: LINE_BYTES_MAX }
}

/// Fails on what has lines to append to, and is no regular file or too large.
pub(crate) fn check_lines(path: &Path) -> io::Result<()> {
    regular(path, LINES_BYTES_MAX).map(drop)
}

/// Opens a regular file of at most so many bytes, and waits for nobody.
fn regular(path: &Path, bytes_max: u64) -> io::Result<File> {
    // Before it is opened, which some devices take for a command; and after, since it may be another by then.
    check(&fs::metadata(path).map_err(|error| without_dash(path, error))?, bytes_max)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    check(&found, bytes_max)?;
    if let Some(output) = written_by(&found) {
        let problem = format!("{output} leads to it, too, and would write to it");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    Ok(file)
}

/// Which of this process's outputs leads to a file.
fn written_by(file: &Metadata) -> Option<&'static str> {
    let is_same = |descriptor: &str| {
        let there = fs::metadata(descriptor);
        there.is_ok_and(|there| (there.dev(), there.ino()) == (file.dev(), file.ino()))
    };
    let outputs = [("/dev/fd/1", "stdout"), ("/dev/fd/2", "stderr")];
    outputs.into_iter().find(|(descriptor, _)| is_same(descriptor)).map(|(_, output)| output)
}

fn check(found: &Metadata, bytes_max: u64) -> io::Result<()> {
    let problem = if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    } else if !found.is_file() {
        "it is no regular file; copy what it gives to one, and name that".to_owned()
    } else if found.len() > bytes_max {
        format!("it has {} bytes, and {bytes_max} are the most", found.len())
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

fn without_dash(path: &Path, error: io::Error) -> io::Error {
    if path.as_os_str() != "-" || error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    let problem = "`-` does not mean stdin here; a file of that name is `./-`";
    io::Error::new(io::ErrorKind::NotFound, problem)
}

/// A reader that fails in a line which is too long.
struct Bounded<R> {
    reader: R,
    /// How many bytes of the line were read.
    line: usize,
    most: usize,
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.line > self.most {
            let problem = format!("a line has more than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // What was filled is still there, and nothing is read for it.
        let end = self
            .reader
            .fill_buf()
            .ok()
            .and_then(|filled| filled.get(..count)?.iter().rposition(|byte| *byte == b'\n'));
        self.line = match end {
            Some(end) => count - end - 1,
            None => self.line.saturating_add(count),
        };
        self.reader.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_as_long_as_the_bound_and_no_longer() {
        let read = |text: &'static str| {
            let reader = BufReader::with_capacity(2, text.as_bytes());
            Bounded { reader, line: 0, most: 4 }.lines().collect::<io::Result<Vec<_>>>()
        };
        assert_eq!(read("1234\n123\n\n12").unwrap(), ["1234", "123", "", "12"]);
        assert!(read("12\n1234567890").is_err());
    }

    #[test]
    fn a_regular_file_is_read_through_a_link_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "text\n").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read_text(&link).unwrap(), "text\n");
        assert_eq!(lines(&link).unwrap().lines().count(), 1);
        for bad in [Path::new("/dev/null"), Path::new("/dev/zero"), folder.path()] {
            assert!(read(bad).is_err(), "{}", bad.display());
            assert!(lines(bad).is_err(), "{}", bad.display());
        }
        let exact = fs::metadata(&file).unwrap();
        check(&exact, 5).unwrap();
        assert!(check(&exact, 4).is_err());
    }
}
