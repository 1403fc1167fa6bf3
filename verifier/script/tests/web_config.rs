//! What `web.config` concludes of scripts that are run.

use std::time::Duration;

use verifier_core::check::rules::web_config::{Expected, evaluate, to_run};
use verifier_core::check::{Answer, Evaluation, Exchange, Verdict};
use verifier_core::settings::Page;

/// What is concluded of a page's script, which is run where the core says so.
fn evaluated(body: &str, job_url_variable: Option<&str>) -> Evaluation {
    let answer = Answer {
        status: 200,
        content_type: "text/javascript".to_owned(),
        body: body.to_owned(),
        ..Answer::default()
    };
    let exchange = Exchange {
        method: "GET",
        url: "https://p.example/config.js".to_owned(),
        latency: Duration::from_millis(3),
        answer: Ok(answer),
        is_unsent: false,
    };
    let script = to_run(&exchange).map(|source| verifier_script::run(source, &exchange.url));
    let page = Page { job_url_variable: job_url_variable.map(str::to_owned), ..Page::default() };
    let hello = Some(("https://a.example/hello", "/hello"));
    let expected = Expected { page: &page, job_url: "https://a.example/jobs", hello };
    evaluate(&exchange, script.as_ref(), expected)
}

fn verdicts(cases: &[&str], verdict: Verdict) {
    for body in cases {
        let default = Page::default();
        let evaluation = evaluated(body, default.job_url_variable.as_deref());
        assert_eq!(evaluation.verdict, verdict, "{body}: {}", evaluation.summary);
    }
}

#[test]
fn only_this_stacks_url_passes() {
    let body = "window.A = \"https://a.example\";\nwindow.J = \"https://a.example/jobs\";\n";
    verdicts(&[body, &body.replace('"', "'")], Verdict::Pass);
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
    verdicts(&[own, &format!("{own} window.OLD_JOBS = 'https://b.example/jobs'")], Verdict::Pass);
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
    let named = |name: Option<&str>, body: &str| evaluated(body, name).verdict;
    assert_eq!(named(Some("A"), two), Verdict::Pass);
    assert_eq!(named(Some("B"), two), Verdict::Fail);
    assert_eq!(named(Some("C"), two), Verdict::Fail);
    assert_eq!(named(None, two), Verdict::Inconclusive);
    let member = "C = { jobUrl: 'https://a.example/jobs' }";
    assert_eq!(named(Some("C.jobUrl"), member), Verdict::Pass);
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
fn another_stacks_url_is_shown() {
    let evaluation = evaluated("window.J = \"https://a.example/jobs2\";", None);
    assert_eq!(evaluation.verdict, Verdict::Fail);
    assert_eq!(evaluation.actual.as_deref(), Some("https://a.example/jobs2"));
}
