//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::failure::Failure;

/// The first signal asks the command to stop and to clean up; a second one ends the process at once.
pub(crate) struct Interrupt {
    token: CancellationToken,
    watcher: tokio::task::JoinHandle<Exit>,
}

impl Interrupt {
    /// Starts to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let failed =
            |error| Failure::environment(format!("signals cannot be listened for: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let token = CancellationToken::new();
        let watcher = tokio::spawn(watch(interrupt, terminate, token.clone()));
        Ok(Self { token, watcher })
    }

    /// Returns when the process was asked to stop.
    pub(crate) async fn asked(&self) {
        self.token.cancelled().await;
    }

    /// Whether the process was asked to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// How the process ends if it was asked to stop.
    pub(crate) async fn exit(self) -> Option<Exit> {
        if !self.token.is_cancelled() {
            return None;
        }
        self.watcher.await.ok()
    }
}

async fn watch(mut interrupt: Signal, mut terminate: Signal, token: CancellationToken) -> Exit {
    let exit = tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    };
    token.cancel();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // What is left is for the next run to sweep; functions end with this process.
        std::process::exit(exit.code().into());
    });
    exit
}
