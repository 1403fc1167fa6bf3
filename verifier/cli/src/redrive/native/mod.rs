//! `verifier redrive --native`: SQS empties the dead-letter queue itself, and this starts, watches and cancels it.

pub(crate) mod ended;
mod terms;
mod watch;

use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{QueueEvidence, age_in_words};
use verifier_core::redrive::{NativeStatus, NativeTask, Refusal, Wanted, may_have_started};

use self::terms::{NativeTerms, What};
use self::watch::Watch;
use crate::dlq::DlqTarget;
use crate::redrive::args::RedriveArgs;
use crate::redrive::native::ended::{Declined, Left, Native};
use crate::redrive::view;
use crate::resources::queue;
use crate::shell::ask::ask;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::print::finish;
use crate::shell::progress::Progress;

pub(super) async fn run(args: RedriveArgs) -> Result<Exit, Failure> {
    let terms = terms::of(&args)?;
    let format = args.format;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let ended = Box::pin(carry_out(args, &terms, &interrupt, &progress)).await;
    progress.clear();
    let ended = match ended? {
        Outcome::Shown => return Ok(interrupt.exit().await.unwrap_or(Exit::Passed)),
        Outcome::Declined(declined) => {
            let printed = view::print_native_declined(&declined, interrupt.is_asked(), format);
            return finish(interrupt.exit().await.unwrap_or(Exit::Stopped), printed);
        }
        Outcome::Watched(ended) => ended,
    };
    let printed = view::print_native(&ended, format);
    // A signal that came when it was over already changes nothing.
    let signal = if ended.left == Some(Left::Interrupted) { interrupt.exit().await } else { None };
    finish(signal.unwrap_or_else(|| ended.exit()), printed)
}

/// How the command ended.
enum Outcome {
    /// What would be started was shown.
    Shown,
    /// The question was not answered with yes.
    Declined(Declined),
    Watched(Native),
}

async fn carry_out(
    args: RedriveArgs,
    terms: &NativeTerms,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let mut place_args = args.place;
    // Whoever only watches or cancels receives nothing.
    place_args.allow_moves |= terms.what != What::Start;
    let place = DlqTarget::find(place_args).await?;
    let began_at = place.clock.now();
    let watch = Watch { place: &place, began_at, deadline: terms.deadline, interrupt, progress };
    let tasks = place.aws.list_message_move_tasks(&place.dead_letters).await;
    let tasks = tasks.map_err(|error| refused(&error, &place.dead_letters, None))?;
    match terms.what {
        What::Start => start(&watch, terms, &tasks).await,
        What::Watch => match tasks.into_iter().next() {
            None => Err(none_active(&place.dead_letters, None)),
            Some(task) if task.status.is_active() => {
                watch.existing(&task, false).await.map(Outcome::Watched)
            }
            Some(task) => Ok(Outcome::Watched(watch.ended(task).await)),
        },
        What::Cancel => cancel(&watch, &tasks).await.map(Outcome::Watched),
    }
}

/// Starts a task, if that is wanted, and watches it.
async fn start(
    watch: &Watch<'_>,
    terms: &NativeTerms,
    tasks: &[NativeTask],
) -> Result<Outcome, Failure> {
    let DlqTarget { aws, dead_letters, .. } = watch.place;
    let endpoint = watch.place.endpoint.as_deref();
    let destination = destination(aws, endpoint, dead_letters, terms.to.as_deref()).await?;
    let plan = view::native_plan(dead_letters, destination.as_deref(), terms.rate);
    if terms.dry_run {
        view::print_native_plan(dead_letters, destination.as_deref(), terms.rate, terms.format)?;
        return Ok(Outcome::Shown);
    }
    let question = format!("Move {plan}?");
    let is_wanted = terms.yes || ask(&question, watch.progress, watch.interrupt).await;
    if !is_wanted || watch.interrupt.is_asked() {
        return Ok(Outcome::Declined(Declined {
            source: dead_letters.clone(),
            destination,
            rate: terms.rate,
        }));
    }
    let started =
        aws.start_message_move_task(dead_letters, destination.as_deref(), terms.rate).await;
    let handle = match started {
        Ok(handle) => handle,
        Err(error) => {
            return Err(not_started(watch, &error, destination.as_deref()).await);
        }
    };
    watch.progress.say(&format!("moving {plan}"));
    let newest_before = tasks.first().map(|task| task.started_at);
    watch.to_its_end(&Wanted::Started { handle, newest_before }, false).await.map(Outcome::Watched)
}

/// Tells the active task to stop, and watches it do so.
async fn cancel(watch: &Watch<'_>, tasks: &[NativeTask]) -> Result<Native, Failure> {
    let DlqTarget { aws, dead_letters, .. } = watch.place;
    let Some(task) = tasks.iter().find(|task| task.status.is_active()) else {
        return Err(none_active(dead_letters, tasks.first()));
    };
    match &task.handle {
        Some(handle) => {
            let moved = aws.cancel_message_move_task(dead_letters, handle).await;
            let moved = moved.map_err(|error| refused(&error, dead_letters, None))?;
            watch.progress.say(&format!(
                "asked it to stop: it has moved about {moved}, which stay moved, and moves some more until it stops"
            ));
        }
        None if task.status == NativeStatus::Cancelling => {
            watch.progress.say("it was asked to stop before, and has not yet");
        }
        None => {
            return Err(Failure::environment(format!(
                "the task on {} is {}, and SQS lists no handle to cancel it by",
                dead_letters.name,
                task.status.as_str()
            )));
        }
    }
    watch.existing(task, true).await
}

/// The ARN of the queue that was named. An ARN stays as it is: it may be of a queue that cannot be looked at.
async fn destination(
    aws: &Aws,
    endpoint: Option<&str>,
    source: &QueueEvidence,
    to: Option<&str>,
) -> Result<Option<String>, Failure> {
    let arn = match to {
        None => return Ok(None),
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(named) => queue(aws, endpoint, named).await?.arn().to_owned(),
    };
    if arn == source.arn() {
        return Err(Failure::usage(format!(
            "{} is the dead-letter queue itself: its messages would be moved to where they are",
            source.name
        )));
    }
    Ok(Some(arn))
}

/// Why SQS did not start a task: where another one is active, how that is doing.
async fn not_started(watch: &Watch<'_>, error: &AwsError, destination: Option<&str>) -> Failure {
    let DlqTarget { aws, clock, dead_letters, .. } = watch.place;
    let mut failure = refused(error, dead_letters, destination);
    let is_lost = matches!(error.cause, Cause::Unreachable | Cause::Other);
    if is_lost && may_have_started(error.code.as_deref()) {
        let name = &dead_letters.name;
        failure.what.push_str("; SQS may have started the task all the same");
        failure.next = Some(format!(
            "look whether it runs with `verifier redrive --native --dlq {name} --watch` before you start another one"
        ));
        return failure;
    }
    if Refusal::of(error.code.as_deref(), &error.message) != Refusal::AlreadyActive {
        return failure;
    }
    let tasks = aws.list_message_move_tasks(dead_letters).await.unwrap_or_default();
    if let Some(task) = tasks.iter().find(|task| task.status.is_active()) {
        let now = clock.now();
        failure.what = format!(
            "{}: started {} ago, {}, it has moved {}",
            failure.what,
            age_in_words(now.since(task.started_at)),
            view::native_way(task.destination.as_deref()),
            view::native_moved(task)
        );
        if task.started_at >= watch.began_at {
            failure.what.push_str(
                "; it is probably the one that this command asked for, whose answer was lost",
            );
        }
    }
    failure
}

fn refused(error: &AwsError, source: &QueueEvidence, destination: Option<&str>) -> Failure {
    let refusal = Refusal::of(error.code.as_deref(), &error.message);
    match refusal.explain(&source.name, destination) {
        Some(explained) => Failure {
            what: explained.what,
            next: Some(explained.next),
            exit: if refusal.is_usage() { Exit::Usage } else { Exit::Inconclusive },
        },
        None => error.clone().into(),
    }
}

fn none_active(source: &QueueEvidence, last: Option<&NativeTask>) -> Failure {
    let last = match last {
        None => "SQS lists none at all".to_owned(),
        Some(task) => format!(
            "the last one is {}, having moved {}",
            task.status.as_str(),
            view::native_moved(task)
        ),
    };
    Failure {
        next: Some("start one with --native alone".to_owned()),
        ..Failure::usage(format!("no move task is active on {}: {last}", source.name))
    }
}
