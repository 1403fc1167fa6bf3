//! A shell in which a page's commands are run one after the other.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// How long all the commands of a page may take.
const BOUND_SECONDS: &str = "300";

/// Stands before the number of each command in the output; no command prints it.
const MARK: char = '\u{1e}';

/// In the shell, the program that this test is about takes the place of the one that `cargo run` would build. Without
/// an endpoint, the AWS CLI is not run at all: no command of a test goes to AWS.
const PRELUDE: &str = r#"
set -euo pipefail
verifier() { "$VERIFIER" "$@"; }
cargo() { [ "$1 $2" = "run --" ] && shift 2 && verifier "$@"; }
aws() { : "${AWS_ENDPOINT_URL:?is not set}" && command aws "$@"; }
"#;

/// With these, commands are read and nothing is done.
const SYNTAX_PRELUDE: &str = r#"
set -eo pipefail
verifier() { "$VERIFIER" "$@" --help > /dev/null; }
cargo() { [ "$1 $2" = "run --" ] && shift 2 && verifier "$@"; }
aws() { command aws "$@" --generate-cli-skeleton > /dev/null; }
"#;

/// A command, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) place: String,
    pub(crate) text: String,
    /// What it has to print.
    pub(crate) output: Option<String>,
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
        } else if std::process::Command::new("aws").arg("--version").output().is_err() {
            eprintln!("skipped: there is no AWS CLI; `cargo xtask test` installs one");
            return None;
        }
        let aws = promised.and_then(|aws| aws.parent().map(Path::to_path_buf));
        Some(Self { root: root.to_path_buf(), aws, environment: Vec::new() })
    }

    /// The same with more environment variables.
    pub(crate) fn with_environment(self, variables: &[(String, String)]) -> Self {
        Self { environment: variables.to_vec(), ..self }
    }

    /// Runs commands; each has to succeed and to print what is said of it.
    pub(crate) fn run(&self, commands: &[Command]) {
        let printed = self.shell(PRELUDE, commands);
        for (command, printed) in commands.iter().zip(&printed) {
            let Some(output) = &command.output else { continue };
            assert!(
                is_as_said(output, printed),
                "{}: `{}` prints something else than the page says:\n{printed}",
                command.place,
                command.text
            );
        }
    }

    /// Has commands read without doing anything.
    pub(crate) fn check_syntax(&self, commands: &[Command]) {
        self.shell(SYNTAX_PRELUDE, commands);
    }

    /// Runs commands in one shell; what each printed on stdout.
    fn shell(&self, prelude: &str, commands: &[Command]) -> Vec<String> {
        let mut script = prelude.to_owned();
        for (index, command) in commands.iter().enumerate() {
            writeln!(script, "printf '{MARK}{index}\\n'\n{}", command.text).unwrap();
        }
        // `timeout` ends the shell and all that it has started, also when this test is no longer there to do so.
        let output = self
            .command("timeout")
            .args(["--signal=KILL", BOUND_SECONDS, "bash", "-c", &script])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let printed: Vec<String> = stdout
            .split(MARK)
            .skip(1)
            .map(|part| part.split_once('\n').map_or("", |(_, text)| text).to_owned())
            .collect();
        if !output.status.success() {
            let last = printed.len().checked_sub(1).and_then(|last| commands.get(last));
            let (place, text) = last.map_or(("", "bash"), |last| (&last.place, &last.text));
            panic!(
                "{place}: `{text}` ended with {}; {BOUND_SECONDS} s are the limit\nstdout: {}\nstderr: {}",
                output.status,
                printed.last().map(String::as_str).unwrap_or_default(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        printed
    }

    /// A program in an environment in which neither this test nor whoever runs it leaves a trace: no credentials, no
    /// settings, and nothing that cargo says of this package, which would have it build dependencies anew.
    pub(crate) fn command(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            const PREFIXES: [&str; 5] = ["AWS_", "VERIFIER_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
            if name.to_str().is_some_and(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))) {
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

/// Whether output is what a page says, ids, times and other words with digits in them aside. A line `…` in the page
/// stands for any lines.
fn is_as_said(said: &str, printed: &str) -> bool {
    let lines = |text: &str| -> Vec<String> { text.trim().lines().map(normalised).collect() };
    matches_lines(&lines(said), &lines(printed))
}

fn matches_lines(said: &[String], printed: &[String]) -> bool {
    match (said, printed) {
        ([], []) => true,
        ([gap, rest @ ..], _) if gap == "…" => {
            (0..=printed.len()).any(|skipped| matches_lines(rest, &printed[skipped..]))
        }
        ([first, said @ ..], [line, printed @ ..]) => first == line && matches_lines(said, printed),
        _ => false,
    }
}

/// A line with `#` for every word that has a digit in it.
fn normalised(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.trim_end();
    while let Some(start) = rest.find(is_of_a_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_of_a_word(c)).unwrap_or(from.len()));
        text.push_str(before);
        text.push_str(if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word });
        rest = after;
    }
    text + rest
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

#[test]
fn ids_and_times_may_differ_and_words_may_not() {
    assert!(is_as_said("  200 in 12 ms, id a-1f2e\n", "\n  200 in 9 ms, id b0-77  \n"));
    assert!(!is_as_said("200 in 12 ms", "200 in 12 s"));
    assert!(is_as_said("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(is_as_said("a\n…\n", "a\n"));
    assert!(!is_as_said("a\n…\nd\n", "a\nb\nc\n"));
    assert!(!is_as_said("a\n", "a\nb\n"));
}
