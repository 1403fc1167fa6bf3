//! Whether a job's work was done, by what is seen of side effects.

use super::{Facts, Job};
use crate::history::Expectation;
use crate::observation::Observation;

impl Facts<'_> {
    /// Whether a job was done. Where the worker's lines tell its effects, one that it only calls done was not: a worker that says
    /// so of what it did not do is what is looked for. Of what can only fail, any sign counts.
    pub(crate) fn is_done(&self, job: &Job<'_>) -> bool {
        let is_told = self.tells_effects && job.nature() != Some(Expectation::Poison);
        if is_told { has_told_effect(job) } else { !job.effects.is_empty() }
    }

    /// Whether the line that tells a job's effect may be missing: lines of the log were lost, cut short or held up while it was in
    /// the stack's hands. Lines come some slack later than what they tell.
    pub(crate) fn may_lack_lines(&self, job: &Job<'_>) -> bool {
        let (from, until) = self.life(job);
        let until = until.saturating_add(self.header.terms.slack_milliseconds);
        self.is_told_by_lines() && self.log_struck.iter().any(|at| (from..=until).contains(at))
    }

    /// The jobs of which it is not known whether they were done, although everything was processed: accepted, not in the
    /// dead-letter queue, and without the line of an effect, which may be missing.
    pub(crate) fn unseen(&self) -> Vec<&str> {
        if !self.is_told_by_lines() || !matches!(self.drained, Some((true, _))) {
            return Vec::new();
        }
        let is_unseen = |job: &&Job<'_>| {
            let is_dead = self.dead_letters(job).any(|dead| dead.removed.is_none());
            let can_be_done = job.nature() != Some(Expectation::Poison);
            let is_open = job.accepted().is_some() && !is_dead && can_be_done;
            is_open && !has_told_effect(job) && self.may_lack_lines(job)
        };
        self.jobs.iter().filter(is_unseen).map(|job| job.id).collect()
    }

    /// Whether effects are known by the worker's lines alone.
    fn is_told_by_lines(&self) -> bool {
        self.tells_effects && !self.observes(Observation::Effects)
    }
}

/// Whether an effect of it was seen or told, and not only concluded from an outcome line.
fn has_told_effect(job: &Job<'_>) -> bool {
    job.effects.iter().any(|effect| effect.key.is_some())
}
