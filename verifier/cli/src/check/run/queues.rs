//! What the queues hold at the end of a run, by their counts, and what that leads to.

use std::time::Duration;

use verifier_aws::AwsError;
use verifier_core::account::{Counted, QueueCounts, once_gone, surplus, unexplained};
use verifier_core::check::{LogEvidence, Need, QueueEvidence};
use verifier_model::time::Timestamp;

use super::{JobPlan, Run, Stop};

/// How long SQS's counts may lag behind what took place, and how often they are read meanwhile.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>, "usually achieve eventual consistency within about 1 minute".
pub(super) const COUNTS_LAG: Duration = Duration::from_mins(1);
pub(super) const COUNTS_PAUSE: Duration = Duration::from_secs(5);
/// How long before the failing job returns the jobs queue is counted, and again where a count was too high.
const COUNT_LEADS: [Duration; 2] = [Duration::from_secs(6), Duration::from_secs(2)];
/// How often at most the log and the dead-letter queue are read again since a count was too high.
const ROUNDS_MAX: u32 = 3;

impl Run<'_> {
    /// Lets go of what is in hand, counts both queues, and reads the log behind that: what was worked on before the queues were
    /// seen to hold nothing more is in it. Where one holds more than is explained, messages may have moved or been worked on
    /// since: log and dead-letter queue are read again.
    pub(super) async fn settle_queues(&mut self, course: &JobPlan) -> Result<LogEvidence, Stop> {
        let began_at = self.clock.now();
        let patient_until = began_at + COUNTS_LAG;
        self.let_go(&course.dead_letters).await;
        let mut was_too_high = self.count_the_queues(course, patient_until).await?;
        let mut log = self.read_log(course).await?;
        if self.taken_at.take().is_some_and(|at| !self.account().held_each_failing(at)) {
            was_too_high |= self.count_the_queues(course, patient_until).await?;
        }
        for round in 1..=ROUNDS_MAX {
            if !was_too_high {
                break;
            }
            let known = (self.messages.seen.len(), self.messages.others_seen());
            self.let_go(&course.dead_letters).await;
            was_too_high = self.count_the_queues(course, patient_until).await?;
            self.read_log_again(course, &mut log).await;
            self.look_for_the_missing(course).await?;
            let is_news = known != (self.messages.seen.len(), self.messages.others_seen());
            if !is_news && !self.messages.has_own() && round > 1 {
                break;
            }
        }
        self.let_go(&course.dead_letters).await;
        Ok(log)
    }

    /// Counts both queues, and again for a while where one holds more than is explained: the counts lag, and what this run
    /// received may be hidden. Says whether one was ever too high.
    async fn count_the_queues(
        &mut self,
        course: &JobPlan,
        patient_until: Timestamp,
    ) -> Result<bool, AwsError> {
        let mut was_too_high = false;
        loop {
            let known = self.without_failing.take().filter(|_| self.has_all_failing());
            if known.is_some() {
                self.taken_at = self.counted.last().map(|counted| counted.at);
            }
            let jobs = async {
                if known.is_some() {
                    return Ok(known);
                }
                let queue = self.aws.queue(&course.jobs.name, &course.jobs.url).await;
                queue.map(|queue| queue.counts())
            };
            let (jobs, dead_letters) = tokio::join!(
                jobs,
                self.aws.queue(&course.dead_letters.name, &course.dead_letters.url)
            );
            self.counts_after = jobs?;
            if known.is_none() {
                self.note_counts(self.counts_after, None);
            }
            self.dead_letters_after = dead_letters?.counts();
            let more = surplus(course.jobs.counts(), self.counts_after).unwrap_or_default();
            // A failing job that was not seen leave the jobs queue may be retried there still.
            let waits_for_jobs = self.has_all_failing() && more > 0;
            let is_hidden = self.unexplained_dead_letters().unwrap_or_default() > 0;
            if !waits_for_jobs && !is_hidden {
                return Ok(was_too_high);
            }
            was_too_high = true;
            // What is visible there and was not seen is looked at before anything is waited for.
            if is_hidden && self.messages.searched_at.is_some() && self.has_unseen_visible() {
                return Ok(true);
            }
            let in_flight_until = self.messages.in_flight_until().filter(|_| is_hidden);
            let until = in_flight_until.map_or(patient_until, |until| patient_until.max(until));
            if self.clock.now() >= self.bounded(until) {
                return Ok(true);
            }
            self.clock.sleep(COUNTS_PAUSE).await;
        }
    }

    /// Counts the jobs queue before the failing job returns to it: beside what was there before the run, it should hold that job
    /// alone. A count that is higher is read again until shortly before the return, since counts lag. What cannot be read tells
    /// nothing.
    ///
    /// Each return is counted: what a worker does to others at one receive of the failing job waits in the queue until the next
    /// alone, and a worker that remembers what it did leaves no other trace.
    pub(super) async fn count_before_return(
        &mut self,
        course: &JobPlan,
        number: u32,
        returns_at: Timestamp,
    ) {
        if !self.options.selection.needs(Need::CountsBeforeReturns) {
            return;
        }
        for lead in COUNT_LEADS {
            let lead = lead.min(course.visibility_timeout / 4);
            self.clock.sleep_until(self.bounded(returns_at - lead)).await;
            let counted = self.aws.queue(&course.jobs.name, &course.jobs.url).await;
            let Ok(counts) = counted.map(|queue| queue.counts()) else { return };
            self.note_counts(counts, Some(number));
            if !self.is_too_high(course, counts) {
                return;
            }
        }
    }

    /// Counts the jobs queue before several failing jobs are due in the dead-letter queue: says whether it holds those and nothing
    /// else of the run. Then it holds nothing of the run once they have left it: whatever comes behind that was not there.
    pub(super) async fn count_before_due(&mut self, course: &JobPlan) -> bool {
        let failing = self.jobs.iter().filter(|job| job.fails && job.message_id.is_some()).count();
        if failing < 2 || self.returns == 0 {
            return false;
        }
        let counted = self.aws.queue(&course.jobs.name, &course.jobs.url).await;
        let Ok(Some(counts)) = counted.map(|queue| queue.counts()) else { return false };
        self.note_counts(Some(counts), u32::try_from(self.returns + 1).ok());
        let before = course.jobs.counts();
        self.without_failing = before.and_then(|before| once_gone(before, counts, failing as u64));
        self.without_failing.is_some()
    }

    fn note_counts(&mut self, counts: Option<QueueCounts>, before_return: Option<u32>) {
        let at = self.clock.now();
        self.counted.extend(counts.map(|counts| Counted { at, counts, before_return }));
    }

    /// Whether the jobs queue holds more than before the run and the failing job.
    fn is_too_high(&self, course: &JobPlan, counts: Option<QueueCounts>) -> bool {
        let failing = self.jobs.iter().filter(|job| job.fails).count() as u64;
        surplus(course.jobs.counts(), counts).is_some_and(|more| more > failing)
    }

    /// How many messages are in the dead-letter queue that nothing explains, by the counts that were read last.
    pub(super) fn unexplained_dead_letters(&self) -> Option<u64> {
        let before = self.discovery.dead_letters.as_ref().and_then(QueueEvidence::counts);
        let (swept, others) = (self.leftovers.swept.len(), self.messages.others_seen());
        unexplained(before, self.dead_letters_after, swept, others)
    }

    /// How many messages the dead-letter queue may hold that were not seen. Other runs may have deleted theirs since those were
    /// seen there, so they explain none.
    pub(super) fn hidden_dead_letters(&self) -> u64 {
        let before = self.discovery.dead_letters.as_ref().and_then(QueueEvidence::counts);
        let (swept, others) = (self.leftovers.swept.len(), self.messages.others.len());
        unexplained(before, self.dead_letters_after, swept, others).unwrap_or_default()
    }

    /// How many messages more are delayed in the dead-letter queue than before the run. One that delays all is none that tells.
    pub(super) fn delayed_dead_letters(&self) -> u64 {
        let queue = self.discovery.dead_letters.as_ref().filter(|queue| queue.delay().is_zero());
        let before = queue.and_then(QueueEvidence::counts);
        let both = before.zip(self.dead_letters_after);
        both.map_or(0, |(before, after)| after.delayed.saturating_sub(before.delayed))
    }

    fn has_unseen_visible(&self) -> bool {
        let QueueCounts { visible, .. } = self.dead_letters_after.unwrap_or_default();
        visible > self.messages.others_seen() as u64
    }

    pub(super) async fn read_log_again(&mut self, course: &JobPlan, log: &mut LogEvidence) {
        let lines = self.aws.outcomes(course.log(), &log.run_id, log.since, &self.reader).await;
        self.take_lines(log, lines);
    }
}
