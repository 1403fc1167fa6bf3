//! What a redrive finds where it has not looked yet: messages of its own that failed again beside a ramp, and messages of its plan
//! that are not there.

use std::collections::BTreeMap;
use std::path::Path;

use verifier_core::dead_letters::DeadLetter;
use verifier_core::redrive::{Bounce, Entry};
use verifier_model::time::Timestamp;

use super::engine::{Engine, lock};
use super::ledger_file::each_line;
use crate::shell::failure::Failure;

impl Engine<'_> {
    /// Goes on by an entry that says so. Without a ramp nobody has looked whether what was sent has failed again: who wants that to
    /// be sent once more, or has nothing else to send, wants to know it.
    pub(super) async fn take_up(&self, resumed: &Entry) -> Result<(), Failure> {
        let retries = matches!(resumed, Entry::Resumed { retry_bounced: true, .. });
        let looks = {
            let ledger = lock(&self.ledger);
            ledger.may_have_unseen_bounces() && (retries || ledger.allowed() == 0)
        };
        if looks {
            self.progress.detail("looking for messages of this redrive that came back");
            self.look_for(|id| lock(&self.ledger).is_unseen_bounce(id)).await?;
            self.note_those_back().await?;
        }
        self.note_durably(resumed).await?;
        if retries && lock(&self.ledger).to_retry() == 0 {
            self.progress.say(
                "no message of this redrive is known to have failed again: --retry-bounced sends nothing",
            );
        }
        Ok(())
    }

    /// Writes down those of its messages that were seen in the dead-letter queue and that no step has evaluated.
    pub(super) async fn note_those_back(&self) -> Result<(), Failure> {
        let back: Vec<String> = {
            let ledger = lock(&self.ledger);
            let dead = lock(&self.dead);
            dead.keys().filter(|id| ledger.is_unseen_bounce(id)).cloned().collect()
        };
        if back.is_empty() {
            return Ok(());
        }
        let from = sent_for(Path::new(self.journal.path()), &back)?;
        let reasons = lock(&self.reasons).clone();
        let mut bounced: Vec<Bounce> = back
            .into_iter()
            .map(|to| {
                let from = from.get(&to).cloned().unwrap_or_default();
                let written = lock(&self.dead).get(&to).and_then(DeadLetter::written_reason);
                let old_reason = reasons.get(&from).cloned();
                Bounce { from, to, old_reason, reason: written, ..Bounce::default() }
            })
            .collect();
        let since = match lock(&self.ledger).started() {
            Some(Entry::Started { at, .. }) => *at,
            _ => Timestamp::default(),
        };
        self.ask_for_causes(&mut bounced, since).await;
        self.note_durably(&Entry::CameBack { bounced }).await
    }

    /// Writes down which messages of the plan are not there, when all that is there has come.
    pub(super) fn note_those_missing(&self) {
        let ids: Vec<String> = {
            let held = lock(&self.held);
            let ledger = lock(&self.ledger);
            ledger.not_reached().filter(|id| !held.contains_key(*id)).map(str::to_owned).collect()
        };
        if !ids.is_empty() {
            self.note(&Entry::Missing { ids });
        }
    }
}

/// For which message each of these was sent, by a journal: a ledger that knew it of all would have no bounds.
fn sent_for(journal: &Path, sought: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut from = BTreeMap::new();
    each_line(journal, |line| {
        // The ledger has read it already.
        if let Ok(Entry::Sent { messages }) = serde_json::from_slice(line) {
            let sought = messages.into_iter().filter(|pair| sought.contains(&pair.to));
            from.extend(sought.map(|pair| (pair.to, pair.from)));
        }
        Ok(())
    })?;
    Ok(from)
}
