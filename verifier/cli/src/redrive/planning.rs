//! Making a plan: looking at the messages, and freezing those that are meant.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use verifier_core::dead_letters::{Cause, DeadLetter};
use verifier_core::redrive::{PLAN_SCHEMA, Plan, Planned, Preview, Route, Terms, check_size};

use super::destination::Destination;
use super::originals::Rewrite;
use super::queues::{name_of, name_of_all};
use crate::dlq::{DlqTarget, Log, Selection, Spool, see};
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Readers};
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// Of how many messages a plan shows what a patch does.
const PREVIEWED: usize = 3;

pub(super) async fn plan(
    place: &DlqTarget,
    destinations: &[Destination],
    terms: Terms,
    wait: Duration,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Plan, Failure> {
    progress.say(&format!("looking at {}", place.dead_letters.name));
    let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let needs_reasons = filter.needs_reasons();
    // How many are wanted is counted below, of those that came from the queue that is meant.
    let seen = see(
        place,
        &Selection { filter, max: None, wait },
        true,
        Some(Spool::new()),
        interrupt,
        progress,
    )
    .await?;
    match &seen.told.log {
        Log::Unreadable { why, .. } if needs_reasons => {
            return Err(Failure::environment(format!(
                "the filter needs to know why messages failed, and the log does not tell: {why}"
            )));
        }
        Log::Unreadable { why, .. } => {
            progress.say(&format!("the reasons are not known: {why}"));
        }
        _ => {}
    }
    if let Some(why) = &seen.incomplete {
        progress.say(&format!("these may not be all messages: {why}"));
    }
    progress.say(&format!(
        "{} messages in {} receives, each of which counts as one of theirs",
        seen.looked_at, seen.receives
    ));
    let to = name_of_all(destinations, &terms);
    let most = terms.max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let rewrite = Rewrite::of(&terms)?;
    let mut messages = Vec::new();
    let mut left_out: BTreeMap<String, String> =
        seen.left_out.iter().map(|(id, cause)| (id.clone(), not_told(id, cause))).collect();
    let mut preview = Vec::new();
    for head in &seen.messages {
        if !rewrite.is_selected(head) {
            continue;
        }
        let message = &seen.whole(head)?;
        match terms.route(message) {
            Route::To(_) if terms.too_often(message).is_some() => {
                let why = terms.too_often(message).unwrap_or_default();
                left_out.insert(message.message_id.clone(), why);
            }
            Route::To(number) if messages.len() < most => {
                match changed(&rewrite, &terms, message, destinations.get(number)) {
                    Ok(change) => {
                        messages.push(Planned::of(message, &seen.cause(message)));
                        preview.extend(change.filter(|_| preview.len() < PREVIEWED));
                    }
                    Err(why) => drop(left_out.insert(message.message_id.clone(), why)),
                }
            }
            Route::Unknown(why) => drop(left_out.insert(message.message_id.clone(), why)),
            Route::To(_) | Route::Other => {}
        }
    }
    let moved_on = place.moved_on().await;
    let parts: Vec<String> = seen.incomplete.into_iter().chain(moved_on).collect();
    let incomplete_because = (!parts.is_empty()).then(|| parts.join("; "));
    Ok(Plan {
        schema: PLAN_SCHEMA.to_owned(),
        at: seen.at,
        from: name_of(&place.dead_letters),
        to,
        terms: Terms { is_planned: true, ..terms },
        messages,
        left_out,
        preview,
        looked_at: seen.looked_at as u64,
        in_flight: seen.unreached.in_flight,
        not_reachable: seen.unreached.behind,
        incomplete_because,
    })
}

/// Why a message stays that a reason would select which is not told.
pub(super) fn not_told(id: &str, cause: &Cause) -> String {
    let reason = cause.untold();
    format!(
        "its reason is not told ({reason}), and selects nothing: if it is meant, choose it by --filter \"messageId == '{id}'\""
    )
}

/// What is changed of the body of a message, or of its event where a function is invoked. What the destination would not take since
/// it is too large stays.
fn changed(
    rewrite: &Rewrite,
    terms: &Terms,
    message: &DeadLetter,
    to: Option<&Destination>,
) -> Result<Option<Preview>, String> {
    let before = terms.patchable(message)?;
    let after = rewrite.apply(&before)?;
    if let Some(to) = to {
        let sent = after.as_ref().unwrap_or(&before);
        let bytes = if terms.function.is_some() { sent.body.len() } else { sent.size_bytes() };
        check_size(bytes, to.bytes_max(), to.arn())?;
    }
    let after = after.filter(|after| after.body != before.body);
    Ok(after.map(|after| Preview {
        message_id: message.message_id.clone(),
        before: before.body,
        after: after.body,
    }))
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
    // The look at the queue took a while, in which something else may have come there.
    check(path)?;
    let is_new = !files::is_there(path);
    let written = if is_new {
        files::write_new(path, text.as_bytes(), Readers::User)
    } else {
        files::write_private(path, text.as_bytes())
    };
    written.map_err(|error| files::failed("plan", path, &error))
}
