//! Looking at the messages that are meant, with the reasons that they died of.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_core::dead_letters::{
    AttemptLog, Cause, DeadLetter, ReceiveCounts, Selects, Service, Unreached, service_counts,
    source_counts,
};
use verifier_model::time::Timestamp;

use super::{
    DlqTarget, Keeps, Looking, ReasonDepth, Selection, Spool, look_with, not_evaluable, read_logs,
};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How long reading a log may take, in wall time.
const LOG_TIMEOUT: Duration = Duration::from_mins(5);
/// A message that is kept for less than this is warned of.
const EXPIRES_SOON: Duration = Duration::from_hours(24);

/// What the consumers' logs told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Nobody asked it.
    NotAsked,
    /// They were read to their end.
    Read { groups: Vec<String> },
    /// None is known.
    None,
    /// One could not be read; others may have been.
    Unreadable { group: String, why: String },
}

/// What the log told, and whether it could.
pub(crate) struct Evidence {
    pub(crate) log: Log,
    pub(crate) attempt_log: AttemptLog,
}

impl Evidence {
    fn nothing(log: Log) -> Self {
        Self { log, attempt_log: AttemptLog::default() }
    }
}

/// The messages that are meant, what it cost to see them, and whether there may be more.
pub(crate) struct Seen {
    pub(crate) queue: String,
    /// Its ARN, in which its account and region are.
    pub(crate) queue_arn: String,
    /// How many of those that were looked at came from which queue; `None` for those that do not say.
    pub(crate) sources: Vec<(Option<String>, usize)>,
    /// How many of them each service has put here, among those.
    pub(crate) services: Vec<(Service, usize)>,
    /// The queue that was named, whose messages alone are selected.
    pub(crate) selected_source: Option<String>,
    pub(crate) at: Timestamp,
    pub(crate) retention: Option<Duration>,
    /// The heads of those that are meant, the oldest first.
    pub(crate) messages: Vec<DeadLetter>,
    /// Those that would be, if their reasons were told: their ids, each with what is known.
    pub(crate) left_out: Vec<(String, Cause)>,
    /// Where the whole of each is, where it is wanted.
    pub(crate) keeps: Keeps,
    pub(crate) told: Evidence,
    /// How many were looked at.
    pub(crate) looked_at: usize,
    /// How many receives that took.
    pub(crate) receives: u64,
    /// How often messages had been received before, and have been since.
    pub(crate) counts: ReceiveCounts,
    /// How often each operation of AWS was called.
    pub(crate) calls: BTreeMap<String, u32>,
    /// Why there may be more; `None` when there are none.
    pub(crate) incomplete: Option<String>,
    /// What is there and was not reached.
    pub(crate) unreached: Unreached,
    /// Messages that could not be made visible again, each with the reason.
    pub(crate) not_released: Vec<(String, String)>,
}

impl Seen {
    /// The whole of a message.
    pub(crate) fn whole(&self, head: &DeadLetter) -> Result<DeadLetter, Failure> {
        match &self.keeps {
            Keeps::Spooled(spool) => spool.whole(head),
            Keeps::Heads | Keeps::Whole => Ok(head.clone()),
        }
    }

    /// Why a message failed, and how that is known.
    pub(crate) fn cause(&self, message: &DeadLetter) -> Cause {
        self.told.attempt_log.cause(&message.message_id)
    }

    /// Whether why any of them failed is known.
    pub(crate) fn has_reasons(&self) -> bool {
        self.messages.iter().any(|message| self.cause(message).reason().is_some())
    }

    /// How long a message is kept yet.
    pub(crate) fn time_to_expiry(&self, message: &DeadLetter) -> Option<Duration> {
        message.time_to_expiry(self.at, self.retention?)
    }

    /// Whether a message is gone within a day.
    pub(crate) fn expires_soon(&self, message: &DeadLetter) -> bool {
        self.time_to_expiry(message).is_some_and(|left| left < EXPIRES_SOON)
    }

    /// Whether messages may be missing that were asked for, or are still hidden. Who asked for so many at most has them.
    pub(crate) fn is_partial(&self, max: Option<usize>) -> bool {
        let is_as_asked = max.is_some_and(|max| self.messages.len() >= max);
        let is_missing = self.incomplete.is_some() && !is_as_asked;
        is_missing || !self.not_released.is_empty()
    }

    /// How many are gone within a day.
    pub(crate) fn soon_gone(&self) -> usize {
        self.messages.iter().filter(|message| self.expires_soon(message)).count()
    }
}

/// Looks at the messages that are meant. The log is asked if reasons are wanted, or if the filter needs them. Without a spool
/// there is their content only while it is looked at.
pub(crate) async fn see(
    place: &DlqTarget,
    selection: &Selection,
    with_reasons: bool,
    spool: Option<Spool>,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Seen, Failure> {
    // How many are wanted is counted of those that came from the queue that was named.
    let most = match place.sources.selected {
        Some(_) => usize::MAX,
        None => selection.looked_at_most(),
    };
    let looking = Looking { most, sought: None, wait: selection.wait, progress };
    // A filter may be about the content.
    let spool = spool.or_else(|| (!selection.filter.is_everything()).then(Spool::new));
    let keeps = spool.map_or(Keeps::Heads, Keeps::Spooled);
    let look = look_with(place, &looking, keeps, interrupt).await?;
    let told = if with_reasons || selection.filter.needs_reasons() {
        tell(place, &look.messages, interrupt).await
    } else {
        Evidence::nothing(Log::NotAsked)
    };
    let at = place.clock.now();
    let looked_at = look.messages.len();
    let (sources, services) = (source_counts(&look.messages), service_counts(&look.messages));
    let messages: Vec<DeadLetter> =
        look.messages.into_iter().filter(|message| place.sources.selects(message)).collect();
    let (messages, left_out) = selected(messages, &look.keeps, selection, &told.attempt_log, at)?;
    Ok(Seen {
        queue: place.dead_letters.name.clone(),
        queue_arn: place.dead_letters.arn().to_owned(),
        sources,
        services,
        selected_source: place.sources.selected.clone(),
        at,
        retention: place.retention(),
        messages,
        left_out,
        keeps: look.keeps,
        told,
        looked_at,
        receives: look.receives,
        counts: look.counts,
        calls: place.aws.calls().counts(),
        incomplete: look.cut_short,
        unreached: look.unreached,
        not_released: look.not_released,
    })
}

type Selected = (Vec<DeadLetter>, Vec<(String, Cause)>);

/// Those that are meant, and those that a reason would select which is not told.
fn selected(
    messages: Vec<DeadLetter>,
    keeps: &Keeps,
    selection: &Selection,
    attempt_log: &AttemptLog,
    at: Timestamp,
) -> Result<Selected, Failure> {
    let (mut selected, mut left_out) = (Vec::new(), Vec::new());
    for message in messages {
        let cause = attempt_log.cause(&message.message_id);
        let selects = match keeps {
            Keeps::Spooled(spool) => selection.filter.selects(&spool.whole(&message)?, &cause, at),
            Keeps::Heads | Keeps::Whole => selection.filter.selects(&message, &cause, at),
        };
        match selects.map_err(|error| not_evaluable(&error))? {
            Selects::Yes => selected.push(message),
            Selects::NotTold => {
                left_out.push((message.message_id, cause));
            }
            Selects::No => {}
        }
    }
    selected.truncate(selection.wanted_most());
    Ok((selected, left_out))
}

/// Asks the log about messages. What it does not tell is unknown, and no failure.
pub(crate) async fn tell(
    place: &DlqTarget,
    messages: &[DeadLetter],
    interrupt: &Interrupt,
) -> Evidence {
    let mut told = ask_log(place, messages, interrupt).await;
    told.attempt_log.take_attributes(messages);
    told
}

async fn ask_log(place: &DlqTarget, messages: &[DeadLetter], interrupt: &Interrupt) -> Evidence {
    let all: Vec<&DeadLetter> = messages.iter().collect();
    let since = messages.iter().filter_map(|message| message.sent_at).min().unwrap_or_default();
    let unreadable = |group: String, why: String| Log::Unreadable { group, why };
    let why = tokio::select! {
        logs = read_logs(place, &all, since, ReasonDepth::Invocations) => {
            let log = match logs.unreadable.into_iter().next() {
                Some((group, why)) => unreadable(group, why),
                None if logs.groups.is_empty() => Log::None,
                None => Log::Read { groups: logs.groups },
            };
            return Evidence { log, attempt_log: logs.attempt_log };
        }
        () = tokio::time::sleep(LOG_TIMEOUT) => {
            format!("it was not read to its end within {} s", LOG_TIMEOUT.as_secs())
        }
        () = interrupt.asked() => "it was interrupted".to_owned(),
    };
    let group = place.log_group.clone().unwrap_or_else(|| "of the consumers".to_owned());
    Evidence::nothing(unreadable(group, why))
}
