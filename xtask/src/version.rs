//! Programs that have to be there, in a version that is new enough.

use std::process::Command;

use crate::command::Run;
use crate::failure::Failure;

/// A program that the project needs and does not install.
pub(crate) struct Prerequisite {
    /// Its command.
    pub(crate) program: &'static str,
    /// The oldest version that will do.
    pub(crate) oldest: Version,
    /// What it is needed for.
    pub(crate) needed_for: &'static str,
    /// How it is had.
    pub(crate) install: &'static str,
}

/// The first two numbers of a version.
pub(crate) type Version = (u32, u32);

impl Prerequisite {
    /// Fails, saying how to install it, unless it is there and new enough.
    pub(crate) fn require(&self) -> Result<(), Failure> {
        let printed = Command::new(self.program).arg("--version").capture();
        self.evaluate(printed.ok().as_deref())
    }

    fn evaluate(&self, printed: Option<&str>) -> Result<(), Failure> {
        let Self { program, oldest: (major, minor), needed_for, install } = self;
        let problem = match printed.map(find_version) {
            None => "was not found".to_owned(),
            Some(None) => "did not say its version".to_owned(),
            Some(Some(found)) if found >= self.oldest => return Ok(()),
            Some(Some(found)) => format!("is version {}.{}", found.0, found.1),
        };
        Err(Failure::new(format!(
            "{program} {major}.{minor} or later is needed for {needed_for}, and {program} {problem}; {install}"
        )))
    }
}

/// The first `N.N` in a text, for example in `Python 3.11.7`, `v20.20.2`.
fn find_version(text: &str) -> Option<Version> {
    let mut words = text.split_whitespace().map(|word| word.trim_start_matches('v'));
    words.find_map(leading_version)
}

fn leading_version(word: &str) -> Option<Version> {
    let mut numbers = word.split('.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Prerequisite = Prerequisite {
        program: "node",
        oldest: (20, 19),
        needed_for: "the stack",
        install: "install it from somewhere",
    };

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (printed, expected) in [
            ("v20.20.2\n", Some((20, 20))),
            ("Python 3.11.7\n", Some((3, 11))),
            ("10.8.2", Some((10, 8))),
            ("no version", None),
            ("", None),
        ] {
            assert_eq!(find_version(printed), expected, "{printed}");
        }
    }

    #[test]
    fn a_later_version_will_do() {
        for printed in ["v20.19.0", "v20.20.2", "v22.0.0"] {
            assert_eq!(NODE.evaluate(Some(printed)), Ok(()), "{printed}");
        }
    }

    #[test]
    fn a_problem_says_what_is_needed_and_how_it_is_had() {
        for (printed, problem) in [
            (None, "was not found"),
            (Some("hello"), "did not say its version"),
            (Some("v18.20.0"), "is version 18.20"),
            (Some("v20.9.0"), "is version 20.9"),
        ] {
            let failure = NODE.evaluate(printed).unwrap_err().to_string();
            assert_eq!(
                failure,
                format!(
                    "node 20.19 or later is needed for the stack, and node {problem}; install it from somewhere"
                )
            );
        }
    }
}
