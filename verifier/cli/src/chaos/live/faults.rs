//! Faults in an emulator's inside, for as long as an experiment goes on.

use serde::Deserialize;
use serde_json::json;
use verifier_aws::plain_http_client;
use verifier_core::chaos::{Event, Schedule};
use verifier_core::faults::FaultRule;

use crate::failure::Failure;

/// What the parts of a stack are called in experiments, and what they are called there.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) jobs: String,
    pub(super) dead_letters: String,
    pub(super) worker: String,
    pub(super) submit: Option<String>,
}

impl Names {
    /// A rule with the names of that stack. A pattern that is none of the experiments' own names stays.
    fn translated(&self, rule: &FaultRule) -> FaultRule {
        let queue = rule.queue.as_ref().map(|queue| match queue.as_str() {
            "jobs" => self.jobs.clone(),
            "dlq" => self.dead_letters.clone(),
            other => other.to_owned(),
        });
        let function = rule.function.as_ref().map(|function| match function.as_str() {
            "worker" => self.worker.clone(),
            "submit-job" => self.submit.clone().unwrap_or_else(|| function.clone()),
            other => other.to_owned(),
        });
        FaultRule { queue, function, ..rule.clone() }
    }
}

/// The faults of an emulator.
pub(super) struct Faults {
    http: reqwest::Client,
    url: String,
}

/// What a rule did.
#[derive(Deserialize)]
struct Report {
    rules: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    rule: FaultRule,
    struck: u64,
}

impl Faults {
    /// Those of the emulator at an endpoint.
    pub(super) fn of(endpoint: &str) -> Result<Self, Failure> {
        let http = plain_http_client().map_err(|error| {
            Failure::environment(format!("the HTTP client cannot be made: {error}"))
        })?;
        let url = format!("{}/_emulator/faults", endpoint.trim_end_matches('/'));
        Ok(Self { http, url })
    }

    /// Puts a schedule's rules in force.
    pub(super) async fn begin(&self, schedule: &Schedule, names: &Names) -> Result<(), Failure> {
        let rules: Vec<FaultRule> =
            schedule.faults.iter().map(|rule| names.translated(rule)).collect();
        let body = json!({"seed": schedule.seed, "rules": rules}).to_string();
        self.done(self.http.put(&self.url).body(body)).await.map(drop)
    }

    /// Ends all faults; the lines tell which struck.
    pub(super) async fn end(&self) -> Result<Vec<(u64, Event)>, Failure> {
        let text = self.done(self.http.get(&self.url)).await?;
        let report: Report = serde_json::from_str(&text).map_err(|error| {
            Failure::environment(format!("the emulator tells of its faults otherwise: {error}"))
        })?;
        self.done(self.http.delete(&self.url)).await?;
        let struck = report.rules.into_iter().filter(|told| told.struck > 0);
        Ok(struck.map(line).collect())
    }

    async fn done(&self, request: reqwest::RequestBuilder) -> Result<String, Failure> {
        let failed = |problem: String| {
            Failure::environment(format!("the emulator's faults cannot be set: {problem}"))
        };
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        let is_done = answer.status().is_success();
        let text = answer.text().await.map_err(|error| failed(error.to_string()))?;
        if is_done { Ok(text) } else { Err(failed(text)) }
    }
}

/// That a fault struck, at the earliest time at which it can have.
fn line(told: Told) -> (u64, Event) {
    let operation = told.rule.operation.unwrap_or_else(|| "*".to_owned());
    let fault = Event::Fault { fault: told.rule.fault, operation: operation.into(), message: None };
    (told.rule.from_milliseconds.unwrap_or_default(), fault)
}

#[cfg(test)]
mod tests {
    use verifier_core::faults::Fault;

    use super::*;

    #[test]
    fn rules_get_the_names_of_the_stack() {
        let names = Names {
            jobs: "S-Jobs".to_owned(),
            dead_letters: "S-Dead".to_owned(),
            worker: "S-Worker".to_owned(),
            submit: Some("S-Submit".to_owned()),
        };
        let translated = |queue: Option<&str>, function: Option<&str>| {
            let mut rule = FaultRule::always(Fault::Throttle);
            rule.queue = queue.map(str::to_owned);
            rule.function = function.map(str::to_owned);
            let rule = names.translated(&rule);
            (rule.queue, rule.function)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(translated(Some("jobs"), Some("worker")), (some("S-Jobs"), some("S-Worker")));
        assert_eq!(translated(Some("dlq"), Some("submit-job")), (some("S-Dead"), some("S-Submit")));
        assert_eq!(translated(Some("*"), Some("S-*")), (some("*"), some("S-*")));
        assert_eq!(translated(None, None), (None, None));
    }
}
