//! Messages in a file that is whole at every moment.

use std::fs::Metadata;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use verifier_core::dead_letters::{DeadLetter, record};

use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Draft};
use crate::shell::output;

/// A file of messages. Whoever reads it finds all that it was said to hold, whenever this process ends: each portion goes to
/// a copy, which takes the file's place when the disk has it.
pub(crate) struct Backup {
    path: PathBuf,
    count: u64,
    /// Where the last line begins.
    end: u64,
    /// The file as this process has written it.
    written: Option<Metadata>,
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
            files::check(path).map_err(|error| files::failed("export", path, &error))?;
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

    /// Writes messages, whole or not at all.
    pub(crate) fn write(&self, messages: &[DeadLetter]) -> Result<(), Failure> {
        let all = |writer: &mut dyn Write| lines(writer, messages, messages.len() as u64);
        match self {
            Self::Stdout => output::print(all),
            Self::File(path) => Backup::create(path)?.add(messages),
            Self::Special(path) => {
                let mut text = Vec::new();
                let written = all(&mut text).and_then(|()| files::write_private(path, &text));
                written.map_err(|error| files::failed("export", path, &error))
            }
        }
    }
}

impl Backup {
    /// A file that is not there yet. Nothing is written, but that it could be is made sure of.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        files::check_new(path).map_err(|error| files::failed("file", path, &error))?;
        Ok(Self { path: path.to_owned(), count: 0, end: 0, written: None })
    }

    /// How many messages it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds messages. When this returns they are on the disk, or none of them is in the file.
    pub(crate) fn add(&mut self, messages: &[DeadLetter]) -> Result<(), Failure> {
        self.try_add(messages).map_err(|error| files::failed("file", &self.path, &error))
    }

    fn try_add(&mut self, messages: &[DeadLetter]) -> io::Result<()> {
        let mut draft = Draft::beside(&self.path)?;
        let file = draft.file();
        if self.end > 0 {
            io::copy(&mut io::Read::take(files::reopen(&self.path)?, self.end), file)?;
            file.seek(SeekFrom::Start(self.end))?;
        }
        let mut writer = BufWriter::new(&mut *file);
        let count = self.count + messages.len() as u64;
        lines(&mut writer, messages, count)?;
        writer.flush()?;
        drop(writer);
        let length = file.stream_position()?;
        self.written = Some(match &self.written {
            None => draft.become_new(&self.path)?,
            Some(written) => draft.replace_own(&self.path, written)?,
        });
        self.count = count;
        self.end = length - (record::end(count).len() as u64 + 1);
        Ok(())
    }
}

/// The messages as JSON that no terminal is harmed by, and the line that counts them.
fn lines(writer: &mut dyn Write, messages: &[DeadLetter], count: u64) -> io::Result<()> {
    for message in messages {
        writeln!(writer, "{}", clean::json(&record::line(message)))?;
    }
    writeln!(writer, "{}", record::end(count))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn message(id: &str) -> DeadLetter {
        DeadLetter {
            message_id: id.to_owned(),
            body: format!("body of {id}"),
            ..DeadLetter::default()
        }
    }

    fn read(path: &Path) -> Vec<String> {
        let mut reader = record::Reader::default();
        let text = fs::read_to_string(path).unwrap();
        let messages = text.lines().filter_map(|line| reader.read(line).unwrap());
        let ids = messages.map(|message| message.message_id).collect();
        reader.finish().unwrap();
        ids
    }

    #[test]
    fn it_is_whole_after_every_portion() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let mut backup = Backup::create(&path).unwrap();
        assert!(!path.exists());
        backup.add(&[message("a"), message("b")]).unwrap();
        assert_eq!(read(&path), ["a", "b"]);
        backup.add(&[]).unwrap();
        backup.add(&[message("c")]).unwrap();
        assert_eq!(read(&path), ["a", "b", "c"]);
        assert_eq!(backup.count(), 3);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_overwritten_and_what_cannot_be_written_is_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        Export::new(&path).unwrap().write(&[message("a")]).unwrap();
        for refused in [Export::new(&path).err(), Backup::create(&path).err()] {
            assert!(refused.unwrap().what.contains("is there already"));
        }
        let nowhere = folder.path().join("none/b.jsonl");
        assert!(Backup::create(&nowhere).err().unwrap().what.contains("cannot be written"));
        assert_eq!(read(&path), ["a"]);
    }
}
