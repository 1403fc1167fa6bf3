//! Faults in an emulator's inside, for as long as an experiment goes on.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use verifier_chaos::{Event, Id, Schedule};
use verifier_model::faults::{Fault, FaultRule};
use verifier_model::time::Timestamp;

use crate::shell::admin::Admin;
use crate::shell::failure::Failure;

/// What the parts of a stack are called in experiments, and what they are called there.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) jobs: String,
    pub(super) dead_letters: String,
    pub(super) worker: String,
    pub(super) submit: Option<String>,
    /// Whether jobs are posted to the route that experiments name.
    pub(super) has_route: bool,
    /// Whether a body has the job's id as this project's contract does.
    pub(super) has_contract: bool,
    /// What the ids of the run's jobs begin with there.
    pub(super) prefix: String,
}

/// Where a job's id stands in a message of this project's contract.
const JOB_ID: &str = "\"jobId\":\"";
/// What the route is called in experiments that jobs are posted to.
const POST_JOBS: &str = "POST /jobs";
/// What matches every route's name, and no operation of AWS's.
const ANY_ROUTE: &str = "* /*";

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
        // Elsewhere a job's id stands in some other field, between quotation marks all the same.
        let before = if self.has_contract { JOB_ID } else { "\"" };
        let of_job = format!("{before}{}", self.prefix);
        let contains = rule.contains.as_ref().map(|text| text.replace(JOB_ID, &of_job));
        let translated = FaultRule { queue, function, contains, ..rule.clone() };
        match &self.submit {
            // Whatever the route is called, it leads to the function that sends the jobs.
            Some(submit) if !self.has_route && rule.operation.as_deref() == Some(POST_JOBS) => {
                FaultRule {
                    operation: Some(ANY_ROUTE.to_owned()),
                    function: translated.function.or_else(|| Some(submit.clone())),
                    ..translated
                }
            }
            _ => translated,
        }
    }
}

/// The faults of an emulator.
pub(super) struct Faults(Admin);

/// What the rules did.
#[derive(Deserialize)]
struct Report {
    strikes: Vec<Strike>,
}

#[derive(Deserialize)]
struct Strike {
    at: Timestamp,
    fault: Fault,
    operation: String,
    /// The messages that it struck, if it struck any.
    #[serde(default)]
    messages: Vec<String>,
    /// The rule that it was, counted from 1.
    #[serde(default)]
    rule: u32,
}

impl Faults {
    /// Those of an emulator.
    pub(super) fn of(emulator: Admin) -> Self {
        Self(emulator)
    }

    /// Puts a schedule's rules in force.
    pub(super) async fn begin(&self, schedule: &Schedule, names: &Names) -> Result<(), Failure> {
        let rules: Vec<FaultRule> =
            schedule.faults.iter().map(|rule| names.translated(rule)).collect();
        let body = json!({"seed": schedule.seed, "rules": rules}).to_string();
        self.done(self.0.request(Method::PUT, "faults").body(body)).await.map(drop)
    }

    /// Ends all faults; says which struck, and when.
    pub(super) async fn end(&self) -> Result<Vec<(Timestamp, Event)>, Failure> {
        let text = self.done(self.0.request(Method::GET, "faults")).await?;
        let report: Report = serde_json::from_str(&text).map_err(|error| {
            Failure::environment(format!("the emulator reports its faults otherwise: {error}"))
        })?;
        self.done(self.0.request(Method::DELETE, "faults")).await?;
        let line = |Strike { at, fault, operation, messages, rule }| {
            let messages = messages.into_iter().map(Id::from).collect();
            (at, Event::Fault { fault, operation: operation.into(), messages, rule })
        };
        Ok(report.strikes.into_iter().map(line).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_get_the_names_of_the_stack() {
        let names = Names {
            jobs: "S-Jobs".to_owned(),
            dead_letters: "S-Dead".to_owned(),
            worker: "S-Worker".to_owned(),
            submit: Some("S-Submit".to_owned()),
            has_route: false,
            has_contract: true,
            prefix: "run-".to_owned(),
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
        let rule = FaultRule {
            contains: Some(r#""jobId":"good-0""#.to_owned()),
            ..FaultRule::always(Fault::Throttle)
        };
        let contains = names.translated(&rule).contains;
        assert_eq!(contains.as_deref(), Some(r#""jobId":"run-good-0""#));
        let elsewhere = Names { has_contract: false, ..names.clone() };
        assert_eq!(elsewhere.translated(&rule).contains.as_deref(), Some(r#""run-good-0""#));
        let operation = |operation: &str| {
            let operation = Some(operation.to_owned());
            names.translated(&FaultRule { operation, ..rule.clone() }).operation.unwrap()
        };
        assert_eq!(operation("POST /jobs"), "* /*");
        assert_eq!(operation("POST /*"), "POST /*");
        let posting = FaultRule { operation: Some("POST /jobs".to_owned()), ..rule.clone() };
        assert_eq!(names.translated(&posting).function.as_deref(), Some("S-Submit"));
        let ours = Names { has_route: true, ..names.clone() };
        assert_eq!(ours.translated(&posting).operation.as_deref(), Some("POST /jobs"));
        assert_eq!(ours.translated(&posting).function, None);
    }
}
