//! `web.config`.

use crate::check::command::curl;
use crate::check::{Answer, Check, Exchange, Judgement, Script, Severity};
use crate::settings::urls::is_same;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "web.config",
    asserts: "the page's config.js holds the job URL of this stack",
    severity: Severity::Fail,
    why: "a page with another stack's config.js looks sound and sends its jobs into the other stack",
    fix: "deploy config.js from the stack's own outputs, and invalidate it in the distribution's cache",
    source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Invalidation.html",
    must_be_exercised: true,
};

/// Judges the answer of the page's `config.js`. `job_url` is what the stack's output says.
pub fn judge(exchange: &Exchange, job_url: &str) -> Judgement {
    let failed = |what: String, actual: String| {
        Judgement::fail(what, format!("200, with {job_url}"), actual)
            .with_next(curl(&[], &exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let script = if is_json(exchange, answer) {
        Script::of_json(&answer.body)
    } else {
        Script::read(&answer.body)
    };
    let urls = urls(&script);
    let is_named = urls.iter().any(|url| is_same(url, job_url));
    let judgement = if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if !is_script(&answer.content_type) && !is_json(exchange, answer) {
        let kind =
            if answer.content_type.is_empty() { "no content type" } else { &answer.content_type };
        failed(format!("config.js is served as {kind}, which no browser runs"), kind.to_owned())
    } else {
        let shown = if urls.is_empty() { "no URL".to_owned() } else { urls.join(", ") };
        match &script {
            Script::Broken => failed(
                "config.js is no script: a text, a comment or a bracket has no end".to_owned(),
                shown,
            ),
            Script::Assigns(_) if is_named => Judgement::pass(format!("config.js names {job_url}")),
            Script::Undecided { .. } => {
                let names =
                    if is_named { ", and names this stack's job URL somewhere" } else { "" };
                Judgement::inconclusive(format!(
                    "config.js does more than assign literals{names}: what it sets is not decided"
                ))
                .with_next("assign the job URL as a literal, or open the page and submit a job")
            }
            Script::Assigns(_) => {
                failed("config.js does not set this stack's job URL".to_owned(), shown)
            }
        }
    };
    judgement
        .with_evidence("url", exchange.url.clone())
        .with_evidence("status", answer.status)
        .with_evidence("contentType", answer.content_type.clone())
        .with_evidence("urls", urls)
}

/// The URLs that a script sets, or, where that is not decided, holds.
fn urls(script: &Script) -> Vec<String> {
    let texts: Vec<&String> = match script {
        Script::Assigns(values) => values.values().collect(),
        Script::Undecided { texts } => texts.iter().collect(),
        Script::Broken => Vec::new(),
    };
    let is_url = |text: &&String| text.starts_with("http://") || text.starts_with("https://");
    texts.into_iter().filter(is_url).cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::super::web_page::tests::exchange;
    use super::*;
    use crate::check::Verdict;

    const URL: &str = "https://a.example/jobs";

    fn judged(status: u16, body: &str) -> Judgement {
        judge(&exchange(Ok((status, "text/javascript", body))), URL)
    }

    #[test]
    fn only_this_stacks_url_passes() {
        let body = "window.A = \"https://a.example\";\nwindow.J = \"https://a.example/jobs\";\n";
        assert_eq!(judged(200, body).verdict, Verdict::Pass);
        assert_eq!(judged(200, &body.replace('"', "'")).verdict, Verdict::Pass);
        assert_eq!(judged(403, body).verdict, Verdict::Fail);
        assert_eq!(judge(&exchange(Err("refused")), URL).verdict, Verdict::Fail);
        assert_eq!(judged(200, "window.J = 'https://A.example:443/jobs';").verdict, Verdict::Pass);
        assert_eq!(judged(200, "").verdict, Verdict::Fail);
        assert_eq!(judged(200, "// https://a.example/jobs").verdict, Verdict::Fail);
    }

    #[test]
    fn a_value_that_is_commented_out_overwritten_or_cut_off_is_none() {
        for body in [
            "// window.J = 'https://a.example/jobs';",
            "/* window.J = 'https://a.example/jobs'; */",
            "window.J = 'https://a.example/jobs'; window.J = 'https://b.example/jobs';",
            "window.J = 'https://a.example/jobs",
        ] {
            assert_eq!(judged(200, body).verdict, Verdict::Fail, "{body}");
        }
        for body in
            ["window.J = 'https://a.example' + '/jobs';", "window.J = f('https://a.example/jobs');"]
        {
            assert_eq!(judged(200, body).verdict, Verdict::Inconclusive, "{body}");
        }
    }

    #[test]
    fn a_script_that_no_browser_runs_fails() {
        let of = |kind| {
            let body = "window.J = 'https://a.example/jobs';";
            judge(&exchange(Ok((200, kind, body))), URL).verdict
        };
        assert_eq!(of("application/javascript; charset=utf-8"), Verdict::Pass);
        assert_eq!(of("text/html"), Verdict::Fail);
        assert_eq!(of(""), Verdict::Fail);
    }

    #[test]
    fn another_stacks_url_is_shown() {
        let judgement = judged(200, "window.J = \"https://a.example/jobs2\";");
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.actual.as_deref(), Some("https://a.example/jobs2"));
    }
}
