//! A shell in which a page's commands are run one after the other.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How long all the commands of a page may take: the runbook has a hundred, and other tests have the processors, too. What
/// waits for something has a bound of its own; this one ends what never would.
const BOUND_SECONDS: &str = "900";

/// Stands before the number of each block in the output; no command prints it.
const MARK: char = '\u{1e}';

/// In the shell, the program that this test is about takes the place of the one that `cargo run` would build. Without
/// an endpoint, the AWS CLI is not run at all: no command of a test goes to AWS.
const PRELUDE: &str = r#"
set -eEuo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
verifier() { "$VERIFIER" "$@"; }
cargo() {
  [ "$1" = run ] || return
  shift
  if [ "$1 $2" = "--features seeded-bugs" ]; then shift 2; fi
  [ "$1" = -- ] && shift && verifier "$@"
}
aws() { : "${AWS_ENDPOINT_URL:?is not set}" && command aws "$@"; }
"#;

/// With these, commands are read and nothing is done.
const SYNTAX_PRELUDE: &str = r#"
set -eEo pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
programs=$PATH
verifier() { (PATH=$programs; "$VERIFIER" "$@" --help > /dev/null); }
cargo() { if [ "$1" = xtask ]; then return; fi; while [ "$1" != "--" ]; do shift; done; shift; verifier "$@"; }
aws() { (PATH=$programs; command aws "$@" --generate-cli-skeleton > /dev/null); }
script() { (PATH=$programs; "stack/bin/$1" "${@:2}" --help > /dev/null); }
gh() { :; }
npm() { :; }
npx() { :; }
node() { :; }
git() { :; }
date() { :; }
# Nothing else is found, so that no command of a page can do anything here.
PATH=/nowhere
"#;

/// Commands, and where they stand.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) place: String,
    pub(crate) text: String,
}

/// Where and with what commands are run.
pub(crate) struct Session {
    root: PathBuf,
    /// The folder of the AWS CLI, where it is not on the PATH.
    aws: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Session {
    /// A session in a folder; none, which is said, where there is no AWS CLI and none was promised.
    pub(crate) fn new(root: &Path) -> Option<Self> {
        let promised = std::env::var_os("VERIFIER_TEST_AWS").map(PathBuf::from);
        if let Some(aws) = &promised {
            assert!(aws.is_file(), "VERIFIER_TEST_AWS names {}, which is not there", aws.display());
        } else if Command::new("aws").arg("--version").output().is_err() {
            eprintln!("skipped: there is no AWS CLI; `cargo xtask test` installs one");
            return None;
        }
        let aws = promised.and_then(|aws| aws.parent().map(Path::to_path_buf));
        Some(Self { aws, ..Self::without_aws(root) })
    }

    /// A session whose commands do not include the AWS CLI.
    pub(crate) fn without_aws(root: &Path) -> Self {
        Self { root: root.to_path_buf(), aws: None, environment: Vec::new() }
    }

    /// The same with more environment variables.
    pub(crate) fn with_environment(self, environment: Vec<(String, String)>) -> Self {
        Self { environment, ..self }
    }

    /// Runs commands in one shell; each has to succeed.
    pub(crate) fn run(&self, scripts: &[Script]) {
        self.shell(PRELUDE, scripts);
    }

    /// Has commands read without doing anything.
    pub(crate) fn check_syntax(&self, scripts: &[Script]) {
        // No function of a shell takes the place of a program that is called by its path.
        let of_stack = |script: &Script| Script {
            text: ["account.sh", "preview.sh"].iter().fold(script.text.clone(), |text, name| {
                text.replace(&format!("bin/{name}"), &format!("script {name}"))
            }),
            ..script.clone()
        };
        let scripts: Vec<Script> = scripts.iter().map(of_stack).collect();
        self.shell(SYNTAX_PRELUDE, &scripts);
    }

    fn shell(&self, prelude: &str, scripts: &[Script]) {
        let mut all = prelude.to_owned();
        for (index, script) in scripts.iter().enumerate() {
            writeln!(all, "printf '{MARK}{index}\\n'\n{}", script.text).unwrap();
        }
        // `timeout` ends the shell and all that it has started, also when this test is no longer there to do so.
        let output = self
            .command("timeout")
            .args(["--signal=KILL", BOUND_SECONDS, "bash", "-c", &all])
            .output()
            .unwrap();
        if output.status.success() {
            return;
        }
        let stdout = String::from_utf8_lossy(&output.stdout);
        let (number, printed) =
            stdout.rsplit(MARK).next().and_then(|last| last.split_once('\n')).unwrap_or_default();
        let script = number.parse().ok().and_then(|number: usize| scripts.get(number));
        panic!(
            "{}: the block ended with {}; {BOUND_SECONDS} s are the limit for a page\nstdout: {printed}\nstderr: {}",
            script.map_or("the beginning", |script| &script.place),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A program in an environment in which neither this test nor whoever runs it leaves a trace: no credentials, no
    /// settings, and nothing that cargo says of this package, which would have it build dependencies again.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            const PREFIXES: [&str; 5] =
                ["AWS_", "VERIFIER_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
            if name
                .to_str()
                .is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
            {
                command.env_remove(name);
            }
        }
        if let Some(folder) = &self.aws {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap());
        }
        command
            .envs([
                ("VERIFIER", env!("CARGO_BIN_EXE_verifier")),
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("AWS_PAGER", ""),
                ("NO_COLOR", "1"),
            ])
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
