//! `verifier dlq`.

mod explain;
mod export;
mod import;
mod list;
mod purge;
mod queues;
mod show;
mod watch;

use crate::dlq::DlqTarget;
use crate::dlq::args::{DlqArgs, DlqCommand, PlaceArgs};
use crate::report::job_summary::check_summary;
use crate::report::result::annotate_failure;
use crate::shell::args::ResultFormat;
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::output::tell;
use crate::shell::print::finish;
use crate::shell::progress::Progress;

pub(crate) async fn run(args: DlqArgs) -> Result<Exit, Failure> {
    let (what, policy, format) = match &args.command {
        DlqCommand::Queues(args) => ("dlq queues", "dlq-queues", args.format),
        DlqCommand::List(args) => ("dlq list", "dlq-look", args.format),
        DlqCommand::Show(args) => ("dlq show", "dlq-look", args.format),
        DlqCommand::Explain(args) => ("dlq explain", "dlq-look", args.list.format),
        DlqCommand::Export(args) => ("dlq export", "dlq-look", args.format),
        DlqCommand::Import(args) => ("dlq import", "dlq-import", args.format),
        DlqCommand::Purge(args) => ("dlq purge", "dlq-purge", args.format),
        DlqCommand::Watch(args) => ("dlq watch", "dlq-look", args.format),
    };
    if format == ResultFormat::Github {
        check_summary()?;
    }
    let ended = match args.command {
        DlqCommand::Queues(args) => Box::pin(queues::run(args)).await,
        DlqCommand::List(args) => Box::pin(list::run(args)).await,
        DlqCommand::Show(args) => Box::pin(show::run(args)).await,
        DlqCommand::Explain(args) => Box::pin(explain::run(args)).await,
        DlqCommand::Export(args) => Box::pin(export::run(args)).await,
        DlqCommand::Import(args) => Box::pin(import::run(args)).await,
        DlqCommand::Purge(args) => Box::pin(purge::run(args)).await,
        DlqCommand::Watch(args) => Box::pin(watch::run(args)).await,
    };
    let ended = ended.map_err(|failure| failure.with_policy_of(policy));
    ended.inspect_err(|failure| annotate_failure(format, what, failure))
}

/// A command that has found its queues.
struct Started {
    place: DlqTarget,
    interrupt: Interrupt,
    progress: Progress,
}

impl Started {
    /// Finds the queues.
    async fn at(args: PlaceArgs) -> Result<Self, Failure> {
        let interrupt = Interrupt::listen()?;
        let progress = Progress::new();
        tokio::select! {
            found = DlqTarget::find(args) => {
                let place = found.inspect_err(|_| progress.clear())?;
                if let Some(remark) = place.remark() {
                    progress.say(&remark);
                }
                return Ok(Self { place, interrupt, progress });
            }
            () = interrupt.asked() => progress.clear(),
        }
        let exit = interrupt.exit().await.unwrap_or(Exit::Interrupted);
        Err(Failure {
            what: "it was interrupted before anything was received".to_owned(),
            next: None,
            exit,
        })
    }

    /// How the process ends, where something may be left, or the result was not printed.
    async fn end(
        self,
        is_something_left: bool,
        printed: Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let moved_on = self.place.moved_on().await;
        if let Some(why) = &moved_on {
            tell(&format!("{}\n", clean::line(why)));
        }
        let exit =
            if is_something_left || moved_on.is_some() { Exit::Stopped } else { Exit::Passed };
        finish(self.interrupt.exit().await.unwrap_or(exit), printed)
    }
}
