//! Making a plan: looking at the letters, and freezing those that are meant.

use std::path::Path;

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::Letter;
use verifier_core::redrive::{PLAN_SCHEMA, Plan, Planned, QueueName, Terms};

use crate::dead_letters::{Place, look, stories};
use crate::failure::Failure;
use crate::files::write_whole;
use crate::interrupt::Interrupt;
use crate::view::Progress;

pub(super) async fn plan(
    place: &Place,
    to: &QueueEvidence,
    terms: Terms,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Plan, Failure> {
    progress.say(&format!("looking at {}", place.dead_letters.name));
    let look = look(place, usize::MAX, interrupt).await?;
    if let Some(why) = &look.cut_short {
        progress.say(&format!("these may not be all letters: {why}"));
    }
    progress.say(&format!(
        "{} letters in {} receives, each of which counts as one of theirs",
        look.letters.len(),
        look.receives
    ));
    let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let now = place.clock.now();
    let ids: Vec<String> = look.letters.iter().map(|letter| letter.message_id.clone()).collect();
    let since = look.letters.iter().filter_map(|letter| letter.sent_at).min().unwrap_or(now);
    let known = match stories(place, &ids, since).await {
        Some(Ok(stories)) => Some(stories),
        Some(Err(error)) => {
            progress.say(&format!("the reasons are not known: {error}"));
            None
        }
        None => None,
    };
    let reason = |letter: &Letter| {
        let reason = known.as_ref().and_then(|stories| stories.reason(&letter.message_id));
        reason.map(str::to_owned)
    };
    let of_source = |letter: &Letter| terms.is_of_source(letter);
    let meant = look.letters.iter().filter(|letter| of_source(letter)).filter_map(|letter| {
        let reason = reason(letter);
        let is_met = filter.is_met(letter, reason.as_deref(), now);
        is_met.then(|| Planned::of(letter, reason.as_deref()))
    });
    let most = terms.max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let letters = meant.take(most).collect();
    let name =
        |queue: &QueueEvidence| QueueName { arn: queue.arn().to_owned(), url: queue.url.clone() };
    Ok(Plan {
        schema: PLAN_SCHEMA.to_owned(),
        at: now,
        from: name(&place.dead_letters),
        to: name(to),
        terms: Terms { is_planned: true, ..terms },
        letters,
    })
}

pub(super) fn write(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(plan).unwrap_or_default();
    write_whole(path, &(text + "\n")).map_err(|error| {
        Failure::usage(format!("the plan {} cannot be written: {error}", path.display()))
    })
}
