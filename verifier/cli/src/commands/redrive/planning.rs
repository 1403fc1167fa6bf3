//! Making a plan: looking at the letters, and freezing those that are meant.

use std::io;
use std::path::Path;

use verifier_core::check::QueueEvidence;
use verifier_core::redrive::{PLAN_SCHEMA, Plan, Planned, Terms};

use super::name_of;
use crate::clean;
use crate::dead_letters::{Log, Place, Selection, see};
use crate::failure::Failure;
use crate::files;
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
    let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let needs_reasons = filter.needs_reasons();
    // How many are wanted is counted below, of those that came from the queue that is meant.
    let seen = see(place, &Selection { filter, max: None }, true, interrupt).await?;
    match &seen.told.log {
        Log::Unreadable { why, .. } if needs_reasons => {
            return Err(Failure::environment(format!(
                "the filter needs to know why letters died, and the log does not tell: {why}"
            )));
        }
        Log::Unreadable { why, .. } => {
            progress.say(&format!("the reasons are not known: {why}"));
        }
        _ => {}
    }
    if let Some(why) = &seen.incomplete {
        progress.say(&format!("these may not be all letters: {why}"));
    }
    progress.say(&format!(
        "{} letters in {} receives, each of which counts as one of theirs",
        seen.looked_at, seen.receives
    ));
    let most = terms.max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let of_source = seen.letters.iter().filter(|letter| terms.is_of_source(letter));
    let letters =
        of_source.take(most).map(|letter| Planned::of(letter, seen.reason(letter))).collect();
    Ok(Plan {
        schema: PLAN_SCHEMA.to_owned(),
        at: seen.at,
        from: name_of(&place.dead_letters),
        to: name_of(to),
        terms: Terms { is_planned: true, ..terms },
        letters,
    })
}

/// Fails where a plan cannot be written, before anything is looked at. What is there is only replaced if it is a plan, too, or
/// empty.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let there = if files::is_special(path) { String::new() } else { read(path)? };
    if !there.is_empty() && Plan::read(&there).is_err() {
        let error = io::ErrorKind::AlreadyExists.into();
        return Err(files::failed("file", path, &error));
    }
    files::check(path).map_err(|error| files::failed("plan", path, &error))
}

fn read(path: &Path) -> Result<String, Failure> {
    match files::read_plan(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(files::failed("plan", path, &error)),
    }
}

/// Writes a plan, which names messages and why they failed.
pub(super) fn write(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let text = clean::json(&serde_json::to_string_pretty(plan).unwrap_or_default()) + "\n";
    let written = files::write_private(path, text.as_bytes());
    written.map_err(|error| files::failed("plan", path, &error))
}
