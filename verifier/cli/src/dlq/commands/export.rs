//! `verifier dlq export FILE`.

use verifier_core::dead_letters::queue_label;

use super::Started;
use crate::dlq::args::DlqExportArgs;
use crate::dlq::view;
use crate::dlq::{Export, Selection, see};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: DlqExportArgs) -> Result<Exit, Failure> {
    let selection = Selection::new(&args.filter)?;
    let export = Export::new(&args.file)?;
    let started = Started::at(args.place).await?;
    started.progress.say(&format!("looking at {}", queue_label(started.place.dead_letters.arn())));
    let spool = Some(export.spool());
    let seen =
        see(&started.place, &selection, false, spool, &started.interrupt, &started.progress).await;
    started.progress.clear();
    let seen = seen?;
    export.write(seen.messages.iter().map(|head| seen.whole(head)))?;
    let printed = view::print_export(&seen, export.path(), args.format);
    started.end(seen.is_partial(selection.max), printed).await
}
