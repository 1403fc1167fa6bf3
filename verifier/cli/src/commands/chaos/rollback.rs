//! `verifier chaos rollback`.

use verifier_aws::Aws;
use verifier_core::chaos::UndoEntry;

use crate::args::{ChaosRollbackArgs, ResultFormat};
use crate::chaos::live::stack::refuse_what_is_no_preview;
use crate::chaos::live::undo::{Undo, name, read};
use crate::endpoint;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::view::{self, Progress};

/// What was put back, and what could not be.
pub(crate) struct RolledBack {
    pub(crate) journal: String,
    pub(crate) run: String,
    pub(crate) stack: String,
    /// Each part that was changed, in words.
    pub(crate) restored: Vec<String>,
    /// Each that could not be put back, with the reason.
    pub(crate) not_restored: Vec<(String, String)>,
}

pub(super) async fn run(args: ChaosRollbackArgs) -> Result<Exit, Failure> {
    let format = args.format;
    let ended = Box::pin(roll_back(args)).await;
    ended.inspect_err(|failure| view::annotate_failure(format, "chaos rollback", failure))
}

async fn roll_back(args: ChaosRollbackArgs) -> Result<Exit, Failure> {
    if args.format == ResultFormat::Github {
        view::check_summary()?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let ledger = read(&args.journal)?;
    let Some(UndoEntry::Started { run, stack, region, .. }) = ledger.started().cloned() else {
        return Err(Failure::usage("the journal does not say which stack it is of"));
    };
    let mut connection = args.connection;
    connection.region.get_or_insert(region);
    let (connection, clock) = endpoint::reach(connection).await?;
    let aws = Aws::connect(&connection).await;
    // Where nothing is open, the stack may be gone.
    let resources = if ledger.open().is_empty() {
        None
    } else {
        let found = aws.stack(&stack).await?;
        refuse_what_is_no_preview(&found)?;
        Some(found.resources)
    };
    let mut undo = Undo::reopen((aws, clock), &args.journal)?;
    progress.say(&format!("putting {stack} back as it was before {run}"));
    let open: Vec<String> = undo.ledger().open().iter().map(|(part, _)| name(part)).collect();
    let failed = tokio::select! {
        failed = undo.put_back(resources.as_deref()) => failed,
        // What is done is written down, and the rest can be done later.
        () = interrupt.asked() => Vec::new(),
    };
    progress.clear();
    let still: Vec<String> = undo.ledger().open().iter().map(|(part, _)| name(part)).collect();
    let why = |part: &String| {
        let found = failed.iter().find(|(failed, _)| name(failed) == *part);
        found.map_or_else(|| "it was interrupted".to_owned(), |(_, failure)| failure.to_string())
    };
    let restored = open.iter().filter(|part| !still.contains(part)).cloned().collect();
    let not_restored: Vec<(String, String)> =
        still.iter().map(|part| (part.clone(), why(part))).collect();
    let is_done = not_restored.is_empty();
    let done =
        RolledBack { journal: undo.journal().to_owned(), run, stack, restored, not_restored };
    let printed = view::chaos::print_rollback(&done, args.format);
    let exit = if is_done { Exit::Passed } else { Exit::Stopped };
    view::finish(interrupt.exit().await.unwrap_or(exit), printed)
}
