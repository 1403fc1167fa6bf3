//! Which of the queues that were found is the jobs queue.

use crate::evidence::QueueEvidence;

/// A queue that was found, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundQueue {
    /// Its attributes.
    pub queue: QueueEvidence,
    /// Its logical id in the stack's template; `None` where it is not of the stack.
    pub logical_id: Option<String>,
    /// The outputs of the stack that hold its name, its URL or its ARN.
    pub outputs: Vec<String>,
    /// Whether an event source mapping reads it.
    pub is_read: bool,
}

/// The jobs queue and its dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The jobs queue.
    pub jobs: &'a FoundQueue,
    /// The queue that its redrive policy names.
    pub dead_letters: &'a FoundQueue,
}

/// Why no queue is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unchosen {
    /// These could be it, by the names to choose one with.
    Several(Vec<String>),
    /// None could; what was found.
    None(String),
    /// What was asked for is not there, or has no dead-letter queue; the problem.
    Wrong(String),
}

impl FoundQueue {
    /// The name that people know it by: its logical id, or else its own.
    pub fn label(&self) -> &str {
        self.logical_id.as_deref().unwrap_or(&self.queue.name)
    }

    /// Whether it is meant by a logical id, an output, a name, a URL or an ARN.
    fn is_called(&self, asked: &str) -> bool {
        self.logical_id.as_deref() == Some(asked)
            || self.outputs.iter().any(|output| output == asked)
            || [self.queue.name.as_str(), self.queue.url.as_str(), self.queue.arn()]
                .contains(&asked)
    }
}

/// The jobs queue: the one that was asked for; or the only one that has a dead-letter queue and is read by a function; or the only one
/// that has a dead-letter queue. A dead-letter queue of another one is none, though it has one of its own.
pub fn choose<'a>(queues: &'a [FoundQueue], asked: Option<&str>) -> Result<Pair<'a>, Unchosen> {
    let dead_letters_of = |of: &FoundQueue| {
        let policy = of.queue.redrive_policy()?;
        queues.iter().find(|other| other.queue.arn() == policy.dead_letter_target_arn)
    };
    let pair = |jobs: &'a FoundQueue| {
        dead_letters_of(jobs).map(|dead_letters| Pair { jobs, dead_letters })
    };
    if let Some(asked) = asked {
        let labels = || queues.iter().map(FoundQueue::label).collect::<Vec<_>>().join(", ");
        let found = queues.iter().find(|queue| queue.is_called(asked));
        let found = found.ok_or_else(|| {
            Unchosen::Wrong(format!("there is no queue {asked}; there are: {}", labels()))
        })?;
        return pair(found).ok_or_else(|| {
            Unchosen::Wrong(format!("the queue {asked} has no dead-letter queue: its redrive policy names none that is there"))
        });
    }
    let is_target = |queue: &FoundQueue| {
        queues.iter().filter_map(dead_letters_of).any(|target| target == queue)
    };
    let pairs: Vec<Pair<'_>> =
        queues.iter().filter(|queue| !is_target(queue)).filter_map(pair).collect();
    let read: Vec<Pair<'_>> = pairs.iter().copied().filter(|pair| pair.jobs.is_read).collect();
    match (read.as_slice(), pairs.as_slice()) {
        ([only], _) | ([], [only]) => Ok(*only),
        ([], []) => Err(Unchosen::None(match queues.len() {
            0 => "there is no queue".to_owned(),
            count => format!("none of {count} queues has a dead-letter queue"),
        })),
        ([], several) | (several, _) => Err(Unchosen::Several(
            several.iter().map(|pair| pair.jobs.label().to_owned()).collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, dead_letters: Option<&str>, is_read: bool) -> FoundQueue {
        let arn = |name: &str| format!("arn:aws:sqs:r:1:{name}");
        let mut queue = QueueEvidence { name: name.to_owned(), ..QueueEvidence::default() };
        queue.attributes.insert("QueueArn".to_owned(), arn(name));
        if let Some(target) = dead_letters {
            let policy =
                format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn(target));
            queue.attributes.insert("RedrivePolicy".to_owned(), policy);
        }
        FoundQueue { queue, logical_id: Some(format!("{name}Queue")), outputs: Vec::new(), is_read }
    }

    fn chosen(queues: &[FoundQueue], asked: Option<&str>) -> Result<(String, String), Unchosen> {
        let name = |queue: &FoundQueue| queue.queue.name.clone();
        choose(queues, asked).map(|pair| (name(pair.jobs), name(pair.dead_letters)))
    }

    fn named(jobs: &str, dead_letters: &str) -> (String, String) {
        (jobs.to_owned(), dead_letters.to_owned())
    }

    #[test]
    fn the_only_queue_with_a_dead_letter_queue_is_it() {
        let queues = [
            queue("dead", None, false),
            queue("jobs", Some("dead"), false),
            queue("x", None, true),
        ];
        assert_eq!(chosen(&queues, None), Ok(named("jobs", "dead")));
    }

    #[test]
    fn of_several_the_one_that_is_read_is_it_and_else_it_is_asked_for() {
        let mut queues = [
            queue("a", Some("dead"), false),
            queue("b", Some("dead"), true),
            queue("dead", None, false),
        ];
        assert_eq!(chosen(&queues, None), Ok(named("b", "dead")));
        queues[0].is_read = true;
        let several = Unchosen::Several(vec!["aQueue".to_owned(), "bQueue".to_owned()]);
        assert_eq!(chosen(&queues, None), Err(several));
        for asked in ["a", "aQueue", "arn:aws:sqs:r:1:a"] {
            assert_eq!(chosen(&queues, Some(asked)), Ok(named("a", "dead")), "{asked}");
        }
    }

    #[test]
    fn a_dead_letter_queue_is_no_jobs_queue() {
        let queues = [
            queue("jobs", Some("dead"), true),
            queue("dead", Some("dust"), true),
            queue("dust", None, false),
        ];
        assert_eq!(chosen(&queues, None), Ok(named("jobs", "dead")));
    }

    #[test]
    fn none_is_an_error_that_says_what_there_is() {
        assert!(matches!(chosen(&[], None), Err(Unchosen::None(_))));
        let queues = [queue("jobs", None, true)];
        assert!(matches!(chosen(&queues, None), Err(Unchosen::None(_))));
        assert!(matches!(chosen(&queues, Some("jobs")), Err(Unchosen::Wrong(_))));
        assert!(matches!(chosen(&queues, Some("other")), Err(Unchosen::Wrong(_))));
        // Its dead-letter queue is not there.
        let queues = [queue("jobs", Some("gone"), true)];
        assert!(matches!(chosen(&queues, None), Err(Unchosen::None(_))));
    }
}
