//! Looking at the letters that are meant, with the reasons that they died of.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_core::dead_letters::{Letter, ReceiveCounts, Stories, Unreached, source_counts};
use verifier_model::time::Timestamp;

use super::{Looking, Place, Selection, look_with, not_evaluable, stories};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How long reading a log may take, in wall time.
const LOG_TIMEOUT: Duration = Duration::from_mins(5);
/// A letter that is kept for less than this is warned of.
const EXPIRES_SOON: Duration = Duration::from_hours(24);

/// What the consumer's log told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Nobody asked it.
    NotAsked,
    /// It was read to its end.
    Read { group: String },
    /// None is known.
    None,
    /// It could not be read.
    Unreadable { group: String, why: String },
}

/// What the log told, and whether it could.
pub(crate) struct Told {
    pub(crate) log: Log,
    pub(crate) stories: Stories,
}

impl Told {
    fn nothing(log: Log) -> Self {
        Self { log, stories: Stories::default() }
    }
}

/// The letters that are meant, what it cost to see them, and whether there may be more.
pub(crate) struct Seen {
    pub(crate) queue: String,
    /// Its ARN, in which its account and region are.
    pub(crate) queue_arn: String,
    /// How many of those that were looked at came from which queue; `None` for those that do not say.
    pub(crate) sources: Vec<(Option<String>, usize)>,
    /// The queue that was named, whose messages alone are selected.
    pub(crate) selected_source: Option<String>,
    pub(crate) at: Timestamp,
    pub(crate) retention: Option<Duration>,
    /// Those that are meant, the oldest first.
    pub(crate) letters: Vec<Letter>,
    pub(crate) told: Told,
    /// How many were looked at.
    pub(crate) looked_at: usize,
    /// How many receives that took.
    pub(crate) receives: u64,
    /// How often letters had been received before, and have been since.
    pub(crate) counts: ReceiveCounts,
    /// How often each operation of AWS was called.
    pub(crate) calls: BTreeMap<String, u32>,
    /// Why there may be more; `None` when there are none.
    pub(crate) incomplete: Option<String>,
    /// What is there and was not reached.
    pub(crate) unreached: Unreached,
    /// Letters that could not be handed back, each with the reason.
    pub(crate) not_handed_back: Vec<(String, String)>,
}

impl Seen {
    /// Why a letter died, if it is known.
    pub(crate) fn reason(&self, letter: &Letter) -> Option<&str> {
        self.told.stories.reason(&letter.message_id)
    }

    /// How long a letter is kept yet.
    pub(crate) fn time_to_expiry(&self, letter: &Letter) -> Option<Duration> {
        letter.time_to_expiry(self.at, self.retention?)
    }

    /// Whether a letter is gone within a day.
    pub(crate) fn expires_soon(&self, letter: &Letter) -> bool {
        self.time_to_expiry(letter).is_some_and(|left| left < EXPIRES_SOON)
    }

    /// Whether something is left to do: others hold messages, which nobody has seen, or letters are still hidden.
    pub(crate) fn is_partial(&self) -> bool {
        self.unreached.may_come() || !self.not_handed_back.is_empty()
    }

    /// How many are gone within a day.
    pub(crate) fn soon_gone(&self) -> usize {
        self.letters.iter().filter(|letter| self.expires_soon(letter)).count()
    }
}

/// Looks at the letters that are meant. The log is asked if reasons are wanted, or if the filter needs them.
pub(crate) async fn see(
    place: &Place,
    selection: &Selection,
    with_reasons: bool,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Seen, Failure> {
    // How many are wanted is counted of those that came from the queue that was named.
    let most = match place.sources.selected {
        Some(_) => usize::MAX,
        None => selection.looked_at_most(),
    };
    let looking = Looking { most, sought: None, wait: selection.wait, progress };
    let look = look_with(place, &looking, interrupt).await?;
    let told = if with_reasons || selection.filter.needs_reasons() {
        tell(place, &look.letters, interrupt).await
    } else {
        Told::nothing(Log::NotAsked)
    };
    let at = place.clock.now();
    let looked_at = look.letters.len();
    let sources = source_counts(&look.letters);
    let letters: Vec<Letter> =
        look.letters.into_iter().filter(|letter| place.sources.selects(letter)).collect();
    let letters = selected(letters, selection, &told.stories, at)?;
    Ok(Seen {
        queue: place.dead_letters.name.clone(),
        queue_arn: place.dead_letters.arn().to_owned(),
        sources,
        selected_source: place.sources.selected.clone(),
        at,
        retention: place.retention(),
        letters,
        told,
        looked_at,
        receives: look.receives,
        counts: look.counts,
        calls: place.aws.calls().counts(),
        incomplete: look.cut_short,
        unreached: look.unreached,
        not_handed_back: look.not_handed_back,
    })
}

fn selected(
    letters: Vec<Letter>,
    selection: &Selection,
    stories: &Stories,
    at: Timestamp,
) -> Result<Vec<Letter>, Failure> {
    let mut selected = Vec::new();
    for letter in letters {
        let reason = stories.reason(&letter.message_id);
        let is_met = selection.filter.is_met(&letter, reason, at);
        if is_met.map_err(|error| not_evaluable(&error))? {
            selected.push(letter);
        }
    }
    selected.truncate(selection.wanted_most());
    Ok(selected)
}

/// Asks the log about letters. What it does not tell is unknown, and no failure.
pub(crate) async fn tell(place: &Place, letters: &[Letter], interrupt: &Interrupt) -> Told {
    let mut told = ask_log(place, letters, interrupt).await;
    told.stories.take_attributes(letters);
    told
}

async fn ask_log(place: &Place, letters: &[Letter], interrupt: &Interrupt) -> Told {
    let Some(group) = place.log_group.clone() else {
        return Told::nothing(Log::None);
    };
    let ids: Vec<String> = letters.iter().map(|letter| letter.message_id.clone()).collect();
    let since = letters.iter().filter_map(|letter| letter.sent_at).min().unwrap_or_default();
    let why = tokio::select! {
        read = stories(place, &ids, since) => match read {
            None => return Told::nothing(Log::None),
            Some(Ok(stories)) => return Told { log: Log::Read { group }, stories },
            Some(Err(error)) => error.to_string(),
        },
        () = tokio::time::sleep(LOG_TIMEOUT) => {
            format!("it was not read to its end within {} s", LOG_TIMEOUT.as_secs())
        }
        () = interrupt.asked() => "it was interrupted".to_owned(),
    };
    Told::nothing(Log::Unreadable { group, why })
}
