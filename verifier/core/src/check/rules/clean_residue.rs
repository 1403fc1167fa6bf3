//! `clean.residue`.

use crate::check::{Check, Judgement, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "clean.residue",
    asserts: "everything that this run put into the stack is gone again",
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
    /// How many messages of others were received from the dead-letter queue and handed back.
    pub handed_back: usize,
    /// Messages of others that could not be handed back; they become visible again by themselves.
    pub not_handed_back: Vec<String>,
}

/// Judges what is left.
pub fn judge(residue: &Residue) -> Judgement {
    let nothing_left = residue.left.is_empty() && residue.not_handed_back.is_empty();
    let judgement = if nothing_left && residue.created == 0 {
        Judgement::not_exercised("this run put nothing into the stack")
    } else if nothing_left {
        Judgement::pass(format!(
            "{} messages created, none left ({} deleted from the dead-letter queue)",
            residue.created,
            residue.deleted.len()
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
        .with_evidence("handedBack", residue.handed_back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_left_passes_and_anything_left_warns_by_name() {
        let clean = Residue { created: 3, ..Residue::default() };
        assert_eq!(judge(&clean).verdict, Verdict::Pass);
        assert_eq!(judge(&Residue::default()).verdict, Verdict::NotExercised);
        let residue = Residue { left: vec!["m-1 in jobs".to_owned()], ..Residue::default() };
        let judgement = judge(&residue);
        assert_eq!(judgement.verdict, Verdict::Warn);
        assert!(judgement.actual.unwrap().contains("m-1"));
        let residue = Residue { not_handed_back: vec!["m-2".to_owned()], ..Residue::default() };
        assert_eq!(judge(&residue).verdict, Verdict::Warn);
    }
}
