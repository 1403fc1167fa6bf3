//! Reading messages from a file that `export` or `purge` wrote.

use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use verifier_core::dead_letters::{DeadLetter, record};

use crate::shell::failure::Failure;
use crate::shell::files::{self, Unnamed};

/// The messages of a file that is as it was written. They are read one after the other, as often as is needed, and are not in
/// memory.
pub(crate) struct MessagesFile {
    input: Input,
    count: u64,
    is_finished: bool,
}

enum Input {
    Path(PathBuf),
    /// What stdin has brought.
    Kept(std::cell::RefCell<Unnamed>),
}

impl MessagesFile {
    /// Reads all of a file, `-` for stdin, so that nothing is done with one that was cut or changed.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let is_stdin = path.as_os_str() == "-";
        let input = if is_stdin {
            Input::Kept(kept(io::stdin()).map_err(|error| unreadable(path, &error))?.into())
        } else {
            Input::Path(path.to_owned())
        };
        let mut reader = record::Reader::default();
        for line in input.lines().map_err(|error| unreadable(path, &error))? {
            let line = line.map_err(|error| unreadable(path, &error))?;
            reader.read(&line).map_err(|error| refused(path, &error))?;
        }
        let held = reader.finish().map_err(|error| refused(path, &error))?;
        Ok(Self { input, count: held.count, is_finished: held.is_finished })
    }

    /// How many messages it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What is to be said of a file whose writer did not come to the end.
    pub(crate) fn note(&self) -> Option<String> {
        (!self.is_finished).then(|| {
            format!(
                "the file was not finished, and holds {} messages: either what wrote it was ended, which deleted none that is not in it, or it was cut",
                self.count
            )
        })
    }

    /// Its messages, from the first on.
    pub(crate) fn messages(
        &self,
    ) -> Result<impl Iterator<Item = Result<DeadLetter, Failure>> + '_, Failure> {
        let again = |problem: String| Failure {
            next: Some(
                "leave the file as it is while it is read, and look what was sent".to_owned(),
            ),
            ..Failure::environment(format!("the file of messages has changed meanwhile: {problem}"))
        };
        let lines = self.input.lines().map_err(|error| again(error.to_string()))?;
        let mut reader = record::Reader::default();
        let messages = lines.filter_map(move |line| {
            let read = line.map_err(|error| again(error.to_string()));
            let read =
                read.and_then(|line| reader.read(&line).map_err(|error| again(error.to_string())));
            read.transpose()
        });
        // What stands behind the last portion does not count.
        Ok(messages.take(usize::try_from(self.count).unwrap_or(usize::MAX)))
    }
}

/// How many messages are taken from a file at a time.
const PORTION_MESSAGES: usize = 1_000;
/// How many bytes of them.
const PORTION_BYTES: usize = 8 * 1_048_576;

/// Messages in portions that fit into memory.
pub(crate) fn portions(
    mut messages: impl Iterator<Item = Result<DeadLetter, Failure>>,
) -> impl Iterator<Item = Result<Vec<DeadLetter>, Failure>> {
    std::iter::from_fn(move || {
        let (mut portion, mut bytes) = (Vec::new(), 0);
        while portion.len() < PORTION_MESSAGES && bytes < PORTION_BYTES {
            match messages.next() {
                None => break,
                Some(Ok(message)) => {
                    bytes += message.size_bytes();
                    portion.push(message);
                }
                Some(Err(failure)) => return Some(Err(failure)),
            }
        }
        (!portion.is_empty()).then_some(Ok(portion))
    })
}

impl Input {
    fn lines(&self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        Ok(match self {
            Self::Path(path) => Box::new(files::lines(path)?.lines()),
            Self::Kept(file) => {
                file.borrow_mut().seek(SeekFrom::Start(0))?;
                Box::new(BufReader::new(Shared(file)).lines())
            }
        })
    }
}

/// Reads what is kept.
struct Shared<'a>(&'a std::cell::RefCell<Unnamed>);

impl io::Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// All of an input that can be read once only.
fn kept(input: impl io::Read) -> io::Result<Unnamed> {
    let mut file = files::unnamed(&std::env::temp_dir());
    let mut input = files::bounded(BufReader::new(input));
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        file.write_all(&line)?;
        line.clear();
    }
    Ok(file)
}

fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("the messages of {} cannot be read: {error}", shown(path)))
}

fn refused(path: &Path, error: &record::RecordError) -> Failure {
    Failure {
        next: Some("nothing was sent; take the file as it was written".to_owned()),
        ..Failure::usage(format!("{} is not what was exported: {error}", shown(path)))
    }
}
