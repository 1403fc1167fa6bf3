//! `verifier chaos rollback`.

use std::path::Path;

use verifier_aws::{Aws, Cause};
use verifier_chaos::{
    Refusal, Standing, Started, UndoError, UndoFound, UndoLedger, Way, still_set, way,
};
use verifier_core::check::StackResource;
use verifier_core::dead_letters::QueueArn;
use verifier_core::experiment::{LEASE_TAG, ResourceRef};

use crate::chaos::args::ChaosRollbackArgs;
use crate::chaos::live::stack::{around, profile, rollback_command};
use crate::chaos::live::undo::{Back, Undo, malformed, name, names, text, told};
use crate::chaos::rolled_back::RolledBack;
use crate::chaos::view;
use crate::report::job_summary::check_summary;
use crate::report::result::annotate_failure;
use crate::shell::args::ResultFormat;
use crate::shell::clean;
use crate::shell::clock::RunClock;
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::print::{error_line, finish};
use crate::shell::progress::Progress;

pub(super) async fn run(args: ChaosRollbackArgs) -> Result<Exit, Failure> {
    let format = args.format;
    let ended = Box::pin(roll_back(args)).await;
    ended.inspect_err(|failure| annotate_failure(format, "chaos rollback", failure))
}

async fn roll_back(args: ChaosRollbackArgs) -> Result<Exit, Failure> {
    if args.format == ResultFormat::Github {
        check_summary()?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let journal = args.journal.display().to_string();
    let ledger = match UndoLedger::read(&text(&args.journal)?) {
        Ok(ledger) => ledger,
        Err(UndoError::NotBegun) => {
            let done = RolledBack { journal, ..RolledBack::default() };
            return finish(Exit::Passed, view::print_rollback(&done, args.format));
        }
        Err(error) => return Err(malformed(&args.journal, &error)),
    };
    let started = ledger.started().cloned().ok_or_else(|| Failure::usage("no run has begun"))?;
    let mut connection = args.connection.clone();
    match connection.region.as_deref() {
        Some(asked) if asked != started.region => return Err(other_region(&started, asked)),
        _ => connection.region = Some(started.region.clone()),
    }
    let (connection, clock) = endpoint::reach(connection).await?;
    let aws = Aws::connect(&connection).await;
    if let (Some(endpoint), None) = (&started.endpoint, aws.endpoint()) {
        // AWS itself is not asked about what is on an emulator.
        return Err(Failure {
            next: Some(format!("say --endpoint-url {}", clean::word(endpoint))),
            ..Failure::usage(format!(
                "the journal is of {} at {endpoint}, and no endpoint was named",
                started.stack
            ))
        });
    }
    let options = options_of(&started, profile(&args.connection).as_deref());
    let again = rollback_command(&args.journal, &aws, &args.connection);
    let (resources, found) = look(&aws, &ledger, &started).await?;
    let mut done = RolledBack {
        journal,
        run: Some(started.run.clone()),
        stack: Some(started.stack.clone()),
        is_torn: ledger.is_torn(),
        left: ledger.left().iter().map(|(part, why)| (name(part), why.clone())).collect(),
        ..RolledBack::default()
    };
    let mut exit = Exit::Passed;
    match way(&ledger, &found) {
        Ok(Way::Nothing) => {
            if found.is_same_stack && !matches!(found.standing, Standing::Others(_)) {
                done.not_restored = still_set_parts(&aws, &ledger, &started.run).await?;
            }
            if !done.not_restored.is_empty() {
                exit = Exit::Stopped;
                done.next = Some(format!(
                    "if it is not so on purpose, set it back by hand; if this journal is a copy, go on with the run's own: {}",
                    rollback_command(Path::new("FILE"), &aws, &args.connection)
                ));
            }
        }
        Ok(Way::Restore) => {
            progress
                .say(&format!("putting {} back as it was before {}", started.stack, started.run));
            let at = (aws, clock, &progress);
            let has_lease = found.standing == Standing::Ours;
            let with = (&*args.journal, &*resources, has_lease);
            let putting = restore_saved(at, with, (&interrupt, &options), &mut done);
            if !putting.await? {
                exit = Exit::Stopped;
                done.next.get_or_insert_with(|| format!("go on with: {again}"));
            }
        }
        Err(refusal) => {
            if refusal == Refusal::UsedUp {
                let parts = still_set_parts(&aws, &ledger, &started.run).await?;
                progress.clear();
                for (part, why) in parts {
                    error_line(&format!("{part} is not as it was: {why}"));
                }
            }
            return Err(refused(&refusal, (&started, &ledger), (&again, &options)));
        }
    }
    progress.clear();
    let printed = view::print_rollback(&done, args.format);
    finish(interrupt.exit().await.unwrap_or(exit), printed)
}

/// What is there: the resources of the stack that the journal names, or what reads its queue, and whose the lease is.
async fn look(
    aws: &Aws,
    ledger: &UndoLedger,
    started: &Started,
) -> Result<(Vec<StackResource>, UndoFound), Failure> {
    let queue_url = ledger.lease_queue().ok_or_else(|| {
        Failure::usage(
            "the first line of the journal does not say which tag is the experiment lock",
        )
    })?;
    let standing = match aws.queue_tag(queue_url, LEASE_TAG).await {
        Ok(value) => Standing::of(value.as_deref(), &started.run),
        Err(error) if error.cause == Cause::NotFound => Standing::Gone,
        Err(error) => return Err(error.into()),
    };
    let found = if QueueArn::parse(&started.stack_id).is_some() {
        around_queue(aws, queue_url).await?
    } else {
        match aws.stack(&started.stack).await {
            Ok(stack) => Some((stack.id, stack.resources)),
            Err(error) if error.cause == Cause::NoSuchStack => None,
            Err(error) => return Err(error.into()),
        }
    };
    let is_same_stack = found.as_ref().is_some_and(|(id, _)| *id == started.stack_id)
        && aws.endpoint() == started.endpoint.as_deref();
    let resources = found.map(|(_, resources)| resources).unwrap_or_default();
    Ok((resources, UndoFound { standing, is_same_stack }))
}

/// The ARN of a queue of no stack, and what reads it; `None` where it is gone.
async fn around_queue(
    aws: &Aws,
    url: &str,
) -> Result<Option<(String, Vec<StackResource>)>, Failure> {
    let name = url.rsplit('/').next().unwrap_or(url);
    match aws.queue(name, url).await {
        Ok(queue) => Ok(Some((queue.arn().to_owned(), around(aws, &queue).await?))),
        Err(error) if error.cause == Cause::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The parts of which the journal says that they were restored, and that are as the run sets them: the run has gone on
/// since, after a copy of its journal was taken, or somebody means the same.
async fn still_set_parts(
    aws: &Aws,
    ledger: &UndoLedger,
    run: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for (part, saved) in ledger.restored() {
        let now = match aws.configuration(&part).await {
            Err(error) if error.cause == Cause::NotFound => continue,
            now => now?,
        };
        let set = still_set(&saved, &now);
        if !set.is_empty() {
            let set: Vec<String> = set.iter().map(ToString::to_string).collect();
            let why = format!("it was restored once, and is as {run} sets it: {}", set.join("; "));
            found.push((name(&part), why));
        }
    }
    Ok(found)
}

/// Puts back what is open, and says whether all of it is.
async fn restore_saved(
    at: (Aws, RunClock, &Progress),
    (journal, resources, has_lease): (&Path, &[StackResource], bool),
    (interrupt, options): (&Interrupt, &str),
    done: &mut RolledBack,
) -> Result<bool, Failure> {
    let mut undo = Undo::reopen(at, journal)?;
    if has_lease {
        undo.hold_lease();
    }
    let mut backs = Vec::new();
    tokio::select! {
        () = undo.restore_saved_into(&mut backs, Some(resources)) => {}
        // What is done is written down, and the rest can be done later.
        () = interrupt.asked() => {}
    }
    let open = undo.ledger().open();
    let mut is_done = open.is_empty();
    let mut not_ours = Vec::new();
    for (part, back) in backs {
        let part_name = name(&part);
        match back {
            Back::Restored(others) => {
                if !others.is_empty() {
                    done.left.push((part_name.clone(), told(&others)));
                }
                done.restored.push(part_name);
            }
            Back::Gone => done.left.push((part_name, "it is gone".to_owned())),
            Back::Contested(others) => {
                is_done = false;
                done.not_restored.push((part_name, format!("{}; it is left", told(&others))));
            }
            Back::Other => {
                let why = "it is no resource of the stack, and is left as it is";
                done.not_restored.push((part_name, why.to_owned()));
                not_ours.push(part);
            }
            Back::Failed(failure) => done.not_restored.push((part_name, failure.to_string())),
        }
    }
    let named =
        |part: &ResourceRef| done.not_restored.iter().any(|(named, _)| *named == name(part));
    let unnamed: Vec<_> = open.iter().filter(|(part, _)| !named(part)).collect();
    for (part, _) in unnamed {
        done.not_restored.push((name(part), "it was interrupted".to_owned()));
    }
    is_done &= done.not_restored.is_empty();
    if !is_done {
        let open: Vec<ResourceRef> = open.into_iter().map(|(part, _)| part).collect();
        done.next = what_next(&open, &not_ours, options);
    }
    Ok(is_done)
}

/// What to do where it does not help to begin again: when nothing is open, or nothing but what no rollback touches.
fn what_next(open: &[ResourceRef], not_ours: &[ResourceRef], options: &str) -> Option<String> {
    let is_settled = |part: &ResourceRef| {
        not_ours.contains(part) || matches!(part, ResourceRef::QueueTag { .. })
    };
    if !open.iter().all(is_settled) {
        return None;
    }
    let untag = open.iter().find_map(|part| match part {
        ResourceRef::QueueTag { queue_url, .. } => Some(untag(queue_url, options)),
        _ => None,
    });
    Some(match untag {
        None => "look whether what is left is as it should be".to_owned(),
        Some(untag) => format!("see to what is left by hand, and then remove the tag: {untag}"),
    })
}

/// The command that removes the lease's tag.
fn untag(queue_url: &str, options: &str) -> String {
    format!(
        "aws sqs untag-queue --queue-url {} --tag-keys {LEASE_TAG}{options}",
        clean::word(queue_url)
    )
}

/// The options of AWS's command line by which it asks where the run was.
fn options_of(started: &Started, profile: Option<&str>) -> String {
    let options = [
        ("--region", Some(started.region.as_str())),
        ("--endpoint-url", started.endpoint.as_deref()),
        ("--profile", profile),
    ];
    let mut given = String::new();
    for (option, value) in options {
        if let Some(value) = value {
            given.extend([" ", option, " ", &clean::word(value)]);
        }
    }
    given
}

fn other_region(started: &Started, asked: &str) -> Failure {
    Failure {
        next: Some("leave --region out".to_owned()),
        ..Failure::usage(format!(
            "the journal is of {} in {}, and not in {asked}",
            started.stack, started.region
        ))
    }
}

/// Why nothing is restored, and what to do.
fn refused(
    refusal: &Refusal,
    (started, ledger): (&Started, &UndoLedger),
    (again, options): (&str, &str),
) -> Failure {
    let Started { run, stack, stack_id, region, endpoint, .. } = started;
    let queue_url = ledger.lease_queue().unwrap_or_default();
    let (what, next, exit) = match refusal {
        Refusal::Cut(missing) => {
            let covered: Vec<ResourceRef> =
                ledger.open().into_iter().map(|(part, _)| part).collect();
            let covered = if covered.is_empty() { "nothing".to_owned() } else { names(&covered) };
            (
                format!(
                    "the journal is cut: it reports {covered}, and not how these were before {run}: {}",
                    names(missing)
                ),
                format!(
                    "take the whole journal; without one, set all of these back by hand, and remove the tag: {}",
                    untag(queue_url, options)
                ),
                Exit::Usage,
            )
        }
        Refusal::UsedUp => (
            format!(
                "by the journal everything is restored, but the tag {LEASE_TAG} of {queue_url} still names {run}: that is another stack than the one that was restored, or the tag was set again"
            ),
            format!(
                "look whether {stack} is changed; if it is not, remove the tag: {}",
                untag(queue_url, options)
            ),
            Exit::Stopped,
        ),
        Refusal::Unleased => (
            format!(
                "the tag {LEASE_TAG} of {queue_url} does not name {run}: it was removed, or that is another stack than the one that was changed"
            ),
            format!(
                "if it is the one and still changed, set the tag again (aws sqs tag-queue --queue-url {} --tags '{}'{options}) and go on: {again}",
                clean::word(queue_url),
                serde_json::json!({LEASE_TAG: ledger.lease().unwrap_or_default()})
            ),
            Exit::Stopped,
        ),
        Refusal::Taken(value) => (
            format!(
                "another experiment has {stack} by now (the tag {LEASE_TAG} of {queue_url} says {value}), so nothing of {run} is restored"
            ),
            "put that one back first, by its own journal".to_owned(),
            Exit::Stopped,
        ),
        Refusal::Elsewhere => {
            let place = endpoint.as_ref().map_or_else(String::new, |url| format!(" at {url}"));
            (
                format!(
                    "there is no {stack} here that {run} has changed: that was {stack_id} in {region}{place}"
                ),
                "go where that one is (--endpoint-url, --profile); if it was deleted, nothing of it is left to restore, and the journal can go"
                    .to_owned(),
                Exit::Usage,
            )
        }
    };
    Failure { what, next: Some(next), exit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_begun_again_only_where_that_helps() {
        let tag = ResourceRef::QueueTag { queue_url: "http://h/0/q".into(), key: LEASE_TAG.into() };
        let (own, other) =
            (ResourceRef::Mapping { uuid: "m".into() }, ResourceRef::Mapping { uuid: "n".into() });
        let not_ours = [other.clone()];
        assert_eq!(what_next(&[own.clone(), tag.clone()], &not_ours, ""), None);
        assert_eq!(what_next(&[own, other.clone(), tag.clone()], &not_ours, ""), None);
        let next = what_next(&[other, tag], &not_ours, " --region r").unwrap();
        assert!(next.ends_with("--queue-url http://h/0/q --tag-keys verifier:chaos --region r"));
        assert!(!what_next(&[], &[], "").unwrap().contains("untag"));
    }
}
