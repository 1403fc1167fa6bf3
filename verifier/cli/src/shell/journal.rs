//! A journal on the disk: of a redrive, or of what an experiment has to restore.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;
use tokio::sync::oneshot;
use verifier_core::redrive::whole_lines;

use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files;

/// How many bytes at the end of a journal are looked at for its last whole line.
const TAIL_BYTES: u64 = 16 * 1024 * 1024;

/// A journal that is written to. Whoever writes at the same time shares one flush to the disk.
pub(crate) struct JournalFile {
    writes: Option<Sender<Appended>>,
    thread: Option<JoinHandle<()>>,
    path: String,
    unwritten: Unwritten,
}

/// The lines that could not be written, in their order. Each later write tries them again first.
type Unwritten = Arc<Mutex<Vec<String>>>;

struct Appended {
    line: String,
    /// Evidence when the line is on the disk.
    done: Option<oneshot::Sender<io::Result<()>>>,
}

impl JournalFile {
    /// Makes a new one, which must not be there yet. Nobody else may read it: it may hold bodies.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = files::create_private(path).map_err(|error| Failure {
            next: Some("name another file with --journal, or go on with that one".to_owned()),
            ..failed(path, "made", &error)
        })?;
        Self::of(file, path)
    }

    /// Goes on with one. What was being written when the process ended is cut off; a last line without its end gets one where it is a
    /// whole entry.
    pub(crate) fn reopen_with(
        path: &Path,
        is_entry: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, Failure> {
        Self::lock(path)?.go_on_with(is_entry)
    }

    /// Locks one that is there, and leaves it as it is: what another process is writing looks torn, and would be cut off.
    pub(crate) fn lock(path: &Path) -> Result<LockedJournal, Failure> {
        let changed = |error: io::Error| failed(path, "written to", &error);
        files::check_lines(path).map_err(changed)?;
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(changed)?;
        lock(&file, path)?;
        Ok(LockedJournal { file, path: path.to_owned() })
    }

    fn of(file: File, path: &Path) -> Result<Self, Failure> {
        lock(&file, path)?;
        Self::writing(file, path)
    }

    fn writing(file: File, path: &Path) -> Result<Self, Failure> {
        // A copy that was put here may be readable by others.
        files::make_private(&file).map_err(|error| failed(path, "kept from others", &error))?;
        let (writes, asked) = channel();
        let unwritten = Unwritten::default();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn({
                let unwritten = unwritten.clone();
                move || write_all(file, &asked, &unwritten)
            })
            .map_err(|error| failed(path, "written to", &error))?;
        let path = path.display().to_string();
        Ok(Self { writes: Some(writes), thread: Some(thread), path, unwritten })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The lines of entries that it lacks, as far as it is known when the last durable entry has ended: somebody else has to tell
    /// what they say.
    pub(crate) fn unwritten(&self) -> Vec<String> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Appends an entry. The order of calls is that of the lines.
    pub(crate) fn append(&self, entry: &impl Serialize) {
        self.send(entry, None);
    }

    /// Appends an entry. What is returned ends when it is on the disk, with everything that was appended before.
    pub(crate) fn append_durably<T: Serialize>(
        &self,
        entry: &T,
    ) -> impl Future<Output = Result<(), Failure>> + use<T> {
        let (done, told) = oneshot::channel();
        self.send(entry, Some(done));
        let path = self.path.clone();
        async move {
            let ended = || io::Error::other("its writer has ended");
            let written = told.await.unwrap_or_else(|_| Err(ended()));
            written.map_err(|error| failed(Path::new(&path), "written to", &error))
        }
    }

    fn send(&self, entry: &impl Serialize, done: Option<oneshot::Sender<io::Result<()>>>) {
        // An entry has texts for keys and nothing else can fail.
        let line = clean::json(&serde_json::to_string(entry).unwrap_or_default());
        if let Some(writes) = &self.writes {
            // A writer that has ended is reported by the next durable entry.
            let _ = writes.send(Appended { line, done });
        }
    }
}

/// A journal that is locked, and was not changed yet.
pub(crate) struct LockedJournal {
    file: File,
    path: PathBuf,
}

impl LockedJournal {
    /// Goes on with it. What was being written when the process ended is cut off.
    pub(crate) fn go_on(self) -> Result<JournalFile, Failure> {
        self.go_on_with(|_| false)
    }

    /// The same, but a last line without its end gets one where it is a whole entry.
    fn go_on_with(self, is_entry: impl Fn(&[u8]) -> bool) -> Result<JournalFile, Failure> {
        let Self { mut file, path } = self;
        let changed = |error: io::Error| failed(&path, "written to", &error);
        let length = file.metadata().map_err(changed)?.len();
        let begin = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin)).map_err(changed)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(changed)?;
        let lines = whole_lines(&tail);
        if is_entry(&tail[lines..]) {
            file.write_all(b"\n").map_err(changed)?;
        } else {
            let whole = begin + u64::try_from(lines).unwrap_or_default();
            file.set_len(whole).map_err(changed)?;
        }
        JournalFile::writing(file, &path)
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        drop(self.writes.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes whatever there is, and flushes once for all who wait for it.
fn write_all(mut file: File, asked: &Receiver<Appended>, unwritten: &Unwritten) {
    while let Ok(first) = asked.recv() {
        let mut lines = std::mem::take(&mut *lock_lines(unwritten));
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(write) = next {
            lines.push(write.line);
            waiting.extend(write.done);
            next = asked.try_recv().ok();
        }
        let mut outcome = write_lines(&mut file, &mut lines);
        // What lines are left could not be written.
        *lock_lines(unwritten) = lines;
        if outcome.is_ok() && !waiting.is_empty() {
            outcome = file.sync_data();
        }
        for done in waiting {
            let told = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            let _ = done.send(told);
        }
    }
    let _ = file.sync_data();
}

fn lock_lines(unwritten: &Unwritten) -> MutexGuard<'_, Vec<String>> {
    unwritten.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes lines, and takes those away that are whole in the file. Half a line is cut off again: one that comes behind it would not
/// be read.
fn write_lines(file: &mut File, lines: &mut Vec<String>) -> io::Result<()> {
    let begin = file.metadata()?.len();
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let outcome = file.write_all(text.as_bytes());
    if outcome.is_ok() {
        lines.clear();
        return outcome;
    }
    let written = file.metadata()?.len().saturating_sub(begin);
    let ends = lines.iter().scan(0, |end, line| {
        *end += line.len() as u64 + 1;
        Some(*end)
    });
    let whole: Vec<u64> = ends.take_while(|end| *end <= written).collect();
    file.set_len(begin + whole.last().copied().unwrap_or_default())?;
    file.seek(SeekFrom::End(0))?;
    lines.drain(..whole.len());
    outcome
}

fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure {
            next: Some("wait for it, or stop it with Ctrl-C".to_owned()),
            ..Failure::usage(format!("another process is writing to {}", path.display()))
        }),
        Err(TryLockError::Error(error)) => Err(failed(path, "locked", &error)),
    }
}

pub(crate) fn failed(path: &Path, done: &str, error: &io::Error) -> Failure {
    Failure::usage(format!("the journal {} cannot be {done}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn append(path: &Path) -> File {
        OpenOptions::new().append(true).open(path).unwrap()
    }

    #[test]
    fn a_journal_that_another_process_writes_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "\"whole\"\n\"to").unwrap();
        let other = append(&path);
        other.lock().unwrap();
        let refused = JournalFile::reopen_with(&path, |_| false).err().expect("a refusal");
        assert!(refused.what.contains("another process is writing to"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\"whole\"\n\"to");
        drop(other);
        drop(JournalFile::reopen_with(&path, |_| false).expect("it is free"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\"whole\"\n");
    }

    #[test]
    fn a_last_line_that_is_an_entry_gets_its_end_and_any_other_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let is_text = |line: &[u8]| line == b"\"b\"";
        for (before, after) in [
            ("\"a\"\n\"b\"", "\"a\"\n\"b\"\n"),
            ("\"a\"\n\"b\"\n", "\"a\"\n\"b\"\n"),
            ("\"a\"\n\"c", "\"a\"\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            drop(JournalFile::reopen_with(&path, is_text).expect("it is free"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_journal_that_is_only_locked_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "no whole line").unwrap();
        let locked = JournalFile::lock(&path).unwrap();
        assert!(JournalFile::lock(&path).is_err(), "it is locked");
        drop(locked);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no whole line");
    }

    /// One process writes lines in two halves, with the lock held; the other reopens the journal again and again, as soon
    /// as the lock lets it. A line that it saw half of must not be cut when it is whole.
    #[test]
    fn a_line_that_is_written_meanwhile_is_not_cut() {
        const LINES: usize = 2_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "").unwrap();
        let writer = thread::spawn({
            let path = path.clone();
            move || {
                for line in 0..LINES {
                    let mut file = append(&path);
                    file.lock().unwrap();
                    file.write_all(b"\"half").unwrap();
                    thread::yield_now();
                    file.write_all(format!(" {line}\"\n").as_bytes()).unwrap();
                }
            }
        });
        while !writer.is_finished() {
            drop(JournalFile::reopen_with(&path, |_| false));
        }
        writer.join().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), LINES);
        assert!(text.ends_with('\n'));
    }
}
