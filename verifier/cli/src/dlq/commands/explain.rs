//! `verifier dlq explain`.

use verifier_core::dead_letters::queue_label;

use super::Started;
use crate::dlq::args::{DlqExplainArgs, DlqListArgs};
use crate::dlq::view;
use crate::dlq::{Selection, see};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::print::first_lost;

pub(crate) async fn run(args: DlqExplainArgs) -> Result<Exit, Failure> {
    let DlqExplainArgs { list: args, report } = args;
    let DlqListArgs { place, filter, format } = args;
    if let Some(report) = &report {
        files::check(report).map_err(|error| files::failed("report", report, &error))?;
    }
    let selection = Selection::new(&filter)?;
    let started = Started::at(place).await?;
    started
        .progress
        .say(&format!("looking at {} and its log", queue_label(started.place.dead_letters.arn())));
    let seen =
        see(&started.place, &selection, true, None, &started.interrupt, &started.progress).await;
    started.progress.clear();
    let seen = seen?;
    let printed = first_lost(
        [view::print_groups(&seen, format)]
            .into_iter()
            .chain(report.iter().map(|report| view::write_page(&seen, report))),
    );
    started.end(seen.is_partial(selection.max), printed).await
}
