//! Questions at the terminal.

use std::io::{self, IsTerminal};

use super::clean;
use super::interrupt::Interrupt;
use super::output::tell;
use super::progress::Progress;

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; anything but `y` or `yes` is a no, and so is Ctrl-C. Nothing else is drawn meanwhile.
pub(crate) async fn ask(question: &str, progress: &Progress, interrupt: &Interrupt) -> bool {
    progress.pause();
    tell(&format!("{} [y/N] ", clean::line(question)));
    let answer = line(interrupt).await;
    progress.go_on();
    answer.is_some_and(|line| is_yes(&line))
}

/// The line that is typed; `None` after Ctrl-C, or when there is no more.
pub(crate) async fn line(interrupt: &Interrupt) -> Option<String> {
    let (typed, told) = tokio::sync::oneshot::channel();
    // A thread of its own: reading a terminal cannot be taken back, and must not keep the process from ending.
    let reading = std::thread::Builder::new().name("answer".to_owned()).spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = typed.send(read.ok().filter(|bytes| *bytes > 0).map(|_| line));
    });
    reading.ok()?;
    tokio::select! {
        line = told => line.ok().flatten(),
        () = interrupt.asked() => {
            tell("\n");
            None
        }
    }
}

/// Asks where nothing else goes on; anything but `y` or `yes` is a no.
pub(crate) fn confirm(question: &str) -> bool {
    tell(&format!("{} [y/N] ", clean::line(question)));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
