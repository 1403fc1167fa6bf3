//! `verifier redrive --from FILE`: sending messages of a file, each to the queue that it came from or all to one that is named.
//!
//! Nothing is received and nothing is deleted: the file stays as it is. The journal says of each message what became of it, so
//! that a redrive that was killed goes on with the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use verifier_aws::{Aws, Connection, Sent};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{
    Cause, DeadLetter, QueueArn, Resend, Selects, batches, queue_label,
};
use verifier_core::redrive::{
    Changes, Entry, Intended, Ledger, PLAN_SCHEMA, Pacer, Pair, Plan, Planned, QueueName, Route,
    SCHEMA, Terms, Treatment, Unwritten, overtaking,
};
use verifier_model::time::Timestamp;

use crate::dlq::{MessagesFile, not_evaluable, portions};
use crate::redrive::args::RedriveArgs;
use crate::redrive::ended::{Declined, Ended};
use crate::redrive::ledger_file::read_ledger;
use crate::redrive::planning::not_told;
use crate::redrive::queues::{name_of, who};
use crate::redrive::terms;
use crate::redrive::view;
use crate::resources::{parse, queue};
use crate::shell::args::ConnectionArgs;
use crate::shell::ask::{ask, can_ask};
use crate::shell::clock::RunClock;
use crate::shell::endpoint;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::journal::JournalFile;
use crate::shell::progress::Progress;

/// How often a message is offered to SQS.
const ATTEMPTS: u32 = 5;
/// How long after the first attempt the second one comes; each later one waits twice as long.
const BACKOFF: Duration = Duration::from_millis(200);
/// How a file is named where queues are named by their URLs.
const SCHEME: &str = "file:";

/// How it ended.
pub(super) enum Outcome {
    /// Nothing was to be sent.
    Nothing,
    /// The question was not answered with yes.
    Declined(Declined),
    Ended(Box<Ended>),
}

/// Whether a journal is of a redrive from a file.
pub(super) fn is_of_file(from: &QueueName) -> bool {
    from.url.starts_with(SCHEME)
}

/// Begins one.
pub(super) async fn run(
    args: RedriveArgs,
    file: &Path,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    if args.to.to_function.is_some() {
        return Err(Failure {
            next: Some(format!(
                "put them into a dead-letter queue with verifier dlq import {} --to QUEUE, and redrive that with --to-function",
                file.display()
            )),
            ..Failure::usage(
                "--from sends the messages of a file to queues, and --to-function means nothing to it",
            )
        });
    }
    let mut terms = terms::of(&args)?;
    terms.steps = Vec::new();
    let asks = !args.yes && !args.dry_run;
    if asks && !can_ask() {
        return Err(Failure {
            next: Some("look at it with --dry-run, then pass --yes".to_owned()),
            ..Failure::usage("confirmation is needed, and stdin is not a terminal")
        });
    }
    // All of it is read before anything is asked of AWS.
    let messages = MessagesFile::read(file)?;
    if let Some(note) = messages.note() {
        progress.say(&note);
    }
    let (clock, to) = if args.to.to.is_some() || args.to.to_stack.is_some() {
        to_one(&args, &messages).await?
    } else {
        terms.sources = sources(&messages, file)?;
        to_sources(&args.place.connection, &terms.sources).await?
    };
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let from = QueueName {
        arn: format!("the file {}", file.display()),
        url: format!("{SCHEME}{}", path.display()),
    };
    let named = match to.as_slice() {
        [to] if !terms.to_source() => name_of(&to.queue),
        _ => QueueName::default(),
    };
    let plan = plan(&messages, from, named, terms, clock.now())?;
    if args.dry_run || asks {
        progress.suspend(|| view::print_plan(&plan, clock.now(), args.format))?;
    }
    if args.dry_run {
        return Ok(Outcome::Nothing);
    }
    let question = format!(
        "Send {} messages of {} to {}?",
        plan.messages.len(),
        plan.from.arn,
        view::destination(&plan.to.arn)
    );
    if asks && !ask(&question, progress, interrupt).await {
        return Ok(Outcome::Declined(Declined::of(&plan)));
    }
    let redrive = format!("redrive-{:x}-{:08x}", clock.now().as_millis(), fastrand::u32(..));
    let journal = args.journal.clone().unwrap_or_else(|| PathBuf::from(format!("{redrive}.jsonl")));
    let journal = JournalFile::create(&journal)?;
    let mut ledger = Ledger::default();
    let Plan { from, to: named, terms, messages: planned, left_out, .. } = plan;
    let caller = match to.first() {
        Some(to) => who(&to.aws).await,
        None => "unknown".to_owned(),
    };
    let entries = [
        Entry::Started {
            schema: SCHEMA.to_owned(),
            redrive,
            at: clock.now(),
            who: caller,
            why: args.reason_note,
            from,
            to: named,
            terms: Box::new(terms),
        },
        Entry::Planned { messages: planned },
        Entry::NotSent { messages: left_out },
    ];
    for entry in entries {
        ledger.apply(&entry);
        journal.append_durably(&entry).await?;
    }
    let deadline = args.pace.deadline.map(|deadline| clock.now() + deadline);
    let sending = Sending::new(clock, to, journal, ledger, deadline, interrupt, progress)?;
    Ok(Outcome::Ended(Box::new(Box::pin(sending.run(&messages)).await)))
}

/// Goes on with one.
pub(super) async fn resume(
    args: RedriveArgs,
    path: &Path,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let journal = JournalFile::lock(path)?;
    let mut ledger = read_ledger(path)?;
    let Some(Entry::Started { from, to, terms, .. }) = ledger.started().cloned() else {
        return Err(Failure::usage("the journal does not say how the redrive began"));
    };
    let messages = MessagesFile::read(Path::new(from.url.trim_start_matches(SCHEME)))?;
    let named = if terms.to_source() { terms.sources.clone() } else { vec![to] };
    let (clock, to) = to_sources(&args.place.connection, &named).await?;
    let caller = match to.first() {
        Some(to) => who(&to.aws).await,
        None => "unknown".to_owned(),
    };
    let journal = journal.go_on()?;
    let entry = Entry::Resumed { at: clock.now(), who: caller, retry_bounced: false };
    ledger.apply(&entry);
    journal.append_durably(&entry).await?;
    let deadline = args.pace.deadline.map(|deadline| clock.now() + deadline);
    let sending = Sending::new(clock, to, journal, ledger, deadline, interrupt, progress)?;
    Ok(Outcome::Ended(Box::new(Box::pin(sending.run(&messages)).await)))
}

/// The queues that the messages of a file say they came from.
fn sources(messages: &MessagesFile, file: &Path) -> Result<Vec<QueueName>, Failure> {
    let mut arns = BTreeSet::new();
    for message in messages.messages()? {
        arns.extend(message?.source_arn);
    }
    if arns.is_empty() {
        return Err(Failure {
            next: Some("send them to a queue that you name with --to".to_owned()),
            ..Failure::usage(format!(
                "no message of {} says which queue it came from",
                file.display()
            ))
        });
    }
    Ok(arns.into_iter().map(|arn| QueueName { arn, url: String::new() }).collect())
}

/// The queue that all are sent to, by the command line.
async fn to_one(
    args: &RedriveArgs,
    messages: &MessagesFile,
) -> Result<(RunClock, Vec<ToQueue>), Failure> {
    let Some(named) = &args.to.to else {
        return Err(Failure {
            next: Some("name the queue with --to".to_owned()),
            ..Failure::usage("--to-stack means nothing to --from")
        });
    };
    let parsed = parse(named)?;
    if let (Some(asked), Some(said)) = (args.to.to_region.as_deref(), parsed.region())
        && asked != said
    {
        return Err(Failure::usage(format!("{named} is in {said}, and --to-region says {asked}")));
    }
    // Without another word it is where the messages were.
    let of_file = messages
        .messages()?
        .filter_map(Result::ok)
        .find_map(|message| QueueArn::parse(message.source_arn.as_ref()?));
    let region = args
        .to
        .to_region
        .clone()
        .or(parsed.region().map(str::to_owned))
        .or(args.place.connection.region.clone())
        .or(of_file.map(|arn| arn.region));
    let profile = args.to.to_profile.clone().or(args.place.connection.profile.clone());
    let connection = ConnectionArgs { region, profile, ..args.place.connection.clone() };
    let (connection, clock) = endpoint::reach(connection).await?;
    let destination = destination(&connection, named).await?;
    Ok((clock, vec![destination]))
}

/// The queues of those ARNs, each in its own region.
async fn to_sources(
    args: &ConnectionArgs,
    sources: &[QueueName],
) -> Result<(RunClock, Vec<ToQueue>), Failure> {
    let region_of = |arn: &str| QueueArn::parse(arn).map(|arn| arn.region);
    let first = sources.first().and_then(|source| region_of(&source.arn));
    let (connection, clock) =
        endpoint::reach(ConnectionArgs { region: first, ..args.clone() }).await?;
    let mut to = Vec::new();
    for source in sources {
        let region = region_of(&source.arn);
        to.push(destination(&Connection { region, ..connection.clone() }, &source.arn).await?);
    }
    Ok((clock, to))
}

async fn destination(connection: &Connection, named: &str) -> Result<ToQueue, Failure> {
    let aws = Aws::connect(connection).await;
    let queue = queue(&aws, connection.endpoint_url.as_deref(), named).await?;
    Ok(ToQueue { aws, queue })
}

/// A queue that messages of a file are sent to, and its client.
struct ToQueue {
    aws: Aws,
    queue: QueueEvidence,
}

/// Which messages of a file go, and which stay.
fn plan(
    messages: &MessagesFile,
    from: QueueName,
    to: QueueName,
    terms: Terms,
    now: Timestamp,
) -> Result<Plan, Failure> {
    let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
    let changes = terms.changes().map_err(|error| Failure::usage(error.to_string()))?;
    let most = terms.max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let (mut planned, mut left_out) = (Vec::new(), BTreeMap::new());
    for message in messages.messages()? {
        let message = &message?;
        // A file tells no reasons but those that a service has written on its messages.
        let cause = message.written_reason().map_or(Cause::Unknown, Cause::Told);
        let selects = filter.selects(message, &cause, now);
        match selects.map_err(|error| not_evaluable(&error))? {
            Selects::Yes if planned.len() < most => {}
            Selects::NotTold => {
                left_out.insert(message.message_id.clone(), not_told(&message.message_id, &cause));
                continue;
            }
            Selects::Yes | Selects::No => continue,
        }
        let sent = changes.apply(message).map_err(|error| error.to_string());
        let sent = sent.and_then(|sent| terms.too_often(message).map_or(Ok(sent), Err));
        match (terms.route(message), sent) {
            (Route::To(_), Ok(_)) => planned.push(Planned::of(message, &cause)),
            (Route::To(_), Err(why)) | (Route::Unknown(why), _) => {
                left_out.insert(message.message_id.clone(), why);
            }
            (Route::Other, _) => {}
        }
    }
    Ok(Plan {
        schema: PLAN_SCHEMA.to_owned(),
        at: now,
        from,
        to,
        terms: Terms { is_planned: true, ..terms },
        messages: planned,
        left_out,
        preview: Vec::new(),
        looked_at: messages.count(),
        in_flight: 0,
        not_reachable: 0,
        incomplete_because: None,
    })
}

/// A message that is going to be sent, and the number of its destination.
struct Going {
    to: usize,
    resend: Resend,
    original: Option<DeadLetter>,
    redrives: Option<u32>,
    size_bytes: usize,
}

/// Sending messages of a file.
struct Sending<'a> {
    clock: RunClock,
    to: Vec<ToQueue>,
    journal: JournalFile,
    ledger: Ledger,
    name: String,
    terms: Terms,
    changes: Changes,
    pacer: Pacer,
    deadline: Option<Timestamp>,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    /// Message groups of FIFO queues of which one could not be sent.
    blocked: BTreeSet<(usize, Option<String>)>,
}

impl<'a> Sending<'a> {
    fn new(
        clock: RunClock,
        to: Vec<ToQueue>,
        journal: JournalFile,
        ledger: Ledger,
        deadline: Option<Timestamp>,
        interrupt: &'a Interrupt,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let Some(Entry::Started { terms, redrive, .. }) = ledger.started().cloned() else {
            return Err(Failure::usage("the journal does not say how the redrive began"));
        };
        let changes = terms.changes().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self {
            clock,
            to,
            journal,
            ledger,
            name: redrive,
            pacer: Pacer::new(terms.rate),
            terms: *terms,
            changes,
            deadline,
            interrupt,
            progress,
            blocked: BTreeSet::new(),
        })
    }

    /// Sends what was planned and not sent yet; says how it ended.
    async fn run(mut self, messages: &MessagesFile) -> Ended {
        let (stopped, failure) = match self.send_all(messages).await {
            Ok(stopped) => (stopped, None),
            Err(failure) => (Some(failure.what.clone()), Some(failure)),
        };
        let mut accounting = self.ledger.accounting(0);
        // What is not sent yet is in the file.
        accounting.left = std::mem::take(&mut accounting.not_reached);
        let at = self.clock.now();
        let _ = self.note(&Entry::Ended { at, stopped: stopped.clone(), accounting }).await;
        let calls = self.to.first().map(|to| to.aws.calls().counts()).unwrap_or_default();
        let journal = self.journal.path().to_owned();
        let unwritten = Unwritten::of(self.journal.unwritten().iter().map(String::as_str));
        Ended { stopped, failure, accounting, ledger: self.ledger, journal, unwritten, calls }
    }

    async fn send_all(&mut self, messages: &MessagesFile) -> Result<Option<String>, Failure> {
        for portion in portions(messages.messages()?) {
            if let Some(why) = self.send_portion(&portion?).await? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    async fn send_portion(&mut self, messages: &[DeadLetter]) -> Result<Option<String>, Failure> {
        let going = self.going(messages);
        let all = self.ledger.planned() as u64;
        let mut of_each: Vec<Vec<Going>> = self.to.iter().map(|_| Vec::new()).collect();
        for each in going {
            if let Some(list) = of_each.get_mut(each.to) {
                list.push(each);
            }
        }
        for (number, going) in of_each.into_iter().enumerate() {
            let sizes: Vec<usize> = going.iter().map(|going| going.size_bytes).collect();
            let limit = self.to[number].queue.message_bytes_max();
            let mut going = going.into_iter();
            for range in batches(&sizes, limit) {
                let mut rest: Vec<Going> = going.by_ref().take(range.len()).collect();
                while !rest.is_empty() {
                    let later = rest.split_off(self.pacer.batch_max().min(rest.len()));
                    if let Some(why) = self.stop().await {
                        return Ok(Some(why));
                    }
                    self.send(number, std::mem::replace(&mut rest, later)).await?;
                    let label = queue_label(self.to[number].queue.arn());
                    self.progress
                        .measure_often(self.ledger.replayed(), Some(all), || format!("to {label}"));
                }
            }
        }
        Ok(None)
    }

    /// The messages that are planned and were not sent, as they go.
    fn going(&mut self, messages: &[DeadLetter]) -> Vec<Going> {
        let mut going = Vec::new();
        for message in messages {
            let treatment = self.ledger.treatment(&message.message_id, || message.content_sha256());
            let Route::To(to) = self.terms.route(message) else { continue };
            if treatment != Treatment::Send || to >= self.to.len() {
                continue;
            }
            // It could be changed when it was planned.
            let Ok(changed) = self.changes.apply(message) else { continue };
            let queue = &self.to[to].queue;
            let (sent, redrives) = self.terms.counted(changed, message, queue.message_bytes_max());
            going.push(Going {
                to,
                redrives,
                size_bytes: sent.size_bytes(),
                resend: sent.resend(&self.name, queue.is_fifo()),
                original: (!self.changes.is_nothing()).then(|| message.clone()),
            });
        }
        going
    }

    /// Why it is to go no further; waits for its turn before that.
    async fn stop(&mut self) -> Option<String> {
        let now = self.clock.now();
        let at = self.pacer.turn(self.pacer.batch_max(), now);
        if at > now {
            tokio::select! {
                () = self.clock.sleep_until(at) => {}
                () = self.interrupt.asked() => {}
            }
        }
        if self.interrupt.is_asked() {
            return Some("it was interrupted".to_owned());
        }
        let is_over = self.deadline.is_some_and(|deadline| self.clock.now() >= deadline);
        is_over.then(|| "its time is over (--deadline)".to_owned())
    }

    async fn send(&mut self, number: usize, batch: Vec<Going>) -> Result<(), Failure> {
        let is_fifo = self.to[number].queue.is_fifo();
        let is_blocked = |going: &Going, blocked: &BTreeSet<(usize, Option<String>)>| {
            is_fifo && blocked.contains(&(number, going.resend.group_id.clone()))
        };
        let (behind, mut pending): (Vec<Going>, Vec<Going>) =
            batch.into_iter().partition(|going| is_blocked(going, &self.blocked));
        self.leave(&behind, "it is behind one of its group that could not be sent").await?;
        if pending.is_empty() {
            return Ok(());
        }
        let messages = pending
            .iter()
            .map(|going| Intended {
                id: going.resend.from.clone(),
                original: going.original.clone(),
                redrives: going.redrives,
            })
            .collect();
        self.note(&Entry::Intent { at: self.clock.now(), messages }).await?;
        let mut pause = BACKOFF;
        for attempt in 1..=ATTEMPTS {
            let resends: Vec<Resend> = pending.iter().map(|going| going.resend.clone()).collect();
            let to = &self.to[number];
            let answers = to.aws.resend(&to.queue, &resends).await;
            let is_last = attempt == ATTEMPTS;
            let confirmed = answers.iter().map(|answer| matches!(answer, Sent::Confirmed { .. }));
            let entries = resends.iter().map(|resend| resend.group_id.as_deref()).zip(confirmed);
            let ids: Vec<String> =
                overtaking(entries).into_iter().map(|index| resends[index].from.clone()).collect();
            if is_fifo && !ids.is_empty() {
                self.note(&Entry::OutOfOrder { ids }).await?;
            }
            pending = self.take(number, pending, &answers, is_last).await?;
            if pending.is_empty() {
                break;
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// Writes down what became of messages; gives those that are to be offered again.
    async fn take(
        &mut self,
        number: usize,
        batch: Vec<Going>,
        answers: &[Sent],
        is_last: bool,
    ) -> Result<Vec<Going>, Failure> {
        let (mut again, mut sent) = (Vec::new(), Vec::new());
        for (going, answer) in batch.into_iter().zip(answers) {
            let from = going.resend.from.clone();
            match answer {
                Sent::Confirmed { message_id, trace_lost } => {
                    if *trace_lost {
                        self.note(&Entry::TraceLost { ids: vec![from.clone()] }).await?;
                    }
                    sent.push(Pair {
                        from,
                        to: message_id.clone(),
                        queue: self.terms.sources.get(number).map(|queue| queue.arn.clone()),
                    });
                }
                Sent::Refused { may_be_retried: true, .. } if !is_last => again.push(going),
                Sent::Refused { why, .. } => {
                    self.blocked.insert((number, going.resend.group_id.clone()));
                    self.leave(&[going], why).await?;
                }
                Sent::Unknown { why } => {
                    self.note(&Entry::Ambiguous { ids: vec![from], why: why.clone() }).await?;
                    if is_last {
                        self.blocked.insert((number, going.resend.group_id.clone()));
                        let messages = BTreeMap::from([(going.resend.from.clone(), ATTEMPTS)]);
                        self.note(&Entry::Unconfirmed { messages, why: why.clone() }).await?;
                    } else {
                        again.push(going);
                    }
                }
            }
        }
        if !sent.is_empty() {
            // Nothing is deleted: the file keeps what it has.
            let ids = sent.iter().map(|pair| pair.from.clone()).collect();
            self.note(&Entry::Sent { messages: sent }).await?;
            self.note(&Entry::Deleted { ids }).await?;
        }
        Ok(again)
    }

    async fn leave(&mut self, going: &[Going], why: &str) -> Result<(), Failure> {
        if going.is_empty() {
            return Ok(());
        }
        let messages =
            going.iter().map(|going| (going.resend.from.clone(), why.to_owned())).collect();
        self.note(&Entry::NotSent { messages }).await
    }

    async fn note(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.ledger.apply(entry);
        self.journal.append_durably(entry).await
    }
}
