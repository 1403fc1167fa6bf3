//! From what a stack is to the settings for it.

use std::collections::BTreeSet;

use super::answers::{accepted, hello};
use super::bodies::{Body, body_of, message_of};
use super::choose::{FoundQueue, Pair};
use super::draft::Draft;
use super::learnt::Learnt;
use super::lines::learn;
use super::probe::Probe;
use super::template::{Route, TemplateView};
use crate::evidence::StackEvidence;
use crate::resources::shortest;
use crate::settings::{Refused, Submit, lookup, queue_name, text_of};

/// The names of endpoints that are asked for nothing but whether the API is there, the likeliest first.
const HELLO_NAMES: [&str; 9] =
    ["hello", "health", "healthz", "healthcheck", "alive", "ping", "status", "ready", "version"];

/// Why it is not known what the stack makes of jobs.
const NOT_SUBMITTED: &str = "no job was accepted to see it; `verifier init --probe` submits some";

/// The settings for a stack, as far as its outputs, its template and its queues tell.
pub fn propose(stack: &StackEvidence, template: TemplateView<'_>, pair: Pair<'_>) -> Draft {
    let mut draft = Draft::default();
    draft.settings.outputs.others = Vec::new();
    let Pair { jobs, dead_letters } = pair;
    let policy = jobs.queue.redrive_policy();
    draft.settings.expect.receives = policy.map(|policy| policy.max_receive_count);
    draft.say("expect.receives", "the jobs queue's maxReceiveCount");
    draft.settings.outputs.jobs_queue = named(&mut draft, "outputs.jobs_queue", stack, jobs);
    draft.settings.outputs.dead_letter_queue =
        named(&mut draft, "outputs.dead_letter_queue", stack, dead_letters);
    pages(&mut draft, stack, template);
    api(&mut draft, stack, template, jobs);
    draft
}

/// By which name a queue is found in every deployment of the stack: an output, or else its logical id.
fn named(
    draft: &mut Draft,
    key: &'static str,
    stack: &StackEvidence,
    queue: &FoundQueue,
) -> String {
    if let Some(output) = queue.outputs.first() {
        return output.clone();
    }
    if let Some(id) = &queue.logical_id {
        draft.say(key, "no output names the queue, so this is its logical id in the template");
        return shortest(stack, "AWS::SQS::Queue", id).to_owned();
    }
    draft.doubt(
        key,
        format!(
            "no output names the queue {}, which is of another stack; add one with its ARN",
            queue.queue.arn()
        ),
    );
    queue.queue.name.clone()
}

/// The outputs that are URLs and refer to a resource of one of those types.
fn urls<'a>(
    stack: &'a StackEvidence,
    template: TemplateView<'a>,
    types: &'a [&'a str],
) -> Vec<(&'a String, &'a String)> {
    let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    let is_of = |name: &str| {
        let referred = template.of_output(name);
        referred.iter().any(|id| template.type_of(id).is_some_and(|kind| types.contains(&kind)))
    };
    stack.outputs.iter().filter(|(name, value)| is_url(value) && is_of(name)).collect()
}

/// The page's output, if there is one.
fn pages(draft: &mut Draft, stack: &StackEvidence, template: TemplateView<'_>) {
    const TYPES: [&str; 2] = ["AWS::CloudFront::Distribution", "AWS::S3::Bucket"];
    let pages = urls(stack, template, &TYPES);
    draft.settings.outputs.preview_url = pages.first().map(|(name, _)| (*name).clone());
    draft.settings.page.job_url_variable = None;
    draft.settings.page.api_url_variable = None;
    if pages.is_empty() {
        draft.settings.page.config_path = None;
    }
    if let [_, others @ ..] = pages.as_slice()
        && !others.is_empty()
    {
        let others: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
        draft.doubt("outputs.preview_url", format!("it could be {}, too", others.join(", ")));
    }
}

/// The API's outputs and routes.
fn api(draft: &mut Draft, stack: &StackEvidence, template: TemplateView<'_>, jobs: &FoundQueue) {
    const TYPES: [&str; 2] = ["AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"];
    let urls = urls(stack, template, &TYPES);
    let routes = template.routes();
    let posts = posting(&routes, template, jobs.logical_id.as_deref());
    let gets = asking(&routes);
    draft.settings.outputs.job_url = None;
    draft.settings.outputs.api_url = None;
    draft.settings.api.hello_path = None;
    draft.settings.api.hello_answer.clear();
    let Some(post) = posts.first() else {
        let why = "no route of the stack's takes a POST, so jobs are sent to the queue itself";
        send(draft, why, false);
        return;
    };
    if posts.len() > 1 {
        let others: Vec<&str> = posts[1..].iter().map(|route| route.path.as_str()).collect();
        draft.doubt("api.jobs_path", format!("jobs could be posted to {}, too", others.join(", ")));
    }
    let ends_in = |url: &str, route: &Route| {
        let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
        route.path != "/" && path.ends_with(route.path.trim_end_matches('/'))
    };
    let of_jobs = urls.iter().find(|(_, url)| ends_in(url, post));
    let of_hello = gets.iter().find_map(|get| {
        urls.iter().find(|(_, url)| ends_in(url, get)).map(|(name, _)| ((*name).clone(), *get))
    });
    let base = urls.iter().find(|(_, url)| !routes.iter().any(|route| ends_in(url, route)));
    let base = base.map(|(name, _)| (*name).clone());
    let hello = of_hello.as_ref().map(|(_, get)| *get).or(gets.first().copied());
    draft.settings.outputs.api_url = base.or(of_hello.map(|(name, _)| name));
    match of_jobs {
        Some((name, _)) => {
            draft.settings.outputs.job_url = Some((*name).clone());
            draft.forget("api.jobs_path");
        }
        None => draft.settings.api.jobs_path = Some(post.path.clone()),
    }
    if draft.settings.outputs.api_url.is_none() {
        if of_jobs.is_none() {
            let why = "no output holds the API's URL, so jobs are sent to the queue itself; add an output and name it as outputs.api_url";
            draft.settings.api.jobs_path = None;
            send(draft, why, true);
        }
        return;
    }
    draft.settings.api.hello_path = hello.map(|route| route.path.clone());
}

/// Has jobs sent to the queue itself, and says why.
fn send(draft: &mut Draft, why: &str, is_unsure: bool) {
    draft.forget("api.jobs_path");
    draft.settings.jobs.submit = Submit::Sqs;
    draft.settings.jobs.refused = Vec::new();
    if is_unsure {
        draft.doubt("jobs.submit", why);
    } else {
        draft.say("jobs.submit", why);
    }
}

/// The routes that jobs may be posted to: those first that lead to what knows the jobs queue.
fn posting<'a>(
    routes: &'a [Route],
    template: TemplateView<'_>,
    queue: Option<&str>,
) -> Vec<&'a Route> {
    let knows = |route: &Route| {
        queue.is_some_and(|queue| {
            route.leads_to.contains(queue)
                || route.leads_to.iter().any(|id| {
                    let referred: BTreeSet<String> = template.of_resource(id);
                    referred.contains(queue)
                })
        })
    };
    let is_one = |route: &&Route| route.method == "POST" && !route.path.contains('{');
    let posts: Vec<&Route> = routes.iter().filter(is_one).collect();
    let knowing: Vec<&Route> = posts.iter().copied().filter(|route| knows(route)).collect();
    if knowing.is_empty() { posts } else { knowing }
}

/// The routes that can be asked without anything, the likeliest first.
fn asking(routes: &[Route]) -> Vec<&Route> {
    let mut gets: Vec<&Route> =
        routes.iter().filter(|route| route.method == "GET" && !route.path.contains('{')).collect();
    let rank = |route: &Route| {
        let name = route.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        HELLO_NAMES.iter().position(|known| *known == name).unwrap_or(HELLO_NAMES.len())
    };
    gets.sort_by_key(|route| rank(route));
    gets
}

impl Draft {
    /// Takes what the hello endpoint has answered: a status, and a body.
    pub fn take_hello(&mut self, status: u16, body: &str) {
        if let Some(names) = hello(body).filter(|_| status == 200) {
            let any = names.into_iter().map(|name| (name, "*".to_owned()));
            self.settings.api.hello_answer = any.collect();
        } else {
            let path = self.settings.api.hello_path.take().unwrap_or_default();
            self.say("api.hello_path", format!("GET {path} answers {status}, without JSON"));
        }
    }

    /// Takes what the page's configuration was answered with.
    pub fn take_page_config(&mut self, status: u16, content_type: &str) {
        if status != 200 || !content_type.contains("javascript") {
            self.settings.page.config_path = None;
        }
    }

    /// Takes the body of a job that succeeds, and of one that fails, as they were given.
    pub fn take_bodies(&mut self, good: Option<&str>, failing: Option<&str>) -> Result<(), String> {
        let keys = [("jobs.good", good), ("jobs.failing", failing)];
        for (key, given) in keys {
            let Some(given) = given else {
                self.doubt(key, "no body was given; this one is a guess");
                continue;
            };
            let Body { text, job_id, taken } = body_of(given)?;
            if let Some(field) = taken {
                self.doubt(key, format!("{field} was taken for the job's id"));
            }
            if key == "jobs.good" {
                self.settings.jobs.good = text;
            } else {
                self.settings.jobs.failing = text;
            }
            if let Some(path) = job_id {
                self.settings.jobs.message_job_id = path;
            }
            self.settings.jobs.message_run_id = None;
        }
        if good.is_some() || failing.is_some() {
            self.settings.jobs.refused = Vec::new();
        }
        Ok(())
    }

    /// A body that is no JSON, of a job that would fail.
    pub fn torn_body(&self) -> Option<String> {
        let failing = &self.settings.jobs.failing;
        failing.trim_end().strip_suffix('}').map(str::to_owned)
    }

    /// Takes what the API has answered to a body that is no JSON.
    pub fn take_torn(&mut self, status: u16) {
        self.settings.jobs.refused = Vec::new();
        let Some(body) = self.torn_body() else { return };
        if (400..500).contains(&status) {
            self.settings.jobs.refused = vec![Refused { defect: "malformed".to_owned(), body }];
        } else {
            self.say(
                "jobs.refused",
                format!("a body that is no JSON was answered {status}: this API refuses none"),
            );
        }
    }

    /// Takes what the API has answered to a job that it accepted.
    pub fn take_accepted(
        &mut self,
        status: u16,
        body: &str,
        job_id: &str,
        message_id: Option<&str>,
    ) {
        let api = &mut self.settings.api;
        api.accepted_status = status;
        let found = accepted(body, job_id, message_id);
        api.accepted_job_id = found.job_id;
        // Where the answer has none, messages are known by the jobs that they hold.
        api.accepted_message_id = found.message_id;
    }

    /// The id of the message in the answer to a job, where it is known where that stands.
    pub fn message_id_in(&self, answer: &str) -> Option<String> {
        let value: serde_json::Value = serde_json::from_str(answer).ok()?;
        let path = self.settings.api.accepted_message_id.as_ref()?;
        lookup(&value, path).and_then(text_of)
    }

    /// Takes it that nothing was submitted.
    pub fn take_nothing_submitted(&mut self) {
        self.doubt("api.accepted_message_id", NOT_SUBMITTED);
        self.doubt("outcomes.outcome", NOT_SUBMITTED);
    }

    /// Takes it that the API has refused a job, which is what happened.
    pub fn take_refused(&mut self, what: &str) {
        self.forget("jobs.good");
        self.doubt(
            "jobs.good",
            format!("{what}; say what this API takes with --good, --failing and --header"),
        );
        self.take_nothing_submitted();
    }

    /// Takes it that no single function reads the queue.
    pub fn take_no_worker(&mut self) {
        self.doubt(
            "outcomes.outcome",
            "no single function reads the jobs queue, so no log was read",
        );
    }

    /// Takes a message of the dead-letter queue, whose job was submitted by that body.
    pub fn take_message(&mut self, submitted: &str, message: &str, job_id: &str, run_id: &str) {
        self.forget("jobs.message_job_id");
        // The guess was right: such a job fails.
        self.forget("jobs.failing");
        let Some((path, is_body)) = message_of(submitted, message, job_id) else {
            self.doubt(
                "jobs.message_job_id",
                "the message in the dead-letter queue does not hold the job's id as a value",
            );
            return;
        };
        let jobs = &mut self.settings.jobs;
        jobs.message_run_id = message_of(submitted, message, run_id).map(|(path, _)| path);
        jobs.message_job_id = path;
        jobs.message_is_body = is_body;
    }

    /// Takes the lines that the worker wrote of jobs whose end is known.
    pub fn take_lines(&mut self, probes: &[Probe], lines: &[String]) {
        let Some(Learnt { outcomes, unsure }) = learn(probes, lines) else {
            self.doubt(
                "outcomes.pattern",
                "no line was seen that names a job and that only jobs have that succeed; let the worker log one for each attempt, with the job's id",
            );
            return;
        };
        self.settings.outcomes = outcomes;
        for (name, why) in unsure {
            let key = match name {
                "pattern" => "outcomes.pattern",
                "failure" => "outcomes.failure",
                _ => "outcomes.success",
            };
            self.doubt(key, why);
        }
    }
}

/// The outputs that hold a queue's name, URL or ARN.
pub fn outputs_of(stack: &StackEvidence, queue: &str) -> Vec<String> {
    let is_of = |value: &str| queue_name(value) == queue && stack.queue_of_output(value).is_some();
    let named = stack.outputs.iter().filter(|(_, value)| is_of(value));
    named.map(|(name, _)| name.clone()).collect()
}
