//! `verifier dlq explain`.

use verifier_core::dead_letters::queue_label;

use super::Started;
use crate::dlq::args::DlqListArgs;
use crate::dlq::view;
use crate::dlq::{Selection, see};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: DlqListArgs) -> Result<Exit, Failure> {
    let selection = Selection::new(&args.filter)?;
    let started = Started::at(args.place).await?;
    started
        .progress
        .say(&format!("looking at {} and its log", queue_label(started.place.dead_letters.arn())));
    let seen =
        see(&started.place, &selection, true, None, &started.interrupt, &started.progress).await;
    started.progress.clear();
    let seen = seen?;
    let printed = view::print_groups(&seen, args.format);
    started.end(seen.is_partial(selection.max), printed).await
}
