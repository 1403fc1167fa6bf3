//! `clean.residue`.

use std::fmt::Write;

use crate::check::{Check, Judgement, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "clean.residue",
    asserts: "everything that this run put into the stack is gone again, and so is what runs before it left",
    severity: Severity::Warn,
    why: "left-over poison raises the dead-letter alarm and confuses whoever looks at the queue next",
    fix: "delete the named messages by hand; their bodies carry the run id",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html",
    must_be_exercised: false,
};

/// What a run did to leave nothing behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residue {
    /// How many messages the run is known to have put into the stack.
    pub created: usize,
    /// How many it may have put there: a request that got no answer may have been carried out.
    pub created_at_most: usize,
    /// The ids of its messages that were deleted from the dead-letter queue.
    pub deleted: Vec<String>,
    /// Its messages that may still be there, each with where and why.
    pub left: Vec<String>,
    /// How many messages more the jobs queue holds than before the run, by its counts; `None` where it was not counted.
    pub surplus: Option<u64>,
    /// How many messages the dead-letter queue holds that nothing explains, by its counts; `None` where it was not counted.
    pub dead_letters: Option<u64>,
    /// How many receives from the dead-letter queue got no answer, and may hide messages.
    pub unanswered: u32,
    /// Whether messages of other senders were seen, which explain a surplus of the jobs queue.
    pub others_seen: bool,
    /// The ids of messages of runs that are over, which were deleted from the dead-letter queue.
    pub swept: Vec<String>,
    /// How many messages of runs that may still go on were seen in the dead-letter queue, and left there.
    pub of_running_runs: usize,
    /// How many messages of others were received from the dead-letter queue and handed back.
    pub handed_back: usize,
    /// How many receives that cost them.
    pub receives_of_others: u32,
    /// Messages of others that could not be handed back; they become visible again by themselves.
    pub not_handed_back: Vec<String>,
}

/// Judges what is left.
pub fn judge(residue: &Residue) -> Judgement {
    let nothing_left = residue.left.is_empty() && residue.not_handed_back.is_empty();
    let judgement = if let (true, Some(up_to)) = (nothing_left, up_to(residue)) {
        Judgement::fail(
            format!("{up_to}, more than is explained"),
            "no more messages in either queue than before the run, beside those of others that were seen",
            up_to,
        )
        .with_verdict(Verdict::Warn)
        .with_next("look at what the queue holds in a minute: counts lag, and it may be of other senders".to_owned())
    } else if nothing_left && residue.created == 0 && residue.swept.is_empty() {
        Judgement::not_exercised("0 messages created: this run put nothing into the stack")
    } else if nothing_left {
        Judgement::pass(format!(
            "{} messages created, none left ({} deleted from the dead-letter queue){}",
            created(residue),
            residue.deleted.len(),
            others(residue)
        ))
    } else {
        let all: Vec<&str> =
            residue.left.iter().chain(&residue.not_handed_back).map(String::as_str).collect();
        Judgement::fail(
            format!("{} messages may be left behind", all.len()),
            "nothing left behind",
            all.join("; "),
        )
        .with_verdict(Verdict::Warn)
        .with_next("run the check again when they have arrived, or delete them by hand".to_owned())
    };
    judgement
        .with_evidence("created", residue.created)
        .with_evidence("createdAtMost", residue.created_at_most.max(residue.created))
        .with_evidence("deleted", residue.deleted.clone())
        .with_evidence("left", residue.left.clone())
        .with_evidence("surplus", residue.surplus)
        .with_evidence("unexplainedDeadLetters", residue.dead_letters)
        .with_evidence("receivesWithoutAnswer", residue.unanswered)
        .with_evidence("swept", residue.swept.clone())
        .with_evidence("handedBack", residue.handed_back)
        .with_evidence("receivesOfOthers", residue.receives_of_others)
}

/// How many messages the run put into the stack, as far as that is known.
fn created(residue: &Residue) -> String {
    let Residue { created, created_at_most, .. } = residue;
    if created_at_most > created {
        format!("{created} to {created_at_most}")
    } else {
        created.to_string()
    }
}

/// That messages may be left which no id names: a queue holds more than is explained. Of the jobs queue, other senders that
/// were seen explain it.
pub fn up_to(residue: &Residue) -> Option<String> {
    let has_created = residue.created > 0 && residue.left.is_empty();
    let messages = |count: Option<u64>| count.filter(|count| has_created && *count > 0);
    let queued = messages(residue.surplus.filter(|_| !residue.others_seen)).map(|count| {
        format!("up to {} may be left in the jobs queue, or are of other senders", counted(count))
    });
    let dead = messages(residue.dead_letters).map(|count| {
        let why = match residue.unanswered {
            0 => String::new(),
            1 => "; 1 receive got no answer".to_owned(),
            several => format!("; {several} receives got no answer"),
        };
        format!("up to {} may be left in the dead-letter queue, not visible{why}", counted(count))
    });
    let all: Vec<String> = queued.into_iter().chain(dead).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn counted(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// What was done to messages that are not this run's.
fn others(residue: &Residue) -> String {
    let mut text = String::new();
    if !residue.swept.is_empty() {
        let _ = write!(text, "; {} left by older runs deleted", residue.swept.len());
    }
    if residue.of_running_runs > 0 {
        let _ =
            write!(text, "; {} of runs that may still go on left there", residue.of_running_runs);
    }
    if residue.handed_back > 0 {
        let _ = write!(
            text,
            "; {} of others handed back, received {} times",
            residue.handed_back, residue.receives_of_others
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_messages_of_others_is_told() {
        let residue = Residue {
            created: 1,
            swept: vec!["m-0".to_owned()],
            handed_back: 2,
            receives_of_others: 3,
            ..Residue::default()
        };
        let summary = judge(&residue).summary;
        assert!(summary.contains("1 left by older runs deleted"), "{summary}");
        assert!(summary.contains("2 of others handed back, received 3 times"), "{summary}");
    }

    #[test]
    fn a_queue_that_holds_more_than_before_vetoes_unless_others_send() {
        let residue = |surplus, others_seen| Residue {
            created: 3,
            surplus,
            others_seen,
            ..Residue::default()
        };
        assert_eq!(judge(&residue(Some(0), false)).verdict, Verdict::Pass);
        assert_eq!(judge(&residue(Some(2), false)).verdict, Verdict::Warn);
        assert_eq!(judge(&residue(Some(2), true)).verdict, Verdict::Pass);
        assert_eq!(judge(&residue(None, false)).verdict, Verdict::Pass);
    }

    #[test]
    fn what_the_dead_letter_queue_hides_vetoes_whoever_else_sends() {
        let residue = |dead_letters, others_seen| Residue {
            created: 3,
            dead_letters,
            others_seen,
            unanswered: 1,
            ..Residue::default()
        };
        assert_eq!(judge(&residue(Some(0), false)).verdict, Verdict::Pass);
        assert_eq!(judge(&residue(None, false)).verdict, Verdict::Pass);
        for others_seen in [false, true] {
            let judgement = judge(&residue(Some(1), others_seen));
            assert_eq!(judgement.verdict, Verdict::Warn);
            let summary = judgement.summary;
            assert!(
                summary.contains("up to 1 message may be left in the dead-letter"),
                "{summary}"
            );
            assert!(summary.contains("1 receive got no answer"), "{summary}");
        }
    }

    #[test]
    fn messages_that_repeated_requests_may_have_made_are_counted_as_such() {
        let summary = |created_at_most| {
            judge(&Residue { created: 7, created_at_most, ..Residue::default() }).summary
        };
        assert!(summary(7).starts_with("7 messages created, none left"), "{}", summary(7));
        assert!(summary(9).starts_with("7 to 9 messages created, none left"), "{}", summary(9));
    }

    #[test]
    fn nothing_left_passes_and_anything_left_warns_by_name() {
        let clean = Residue { created: 3, ..Residue::default() };
        assert_eq!(judge(&clean).verdict, Verdict::Pass);
        assert_eq!(judge(&Residue::default()).verdict, Verdict::NotExercised);
        let swept = Residue { swept: vec!["m-0".to_owned()], ..Residue::default() };
        assert_eq!(judge(&swept).verdict, Verdict::Pass);
        let residue = Residue { left: vec!["m-1 in jobs".to_owned()], ..Residue::default() };
        let judgement = judge(&residue);
        assert_eq!(judgement.verdict, Verdict::Warn);
        assert!(judgement.actual.unwrap().contains("m-1"));
        let residue = Residue { not_handed_back: vec!["m-2".to_owned()], ..Residue::default() };
        assert_eq!(judge(&residue).verdict, Verdict::Warn);
    }
}
