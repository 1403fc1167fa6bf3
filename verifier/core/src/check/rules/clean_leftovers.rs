//! `clean.leftovers`.

use std::fmt::Write;

use crate::check::{Check, Evaluate, Evaluation, Leftovers, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "clean.leftovers",
    asserts: "everything that this run put into the stack is gone again, and so is what runs before it left",
    severity: Severity::Warn,
    why: "a left-over failing job raises the dead-letter alarm and confuses the next reader of the queue",
    fix: "delete the named messages by hand; their bodies carry the run id",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Leftovers(evaluate),
};

/// Evaluates what is left.
pub fn evaluate(leftovers: &Leftovers) -> Evaluation {
    let nothing_left = leftovers.left.is_empty() && leftovers.not_released.is_empty();
    let evaluation = if let (true, Some(up_to)) = (nothing_left, up_to(leftovers)) {
        Evaluation::fail(
            format!("{up_to}, more than is explained"),
            "no more messages in either queue than before the run, beside those of others that were seen",
            up_to,
        )
        .with_verdict(Verdict::Warn)
        .with_next("look at what the queue holds in a minute: counts lag, and it may be of other senders".to_owned())
    } else if nothing_left && leftovers.created == 0 && leftovers.swept.is_empty() {
        Evaluation::not_run("0 messages created: this run put nothing into the stack")
    } else if nothing_left {
        Evaluation::pass(format!(
            "{} messages created, none left ({} deleted from the dead-letter queue){}",
            created(leftovers),
            leftovers.deleted.len(),
            others(leftovers)
        ))
    } else {
        let all: Vec<&str> =
            leftovers.left.iter().chain(&leftovers.not_released).map(String::as_str).collect();
        Evaluation::fail(
            format!("{} messages may be left behind", all.len()),
            "nothing left behind",
            all.join("; "),
        )
        .with_verdict(Verdict::Warn)
        .with_next("run the check again when they have arrived, or delete them by hand".to_owned())
    };
    evaluation
        .with_evidence("created", leftovers.created)
        .with_evidence("createdAtMost", leftovers.created_at_most.max(leftovers.created))
        .with_evidence("deleted", leftovers.deleted.clone())
        .with_evidence("left", leftovers.left.clone())
        .with_evidence("surplus", leftovers.surplus)
        .with_evidence("unexplainedDeadLetters", leftovers.dead_letters)
        .with_evidence("receivesWithoutAnswer", leftovers.unanswered)
        .with_evidence("swept", leftovers.swept.clone())
        .with_evidence("released", leftovers.released)
        .with_evidence("receivesOfOthers", leftovers.receives_of_others)
}

/// How many messages the run put into the stack, as far as that is known.
fn created(leftovers: &Leftovers) -> String {
    let Leftovers { created, created_at_most, .. } = leftovers;
    if created_at_most > created {
        format!("{created} to {created_at_most}")
    } else {
        created.to_string()
    }
}

/// That messages may be left which no id names: a queue holds more than is explained. Of the jobs queue, other senders that
/// were seen explain it.
pub fn up_to(leftovers: &Leftovers) -> Option<String> {
    let has_created = leftovers.created > 0 && leftovers.left.is_empty();
    let messages = |count: Option<u64>| count.filter(|count| has_created && *count > 0);
    let queued = messages(leftovers.surplus.filter(|_| !leftovers.others_seen)).map(|count| {
        format!("up to {} may be left in the jobs queue, or are of other senders", counted(count))
    });
    let dead = messages(leftovers.dead_letters).map(|count| {
        let why = match leftovers.unanswered {
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
fn others(leftovers: &Leftovers) -> String {
    let mut text = String::new();
    if !leftovers.swept.is_empty() {
        let _ = write!(text, "; {} left by older runs deleted", leftovers.swept.len());
    }
    if leftovers.of_running_runs > 0 {
        let _ =
            write!(text, "; {} of runs that may still go on left there", leftovers.of_running_runs);
    }
    if leftovers.released > 0 {
        let _ = write!(
            text,
            "; {} of others made visible again, received {} times",
            leftovers.released, leftovers.receives_of_others
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_messages_of_others_is_told() {
        let leftovers = Leftovers {
            created: 1,
            swept: vec!["m-0".to_owned()],
            released: 2,
            receives_of_others: 3,
            ..Leftovers::default()
        };
        let summary = evaluate(&leftovers).summary;
        assert!(summary.contains("1 left by older runs deleted"), "{summary}");
        assert!(summary.contains("2 of others made visible again, received 3 times"), "{summary}");
    }

    #[test]
    fn a_queue_that_holds_more_than_before_vetoes_unless_others_send() {
        let leftovers = |surplus, others_seen| Leftovers {
            created: 3,
            surplus,
            others_seen,
            ..Leftovers::default()
        };
        assert_eq!(evaluate(&leftovers(Some(0), false)).verdict, Verdict::Pass);
        assert_eq!(evaluate(&leftovers(Some(2), false)).verdict, Verdict::Warn);
        assert_eq!(evaluate(&leftovers(Some(2), true)).verdict, Verdict::Pass);
        assert_eq!(evaluate(&leftovers(None, false)).verdict, Verdict::Pass);
    }

    #[test]
    fn what_the_dead_letter_queue_hides_vetoes_whoever_else_sends() {
        let leftovers = |dead_letters, others_seen| Leftovers {
            created: 3,
            dead_letters,
            others_seen,
            unanswered: 1,
            ..Leftovers::default()
        };
        assert_eq!(evaluate(&leftovers(Some(0), false)).verdict, Verdict::Pass);
        assert_eq!(evaluate(&leftovers(None, false)).verdict, Verdict::Pass);
        for others_seen in [false, true] {
            let evaluation = evaluate(&leftovers(Some(1), others_seen));
            assert_eq!(evaluation.verdict, Verdict::Warn);
            let summary = evaluation.summary;
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
            evaluate(&Leftovers { created: 7, created_at_most, ..Leftovers::default() }).summary
        };
        assert!(summary(7).starts_with("7 messages created, none left"), "{}", summary(7));
        assert!(summary(9).starts_with("7 to 9 messages created, none left"), "{}", summary(9));
    }

    #[test]
    fn nothing_left_passes_and_anything_left_warns_by_name() {
        let clean = Leftovers { created: 3, ..Leftovers::default() };
        assert_eq!(evaluate(&clean).verdict, Verdict::Pass);
        assert_eq!(evaluate(&Leftovers::default()).verdict, Verdict::NotRun);
        let swept = Leftovers { swept: vec!["m-0".to_owned()], ..Leftovers::default() };
        assert_eq!(evaluate(&swept).verdict, Verdict::Pass);
        let leftovers = Leftovers { left: vec!["m-1 in jobs".to_owned()], ..Leftovers::default() };
        let evaluation = evaluate(&leftovers);
        assert_eq!(evaluation.verdict, Verdict::Warn);
        assert!(evaluation.actual.unwrap().contains("m-1"));
        let leftovers = Leftovers { not_released: vec!["m-2".to_owned()], ..Leftovers::default() };
        assert_eq!(evaluate(&leftovers).verdict, Verdict::Warn);
    }
}
