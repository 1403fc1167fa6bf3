//! Changing parts of a stack so that everything can be put back, also by another process.

use std::path::Path;
use std::time::Duration;

use verifier_aws::{Aws, AwsError};
use verifier_core::chaos::{Configuration, Part, UndoEntry, UndoLedger, desired};
use verifier_core::chaos::{Setting, StackParts};
use verifier_core::check::StackResource;

use crate::clock::RunClock;
use crate::failure::Failure;
use crate::journal::{JournalFile, failed};

/// How long a mapping or a function may take to get where it was told to. AWS names no time; minutes are seen.
const SETTLES_WITHIN: Duration = Duration::from_mins(10);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long after it is set a tag is read again, to see who has set it last.
const CLAIM_SETTLES: Duration = Duration::from_secs(2);
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

    async fn saved(&mut self, part: &Part) -> Result<Configuration, Failure> {
        if let Some(before) = self.ledger.before(part) {
            return Ok(before.clone());
        }
        self.settle(part).await?;
        let before = self.aws.configuration(part).await?;
        self.note(UndoEntry::Saved { part: part.clone(), before: before.clone() }).await?;
        Ok(before)
    }

    /// Tags a queue as this run's own, unless it is somebody's. Of two who do so at once the later one has it; says what the
    /// tag says when that is the other.
    pub(crate) async fn claim(
        &mut self,
        part: &Part,
        wanted: &Configuration,
    ) -> Result<Option<String>, Failure> {
        let before = self.aws.configuration(part).await?;
        if let Configuration::QueueTag { value: Some(value) } = before {
            return Ok(Some(value));
        }
        self.note(UndoEntry::Saved { part: part.clone(), before }).await?;
        self.aws.configure(part, wanted).await?;
        self.clock.sleep(CLAIM_SETTLES).await;
        let now = self.aws.configuration(part).await?;
        if now == *wanted {
            return Ok(None);
        }
        // It is not this run's to take away.
        self.note(UndoEntry::Restored { part: part.clone(), at: self.clock.now() }).await?;
        let Configuration::QueueTag { value } = now else { return Err(not_so(part)) };
        Ok(Some(value.unwrap_or_default()))
    }

    /// Puts everything back, the last change first. What cannot be put back is named, and keeps only the tag from it that says
    /// so. Of `resources`, those of the stack, each part has to be one, where they are given: a journal may name any, and a
    /// deployment may have taken one away.
    pub(crate) async fn put_back(
        &mut self,
        resources: Option<&[StackResource]>,
    ) -> Vec<(Part, Failure)> {
        let mut not_done = Vec::new();
        for (part, before) in self.ledger.open() {
            if resources.is_some_and(|resources| !part.belongs_to(resources)) {
                let why = "it is no resource of the stack, and is left as it is";
                not_done.push((part, Failure::environment(why)));
                continue;
            }
            if matches!(part, Part::QueueTag { .. }) && !not_done.is_empty() {
                let why = "it says that something else was not put back";
                not_done.push((part, Failure::environment(why)));
                continue;
            }
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
            // Written in any case: what it reads may be older than what this experiment told it last.
            match self.tell(part, before).await {
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

    /// Tells a part to be so, if it is not, and waits until it reads so.
    async fn configure(&self, part: &Part, wanted: &Configuration) -> Result<(), Failure> {
        self.settle(part).await?;
        if self.aws.configuration(part).await? == *wanted {
            return Ok(());
        }
        self.tell(part, wanted).await
    }

    async fn tell(&self, part: &Part, wanted: &Configuration) -> Result<(), Failure> {
        self.settle(part).await?;
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
        Part::QueueTag { key, queue_url } => {
            format!("the tag {key} of {}", queue_url.rsplit('/').next().unwrap_or(queue_url))
        }
        Part::Queue { queue_url } => {
            let queue = queue_url.rsplit('/').next().unwrap_or(queue_url);
            format!("the visibility timeout and redrive policy of {queue}")
        }
        Part::Function { function } => format!("the timeout and memory of {function}"),
    }
}

/// What an undo journal tells.
pub(crate) fn read(path: &Path) -> Result<UndoLedger, Failure> {
    let text = crate::files::read_text(path).map_err(|error| failed(path, "read", &error))?;
    UndoLedger::read(&text).map_err(|error| Failure {
        next: Some("restore it from a copy; nothing was done".to_owned()),
        ..Failure::usage(format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use verifier_core::chaos::UNDO_SCHEMA;

    use super::*;
    use crate::stand::Stand;

    fn tag(stand: &Stand) -> Part {
        Part::QueueTag { queue_url: stand.url.clone(), key: "lease".to_owned() }
    }

    async fn undo(stand: &Stand, folder: &TempDir, name: &str) -> Undo {
        let at = stand.client().await;
        let started = UndoEntry::Started {
            schema: UNDO_SCHEMA.to_owned(),
            run: name.to_owned(),
            stack: "Stand".to_owned(),
            region: "us-local-1".to_owned(),
            at: at.1.now(),
        };
        Undo::begin(at, &folder.path().join(name), started).await.unwrap()
    }

    fn value(name: &str) -> Configuration {
        Configuration::QueueTag { value: Some(name.to_owned()) }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_two_who_claim_at_once_one_has_it_and_the_other_leaves_it_alone() {
        let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
        let tag = tag(&stand);
        let (mut one, mut other) =
            (undo(&stand, &folder, "one").await, undo(&stand, &folder, "other").await);
        let (ours, theirs) = (value("one"), value("other"));
        let (first, second) = tokio::join!(one.claim(&tag, &ours), other.claim(&tag, &theirs));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!([&first, &second].iter().filter(|taken| taken.is_none()).count(), 1);
        let (loser, winner) =
            if first.is_some() { (&mut one, &theirs) } else { (&mut other, &ours) };
        assert_eq!(loser.put_back(None).await.len(), 0);
        assert_eq!(loser.aws.configuration(&tag).await.unwrap(), *winner);
        let mut late = undo(&stand, &folder, "late").await;
        assert!(late.claim(&tag, &value("late")).await.unwrap().is_some());
        assert_eq!(late.aws.configuration(&tag).await.unwrap(), *winner);
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tag_stays_while_something_else_is_not_back() {
        let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
        let tag = tag(&stand);
        let mut undo = self::undo(&stand, &folder, "run").await;
        assert_eq!(undo.claim(&tag, &value("run")).await.unwrap(), None);
        // There is no such function, so nothing can be put back about it.
        let part = Part::Concurrency { function: "gone".to_owned() };
        let before = Configuration::Concurrency { reserved: Some(7) };
        undo.note(UndoEntry::Saved { part: part.clone(), before }).await.unwrap();
        let not_back: Vec<Part> =
            undo.put_back(None).await.into_iter().map(|(part, _)| part).collect();
        assert_eq!(not_back, [part, tag.clone()]);
        assert_eq!(undo.aws.configuration(&tag).await.unwrap(), value("run"));
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_reads_as_before_is_told_to_be_so_all_the_same() {
        let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
        let mut undo = self::undo(&stand, &folder, "run").await;
        let part = Part::Queue { queue_url: stand.url.clone() };
        let before = undo.saved(&part).await.unwrap();
        assert_eq!(undo.put_back(None).await.len(), 0);
        assert_eq!(undo.aws.calls().counts()["SQS.SetQueueAttributes"], 1);
        assert_eq!(undo.aws.configuration(&part).await.unwrap(), before);
        stand.emulator.shut_down().await;
    }
}
