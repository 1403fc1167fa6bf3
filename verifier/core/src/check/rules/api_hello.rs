//! `api.hello`.

use contract::HelloResponse;

use crate::check::{Check, Exchange, Judgement, Severity};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.hello",
    asserts: "GET /hello answers 200 with JSON that names the pull request",
    severity: Severity::Fail,
    why: "it is the shortest proof that the API, its integration and this pull request's code are in place",
    fix: "look at the hello function's log, and at its environment variable PREVIEW_PR",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html",
    must_be_exercised: true,
};

/// Judges the answer of `GET /hello`. `expected_pr` is the pull request of the stack, where it is known.
pub fn judge(exchange: &Exchange, expected_pr: Option<&str>) -> Judgement {
    let wanted = match expected_pr {
        Some(pr) => format!("200 with JSON that names the pull request {pr}"),
        None => "200 with JSON that names the pull request".to_owned(),
    };
    let failed = |what: String, actual: String| {
        Judgement::fail(what, wanted.clone(), actual).with_next(format!("curl -i {}", exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let hello: Option<HelloResponse> = serde_json::from_str(&answer.body).ok();
    let named = hello.as_ref().map(|hello| hello.pr.as_str());
    let judgement = if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if let Some(pr) = named.filter(|pr| expected_pr.is_none_or(|expected| expected == *pr)) {
        Judgement::pass(format!("200 in {} ms, pull request {pr}", exchange.latency.as_millis()))
    } else {
        let actual =
            named.map_or_else(|| "no pull request".to_owned(), |pr| format!("pull request {pr}"));
        failed("the answer does not name this pull request".to_owned(), actual)
    };
    judgement
        .with_evidence("url", exchange.url.clone())
        .with_evidence("status", answer.status)
        .with_evidence("pr", named)
        .with_evidence("version", hello.as_ref().map(|hello| hello.version.clone()))
        .with_evidence("latencyMillis", millis(exchange))
}

fn millis(exchange: &Exchange) -> u64 {
    u64::try_from(exchange.latency.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{Answer, Verdict};

    fn verdict(answer: Result<(u16, &str), &str>, expected_pr: Option<&str>) -> Verdict {
        let exchange = Exchange {
            method: "GET",
            url: "u".to_owned(),
            latency: Duration::from_millis(3),
            answer: answer
                .map(|(status, body)| Answer {
                    status,
                    content_type: "application/json".to_owned(),
                    body: body.to_owned(),
                })
                .map_err(str::to_owned),
        };
        judge(&exchange, expected_pr).verdict
    }

    #[test]
    fn only_this_pull_requests_answer_passes() {
        let body = r#"{"message":"hello","pr":"7","version":"abc"}"#;
        assert_eq!(verdict(Ok((200, body)), Some("7")), Verdict::Pass);
        assert_eq!(verdict(Ok((200, body)), None), Verdict::Pass);
        assert_eq!(verdict(Ok((200, body)), Some("8")), Verdict::Fail);
        assert_eq!(verdict(Ok((500, body)), Some("7")), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "{}")), None), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "<html>")), None), Verdict::Fail);
        assert_eq!(verdict(Err("refused"), None), Verdict::Fail);
    }
}
