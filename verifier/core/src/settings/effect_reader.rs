//! Reading side effects from lines of a log.
//!
//! A worker that writes a line for each side effect lets it be seen whether one was done twice: SQS delivers at least once, so a
//! worker has to notice a job that it did already.

use regex::Regex;
use serde_json::Value;

use super::model::Effects;
use super::nested::{document, roots};
use super::placeholders::{lookup, text_of};

/// The named groups that a pattern may have.
pub(super) const GROUPS: [&str; 2] = ["job_id", "key"];

/// Reads side effects from lines; made once, used for many.
#[derive(Clone, Debug)]
pub struct EffectReader {
    effects: Effects,
    pattern: Option<Regex>,
}

/// A side effect, as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectLine {
    /// The job's id.
    pub job_id: String,
    /// Which of the job's effects it is; empty where jobs have one.
    pub key: String,
}

impl Effects {
    /// A reader of such lines; an error says what is wrong with the pattern.
    pub fn reader(&self) -> Result<EffectReader, String> {
        let pattern = self.pattern.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| error.to_string())?;
        Ok(EffectReader { effects: self.clone(), pattern })
    }
}

impl EffectReader {
    /// The side effect that a log event's message tells, if it tells one.
    pub fn read(&self, message: &str) -> Option<EffectLine> {
        let message = message.trim();
        let value = document(message);
        if let Some(pattern) = &self.pattern {
            let nested = value.as_ref().and_then(|value| value.get("message")?.as_str());
            let mut texts = nested.into_iter().chain([message]);
            let captures = texts.find_map(|text| pattern.captures(text))?;
            let group = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
            return Some(EffectLine {
                job_id: group("job_id")?,
                key: group("key").unwrap_or_default(),
            });
        }
        roots(&value?).into_iter().find_map(|root| self.of_json(&root))
    }

    fn of_json(&self, root: &Value) -> Option<EffectLine> {
        let Effects { marks, job_id, key, .. } = &self.effects;
        let at = |path: &str| lookup(root, path).and_then(text_of);
        let is_marked = marks.iter().all(|(path, mark)| at(path).as_ref() == Some(mark));
        is_marked.then_some(())?;
        let key = key.as_ref().and_then(|path| at(path)).unwrap_or_default();
        Some(EffectLine { job_id: at(job_id)?, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(effects: &Effects, line: &str) -> Option<(String, String)> {
        let line = effects.reader().unwrap().read(line)?;
        Some((line.job_id, line.key))
    }

    fn told(job: &str, key: &str) -> (String, String) {
        (job.to_owned(), key.to_owned())
    }

    #[test]
    fn an_effect_is_read_wherever_a_logger_puts_it() {
        let effects = Effects::default();
        let line = r#"{"event":"job.effect","jobId":"a","key":"charge"}"#;
        assert_eq!(read(&effects, line), Some(told("a", "charge")));
        assert_eq!(
            read(&effects, &format!(r#"{{"level":"INFO","message":{line}}}"#)),
            Some(told("a", "charge"))
        );
        let text = serde_json::json!({ "message": line }).to_string();
        assert_eq!(read(&effects, &text), Some(told("a", "charge")));
        assert_eq!(read(&effects, r#"{"event":"job.effect","jobId":"a"}"#), Some(told("a", "")));
        for other in
            [r#"{"event":"job.outcome","jobId":"a"}"#, r#"{"event":"job.effect"}"#, "job.effect a"]
        {
            assert_eq!(read(&effects, other), None, "{other}");
        }
    }

    #[test]
    fn a_line_of_text_is_read_by_a_pattern() {
        let pattern = Some(r"^charged (?<key>\S+) for (?<job_id>\S+)$".to_owned());
        let effects = Effects { pattern, ..Effects::default() };
        assert_eq!(read(&effects, "charged card for a\n"), Some(told("a", "card")));
        assert_eq!(read(&effects, r#"{"message":"charged card for a"}"#), Some(told("a", "card")));
        assert_eq!(read(&effects, "charging card for a"), None);
    }
}
