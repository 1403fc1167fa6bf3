//! Ctrl-C, SIGTERM, and SIGHUP, which a terminal that closes sends.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::output::tell;

type LastWords = Arc<Mutex<Option<String>>>;

/// The first signal asks the command to stop and to clean up; a second one ends the process at once.
pub(crate) struct Interrupt {
    token: CancellationToken,
    /// What is said when the process ends at once.
    last_words: LastWords,
    watcher: tokio::task::JoinHandle<Exit>,
}

impl Interrupt {
    /// Starts to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let failed =
            |error| Failure::environment(format!("signals cannot be listened for: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let hang_up = if is_hang_up_ignored() {
            None
        } else {
            Some(signal(SignalKind::hangup()).map_err(failed)?)
        };
        let token = CancellationToken::new();
        let last_words = LastWords::default();
        let signals = Signals { interrupt, terminate, hang_up };
        let watcher = tokio::spawn(watch(signals, token.clone(), last_words.clone()));
        Ok(Self { token, last_words, watcher })
    }

    /// Says this on stderr should the process end at once: what is left then, and what to do. `None` when nothing is left.
    pub(crate) fn leave_word(&self, word: Option<String>) {
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }

    /// Returns when the process was asked to stop.
    pub(crate) async fn asked(&self) {
        self.token.cancelled().await;
    }

    /// What is cancelled when the process is asked to stop.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Whether the process was asked to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// What that gives, or that the process was asked to stop meanwhile: for what has nothing to clean up, and may wait for long.
    pub(crate) async fn unless_asked<T>(
        &self,
        what: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = what => done,
            () = self.asked() => Err(interrupted()),
        }
    }

    /// A failure with the exit of the signal, where it is that one came: which one is not known where that was noticed.
    pub(crate) async fn explains(self, failure: Failure) -> Failure {
        if failure.exit != Exit::Interrupted {
            return failure;
        }
        let exit = self.exit().await.unwrap_or(Exit::Interrupted);
        Failure { exit, ..failure }
    }

    /// How the process ends if it was asked to stop.
    pub(crate) async fn exit(self) -> Option<Exit> {
        if !self.token.is_cancelled() {
            return None;
        }
        self.watcher.await.ok()
    }
}

/// That the process was asked to stop.
pub(crate) fn interrupted() -> Failure {
    Failure { what: "interrupted".to_owned(), next: None, exit: Exit::Interrupted }
}

async fn watch(mut signals: Signals, token: CancellationToken, last_words: LastWords) -> Exit {
    let exit = signals.next().await;
    token.cancel();
    tokio::spawn(async move {
        signals.next().await;
        let word = last_words.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(word) = word {
            tell(&format!("\n{word}\n"));
        }
        // What is left is for the next run to sweep; functions end with this process.
        std::process::exit(exit.code().into());
    });
    exit
}

/// The signals that ask the process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Where it is not ignored.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Waits for one, and says how the process ends by it.
    async fn next(&mut self) -> Exit {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            () = hung_up => Exit::HungUp,
        }
    }
}

/// Whether the process was started with SIGHUP ignored, as `nohup` does; it is to go on then. Where the system does not tell, it
/// was not.
///
/// Source: `proc_pid_status(5)`, `SigIgn`.
fn is_hang_up_ignored() -> bool {
    let status = files::read_text(Path::new("/proc/self/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}
