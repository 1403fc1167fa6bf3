//! A process group for each environment, which ends with the emulator however that ends.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// The variable by which a process is known to be of an environment, whatever group or session it has made for itself.
const MARK: &str = "VERIFIER_ENVIRONMENT";
/// The variable by which a leader is known to its emulator's guard.
const OF_LEADER: &str = "VERIFIER_LEADER";
/// How long the processes of all environments may take to end once they are killed, in real time: a hundred looks take some two
/// seconds, on a machine that has time for them.
const END_TIMEOUT: Duration = Duration::from_secs(10);
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
/// Its first argument is the mark. With a second one it is the guard: it is in a group of its own, where no function's signal
/// reaches it, and then lets those leaders go on that a function has stopped with its group.
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
mark=$1 leaders=$2 turn=0
started $$ && since=$start
read -r _
while [ $turn -lt 100 ]; do
  turn=$((turn + 1))
  marked && continue
  becoming && sleep 0.01 && continue
  # What was becoming something at the first look, and had become it at the second.
  marked || break
done
if [ -n "$leaders" ]; then
  for file in $(grep -lF -- "$leaders" /proc/[0-9]*/environ 2>/dev/null); do
    file=${file#/proc/}
    kill -CONT "${file%/environ}" 2>/dev/null
  done
fi
kill -KILL 0"#;

/// The process groups of all environments that run.
///
/// Each environment has one of its own, as each has a sandbox of its own on Lambda: a function that signals its group, as a
/// shell's `kill 0` does, reaches nothing but what it started itself.
///
/// A function may stop its group, and the leader with it. So when this process ends an environment it lets the leader go on,
/// and when it ends all, it kills each group itself. When this process is killed, the guard lets the leaders go on.
#[derive(Default)]
pub(crate) struct ProcessGroups {
    leaders: Mutex<Vec<Arc<Mutex<Leader>>>>,
    guard: Mutex<Option<Leader>>,
    /// What all marks begin with.
    mark: OnceLock<String>,
}

/// A process that acts when its pipe is closed: the leader of a group, or the guard of all.
struct Leader {
    /// None where another waits for it.
    process: Option<Child>,
    /// The write end; dropping it closes it.
    pipe: Option<ChildStdin>,
    /// Its id, which is its group's.
    id: Pid,
}

/// A process group whose leader waits for this process to end, or for this value to be dropped, and then kills the group,
/// itself included, and on Linux every process besides that was started in the environment: what a function leaves running ends
/// with its sandbox on Lambda.
///
/// The leader holds the read end of a pipe of which only this process has the write end. When this process exits,
/// crashes or is killed, the kernel closes the pipe and the leader acts. No process is signalled by its id but leaders that this
/// process has not reaped yet, so none can be reused in between.
pub(crate) struct ProcessGroup {
    leader: Arc<Mutex<Leader>>,
    id: Pid,
    mark: String,
}

impl ProcessGroups {
    /// Starts a group.
    pub(crate) fn start(&self) -> io::Result<ProcessGroup> {
        let drawn = drawn()?;
        let of_all = self.mark.get_or_init(|| drawn.clone());
        self.watch(of_all)?;
        let mark = format!("{of_all}-{drawn}");
        let leader = Leader::start(&[format!("{MARK}={mark}")], Some(of_all))?;
        let id = leader.id;
        let leader = Arc::new(Mutex::new(leader));
        let mut leaders = lock(&self.leaders);
        // Those that have ended are reaped here, so that their number does not grow with that of invocations.
        leaders.retain(|leader| lock(leader).has_to_act());
        leaders.push(leader.clone());
        Ok(ProcessGroup { leader, id, mark })
    }

    /// Has the guard running.
    fn watch(&self, of_all: &str) -> io::Result<()> {
        let mut guard = lock(&self.guard);
        if !guard.as_mut().is_some_and(Leader::is_running) {
            let arguments = [format!("{MARK}={of_all}-"), format!("{OF_LEADER}={of_all}")];
            *guard = Some(Leader::start(&arguments, None)?);
        }
        Ok(())
    }

    /// Kills every process of all groups and waits for their leaders' ends, for a bounded time.
    ///
    /// The guard looks for the processes of all, since each look reads the environment of every process there is.
    pub(crate) async fn end(&self) {
        if let Some(of_all) = self.mark.get()
            && let Err(error) = self.watch(of_all)
        {
            tracing::warn!("what functions have left running cannot be looked for: {error}");
        }
        let guard = lock(&self.guard).take();
        if let Some(guard) = guard {
            guard.end("the guard of the functions' processes").await;
        }
        let leaders = std::mem::take(&mut *lock(&self.leaders));
        let mut ending = Vec::new();
        for leader in leaders {
            let mut leader = lock(&leader);
            leader.kill_group();
            let (process, pipe) = (leader.process.take(), leader.pipe.take());
            ending.push(Leader { process, pipe, id: leader.id });
        }
        for leader in ending {
            leader.end("a function's process group").await;
        }
    }
}

impl Leader {
    /// Starts one with the script's arguments; `of_all` is the mark by which the guard finds it.
    fn start(arguments: &[String], of_all: Option<&String>) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", LEADER, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal reaches neither it nor the functions.
            .process_group(0);
        command.envs(of_all.map(|of_all| (OF_LEADER, of_all)));
        let mut process = command.spawn()?;
        let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the process group's leader ended at once"))?;
        let pipe = process.stdin.take();
        Ok(Self { process: Some(process), pipe, id })
    }

    /// Whether it runs, and so its id is its own: until it is reaped no other process can have it.
    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    /// Has it act, if it runs; a function may have stopped it.
    fn act(&mut self) {
        drop(self.pipe.take());
        if self.is_running() {
            let _ = kill_process(self.id, Signal::CONT);
        }
    }

    /// Whether it runs. One whose time to act has come may have been stopped again.
    fn has_to_act(&mut self) -> bool {
        if self.pipe.is_none() {
            self.act();
        }
        self.is_running()
    }

    fn kill_group(&mut self) {
        if self.is_running() {
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Has it act and waits for its end; one that does not end in time is killed with its group.
    async fn end(mut self, what: &str) {
        self.act();
        let Some(process) = &mut self.process else { return };
        if timeout(END_TIMEOUT, process.wait()).await.is_err() {
            let seconds = END_TIMEOUT.as_secs();
            tracing::warn!(
                "{what} (process {}) had not ended after {seconds} s, and is killed",
                self.id
            );
            self.kill_group();
        }
    }
}

/// Two emulators may count alike, so what marks are made of is drawn.
fn drawn() -> io::Result<String> {
    let mut mark = [0; 16];
    getrandom::fill(&mut mark).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(mark)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        lock(&self.leader).act();
    }
}

impl ProcessGroup {
    /// Makes a command start in this group.
    pub(crate) fn add(&self, command: &mut Command) {
        command.process_group(self.id.as_raw_nonzero().get()).env(MARK, &self.mark);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

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

    /// Waits until the process of that id has ended, or is waited for.
    async fn ends(id: &str) {
        let status = format!("/proc/{id}/status");
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

    /// A process that stops its whole group, its leader with it. Its id, and that of one besides that has no mark.
    async fn stopped(group: &ProcessGroup) -> (Child, String) {
        let mut command = Command::new("sh");
        let unmarked = format!("env -u {MARK} sh -c 'echo $$; exec sleep 600'");
        command.args(["-c", &format!("{unmarked} & read -r _; kill -STOP 0")]);
        group.add(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut process = command.spawn().unwrap();
        let mut unmarked = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut unmarked).await.unwrap();
        // Now it has no mark any more, and the group may be stopped.
        drop(process.stdin.take());
        let leader = format!("/proc/{}/stat", group.id.as_raw_nonzero());
        while !std::fs::read_to_string(&leader).unwrap().contains(") T ") {
            tokio::task::yield_now().await;
        }
        (process, unmarked.trim().to_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_group_that_a_function_has_stopped_ends_alone_and_with_all() {
        let groups = ProcessGroups::default();
        let (alone, with_all) = (groups.start().unwrap(), groups.start().unwrap());
        let (mut first, unmarked) = stopped(&alone).await;
        let id = alone.id.as_raw_nonzero().to_string();
        drop(alone);
        assert!(!first.wait().await.unwrap().success());
        ends(&unmarked).await;
        ends(&id).await;
        let (mut second, unmarked) = stopped(&with_all).await;
        let ended = tokio::time::timeout(Duration::from_secs(9), groups.end()).await;
        ended.expect("it waits for no process that is stopped");
        assert!(!second.wait().await.unwrap().success());
        ends(&unmarked).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn when_all_pipes_are_closed_at_once_a_stopped_group_ends_too() {
        let groups = ProcessGroups::default();
        let group = groups.start().unwrap();
        let (mut process, unmarked) = stopped(&group).await;
        // As the kernel does when this process is killed: nothing lets the leader go on but the guard.
        drop(lock(&group.leader).pipe.take());
        drop(lock(&groups.guard).as_mut().unwrap().pipe.take());
        assert!(!process.wait().await.unwrap().success());
        ends(&unmarked).await;
        groups.end().await;
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
            drop(group);
            groups.end().await;
            ends(String::from_utf8_lossy(&output.stdout).trim()).await;
        }
    }
}
