//! What becomes of the messages of a step.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_core::dead_letters::{AttemptLog, DeadLetter, Depth, unread};
use verifier_core::redrive::{Bounce, Decision, Entry, Evidence, Fate, TrackedMessage};
use verifier_model::time::Timestamp;

use super::destination::Destination;
use super::engine::{Engine, lock};
use crate::dlq::{Keeps, attempt_log_in, look, request_log_in};
use crate::shell::failure::Failure;

/// How long after an answer without all lines the log is asked again, at last.
const LOG_PAUSE: Duration = Duration::from_secs(2);
/// The same after the first answer; each pause is twice as long as the one before. A healthy worker is done at once, and the
/// log may be asked five times a second.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>, `FilterLogEvents`.
const FIRST_LOG_PAUSE: Duration = Duration::from_millis(250);
/// How much longer than its receives take a message may take to the dead-letter queue: deliveries are not punctual.
const SLACK: Duration = Duration::from_mins(1);

/// The fates of a step's messages.
#[derive(Default)]
struct Fates {
    succeeded: u64,
    /// Of those, the ones of which only that is known, by the number of their destination.
    by_absence: BTreeMap<usize, u64>,
    bounced: Vec<Bounce>,
    unknown: u64,
    /// Those that may still go either way.
    pending: Vec<TrackedMessage>,
    /// How many of those have failed once.
    warnings: u64,
}

impl Fates {
    /// Messages that nobody may have read have not succeeded: nothing is known of them. Says how many they are.
    fn take_unread(&mut self, before: &BTreeMap<usize, u64>, least: &BTreeMap<usize, u64>) -> u64 {
        let mut all = 0;
        for (number, absent) in &mut self.by_absence {
            let least = least.get(number).copied().unwrap_or_default();
            let unread = unread(before.get(number).copied(), least, *absent);
            *absent -= unread;
            all += unread;
        }
        self.succeeded = self.succeeded.saturating_sub(all);
        self.unknown += all;
        all
    }
}

impl Engine<'_> {
    /// How much the destinations hold of which no log tells, by their number: what was sent there and never read does not
    /// come back either.
    pub(super) async fn depths(&self) -> Result<BTreeMap<usize, u64>, Failure> {
        let mut depths = BTreeMap::new();
        for (number, to) in self.to.iter().enumerate().filter(|(_, to)| to.log_group.is_none()) {
            let Some(queue) = to.queue() else { continue };
            let queue = to.aws.queue(&queue.name, &queue.url).await?;
            depths.insert(number, Depth::of(&queue).total());
        }
        Ok(depths)
    }

    /// Waits until it is known what has become of the messages of a step that began `since`, and decides whether the next
    /// one may start. `before` is what the destinations held when it began; what is missing there is not known.
    pub(super) async fn evaluate(
        &self,
        number: usize,
        since: Timestamp,
        before: &BTreeMap<usize, u64>,
    ) -> Result<Decision, Failure> {
        let mut least = self.depths().await?;
        let sent_at = self.place.clock.now();
        let bound = self.bound();
        let bounced_before = lock(&self.ledger).bounces();
        let mut fates = Fates { pending: self.watched(sent_at), ..Fates::default() };
        let mut pause = FIRST_LOG_PAUSE;
        loop {
            let now = self.place.clock.now();
            let is_over = now >= sent_at + bound;
            if is_over {
                self.look_for_the_dead().await?;
            }
            for (number, depth) in self.depths().await? {
                least.entry(number).and_modify(|least| *least = depth.min(*least));
            }
            let logs = self.logs(&fates.pending, since).await;
            self.decide(&mut fates, &logs, now, bound);
            let bounces = fates.bounced.len() as u64;
            let must_stop = bounced_before + bounces >= self.terms.stop_after.max(1);
            self.show_step(number, &fates);
            if fates.pending.is_empty() || must_stop || is_over || self.stop().is_some() {
                break;
            }
            self.place.clock.sleep(pause).await;
            pause = (pause * 2).min(LOG_PAUSE);
        }
        self.ask_for_causes(&mut fates.bounced, since).await;
        let unread = fates.take_unread(before, &least);
        let unknown = fates.unknown + fates.pending.len() as u64;
        let bounces = fates.bounced.len() as u64;
        let entry = Entry::Evaluated {
            number,
            succeeded: fates.succeeded,
            by_absence: fates.by_absence.values().sum(),
            bounced: fates.bounced,
            unknown,
        };
        self.note_durably(&entry).await?;
        if let Some(stop) = self.stop() {
            return Ok(Decision::Stop { why: stop.why() });
        }
        Ok(match Decision::after(bounced_before, bounces, unknown, self.terms.stop_after) {
            Decision::Stop { why } if unread > 0 => Decision::Stop {
                why: format!(
                    "{why}: {unread} of them are unread as far as the destination's depth tells, and may have no consumer; no log of one is known (--log-group)"
                ),
            },
            decision => decision,
        })
    }

    /// Says how the messages of a step are doing, where that is not what it said last.
    fn show_step(&self, number: usize, fates: &Fates) {
        let line = format!(
            "step {number}: {} succeeded, {} bounced, {} not known yet, of which {} failed once",
            fates.succeeded,
            fates.bounced.len(),
            fates.pending.len(),
            fates.warnings
        );
        self.progress.detail(&line);
        self.show_headway(fates.succeeded, fates.bounced.len() as u64);
    }

    /// How long a message takes to the dead-letter queue at most.
    fn bound(&self) -> Duration {
        self.to.iter().map(Destination::fails_within).max().unwrap_or_default() + SLACK
    }

    fn watched(&self, sent_at: Timestamp) -> Vec<TrackedMessage> {
        let reasons = lock(&self.reasons);
        let ledger = lock(&self.ledger);
        let messages = ledger.unevaluated().iter();
        messages
            .map(|(to, from)| TrackedMessage {
                from: from.clone(),
                to: to.clone(),
                sent_at,
                old_reason: reasons.get(from).cloned(),
            })
            .collect()
    }

    /// What the logs of their consumers report messages, by the number of their destination; `None` where there is none to
    /// read.
    async fn logs(&self, watched: &[TrackedMessage], since: Timestamp) -> Vec<Option<AttemptLog>> {
        let mut logs = Vec::new();
        for (number, to) in self.to.iter().enumerate() {
            let of_it = watched.iter().filter(|watched| self.destination_of(&watched.to) == number);
            let ids: Vec<String> = of_it.map(|watched| watched.to.clone()).collect();
            logs.push(match to.log_group.as_deref() {
                Some(group) if to.queue().is_none() => {
                    self.told(group, request_log_in(&to.aws, group, &ids, since).await)
                }
                Some(group) => {
                    let reader = &self.place.reader;
                    self.told(group, attempt_log_in(&to.aws, group, reader, &ids, since).await)
                }
                None => None,
            });
        }
        logs
    }

    /// What a log told. That it could not be read is said once: only what comes back tells then.
    fn told<T, E: std::fmt::Display>(&self, group: &str, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(told) => Some(told),
            Err(error) => {
                if lock(&self.unreadable).insert(group.to_owned()) {
                    self.progress.say(&format!(
                        "the log {group} cannot be read, so that only messages which come back tell how a step went: {error}"
                    ));
                }
                None
            }
        }
    }

    /// The number of the destination that a message was sent to.
    pub(super) fn destination_of(&self, message_id: &str) -> usize {
        let ledger = lock(&self.ledger);
        let queue = ledger.queue_of(message_id);
        let at = |arn| self.to.iter().position(|to| to.arn() == arn);
        queue.and_then(at).unwrap_or_default()
    }

    /// Decides the fates of those that are pending, as far as it is told.
    fn decide(
        &self,
        fates: &mut Fates,
        logs: &[Option<AttemptLog>],
        now: Timestamp,
        bound: Duration,
    ) {
        let dead = lock(&self.dead);
        fates.warnings = 0;
        for each in std::mem::take(&mut fates.pending) {
            let destination = self.destination_of(&each.to);
            let log = logs.get(destination).and_then(Option::as_ref);
            let attempts = log.map(|log| log.attempts(&each.to));
            let attempts = match &self.terms.function {
                None => attempts,
                Some(function) => function.told(attempts),
            };
            let found = dead.get(&each.to);
            let written = found.and_then(DeadLetter::written_reason);
            let written = written.as_deref();
            let told = Evidence { attempts, is_dead: found.is_some(), written, now, bound };
            match each.fate(told) {
                Fate::Pending { warning } => {
                    fates.warnings += u64::from(warning.is_some());
                    fates.pending.push(each);
                }
                Fate::Succeeded => fates.succeeded += 1,
                Fate::NotBounced => {
                    fates.succeeded += 1;
                    *fates.by_absence.entry(destination).or_default() += 1;
                }
                Fate::Bounced { reason } => {
                    let TrackedMessage { from, to, old_reason, .. } = each;
                    fates.bounced.push(Bounce {
                        from,
                        to,
                        old_reason,
                        reason,
                        ..Bounce::default()
                    });
                }
                Fate::Unknown => fates.unknown += 1,
            }
        }
    }

    /// Looks for messages of this redrive in the dead-letter queue that a step is to evaluate.
    async fn look_for_the_dead(&self) -> Result<(), Failure> {
        let unevaluated = lock(&self.ledger).unevaluated().clone();
        self.look_for(|id| unevaluated.contains_key(id)).await
    }

    /// Looks for such messages of this redrive in the dead-letter queue, by the ids that the journal has for them.
    pub(super) async fn look_for(&self, is_sought: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let look = look(self.place, Keeps::Heads, self.guards.interrupt).await?;
        let found = look.messages.into_iter().map(|message| {
            let id = self.copy_id(&message).unwrap_or_else(|| message.message_id.clone());
            (id, message)
        });
        let found: Vec<_> = found.filter(|(id, _)| is_sought(id)).collect();
        lock(&self.dead).extend(found);
        Ok(())
    }
}
