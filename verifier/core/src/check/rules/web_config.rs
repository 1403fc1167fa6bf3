//! `web.config`.

use crate::check::{Check, Exchange, Judgement, Severity};
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
            .with_next(format!("curl -i {}", exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let urls = quoted_urls(&answer.body);
    let judgement = if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if urls.iter().any(|url| is_same(url, job_url)) {
        Judgement::pass(format!("config.js names {job_url}"))
    } else {
        let actual = if urls.is_empty() { "no URL".to_owned() } else { urls.join(", ") };
        failed("config.js does not name this stack's job URL".to_owned(), actual)
    };
    judgement
        .with_evidence("url", exchange.url.clone())
        .with_evidence("status", answer.status)
        .with_evidence("urls", urls)
}

/// The URLs that stand in quotes in a script. One that merely begins with another is a different one.
fn quoted_urls(script: &str) -> Vec<&str> {
    let parts = script.split(['"', '\'', '`']);
    parts.filter(|part| part.starts_with("http://") || part.starts_with("https://")).collect()
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
    fn another_stacks_url_is_shown() {
        let judgement = judged(200, "window.J = \"https://a.example/jobs2\";");
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.actual.as_deref(), Some("https://a.example/jobs2"));
    }
}
