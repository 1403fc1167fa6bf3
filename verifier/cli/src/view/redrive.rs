//! A redrive's plan and result.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};
use verifier_core::check::whole_seconds;
use verifier_core::dead_letters::queue_label;
use verifier_core::redrive::{Accounting, Bounce, Entry, Failing, Ledger, Plan};
use verifier_core::time::Timestamp;

use super::github::Note;
use super::words::iso;
use crate::clean;
use crate::output::tell;
use crate::redrive::Ended;

/// How many letters are named one by one.
const NAMED: usize = 10;

/// The queue that letters are sent to.
fn destination(arn: &str) -> String {
    if arn.is_empty() { "the queues that they came from".to_owned() } else { queue_label(arn) }
}

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
    table(&ended.accounting, &ended.ledger, out)?;
    named(&ended.ledger, out)?;
    if ended.stopped.is_some() || !ended.accounting.is_clean() {
        writeln!(out, "\ngo on with: verifier redrive --resume {}", clean::word(&ended.journal))?;
    } else {
        writeln!(out, "\njournal: {}", clean::line(&ended.journal))?;
    }
    Ok(())
}

fn table(accounting: &Accounting, ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    let by_absence = match accounting.succeeded_by_absence {
        0 => String::new(),
        count => format!("of {count} only that is known: they did not come back"),
    };
    let rows = [
        ("replayed", accounting.replayed, String::new()),
        ("succeeded", accounting.succeeded, by_absence),
        ("bounced", accounting.bounced, by_failing(ledger)),
        ("unknown", accounting.unknown, String::new()),
        ("not sent", accounting.not_sent, "they stay where they are".to_owned()),
        ("changed", accounting.changed, "they are not what was planned, and stay".to_owned()),
        ("missing", accounting.missing, "they were planned, and not there any more".to_owned()),
        (
            "not deleted",
            accounting.not_deleted,
            "they were sent, and may still be there".to_owned(),
        ),
        ("ambiguous", accounting.ambiguous, "they may have been sent twice".to_owned()),
        ("left", accounting.left, "in the dead-letter queue, by its count".to_owned()),
    ];
    let always = ["replayed", "succeeded", "bounced", "unknown", "left"];
    for (name, count, remark) in rows {
        if count > 0 || always.contains(&name) {
            let remark = if count > 0 { remark } else { String::new() };
            writeln!(out, "{}", format!("  {name:<12}{count:>9}  {remark}").trim_end())?;
        }
    }
    Ok(())
}

fn named(ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    let not_sent = ledger.not_sent().iter().map(|(id, why)| format!("{id}: {why}"));
    let bounced = ledger.bounced().values().map(bounce);
    let undeleted = ledger.undeleted().iter().map(|(from, to)| format!("{from}, sent as {to}"));
    let ambiguous = ledger.ambiguous().collect::<BTreeSet<_>>().into_iter().map(str::to_owned);
    let changed = ledger.changed().iter().cloned();
    for (title, ids) in [
        ("bounced", bounced.collect::<Vec<_>>()),
        ("not sent", not_sent.collect()),
        ("changed", changed.collect()),
        ("not deleted", undeleted.collect()),
        ("may have been sent twice", ambiguous.collect()),
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

/// A letter that failed again, and how that compares with the time before.
fn bounce(bounce: &Bounce) -> String {
    let Bounce { from, to, old_reason, reason } = bounce;
    let quoted = |reason: &Option<String>| reason.clone().unwrap_or_default();
    let how = match bounce.failing() {
        Failing::AsBefore => format!(": as before, {}", quoted(reason)),
        Failing::Anew => {
            format!(": anew, {}; it had died of {}", quoted(reason), quoted(old_reason))
        }
        Failing::Unknown if reason.is_some() => format!(": {}", quoted(reason)),
        Failing::Unknown => String::new(),
    };
    format!("{from}, sent as {to}{how}")
}

fn bounce_json(bounce: &Bounce) -> Value {
    let Bounce { from, to, old_reason, reason } = bounce;
    let failing = bounce.failing();
    json!({"from": from, "to": to, "oldReason": old_reason, "reason": reason, "failing": failing})
}

/// How many failed as before and how many anew, where something bounced.
fn by_failing(ledger: &Ledger) -> String {
    let count =
        |failing| ledger.bounced().values().filter(|each| each.failing() == failing).count();
    let counts = [
        (count(Failing::AsBefore), "as before"),
        (count(Failing::Anew), "anew"),
        (count(Failing::Unknown), "for a reason that is not known"),
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
    value
}

/// What a journal tells, for programs.
pub(super) fn status_json(ledger: &Ledger, journal: &str) -> Value {
    let mut value = of_ledger(ledger, journal);
    value["schema"] = "verifier.redrive.status/1".into();
    value["hasEnded"] = ledger.has_ended().into();
    value["accounting"] = json!(ledger.accounting(0));
    if let Some(counts) = value["accounting"].as_object_mut() {
        // The journal does not know it.
        counts.remove("left");
    }
    value
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
        "notDeleted": ledger.undeleted(),
        "changed": ledger.changed(),
        "ambiguous": ledger.ambiguous().collect::<BTreeSet<_>>(),
    })
}

/// What a journal tells, for people.
pub(super) fn status(ledger: &Ledger, journal: &str, out: &mut dyn Write) -> io::Result<()> {
    if let Some(Entry::Started { redrive, from, to, who, why, .. }) = ledger.started() {
        let (from, to) = (queue_label(&from.arn), destination(&to.arn));
        let headline = format!("{redrive}: {from} to {to}, by {who}");
        writeln!(out, "{}", clean::line(&headline))?;
        if let Some(why) = why {
            writeln!(out, "because: {}", clean::line(why))?;
        }
    }
    let state = if ledger.has_ended() { "it has ended" } else { "it was killed, or goes on" };
    writeln!(out, "{state}")?;
    let accounting = Accounting { left: 0, ..ledger.accounting(0) };
    table(&accounting, ledger, out)?;
    named(ledger, out)?;
    if !ledger.has_ended() {
        writeln!(out, "\ngo on with: verifier redrive --resume {}", clean::word(journal))?;
    }
    Ok(())
}

/// A plan, for people.
pub(super) fn plan(plan: &Plan, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let bytes: usize = plan.letters.iter().map(|letter| letter.size_bytes).sum();
    writeln!(
        out,
        "{} letters ({bytes} bytes) of {} would be sent to {}",
        plan.letters.len(),
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
    if let Some(oldest) = plan.letters.iter().filter_map(|letter| letter.sent_at).min() {
        writeln!(out, "the oldest was sent {} s ago", whole_seconds(now.since(oldest)))?;
    }
    for (reason, count) in plan.reasons() {
        writeln!(out, "  {count:>6}  {}", clean::line(reason.unwrap_or("reason not known")))?;
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

/// What needs attention: that it stopped, and each letter that did not end well.
pub(super) fn notes(stopped: Option<&str>, ledger: &Ledger) -> Vec<Note> {
    let stopped = stopped.map(|why| Note::error("the redrive stopped", why));
    let bounced = ledger.bounced().values().map(|each| Note::error("bounced", &bounce(each)));
    let not_sent = ledger.not_sent().iter();
    let not_sent = not_sent.map(|(id, why)| Note::error("not sent", &format!("{id}: {why}")));
    let undeleted = ledger.undeleted().iter();
    let undeleted =
        undeleted.map(|(from, to)| Note::warning("not deleted", &format!("{from}, sent as {to}")));
    let ambiguous = ledger.ambiguous().collect::<BTreeSet<_>>().into_iter();
    let ambiguous = ambiguous.map(|id| Note::warning("may have been sent twice", id));
    stopped.into_iter().chain(bounced).chain(not_sent).chain(undeleted).chain(ambiguous).collect()
}

/// Whether there is somebody to ask.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; anything but `y` or `yes` is a no.
pub(super) fn confirm(question: &str) -> bool {
    tell(&format!("{} [y/N] ", clean::line(question)));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
