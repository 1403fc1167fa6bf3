//! Changing parts of a stack so that everything can be restored, also by another process.
//!
//! Everything is saved first; then the lease is claimed, which proves that nobody else was at it meanwhile; and only then is
//! anything changed. Somebody who does not know of leases may change the same stack at any time: what they have changed is
//! left, and named.

mod putting_back;
mod telling;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio_util::sync::CancellationToken;
use verifier_aws::{Aws, Cause};
use verifier_chaos::{
    Claimed, Setting, StackParts, Started, UndoEntry, UndoLedger, desired, is_changed, merge,
};
use verifier_core::experiment::{Field, ResourceConfig, ResourceRef, Update};

pub(crate) use self::putting_back::Back;
use self::telling::reads_back_within;
use self::words::{failed_update, not_so, read};
pub(crate) use self::words::{malformed, name, names, text, told};
use super::lease::HeldLease;
use crate::shell::clock::RunClock;
use crate::shell::failure::Failure;
use crate::shell::journal::JournalFile;
use crate::shell::progress::Progress;

/// What is changed, and the journal that it stands in.
pub(crate) struct Undo<'a> {
    aws: Aws,
    clock: RunClock,
    progress: &'a Progress,
    /// Asks not to wait any longer for what was changed; restoring it is waited for all the same.
    stop: CancellationToken,
    /// The run's lease, once it is.
    lease: Option<HeldLease>,
    journal: JournalFile,
    ledger: UndoLedger,
    /// The parts that this process has told anything; `None` where another one has, and nobody knows which.
    told: Option<BTreeSet<ResourceRef>>,
    /// What this process has told each part last, and which of its fields that is about.
    in_force: BTreeMap<ResourceRef, (ResourceConfig, BTreeSet<Field>)>,
    /// The parts that were found otherwise while it was in force.
    disturbed: BTreeSet<ResourceRef>,
}

impl<'a> Undo<'a> {
    /// Begins a new journal.
    pub(crate) async fn begin(
        at: (Aws, RunClock, &'a Progress),
        path: &Path,
        started: Started,
    ) -> Result<Self, Failure> {
        let journal = JournalFile::create(path)?;
        let mut undo = Self::with(at, journal, UndoLedger::default(), Some(BTreeSet::new()));
        undo.note(UndoEntry::Started(started)).await?;
        Ok(undo)
    }

    /// Goes on with a journal, to restore what stands in it.
    pub(crate) fn reopen(at: (Aws, RunClock, &'a Progress), path: &Path) -> Result<Self, Failure> {
        // The lock first: what another process is writing is not to be read.
        let is_entry = |line: &[u8]| serde_json::from_slice::<UndoEntry>(line).is_ok();
        let journal = JournalFile::reopen_with(path, is_entry)?;
        let ledger = read(path)?;
        Ok(Self::with(at, journal, ledger, None))
    }

    fn with(
        (aws, clock, progress): (Aws, RunClock, &'a Progress),
        journal: JournalFile,
        ledger: UndoLedger,
        told: Option<BTreeSet<ResourceRef>>,
    ) -> Self {
        Self {
            aws,
            clock,
            progress,
            stop: CancellationToken::new(),
            lease: None,
            journal,
            ledger,
            told,
            in_force: BTreeMap::new(),
            disturbed: BTreeSet::new(),
        }
    }

    /// No change is waited for any longer when this is cancelled.
    pub(crate) fn stop_by(&mut self, stop: CancellationToken) {
        self.stop = stop;
    }

    /// Puts nothing back without the run's lease, which was found to be there; for a process that goes on with a journal.
    pub(crate) fn hold_lease(&mut self) {
        let (Some(queue_url), Some(run)) = (self.ledger.lease_queue(), self.ledger.started())
        else {
            return;
        };
        let at = (self.aws.clone(), self.clock.clone());
        self.lease = Some(HeldLease::new(at, queue_url, &run.run));
    }

    /// The run's lease, once it is.
    pub(crate) fn lease(&self) -> Option<&HeldLease> {
        self.lease.as_ref()
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
    pub(crate) async fn save(
        &mut self,
        part: &ResourceRef,
        settings: &[Setting],
    ) -> Result<(), Failure> {
        let (before, update) = self.settle(part).await?;
        if let Update::Failed(why) = update {
            // Nobody could say what is in force, and so not what has to be restored.
            return Err(failed_update(part, &why));
        }
        let settings = settings.to_vec();
        self.note(UndoEntry::Saved { part: part.clone(), before, settings }).await
    }

    /// Tags a queue as this run's own, unless it is somebody's. Of two who do so at once the later one has it; says what the
    /// tag says when that is the other. Nothing may be changed unless this says `None`.
    ///
    /// # Errors
    ///
    /// Where something was changed since it was saved: whoever had the lease then may have restore it, or goes on.
    pub(crate) async fn claim(
        &mut self,
        part: &ResourceRef,
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
        for (part, saved) in self.ledger.open() {
            let is_lease = matches!(part, ResourceRef::QueueTag { .. });
            if !is_lease && self.aws.configured(&part).await? != (saved.before, Update::Done) {
                return Err(not_so(&part));
            }
        }
        self.note(UndoEntry::Claimed { lease: lease.to_owned(), at: self.clock.now() }).await?;
        Ok(None)
    }

    async fn claim_tag(
        &mut self,
        part: &ResourceRef,
        lease: &str,
    ) -> Result<Option<String>, Failure> {
        let ResourceRef::QueueTag { queue_url, .. } = part else { return Err(not_so(part)) };
        match self.aws.configuration(part).await? {
            ResourceConfig::QueueTag { value: None } => {}
            ResourceConfig::QueueTag { value } => return Ok(value),
            _ => return Err(not_so(part)),
        }
        self.will_tell(part);
        let ours = ResourceConfig::QueueTag { value: Some(lease.to_owned()) };
        let fields: BTreeSet<Field> = ours.fields().into_keys().collect();
        self.aws.configure(part, &ours, &fields).await?;
        let held = HeldLease::new((self.aws.clone(), self.clock.clone()), queue_url, lease);
        match held.claimed().await? {
            Claimed::Others(value) => Ok(Some(value)),
            Claimed::Ours => {
                self.in_force.insert(part.clone(), (ours, fields));
                self.lease = Some(held);
                Ok(None)
            }
            Claimed::Unclear | Claimed::Unreadable => Err(not_so(part)),
        }
    }

    /// Brings a part to what it has to be while these settings are in force. How it was is on the disk before that.
    pub(crate) async fn change(
        &mut self,
        parts: &StackParts,
        part: &ResourceRef,
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
        // What it reads may be older than what it was told last.
        let told = self.in_force.get(part).map_or(&now, |(told, _)| told);
        if told.agrees(&merged.wanted, &merged.fields) && now == merged.wanted {
            return Ok(());
        }
        if let Some(lease) = &self.lease {
            lease.check().await?;
        }
        self.will_tell(part);
        self.tell(part, &merged).await?;
        self.in_force.insert(part.clone(), (merged.wanted, merged.fields));
        Ok(())
    }

    /// Whether a setting changes its part: one that is to what was so before changes nothing.
    pub(crate) fn changes_by(&self, parts: &StackParts, setting: Setting) -> bool {
        let saved = parts.of(setting).and_then(|part| self.ledger.saved(&part));
        saved.is_none_or(|saved| is_changed(&saved.before, setting))
    }

    /// The parts that somebody else has changed while this process had told them otherwise, back to what they were before
    /// included: then the experiment did not take place as it says.
    ///
    /// # Errors
    ///
    /// Where one cannot be looked at.
    pub(crate) async fn disturbed(&mut self) -> Result<Vec<ResourceRef>, Failure> {
        let parts: Vec<ResourceRef> = self.in_force.keys().cloned().collect();
        for part in parts {
            self.look_at(&part).await?;
        }
        Ok(self.disturbed.iter().cloned().collect())
    }

    /// Notes a part that is not as it was set. It read so once; what it reads since may be older for a while.
    async fn look_at(&mut self, part: &ResourceRef) -> Result<(), Failure> {
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
            self.pause(part).await?;
        }
        self.disturbed.insert(part.clone());
        Ok(())
    }

    fn will_tell(&mut self, part: &ResourceRef) {
        if let Some(told) = &mut self.told {
            told.insert(part.clone());
        }
    }
}

#[cfg(test)]
mod tests;
