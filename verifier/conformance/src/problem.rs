//! What can come of a case other than that it passes.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use crate::refusal::{Refusal, operation_of};

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The endpoint behaves differently from AWS.
    Deviation {
        /// What AWS does.
        expected: String,
        /// What the endpoint does.
        actual: String,
    },
    /// The endpoint does not implement an operation that the case needs.
    NotSupported(String),
    /// The endpoint answered a server error without a code: it has no such operation, or it failed.
    ServerError {
        /// The operation.
        operation: String,
        /// What AWS does.
        expected: String,
        /// What the endpoint answered.
        actual: String,
    },
    /// The case could not be evaluated: the endpoint was not reached, or its answer could not be read.
    NotEvaluated(String),
}

/// What comes of a case.
pub type Verdict = Result<(), Problem>;

impl Problem {
    /// A deviation.
    pub(crate) fn deviation(expected: impl Into<String>, actual: impl Into<String>) -> Self {
        Self::Deviation { expected: expected.into(), actual: actual.into() }
    }

    /// An answer other than the expected one.
    pub(crate) fn refused_otherwise(
        operation: String,
        expected: String,
        refusal: &Refusal,
    ) -> Self {
        if refusal.says_not_supported() {
            return Self::NotSupported(operation);
        }
        let actual = refusal.to_string();
        if refusal.status >= 500 && refusal.code.is_empty() {
            return Self::ServerError { operation, expected, actual };
        }
        Self::Deviation { expected, actual }
    }
}

/// A request that should have succeeded and did not.
impl<E: ProvideErrorMetadata + std::fmt::Debug> From<SdkError<E, HttpResponse>> for Problem {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let operation = operation_of::<E>();
        match Refusal::of(&error) {
            Some(refusal) => {
                let expected = format!("{operation} succeeds");
                Self::refused_otherwise(operation, expected, &refusal)
            }
            None => Self::NotEvaluated(format!("{operation}: {}", innermost(&error))),
        }
    }
}

/// The cause at the bottom, which is the one that says something.
fn innermost<E: std::fmt::Debug>(error: &SdkError<E, HttpResponse>) -> String {
    match error {
        SdkError::ResponseError(response) => format!("an answer that cannot be read: {response:?}"),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        other => format!("{other:?}").chars().take(300).collect(),
    }
}

/// Compares two values, naming what they are of.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    actual: &T,
    expected: &T,
) -> Verdict {
    if actual == expected {
        return Ok(());
    }
    Err(Problem::deviation(format!("{what} {expected:?}"), format!("{actual:?}")))
}

/// Requires a condition.
pub(crate) fn ensure(
    condition: bool,
    expected: impl Into<String>,
    actual: impl Into<String>,
) -> Verdict {
    if condition { Ok(()) } else { Err(Problem::deviation(expected, actual)) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::operation::send_message::SendMessageError;

    use super::*;

    #[test]
    fn an_error_type_names_its_operation() {
        assert_eq!(operation_of::<SendMessageError>(), "SendMessage");
    }

    #[test]
    fn a_comparison_says_what_was_expected_and_found() {
        assert_eq!(equal("a count of", &2, &2), Ok(()));
        assert_eq!(equal("a count of", &1, &2), Err(Problem::deviation("a count of 2", "1")));
    }
}
