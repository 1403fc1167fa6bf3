//! `--to-function`: the function that is invoked with the events of messages.

use verifier_aws::{Aws, Cause};
use verifier_core::redrive::{FilterTerms, FunctionTarget, Terms};

use super::asked::Asked;
use super::destination::{Destination, Receiver};
use crate::dlq::DlqTarget;
use crate::shell::failure::Failure;
use crate::shell::progress::Progress;

/// The function that was named, and in the terms what it takes. Where several functions put failed events into the queue, an event
/// does not say whose it is: then somebody has to choose.
pub(super) async fn named(
    place: &DlqTarget,
    asked: &Asked,
    name: &str,
    terms: &mut Terms,
    progress: &Progress,
) -> Result<Destination, Failure> {
    let to = of_name(place, asked, name).await?;
    if to.comes_back(place) && terms.filter == FilterTerms::default() {
        check_that_events_are_its_own(&place.aws, place, name, progress).await?;
    }
    terms.function =
        Some(FunctionTarget { arn: to.arn().to_owned(), owns_queue: to.comes_back(place) });
    // An event has no room for a count.
    (terms.counts_redrives, terms.redrives_max) = (false, None);
    Ok(to)
}

/// The function that a plan or a journal names.
pub(super) async fn written(
    place: &DlqTarget,
    asked: &Asked,
    written: &FunctionTarget,
) -> Result<Destination, Failure> {
    let is_it =
        |named: &String| *named == written.arn || written.arn.ends_with(&format!(":{named}"));
    if let Some(other) = asked.to.to_function.as_ref().filter(|named| !is_it(named)) {
        return Err(Failure {
            next: Some(format!("leave --to-function out, or say --to-function {}", written.arn)),
            ..Failure::usage(format!("the file invokes {}, not {other}", written.arn))
        });
    }
    let mut to = of_name(place, asked, &written.arn).await?;
    // What the journal says of it counts to its end.
    if let Receiver::Function { owns_queue, .. } = &mut to.receiver {
        *owns_queue = written.owns_queue;
    }
    Ok(to)
}

/// The region that the ARN of a function says; a name says none.
fn region_of(function: &str) -> Option<&str> {
    function.strip_prefix("arn:")?.split(':').nth(2)
}

async fn of_name(place: &DlqTarget, asked: &Asked, name: &str) -> Result<Destination, Failure> {
    let aws = asked.client(place, Some(name), region_of(name)).await?;
    let invocable = aws.invocable(name).await?;
    let owns_queue = invocable.dead_letter_arn.as_deref() == Some(place.dead_letters.arn());
    let log_group = Some(invocable.function.log_group.clone());
    let receiver = Receiver::Function { function: invocable.function, owns_queue };
    Ok(Destination { aws, receiver, log_group, log_not_asked: None })
}

async fn check_that_events_are_its_own(
    aws: &Aws,
    place: &DlqTarget,
    name: &str,
    progress: &Progress,
) -> Result<(), Failure> {
    let arn = place.dead_letters.arn();
    let names = match aws.functions_with_dead_letter_queue(arn).await {
        Ok(names) => names,
        Err(error) if matches!(error.cause, Cause::Denied | Cause::NotFound | Cause::Other) => {
            progress.say(&format!(
                "whether other functions put failed events into {arn}, too, could not be asked: {error}"
            ));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if names.len() <= 1 {
        return Ok(());
    }
    Err(Failure {
        next: Some(format!("choose the events of {name} with --filter or --reason")),
        ..Failure::usage(format!(
            "{} functions have {arn} for their dead-letter queue, and an event does not say whose it is: {}",
            names.len(),
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_arn_says_a_region() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:worker";
        assert_eq!(region_of(arn), Some("eu-west-1"));
        assert_eq!(region_of("worker"), None);
        assert_eq!(region_of("123456789012:function:worker"), None);
    }
}
