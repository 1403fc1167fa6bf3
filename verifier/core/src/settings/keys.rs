//! Every key that a settings file may have.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::model::{Allowance, Refused, Settings};
use super::value::{Kind, Value};

/// A key of a settings file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its section and its name, as in `outputs.api_url`.
    pub name: &'static str,
    /// What may stand behind it.
    pub kind: Kind,
    /// What it says.
    pub about: &'static str,
    /// Takes its value from settings.
    pub(super) read: fn(&Settings) -> Value,
    /// Puts its value into settings.
    pub(super) write: fn(&mut Settings, Value),
}

impl Key {
    /// The key of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The section and the name in it.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// All keys, by section.
pub const KEYS: [Key; 40] = [
    Key {
        name: "outputs.preview_url",
        kind: Kind::TextOrFalse,
        about: "the output with the URL of the preview page",
        read: |s| (&s.outputs.preview_url).into(),
        write: |s, v| s.outputs.preview_url = v.optional_text(),
    },
    Key {
        name: "outputs.api_url",
        kind: Kind::TextOrFalse,
        about: "the output with the URL of the API: its base, or that of the hello endpoint",
        read: |s| (&s.outputs.api_url).into(),
        write: |s, v| s.outputs.api_url = v.optional_text(),
    },
    Key {
        name: "outputs.job_url",
        kind: Kind::TextOrFalse,
        about: "the output with the URL that jobs are posted to",
        read: |s| (&s.outputs.job_url).into(),
        write: |s, v| s.outputs.job_url = v.optional_text(),
    },
    Key {
        name: "outputs.jobs_queue",
        kind: Kind::Text,
        about: "the output with the jobs queue's name, URL or ARN",
        read: |s| s.outputs.jobs_queue.as_str().into(),
        write: |s, v| s.outputs.jobs_queue = v.text(),
    },
    Key {
        name: "outputs.dead_letter_queue",
        kind: Kind::Text,
        about: "the output with the dead-letter queue's name, URL or ARN",
        read: |s| s.outputs.dead_letter_queue.as_str().into(),
        write: |s, v| s.outputs.dead_letter_queue = v.text(),
    },
    Key {
        name: "outputs.others",
        kind: Kind::Texts,
        about: "outputs that the stack has to have besides",
        read: |s| (&s.outputs.others).into(),
        write: |s, v| s.outputs.others = v.texts(),
    },
    Key {
        name: "page.config_path",
        kind: Kind::TextOrFalse,
        about: "the path below the page's URL of the script that names the job URL",
        read: |s| (&s.page.config_path).into(),
        write: |s, v| s.page.config_path = v.optional_text(),
    },
    Key {
        name: "page.job_url_variable",
        kind: Kind::TextOrFalse,
        about: "the property of `window` from which the page reads the job URL, as in `CONFIG.jobUrl`; with `false`, or where the default is not set, any may hold it",
        read: |s| (&s.page.job_url_variable).into(),
        write: |s, v| s.page.job_url_variable = v.optional_text(),
    },
    Key {
        name: "page.api_url_variable",
        kind: Kind::TextOrFalse,
        about: "the property of `window` from which the page reads the API's URL; it may be absent",
        read: |s| (&s.page.api_url_variable).into(),
        write: |s, v| s.page.api_url_variable = v.optional_text(),
    },
    Key {
        name: "api.hello_path",
        kind: Kind::TextOrFalse,
        about: "the path of the hello endpoint below the API's URL",
        read: |s| (&s.api.hello_path).into(),
        write: |s, v| s.api.hello_path = v.optional_text(),
    },
    Key {
        name: "api.hello_answer",
        kind: Kind::Pairs,
        about: "what the hello endpoint's JSON holds: from JSON paths to strings, in which `{tag:NAME}` is a tag of the stack; `*` is any text",
        read: |s| (&s.api.hello_answer).into(),
        write: |s, v| s.api.hello_answer = v.pairs(),
    },
    Key {
        name: "api.jobs_path",
        kind: Kind::TextOrFalse,
        about: "the path below the API's URL that jobs are posted to, where no output says it",
        read: |s| (&s.api.jobs_path).into(),
        write: |s, v| s.api.jobs_path = v.optional_text(),
    },
    Key {
        name: "api.accepted_status",
        kind: Kind::Number(200, 299),
        about: "the status of the answer to a job that was accepted",
        read: |s| Value::Number(s.api.accepted_status.into()),
        write: |s, v| s.api.accepted_status = v.number().unwrap_or_default(),
    },
    Key {
        name: "api.accepted_job_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the job's id in that answer",
        read: |s| (&s.api.accepted_job_id).into(),
        write: |s, v| s.api.accepted_job_id = v.optional_text(),
    },
    Key {
        name: "api.accepted_message_id",
        kind: Kind::Text,
        about: "the JSON path to the SQS message's id in that answer",
        read: |s| s.api.accepted_message_id.as_str().into(),
        write: |s, v| s.api.accepted_message_id = v.text(),
    },
    Key {
        name: "jobs.good",
        kind: Kind::Text,
        about: "the body of a job that succeeds, with `{job_id}`, `{run_id}` and `{name}`",
        read: |s| s.jobs.good.as_str().into(),
        write: |s, v| s.jobs.good = v.text(),
    },
    Key {
        name: "jobs.failing",
        kind: Kind::Text,
        about: "the body of a job that fails at every attempt, with the same",
        read: |s| s.jobs.failing.as_str().into(),
        write: |s, v| s.jobs.failing = v.text(),
    },
    Key {
        name: "jobs.refused",
        kind: Kind::Tables(&["defect", "body"]),
        about: "bodies that the API has to refuse, with the same; `{padding}` makes one larger than the queue takes",
        read: |s| {
            tables(
                s.jobs.refused.iter().map(|each| [("defect", &each.defect), ("body", &each.body)]),
            )
        },
        write: |s, v| s.jobs.refused = v.tables().into_iter().map(refused).collect(),
    },
    Key {
        name: "jobs.headers",
        kind: Kind::Pairs,
        about: "the headers of every submission",
        read: |s| (&s.jobs.headers).into(),
        write: |s, v| s.jobs.headers = v.pairs(),
    },
    Key {
        name: "jobs.message_is_body",
        kind: Kind::Flag,
        about: "whether the queue's message is the body that was submitted, as JSON",
        read: |s| Value::Flag(s.jobs.message_is_body),
        write: |s, v| s.jobs.message_is_body = v.flag(),
    },
    Key {
        name: "jobs.message_run_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the run's id in the queue's message; without one it follows from the job's id",
        read: |s| (&s.jobs.message_ids.run_id).into(),
        write: |s, v| s.jobs.message_ids.run_id = v.optional_text(),
    },
    Key {
        name: "jobs.message_job_id",
        kind: Kind::Text,
        about: "the JSON path to the job's id in the queue's message",
        read: |s| s.jobs.message_ids.job_id.as_str().into(),
        write: |s, v| s.jobs.message_ids.job_id = v.text(),
    },
    Key {
        name: "outcomes.pattern",
        kind: Kind::TextOrFalse,
        about: "a regular expression for lines that are no JSON, with groups named as the paths below: `(?<job_id>\\S+)`",
        read: |s| (&s.outcomes.pattern).into(),
        write: |s, v| s.outcomes.pattern = v.optional_text(),
    },
    Key {
        name: "outcomes.marks",
        kind: Kind::Pairs,
        about: "what a JSON line has to hold to be an outcome: from JSON paths to values",
        read: |s| (&s.outcomes.marks).into(),
        write: |s, v| s.outcomes.marks = v.pairs(),
    },
    Key {
        name: "outcomes.run_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the run's id; without one it follows from the job's id",
        read: |s| (&s.outcomes.run_id).into(),
        write: |s, v| s.outcomes.run_id = v.optional_text(),
    },
    Key {
        name: "outcomes.job_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the job's id",
        read: |s| (&s.outcomes.job_id).into(),
        write: |s, v| s.outcomes.job_id = v.optional_text(),
    },
    Key {
        name: "outcomes.message_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the SQS message's id; without one, lines are told apart by the job's id",
        read: |s| (&s.outcomes.message_id).into(),
        write: |s, v| s.outcomes.message_id = v.optional_text(),
    },
    Key {
        name: "outcomes.receive_count",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the message's `ApproximateReceiveCount`; without one, the lines of a message are counted",
        read: |s| (&s.outcomes.receive_count).into(),
        write: |s, v| s.outcomes.receive_count = v.optional_text(),
    },
    Key {
        name: "outcomes.request_id",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the Lambda request id, which tells the jobs of one batch; where a line has none, the report that comes next in its log stream tells it",
        read: |s| (&s.outcomes.request_id).into(),
        write: |s, v| s.outcomes.request_id = v.optional_text(),
    },
    Key {
        name: "outcomes.outcome",
        kind: Kind::Text,
        about: "the JSON path to the outcome",
        read: |s| s.outcomes.outcome.as_str().into(),
        write: |s, v| s.outcomes.outcome = v.text(),
    },
    Key {
        name: "outcomes.success",
        kind: Kind::Texts,
        about: "the outcomes that mean success",
        read: |s| (&s.outcomes.success).into(),
        write: |s, v| s.outcomes.success = v.texts(),
    },
    Key {
        name: "outcomes.failure",
        kind: Kind::Texts,
        about: "the outcomes that mean failure",
        read: |s| (&s.outcomes.failure).into(),
        write: |s, v| s.outcomes.failure = v.texts(),
    },
    Key {
        name: "outcomes.reason",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the reason of a failure",
        read: |s| (&s.outcomes.reason).into(),
        write: |s, v| s.outcomes.reason = v.optional_text(),
    },
    Key {
        name: "outcomes.batch_size",
        kind: Kind::TextOrFalse,
        about: "the JSON path to the number of messages in the invocation",
        read: |s| (&s.outcomes.batch_size).into(),
        write: |s, v| s.outcomes.batch_size = v.optional_text(),
    },
    Key {
        name: "expect.receives",
        kind: Kind::NumberOrFalse(1, 1000),
        about: "the `maxReceiveCount` of the jobs queue; any without one",
        read: |s| s.expect.receives.map(u64::from).into(),
        write: |s, v| s.expect.receives = v.number(),
    },
    Key {
        name: "expect.timeout_seconds",
        kind: Kind::NumberOrFalse(1, 604_800),
        about: "how long a run may take",
        read: |s| s.expect.timeout_seconds.into(),
        write: |s, v| s.expect.timeout_seconds = v.number(),
    },
    Key {
        name: "expect.arrival_slack_seconds",
        kind: Kind::Number(1, 3600),
        about: "how much later than it is due a dead letter is given up",
        read: |s| Value::Number(s.expect.arrival_slack_seconds),
        write: |s, v| s.expect.arrival_slack_seconds = v.number().unwrap_or_default(),
    },
    Key {
        name: "expect.log_seconds",
        kind: Kind::Number(1, 3600),
        about: "how long lines of the log are waited for",
        read: |s| Value::Number(s.expect.log_seconds),
        write: |s, v| s.expect.log_seconds = v.number().unwrap_or_default(),
    },
    Key {
        name: "expect.origins",
        kind: Kind::Texts,
        about: "the origins whose pages may post jobs, `*` for all; without any, the preview page's own",
        read: |s| (&s.expect.origins).into(),
        write: |s, v| s.expect.origins = v.texts(),
    },
    Key {
        name: "expect.allow",
        kind: Kind::Tables(&["check", "reason"]),
        about: "warnings that do not fail a run with `--strict`, each with its reason",
        read: |s| {
            tables(
                s.expect
                    .allow
                    .iter()
                    .map(|each| [("check", &each.check), ("reason", &each.reason)]),
            )
        },
        write: |s, v| s.expect.allow = v.tables().into_iter().map(allowance).collect(),
    },
];

/// The names of the sections, in their order.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.parts().0).collect();
    sections.dedup();
    sections
}

/// The reference of all keys: a table in Markdown.
pub fn reference() -> String {
    let defaults = Settings::default();
    let mut text = String::from("| key | what it says | it is | default |\n|---|---|---|---|\n");
    for key in &KEYS {
        // A bar would end the cell.
        let default = (key.read)(&defaults).to_string().replace('|', "\\|");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {} | `{default}` |", key.name, key.about, key.kind);
    }
    text
}

fn tables<'a, const N: usize>(rows: impl Iterator<Item = [(&'a str, &'a String); N]>) -> Value {
    let table = |row: [(&str, &String); N]| {
        row.into_iter().map(|(name, text)| (name.to_owned(), text.clone())).collect()
    };
    Value::Tables(rows.map(table).collect())
}

fn refused(mut table: BTreeMap<String, String>) -> Refused {
    let mut take = |name: &str| table.remove(name).unwrap_or_default();
    Refused { defect: take("defect"), body: take("body") }
}

fn allowance(mut table: BTreeMap<String, String>) -> Allowance {
    let mut take = |name: &str| table.remove(name).unwrap_or_default();
    Allowance { check: take("check"), reason: take("reason") }
}
