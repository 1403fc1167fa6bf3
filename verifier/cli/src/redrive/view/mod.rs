//! Views of a redrive: its plan, how far it is, and what it came to.

mod headway;
mod html;
mod native;
mod result;

use std::path::Path;

use verifier_core::check::QueueEvidence;
use verifier_core::redrive::{Course, Ledger, Plan};
use verifier_model::time::Timestamp;

use super::ended::{Declined, Ended};
use super::native::ended::{Declined as NativeDeclined, Native};
use crate::report::result::show;
use crate::shell::args::ResultFormat;
use crate::shell::failure::Failure;
use crate::shell::output::tell;

pub(crate) use headway::headway;
pub(crate) use native::{
    moved as native_moved, pace as native_pace, plan as native_plan, way as native_way,
};
pub(crate) use result::{Left as LeftInQueue, destination};

/// Shows what a redrive came to.
pub(crate) fn print_redrive(ended: &Ended, format: ResultFormat) -> Result<(), Failure> {
    show(
        format,
        "redrive",
        |out| result::human(ended, out),
        || result::json(ended),
        || {
            let notes = result::notes(ended.stopped.as_deref(), &ended.ledger);
            result::unwritten_notes(&ended.unwritten).chain(notes).collect()
        },
    )
}

/// Writes the page about what a redrive came to.
pub(crate) fn write_page(ended: &Ended, course: &Course, path: &Path) -> Result<(), Failure> {
    html::page(ended, course).write(path)
}

/// Says that nothing was sent: on stderr where people read, since the plan was the answer.
pub(crate) fn print_declined(
    declined: &Declined,
    is_interrupted: bool,
    format: ResultFormat,
) -> Result<(), Failure> {
    let why = why_declined(is_interrupted);
    if format == ResultFormat::Json {
        let document = result::declined_json(declined, why);
        return show(format, "redrive", |_| Ok(()), || document, Vec::new);
    }
    let count = declined.planned;
    tell(&format!("nothing was sent: {why}; the {count} messages stay where they are\n"));
    Ok(())
}

const fn why_declined(is_interrupted: bool) -> &'static str {
    if is_interrupted { "it was interrupted" } else { "it was not confirmed" }
}

/// Says that no task was started, in the same way.
pub(crate) fn print_native_declined(
    declined: &NativeDeclined,
    is_interrupted: bool,
    format: ResultFormat,
) -> Result<(), Failure> {
    let NativeDeclined { source, destination, rate } = declined;
    let why = format!("nothing was moved: {}", why_declined(is_interrupted));
    if format == ResultFormat::Json {
        let document = native::declined_json(source, destination.as_deref(), *rate, &why);
        return show(format, "redrive --native", |_| Ok(()), || document, Vec::new);
    }
    tell(&format!("{why}; the messages stay where they are\n"));
    Ok(())
}

/// Shows what a redrive's journal tells.
pub(crate) fn print_redrive_status(
    ledger: &Ledger,
    journal: &str,
    left: &LeftInQueue,
    format: ResultFormat,
) -> Result<(), Failure> {
    show(
        format,
        "redrive status",
        |out| result::status(ledger, journal, left, out),
        || result::status_json(ledger, journal, left),
        || result::notes(None, ledger),
    )
}

/// Shows what a redrive would do.
pub(crate) fn print_plan(plan: &Plan, now: Timestamp, format: ResultFormat) -> Result<(), Failure> {
    show(format, "redrive", |out| result::plan(plan, now, out), || plan, Vec::new)
}

/// Shows what became of a task of SQS's, and on stderr that it goes on, if it does.
pub(crate) fn print_native(ended: &Native, format: ResultFormat) -> Result<(), Failure> {
    let printed = show(
        format,
        "redrive --native",
        |out| native::human(ended, out),
        || native::json(ended),
        || native::notes(ended),
    );
    if let Some(left) = native::left(ended) {
        tell(&format!("{left}\n"));
    }
    printed
}

/// Shows what a task of SQS's would do.
pub(crate) fn print_native_plan(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
    format: ResultFormat,
) -> Result<(), Failure> {
    show(
        format,
        "redrive --native",
        |out| {
            writeln!(out, "{}", native::plan(source, destination, rate))?;
            native::out_of_reach(source).map_or(Ok(()), |stays| writeln!(out, "{stays}"))
        },
        || native::plan_json(source, destination, rate),
        Vec::new,
    )
}
