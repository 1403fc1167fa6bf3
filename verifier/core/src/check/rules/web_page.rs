//! `web.page`.

use std::time::Duration;

use url::Url;

use crate::check::{
    Addresses, Answer, Check, Evaluate, Evaluation, Exchange, Probe, Question, Severity,
};
use crate::command::{curl, without_secrets};
use crate::resources::Role;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "web.page",
    asserts: "the preview page answers 200 with HTML",
    severity: Severity::Fail,
    why: "a reviewer of the pull request opens it first",
    fix: "look at the distribution's status and origin, and whether index.html is in the bucket",
    source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| {
        subject.resources.has_no(Role::PreviewUrl).then_some("the stack has no page")
    }),
    evaluate: Evaluate::Probe(Probe {
        patience: Duration::from_secs(30),
        ask: |addresses| {
            let output = addresses.settings.outputs.preview_url.as_ref();
            let page = Addresses::needed(addresses.page.as_ref(), output)?;
            Ok(Question::Open { url: page.clone() }.into())
        },
        evaluate: |_, replies| evaluate(replies.first.exchange()),
        confirm: None,
    }),
};

/// Evaluates the answer of the preview's URL.
pub fn evaluate(exchange: &Exchange) -> Evaluation {
    let failed = |what: String, actual: String| {
        Evaluation::fail(what, "200 with text/html", actual).with_next(curl(&[], &exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let is_html = answer.content_type.to_ascii_lowercase().starts_with("text/html");
    let evaluation = if let Some(elsewhere) = elsewhere(exchange, answer) {
        failed(elsewhere.clone(), elsewhere)
    } else if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if !is_html {
        failed(format!("answered {}", or_none(&answer.content_type)), answer.content_type.clone())
    } else if answer.body.trim().is_empty() {
        failed("the page is empty".to_owned(), "an empty body".to_owned())
    } else {
        let millis = exchange.latency.as_millis();
        Evaluation::pass(format!("200 in {millis} ms, {} bytes of HTML", answer.body.len()))
    };
    evaluation
        .with_evidence("url", without_secrets(&exchange.url))
        .with_evidence("status", answer.status)
        .with_evidence("contentType", answer.content_type.clone())
}

/// Where an answer redirects to, in words; `None` where it does not. Redirects within an origin were followed.
pub(super) fn elsewhere(exchange: &Exchange, answer: &Answer) -> Option<String> {
    let location =
        answer.headers.get("location").filter(|_| (300..400).contains(&answer.status))?;
    let from = Url::parse(&exchange.url).ok();
    let target = from.as_ref().and_then(|from| from.join(location).ok());
    let is_within =
        from.zip(target.as_ref()).is_some_and(|(from, to)| from.origin() == to.origin());
    let target = target.map_or_else(|| location.clone(), String::from);
    let how = if is_within { "again and again, at last to" } else { "to another origin, to" };
    Some(format!("answered {}, which redirects {how} {target}", answer.status))
}

fn or_none(content_type: &str) -> &str {
    if content_type.is_empty() { "without a content type" } else { content_type }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{Answer, Verdict};

    pub(crate) fn exchange(answer: Result<(u16, &str, &str), &str>) -> Exchange {
        Exchange {
            method: "GET",
            url: "u".to_owned(),
            latency: Duration::from_millis(3),
            answer: answer
                .map(|(status, content_type, body)| Answer {
                    status,
                    content_type: content_type.to_owned(),
                    body: body.to_owned(),
                    ..Answer::default()
                })
                .map_err(str::to_owned),
            is_unsent: false,
        }
    }

    #[test]
    fn only_html_with_200_passes() {
        let verdict = |answer| evaluate(&exchange(answer)).verdict;
        assert_eq!(verdict(Ok((200, "text/html; charset=utf-8", "<p>"))), Verdict::Pass);
        assert_eq!(verdict(Ok((200, "TEXT/HTML", "<p>"))), Verdict::Pass);
        assert_eq!(verdict(Ok((200, "text/html", " "))), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "application/json", "{}"))), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "", "<p>"))), Verdict::Fail);
        assert_eq!(verdict(Ok((403, "text/html", "<p>"))), Verdict::Fail);
        assert_eq!(verdict(Err("refused")), Verdict::Fail);
    }
}
