//! `verifier dlq purge --backup FILE`.

use std::io::{self, IsTerminal};
use std::path::Path;

use super::Started;
use crate::dlq::args::DlqPurgeArgs;
use crate::dlq::view;
use crate::dlq::{Backup, Selection, purge};
use crate::shell::ask::line;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::print::print_failure;

pub(crate) async fn run(args: DlqPurgeArgs) -> Result<Exit, Failure> {
    let selection = Selection::new(&args.filter)?;
    let mut backup = Backup::create(&args.backup)?;
    let has_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !has_terminal {
        return Err(Failure {
            next: Some("pass --yes to delete without confirmation".to_owned()),
            ..Failure::usage("confirmation needed and stdin is not a terminal")
        });
    }
    let started = Started::at(args.place).await?;
    if !args.yes {
        started.progress.pause();
        confirm(&started, selection.filter.is_everything(), &args.backup).await?;
        started.progress.go_on();
    }
    started.progress.say(&format!("deleting from {}", started.place.dead_letters.name));
    let purged =
        purge(&started.place, &selection, &mut backup, &started.interrupt, &started.progress).await;
    started.progress.clear();
    let file = (backup.count() > 0).then_some(args.backup.as_path());
    let printed =
        view::print_purged(&started.place.dead_letters, &purged, file, backup.count(), args.format);
    if let Some(failure) = purged.failure {
        if let Err(lost) = printed {
            print_failure(&lost);
        }
        return Err(failure);
    }
    let is_left = !purged.not_deleted.is_empty()
        || !purged.not_released.is_empty()
        || !purged.left_out.is_empty()
        || purged.incomplete.is_some();
    started.end(is_left, printed).await
}

/// Goes on when the queue's name was typed.
async fn confirm(started: &Started, is_everything: bool, backup: &Path) -> Result<(), Failure> {
    let queue = &started.place.dead_letters;
    let source = started.place.sources.selected.as_deref();
    view::ask_for_name(queue, source, is_everything, backup);
    let typed = line(&started.interrupt).await;
    if started.interrupt.is_asked() {
        let what = "it was interrupted before anything was deleted".to_owned();
        return Err(Failure { what, next: None, exit: Exit::Interrupted });
    }
    let typed = typed.unwrap_or_default();
    if typed.trim() == queue.name {
        return Ok(());
    }
    Err(Failure {
        next: Some(format!("type {} to delete its messages", queue.name)),
        ..Failure::usage("that is not the queue's name; nothing was deleted")
    })
}
