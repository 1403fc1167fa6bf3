//! Letters in a file that is whole at every moment.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use verifier_core::dead_letters::{Letter, record};

use crate::failure::Failure;

/// A file of letters. Whoever reads it finds all that it was said to hold, whenever this process ends: each portion goes to
/// a copy, which takes the file's place when the disk has it.
pub(crate) struct Backup {
    path: PathBuf,
    count: u64,
    /// Where the last line begins.
    end: u64,
}

/// Where letters are written to.
pub(crate) enum Export {
    Stdout,
    File(PathBuf),
}

impl Export {
    /// What a command line names; a file that is there is refused, since it may hold what is nowhere else.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        refuse_existing(path)?;
        Ok(Self::File(path.to_owned()))
    }

    /// Writes letters, whole or not at all.
    pub(crate) fn write(&self, letters: &[Letter]) -> Result<(), Failure> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = lines(&mut stdout, letters, letters.len() as u64);
                written.and_then(|()| stdout.flush()).map_err(|error| {
                    Failure::environment(format!("the letters cannot be written: {error}"))
                })
            }
            Self::File(path) => Backup::create(path)?.add(letters),
        }
    }
}

impl Backup {
    /// A file that is not there yet. Nothing is written, but that it could be is made sure of.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        refuse_existing(path)?;
        let backup = Self { path: path.to_owned(), count: 0, end: 0 };
        let partial = backup.partial();
        let tried = File::create(&partial).and_then(|_| fs::remove_file(&partial));
        tried.map_err(|error| backup.failed(&error))?;
        Ok(backup)
    }

    /// How many letters it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds letters. When this returns they are on the disk, or none of them is in the file.
    pub(crate) fn add(&mut self, letters: &[Letter]) -> Result<(), Failure> {
        let added = self.try_add(letters);
        added.map_err(|error| {
            let _ = fs::remove_file(self.partial());
            self.failed(&error)
        })
    }

    fn try_add(&mut self, letters: &[Letter]) -> io::Result<()> {
        let partial = self.partial();
        if self.end > 0 {
            fs::copy(&self.path, &partial)?;
        }
        let mut file = File::options().write(true).create(true).truncate(false).open(&partial)?;
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        let mut writer = BufWriter::new(&mut file);
        let count = self.count + letters.len() as u64;
        lines(&mut writer, letters, count)?;
        writer.flush()?;
        drop(writer);
        let length = file.stream_position()?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)?;
        sync_folder(&self.path)?;
        self.count = count;
        self.end = length - (record::end(count).len() as u64 + 1);
        Ok(())
    }

    fn partial(&self) -> PathBuf {
        let mut partial = self.path.as_os_str().to_owned();
        partial.push(".partial");
        partial.into()
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure {
            next: Some("name a file in a folder that is there and has room".to_owned()),
            ..Failure::usage(format!("the file {} cannot be written: {error}", self.path.display()))
        }
    }
}

fn lines(writer: &mut dyn Write, letters: &[Letter], count: u64) -> io::Result<()> {
    for letter in letters {
        writeln!(writer, "{}", record::line(letter))?;
    }
    writeln!(writer, "{}", record::end(count))
}

/// A rename is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(Failure {
        next: Some("name another file; what is in this one may be nowhere else".to_owned()),
        ..Failure::usage(format!("the file {} is there already", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str) -> Letter {
        Letter { message_id: id.to_owned(), body: format!("body of {id}"), ..Letter::default() }
    }

    fn read(path: &Path) -> Vec<String> {
        let mut reader = record::Reader::default();
        let text = fs::read_to_string(path).unwrap();
        let letters = text.lines().filter_map(|line| reader.read(line).unwrap());
        let ids = letters.map(|letter| letter.message_id).collect();
        reader.finish().unwrap();
        ids
    }

    #[test]
    fn it_is_whole_after_every_portion() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let mut backup = Backup::create(&path).unwrap();
        assert!(!path.exists());
        backup.add(&[letter("a"), letter("b")]).unwrap();
        assert_eq!(read(&path), ["a", "b"]);
        backup.add(&[]).unwrap();
        backup.add(&[letter("c")]).unwrap();
        assert_eq!(read(&path), ["a", "b", "c"]);
        assert_eq!(backup.count(), 3);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_overwritten_and_what_cannot_be_written_is_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        Export::new(&path).unwrap().write(&[letter("a")]).unwrap();
        for refused in [Export::new(&path).err(), Backup::create(&path).err()] {
            assert!(refused.unwrap().what.contains("is there already"));
        }
        let nowhere = folder.path().join("none/b.jsonl");
        assert!(Backup::create(&nowhere).err().unwrap().what.contains("cannot be written"));
        assert_eq!(read(&path), ["a"]);
    }
}
