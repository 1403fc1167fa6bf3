//! What is said on the terminal: results on stdout, errors on stderr.

use std::io::{self, IsTerminal};

use super::clean;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{print, tell};

/// How a command ends that has done its work, where something of the result could not be written. Whatever was found weighs
/// more than that.
pub(crate) fn finish(exit: Exit, written: Result<(), Failure>) -> Result<Exit, Failure> {
    match written {
        Err(failure) if exit != Exit::Passed => {
            print_failure(&failure);
            Ok(exit)
        }
        written => written.map(|()| exit),
    }
}

/// The first of several that could not be written; each of the others is shown here.
pub(crate) fn first_lost(
    written: impl IntoIterator<Item = Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut first = Ok(());
    for failure in written.into_iter().filter_map(Result::err) {
        match &first {
            Ok(()) => first = Err(failure),
            Err(_) => print_failure(&failure),
        }
    }
    first
}

/// Shows on stderr why a command could not do its work.
pub(crate) fn print_failure(failure: &Failure) {
    error_line(&failure.what);
    if let Some(next) = &failure.next {
        tell(&format!("       {}\n", indented(next)));
    }
}

/// An error, on stderr.
pub(crate) fn error_line(text: &str) {
    use owo_colors::OwoColorize;
    tell(&format!("{} {}\n", "error:".red().bold(), indented(text)));
}

/// A defect, on stderr; with its calls if `RUST_BACKTRACE` is set.
pub(crate) fn print_panic(panic: &std::panic::PanicHookInfo<'_>) {
    error_line(&format!("this is a defect of the verifier: {panic}"));
    let calls = std::backtrace::Backtrace::capture();
    if calls.status() == std::backtrace::BacktraceStatus::Captured {
        tell(&format!("{}\n", clean::lines(&calls.to_string())));
    }
}

/// A text below a label: none of its lines looks like one of ours.
fn indented(text: &str) -> String {
    clean::lines(text).replace('\n', "\n       ")
}

/// Prints bytes as they are.
pub(crate) fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    print(|out| out.write_all(bytes))
}

/// The width that lines are wrapped to; none for a file or a pipe, where a line is a line.
pub(crate) fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::clean::tests::is_command;
    use crate::shell::clean::without_commands;

    #[test]
    fn an_error_of_several_lines_forges_none() {
        let shown = indented("a\r\n::error::b\nPASS\u{202e}");
        assert_eq!(shown, "a\\r\n       ::error::b\n       PASS\\u{202e}");
        assert!(!without_commands(&shown).lines().any(is_command));
    }
}
