//! Reading outcomes from lines of a log.

use contract::{Outcome, OutcomeLine};
use regex::{Captures, Regex};
use serde_json::Value;

use super::model::Outcomes;
use super::nested::{document, roots};
use super::placeholders::{lookup, text_of};

/// The named groups that a pattern may have.
pub(super) const GROUPS: [&str; 8] = [
    "run_id",
    "job_id",
    "message_id",
    "receive_count",
    "request_id",
    "outcome",
    "reason",
    "batch_size",
];

/// Reads outcomes from lines; made once, used for many.
#[derive(Clone, Debug)]
pub struct OutcomeReader {
    outcomes: Outcomes,
    pattern: Option<Regex>,
}

impl Outcomes {
    /// A reader of such lines; an error says what is wrong with the pattern.
    pub fn reader(&self) -> Result<OutcomeReader, String> {
        let pattern = self.pattern.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| error.to_string())?;
        Ok(OutcomeReader { outcomes: self.clone(), pattern })
    }
}

impl OutcomeReader {
    /// The outcome that a log event's message reports, if it is one of that run.
    pub fn read(&self, message: &str, run_id: &str) -> Option<OutcomeLine> {
        // What a line is told by has to be there, if it is looked for at all.
        let tells_run = self.pattern.is_none() && self.outcomes.run_id.is_some();
        let is_told = |line: &OutcomeLine| !tells_run || line.run_id.is_some();
        self.read_any(message).filter(|line| is_told(line) && is_of(line, run_id))
    }

    /// The outcome that a log event's message reports, whatever run it is of.
    pub fn read_any(&self, message: &str) -> Option<OutcomeLine> {
        let (line, word) = self.read_word(message)?;
        let outcome = self.outcome(&word)?;
        Some(OutcomeLine { outcome, ..line })
    }

    /// A line that is marked as an outcome and has another one than success or failure, as a worker writes that skips what it did
    /// already: that word, and the line, whose own outcome says nothing.
    pub fn read_other(&self, message: &str) -> Option<(OutcomeLine, String)> {
        self.read_word(message).filter(|(_, word)| self.outcome(word).is_none())
    }

    /// Whether lines tell what run they are of, by its id or by a job's.
    pub fn tells_run(&self) -> bool {
        match &self.outcomes.pattern {
            Some(pattern) => pattern.contains("<run_id>") || pattern.contains("<job_id>"),
            None => self.outcomes.run_id.is_some() || self.outcomes.job_id.is_some(),
        }
    }

    /// The names of the fields in which lines of JSON have the ids of the message and of the job.
    pub(crate) fn id_fields(&self) -> (Option<&str>, Option<&str>) {
        fn last(path: Option<&String>) -> Option<&str> {
            path.and_then(|path| path.rsplit('.').next())
        }
        (last(self.outcomes.message_id.as_ref()), last(self.outcomes.job_id.as_ref()))
    }

    /// What lines of outcomes hold whosever they are, one of these each: what JSON is marked by, or else the words for success and
    /// failure.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        let Outcomes { marks, success, failure, .. } = &self.outcomes;
        let is_marked = self.pattern.is_none() && !marks.is_empty();
        let words = success.iter().chain(failure).filter(move |_| !is_marked);
        let marks = marks.values().filter(move |_| is_marked);
        marks.chain(words).map(String::as_str)
    }

    /// The outcome of a line that is marked as one and names neither job nor message, as where a worker finds no ids in what it was
    /// handed.
    pub fn read_nameless(&self, message: &str) -> Option<OutcomeLine> {
        let is_marked = self.pattern.is_none() && !self.outcomes.marks.is_empty();
        let (line, word, is_named) = self.read_json(message.trim()).filter(|_| is_marked)?;
        (!is_named).then_some(())?;
        Some(OutcomeLine { outcome: self.outcome(&word)?, ..line })
    }

    /// A line that is marked as an outcome, with its word for that.
    fn read_word(&self, message: &str) -> Option<(OutcomeLine, String)> {
        let message = message.trim();
        if let Some(pattern) = &self.pattern {
            let value = document(message);
            let nested = value.as_ref().and_then(|value| value.get("message")?.as_str());
            let texts = nested.into_iter().chain([message]);
            let captures = texts.into_iter().find_map(|text| pattern.captures(text))?;
            Self::of_pattern(&captures)
        } else {
            let (line, word, is_named) = self.read_json(message)?;
            is_named.then_some((line, word))
        }
    }

    /// A line of JSON that is marked as an outcome, with its word for that, and whether it names a job or a message.
    fn read_json(&self, message: &str) -> Option<(OutcomeLine, String, bool)> {
        let value = document(message)?;
        roots(&value).into_iter().find_map(|root| self.of_json(&root))
    }

    fn of_pattern(captures: &Captures<'_>) -> Option<(OutcomeLine, String)> {
        let group = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
        let message_id = group("message_id");
        let job_id = group("job_id");
        (message_id.is_some() || job_id.is_some()).then_some(())?;
        let word = group("outcome")?;
        let line = OutcomeLine {
            run_id: group("run_id"),
            job_id,
            message_id: message_id.unwrap_or_default(),
            receive_count: match group("receive_count") {
                Some(count) => count.parse().ok()?,
                None => 0,
            },
            outcome: Outcome::Failed,
            reason: group("reason"),
            request_id: group("request_id").unwrap_or_default(),
            batch_size: group("batch_size")
                .and_then(|count| count.parse().ok())
                .unwrap_or_default(),
        };
        Some((line, word))
    }

    fn of_json(&self, root: &Value) -> Option<(OutcomeLine, String, bool)> {
        let Outcomes { marks, .. } = &self.outcomes;
        let at = |path: &str| lookup(root, path).and_then(text_of);
        let is_marked = marks.iter().all(|(path, mark)| at(path).as_ref() == Some(mark));
        is_marked.then_some(())?;
        let may = |path: &Option<String>| at(path.as_ref()?);
        let run_id = may(&self.outcomes.run_id);
        let job_id = may(&self.outcomes.job_id);
        let message_id = may(&self.outcomes.message_id);
        // A message that could not be read has neither, and its line says so by an empty id.
        let is_named = message_id.is_some() || job_id.is_some();
        let message_id = message_id.unwrap_or_default();
        let batch_size = may(&self.outcomes.batch_size).unwrap_or_default();
        let word = at(&self.outcomes.outcome)?;
        let line = OutcomeLine {
            run_id,
            job_id,
            message_id,
            receive_count: match may(&self.outcomes.receive_count) {
                Some(count) => count.parse().ok()?,
                None => 0,
            },
            outcome: Outcome::Failed,
            reason: may(&self.outcomes.reason),
            request_id: may(&self.outcomes.request_id).unwrap_or_default(),
            batch_size: if batch_size.is_empty() { 0 } else { batch_size.parse().ok()? },
        };
        Some((line, word, is_named))
    }

    fn outcome(&self, word: &str) -> Option<Outcome> {
        let is_in = |words: &[String]| words.iter().any(|each| each == word);
        if is_in(&self.outcomes.success) {
            Some(Outcome::Succeeded)
        } else if is_in(&self.outcomes.failure) {
            Some(Outcome::Failed)
        } else {
            None
        }
    }
}

/// Whether a line is of a run: by its run id, or else by its job id, which begins with the run's. A line that tells
/// neither was found by the run's id somewhere in it.
fn is_of(line: &OutcomeLine, run_id: &str) -> bool {
    match (&line.run_id, &line.job_id) {
        (Some(found), _) => found == run_id,
        (None, Some(job_id)) => {
            job_id.strip_prefix(run_id).is_some_and(|rest| rest.starts_with('-'))
        }
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(outcomes: &Outcomes) -> Vec<String> {
        let reader = outcomes.reader().expect("a reader");
        reader.marks().map(str::to_owned).collect()
    }

    #[test]
    fn whosever_lines_are_they_hold_their_mark_or_else_a_word_for_their_outcome() {
        let words = ["succeeded", "failed"];
        assert_eq!(marks(&Outcomes::default()), ["job.outcome"]);
        let unmarked =
            Outcomes { marks: std::collections::BTreeMap::default(), ..Outcomes::default() };
        assert_eq!(marks(&unmarked), words);
        let pattern = Some("(?<job_id>a) (?<outcome>b)".to_owned());
        assert_eq!(marks(&Outcomes { pattern, ..Outcomes::default() }), words);
    }

    #[test]
    fn a_marked_line_that_names_nothing_tells_of_a_message_all_the_same() {
        let reader = Outcomes::default().reader().expect("a reader");
        let line = r#"{"event":"job.outcome","jobId":null,"outcome":"succeeded","requestId":"q"}"#;
        assert_eq!(reader.read_any(line), None);
        let read = reader.read_nameless(line).expect("a line");
        assert_eq!((read.job_id, read.request_id.as_str()), (None, "q"));
        for other in [
            r#"{"event":"job.outcome","jobId":"a","outcome":"succeeded"}"#,
            r#"{"event":"job.outcome","outcome":"skipped"}"#,
            r#"{"outcome":"succeeded"}"#,
            "succeeded",
        ] {
            assert_eq!(reader.read_nameless(other), None, "{other}");
        }
    }
}
