//! Messages that are looked at, outside of memory: a queue may hold many more bytes than a machine has.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use verifier_core::dead_letters::DeadLetter;

use crate::shell::failure::Failure;
use crate::shell::files::{self, Unnamed};

/// Messages by their ids, in memory while they are small, and else in a file that has no name and is gone with the process.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Mutex<Unnamed>,
    places: BTreeMap<String, Place>,
    end: u64,
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    length: usize,
}

impl Spool {
    /// An empty one, whose file would be in the folder for temporary files.
    pub(crate) fn new() -> Self {
        Self::within(std::env::temp_dir())
    }

    /// The same with its file in a folder that has room for the messages.
    pub(crate) fn within(folder: PathBuf) -> Self {
        let file = files::unnamed(&folder);
        Self { file: Mutex::new(file), places: BTreeMap::new(), end: 0, folder }
    }

    /// Keeps a message.
    pub(crate) fn add(&mut self, message: &DeadLetter) -> Result<(), Failure> {
        let added = self.try_add(message);
        added.map_err(|error| self.failed("a message cannot be kept", &error))
    }

    fn try_add(&mut self, message: &DeadLetter) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Reading has moved it.
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(&text)?;
        self.places.insert(message.message_id.clone(), Place { at: self.end, length: text.len() });
        self.end += text.len() as u64;
        Ok(())
    }

    /// The whole of a message that was kept, with what its head alone knows.
    pub(crate) fn whole(&self, head: &DeadLetter) -> Result<DeadLetter, Failure> {
        let whole = self
            .try_whole(&head.message_id)
            .map_err(|error| self.failed("a message that was kept cannot be read", &error))?;
        Ok(DeadLetter { job_id: head.job_id.clone(), ..whole })
    }

    fn try_whole(&self, id: &str) -> io::Result<DeadLetter> {
        let place = *self.places.get(id).ok_or(io::ErrorKind::NotFound)?;
        let mut text = vec![0; place.length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.at))?;
        file.read_exact(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure {
            next: Some(
                "make room there, or have TMPDIR name a folder that has as much as the queue holds"
                    .to_owned(),
            ),
            ..Failure::environment(format!(
                "{what} in a temporary file in {}: {error}; nothing was changed",
                self.folder.display()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::files::MEMORY_BYTES;

    fn message(id: &str, size: usize) -> DeadLetter {
        DeadLetter {
            message_id: id.to_owned(),
            body: id.repeat(size),
            job_id: Some(format!("job of {id}")),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn each_message_comes_back_whole_whether_or_not_there_is_a_file() {
        for size in [1, MEMORY_BYTES / 2] {
            let mut spool = Spool::new();
            let messages: Vec<DeadLetter> =
                ["a", "b", "ü"].iter().map(|id| message(id, size)).collect();
            for message in &messages {
                spool.add(message).unwrap();
                // Reading in between does not disturb writing.
                assert_eq!(spool.whole(&messages[0].head()).unwrap(), messages[0]);
            }
            for message in messages.iter().rev() {
                assert_eq!(spool.whole(&message.head()).unwrap(), *message);
            }
        }
    }

    #[test]
    fn a_folder_without_room_is_named() {
        let mut spool = Spool::within("/nowhere/at/all".into());
        let error = spool.add(&message("a", MEMORY_BYTES + 1)).unwrap_err();
        assert!(error.what.contains("/nowhere/at/all"), "{error}");
        assert!(error.next.is_some_and(|next| next.contains("TMPDIR")));
    }
}
