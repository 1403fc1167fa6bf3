//! What settings have to satisfy together.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};
use regex::Regex;
use url::{Origin, Url};

use super::effect_reader;
use super::forbidden_headers::is_forbidden;
use super::keys::{KEYS, Key};
use super::model::{ANY_ORIGIN, Effects, Jobs, Outcomes, Refused, Settings};
use super::outcome_reader::GROUPS;
use super::placeholders::{OF_JOBS, PADDING, names};
use super::urls::is_http;
use crate::nearest::nearest;

/// The kinds of jobs that only `chaos` submits, each with the placeholder that says how much.
const KINDS: [(&str, Option<&str>); 4] = [
    ("slow", Some("milliseconds")),
    ("flaky", Some("fails")),
    ("exiting", Some("at")),
    ("garbling", None),
];

/// A problem with the value of a key.
type Problem = (&'static str, String);

/// The first thing that is wrong. `is_changed` says whether a key has another value than the default.
pub(super) fn check(settings: &Settings, is_changed: &dyn Fn(&str) -> bool) -> Result<(), Problem> {
    addresses(settings, is_changed)?;
    bodies(settings)?;
    headers(&settings.jobs.headers).map_err(|problem| ("jobs.headers", problem))?;
    origins(&settings.expect.origins).map_err(|problem| ("expect.origins", problem))?;
    outcomes(&settings.outcomes, is_changed)?;
    effects(&settings.effects, is_changed)?;
    Ok(())
}

/// Whether there is somewhere to post jobs to, which only some commands need.
pub(super) fn posting(settings: &Settings) -> Result<(), Problem> {
    let is_named = settings.resources.job_url.is_some() || settings.outputs.job_url.is_some();
    if is_named || settings.api.jobs_path.is_some() || settings.jobs.are_sent() {
        return Ok(());
    }
    let problem = "there is nowhere to post jobs to; expected an output, api.jobs_path, or jobs.submit = \"sqs\"";
    Err(("outputs.job_url", problem.to_owned()))
}

fn addresses(settings: &Settings, is_changed: &dyn Fn(&str) -> bool) -> Result<(), Problem> {
    let (outputs, api) = (&settings.outputs, &settings.api);
    match &api.jobs_path {
        Some(_) if outputs.job_url.is_some() && is_changed("outputs.job_url") => Err((
            "api.jobs_path",
            "outputs.job_url says where jobs are posted to already; expected one of them"
                .to_owned(),
        )),
        Some(_) if settings.resources.job_url.is_some() => Err((
            "api.jobs_path",
            "resources.job_url says where jobs are posted to already; expected one of them"
                .to_owned(),
        )),
        Some(_) if outputs.api_url.is_none() && settings.resources.api_url.is_none() => Err((
            "outputs.api_url",
            "api.jobs_path is below the API's URL; expected the output that holds it, or resources.api_url"
                .to_owned(),
        )),
        _ => Ok(()),
    }?;
    let resources = &settings.resources;
    let urls = [
        ("resources.api_url", &resources.api_url),
        ("resources.job_url", &resources.job_url),
        ("resources.preview_url", &resources.preview_url),
    ];
    for (key, url) in urls {
        if let Some(url) = url.as_ref().filter(|url| !is_http(url)) {
            let problem = format!("expected a URL such as https://api.example, found {url:?}");
            return Err((key, problem));
        }
    }
    let paths = [
        ("api.jobs_path", &api.jobs_path),
        ("api.hello_path", &api.hello_path),
        ("page.config_path", &settings.page.config_path),
    ];
    for (key, path) in paths {
        if let Some(path) = path.as_ref().filter(|path| !path.starts_with('/')) {
            return Err((key, format!("expected a path that begins with a slash, found {path}")));
        }
        // Of a text with these, a URL would make something else, or a query.
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || "\\#".contains(c);
        if let Some(path) = path.as_ref().filter(|path| path.contains(is_bad)) {
            let problem = "expected a path of a URL, with spaces and such escaped as in %20";
            return Err((key, format!("{problem}, found {path:?}")));
        }
    }
    Ok(())
}

fn bodies(settings: &Settings) -> Result<(), Problem> {
    let jobs = &settings.jobs;
    let of_jobs = &OF_JOBS[..];
    let of_refused = &[of_jobs, &[PADDING]].concat()[..];
    body("jobs.good", &jobs.good, of_jobs)?;
    body("jobs.failing", &jobs.failing, of_jobs)?;
    for (kind, text) in &jobs.kinds {
        let Some((_, value)) = KINDS.iter().find(|(known, _)| known == kind) else {
            let known = KINDS.iter().map(|(kind, _)| *kind);
            let near = nearest(kind, known.clone()).map_or_else(
                || format!("expected one of {}", known.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean {near}?"),
            );
            return Err(("jobs.kinds", format!("there is no kind of job {kind}; {near}")));
        };
        let known: Vec<&str> = of_jobs.iter().chain(value).copied().collect();
        body("jobs.kinds", text, &known)?;
        if let Some(value) = value.filter(|value| !names(text).contains(value)) {
            let problem = format!("expected {{{value}}} in the body of {kind}: it says how much");
            return Err(("jobs.kinds", problem));
        }
    }
    for (position, Refused { defect, body: text }) in jobs.refused.iter().enumerate() {
        body("jobs.refused", text, of_refused)?;
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_repeated = jobs.refused[..position].iter().any(|other| other.defect == *defect);
        if is_repeated || !defect.chars().all(is_part) {
            let problem = format!(
                "expected defects that differ, of a-z, 0-9 and -, since they become parts of job ids; found {defect}"
            );
            return Err(("jobs.refused", problem));
        }
    }
    sent(jobs)?;
    if jobs.good == jobs.failing {
        return Err(("jobs.failing", "expected another body than jobs.good".to_owned()));
    }
    Ok(())
}

/// Whether what is sent with a message to the queue itself is as SQS takes it.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
fn sent(jobs: &Jobs) -> Result<(), Problem> {
    /// How many attributes a message may have.
    const ATTRIBUTES_MAX: usize = 10;
    let key = "jobs.message_attributes";
    if jobs.message_attributes.len() > ATTRIBUTES_MAX {
        let found = jobs.message_attributes.len();
        return Err((key, format!("expected {ATTRIBUTES_MAX} attributes at most, found {found}")));
    }
    for (name, value) in &jobs.message_attributes {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let small = name.to_ascii_lowercase();
        let is_reserved = small.starts_with("aws.") || small.starts_with("amazon.");
        let is_dotted = name.starts_with('.') || name.ends_with('.') || name.contains("..");
        if name.is_empty()
            || name.len() > 256
            || !name.chars().all(is_part)
            || is_reserved
            || is_dotted
        {
            return Err((
                key,
                format!(
                    "{name:?} is no name of an attribute; expected letters, digits, -, _ and single dots within, and neither AWS. nor Amazon. at its beginning"
                ),
            ));
        }
        if value.is_empty() {
            return Err((key, format!("the value of {name} is empty, which SQS refuses")));
        }
        only_known(key, value)?;
    }
    for (key, id) in [
        ("jobs.message_group_id", &jobs.message_group_id),
        ("jobs.message_deduplication_id", &jobs.message_deduplication_id),
    ] {
        let Some(id) = id else { continue };
        only_known(key, id)?;
        if !id.chars().all(|c| c.is_ascii_graphic()) {
            return Err((
                key,
                format!("expected letters, digits and punctuation without spaces, found {id:?}"),
            ));
        }
    }
    match &jobs.message_deduplication_id {
        // SQS would take the second job for the first, and say that it took it.
        Some(id) if !["{job_id}", "{name}"].iter().any(|part| id.contains(part)) => Err((
            "jobs.message_deduplication_id",
            format!(
                "expected {{job_id}} or {{name}} in it, or SQS keeps the first job alone; found {id:?}"
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether a text has no other placeholders than those of jobs.
fn only_known(key: &'static str, text: &str) -> Result<(), Problem> {
    match names(text).into_iter().find(|name| !OF_JOBS.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let near = nearest(name, OF_JOBS).map_or_else(
                || format!("expected one of {{{}}}", OF_JOBS.join("}, {")),
                |near| format!("did you mean {{{near}}}?"),
            );
            Err((key, format!("there is no placeholder {{{name}}}; {near}")))
        }
    }
}

/// Whether each header can be sent, once.
fn headers(headers: &BTreeMap<String, String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        if HeaderName::try_from(name).is_err() {
            return Err(format!("{name:?} is no name of a header; expected letters, digits and -"));
        }
        let small = name.to_ascii_lowercase();
        if is_forbidden(&small) {
            return Err(format!(
                "{name} is set by the HTTP client, and no page can; expected others"
            ));
        }
        if HeaderValue::try_from(value).is_err() {
            return Err(format!("the value of {name} has control characters: {value:?}"));
        }
        if !seen.insert(small) {
            return Err(format!("{name} is there twice, whose case does not matter"));
        }
    }
    Ok(())
}

/// Whether each origin is one that a browser sends, or stands for all.
///
/// Source: <https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin>.
fn origins(origins: &[String]) -> Result<(), String> {
    for origin in origins.iter().filter(|origin| *origin != ANY_ORIGIN) {
        let url = Url::parse(origin).ok();
        // An app's scheme of its own, such as capacitor://localhost, has no origin by the standard, and is sent as it is.
        let sent = url.as_ref().map(|url| match url.origin() {
            Origin::Tuple(..) => url.origin().ascii_serialization(),
            Origin::Opaque(_) => {
                let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("HOST");
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{host}{port}", url.scheme())
            }
        });
        if sent.as_ref() != Some(origin) {
            let sent = sent.filter(|sent| !sent.ends_with("://HOST"));
            let near = sent.map_or_else(
                || "expected one such as https://preview.example".to_owned(),
                |sent| format!("did you mean {sent}?"),
            );
            return Err(format!("{origin:?} is no origin: a scheme, a host and no path; {near}"));
        }
    }
    Ok(())
}

/// Whether a body names its job, and has no other placeholders than the known ones.
fn body(key: &'static str, text: &str, known: &[&str]) -> Result<(), Problem> {
    for name in names(text) {
        if !known.contains(&name) {
            let near = nearest(name, known.iter().copied()).map_or_else(
                || format!("expected one of {{{}}}", known.join("}, {")),
                |near| format!("did you mean {{{near}}}?"),
            );
            return Err((key, format!("there is no placeholder {{{name}}}; {near}")));
        }
    }
    if names(text).contains(&"job_id") {
        return Ok(());
    }
    let problem =
        "expected {job_id} in it, by which the job is recognised in the log and in the queues";
    Err((key, problem.to_owned()))
}

fn outcomes(outcomes: &Outcomes, is_changed: &dyn Fn(&str) -> bool) -> Result<(), Problem> {
    for (key, words) in
        [("outcomes.success", &outcomes.success), ("outcomes.failure", &outcomes.failure)]
    {
        if words.is_empty() {
            return Err((key, "expected one word at least".to_owned()));
        }
    }
    if let Some(word) = outcomes.success.iter().find(|word| outcomes.failure.contains(word)) {
        return Err(("outcomes.failure", format!("{word} is in outcomes.success too")));
    }
    let Some(pattern) = &outcomes.pattern else {
        return if outcomes.job_id.is_none() && outcomes.message_id.is_none() {
            let problem = "expected a path, or one in outcomes.message_id: a line has to tell which job it is of";
            Err(("outcomes.job_id", problem.to_owned()))
        } else {
            Ok(())
        };
    };
    // A path into a JSON line is called like the group of a pattern.
    let is_path =
        |key: &Key| key.name.strip_prefix("outcomes.").is_some_and(|name| GROUPS.contains(&name));
    let unused = |key: &&'static Key| is_path(key) || key.name == "outcomes.marks";
    if let Some(key) = KEYS.iter().filter(unused).find(|key| is_changed(&key.name)) {
        return Err((
            &key.name,
            "it is not used beside outcomes.pattern; expected a group there".to_owned(),
        ));
    }
    pattern_is_sound(pattern).map_err(|problem| ("outcomes.pattern", problem))
}

fn effects(effects: &Effects, is_changed: &dyn Fn(&str) -> bool) -> Result<(), Problem> {
    let Some(pattern) = &effects.pattern else {
        // Every line would be one.
        return if effects.marks.is_empty() {
            Err(("effects.marks", "expected one mark at least".to_owned()))
        } else {
            Ok(())
        };
    };
    let unused = ["effects.marks", "effects.job_id", "effects.key"];
    if let Some(key) = unused.into_iter().find(|key| is_changed(key)) {
        return Err((
            key,
            "it is not used beside effects.pattern; expected a group there".to_owned(),
        ));
    }
    let groups = groups(pattern, &effect_reader::GROUPS);
    let has_job = groups.and_then(|groups| {
        let problem = "expected a group named job_id: a line has to tell which job it is of";
        groups.iter().any(|group| group == "job_id").then_some(()).ok_or(problem.to_owned())
    });
    has_job.map_err(|problem| ("effects.pattern", problem))
}

/// The groups of a pattern, all of which have to be among the known ones.
fn groups(pattern: &str, known: &[&'static str]) -> Result<Vec<String>, String> {
    let regex = Regex::new(pattern).map_err(|error| {
        let error = error.to_string();
        // The library draws the pattern, with a mark below it; what is wrong stands in the last line.
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("expected a regular expression: {last}")
    })?;
    let groups: Vec<&str> = regex.capture_names().flatten().collect();
    if let Some(group) = groups.iter().find(|group| !known.contains(group)) {
        let near = nearest(group, known.iter().copied()).map_or_else(
            || format!("expected one of {}", known.join(", ")),
            |near| format!("did you mean {near}?"),
        );
        return Err(format!("there is no such group as {group}; {near}"));
    }
    Ok(groups.into_iter().map(str::to_owned).collect())
}

fn pattern_is_sound(pattern: &str) -> Result<(), String> {
    let groups = groups(pattern, &GROUPS)?;
    let has = |name: &str| groups.iter().any(|group| group == name);
    if !has("outcome") {
        return Err("expected a group named outcome, as in (?<outcome>\\S+)".to_owned());
    }
    if !has("job_id") && !has("message_id") {
        return Err(
            "expected a group named job_id or message_id: a line has to tell which job it is of"
                .to_owned(),
        );
    }
    Ok(())
}
