//! What a rollback did: `verifier.chaos.rollback/1`.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::chaos::rolled_back::RolledBack;
use crate::report::github::Note;
use crate::shell::clean;

pub(super) fn human(done: &RolledBack, out: &mut dyn Write) -> io::Result<()> {
    let RolledBack { journal, run, stack, restored, not_restored, left, is_torn, next } = done;
    let (Some(run), Some(stack)) = (run, stack) else {
        return writeln!(
            out,
            "nothing was changed: the first line of {} was never written, which is before any change",
            clean::line(journal)
        );
    };
    let (run, stack) = (clean::line(run), clean::line(stack));
    if *is_torn {
        writeln!(
            out,
            "the last line of {} is torn, so it counts for nothing",
            clean::line(journal)
        )?;
    }
    for part in restored {
        let is_mixed = left.iter().any(|(left, _)| left == part);
        let what = if is_mixed { "what it changed of" } else { "" };
        let text = format!("{what} {} is as it was before {run}", clean::line(part));
        writeln!(out, "{}", text.trim_start())?;
    }
    for (part, why) in left {
        writeln!(out, "{} is left: {}", clean::line(part), clean::line(why))?;
    }
    for (part, why) in not_restored {
        writeln!(out, "{} is not: {}", clean::line(part), clean::line(why))?;
    }
    if restored.is_empty() && not_restored.is_empty() {
        writeln!(out, "nothing of {run} was left to restore")?;
    }
    if let Some(next) = next {
        return writeln!(out, "\n{}", clean::line(next));
    }
    // Where nothing was restored, nothing was looked at.
    if restored.is_empty() && left.is_empty() {
        Ok(())
    } else if left.is_empty() {
        writeln!(out, "{stack} is as it was")
    } else {
        writeln!(out, "{stack} is as it was, but for what is left")
    }
}

/// Each part that is not as it was.
pub(super) fn notes(done: &RolledBack) -> Vec<Note> {
    let note =
        |(part, why): &(String, String)| Note::error(&format!("{part} is not restored"), why);
    done.not_restored.iter().map(note).collect()
}

pub(super) fn json(done: &RolledBack) -> Value {
    let RolledBack { journal, run, stack, restored, not_restored, left, is_torn, next } = done;
    let with_why = |parts: &[(String, String)]| -> Vec<Value> {
        parts.iter().map(|(part, why)| json!({"part": part, "why": why})).collect()
    };
    json!({
        "schema": "verifier.chaos.rollback/1",
        "journal": journal,
        "run": run,
        "stack": stack,
        "isTorn": is_torn,
        "restored": restored,
        "notRestored": with_why(not_restored),
        "left": with_why(left),
        "next": next,
    })
}
