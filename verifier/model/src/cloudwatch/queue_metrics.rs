//! The metrics of queues, recorded while the model of SQS works.

use std::collections::BTreeMap;

use super::{Counter, Datapoint, Gauge, Level, Metric};
use crate::sqs::{QueueActivity, Sqs};
use crate::time::Timestamp;

/// The metrics of every queue: `ApproximateNumberOfMessagesVisible`, `ApproximateNumberOfMessagesNotVisible`,
/// `ApproximateNumberOfMessagesDelayed`, `ApproximateAgeOfOldestMessage` and `NumberOfMessagesSent`.
///
/// Differences from AWS: the numbers are exact; a queue is always reported, while AWS stops after six hours without a
/// message and without an action; and the age counts every message of the queue, while AWS leaves out those that were
/// received three times and more. As on AWS, `NumberOfMessagesSent` does not count what a redrive policy moves.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>.
#[derive(Clone, Debug, Default)]
pub struct QueueMetrics {
    queues: BTreeMap<String, QueueSeries>,
}

#[derive(Clone, Debug)]
struct QueueSeries {
    visible: Gauge,
    not_visible: Gauge,
    delayed: Gauge,
    age: Gauge,
    sent: Counter,
    /// How many messages [`QueueSeries::sent`] has counted.
    sent_so_far: u64,
}

impl QueueMetrics {
    /// Records what time alone has done since the last operation. To be called before each operation, and before
    /// anybody looks at a metric.
    pub fn catch_up(&mut self, sqs: &mut Sqs, now: Timestamp) {
        for (name, series) in &mut self.queues {
            while let Some(at) = sqs.next_change_at(name).filter(|at| *at <= now) {
                let Ok(activity) = sqs.activity(name, at) else { break };
                series.record(&activity, at);
            }
        }
    }

    /// Records what an operation has done. To be called after each.
    pub fn record(&mut self, sqs: &mut Sqs, now: Timestamp) {
        let unknown = |name: &&str| !self.queues.contains_key(*name);
        let created: Vec<String> = sqs.queue_names().filter(unknown).map(str::to_owned).collect();
        for name in created {
            self.queues.insert(name, QueueSeries::new(now));
        }
        // What a deleted queue has reported goes with it.
        self.queues.retain(|name, series| match sqs.activity(name, now) {
            Ok(activity) => {
                series.record(&activity, now);
                true
            }
            Err(_) => false,
        });
    }

    /// What a metric was in a period, which ends before `to`; `None` if it is none of a queue's, or nothing is known
    /// of that time.
    pub fn datapoint(&self, metric: &Metric, from: Timestamp, to: Timestamp) -> Option<Datapoint> {
        if metric.namespace != "AWS/SQS" {
            return None;
        }
        let series = self.queues.get(metric.only_dimension("QueueName")?)?;
        match metric.name.as_str() {
            "ApproximateNumberOfMessagesVisible" => series.visible.datapoint(from, to),
            "ApproximateNumberOfMessagesNotVisible" => series.not_visible.datapoint(from, to),
            "ApproximateNumberOfMessagesDelayed" => series.delayed.datapoint(from, to),
            "ApproximateAgeOfOldestMessage" => series.age.datapoint(from, to),
            "NumberOfMessagesSent" => series.sent.datapoint(from, to),
            _ => None,
        }
    }
}

impl QueueSeries {
    fn new(now: Timestamp) -> Self {
        Self {
            visible: Gauge::default(),
            not_visible: Gauge::default(),
            delayed: Gauge::default(),
            age: Gauge::default(),
            sent: Counter::with_zeros(now),
            sent_so_far: 0,
        }
    }

    fn record(&mut self, activity: &QueueActivity, now: Timestamp) {
        let counts = activity.counts;
        self.visible.set(count(counts.visible), now);
        self.not_visible.set(count(counts.not_visible), now);
        self.delayed.set(count(counts.delayed), now);
        let age = activity.oldest_entered_at.map_or(Level::Constant(0.0), Level::SecondsSince);
        self.age.set(age, now);
        // Less than before means that this is another queue of the same name.
        let since = if activity.sent < self.sent_so_far { 0 } else { self.sent_so_far };
        for _ in since..activity.sent {
            self.sent.add(1.0, now);
        }
        self.sent_so_far = activity.sent;
    }
}

fn count(messages: usize) -> Level {
    // No queue holds so many messages that this rounds.
    Level::Constant(f64::from(u32::try_from(messages).unwrap_or(u32::MAX)))
}
