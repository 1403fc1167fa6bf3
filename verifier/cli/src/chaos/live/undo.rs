//! Changing parts of a stack so that everything can be put back, also by another process.

use std::path::Path;
use std::time::Duration;

use verifier_aws::{Aws, AwsError};
use verifier_core::chaos::{Configuration, Part, UndoEntry, UndoLedger, desired};
use verifier_core::chaos::{Setting, StackParts};

use crate::clock::RunClock;
use crate::failure::Failure;
use crate::journal::{JournalFile, failed};

/// How long a mapping or a function may take to get where it was told to. AWS names no time; minutes are seen.
const SETTLES_WITHIN: Duration = Duration::from_mins(10);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often a part is told to be as it was, where AWS refuses for now.
const ATTEMPTS: u32 = 6;

/// What is changed, and the journal that it stands in.
pub(crate) struct Undo {
    aws: Aws,
    clock: RunClock,
    journal: JournalFile,
    ledger: UndoLedger,
}

impl Undo {
    /// Begins a new journal.
    pub(crate) async fn begin(
        (aws, clock): (Aws, RunClock),
        path: &Path,
        started: UndoEntry,
    ) -> Result<Self, Failure> {
        let journal = JournalFile::create(path)?;
        let mut undo = Self { aws, clock, journal, ledger: UndoLedger::default() };
        undo.note(started).await?;
        Ok(undo)
    }

    /// Goes on with a journal, to put back what stands in it.
    pub(crate) fn reopen((aws, clock): (Aws, RunClock), path: &Path) -> Result<Self, Failure> {
        // The lock first: what another process is writing is not to be read.
        let journal = JournalFile::reopen(path)?;
        let ledger = read(path)?;
        Ok(Self { aws, clock, journal, ledger })
    }

    /// Where the journal is.
    pub(crate) fn journal(&self) -> &str {
        self.journal.path()
    }

    /// What was written down.
    pub(crate) fn ledger(&self) -> &UndoLedger {
        &self.ledger
    }

    async fn note(&mut self, entry: UndoEntry) -> Result<(), Failure> {
        self.ledger.apply(&entry);
        self.journal.append_durably(&entry).await
    }

    /// Brings a part to what it has to be while these settings are in force. How it was is on the disk before that.
    pub(crate) async fn change(
        &mut self,
        parts: &StackParts,
        part: &Part,
        settings: &[Setting],
    ) -> Result<(), Failure> {
        let before = self.saved(part).await?;
        let of_part: Vec<Setting> = settings
            .iter()
            .copied()
            .filter(|setting| parts.of(*setting).as_ref() == Some(part))
            .collect();
        self.configure(part, &desired(&before, &of_part)).await
    }

    /// Gives a part another configuration. How it was is on the disk before that.
    pub(crate) async fn set(&mut self, part: &Part, wanted: &Configuration) -> Result<(), Failure> {
        self.saved(part).await?;
        self.configure(part, wanted).await
    }

    async fn saved(&mut self, part: &Part) -> Result<Configuration, Failure> {
        if let Some(before) = self.ledger.before(part) {
            return Ok(before.clone());
        }
        self.settle(part).await?;
        let before = self.aws.configuration(part).await?;
        self.note(UndoEntry::Saved { part: part.clone(), before: before.clone() }).await?;
        Ok(before)
    }

    /// Puts everything back, the last change first. What cannot be put back is named, and does not keep the others from it.
    pub(crate) async fn put_back(&mut self) -> Vec<(Part, Failure)> {
        let mut not_done = Vec::new();
        for (part, before) in self.ledger.open() {
            match self.restore(&part, &before).await {
                Ok(()) => {}
                Err(failure) => not_done.push((part, failure)),
            }
        }
        not_done
    }

    async fn restore(&mut self, part: &Part, before: &Configuration) -> Result<(), Failure> {
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match self.configure(part, before).await {
                Ok(()) => {
                    let at = self.clock.now();
                    return self.note(UndoEntry::Restored { part: part.clone(), at }).await;
                }
                Err(error) => failure = Some(error),
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Err(failure.unwrap_or_else(|| not_so(part)))
    }

    /// Tells a part to be so, and waits until it reads so.
    async fn configure(&self, part: &Part, wanted: &Configuration) -> Result<(), Failure> {
        self.settle(part).await?;
        if self.aws.configuration(part).await? == *wanted {
            return Ok(());
        }
        self.aws.configure(part, wanted).await?;
        self.settle(part).await?;
        let until = self.clock.now() + reads_back_within(part);
        while self.aws.configuration(part).await? != *wanted {
            if self.clock.now() >= until {
                return Err(not_so(part));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Waits until a mapping or a function is where it was told to be; another part is at once.
    async fn settle(&self, part: &Part) -> Result<(), Failure> {
        let until = self.clock.now() + SETTLES_WITHIN;
        while !self.is_settled(part).await? {
            if self.clock.now() >= until {
                return Err(Failure::environment(format!(
                    "{} was not where it was told to be within {} s",
                    name(part),
                    SETTLES_WITHIN.as_secs()
                )));
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn is_settled(&self, part: &Part) -> Result<bool, AwsError> {
        match part {
            Part::Mapping { uuid } => Ok(self.aws.mapped(uuid).await?.is_settled),
            Part::Function { function } => Ok(self.aws.configured(function).await?.1),
            Part::Concurrency { .. } | Part::QueueTag { .. } | Part::Queue { .. } => Ok(true),
        }
    }
}

/// How long a part may read as it was before. A queue's attributes take up to a minute to be known everywhere.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
fn reads_back_within(part: &Part) -> Duration {
    match part {
        Part::Queue { .. } => Duration::from_secs(90),
        _ => Duration::ZERO,
    }
}

fn not_so(part: &Part) -> Failure {
    Failure::environment(format!(
        "{} is not as it was told to be: somebody else changes it",
        name(part)
    ))
}

/// A part, in words.
pub(crate) fn name(part: &Part) -> String {
    match part {
        Part::Concurrency { function } => format!("the reserved concurrency of {function}"),
        Part::Mapping { uuid } => format!("the event source mapping {uuid}"),
        Part::QueueTag { key, .. } => format!("the tag {key} of the jobs queue"),
        Part::Queue { queue_url } => {
            let queue = queue_url.rsplit('/').next().unwrap_or(queue_url);
            format!("the visibility timeout and redrive policy of {queue}")
        }
        Part::Function { function } => format!("the timeout and memory of {function}"),
    }
}

/// What an undo journal tells.
pub(crate) fn read(path: &Path) -> Result<UndoLedger, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| failed(path, "read", &error))?;
    UndoLedger::read(&text).map_err(|error| Failure {
        next: Some("restore it from a copy; nothing was done".to_owned()),
        ..Failure::usage(format!("{}: {error}", path.display()))
    })
}
