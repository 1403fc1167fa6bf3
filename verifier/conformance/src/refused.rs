//! What has to be refused.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use crate::problem::Problem;
use crate::refusal::{Kind, Refusal, operation_of};

/// Requires that a request was refused with an error of a kind.
pub(crate) fn refused<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    kind: Kind,
) -> Result<(), Problem> {
    compared(result, kind, None)
}

/// Requires that a request was refused with an error of a kind, in AWS's words.
pub(crate) fn refused_saying<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    kind: Kind,
    message: &str,
) -> Result<(), Problem> {
    compared(result, kind, Some(message))
}

fn compared<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
    kind: Kind,
    message: Option<&str>,
) -> Result<(), Problem> {
    let words = message.map(|message| format!(": {message}")).unwrap_or_default();
    let expected = format!("{kind}{words}");
    let Err(error) = result else {
        return Err(Problem::deviation(expected, format!("{} succeeds", operation_of::<E>())));
    };
    match Refusal::of(&error) {
        Some(refusal) => {
            let says_it = message.is_none_or(|message| refusal.message == message);
            if kind.is_of(&refusal) && says_it {
                return Ok(());
            }
            Err(Problem::refused_otherwise(operation_of::<E>(), expected, &refusal))
        }
        None => Err(error.into()),
    }
}

/// Requires that a request was refused as the client's fault, where AWS documents no more than that.
pub(crate) fn refused_somehow<T, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), Problem> {
    let expected = format!("{} is refused", operation_of::<E>());
    let Err(error) = result else {
        return Err(Problem::deviation(expected, "it succeeds"));
    };
    match Refusal::of(&error) {
        Some(refusal) if (400..500).contains(&refusal.status) && !refusal.says_not_supported() => {
            Ok(())
        }
        Some(refusal) => Err(Problem::refused_otherwise(operation_of::<E>(), expected, &refusal)),
        None => Err(error.into()),
    }
}
