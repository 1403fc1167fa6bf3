//! What a native redrive is asked for, and what it cannot be asked for.

use std::time::Duration;

use verifier_core::redrive::REDRIVES_MAX;
use verifier_model::sqs::MOVE_RATE_MAX;

use crate::dlq::args::FilterArgs;
use crate::redrive::args::RedriveArgs;
use crate::shell::args::ResultFormat;
use crate::shell::ask::can_ask;
use crate::shell::failure::Failure;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A task is to be started and watched.
    Start,
    /// The active one is to be watched.
    Watch,
    /// The active one is to be cancelled.
    Cancel,
}

/// How.
pub(super) struct NativeTerms {
    pub(super) what: What,
    pub(super) to: Option<String>,
    pub(super) rate: Option<u32>,
    pub(super) yes: bool,
    pub(super) dry_run: bool,
    pub(super) deadline: Option<Duration>,
    pub(super) format: ResultFormat,
}

/// The terms. Everything that is wrong is told before anything is asked of AWS.
pub(super) fn of(args: &RedriveArgs) -> Result<NativeTerms, Failure> {
    if let Some(option) = unsuitable(args) {
        return Err(Failure {
            next: Some(format!(
                "leave {option} out, or leave --native out: the verifier then moves the messages itself"
            )),
            ..Failure::usage(format!(
                "{option} means nothing to --native: SQS moves all messages, and knows no filter, no steps and no journal"
            ))
        });
    }
    if let Some(rate) = args.pace.rate.filter(|rate| *rate > MOVE_RATE_MAX) {
        return Err(Failure {
            next: Some(format!("say --rate {MOVE_RATE_MAX} or less, or leave --native out")),
            ..Failure::usage(format!(
                "--rate {rate} is more than SQS does: a native redrive moves at most {MOVE_RATE_MAX} messages in a second"
            ))
        });
    }
    let what = match (args.native.watch, args.native.cancel) {
        (true, _) => What::Watch,
        (_, true) => What::Cancel,
        _ => What::Start,
    };
    if what == What::Start && !args.yes && !args.dry_run && !can_ask() {
        return Err(Failure {
            next: Some("look at it with --dry-run, then pass --yes".to_owned()),
            ..Failure::usage("confirmation needed and stdin is not a terminal")
        });
    }
    Ok(NativeTerms {
        what,
        to: args.to.to.clone(),
        rate: args.pace.rate,
        yes: args.yes,
        dry_run: args.dry_run,
        deadline: args.pace.deadline,
        format: args.format,
    })
}

/// The first option that was given and that SQS knows nothing like.
fn unsuitable(args: &RedriveArgs) -> Option<&'static str> {
    // A redrive does not wait by itself for what others hold, and neither does SQS.
    let FilterArgs { filter, older_than, newer_than, receives, reason, max, wait: _ } =
        &args.messages;
    let given = [
        ("--filter", filter.is_some()),
        ("--older-than", older_than.is_some()),
        ("--newer-than", newer_than.is_some()),
        ("--receives", receives.is_some()),
        ("--reason", reason.is_some()),
        ("--max", max.is_some()),
        ("--queue", args.place.queue.is_some()),
        ("--to-stack", args.to.to_stack.is_some()),
        ("--to-source", args.to.to_source),
        ("--to-function", args.to.to_function.is_some()),
        ("--to-region", args.to.to_region.is_some()),
        ("--to-profile", args.to.to_profile.is_some()),
        ("--plan-only", args.plan_only.is_some()),
        ("--execute", args.execute.is_some()),
        ("--resume", args.resume.is_some()),
        ("--canary", !args.pace.canary.is_empty()),
        ("--no-canary", args.pace.no_canary),
        ("--stop-after", args.pace.stop_after != 1),
        ("--concurrency", args.pace.concurrency.is_some()),
        ("--patch", args.patch.is_some()),
        ("--set-attribute", !args.set_attribute.is_empty()),
        ("--remove-attribute", !args.remove_attribute.is_empty()),
        ("--redrives-max", args.count.redrives_max != REDRIVES_MAX),
        ("--no-count", args.count.no_count),
        ("--reason-note", args.reason_note.is_some()),
        ("--journal", args.journal.is_some()),
    ];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
}
