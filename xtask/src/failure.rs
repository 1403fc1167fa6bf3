//! Why a task could not be done.

use std::{fmt, io};

/// A failure, and how the process ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    /// The process's exit code.
    pub(crate) exit: u8,
}

impl Failure {
    /// Something does not hold, or a program did not do its work.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), exit: 1 }
    }

    /// The command line is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), exit: 2 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(format!("the output cannot be written: {error}"))
    }
}
