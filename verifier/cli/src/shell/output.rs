//! stdout and stderr: what leaves the process as text is cleaned and checked here, and nowhere else.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};

use crate::shell::clean;
use crate::shell::failure::Failure;

/// Whether GitHub's runner reads along, so that no text may become a command of the workflow.
static IS_ON_GITHUB: AtomicBool = AtomicBool::new(false);

/// Has a look at who reads along: GitHub's runner sets `GITHUB_ACTIONS`, and `--format github` is written for it.
///
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>.
pub(crate) fn init(arguments: impl Iterator<Item = OsString>) {
    let is_runner = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    IS_ON_GITHUB.store(is_runner || is_format_github(arguments), Ordering::Relaxed);
}

fn is_format_github(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut is_next = false;
    for argument in arguments {
        if argument == "--format=github" || (is_next && argument == "github") {
            return true;
        }
        is_next = argument == "--format";
    }
    false
}

/// Prints a result on stdout, and fails if it could not be written as a whole, also to a pipe that was closed.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    written(write, guarded)
}

/// The same of a result that may not fit into memory, a line at a time.
pub(crate) fn print_lines(
    lines: impl Iterator<Item = Result<String, Failure>>,
) -> Result<(), Failure> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    for line in lines {
        let text = guarded(&for_stdout(&format!("{}\n", line?)));
        stdout.write_all(text.as_bytes()).map_err(|error| lost(&error))?;
    }
    stdout.flush().map_err(|error| lost(&error))
}

/// The same of a text that holds commands of our own, and has broken those of others with [`clean::without_commands`].
pub(crate) fn print_commands(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    written(write, str::to_owned)
}

fn written(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    guard: impl FnOnce(&str) -> String,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let written = write(&mut bytes).and_then(|()| {
        let text = for_stdout(&String::from_utf8_lossy(&bytes));
        let mut stdout = io::stdout().lock();
        stdout.write_all(guard(&text).as_bytes())?;
        stdout.flush()
    });
    written.map_err(|error| lost(&error))
}

/// That a result did not arrive.
fn lost(error: &io::Error) -> Failure {
    let next = match error.kind() {
        io::ErrorKind::BrokenPipe => "let the reader read to the end",
        _ => "write it to where there is room",
    };
    Failure {
        next: Some(next.to_owned()),
        ..Failure::environment(format!("the result could not be written to stdout: {error}"))
    }
}

/// Says something on stderr. That it could not be said cannot be said, and who does not read it holds nothing up.
pub(crate) fn tell(text: &str) {
    let text = text.to_owned();
    beside(move || write_to_stderr(&text));
}

/// The same on the thread of [`beside`].
pub(crate) fn write_to_stderr(text: &str) {
    let text = coloured(text, AutoStream::choice(&io::stderr()));
    let _ = io::stderr().lock().write_all(guarded(&text).as_bytes());
}

/// How long it is waited until stderr has taken something, so that it comes before what follows.
const TAKEN_WITHIN: Duration = Duration::from_millis(500);
/// How long the end of the process is put off for what stderr has not taken.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How much may wait for stderr; what comes beyond is lost.
const WAITING_MAX: usize = 1_000;

/// Something that writes to stderr, and who is told that it has.
type Writing = (Box<dyn FnOnce() + Send>, SyncSender<()>);

/// What writes to stderr. A terminal that is stopped and a pipe that is full keep a write waiting for as long as they like;
/// nothing else waits for them, least of all putting a stack back.
static WRITES: OnceLock<Option<SyncSender<Writing>>> = OnceLock::new();
/// Whether stderr takes nothing just now.
static IS_STALLED: AtomicBool = AtomicBool::new(false);

/// Does what writes to stderr, on a thread of its own, and waits a moment until it is done.
pub(crate) fn beside(write: impl FnOnce() + Send + 'static) {
    let Some(writes) = WRITES.get_or_init(writer) else { return write() };
    let (done, is_done) = sync_channel(1);
    if writes.try_send((Box::new(write), done)).is_err() || IS_STALLED.load(Ordering::SeqCst) {
        return;
    }
    if is_done.recv_timeout(TAKEN_WITHIN).is_err() {
        IS_STALLED.store(true, Ordering::SeqCst);
    }
}

/// Waits until everything was taken that was said, for a while.
pub(crate) fn end() {
    let Some(Some(writes)) = WRITES.get() else { return };
    let (done, is_done) = sync_channel(1);
    if writes.try_send((Box::new(|| {}), done)).is_ok() {
        let _ = is_done.recv_timeout(LAST_WORDS);
    }
}

/// Starts the thread; `None` where there can be none.
fn writer() -> Option<SyncSender<Writing>> {
    let (writes, asked) = sync_channel::<Writing>(WAITING_MAX);
    let started = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || {
        for (write, done) in asked {
            write();
            IS_STALLED.store(false, Ordering::SeqCst);
            let _ = done.try_send(());
        }
    });
    started.is_ok().then_some(writes)
}

/// A line for a progress bar, which writes to the terminal by itself.
pub(crate) fn told(line: &str) -> String {
    guarded(&clean::line(line))
}

/// Writes a file's text to stdout, which `/dev/stdout` names.
pub(crate) fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(guarded(text).as_bytes())?;
    stdout.flush()
}

/// Writes a file's text to stderr, which `/dev/stderr` names.
pub(crate) fn to_stderr(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(guarded(text).as_bytes())
}

fn guarded(text: &str) -> String {
    if IS_ON_GITHUB.load(Ordering::Relaxed) {
        clean::without_commands(text)
    } else {
        text.to_owned()
    }
}

/// A clean text, with its colours if they are wanted. They go first: what stands on both sides of one could be a command
/// together.
fn coloured(text: &str, choice: ColorChoice) -> String {
    let text = clean::shown(text);
    match choice {
        ColorChoice::Never => anstream::adapter::strip_str(&text).to_string(),
        _ => text,
    }
}

/// A clean text as stdout takes it: with its colours, or without.
pub(crate) fn for_stdout(text: &str) -> String {
    coloured(text, AutoStream::choice(&io::stdout()))
}

/// Where log lines go: stderr, each on one line whatever is in it.
pub(crate) struct LogLines;

impl Write for LogLines {
    /// A whole event, as tracing hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        tell(&format!("{}\n", clean::line(text.strip_suffix('\n').unwrap_or(&text))));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_found_however_it_is_said() {
        let said = |arguments: &[&str]| is_format_github(arguments.iter().map(OsString::from));
        assert!(said(&["v", "check", "--format", "github"]) && said(&["v", "--format=github"]));
        assert!(!said(&["v", "github", "--format", "json", "github"]));
    }

    #[test]
    fn a_command_is_found_on_both_sides_of_a_colour_that_is_left_out() {
        let text = coloured("\u{1b}[1m##\u{1b}[0m[error]x", ColorChoice::Never);
        assert_eq!(clean::without_commands(&text), "##\\u{5b}error]x");
        assert_eq!(coloured("\u{1b}[1mx\u{1b}[0m", ColorChoice::Always), "\u{1b}[1mx\u{1b}[0m");
    }

    /// One that never ends, as where nobody reads: the second is not waited for, and both are bounded.
    #[test]
    fn what_stderr_does_not_take_holds_nobody_up() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let began = std::time::Instant::now();
        beside(move || assert!(held.recv().is_err()));
        for _ in 0..10 * WAITING_MAX {
            beside(|| {});
        }
        assert!(began.elapsed() < 20 * TAKEN_WITHIN, "{:?}", began.elapsed());
        drop(release);
        let (done, is_done) = sync_channel(1);
        // What is lost while all waits is asked for again.
        while is_done.recv_timeout(Duration::from_millis(10)).is_err() {
            let done = done.clone();
            beside(move || _ = done.try_send(()));
        }
    }

    /// Everything that is printed goes through this file.
    #[test]
    fn nobody_else_writes_to_stdout_or_stderr() {
        for (path, code) in crate::shell::files::tests::sources() {
            let code = code.replace("use_stderr()", "");
            for line in code.lines().filter(|_| !path.ends_with("output.rs")) {
                let writes =
                    ["stdout()", "stderr()", "println!", "eprint", "print!(", "anstream::std"];
                let is_question =
                    line.contains("is_terminal()") || line.contains("let stdout = io::stdout();");
                assert!(
                    is_question || !writes.iter().any(|each| line.contains(each)),
                    "{path}: {line}"
                );
            }
        }
    }
}
