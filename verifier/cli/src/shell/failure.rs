//! Failures of a command that are the user's or the environment's, as opposed to verdicts and bugs.

use std::fmt;

use verifier_aws::AwsError;
use verifier_emulator::{EmulatorError, TemplateError};
use verifier_model::faults::FaultPlanError;

use crate::shell::exit::Exit;

/// Why a command could not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What happened, to which resource.
    pub(crate) what: String,
    /// The one thing to do next; `None` where `what` says it.
    pub(crate) next: Option<String>,
    /// How the process ends.
    pub(crate) exit: Exit,
}

impl Failure {
    /// The command line, or a file that it names, is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), next: None, exit: Exit::Usage }
    }

    /// The same, where it says that a policy can be printed: that of this command.
    pub(crate) fn with_policy_of(self, command: &str) -> Self {
        let named = format!("`verifier iam-policy {command}`");
        Self { next: self.next.map(|next| next.replace("`verifier iam-policy`", &named)), ..self }
    }

    /// The environment does not let the command do its work.
    pub(crate) fn environment(what: impl Into<String>) -> Self {
        Self { what: what.into(), next: None, exit: Exit::Inconclusive }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        Self { what: error.to_string(), next: Some(error.next()), exit: Exit::Inconclusive }
    }
}

impl From<EmulatorError> for Failure {
    fn from(error: EmulatorError) -> Self {
        match error {
            EmulatorError::Template(_)
            | EmulatorError::CallerPolicy(_)
            | EmulatorError::UnknownRole { .. }
            | EmulatorError::Code { .. }
            | EmulatorError::UnknownCode(_)
            | EmulatorError::ForbiddenCode { .. }
            | EmulatorError::MissingBinary { .. }
            | EmulatorError::BinaryOutside { .. }
            | EmulatorError::BinaryOfAnother { .. }
            | EmulatorError::DirectoryOfAnother(_)
            | EmulatorError::DirectoryOutside { .. }
            | EmulatorError::ForbiddenVariable { .. }
            | EmulatorError::ForbiddenHandler { .. }
            | EmulatorError::Queue { .. }
            | EmulatorError::LogGroup { .. }
            | EmulatorError::Alarm { .. }
            | EmulatorError::AlreadyExists { .. }
            | EmulatorError::OtherQueue { .. } => Self::usage(error.to_string()),
            EmulatorError::Port { .. }
            | EmulatorError::Token(_)
            | EmulatorError::NoThread(_)
            | EmulatorError::ProcessGroup(_) => Self::environment(error.to_string()),
        }
    }
}

impl From<FaultPlanError> for Failure {
    fn from(error: FaultPlanError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::usage(error.to_string())
    }
}
