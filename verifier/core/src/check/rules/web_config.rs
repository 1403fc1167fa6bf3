//! `web.config`.

use std::time::Duration;

use url::Url;

use super::web_page::elsewhere;
use crate::check::script::{Script, Values};
use crate::check::{
    Addresses, Answer, Check, Evaluate, Evaluation, Exchange, Probe, Question, Severity,
};
use crate::command::curl;
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
    absent: Some(|settings| {
        let has_none =
            settings.outputs.preview_url.is_none() || settings.page.config_path.is_none();
        has_none.then_some("the stack has no page with a configuration")
    }),
    evaluate: Evaluate::Probe(Probe {
        patience: Duration::from_secs(30),
        ask: |addresses| {
            let outputs = &addresses.settings.outputs;
            let url = Addresses::needed(addresses.config.as_ref(), outputs.preview_url.as_ref())?;
            Addresses::needed(addresses.jobs.as_ref(), outputs.job_url.as_ref())?;
            Ok(Question::Open { url: url.clone() }.into())
        },
        evaluate: |addresses, replies| {
            let api = &addresses.settings.api;
            let expected = Expected {
                page: &addresses.settings.page,
                job_url: addresses.jobs.as_deref().unwrap_or_default(),
                hello: addresses.hello.as_deref().zip(api.hello_path.as_deref()),
            };
            evaluate(replies.first.exchange(), expected)
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

/// Evaluates the answer of the page's `config.js`.
///
/// The variable that the page reads decides. Where the settings' default is not there, the page is another stack's, and
/// any variable may hold the URL.
pub fn evaluate(exchange: &Exchange, expected: Expected<'_>) -> Evaluation {
    let failed = |what: String, actual: String| {
        Evaluation::fail(what, format!("200, with {}", expected.job_url), actual)
            .with_next(curl(&[], &exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let is_json = is_json(exchange, answer);
    let evaluation = if let Some(elsewhere) = elsewhere(exchange, answer) {
        failed(elsewhere.clone(), elsewhere)
    } else if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if let Some(coding) = answer.undecoded() {
        Evaluation::inconclusive(format!(
            "config.js is served with Content-Encoding {coding}, which the verifier does not read"
        ))
        .with_next(curl(&["--compressed"], &exchange.url))
    } else if !is_script(&answer.content_type) && !is_json {
        let kind =
            if answer.content_type.is_empty() { "no content type" } else { &answer.content_type };
        failed(format!("config.js is served as {kind}, which no browser runs"), kind.to_owned())
    } else {
        let script = if is_json {
            Script::of_json(&answer.body)
        } else {
            Script::run(&answer.body, &exchange.url)
        };
        match of_script(&script, &exchange.url, expected) {
            Finding::Holds => {
                Evaluation::pass(format!("config.js names {}", expected.job_url))
            }
            Finding::Fails { what, actual } => failed(what, actual),
            Finding::Open(what) => Evaluation::inconclusive(what).with_next(
                "open the page and submit a job, and name the variable that it reads as page.job_url_variable in verifier.toml",
            ),
        }
        .with_evidence("urls", urls(&script))
    };
    evaluation
        .with_evidence("url", exchange.url.clone())
        .with_evidence("status", answer.status)
        .with_evidence("contentType", answer.content_type.clone())
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

    const URL: &str = "https://a.example/jobs";

    fn expected(page: &Page) -> Expected<'_> {
        Expected { page, job_url: URL, hello: Some(("https://a.example/hello", "/hello")) }
    }

    fn evaluated(status: u16, body: &str) -> Evaluation {
        let exchange = exchange(Ok((status, "text/javascript", body)));
        evaluate(&exchange, expected(&Page::default()))
    }

    fn verdicts(cases: &[&str], verdict: Verdict) {
        for body in cases {
            let evaluation = evaluated(200, body);
            assert_eq!(evaluation.verdict, verdict, "{body}: {}", evaluation.summary);
        }
    }

    #[test]
    fn only_this_stacks_url_passes() {
        let body = "window.A = \"https://a.example\";\nwindow.J = \"https://a.example/jobs\";\n";
        assert_eq!(evaluated(200, body).verdict, Verdict::Pass);
        assert_eq!(evaluated(200, &body.replace('"', "'")).verdict, Verdict::Pass);
        assert_eq!(evaluated(403, body).verdict, Verdict::Fail);
        let silent = evaluate(&exchange(Err("refused")), expected(&Page::default()));
        assert_eq!(silent.verdict, Verdict::Fail);
        verdicts(&["window.J = 'https://A.example:443/jobs';"], Verdict::Pass);
        verdicts(&["", "// https://a.example/jobs"], Verdict::Fail);
    }

    #[test]
    fn a_value_that_is_commented_out_overwritten_or_cut_off_is_none() {
        let cases = [
            "// window.J = 'https://a.example/jobs';",
            "/* window.J = 'https://a.example/jobs'; */",
            "window.J = 'https://a.example/jobs'; window.J = 'https://b.example/jobs';",
            "window.J = 'https://a.example/jobs",
            "window.J = f('https://a.example/jobs');",
        ];
        verdicts(&cases, Verdict::Fail);
        verdicts(&["window.J = 'https://a.example' + '/jobs';"], Verdict::Pass);
        verdicts(&["window.J = document.f('https://a.example/jobs');"], Verdict::Inconclusive);
    }

    #[test]
    fn the_variable_that_the_page_reads_decides() {
        let own = "window.__PREVIEW_JOB_URL__ = 'https://a.example/jobs';";
        let other = "window.__PREVIEW_JOB_URL__ = 'https://b.example/jobs';";
        verdicts(
            &[own, &format!("{own} window.OLD_JOBS = 'https://b.example/jobs'")],
            Verdict::Pass,
        );
        verdicts(&[&format!("{own} foo.bar()")], Verdict::Pass);
        let cases = [
            other,
            &format!("{other} window.fallback = 'https://a.example/jobs';"),
            &format!("{own} window.__PREVIEW_JOB_URL__ = undefined"),
            &format!("{own} top.__PREVIEW_JOB_URL__ = 'https://b.example/jobs'"),
            // Another name than the page reads, and a declaration that is no property of the window.
            &own.replace("JOB_URL", "JOBS_URL"),
            &own.replace("JOB_URL", "job_url"),
            &own.replace("window.", "const "),
            &own.replace("window.", "let "),
            "window.CONFIG = { __PREVIEW_JOB_URL__: 'https://a.example/jobs' }",
            "var __PREVIEW_JOB_URL__;",
        ];
        verdicts(&cases, Verdict::Fail);
    }

    #[test]
    fn where_the_variable_is_not_known_two_candidates_leave_it_open() {
        verdicts(&["window.CONFIG = { jobUrl: 'https://a.example/jobs' }"], Verdict::Pass);
        verdicts(&["const CONFIG = { jobUrl: 'https://a.example/jobs' }"], Verdict::Pass);
        verdicts(&["C = { a: 'https://a.example/jobs', b: 'https://c.example/' }"], Verdict::Pass);
        let two = "A = 'https://a.example/jobs'; B = 'https://b.example/jobs'";
        verdicts(
            &[two, "A = 'https://a.example/jobs'; jobUrl = 'https://b.example/x'"],
            Verdict::Inconclusive,
        );
        let named = |name: Option<&str>, body: &str| {
            let page = Page { job_url_variable: name.map(str::to_owned), ..Page::default() };
            evaluate(&exchange(Ok((200, "text/javascript", body))), expected(&page)).verdict
        };
        assert_eq!(named(Some("A"), two), Verdict::Pass);
        assert_eq!(named(Some("B"), two), Verdict::Fail);
        assert_eq!(named(Some("C"), two), Verdict::Fail);
        assert_eq!(named(None, two), Verdict::Inconclusive);
        assert_eq!(
            named(Some("C.jobUrl"), "C = { jobUrl: 'https://a.example/jobs' }"),
            Verdict::Pass
        );
    }

    #[test]
    fn the_apis_url_is_this_stacks_or_absent() {
        let job = "window.__PREVIEW_JOB_URL__ = 'https://a.example/jobs';";
        let with = |api: &str| format!("{job} window.__PREVIEW_API_URL__ = {api};");
        for own in [
            "'https://a.example/hello'",
            "'https://a.example'",
            "'https://a.example/'",
            "undefined",
            "''",
        ] {
            verdicts(&[&with(own)], Verdict::Pass);
        }
        for other in ["'https://b.example/hello'", "'https://a.example/v1/hello'"] {
            verdicts(&[&with(other)], Verdict::Fail);
        }
    }

    #[test]
    fn a_script_that_no_browser_runs_fails() {
        let of = |kind| {
            let body = "window.J = 'https://a.example/jobs';";
            evaluate(&exchange(Ok((200, kind, body))), expected(&Page::default())).verdict
        };
        assert_eq!(of("application/javascript; charset=utf-8"), Verdict::Pass);
        assert_eq!(of("text/html"), Verdict::Fail);
        assert_eq!(of(""), Verdict::Fail);
    }

    #[test]
    fn what_is_elsewhere_or_in_a_coding_is_told() {
        let with = |status, header: &str, value: &str| {
            let mut exchange = exchange(Ok((status, "text/javascript", "x")));
            "https://p.example/config.js".clone_into(&mut exchange.url);
            let answer = exchange.answer.as_mut().expect("an answer");
            answer.headers.insert(header.to_owned(), value.to_owned());
            evaluate(&exchange, expected(&Page::default()))
        };
        let moved = with(302, "location", "https://o.example/config.js");
        assert_eq!(moved.verdict, Verdict::Fail);
        assert!(moved.summary.contains("to another origin, to https://o.example/config.js"));
        assert_eq!(with(200, "content-encoding", "br").verdict, Verdict::Inconclusive);
        assert_eq!(with(200, "content-encoding", "gzip").verdict, Verdict::Fail);
    }

    #[test]
    fn another_stacks_url_is_shown() {
        let evaluation = evaluated(200, "window.J = \"https://a.example/jobs2\";");
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert_eq!(evaluation.actual.as_deref(), Some("https://a.example/jobs2"));
    }
}
