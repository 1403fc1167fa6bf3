//! `verifier dlq explain`.

use super::Started;
use crate::args::DlqListArgs;
use crate::dead_letters::{Selection, see};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::dead_letters as view;
use verifier_core::dead_letters::queue_label;

pub(crate) async fn run(args: DlqListArgs) -> Result<Exit, Failure> {
    let selection = Selection::new(&args.filter)?;
    let started = Started::at(args.place).await?;
    started
        .progress
        .say(&format!("looking at {} and its log", queue_label(started.place.dead_letters.arn())));
    let seen = see(&started.place, &selection, true, &started.interrupt, &started.progress).await;
    started.progress.clear();
    let seen = seen?;
    let printed = view::print_groups(&seen, args.format);
    started.end(seen.is_partial(), printed).await
}
