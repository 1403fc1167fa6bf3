//! Messages in a file of which it is known at every moment what it holds.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use verifier_core::dead_letters::{DeadLetter, record};

use super::Spool;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Draft};
use crate::shell::output;

/// A file of messages that grows. Whoever reads it finds all that it was said to hold, whenever this process ends: a line
/// behind each portion counts, and what stands behind the last of them is left out.
pub(crate) struct Backup {
    path: PathBuf,
    count: u64,
    /// The file, once something is in it.
    written: Option<Written>,
}

struct Written {
    file: File,
    /// The file as this process has made it: another one may take its name.
    made: Metadata,
    /// Where the last portion ends.
    end: u64,
}

/// Where messages are written to.
pub(crate) enum Export {
    Stdout,
    File(PathBuf),
    /// A pipe or a device, which has no content to lose.
    Special(PathBuf),
}

impl Export {
    /// What a command line names; a file that is there is refused, since it may hold what is nowhere else.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        if files::is_special(path) {
            let checked = files::check(path).and_then(|()| files::check_private(path));
            checked.map_err(|error| files::failed("export", path, &error))?;
            return Ok(Self::Special(path.to_owned()));
        }
        Backup::create(path)?;
        Ok(Self::File(path.to_owned()))
    }

    /// The file, if the messages do not go to stdout.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) | Self::Special(path) => Some(path),
        }
    }

    /// Where messages are kept until they are written: beside the file, where there has to be room for them anyway.
    pub(crate) fn spool(&self) -> Spool {
        let Self::File(path) = self else { return Spool::new() };
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => Spool::within(folder.to_owned()),
            None => Spool::within(".".into()),
        }
    }

    /// Writes messages; to a file whole or not at all.
    pub(crate) fn write(
        &self,
        messages: impl Iterator<Item = Result<DeadLetter, Failure>>,
    ) -> Result<(), Failure> {
        let mut lines = Lines { messages, count: 0, is_ended: false };
        match self {
            Self::Stdout => output::print_lines(lines),
            Self::File(path) => {
                let failed = |error| files::failed("file", path, &error);
                let mut draft = Draft::beside(path).map_err(failed)?;
                let mut writer = BufWriter::new(draft.file());
                lines.try_for_each(|line| writeln!(writer, "{}", line?).map_err(failed))?;
                writer.flush().map_err(failed)?;
                drop(writer);
                draft.become_new(path).map(drop).map_err(failed)
            }
            Self::Special(path) if files::standard(path) == Some(1) => output::print_lines(lines),
            Self::Special(path) if files::standard(path).is_some() => {
                let failed = |error| files::failed("export", path, &error);
                lines.try_for_each(|line| output::to_stderr(&(line? + "\n")).map_err(failed))
            }
            Self::Special(path) => {
                let failed = |error| files::failed("export", path, &error);
                let mut writer = BufWriter::new(files::stream(path).map_err(failed)?);
                lines.try_for_each(|line| writeln!(writer, "{}", line?).map_err(failed))?;
                writer.flush().map_err(failed)
            }
        }
    }
}

/// The lines of a file of messages, with the one that counts them.
struct Lines<I> {
    messages: I,
    count: u64,
    is_ended: bool,
}

impl<I: Iterator<Item = Result<DeadLetter, Failure>>> Iterator for Lines<I> {
    type Item = Result<String, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.messages.next() {
            Some(Ok(message)) => {
                self.count += 1;
                Some(Ok(line(&message)))
            }
            Some(Err(failure)) => Some(Err(failure)),
            None if self.is_ended => None,
            None => {
                self.is_ended = true;
                Some(Ok(record::end(self.count)))
            }
        }
    }
}

impl Backup {
    /// A file that is not there yet. Nothing is written, but that it could be is made sure of.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        files::check_new(path).map_err(|error| files::failed("file", path, &error))?;
        Ok(Self { path: path.to_owned(), count: 0, written: None })
    }

    /// How many messages it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds messages. When this returns they are on the disk, or none of them is in the file.
    pub(crate) fn add(&mut self, messages: &[DeadLetter]) -> Result<(), Failure> {
        let count = self.count + messages.len() as u64;
        let added = match self.written {
            None => self.begin(messages, count),
            Some(_) => self.append(messages, &record::portion(count)),
        };
        added.map_err(|error| files::failed("file", &self.path, &error))?;
        self.count = count;
        Ok(())
    }

    /// Says that nothing more comes. A file without messages is not made.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if self.written.is_none() {
            return Ok(());
        }
        let ended = self.append(&[], &record::end(self.count));
        ended.map_err(|error| files::failed("file", &self.path, &error))
    }

    fn begin(&mut self, messages: &[DeadLetter], count: u64) -> io::Result<()> {
        let mut draft = Draft::beside(&self.path)?;
        let end = write(draft.file(), messages, &record::portion(count))?;
        let (file, made) = draft.become_new_and_stay_open(&self.path)?;
        self.written = Some(Written { file, made, end });
        Ok(())
    }

    fn append(&mut self, messages: &[DeadLetter], last: &str) -> io::Result<()> {
        let Some(Written { file, made, end }) = &mut self.written else { return Ok(()) };
        files::check_same(&self.path, made)?;
        file.seek(SeekFrom::Start(*end))?;
        let written = write(file, messages, last).and_then(|end| file.sync_data().map(|()| end));
        match written {
            Ok(now) => *end = now,
            Err(error) => {
                // What was written of it would be left out by a reader, and is taken away where that is possible.
                let _ = file.set_len(*end);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Writes messages and the line that counts them; says where that ends.
fn write(file: &mut File, messages: &[DeadLetter], last: &str) -> io::Result<u64> {
    let mut writer = BufWriter::new(&mut *file);
    for message in messages {
        writeln!(writer, "{}", line(message))?;
    }
    writeln!(writer, "{last}")?;
    writer.flush()?;
    drop(writer);
    file.stream_position()
}

/// A message as JSON that no terminal is harmed by.
fn line(message: &DeadLetter) -> String {
    clean::json(&record::line(message))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use verifier_core::dead_letters::record::Held;

    use super::*;

    fn message(id: &str) -> DeadLetter {
        DeadLetter {
            message_id: id.to_owned(),
            body: format!("body of {id}"),
            ..DeadLetter::default()
        }
    }

    fn read(path: &Path) -> (Vec<String>, Held) {
        let mut reader = record::Reader::default();
        let text = fs::read_to_string(path).unwrap();
        let messages = text.lines().filter_map(|line| reader.read(line).unwrap());
        let ids = messages.map(|message| message.message_id).collect();
        (ids, reader.finish().unwrap())
    }

    #[test]
    fn it_is_readable_after_every_portion_and_finished_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let mut backup = Backup::create(&path).unwrap();
        assert!(!path.exists());
        backup.add(&[message("a"), message("b")]).unwrap();
        let held = |count, is_finished| Held { count, is_finished };
        assert_eq!(read(&path), (vec!["a".to_owned(), "b".to_owned()], held(2, false)));
        backup.add(&[]).unwrap();
        let before = fs::metadata(&path).unwrap();
        backup.add(&[message("c")]).unwrap();
        assert_eq!(read(&path).1, held(3, false));
        backup.finish().unwrap();
        assert_eq!(read(&path).1, held(3, true));
        assert_eq!(backup.count(), 3);
        // It grows, and is not copied.
        assert_eq!(before.ino(), fs::metadata(&path).unwrap().ino());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_added_to_another_file_that_has_taken_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let mut backup = Backup::create(&path).unwrap();
        backup.add(&[message("a")]).unwrap();
        let aside = folder.path().join("aside.jsonl");
        fs::rename(&path, &aside).unwrap();
        fs::write(&path, "another's").unwrap();
        let error = backup.add(&[message("b")]).unwrap_err();
        assert!(error.what.contains("another file has taken its place"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
        assert_eq!((read(&aside).1.count, backup.count()), (1, 1));
    }

    #[test]
    fn nothing_is_overwritten_and_what_cannot_be_written_is_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        Export::new(&path).unwrap().write([Ok(message("a"))].into_iter()).unwrap();
        for refused in [Export::new(&path).err(), Backup::create(&path).err()] {
            assert!(refused.unwrap().what.contains("is there already"));
        }
        let nowhere = folder.path().join("none/b.jsonl");
        assert!(Backup::create(&nowhere).err().unwrap().what.contains("cannot be written"));
        assert_eq!(read(&path), (vec!["a".to_owned()], Held { count: 1, is_finished: true }));
    }

    #[test]
    fn an_export_of_which_a_message_cannot_be_read_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let messages = [Ok(message("a")), Err(Failure::environment("gone".to_owned()))];
        let failure = Export::new(&path).unwrap().write(messages.into_iter()).unwrap_err();
        assert_eq!(failure.what, "gone");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
