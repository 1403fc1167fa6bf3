//! `web.config`.

use std::time::Duration;

use url::Url;

use super::web_page::elsewhere;
use crate::check::script::{Script, Values};
use crate::check::{
    Addresses, Answer, Check, Evaluate, Evaluation, Exchange, Probe, Question, Severity,
};
use crate::command::{curl, without_secrets};
use crate::resources::Role;
use crate::settings::urls::{at_as_page, is_same, origin_of};
use crate::settings::{JOB_URL_VARIABLE, Page};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "web.config",
    asserts: "the page's config.js sets the job URL of this stack where the page reads it",
    severity: Severity::Fail,
    why: "a page with another stack's config.js looks sound and sends its jobs into the other stack",
    fix: "deploy config.js from the stack's own outputs, and invalidate it in the distribution's cache",
    source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Invalidation.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| {
        let has_no_path = subject.settings.page.config_path.is_none();
        let has_none = subject.resources.has_no(Role::PreviewUrl) || has_no_path;
        let why = has_none.then_some("the stack has no page with a configuration");
        why.or_else(|| subject.without_api())
    }),
    evaluate: Evaluate::Probe(Probe {
        patience: Duration::from_secs(30),
        ask: |addresses| {
            let outputs = &addresses.settings.outputs;
            let url = Addresses::needed(addresses.config.as_ref(), outputs.preview_url.as_ref())?;
            Addresses::needed(addresses.jobs.as_ref(), outputs.job_url.as_ref())?;
            Ok(Question::Run { url: url.clone() }.into())
        },
        evaluate: |addresses, replies| {
            let api = &addresses.settings.api;
            let expected = Expected {
                page: &addresses.settings.page,
                job_url: addresses.jobs.as_deref().unwrap_or_default(),
                hello: addresses.hello.as_deref().zip(api.hello_path.as_deref()),
            };
            evaluate(replies.first.exchange(), replies.first.script(), expected)
        },
        confirm: None,
    }),
};

/// What the script of this stack's page has to hold.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Which variables the page reads.
    pub page: &'a Page,
    /// Where jobs are posted to.
    pub job_url: &'a str,
    /// The hello endpoint's URL, and its path below the API's base; `None` where the stack has none.
    pub hello: Option<(&'a str, &'a str)>,
}

/// Evaluates the answer of the page's `config.js`, with what it sets where it was run.
///
/// The variable that the page reads decides. Where the settings' default is not there, the page is another stack's, and
/// any variable may hold the URL.
pub fn evaluate(
    exchange: &Exchange,
    script: Option<&Script>,
    expected: Expected<'_>,
) -> Evaluation {
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => {
            return failed(format!("no answer: {error}"), error.clone(), exchange, expected);
        }
    };
    let evaluation = match served(exchange, answer) {
        Served::Script(_) => of_settled(script, exchange, expected),
        Served::Json(document) => of_settled(Some(&Script::of_json(document)), exchange, expected),
        Served::Coded(coding) => Evaluation::inconclusive(format!(
            "config.js is served with Content-Encoding {coding}, which the verifier does not read"
        ))
        .with_next(curl(&["--compressed"], &exchange.url)),
        Served::Otherwise { what, actual } => failed(what, actual, exchange, expected),
    };
    evaluation
        .with_evidence("url", without_secrets(&exchange.url))
        .with_evidence("status", answer.status)
        .with_evidence("contentType", answer.content_type.clone())
}

/// The script that an answer brings and a browser would run; `None` where it brings none.
pub fn to_run(exchange: &Exchange) -> Option<&str> {
    match served(exchange, exchange.answer.as_ref().ok()?) {
        Served::Script(source) => Some(source),
        _ => None,
    }
}

/// What a page's configuration is served as.
enum Served<'a> {
    Script(&'a str),
    Json(&'a str),
    /// In a coding that is not read.
    Coded(&'a str),
    /// As nothing that sets anything.
    Otherwise {
        what: String,
        actual: String,
    },
}

fn served<'a>(exchange: &Exchange, answer: &'a Answer) -> Served<'a> {
    let Answer { status, content_type, body, .. } = answer;
    if let Some(elsewhere) = elsewhere(exchange, answer) {
        Served::Otherwise { what: elsewhere.clone(), actual: elsewhere }
    } else if *status != 200 {
        Served::Otherwise { what: format!("answered {status}"), actual: status.to_string() }
    } else if let Some(coding) = answer.undecoded() {
        Served::Coded(coding)
    } else if is_json(exchange, answer) {
        Served::Json(body)
    } else if is_script(content_type) {
        Served::Script(body)
    } else {
        let kind = if content_type.is_empty() { "no content type" } else { content_type };
        let what = format!("config.js is served as {kind}, which no browser runs");
        Served::Otherwise { what, actual: kind.to_owned() }
    }
}

fn failed(what: String, actual: String, exchange: &Exchange, expected: Expected<'_>) -> Evaluation {
    Evaluation::fail(what, format!("200, with {}", expected.job_url), actual)
        .with_next(curl(&[], &exchange.url))
}

fn of_settled(script: Option<&Script>, exchange: &Exchange, expected: Expected<'_>) -> Evaluation {
    let Some(script) = script else {
        return Evaluation::inconclusive("config.js was not run");
    };
    let evaluation = match of_script(script, &exchange.url, expected) {
        Finding::Holds => Evaluation::pass(format!("config.js names {}", expected.job_url)),
        Finding::Fails { what, actual } => failed(what, actual, exchange, expected),
        Finding::Open(what) => Evaluation::inconclusive(what).with_next(
            "open the page and submit a job, and name the variable that it reads as page.job_url_variable in verifier.toml",
        ),
    };
    evaluation.with_evidence("urls", urls(script))
}

/// What is found of a script.
enum Finding {
    Holds,
    Fails { what: String, actual: String },
    Open(String),
}

fn fails(what: String, actual: impl Into<String>) -> Finding {
    Finding::Fails { what, actual: actual.into() }
}

fn of_script(script: &Script, page: &str, expected: Expected<'_>) -> Finding {
    let (window, declared, error) = match script {
        Script::Ended { window, declared, error } => (window, declared, error),
        Script::Undecided { why } => {
            return Finding::Open(format!("what config.js sets is not decided: {why}"));
        }
    };
    let ended = error.as_ref().map(|error| format!("; it ends with {error}")).unwrap_or_default();
    if let Some(finding) = of_api(window, expected) {
        return finding;
    }
    let name = expected.page.job_url_variable.as_deref();
    let is_default = name == Some(JOB_URL_VARIABLE);
    let Some(name) = name else { return of_any(script, page, expected, &ended) };
    match window.get(name) {
        Some(Some(url)) if is_url_of(url, page, expected.job_url) => return Finding::Holds,
        Some(Some(url)) => {
            return fails(
                format!("config.js sets {name} to another URL than this stack's"),
                url.as_str(),
            );
        }
        Some(None) => {
            return fails(format!("config.js sets {name} to no string{ended}"), "no string");
        }
        None => {}
    }
    if declared.contains_key(name) {
        return fails(
            format!(
                "config.js declares {name} with let, const or class, so window.{name} is not set"
            ),
            format!("no property {name} of window"),
        );
    }
    let holds_text = window.iter().chain(declared).filter(|(_, value)| value.is_some());
    let mut names = holds_text.map(|(name, _)| name.as_str());
    if let Some(near) = names.find(|other| is_misspelt(other, name)) {
        return fails(format!("config.js sets {near}, and the page reads {name}"), near);
    }
    if is_default {
        of_any(script, page, expected, &ended)
    } else {
        fails(format!("config.js does not set {name}{ended}"), shown(script))
    }
}

/// Where any variable may hold the job URL.
fn of_any(script: &Script, page: &str, expected: Expected<'_>, ended: &str) -> Finding {
    let texts = texts(script);
    let is_own = |text: &str| is_url_of(text, page, expected.job_url);
    let others: Vec<&str> = texts
        .iter()
        .filter(|(name, text)| !is_own(text) && looks_like_jobs(name, text, expected.job_url))
        .map(|(_, text)| *text)
        .collect();
    match (texts.iter().any(|(_, text)| is_own(text)), others.first()) {
        (true, None) => Finding::Holds,
        (true, Some(other)) => Finding::Open(format!(
            "config.js names this stack's job URL and {other}, and which of them the page reads is not known"
        )),
        (false, _) => {
            fails(format!("config.js does not set this stack's job URL{ended}"), shown(script))
        }
    }
}

/// What is wrong with the API's URL, where the script sets it; `None` where nothing is.
fn of_api(window: &Values, expected: Expected<'_>) -> Option<Finding> {
    let name = expected.page.api_url_variable.as_deref()?;
    let value = window.get(name)?;
    let Some(url) = value else {
        // The page does without.
        return None;
    };
    let is_own = match expected.hello {
        // A query of the output's is for those who open it.
        Some((hello, path)) => is_same(
            &without_query(&at_as_page(url, path)),
            &without_query(&at_as_page(hello, path)),
        ),
        None => origin_of(url) == origin_of(expected.job_url),
    };
    let own =
        expected.hello.map_or_else(|| origin_of(expected.job_url), |(hello, _)| hello.to_owned());
    (!is_own && !url.trim().is_empty()).then(|| {
        fails(
            format!("config.js sets {name} to another API than this stack's, {own}"),
            url.as_str(),
        )
    })
}

/// Whether a text is a URL, as a page takes it: relative ones begin at the page.
fn is_url_of(text: &str, page: &str, url: &str) -> bool {
    let joined = || Url::parse(page).ok()?.join(text.trim()).ok();
    is_same(text.trim(), url)
        || (text.starts_with('/') && joined().is_some_and(|joined| is_same(joined.as_str(), url)))
}

/// Whether a URL under that name might be one that jobs are posted to: its path ends as this stack's, or its name says so.
fn looks_like_jobs(name: &str, text: &str, job_url: &str) -> bool {
    let last = |url: &str| {
        let url = Url::parse(url).ok()?;
        url.path_segments()?.rfind(|part| !part.is_empty()).map(str::to_owned)
    };
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    is_url
        && (name.to_ascii_lowercase().contains("job")
            || (last(text).is_some() && last(text) == last(job_url)))
}

/// Whether a name is another one in other messages, nearly, or of a member elsewhere.
fn is_misspelt(name: &str, wanted: &str) -> bool {
    let messages = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    if name.rsplit('.').next() == Some(wanted) {
        return true;
    }
    let (name, wanted) = (messages(name), messages(wanted));
    !name.is_empty() && strsim::levenshtein(&name, &wanted) <= 2
}

/// The texts that a script leaves, with their names.
fn texts(script: &Script) -> Vec<(&str, &str)> {
    let Script::Ended { window, declared, .. } = script else { return Vec::new() };
    let all = window.iter().chain(declared);
    all.filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?))).collect()
}

/// The URLs that a script sets.
fn urls(script: &Script) -> Vec<String> {
    let is_url = |text: &&str| text.starts_with("http://") || text.starts_with("https://");
    texts(script).into_iter().map(|(_, text)| text).filter(is_url).map(str::to_owned).collect()
}

fn shown(script: &Script) -> String {
    let urls = urls(script);
    if urls.is_empty() { "no URL".to_owned() } else { urls.join(", ") }
}

/// Whether a browser runs what is served as that.
///
/// Source: <https://html.spec.whatwg.org/multipage/scripting.html#javascript-mime-type>; what `nosniff` lets through.
fn is_script(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = ["text/", "application/"].iter().find_map(|kind| essence.strip_prefix(kind));
    subtype.is_some_and(|subtype| {
        matches!(subtype, "javascript" | "x-javascript" | "ecmascript" | "x-ecmascript")
    })
}

fn is_json(exchange: &Exchange, answer: &Answer) -> bool {
    let path = exchange.url.split(['?', '#']).next().unwrap_or_default();
    let has_ending = std::path::Path::new(path)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    has_ending && answer.content_type.to_ascii_lowercase().contains("json")
}

/// A URL without its query; as it is where it is none.
fn without_query(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            url.set_query(None);
            url.into()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::web_page::tests::exchange;
    use super::*;
    use crate::check::Verdict;

    const OWN: &str = "https://a.example/jobs";
    const OTHER: &str = "https://b.example/jobs";
    const READ: &str = "__PREVIEW_JOB_URL__";

    fn expected(page: &Page) -> Expected<'_> {
        Expected { page, job_url: OWN, hello: Some(("https://a.example/hello", "/hello")) }
    }

    fn values(values: &[(&str, Option<&str>)]) -> Values {
        let owned =
            |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        values.iter().map(owned).collect()
    }

    /// A script that sets these properties of the window.
    fn sets(window: &[(&str, Option<&str>)]) -> Script {
        Script::Ended { window: values(window), declared: Values::new(), error: None }
    }

    fn evaluated(script: &Script, page: &Page) -> Evaluation {
        let exchange = exchange(Ok((200, "text/javascript", "it was run")));
        evaluate(&exchange, Some(script), expected(page))
    }

    fn verdict(script: &Script) -> Verdict {
        evaluated(script, &Page::default()).verdict
    }

    fn verdict_of(window: &[(&str, Option<&str>)]) -> Verdict {
        verdict(&sets(window))
    }

    #[test]
    fn the_variable_that_the_page_reads_decides() {
        assert_eq!(verdict_of(&[(READ, Some(OWN))]), Verdict::Pass);
        assert_eq!(verdict_of(&[(READ, Some("https://A.example:443/jobs"))]), Verdict::Pass);
        assert_eq!(verdict_of(&[(READ, Some(OWN)), ("OLD_JOBS", Some(OTHER))]), Verdict::Pass);
        for fails in [
            &[(READ, Some(OTHER))][..],
            &[(READ, Some(OTHER)), ("fallback", Some(OWN))],
            &[(READ, None)],
            // Another name than the page reads.
            &[("__PREVIEW_JOBS_URL__", Some(OWN))],
            &[("__PREVIEW_job_url__", Some(OWN))],
            &[("CONFIG.__PREVIEW_JOB_URL__", Some(OWN))],
            &[],
        ] {
            assert_eq!(verdict_of(fails), Verdict::Fail, "{fails:?}");
        }
    }

    #[test]
    fn what_ends_with_an_error_has_set_what_it_set() {
        let with = |window: &[(&str, Option<&str>)]| Script::Ended {
            window: values(window),
            declared: Values::new(),
            error: Some("ReferenceError: foo is not defined".to_owned()),
        };
        assert_eq!(verdict(&with(&[(READ, Some(OWN))])), Verdict::Pass);
        let failed = evaluated(&with(&[]), &Page::default());
        assert_eq!(failed.verdict, Verdict::Fail);
        assert!(failed.summary.ends_with("ReferenceError: foo is not defined"), "{failed:?}");
    }

    #[test]
    fn a_declaration_is_no_property_of_the_window() {
        let declares = |name: &str| Script::Ended {
            window: Values::new(),
            declared: values(&[(name, Some(OWN))]),
            error: None,
        };
        assert_eq!(verdict(&declares(READ)), Verdict::Fail);
        assert_eq!(verdict(&declares("CONFIG.jobUrl")), Verdict::Pass, "the page may read it");
    }

    #[test]
    fn what_is_undecided_or_was_not_run_is_inconclusive() {
        let undecided = Script::Undecided { why: "it asks the browser for document".to_owned() };
        assert_eq!(verdict(&undecided), Verdict::Inconclusive);
        let script = exchange(Ok((200, "text/javascript", "window.J = 1")));
        let page = Page::default();
        assert_eq!(evaluate(&script, None, expected(&page)).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn where_the_variable_is_not_known_two_candidates_leave_it_open() {
        assert_eq!(verdict_of(&[("CONFIG.jobUrl", Some(OWN))]), Verdict::Pass);
        let elsewhere = Some("https://c.example/");
        assert_eq!(verdict_of(&[("C.a", Some(OWN)), ("C.b", elsewhere)]), Verdict::Pass);
        let two = [("A", Some(OWN)), ("B", Some(OTHER))];
        assert_eq!(verdict_of(&two), Verdict::Inconclusive);
        let by_name = [("A", Some(OWN)), ("jobUrl", Some("https://b.example/x"))];
        assert_eq!(verdict_of(&by_name), Verdict::Inconclusive);
        let named = |name: Option<&str>, window: &[(&str, Option<&str>)]| {
            let page = Page { job_url_variable: name.map(str::to_owned), ..Page::default() };
            evaluated(&sets(window), &page).verdict
        };
        assert_eq!(named(Some("A"), &two), Verdict::Pass);
        assert_eq!(named(Some("B"), &two), Verdict::Fail);
        assert_eq!(named(Some("C"), &two), Verdict::Fail);
        assert_eq!(named(None, &two), Verdict::Inconclusive);
        assert_eq!(named(Some("C.jobUrl"), &[("C.jobUrl", Some(OWN))]), Verdict::Pass);
    }

    #[test]
    fn the_apis_url_is_this_stacks_or_absent() {
        let with =
            |api: Option<&str>| verdict_of(&[(READ, Some(OWN)), ("__PREVIEW_API_URL__", api)]);
        for own in [
            Some("https://a.example/hello"),
            Some("https://a.example"),
            Some("https://a.example/"),
            None,
            Some(""),
        ] {
            assert_eq!(with(own), Verdict::Pass, "{own:?}");
        }
        for other in ["https://b.example/hello", "https://a.example/v1/hello"] {
            assert_eq!(with(Some(other)), Verdict::Fail, "{other}");
        }
    }

    #[test]
    fn only_what_a_browser_runs_is_run() {
        let of = |status, kind| {
            let exchange = exchange(Ok((status, kind, "window.J = 'https://a.example/jobs'")));
            let page = Page::default();
            let verdict = evaluate(&exchange, None, expected(&page)).verdict;
            (to_run(&exchange).is_some(), verdict)
        };
        assert_eq!(of(200, "application/javascript; charset=utf-8"), (true, Verdict::Inconclusive));
        assert_eq!(of(403, "text/javascript"), (false, Verdict::Fail));
        assert_eq!(of(200, "text/html"), (false, Verdict::Fail));
        assert_eq!(of(200, ""), (false, Verdict::Fail));
        let silent = exchange(Err("refused"));
        let page = Page::default();
        assert_eq!(evaluate(&silent, None, expected(&page)).verdict, Verdict::Fail);
        assert_eq!(to_run(&silent), None);
    }

    #[test]
    fn json_is_read_and_not_run() {
        let of = |path: &str, kind: &str| {
            let body = format!("{{\"{READ}\": \"{OWN}\"}}");
            let mut exchange = exchange(Ok((200, kind, body.as_str())));
            path.clone_into(&mut exchange.url);
            let page = Page::default();
            let verdict = evaluate(&exchange, None, expected(&page)).verdict;
            (to_run(&exchange).is_some(), verdict)
        };
        let json = "https://p.example/config.json?v=1";
        assert_eq!(of(json, "application/json"), (false, Verdict::Pass));
        assert_eq!(of("https://p.example/config.js", "application/json"), (false, Verdict::Fail));
    }

    #[test]
    fn what_is_elsewhere_or_in_a_coding_is_told() {
        let with = |status, header: &str, value: &str| {
            let mut exchange = exchange(Ok((status, "text/javascript", "x")));
            "https://p.example/config.js".clone_into(&mut exchange.url);
            let answer = exchange.answer.as_mut().expect("an answer");
            answer.headers.insert(header.to_owned(), value.to_owned());
            let script = to_run(&exchange).map(|_| sets(&[]));
            evaluate(&exchange, script.as_ref(), expected(&Page::default()))
        };
        let moved = with(302, "location", "https://o.example/config.js");
        assert_eq!(moved.verdict, Verdict::Fail);
        assert!(moved.summary.contains("to another origin, to https://o.example/config.js"));
        assert_eq!(with(200, "content-encoding", "br").verdict, Verdict::Inconclusive);
        assert_eq!(with(200, "content-encoding", "gzip").verdict, Verdict::Fail);
    }

    #[test]
    fn another_stacks_url_is_shown() {
        let evaluation =
            evaluated(&sets(&[("J", Some("https://a.example/jobs2"))]), &Page::default());
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert_eq!(evaluation.actual.as_deref(), Some("https://a.example/jobs2"));
    }
}
