//! `verifier dlq show ID`.

use std::collections::BTreeMap;

use verifier_core::dead_letters::{Unreached, service_counts, source_counts};

use super::Started;
use crate::dlq::args::DlqShowArgs;
use crate::dlq::view;
use crate::dlq::{DlqTarget, Keeps, Looking, Seen, Spool, lines_of_requests, look_with, tell};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;

pub(crate) async fn run(args: DlqShowArgs) -> Result<Exit, Failure> {
    let started = Started::at(args.place).await?;
    started.progress.say(&format!("looking for {}", args.id));
    let looking = Looking {
        most: usize::MAX,
        sought: Some(&args.id),
        wait: args.wait.unwrap_or_default(),
        progress: &started.progress,
    };
    let found = find(&started.place, &args.id, &looking, &started.interrupt).await;
    let mut seen = match found {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            started.progress.clear();
            return started.end(true, Ok(())).await;
        }
        Err(failure) => {
            started.progress.clear();
            return Err(failure);
        }
    };
    let lines = requests(&started.place, &seen, &started.interrupt).await;
    seen.calls = started.place.aws.calls().counts();
    started.progress.clear();
    let source = started.place.source.as_ref().map(|queue| queue.name.as_str());
    let printed = view::print_story(&seen, &lines, source, args.format);
    started.end(!seen.not_released.is_empty(), printed).await
}

/// The message with that id, and what the log reports it; `None` where the process was asked to stop before.
async fn find(
    place: &DlqTarget,
    id: &str,
    looking: &Looking<'_>,
    interrupt: &Interrupt,
) -> Result<Option<Seen>, Failure> {
    let look = look_with(place, looking, Keeps::Spooled(Spool::new()), interrupt).await?;
    let looked_at = look.messages.len();
    let mut messages = Vec::new();
    if let (Some(head), Keeps::Spooled(spool)) =
        (look.messages.iter().find(|message| message.message_id == id), &look.keeps)
    {
        messages.push(spool.whole(head)?);
    }
    if messages.is_empty() {
        if interrupt.is_asked() {
            return Ok(None);
        }
        return Err(not_found(place, id, looked_at, look.cut_short));
    }
    let told = tell(place, &messages, interrupt).await;
    Ok(Some(Seen {
        queue: place.dead_letters.name.clone(),
        queue_arn: place.dead_letters.arn().to_owned(),
        sources: source_counts(&messages),
        services: service_counts(&messages),
        selected_source: None,
        at: place.clock.now(),
        retention: place.retention(),
        messages,
        left_out: Vec::new(),
        keeps: Keeps::Whole,
        told,
        looked_at,
        receives: look.receives,
        counts: look.counts,
        calls: place.aws.calls().counts(),
        incomplete: None,
        unreached: Unreached::default(),
        not_released: look.not_released,
    }))
}

fn not_found(place: &DlqTarget, id: &str, looked_at: usize, cut_short: Option<String>) -> Failure {
    let queue = &place.dead_letters.name;
    let what = format!("no message {id} is among the {looked_at} that were seen in {queue}");
    let failure = match cut_short {
        None => Failure::usage(what),
        Some(why) => Failure::environment(format!("{what}; there may be more: {why}")),
    };
    let next = "see with `verifier dlq list` what is there; another may hold it just now";
    Failure { next: Some(next.to_owned()), ..failure }
}

/// The lines of each invocation that tried. What cannot be read is left out: the attempts themselves are known.
async fn requests(
    place: &DlqTarget,
    seen: &Seen,
    interrupt: &Interrupt,
) -> BTreeMap<String, Vec<String>> {
    let Some(message) = seen.messages.first() else {
        return BTreeMap::new();
    };
    let id = &message.message_id;
    let tries = seen.told.attempt_log.tries(id);
    let mut ids: Vec<String> =
        tries.into_iter().filter_map(|attempt| attempt.request_id.clone()).collect();
    ids.dedup();
    let since = message.sent_at.unwrap_or_default();
    tokio::select! {
        lines = lines_of_requests(place, message, &ids, since) => lines.and_then(Result::ok).unwrap_or_default(),
        () = interrupt.asked() => BTreeMap::new(),
    }
}
