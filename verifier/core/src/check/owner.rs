//! Whose a message in the dead-letter queue is.

use std::time::Duration;

use super::DeadLetter;
use crate::run_id::RunId;
use crate::settings::MessageIds;

/// Whose a message in the dead-letter queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The run's own.
    ThisRun,
    /// Of another run, which may still be looking for it.
    RunningRun(RunId),
    /// Of a run that is surely over: nobody looks for it any more.
    FinishedRun(RunId),
    /// Somebody else's.
    Other,
}

impl Owner {
    /// Whose a message is, to a run that knows its own message ids. `ids` is where messages name their run,
    /// `longest_wait` how long a run waits for its own.
    pub fn of(
        message: &DeadLetter,
        this_run: RunId,
        own_message_ids: &[String],
        ids: &MessageIds,
        longest_wait: Duration,
    ) -> Self {
        // A run's id is its own: whatever names it, in an envelope or encoded too, was made from a job of it.
        let of_this_run = format!("{this_run}-");
        let names_this_run = || message.texts().iter().any(|text| text.contains(&of_this_run));
        if own_message_ids.contains(&message.message_id) || names_this_run() {
            return Self::ThisRun;
        }
        match ids.run_of(&message.body) {
            Some(id) if id == this_run => Self::ThisRun,
            Some(id) if id.is_surely_over(message.seen_at, longest_wait) => Self::FinishedRun(id),
            Some(id) => Self::RunningRun(id),
            None => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use verifier_model::time::Timestamp;

    use super::*;

    const LONGEST_WAIT: Duration = Duration::from_mins(3);
    const NOW: Timestamp = Timestamp::from_millis(2_000_000_000);

    fn message(body: &str) -> DeadLetter {
        DeadLetter {
            message_id: "m".to_owned(),
            body: body.to_owned(),
            attributes: Vec::new(),
            sent_at: None,
            first_received_at: None,
            receive_count: None,
            source_arn: None,
            seen_at: NOW,
            receipt_handle: String::new(),
        }
    }

    fn body(id: RunId) -> String {
        format!(r#"{{"task":"t","jobId":"{id}-failing","runId":"{id}"}}"#)
    }

    fn owner(body: &str) -> Owner {
        Owner::of(&message(body), RunId::new(NOW, 1), &[], &MessageIds::default(), LONGEST_WAIT)
    }

    #[test]
    fn a_message_is_its_runs_and_everybody_elses_is_a_others() {
        let this = RunId::new(NOW, 1);
        assert_eq!(owner(&body(this)), Owner::ThisRun);
        let other = RunId::new(NOW - Duration::from_secs(5), 2);
        assert_eq!(owner(&body(other)), Owner::RunningRun(other));
        let old = RunId::new(NOW - Duration::from_hours(1), 3);
        assert_eq!(owner(&body(old)), Owner::FinishedRun(old));
        for body in ["", "{}", "[]", r#"{"runId":7}"#, r#"{"runId":"mine"}"#] {
            assert_eq!(owner(body), Owner::Other, "{body}");
        }
        let known = Owner::of(
            &message("changed"),
            this,
            &["m".to_owned()],
            &MessageIds::default(),
            LONGEST_WAIT,
        );
        assert_eq!(known, Owner::ThisRun);
    }

    #[test]
    fn what_holds_a_job_of_the_run_encoded_or_in_an_attribute_is_its_runs() {
        let this = RunId::new(NOW, 1);
        let owner = |body: String, attribute: String| {
            let message = DeadLetter { attributes: vec![attribute], ..message(&body) };
            Owner::of(&message, this, &[], &MessageIds::default(), LONGEST_WAIT)
        };
        let encoded = BASE64_STANDARD.encode(body(this));
        assert_eq!(owner(encoded.clone(), String::new()), Owner::ThisRun);
        assert_eq!(owner("failed".to_owned(), format!("{this}-good-1")), Owner::ThisRun);
        // Its sender may have been told of the run alone.
        assert_eq!(owner("failed".to_owned(), this.to_string()), Owner::Other);
        assert_eq!(owner(encoded[8..].to_owned(), String::new()), Owner::ThisRun);
    }

    #[test]
    fn a_run_id_alone_does_not_make_a_message_a_runs() {
        let old = RunId::new(NOW - Duration::from_hours(1), 3);
        assert_eq!(owner(&format!(r#"{{"runId":"{old}"}}"#)), Owner::Other);
        assert_eq!(owner(&format!(r#"{{"jobId":"mine","runId":"{old}"}}"#)), Owner::Other);
        assert_eq!(owner(&format!(r#"{{"task":"about {old}"}}"#)), Owner::Other);
    }

    #[test]
    fn a_body_that_is_no_json_is_still_its_runs() {
        let this = RunId::new(NOW, 1);
        let cut = body(this);
        assert_eq!(owner(&cut[..cut.len() - 1]), Owner::ThisRun);
        assert_eq!(owner(&format!("\"runId\":\"{this}\"")), Owner::Other);
    }
}
