//! The one place in which an outcome becomes an exit code.

use std::process::ExitCode;

use verifier_core::check::Overall;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything passed.
    Passed,
    /// A check failed.
    Failed,
    /// The command line, or a file that it names, is wrong.
    Usage,
    /// It could not be evaluated.
    Inconclusive,
    /// A guard of its own has stopped it early; what is left is told.
    Stopped,
    /// A bug in the verifier.
    Bug,
    /// Ctrl-C, after cleaning up.
    Interrupted,
    /// SIGTERM, after cleaning up.
    Terminated,
    /// SIGHUP, after cleaning up.
    HungUp,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Stopped => 4,
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::HungUp => 129,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Overall> for Exit {
    fn from(overall: Overall) -> Self {
        match overall {
            Overall::Pass => Self::Passed,
            Overall::Fail => Self::Failed,
            Overall::Inconclusive => Self::Inconclusive,
        }
    }
}
