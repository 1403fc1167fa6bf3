//! The interpreters of this machine, by which functions in Node.js and Python run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::stack::Runtime;

/// How long an interpreter may take to say its version.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// The oldest that can run the runtimes' own part.
const OLDEST_NODE: Version = (18, 0);
const OLDEST_PYTHON: Version = (3, 10);

/// A major and a minor version.
type Version = (u32, u32);

/// An interpreter that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interpreter {
    /// Itself, and none that chooses among several.
    executable: PathBuf,
    version: Version,
}

/// The interpreters of this machine.
#[derive(Default)]
pub(crate) struct Interpreters {
    /// By the name of a runtime, as the user said.
    given: BTreeMap<String, PathBuf>,
    found: Mutex<BTreeMap<Runtime, PathBuf>>,
    warnings: Mutex<Vec<String>>,
}

/// What is to be done with those that were asked so far.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// It is that one.
    Exact(usize),
    /// Another version than the function asks for.
    Other(usize),
    /// All of them are too old.
    TooOld(usize),
    None,
}

impl Interpreters {
    pub(crate) fn new(given: BTreeMap<String, PathBuf>) -> Self {
        Self { given, ..Self::default() }
    }

    /// What is to be known of those that were chosen: a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The interpreter of a runtime. It is asked once.
    ///
    /// # Errors
    ///
    /// Why there is none, and what to do.
    pub(crate) fn find(&self, runtime: Runtime) -> Result<PathBuf, String> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&runtime) {
            return Ok(known.clone());
        }
        let (executable, warning) = match self.given.get(&name_of(runtime)) {
            Some(path) => (named(runtime, path)?, None),
            None => on_path(runtime)?,
        };
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).extend(warning);
        found.insert(runtime, executable.clone());
        Ok(executable)
    }
}

/// A runtime as Lambda names it.
pub(crate) fn name_of(runtime: Runtime) -> String {
    match runtime {
        Runtime::Node(version) => format!("nodejs{version}.x"),
        Runtime::Python(version) => format!("python3.{version}"),
        Runtime::Provided => "provided".to_owned(),
    }
}

/// The interpreter that the user named: whatever version it is, it was meant.
fn named(runtime: Runtime, path: &Path) -> Result<PathBuf, String> {
    let (name, shown) = (name_of(runtime), path.display());
    let Some(interpreter) = asked(runtime, path) else {
        return Err(format!(
            "--runtime {name}={shown} names no {} that says its version",
            language(runtime)
        ));
    };
    if interpreter.version < oldest(runtime) {
        return Err(format!("--runtime {name}={shown}: {}", too_old(runtime, interpreter.version)));
    }
    Ok(interpreter.executable)
}

/// The interpreter on the PATH, and what is to be known of it.
fn on_path(runtime: Runtime) -> Result<(PathBuf, Option<String>), String> {
    let mut all: Vec<Interpreter> = Vec::new();
    for candidate in candidates(runtime) {
        all.extend(asked(runtime, Path::new(&candidate)));
        if matches!(choose(runtime, &all), Choice::Exact(_)) {
            break;
        }
    }
    let name = name_of(runtime);
    match choose(runtime, &all) {
        Choice::Exact(index) => Ok((all[index].executable.clone(), None)),
        Choice::Other(index) => {
            let Interpreter { executable, version: (major, minor) } = &all[index];
            let warning = format!(
                "{name} functions run in {} {major}.{minor} ({}); name another with --runtime {name}=PATH",
                language(runtime),
                executable.display()
            );
            Ok((executable.clone(), Some(warning)))
        }
        Choice::TooOld(index) => Err(format!(
            "{}; install a newer one, or name one with --runtime {name}=PATH",
            too_old(runtime, all[index].version)
        )),
        Choice::None => Err(format!(
            "there is no {} on the PATH for {name}; install it, or name one with --runtime {name}=PATH",
            language(runtime)
        )),
    }
}

fn too_old(runtime: Runtime, (major, minor): Version) -> String {
    let (oldest_major, oldest_minor) = oldest(runtime);
    format!(
        "{} {major}.{minor} is too old: functions need {oldest_major}.{oldest_minor} or newer",
        language(runtime)
    )
}

fn language(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Node(_) => "Node.js",
        Runtime::Python(_) => "Python",
        Runtime::Provided => "program",
    }
}

fn oldest(runtime: Runtime) -> Version {
    match runtime {
        Runtime::Python(_) => OLDEST_PYTHON,
        Runtime::Node(_) | Runtime::Provided => OLDEST_NODE,
    }
}

/// The commands that may be it. That of the environment that is active comes first, since it has what was installed there.
fn candidates(runtime: Runtime) -> Vec<String> {
    match runtime {
        Runtime::Python(minor) => {
            vec!["python3".to_owned(), format!("python3.{minor}"), "python".to_owned()]
        }
        Runtime::Node(_) => vec!["node".to_owned()],
        Runtime::Provided => Vec::new(),
    }
}

/// The one of the asked version, or else the first that is not too old.
fn choose(runtime: Runtime, all: &[Interpreter]) -> Choice {
    let is_exact = |interpreter: &Interpreter| match runtime {
        Runtime::Node(version) => interpreter.version.0 == version,
        Runtime::Python(minor) => interpreter.version == (3, minor),
        Runtime::Provided => false,
    };
    let is_new_enough = |interpreter: &Interpreter| interpreter.version >= oldest(runtime);
    if let Some(index) = all.iter().position(is_exact) {
        return Choice::Exact(index);
    }
    match all.iter().position(is_new_enough) {
        Some(index) => Choice::Other(index),
        None if all.is_empty() => Choice::None,
        None => Choice::TooOld(0),
    }
}

/// Asks an interpreter who it is. What version managers put on the PATH says who it chose.
fn asked(runtime: Runtime, program: &Path) -> Option<Interpreter> {
    let question: &[&str] = match runtime {
        Runtime::Node(_) => &["-p", "process.execPath + '\\n' + process.versions.node"],
        // Isolated: nothing of the working directory is imported, which may be anybody's.
        Runtime::Python(_) => &[
            "-I",
            "-c",
            "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])",
        ],
        Runtime::Provided => return None,
    };
    let mut command = Command::new(program);
    command.args(question).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().ok()?;
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    while process.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            let _ = process.kill();
            let _ = process.wait();
            return None;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    let output = process.wait_with_output().ok()?;
    read(&String::from_utf8_lossy(&output.stdout))
}

/// What an interpreter says of itself: its path, and its version below.
fn read(answer: &str) -> Option<Interpreter> {
    let mut lines = answer.lines();
    let executable = PathBuf::from(lines.next().filter(|path| path.starts_with('/'))?);
    let mut numbers = lines.next()?.split('.').map(str::parse::<u32>);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(Interpreter { executable, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(versions: &[Version]) -> Vec<Interpreter> {
        let executable = PathBuf::from("/x");
        versions
            .iter()
            .map(|&version| Interpreter { executable: executable.clone(), version })
            .collect()
    }

    #[test]
    fn the_version_that_is_asked_for_is_taken_where_it_is() {
        for (runtime, versions, choice) in [
            (Runtime::Node(22), &[(22, 4)][..], Choice::Exact(0)),
            (Runtime::Node(22), &[(24, 0)], Choice::Other(0)),
            (Runtime::Node(22), &[(18, 0)], Choice::Other(0)),
            (Runtime::Node(22), &[(16, 20)], Choice::TooOld(0)),
            (Runtime::Node(22), &[], Choice::None),
            (Runtime::Python(12), &[(3, 11), (3, 12)], Choice::Exact(1)),
            (Runtime::Python(12), &[(3, 9), (3, 13)], Choice::Other(1)),
            (Runtime::Python(12), &[(3, 9), (2, 7)], Choice::TooOld(0)),
        ] {
            assert_eq!(choose(runtime, &of(versions)), choice, "{runtime:?} {versions:?}");
        }
    }

    #[test]
    fn an_interpreter_says_where_it_is_and_what_version_it_has() {
        let found = read("/usr/bin/node\n20.20.2\n").unwrap();
        assert_eq!((found.executable, found.version), (PathBuf::from("/usr/bin/node"), (20, 20)));
        assert_eq!(read("/usr/bin/python3.11\n3.11\n").unwrap().version, (3, 11));
        for other in ["", "/usr/bin/node\n", "node\n20.1.0\n", "/n\nx.1\n", "pyenv: no such\n3.1\n"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_the_user_names_is_taken_and_what_is_no_interpreter_is_not() {
        let of = |path: &str| {
            let given = BTreeMap::from([("python3.14".to_owned(), PathBuf::from(path))]);
            let interpreters = Interpreters::new(given);
            (interpreters.find(Runtime::Python(14)), interpreters.warnings())
        };
        let (found, warnings) = of("python3");
        assert!(found.unwrap().is_absolute());
        assert!(warnings.is_empty(), "it was meant: {warnings:?}");
        for other in ["/no/such", "/bin/true"] {
            let (refused, _) = of(other);
            assert!(refused.unwrap_err().contains("--runtime python3.14="), "{other}");
        }
    }
}
