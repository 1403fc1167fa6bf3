//! `verifier redrive`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use verifier_aws::Aws;
use verifier_core::dead_letters::{Depth, queue_label};
use verifier_core::redrive::{Course, Entry, Ledger, Plan, Planned, SCHEMA, Terms};

use crate::config;
use crate::dlq::DlqTarget;
use crate::dlq::args::PlaceArgs;
use crate::redrive::args::{RedriveArgs, RedriveCommand};
use crate::redrive::asked::Asked;
use crate::redrive::destination::Destination;
use crate::redrive::ended::{Declined, Ended};
use crate::redrive::engine::{Engine, Guards};
use crate::redrive::ledger_file::{each_line, read_ledger};
use crate::redrive::originals::{self, Rewrite};
use crate::redrive::queues::{
    destination, name_of, name_of_all, place_of, restrict, sources, to_sources, who,
    written_destinations,
};
use crate::redrive::view::{self, LeftInQueue};
use crate::redrive::{from_file, functions, native, planning, terms};
use crate::report::job_summary::check_summary;
use crate::report::result::annotate_failure;
use crate::resources::{in_its_region, queue};
use crate::shell::args::{ConnectionArgs, ResultFormat};
use crate::shell::ask::{ask, can_ask};
use crate::shell::clean;
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Named, check_apart};
use crate::shell::interrupt::Interrupt;
use crate::shell::journal::JournalFile;
use crate::shell::output::tell;
use crate::shell::print::{finish, first_lost, print_failure};
use crate::shell::progress::Progress;

/// How many messages of a plan stand in one line of a journal.
const PLANNED_IN_A_LINE: usize = 1000;

pub(crate) async fn run(args: RedriveArgs) -> Result<Exit, Failure> {
    let (what, format) = match &args.command {
        Some(RedriveCommand::Status { format, .. }) => ("redrive status", *format),
        Some(RedriveCommand::Undo(undo)) => ("redrive undo", undo.format),
        None if args.native.native => ("redrive --native", args.format),
        None => ("redrive", args.format),
    };
    if format == ResultFormat::Github {
        check_summary()?;
    }
    let policy = if args.native.native { "redrive-native" } else { "redrive" };
    let ended = Box::pin(ended(args)).await.map_err(|failure| failure.with_policy_of(policy));
    ended.inspect_err(|failure| annotate_failure(format, what, failure))
}

async fn ended(mut args: RedriveArgs) -> Result<Exit, Failure> {
    if let Some(RedriveCommand::Undo(undo)) = args.command {
        args = (*undo).into();
    }
    if let Some(RedriveCommand::Status { journal, live, connection, format }) = &args.command {
        let ledger = read_ledger(journal)?;
        let left = if *live {
            LeftInQueue::Counted(left(&ledger, connection.clone()).await?)
        } else {
            LeftInQueue::NotAsked { at_end: ledger.left_at_end() }
        };
        view::print_redrive_status(&ledger, &journal.display().to_string(), &left, *format)?;
        return Ok(Exit::Passed);
    }
    if args.native.native {
        return Box::pin(native::run(args)).await;
    }
    check_files(&args)?;
    let report = args.report.clone();
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let format = args.format;
    let outcome = Box::pin(carry_out(args, &interrupt, &progress)).await;
    progress.clear();
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(failure) => return Err(interrupt.explains(failure).await),
    };
    match outcome {
        Outcome::Nothing { shortfall: None } => Ok(interrupt.exit().await.unwrap_or(Exit::Passed)),
        Outcome::Nothing { shortfall: Some(why) } => {
            tell(&format!("{}\n", clean::line(&why)));
            Ok(interrupt.exit().await.unwrap_or(Exit::Stopped))
        }
        Outcome::Declined(declined) => {
            let printed = view::print_declined(&declined, interrupt.is_asked(), format);
            finish(interrupt.exit().await.unwrap_or(Exit::Stopped), printed)
        }
        Outcome::Ended(mut ended) => {
            let printed = view::print_redrive(&ended, format);
            let written = report.map(|report| write_report(&ended, &report));
            let printed = first_lost([printed].into_iter().chain(written));
            if let Some(failure) = ended.failure.take() {
                if let Err(lost) = printed {
                    print_failure(&lost);
                }
                return Err(failure);
            }
            let bounced = ended.accounting.bounced > 0;
            let is_done = ended.stopped.is_none() && ended.accounting.is_clean() && !bounced;
            let exit = if is_done { Exit::Passed } else { Exit::Stopped };
            finish(interrupt.exit().await.unwrap_or(exit), printed)
        }
    }
}

/// Writes the report of a redrive by its journal.
fn write_report(ended: &Ended, report: &Path) -> Result<(), Failure> {
    let mut course = Course::default();
    each_line(Path::new(&ended.journal), |line| {
        // The ledger has read it already.
        if let Ok(entry) = serde_json::from_slice(line) {
            course.apply(&entry);
        }
        Ok(())
    })?;
    view::write_page(ended, &course, report)
}

/// How many messages are in the dead-letter queue of a journal, by its count.
async fn left(ledger: &Ledger, connection: ConnectionArgs) -> Result<u64, Failure> {
    let Some(Entry::Started { from, .. }) = ledger.started() else {
        return Err(Failure::usage("the journal does not say how the redrive began"));
    };
    let connection = in_its_region(connection, Some(&from.arn))?;
    let (connection, _clock) = endpoint::reach(connection).await?;
    let aws = Aws::connect(&connection).await;
    let queue = queue(&aws, connection.endpoint_url.as_deref(), &from.arn).await?;
    Ok(Depth::of(&queue).total())
}

/// Fails on a file that could not be written in the end, before anything is asked of AWS.
fn check_files(args: &RedriveArgs) -> Result<(), Failure> {
    if let Some(report) = &args.report {
        let journal = args.journal.as_deref().or(args.resume.as_deref());
        let inputs = [("the journal", journal), ("--execute", args.execute.as_deref())];
        let inputs = inputs.into_iter().filter_map(|(what, path)| Some((what, path?)));
        let inputs: Vec<Named<'_>> =
            inputs.chain(args.from.as_deref().map(|file| ("--from", file))).collect();
        check_apart(&[("--report", report)], &inputs)?;
        files::check(report).map_err(|error| files::failed("report", report, &error))?;
    }
    if let Some(plan) = &args.plan_only {
        let patch = args.patch.as_deref().map(|patch| ("--patch", patch));
        let settings = config::file(args.place.config.as_deref())?;
        let settings = settings.as_ref().map(|(what, path)| (*what, path.as_path()));
        let inputs: Vec<Named<'_>> = patch.into_iter().chain(settings).collect();
        check_apart(&[("--plan-only", plan)], &inputs)?;
        return planning::check(plan);
    }
    if args.resume.is_some() || args.dry_run {
        return Ok(());
    }
    // Without a name it is made in the working directory.
    let (what, journal) = match &args.journal {
        Some(journal) => ("journal", journal.as_path()),
        None => ("journal in the working directory", Path::new(".verifier-journal")),
    };
    files::check_new(journal).map_err(|error| files::failed(what, journal, &error))
}

/// How the command ended.
enum Outcome {
    /// Nothing was to be sent: a plan was shown or written. Says what it does not do, if there is anything.
    Nothing {
        shortfall: Option<String>,
    },
    /// The question was not answered with yes.
    Declined(Declined),
    Ended(Box<Ended>),
}

impl From<from_file::Outcome> for Outcome {
    fn from(outcome: from_file::Outcome) -> Self {
        match outcome {
            from_file::Outcome::Nothing => Self::Nothing { shortfall: None },
            from_file::Outcome::Declined(declined) => Self::Declined(declined),
            from_file::Outcome::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// Whether a journal is of a redrive from a file. What is wrong with it is told when it is taken up.
fn is_of_file(journal: &Path) -> bool {
    let ledger = read_ledger(journal);
    ledger.is_ok_and(|ledger| match ledger.started() {
        Some(Entry::Started { from, .. }) => from_file::is_of_file(from),
        _ => false,
    })
}

/// A redrive that is about to begin or to be taken up again.
struct Prepared {
    place: DlqTarget,
    to: Vec<Destination>,
    journal: JournalFile,
    ledger: Ledger,
    /// What it does not do of what was asked for, if there is anything.
    shortfall: Option<String>,
    /// That it is taken up again, if it is.
    resumed: Option<Entry>,
}

async fn carry_out(
    mut args: RedriveArgs,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    if let Some(file) = args.from.take() {
        let outcome = Box::pin(from_file::run(args, &file, interrupt, progress)).await?;
        return Ok(outcome.into());
    }
    if let Some(journal) = args.resume.clone().filter(|journal| is_of_file(journal)) {
        let outcome = Box::pin(from_file::resume(args, &journal, interrupt, progress)).await?;
        return Ok(outcome.into());
    }
    let deadline = args.pace.deadline;
    let wait = args.messages.wait.unwrap_or_default();
    let prepared = if let Some(journal) = args.resume.clone() {
        Box::pin(resumed(args, &journal)).await?
    } else {
        let begun = match args.execute.clone() {
            Some(plan) => Box::pin(planned(args, &plan, interrupt, progress)).await?,
            None => Box::pin(begun(args, interrupt, progress)).await?,
        };
        match begun {
            Begun::Prepared(prepared) => *prepared,
            Begun::Over { shortfall } => return Ok(Outcome::Nothing { shortfall }),
            Begun::Declined(declined) => return Ok(Outcome::Declined(declined)),
        }
    };
    let Prepared { place, to, journal, ledger, shortfall, resumed } = prepared;
    let deadline = deadline.map(|deadline| place.clock.now() + deadline);
    let guards = Guards { interrupt, deadline, wait, shortfall };
    let engine = Engine::new(&place, &to, journal, ledger, guards, progress)?;
    Ok(Outcome::Ended(Box::new(Box::pin(engine.run(resumed)).await?)))
}

/// Fails where a ramp was asked for and nobody could tell how its steps end, before anything is written or sent.
fn check_that_steps_can_be_evaluated(
    place: &DlqTarget,
    to: &[Destination],
    terms: &Terms,
) -> Result<(), Failure> {
    let is_silent = |to: &&Destination| !to.comes_back(place) && to.log_group.is_none();
    let Some(to) = to.iter().find(is_silent).filter(|_| !terms.steps.is_empty()) else {
        return Ok(());
    };
    let why = match &to.log_not_asked {
        Some(not_asked) => format!("which function reads it is not known ({})", not_asked.why),
        None => "no function that reads it is known".to_owned(),
    };
    Err(Failure {
        next: Some(
            "name the log of its consumer with --log-group, or send all with --no-canary"
                .to_owned(),
        ),
        ..Failure::usage(format!(
            "nothing would tell what becomes of messages in {}: {why}, and what fails there does not come back to {}",
            to.arn(),
            place.dead_letters.arn()
        ))
    })
}

/// Goes on with a redrive that a journal reports.
async fn resumed(args: RedriveArgs, path: &Path) -> Result<Prepared, Failure> {
    // The lock first: what another process is writing is not to be read. Nothing is cut off before it is known to be one.
    let journal = JournalFile::lock(path)?;
    let ledger = read_ledger(path)?;
    let Some(Entry::Started { from, to, terms, .. }) = ledger.started().cloned() else {
        return Err(Failure::usage("the journal does not say how the redrive began"));
    };
    let asked = Asked::of(&args);
    let retry_bounced = args.retry_bounced;
    let place = place_of(args.place, &from).await?;
    let to = written_destinations(&place, &asked, &to, &terms).await?;
    let entry = Entry::Resumed { at: place.clock.now(), who: who(&place.aws).await, retry_bounced };
    let journal = journal.go_on()?;
    Ok(Prepared { place, to, journal, ledger, shortfall: None, resumed: Some(entry) })
}

/// Carries out a plan of a file, unless that is not wanted after all.
async fn planned(
    args: RedriveArgs,
    path: &Path,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Begun, Failure> {
    let text = files::read_plan(path).and_then(files::text).map_err(|error| {
        Failure::usage(format!("the plan {} cannot be read: {error}", path.display()))
    })?;
    let plan = Plan::read(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let asks = !args.yes;
    check_can_ask(asks)?;
    let (asked, format) = (Asked::of(&args), args.format);
    let start_with = Start { journal: args.journal.clone(), why: args.reason_note.clone() };
    let place = place_of(args.place, &plan.from).await?;
    let to = written_destinations(&place, &asked, &plan.to, &plan.terms).await?;
    let shortfall = plan.shortfall();
    if asks {
        progress.suspend(|| view::print_plan(&plan, place.clock.now(), format))?;
        if !ask(&question(&plan), progress, interrupt).await {
            return Ok(Begun::Declined(Declined::of(&plan)));
        }
    }
    let Plan { terms, messages, .. } = plan;
    let prepared = start(place, to, terms, &messages, start_with).await?;
    Ok(Begun::Prepared(Box::new(Prepared { shortfall, ..prepared })))
}

/// What is asked before anything is sent.
fn question(plan: &Plan) -> String {
    let (from, to) = (queue_label(&plan.from.arn), view::destination(&plan.to.arn));
    format!("Send {} messages of {from} to {to}?", plan.messages.len())
}

/// Fails where a confirmation is needed and cannot be asked for.
fn check_can_ask(asks: bool) -> Result<(), Failure> {
    if !asks || can_ask() {
        return Ok(());
    }
    Err(Failure {
        next: Some("look at it with --dry-run, then pass --yes".to_owned()),
        ..Failure::usage("confirmation needed and stdin is not a terminal")
    })
}

/// Begins a redrive from the command line, unless it was only to be planned, or is not wanted after all.
async fn begun(
    args: RedriveArgs,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Begun, Failure> {
    let mut terms = terms::of(&args)?;
    let asked = Asked::of(&args);
    let start_with = Start { journal: args.journal.clone(), why: args.reason_note.clone() };
    let asks = !args.yes && args.plan_only.is_none() && !args.dry_run;
    check_can_ask(asks)?;
    let (plan_only, dry_run, format) = (args.plan_only.clone(), args.dry_run, args.format);
    let wait = args.messages.wait.unwrap_or_default();
    let ends = async {
        match &args.undo {
            Some(journal) => ends_of_undo(args.place, &asked, journal, &mut terms, progress).await,
            None => ends(args.place, &asked, &mut terms, progress).await,
        }
    };
    let (place, to) = Box::pin(interrupt.unless_asked(ends)).await?;
    // A filter by reasons reads the log once for all messages, and not for each handful of them.
    let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let is_planned_first = filter.needs_reasons();
    if !asks && plan_only.is_none() && !dry_run && !is_planned_first {
        // A filter that may fail on a message is tried on all of them before the first is sent.
        if filter.may_fail() {
            planning::plan(&place, &to, terms.clone(), wait, interrupt, progress).await?;
        }
        let prepared = start(place, to, terms, &[], start_with).await?;
        return Ok(Begun::Prepared(Box::new(prepared)));
    }
    let mut plan = planning::plan(&place, &to, terms, wait, interrupt, progress).await?;
    if let Some(path) = &plan_only {
        planning::write(&plan, path)?;
    }
    // Where the plan is not shown, the result names those that stay.
    let is_shown = asks || plan_only.is_some() || dry_run;
    let left_out = if is_shown { BTreeMap::new() } else { std::mem::take(&mut plan.left_out) };
    let mut shortfall = plan.shortfall();
    if is_shown {
        shortfall = not_undone(&plan)?.or(shortfall);
        progress.suspend(|| view::print_plan(&plan, place.clock.now(), format))?;
        if !asks || plan.messages.is_empty() {
            return Ok(Begun::Over { shortfall });
        }
    }
    if asks && !ask(&question(&plan), progress, interrupt).await {
        return Ok(Begun::Declined(Declined::of(&plan)));
    }
    let Plan { terms, messages, .. } = plan;
    let mut prepared = start(place, to, terms, &messages, start_with).await?;
    if !left_out.is_empty() {
        let entry = Entry::NotSent { messages: left_out };
        prepared.ledger.apply(&entry);
        prepared.journal.append_durably(&entry).await?;
    }
    Ok(Begun::Prepared(Box::new(Prepared { shortfall, ..prepared })))
}

/// Where the messages are and where they go, by the command line.
async fn ends(
    place: PlaceArgs,
    asked: &Asked,
    terms: &mut Terms,
    progress: &Progress,
) -> Result<(DlqTarget, Vec<Destination>), Failure> {
    let place = DlqTarget::find(place).await?;
    if let Some(remark) = place.remark() {
        progress.say(&remark);
    }
    let to = if let Some(name) = &asked.to.to_function {
        vec![functions::named(&place, asked, name, terms, progress).await?]
    } else if asked.to.to_source {
        terms.sources = sources(&place)?;
        to_sources(&place, &terms.sources).await?
    } else {
        vec![destination(&place, asked, None).await?]
    };
    restrict(terms, &place, &to, asked.to.is_said());
    Ok((place, to))
}

/// The same where the changes of another redrive are undone: its copies go where they went before.
async fn ends_of_undo(
    place: PlaceArgs,
    asked: &Asked,
    journal: &Path,
    terms: &mut Terms,
    progress: &Progress,
) -> Result<(DlqTarget, Vec<Destination>), Failure> {
    let undone = undoable(journal)?;
    let place = place_of(place, &undone.from).await?;
    terms.sources.clone_from(&undone.terms.sources);
    terms.undone = Some(undone.undone.clone());
    let to = written_destinations(&place, asked, &undone.to, terms).await?;
    restrict(terms, &place, &to, true);
    if let Some(elsewhere) = to.iter().find(|to| !to.comes_back(&place)) {
        return Err(Failure {
            next: Some("send the originals from the journal's messages by hand, or undo where they went to".to_owned()),
            ..Failure::usage(format!(
                "what was sent to {} does not come back to {}: the changed copies are not there",
                elsewhere.arn(),
                place.dead_letters.arn()
            ))
        });
    }
    if let Rewrite::Originals(originals) = Rewrite::of(terms)? {
        progress.say(&format!(
            "the journal knows {} messages that were sent changed; those of which the copy came back are sent as they were, and the others stay",
            originals.count()
        ));
        if originals.unknown_copies() > 0 {
            progress.say(&format!(
                "{} more may have been sent changed, without an answer that names the copy: such copies are not recognised, and stay",
                originals.unknown_copies()
            ));
        }
    }
    Ok((place, to))
}

/// What carrying out a plan does not undo, where it is to undo something.
fn not_undone(plan: &Plan) -> Result<Option<String>, Failure> {
    let ids: BTreeSet<&str> =
        plan.messages.iter().map(|message| message.message_id.as_str()).collect();
    match Rewrite::of(&plan.terms)? {
        Rewrite::Originals(originals) => Ok(originals.not_undone(|copy| ids.contains(copy))),
        Rewrite::Changes(_) => Ok(None),
    }
}

/// A redrive whose changes can be undone, by its journal.
fn undoable(journal: &Path) -> Result<originals::Begun, Failure> {
    // What another process is writing is not over.
    drop(JournalFile::lock(journal)?);
    let begun = originals::begun(journal)?;
    let refused = |what: &str, next: &str| Failure {
        next: Some(next.to_owned()),
        ..Failure::usage(format!("{}: {what}", journal.display()))
    };
    if from_file::is_of_file(&begun.from) {
        return Err(refused(
            "it is of a redrive from a file, which has the originals",
            "purge the changed copies, and send the file again",
        ));
    }
    if begun.terms.function.is_some() {
        return Err(refused(
            "it has invoked a function, and what failed again came back as another event",
            "invoke the function with the originals, which the journal keeps",
        ));
    }
    if begun.terms.undone.is_some() {
        return Err(refused(
            "it is of a redrive that has undone another one",
            "to change messages once more, redrive them with --patch",
        ));
    }
    if !begun.terms.has_changes() {
        return Err(refused(
            "its messages were sent as they were, so that there is nothing to undo",
            "to send again what has failed again, resume it with --retry-bounced",
        ));
    }
    Ok(begun)
}

/// What begins, or is over already.
enum Begun {
    Prepared(Box<Prepared>),
    /// Nothing is to be sent; says what the plan does not do, if there is anything.
    Over {
        shortfall: Option<String>,
    },
    /// The question was not answered with yes.
    Declined(Declined),
}

/// What a new journal begins with besides the terms.
struct Start {
    journal: Option<PathBuf>,
    why: Option<String>,
}

async fn start(
    place: DlqTarget,
    to: Vec<Destination>,
    terms: Terms,
    messages: &[Planned],
    with: Start,
) -> Result<Prepared, Failure> {
    check_that_steps_can_be_evaluated(&place, &to, &terms)?;
    let now = place.clock.now();
    let redrive = format!("redrive-{:x}-{:08x}", now.as_millis(), fastrand::u32(..));
    let path = with.journal.unwrap_or_else(|| PathBuf::from(format!("{redrive}.jsonl")));
    let journal = JournalFile::create(&path)?;
    let mut ledger = Ledger::default();
    let started = Entry::Started {
        schema: SCHEMA.to_owned(),
        redrive,
        at: now,
        who: who(&place.aws).await,
        why: with.why,
        from: name_of(&place.dead_letters),
        to: name_of_all(&to, &terms),
        terms: Box::new(terms),
    };
    let planned = messages.chunks(PLANNED_IN_A_LINE);
    let planned = planned.map(|messages| Entry::Planned { messages: messages.to_vec() });
    for entry in [started].into_iter().chain(planned) {
        ledger.apply(&entry);
        journal.append_durably(&entry).await?;
    }
    Ok(Prepared { place, to, journal, ledger, shortfall: None, resumed: None })
}
