//! Changing parts of a stack so that everything can be put back, also by another process.
//!
//! Everything is saved first; then the lease is claimed, which proves that nobody else was at it meanwhile; and only then is
//! anything changed. Somebody who does not know of leases may change the same stack at any time: what they have changed is
//! left, and named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use verifier_aws::{Aws, AwsError, Cause};
use verifier_chaos::{
    Difference, Merged, Saved, Setting, StackParts, Standing, Started, UndoEntry, UndoError,
    UndoLedger, desired, merge,
};
use verifier_core::check::StackResource;
use verifier_core::experiment::{Configuration, Field, Part};

use crate::shell::clock::RunClock;
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::journal::{JournalFile, failed};

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
    /// The parts that this process has told anything; `None` where another one has, and nobody knows which.
    told: Option<BTreeSet<Part>>,
    /// What this process has told each part last, and which of its fields that is about.
    in_force: BTreeMap<Part, (Configuration, BTreeSet<Field>)>,
    /// The parts that were found otherwise while it was in force.
    disturbed: BTreeSet<Part>,
}

/// What became of a part that was to be put back.
#[derive(Debug)]
pub(crate) enum Back {
    /// What the experiment changed is as it was. Holds what somebody else has changed meanwhile.
    Restored(Vec<Difference>),
    /// There is nothing to put back any more: it is gone.
    Gone,
    /// Somebody else has changed what the experiment changed, and it is left like that. Holds what differs.
    Contested(Vec<Difference>),
    /// It is not of the stack, and no rollback will touch it.
    Foreign,
    /// It may be put back later.
    Failed(Failure),
}

impl Undo {
    /// Begins a new journal.
    pub(crate) async fn begin(
        (aws, clock): (Aws, RunClock),
        path: &Path,
        started: Started,
    ) -> Result<Self, Failure> {
        let journal = JournalFile::create(path)?;
        let (ledger, told) = (UndoLedger::default(), Some(BTreeSet::new()));
        let (in_force, disturbed) = (BTreeMap::new(), BTreeSet::new());
        let mut undo = Self { aws, clock, journal, ledger, told, in_force, disturbed };
        undo.note(UndoEntry::Started(started)).await?;
        Ok(undo)
    }

    /// Goes on with a journal, to put back what stands in it.
    pub(crate) fn reopen((aws, clock): (Aws, RunClock), path: &Path) -> Result<Self, Failure> {
        // The lock first: what another process is writing is not to be read.
        let is_entry = |line: &[u8]| serde_json::from_slice::<UndoEntry>(line).is_ok();
        let journal = JournalFile::reopen_with(path, is_entry)?;
        let ledger = read(path)?;
        let (in_force, disturbed) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { aws, clock, journal, ledger, told: None, in_force, disturbed })
    }

    /// What was written down.
    pub(crate) fn ledger(&self) -> &UndoLedger {
        &self.ledger
    }

    async fn note(&mut self, entry: UndoEntry) -> Result<(), Failure> {
        self.ledger.apply(&entry);
        self.journal.append_durably(&entry).await
    }

    /// Writes down how a part is that these settings are going to change.
    pub(crate) async fn save(&mut self, part: &Part, settings: &[Setting]) -> Result<(), Failure> {
        self.settle(part).await?;
        let before = self.aws.configuration(part).await?;
        let settings = settings.to_vec();
        self.note(UndoEntry::Saved { part: part.clone(), before, settings }).await
    }

    /// Tags a queue as this run's own, unless it is somebody's. Of two who do so at once the later one has it; says what the
    /// tag says when that is the other. Nothing may be changed unless this says `None`.
    pub(crate) async fn claim(
        &mut self,
        part: &Part,
        lease: &str,
    ) -> Result<Option<String>, Failure> {
        let other = self.claim_tag(part, lease).await?;
        if other.is_some() {
            // It is not this run's to take away, and nothing was changed.
            for (part, _) in self.ledger.open() {
                self.note(UndoEntry::Restored { part, at: self.clock.now() }).await?;
            }
            return Ok(other);
        }
        // Whoever had the lease when these were saved may have put them back since.
        for (part, saved) in self.ledger.open() {
            let is_lease = matches!(part, Part::QueueTag { .. });
            if !is_lease && self.aws.configuration(&part).await? != saved.before {
                return Err(not_so(&part));
            }
        }
        self.note(UndoEntry::Claimed { lease: lease.to_owned(), at: self.clock.now() }).await?;
        Ok(None)
    }

    async fn claim_tag(&mut self, part: &Part, lease: &str) -> Result<Option<String>, Failure> {
        let tag = async |aws: &Aws| match aws.configuration(part).await? {
            Configuration::QueueTag { value } => Ok(value),
            _ => Err(not_so(part)),
        };
        if let Some(other) = tag(&self.aws).await? {
            return Ok(Some(other));
        }
        self.will_tell(part);
        let ours = Configuration::QueueTag { value: Some(lease.to_owned()) };
        self.aws.configure(part, &ours, &ours.fields().into_keys().collect()).await?;
        self.clock.sleep(CLAIM_SETTLES).await;
        let now = tag(&self.aws).await?;
        let fields = ours.fields().into_keys().collect();
        self.in_force.insert(part.clone(), (ours, fields));
        Ok((now.as_deref() != Some(lease)).then(|| now.unwrap_or_default()))
    }

    /// Brings a part to what it has to be while these settings are in force. How it was is on the disk before that.
    pub(crate) async fn change(
        &mut self,
        parts: &StackParts,
        part: &Part,
        settings: &[Setting],
    ) -> Result<(), Failure> {
        let unsaved = || Failure::environment(format!("{} was not saved", name(part)));
        let saved = self.ledger.saved(part).cloned().ok_or_else(unsaved)?;
        let of_part: Vec<Setting> = settings
            .iter()
            .copied()
            .filter(|setting| parts.of(*setting).as_ref() == Some(part))
            .collect();
        let wanted = desired(&saved.before, &of_part);
        self.settle(part).await?;
        self.look_at(part).await?;
        let now = self.aws.configuration(part).await?;
        let merged = merge(&saved, &wanted, &now);
        if merged.others.iter().any(|other| other.is_contested) {
            return Err(not_so(part));
        }
        if now == merged.wanted {
            return Ok(());
        }
        self.will_tell(part);
        self.tell(part, &merged).await?;
        self.in_force.insert(part.clone(), (merged.wanted, merged.fields));
        Ok(())
    }

    /// The parts that somebody else has changed while this process had told them otherwise, back to what they were before
    /// included: then the experiment did not take place as it says.
    ///
    /// # Errors
    ///
    /// Where one cannot be looked at.
    pub(crate) async fn disturbed(&mut self) -> Result<Vec<Part>, Failure> {
        let parts: Vec<Part> = self.in_force.keys().cloned().collect();
        for part in parts {
            self.look_at(&part).await?;
        }
        Ok(self.disturbed.iter().cloned().collect())
    }

    /// Notes a part that is not as it was told to be. It read so once; what it reads since may be older for a while.
    async fn look_at(&mut self, part: &Part) -> Result<(), Failure> {
        let Some((wanted, fields)) = self.in_force.get(part) else { return Ok(()) };
        let until = self.clock.now() + reads_back_within(part);
        loop {
            let found = self.aws.configuration(part).await;
            if matches!(&found, Err(error) if error.cause == Cause::NotFound) {
                break;
            }
            if found?.agrees(wanted, fields) {
                return Ok(());
            }
            if self.clock.now() >= until {
                break;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        self.disturbed.insert(part.clone());
        Ok(())
    }

    fn will_tell(&mut self, part: &Part) {
        if let Some(told) = &mut self.told {
            told.insert(part.clone());
        }
    }

    /// Puts everything back, the last change first, and says what became of each part. The tag, which says that something is
    /// not back, is kept while that is so. Of `resources`, those of the stack, each part has to be one or be gone, where they
    /// are given: a journal may name any, and a deployment may have taken one away.
    pub(crate) async fn put_back(
        &mut self,
        resources: Option<&[StackResource]>,
    ) -> Vec<(Part, Back)> {
        let mut all = Vec::new();
        self.put_back_into(&mut all, resources).await;
        all
    }

    /// The same. What became of a part is told as soon as it is, should this not come to its end.
    pub(crate) async fn put_back_into(
        &mut self,
        all: &mut Vec<(Part, Back)>,
        resources: Option<&[StackResource]>,
    ) {
        for (part, saved) in self.ledger.open() {
            let is_lease = matches!(part, Part::QueueTag { .. });
            let is_open = |back: &Back| matches!(back, Back::Failed(_) | Back::Foreign);
            let back = if is_lease && all.iter().any(|(_, back)| is_open(back)) {
                let why = "it says that something else was not put back";
                Back::Failed(Failure::environment(why))
            } else {
                let is_own = resources.is_none_or(|resources| part.belongs_to(resources));
                self.put_back_one(&part, &saved, is_own).await
            };
            all.push((part, back));
        }
    }

    async fn put_back_one(&mut self, part: &Part, saved: &Saved, is_own: bool) -> Back {
        if self.told.as_ref().is_some_and(|told| !told.contains(part)) {
            // Nothing was ever asked of it.
            return self.settled(part, Back::Restored(Vec::new())).await;
        }
        let mut failure = not_so(part);
        for _ in 0..ATTEMPTS {
            match self.restore(part, saved, is_own).await {
                Ok(Back::Foreign) => return Back::Foreign,
                Ok(back) => return self.settled(part, back).await,
                Err(error) => failure = error,
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Back::Failed(failure)
    }

    /// Writes down what became of a part.
    async fn settled(&mut self, part: &Part, back: Back) -> Back {
        let (part, at) = (part.clone(), self.clock.now());
        let noted = match &back {
            Back::Gone => self.note(UndoEntry::Left { part, why: GONE.to_owned(), at }).await,
            Back::Contested(others) => {
                self.note(UndoEntry::Left { part, why: told(others), at }).await
            }
            _ => self.note(UndoEntry::Restored { part, at }).await,
        };
        noted.map_or_else(Back::Failed, |()| back)
    }

    async fn restore(&self, part: &Part, saved: &Saved, is_own: bool) -> Result<Back, Failure> {
        let Some(now) = self.present(part).await? else { return Ok(Back::Gone) };
        if !is_own {
            return Ok(Back::Foreign);
        }
        if let Configuration::QueueTag { value } = &now {
            return self.release(part, saved, value.as_deref()).await;
        }
        let merged = merge(saved, &saved.before, &now);
        // Written in any case: what it reads may be older than what this experiment told it last.
        self.tell(part, &merged).await?;
        let is_contested = merged.others.iter().any(|other| other.is_contested);
        let back = if is_contested { Back::Contested } else { Back::Restored };
        Ok(back(merged.others))
    }

    /// Takes the tag away, unless it says that another run has the stack.
    async fn release(
        &self,
        part: &Part,
        saved: &Saved,
        value: Option<&str>,
    ) -> Result<Back, Failure> {
        let run = self.ledger.started().map(|started| started.run.as_str()).unwrap_or_default();
        let now = Configuration::QueueTag { value: value.map(str::to_owned) };
        let mut merged = merge(saved, &saved.before, &now);
        if let Standing::Others(_) = Standing::of(value, run) {
            return Ok(Back::Contested(merged.others));
        }
        merged.wanted = saved.before.clone();
        merged.fields = saved.before.fields().into_keys().collect();
        self.tell(part, &merged).await?;
        Ok(Back::Restored(Vec::new()))
    }

    /// How a part is, where it is settled; `None` where there is no such part.
    async fn present(&self, part: &Part) -> Result<Option<Configuration>, Failure> {
        match self.aws.configuration(part).await {
            Err(error) if error.cause == Cause::NotFound => return Ok(None),
            found => drop(found?),
        }
        self.settle(part).await?;
        Ok(Some(self.aws.configuration(part).await?))
    }

    /// Tells a part to be so, and waits until it reads so.
    async fn tell(&self, part: &Part, merged: &Merged) -> Result<(), Failure> {
        let Merged { wanted, fields, .. } = merged;
        self.settle(part).await?;
        self.aws.configure(part, wanted, fields).await?;
        self.settle(part).await?;
        let until = self.clock.now() + reads_back_within(part);
        while !self.aws.configuration(part).await?.agrees(wanted, fields) {
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

/// Why there is nothing to put back about a part that is not there.
const GONE: &str = "it is gone";

/// What somebody else has changed, in words.
pub(crate) fn told(others: &[Difference]) -> String {
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    format!("somebody else has changed it: {}", others.join("; "))
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
fn read(path: &Path) -> Result<UndoLedger, Failure> {
    UndoLedger::read(&text(path)?).map_err(|error| malformed(path, &error))
}

/// What stands in an undo journal.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    files::read_text(path).map_err(|error| failed(path, "read", &error))
}

/// That a journal cannot be followed, with what it covers.
pub(crate) fn malformed(path: &Path, error: &UndoError) -> Failure {
    let covered = match error {
        UndoError::Malformed { covered, .. } if !covered.is_empty() => {
            format!("; the lines before it tell of {}", names(covered))
        }
        _ => String::new(),
    };
    Failure {
        next: Some("restore it from a copy; nothing was done".to_owned()),
        ..Failure::usage(format!("{}: {error}{covered}", path.display()))
    }
}

/// Parts, in words.
pub(crate) fn names(parts: &[Part]) -> String {
    parts.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
