//! A process group for each environment, which ends with the emulator however that ends.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// The variable by which a process is known to be of an environment, whatever group or session it has made for itself.
const MARK: &str = "VERIFIER_ENVIRONMENT";
/// What a leader does: it waits, ends the processes that have its mark until there are none, and then its group. It outlives
/// what a function sends to its group.
///
/// A process that is just becoming another program (`execve`) has no environment to be read, and so no mark, until that is
/// done. So whatever is younger than the leader and has none is looked at again: kernel threads (children of 2) and the dead
/// excepted, and a process that was started with an empty environment for as long as a hundred looks take, about two seconds.
///
/// Source: `proc_pid_environ(5)`, `proc_pid_stat(5)`: after the name, the first field is the state, the second the parent, the
/// twentieth the start.
///
/// Its arguments are its own mark and that of all environments of its emulator. A line tells it what to do: `all` to end what
/// has the latter, or `group` where that was done, and its group alone is left. Without a line it is on its own.
const LEADER: &str = r#"trap '' HUP INT QUIT TERM USR1 USR2 PIPE ALRM
started() { read -r stat < "/proc/$1/stat" && set -- ${stat##*) } && state=$1 parent=$2 start=${20}; }
becoming() {
  for file in $(grep -L . /proc/[0-9]*/environ 2>/dev/null); do
    process=${file#/proc/}
    started "${process%/environ}" 2>/dev/null || continue
    case $state$parent in Z* | X* | ?2 | ?0) continue ;; esac
    [ "$start" -ge "$since" ] && return 0
  done
  return 1
}
marked() {
  found=$(grep -lF -- "$mark" /proc/[0-9]*/environ 2>/dev/null)
  for file in $found; do
    file=${file#/proc/}
    kill -KILL "${file%/environ}" 2>/dev/null
  done
  [ -n "$found" ]
}
mark=$1 turn=0
started $$ && since=$start
read -r order
case $order in all) mark=$2 ;; group) turn=100 ;; esac
while [ $turn -lt 100 ]; do
  turn=$((turn + 1))
  marked && continue
  becoming && sleep 0.01 && continue
  # What was becoming something at the first look, and had become it at the second.
  marked || break
done
kill -KILL 0"#;

/// What a leader is told to do.
const ALL: &str = "all\n";
const GROUP: &str = "group\n";

/// The process groups of all environments that run.
///
/// Each environment has one of its own, as each has a sandbox of its own on Lambda: a function that signals its group, as a
/// shell's `kill 0` does, reaches nothing but what it started itself.
#[derive(Default)]
pub(crate) struct ProcessGroups {
    leaders: Mutex<Vec<Leader>>,
    /// What all marks begin with.
    mark: OnceLock<String>,
}

/// A group's leader, and the write end of its pipe.
struct Leader {
    process: Child,
    pipe: Pipe,
}

/// Taking it closes it, and the leader acts.
type Pipe = Arc<Mutex<Option<ChildStdin>>>;

/// A process group whose leader waits for this process to end, or for this value to be dropped, and then kills the group,
/// itself included, and on Linux every process besides that was started in the environment: what a function leaves running ends
/// with its sandbox on Lambda.
///
/// The leader holds the read end of a pipe of which only this process has the write end. When this process exits,
/// crashes or is killed, the kernel closes the pipe and the leader acts. No process id is ever written down, so none
/// can be reused in between.
pub(crate) struct ProcessGroup {
    pipe: Pipe,
    id: i32,
    mark: String,
}

impl ProcessGroups {
    /// Starts a group.
    pub(crate) fn start(&self) -> io::Result<ProcessGroup> {
        let drawn = drawn()?;
        let of_all = self.mark.get_or_init(|| drawn.clone());
        let mark = format!("{of_all}-{drawn}");
        let mut leader = Command::new("sh")
            .args(["-c", LEADER, "sh", &format!("{MARK}={mark}"), &format!("{MARK}={of_all}-")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal reaches neither it nor the functions.
            .process_group(0)
            .spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let id = id.ok_or_else(|| io::Error::other("the process group's leader ended at once"))?;
        let pipe: Pipe = Arc::new(Mutex::new(leader.stdin.take()));
        let group = ProcessGroup { pipe: pipe.clone(), id, mark };
        let mut leaders = self.leaders();
        // Those that have ended are reaped here, so that their number does not grow with that of invocations.
        leaders.retain_mut(|leader| matches!(leader.process.try_wait(), Ok(None)));
        leaders.push(Leader { process: leader, pipe });
        Ok(group)
    }

    /// Kills every process of all groups and waits for their leaders' ends.
    ///
    /// The oldest leader looks for the processes of all, since each look reads the environment of every process there is.
    pub(crate) async fn end(&self) {
        let mut leaders = std::mem::take(&mut *self.leaders());
        leaders.retain_mut(|leader| matches!(leader.process.try_wait(), Ok(None)));
        let mut order = ALL;
        for leader in &mut leaders {
            if !tell(&leader.pipe, order).await {
                continue;
            }
            if order == ALL {
                order = GROUP;
                let _ = leader.process.wait().await;
            }
        }
        for mut leader in leaders {
            // It kills itself with its group, so this wait is short.
            let _ = leader.process.wait().await;
        }
    }

    fn leaders(&self) -> MutexGuard<'_, Vec<Leader>> {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two emulators may count alike, so what marks are made of is drawn.
fn drawn() -> io::Result<String> {
    let mut mark = [0; 16];
    getrandom::fill(&mut mark).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(mark)))
}

fn take(pipe: &Pipe) -> Option<ChildStdin> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Tells a leader what to do; whether it can still be told.
async fn tell(pipe: &Pipe, order: &str) -> bool {
    match take(pipe) {
        Some(mut pipe) => pipe.write_all(order.as_bytes()).await.is_ok(),
        None => false,
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        drop(take(&self.pipe));
    }
}

impl ProcessGroup {
    /// Makes a command start in this group.
    pub(crate) fn add(&self, command: &mut Command) {
        command.process_group(self.id).env(MARK, &self.mark);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_processes_of_all_groups_end_together_in_whatever_session_they_are() {
        let groups = ProcessGroups::default();
        let mut processes = Vec::new();
        let mut held = Vec::new();
        for _ in 0..3 {
            let group = groups.start().unwrap();
            for program in ["sleep", "setsid"] {
                let mut command = Command::new(program);
                command.args(if program == "setsid" { &["sleep", "600"][..] } else { &["600"] });
                group.add(&mut command);
                processes.push(command.spawn().unwrap());
            }
            held.push(group);
        }
        // Of another emulator.
        let (others, mut other) = (ProcessGroups::default(), Command::new("sleep"));
        let group = others.start().unwrap();
        group.add(other.arg("600"));
        let mut other = other.spawn().unwrap();
        groups.end().await;
        for mut process in processes {
            let ended = tokio::time::timeout(Duration::from_secs(10), process.wait()).await;
            assert!(!ended.expect("it ends").unwrap().success());
        }
        assert!(matches!(other.try_wait(), Ok(None)));
        others.end().await;
        other.wait().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_started_a_moment_ago_ends_with_its_group_too() {
        // While it becomes a shell it has no environment to be read, and `Popen` of Python returns before that is done.
        let child = "import subprocess; print(subprocess.Popen(\
            ['sh', '-c', 'trap \"\" TERM HUP; sleep 600; :'], start_new_session=True, \
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)";
        for _ in 0..30 {
            let groups = ProcessGroups::default();
            let group = groups.start().unwrap();
            let mut command = Command::new("python3");
            group.add(command.args(["-c", child]));
            let output = command.output().await.unwrap();
            let status = format!("/proc/{}/status", String::from_utf8_lossy(&output.stdout).trim());
            drop(group);
            groups.end().await;
            let is_running = || {
                let status = std::fs::read_to_string(&status).unwrap_or_default();
                status.contains("State:") && !status.contains("State:\tZ")
            };
            // It was killed by then, and the kernel may not be done with it.
            let ended = async {
                while is_running() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it ends");
        }
    }
}
