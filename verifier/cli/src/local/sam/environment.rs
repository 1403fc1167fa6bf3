//! The Python environment of SAM's translator: in the user's cache, made once for each set of requirements.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::progress::Progress;

/// What is installed, each archive with its hash.
const REQUIREMENTS: &str = include_str!("requirements.txt");
/// The commands that may be Python.
const PYTHONS: [&str; 2] = ["python3", "python"];
/// Where what became of templates is.
const TRANSLATED: &str = "translated";
/// What says which environment is complete.
const COMPLETE: &str = "complete";
/// The interpreter in an environment.
const PYTHON: &str = "bin/python";
/// How many digits of a digest a folder's name has.
const DIGITS: usize = 16;
/// What to do without it.
const PROCESSED: &str =
    "or give the processed template: `aws cloudformation get-template --template-stage Processed`";

/// Where it is, or will be.
pub(super) struct Environment(PathBuf);

impl Environment {
    pub(super) fn find() -> Result<Self, Failure> {
        let cache = cache(
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from),
            std::env::var_os("HOME").map(PathBuf::from),
        );
        let cache = cache.ok_or_else(|| {
            Failure::environment("there is no folder for SAM's translator: neither HOME nor XDG_CACHE_HOME is set; set one")
        })?;
        let digest = digest(REQUIREMENTS);
        let own = cache.join("verifier");
        let folder = own.join(format!("sam-{}", &digest[..DIGITS]));
        check_owner(&own)?;
        check_owner(&folder)?;
        Ok(Self(folder))
    }

    /// A command of Python that imports nothing of the working directory, which may be anybody's, nor what the environment's
    /// variables name; and the working directory is its own.
    ///
    /// Source: <https://docs.python.org/3/using/cmdline.html#cmdoption-I>.
    pub(super) fn isolated(&self, python: &Path) -> Command {
        isolated(python, &self.0)
    }

    /// Where what became of a template is kept.
    pub(super) fn kept(&self, digest: &str) -> PathBuf {
        self.0.join(TRANSLATED).join(format!("{digest}.json"))
    }

    /// Keeps what became of a template.
    pub(super) fn keep(&self, path: &Path, template: &Value) -> io::Result<()> {
        files::make_folder(&self.0.join(TRANSLATED))?;
        files::write_private(path, template.to_string().as_bytes())
    }

    /// Its Python, if everything was installed before.
    ///
    /// A file says which folder is complete, so that a run that is stopped meanwhile leaves none that looks like it.
    pub(super) fn installed(&self) -> Option<PathBuf> {
        let name = files::read_text(&self.0.join(COMPLETE)).ok()?;
        // A Python that was upgraded since leaves a link to nowhere.
        Some(self.0.join(name).join(PYTHON)).filter(|python| python.is_file())
    }

    /// Installs everything, in place of what does not run: that alone needs the network.
    pub(super) async fn install(&self, progress: &Progress) -> Result<PathBuf, Failure> {
        let complete = self.0.join(COMPLETE);
        if let Some(folder) =
            self.installed().as_deref().and_then(|python| python.ancestors().nth(2))
        {
            // What stays of it takes room, and is not used again.
            let _ = std::fs::remove_dir_all(folder);
        }
        progress.say("installing SAM's translator, once");
        files::make_folder(&self.0).map_err(|error| cannot_write(&self.0, &error))?;
        let name = format!("venv-{}", std::process::id());
        let folder = self.0.join(&name);
        // One that was broken, and made by a process of the same id.
        let _ = std::fs::remove_dir_all(&folder);
        let installed = install(&folder, &self.0).await.and_then(|()| {
            files::write_private(&complete, name.as_bytes())
                .map_err(|error| cannot_write(&complete, &error))
        });
        if installed.is_err() {
            // It is of no use, and the next run makes another.
            let _ = std::fs::remove_dir_all(&folder);
        }
        installed.map(|()| folder.join(PYTHON))
    }
}

/// Fails where somebody else has made the folder: the Python in it would be run.
fn check_owner(folder: &Path) -> Result<(), Failure> {
    match files::owner(folder) {
        Ok(owner) if !files::is_own(folder) => Err(Failure {
            next: Some("name a folder of your own with XDG_CACHE_HOME".to_owned()),
            ..Failure::environment(format!(
                "the cache {} is another user's (user id {owner}), and what is in it is not run",
                folder.display()
            ))
        }),
        _ => Ok(()),
    }
}

/// A digest in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut digits, byte| {
        // A string takes whatever is written to it.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The user's cache.
///
/// Source: <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn cache(cache: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    cache
        .filter(|folder| folder.is_absolute())
        .or_else(|| home.filter(|home| home.is_absolute()).map(|home| home.join(".cache")))
}

fn isolated(python: &Path, folder: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-I").current_dir(folder);
    command
}

/// Makes the environment in a new folder, in the other of which the commands run.
async fn install(folder: &Path, at: &Path) -> Result<(), Failure> {
    let mut found = None;
    for python in PYTHONS {
        let made = ended(isolated(Path::new(python), at).args(["-m", "venv"]).arg(folder)).await;
        match made {
            Ok(()) => {
                found = Some(python);
                break;
            }
            Err(Stopped::NotThere) => {}
            Err(Stopped::Said(said)) => {
                return Err(Failure::environment(format!(
                    "{python} makes no virtual environment for SAM's translator: {said}; on Debian, `apt-get install python3-venv` brings what it lacks, {PROCESSED}"
                )));
            }
        }
    }
    if found.is_none() {
        return Err(Failure::environment(format!(
            "the template's Transform is done by AWS's own translator, which needs Python 3.10 or newer, and there is none on the PATH; install it, {PROCESSED}"
        )));
    }
    let requirements = folder.join("requirements.txt");
    files::write_private(&requirements, REQUIREMENTS.as_bytes())
        .map_err(|error| cannot_write(&requirements, &error))?;
    let mut pip = isolated(&folder.join(PYTHON), at);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(requirements);
    ended(&mut pip).await.map_err(|stopped| {
        let said = match stopped {
            Stopped::Said(said) => said,
            Stopped::NotThere => "it has no Python".to_owned(),
        };
        Failure::environment(format!(
            "SAM's translator cannot be installed: {said}; the first time needs the network, {PROCESSED}"
        ))
    })
}

/// Why a command did not do what it should.
enum Stopped {
    NotThere,
    Said(String),
}

async fn ended(command: &mut Command) -> Result<(), Stopped> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Stopped::NotThere,
        _ => Stopped::Said(error.to_string()),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(Stopped::Said(last.unwrap_or("it said nothing").trim().to_owned()))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!(
        "{} cannot be written: {error}; set XDG_CACHE_HOME to a folder of yours",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_user_says_or_below_the_home() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(cache(path("/c"), path("/h")), path("/c"));
        assert_eq!(cache(path("c"), path("/h")), path("/h/.cache"));
        assert_eq!(cache(None, path("/h")), path("/h/.cache"));
        assert_eq!(cache(None, path("")), None);
    }

    #[tokio::test]
    async fn python_imports_nothing_of_the_folder_that_it_runs_in() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["json.py", "venv.py"] {
            std::fs::write(folder.path().join(name), "raise SystemExit(7)").unwrap();
        }
        let mut command = isolated(Path::new(PYTHONS[0]), folder.path());
        command.args(["-c", "import json, venv; json.dumps(1)"]);
        assert!(ended(&mut command).await.is_ok());
        // As it would without.
        let mut other = Command::new(PYTHONS[0]);
        other.args(["-c", "import json, venv"]).current_dir(folder.path());
        assert!(ended(&mut other).await.is_err());
    }

    #[test]
    fn every_requirement_has_its_hashes() {
        let lines: Vec<&str> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
        let names = lines.iter().filter(|line| line.contains("=="));
        assert!(names.clone().count() > 10);
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("==")) {
            assert!(line.ends_with('\\') && lines[index + 1].contains("--hash=sha256:"), "{line}");
        }
        assert!(names.clone().any(|line| line.starts_with("aws-sam-translator==")));
    }
}
