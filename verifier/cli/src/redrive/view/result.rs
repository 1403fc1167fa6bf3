//! A redrive's plan and result.

use std::io::{self, Write};

use serde_json::{Value, json};
use verifier_core::check::whole_seconds;
use verifier_core::dead_letters::queue_label;
use verifier_core::redrive::{
    Accounting, Bounce, Done, Entry, Failing, FunctionTarget, Ledger, Plan, REDRIVES_ATTRIBUTE,
    Unwritten,
};
use verifier_model::time::Timestamp;

use crate::redrive::ended::{Declined, Ended};
use crate::report::github::Note;
use crate::report::words::iso;
use crate::shell::clean;

/// How many messages are named one by one.
const NAMED: usize = 10;

/// The queue or the function that messages are sent to, for people.
pub(crate) fn destination(arn: &str) -> String {
    match arn {
        "" => "the queues that they came from".to_owned(),
        arn if FunctionTarget::is_function(arn) => format!("the function {arn}"),
        arn => queue_label(arn),
    }
}

/// How much of what a patch does to a message is shown.
const DIFF_LINES_MAX: usize = 20;
const DIFF_CHARS_MAX: usize = 2000;

/// What a redrive came to, for people.
pub(super) fn human(ended: &Ended, out: &mut dyn Write) -> io::Result<()> {
    match &ended.stopped {
        None => writeln!(out, "the redrive is done")?,
        Some(why) => writeln!(out, "the redrive stopped: {}", clean::line(why))?,
    }
    if let Some(Entry::Started { from, to, .. }) = ended.ledger.started() {
        let (from, to) = (queue_label(&from.arn), destination(&to.arn));
        writeln!(out, "  {} to {}", clean::line(&from), clean::line(&to))?;
    }
    table(&ended.accounting, &ended.ledger, &Left::Counted(ended.accounting.left), out)?;
    named(&ended.ledger, out)?;
    let mut unwritten = ended.unwritten.iter().peekable();
    if unwritten.peek().is_some() {
        // All of them: nothing else tells.
        writeln!(out, "\nnot in the journal, which could not be written:")?;
    }
    for (id, done) in unwritten {
        writeln!(out, "  {}: {}", clean::line(id), clean::line(&done.in_words()))?;
    }
    if ended.stopped.is_some() || !ended.accounting.is_clean() {
        writeln!(out, "\ngo on with: {}", go_on(&ended.journal))?;
    } else {
        writeln!(out, "\njournal: {}", clean::line(&ended.journal))?;
    }
    Ok(())
}

fn table(
    accounting: &Accounting,
    ledger: &Ledger,
    left: &Left,
    out: &mut dyn Write,
) -> io::Result<()> {
    let by_absence = match accounting.succeeded_by_absence {
        0 => String::new(),
        count => format!("of {count} only that is known: they did not come back"),
    };
    let rows = [
        ("replayed", accounting.replayed, String::new()),
        ("succeeded", accounting.succeeded, by_absence),
        ("bounced", accounting.bounced, by_failing(ledger)),
        ("unknown", accounting.unknown, unseen(ledger)),
        (
            "unconfirmed",
            accounting.unconfirmed,
            "no answer said whether they arrived: they may have, and stay where they are"
                .to_owned(),
        ),
        ("not sent", accounting.not_sent, "they stay where they are".to_owned()),
        (
            "not reached",
            accounting.not_reached,
            "they are planned, and nothing was done with them yet".to_owned(),
        ),
        ("changed", accounting.changed, "they are not what was planned, and stay".to_owned()),
        (
            "out of order",
            accounting.out_of_order,
            "they were sent before one of their group that was not".to_owned(),
        ),
        ("missing", accounting.missing, "they were planned, and not there any more".to_owned()),
        (
            "not deleted",
            accounting.not_deleted,
            "they were sent, and may still be there".to_owned(),
        ),
        ("ambiguous", accounting.ambiguous, "they may have been sent more than once".to_owned()),
    ];
    let always = ["replayed", "succeeded", "bounced", "unknown"];
    for (name, count, remark) in rows {
        if count > 0 || always.contains(&name) {
            let remark = if count > 0 { remark } else { String::new() };
            writeln!(out, "{}", format!("  {name:<12}{count:>9}  {remark}").trim_end())?;
        }
    }
    match left {
        Left::Counted(0) => writeln!(out, "  {:<12}{:>9}", "left", 0),
        Left::Counted(count) => {
            writeln!(out, "  {:<12}{count:>9}  in the dead-letter queue, by its count", "left")
        }
        Left::NotAsked { at_end: Some(count) } => {
            writeln!(out, "  {:<12}not asked; {count} when it ended (ask with --live)", "left")
        }
        Left::NotAsked { at_end: None } => {
            writeln!(out, "  {:<12}not asked (ask with --live)", "left")
        }
    }
}

/// That nobody has looked what became of messages, where no step did.
fn unseen(ledger: &Ledger) -> String {
    let has_ramp = match ledger.started() {
        Some(Entry::Started { terms, .. }) => !terms.steps.is_empty(),
        _ => true,
    };
    if has_ramp || !ledger.may_have_unseen_bounces() {
        return String::new();
    }
    "what came back of them is looked for by --resume (with --retry-bounced it is sent again)"
        .to_owned()
}

/// How many messages are left in the dead-letter queue.
pub(crate) enum Left {
    /// So many, by the queue's count just now.
    Counted(u64),
    /// The queue was not asked; the journal says how many were left when it ended, where it has.
    NotAsked { at_end: Option<u64> },
}

fn named(ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    let not_sent = ledger.not_sent().iter().map(|(id, why)| format!("{id}: {why}"));
    let bounced = ledger.bounced().values().map(bounce);
    let undeleted = ledger.undeleted().iter().map(|(from, to)| format!("{from}, sent as {to}"));
    let ambiguous = ledger.ambiguous();
    let ambiguous = ambiguous.iter().map(|(id, times)| format!("{id}: up to {times} times"));
    let changed = ledger.changed().iter().cloned();
    let unconfirmed =
        ledger.unconfirmed().iter().map(|(id, times)| format!("{id}: up to {times} times"));
    for (title, ids) in [
        ("bounced", bounced.collect::<Vec<_>>()),
        ("not sent", not_sent.collect()),
        ("may have arrived", unconfirmed.collect()),
        ("changed", changed.collect()),
        ("sent without their trace header", ledger.trace_lost().iter().cloned().collect()),
        ("out of order", ledger.out_of_order().iter().cloned().collect()),
        ("not deleted", undeleted.collect()),
        ("may have been sent more than once", ambiguous.collect()),
    ] {
        if ids.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}:")?;
        for id in ids.iter().take(NAMED) {
            writeln!(out, "  {}", clean::line(id))?;
        }
        if ids.len() > NAMED {
            writeln!(out, "  and {} more, which the journal names", ids.len() - NAMED)?;
        }
    }
    Ok(())
}

/// A message that failed again, and how that compares with the time before.
fn bounce(bounce: &Bounce) -> String {
    format!("{}, sent as {}{}", bounce.from, bounce.to, bounce_in_words(bounce))
}

/// How a failure compares with the one before.
pub(super) fn bounce_in_words(bounce: &Bounce) -> String {
    let Bounce { from: _, to: _, old_reason, reason, is_old_reason_inferred, is_reason_inferred } =
        bounce;
    let quoted = |reason: &Option<String>, is_inferred: bool| {
        let mark = if is_inferred { " (inferred)" } else { "" };
        format!("{}{mark}", reason.as_deref().unwrap_or_default())
    };
    let (old, new) =
        (quoted(old_reason, *is_old_reason_inferred), quoted(reason, *is_reason_inferred));
    match (bounce.failing(), reason, old_reason) {
        (Failing::SameCause, ..) => format!(": same cause, {new}"),
        (Failing::NewCause, ..) => format!(": new cause, {new}; before it was {old}"),
        (Failing::Unknown, Some(_), _) => format!(": {new}; the cause before is not known"),
        (Failing::Unknown, None, Some(_)) => {
            format!(": for a reason that is not known; before it was {old}")
        }
        (Failing::Unknown, None, None) => ": for a reason that is not known".to_owned(),
    }
}

fn bounce_json(bounce: &Bounce) -> Value {
    let Bounce { from, to, old_reason, reason, is_old_reason_inferred, is_reason_inferred } =
        bounce;
    json!({
        "from": from,
        "to": to,
        "oldReason": old_reason,
        "isOldReasonInferred": is_old_reason_inferred,
        "reason": reason,
        "isReasonInferred": is_reason_inferred,
        "failing": bounce.failing(),
    })
}

/// How many failed with the same cause and how many with a new one, where something bounced.
fn by_failing(ledger: &Ledger) -> String {
    let is_known = |bounce: &Bounce| bounce.reason.is_some();
    let count = |failing, known: Option<bool>| {
        let is_it = |each: &&Bounce| {
            each.failing() == failing && known.is_none_or(|known| is_known(each) == known)
        };
        ledger.bounced().values().filter(is_it).count()
    };
    let counts = [
        (count(Failing::SameCause, None), "same cause"),
        (count(Failing::NewCause, None), "new cause"),
        (count(Failing::Unknown, Some(true)), "whose cause before is not known"),
        (count(Failing::Unknown, Some(false)), "for a reason that is not known"),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, how)| format!("{count} {how}")).collect::<Vec<_>>().join(", ")
}

/// What a redrive came to, for programs.
pub(super) fn json(ended: &Ended) -> Value {
    let mut value = of_ledger(&ended.ledger, &ended.journal);
    value["schema"] = "verifier.redrive/1".into();
    value["stopped"] = json!(ended.stopped);
    value["accounting"] = json!(ended.accounting);
    value["awsCalls"] = json!(ended.calls);
    let unwritten = ended.unwritten.iter().map(|(id, done)| {
        let done = json!({"sentAs": done.sent_as, "isDeleted": done.is_deleted});
        (id.to_owned(), done)
    });
    value["notInJournal"] = Value::Object(unwritten.collect());
    value
}

/// That nothing was sent, for programs.
pub(super) fn declined_json(declined: &Declined, why: &str) -> Value {
    let mut value = of_ledger(&Ledger::default(), "");
    value["schema"] = "verifier.redrive/1".into();
    value["journal"] = Value::Null;
    value["from"] = declined.from.as_str().into();
    value["to"] = declined.to.as_str().into();
    value["stopped"] = format!("{why}; nothing was sent").into();
    value["accounting"] = json!(Accounting { left: declined.planned, ..Accounting::default() });
    value["awsCalls"] = json!({});
    value
}

/// What a journal tells, for programs.
pub(super) fn status_json(ledger: &Ledger, journal: &str, left: &Left) -> Value {
    let mut value = of_ledger(ledger, journal);
    value["schema"] = "verifier.redrive.status/1".into();
    value["hasEnded"] = ledger.has_ended().into();
    value["stopped"] = json!(ledger.stopped());
    value["leftAtEnd"] = json!(ledger.left_at_end());
    value["left"] = match left {
        Left::Counted(count) => json!(count),
        Left::NotAsked { .. } => Value::Null,
    };
    let resume = ledger.may_go_on().then(|| go_on(journal));
    value["resume"] = json!(resume);
    value["accounting"] = json!(ledger.accounting(0));
    if let Some(counts) = value["accounting"].as_object_mut() {
        // The journal does not know it.
        counts.remove("left");
    }
    value
}

/// The command by which a redrive goes on.
fn go_on(journal: &str) -> String {
    format!("verifier redrive --resume {}", clean::word(journal))
}

fn of_ledger(ledger: &Ledger, journal: &str) -> Value {
    let (from, to, who, why, at, sources) = match ledger.started() {
        Some(Entry::Started { from, to, who, why, at, terms, .. }) => {
            let sources: Vec<String> =
                terms.sources.iter().map(|queue| queue.arn.clone()).collect();
            (from.arn.clone(), to.arn.clone(), who.clone(), why.clone(), Some(*at), sources)
        }
        _ => Default::default(),
    };
    let bounced: Vec<Value> = ledger.bounced().values().map(bounce_json).collect();
    json!({
        "journal": journal,
        "from": from,
        "to": to,
        "toSources": sources,
        "who": who,
        "why": why,
        "startedAt": at.map(iso),
        "bounced": bounced,
        "notSent": ledger.not_sent(),
        "unconfirmed": ledger.unconfirmed(),
        "notDeleted": ledger.undeleted(),
        "changed": ledger.changed(),
        "outOfOrder": ledger.out_of_order(),
        "traceLost": ledger.trace_lost(),
        "ambiguous": ledger.ambiguous().keys().collect::<Vec<_>>(),
    })
}

/// What a journal tells, for people.
pub(super) fn status(
    ledger: &Ledger,
    journal: &str,
    left: &Left,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(Entry::Started { redrive, from, to, who, why, .. }) = ledger.started() {
        let (from, to) = (queue_label(&from.arn), destination(&to.arn));
        let headline = format!("{redrive}: {from} to {to}, by {who}");
        writeln!(out, "{}", clean::line(&headline))?;
        if let Some(why) = why {
            writeln!(out, "because: {}", clean::line(why))?;
        }
    }
    match (ledger.has_ended(), ledger.stopped()) {
        (false, _) => writeln!(out, "it was killed, or goes on")?,
        (true, None) => writeln!(out, "it has ended")?,
        (true, Some(why)) => writeln!(out, "it stopped: {}", clean::line(why))?,
    }
    table(&ledger.accounting(0), ledger, left, out)?;
    named(ledger, out)?;
    if ledger.may_go_on() {
        writeln!(out, "\ngo on with: {}", go_on(journal))?;
    }
    Ok(())
}

/// A plan, for people.
pub(super) fn plan(plan: &Plan, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let bytes: usize = plan.messages.iter().map(|message| message.size_bytes).sum();
    writeln!(
        out,
        "{} messages ({bytes} bytes) of {} would be sent to {}",
        plan.messages.len(),
        clean::line(&queue_label(&plan.from.arn)),
        clean::line(&destination(&plan.to.arn))
    )?;
    for (source, count) in plan.sources() {
        let source = source.map_or("no queue that they name".to_owned(), queue_label);
        writeln!(out, "  {count:>6}  came from {}", clean::line(&source))?;
    }
    for (id, why) in plan.left_out.iter().take(NAMED) {
        writeln!(out, "  stays: {}: {}", clean::line(id), clean::line(why))?;
    }
    if plan.left_out.len() > NAMED {
        writeln!(out, "  and {} more stay for such a reason", plan.left_out.len() - NAMED)?;
    }
    if let Some(why) = &plan.incomplete_because {
        writeln!(out, "there may be more: {}", clean::line(why))?;
    }
    if let Some(oldest) = plan.messages.iter().filter_map(|message| message.sent_at).min() {
        writeln!(out, "the oldest was sent {} s ago", whole_seconds(now.since(oldest)))?;
    }
    for (cause, count) in plan.causes() {
        let cause = match cause.reason() {
            Some(_) => cause.in_words(),
            None => "reason not known".to_owned(),
        };
        writeln!(out, "  {count:>6}  {}", clean::line(&cause))?;
    }
    for preview in &plan.preview {
        let what = if plan.terms.undone.is_some() { "original" } else { "patch" };
        writeln!(out, "the {what} of {}:", clean::line(&preview.message_id))?;
        for line in preview.diff().iter().take(DIFF_LINES_MAX) {
            let cut = line.chars().nth(DIFF_CHARS_MAX).is_some();
            let line: String = line.chars().take(DIFF_CHARS_MAX).collect();
            writeln!(out, "  {}{}", clean::line(&line), if cut { "…" } else { "" })?;
        }
    }
    for (name, value) in &plan.terms.attributes {
        match value {
            Some(value) => {
                writeln!(out, "the attribute {name} is set to {}", clean::line(value))?;
            }
            None => writeln!(out, "the attribute {name} is removed")?,
        }
    }
    if plan.terms.counts_redrives {
        let what = "each copy says in its attribute";
        writeln!(out, "{what} {REDRIVES_ATTRIBUTE} how often it was redriven (--no-count)")?;
    }
    let steps = &plan.terms.steps;
    if steps.is_empty() {
        writeln!(out, "all at once (--no-canary)")
    } else {
        let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "in steps of {} and then twice as many each; {} that fail again stop it",
            steps.join(", "),
            plan.terms.stop_after
        )
    }
}

/// What the journal lacks: nothing else tells of it.
pub(super) fn unwritten_notes(unwritten: &Unwritten) -> impl Iterator<Item = Note> {
    let note = |(id, done): (&str, &Done)| {
        Note::error(
            "not in the journal, which could not be written",
            &format!("{id}: {}", done.in_words()),
        )
    };
    unwritten.iter().map(note)
}

/// What needs attention: that it stopped, and each message that did not end well.
pub(super) fn notes(stopped: Option<&str>, ledger: &Ledger) -> Vec<Note> {
    let stopped = stopped.map(|why| Note::error("the redrive stopped", why));
    let bounced = ledger.bounced().values().map(|each| Note::error("bounced", &bounce(each)));
    let not_sent = ledger.not_sent().iter();
    let not_sent = not_sent.map(|(id, why)| Note::error("not sent", &format!("{id}: {why}")));
    let undeleted = ledger.undeleted().iter();
    let undeleted =
        undeleted.map(|(from, to)| Note::warning("not deleted", &format!("{from}, sent as {to}")));
    let ambiguous = ledger.ambiguous();
    let ambiguous =
        ambiguous.into_keys().map(|id| Note::warning("may have been sent more than once", id));
    stopped.into_iter().chain(bounced).chain(not_sent).chain(undeleted).chain(ambiguous).collect()
}
