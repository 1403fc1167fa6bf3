//! The process group of all function processes, which ends with the emulator however that ends.

use std::io;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use tokio::process::{Child, Command};

/// A process group whose leader waits for this process to end and then kills the group, itself included.
///
/// The leader holds the read end of a pipe of which only this process has the write end. When this process exits,
/// crashes or is killed, the kernel closes the pipe and the leader acts. No process id is ever written down, so none
/// can be reused in between.
pub(crate) struct ProcessGroup {
    leader: Mutex<Option<Child>>,
    id: i32,
}

impl ProcessGroup {
    pub(crate) fn start() -> io::Result<Self> {
        let leader = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL 0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal reaches neither it nor the functions.
            .process_group(0)
            .spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let id = id.ok_or_else(|| io::Error::other("the process group's leader ended at once"))?;
        Ok(Self { leader: Mutex::new(Some(leader)), id })
    }

    /// Makes a command start in this group.
    pub(crate) fn add(&self, command: &mut Command) {
        command.process_group(self.id);
    }

    /// Kills every process of the group and waits for the leader's end.
    pub(crate) async fn end(&self) {
        let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut leader) = leader {
            drop(leader.stdin.take());
            // The leader kills itself with its group, so this wait is short.
            let _ = leader.wait().await;
        }
    }
}
