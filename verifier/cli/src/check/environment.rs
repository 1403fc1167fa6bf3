//! What stands between the verifier and AWS, said in the one line that helps.

use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::nearest;

use crate::shell::failure::Failure;

/// Why AWS could not be asked, with what else is known: the region, and stacks whose names are nearly the one asked for.
pub(crate) async fn explain(aws: &Aws, error: AwsError) -> Failure {
    let region = aws.region().unwrap_or_default().to_owned();
    let mut failure = Failure::from(error.clone());
    match error.cause {
        Cause::NoSuchStack => {
            failure.what = format!("{} in {region}", failure.what);
            // Whoever may not list stacks is not reported others, which is no further error.
            let names = aws.stack_names().await.unwrap_or_default();
            if let Some(name) = nearest(&error.resource, names.iter().map(String::as_str)) {
                failure.next = failure.next.map(|next| format!("did you mean {name}? Or {next}"));
            }
        }
        Cause::UnknownHost => {
            failure.next = Some(format!("is {region} the region? Is there a network?"));
        }
        _ => {}
    }
    failure
}
