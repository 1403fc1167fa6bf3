//! What a rollback did: `verifier.chaos.rollback/1`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::github::Note;
use crate::clean;
use crate::commands::chaos::RolledBack;

pub(super) fn human(done: &RolledBack, out: &mut dyn Write) -> io::Result<()> {
    let RolledBack { journal, run, stack, restored, not_restored } = done;
    let (run, stack) = (clean::line(run), clean::line(stack));
    for part in restored {
        writeln!(out, "{} is as it was before {run}", clean::line(part))?;
    }
    for (part, why) in not_restored {
        writeln!(out, "{} is not: {}", clean::line(part), clean::line(why))?;
    }
    if restored.is_empty() && not_restored.is_empty() {
        writeln!(out, "nothing of {run} was left to put back")?;
    }
    if not_restored.is_empty() {
        writeln!(out, "{stack} is as it was")
    } else {
        writeln!(out, "\ngo on with: verifier chaos rollback --journal {}", clean::word(journal))
    }
}

/// Each part that is not as it was.
pub(super) fn notes(done: &RolledBack) -> Vec<Note> {
    let note =
        |(part, why): &(String, String)| Note::error(&format!("{part} is not restored"), why);
    done.not_restored.iter().map(note).collect()
}

pub(super) fn json(done: &RolledBack) -> Value {
    let RolledBack { journal, run, stack, restored, not_restored } = done;
    let not_restored: Vec<Value> =
        not_restored.iter().map(|(part, why)| json!({"part": part, "why": why})).collect();
    json!({
        "schema": "verifier.chaos.rollback/1",
        "journal": journal,
        "run": run,
        "stack": stack,
        "restored": restored,
        "notRestored": not_restored,
    })
}
