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
    /// How many messages the run put into the stack.
    pub created: usize,
    /// The ids of its messages that were deleted from the dead-letter queue.
    pub deleted: Vec<String>,
    /// Its messages that may still be there, each with where and why.
    pub left: Vec<String>,
    /// How many messages more the jobs queue holds than before the run, by its counts; `None` where it was not counted.
    pub surplus: Option<u64>,
    /// Whether messages of other senders were seen, which explain a surplus.
    pub others_seen: bool,
    /// The ids of messages of runs that are over, which were deleted from the dead-letter queue.
    pub swept: Vec<String>,
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
            format!("{up_to} may be left: it holds more than before the run"),
            "no more messages in the jobs queue than before the run",
            format!("{up_to}, for a minute"),
        )
        .with_verdict(Verdict::Warn)
        .with_next(
            "run the check again when they have arrived; their bodies carry the run id".to_owned(),
        )
    } else if nothing_left && residue.created == 0 && residue.swept.is_empty() {
        Judgement::not_exercised("this run put nothing into the stack")
    } else if nothing_left {
        Judgement::pass(format!(
            "{} messages created, none left ({} deleted from the dead-letter queue){}",
            residue.created,
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
        .with_evidence("deleted", residue.deleted.clone())
        .with_evidence("left", residue.left.clone())
        .with_evidence("surplus", residue.surplus)
        .with_evidence("swept", residue.swept.clone())
        .with_evidence("handedBack", residue.handed_back)
        .with_evidence("receivesOfOthers", residue.receives_of_others)
}

/// That messages may be left which no id names: the jobs queue holds more than before, and no other sender was seen.
pub fn up_to(residue: &Residue) -> Option<String> {
    let surplus = residue.surplus.filter(|surplus| *surplus > 0 && residue.created > 0)?;
    let unnamed = residue.left.is_empty() && !residue.others_seen;
    unnamed.then(|| format!("up to {surplus} messages in the jobs queue"))
}

/// What was done to messages that are not this run's.
fn others(residue: &Residue) -> String {
    let mut text = String::new();
    if !residue.swept.is_empty() {
        let _ = write!(text, "; {} left by older runs deleted", residue.swept.len());
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
