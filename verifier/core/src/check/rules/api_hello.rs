//! `api.hello`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::check::{Addresses, Check, Evaluate, Evaluation, Exchange, Probe, Question, Severity};
use crate::command::{curl, without_secrets};
use crate::resources::Role;
use crate::settings::{Api, lookup, text_of, with_tags};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.hello",
    asserts: "the hello endpoint answers 200 with JSON that names the pull request, or holds what the settings say",
    severity: Severity::Fail,
    why: "it is the shortest proof that the API, its integration and this pull request's code are in place",
    fix: "look at the hello function's log, and at its environment variable PR_NUMBER",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| {
        let has_no_path = subject.settings.api.hello_path.is_none();
        let has_none = subject.resources.has_no(Role::ApiUrl) || has_no_path;
        let why = has_none.then_some("the stack has no hello endpoint");
        why.or_else(|| subject.without_api())
    }),
    evaluate: Evaluate::Probe(Probe {
        patience: Duration::from_secs(15),
        ask: |addresses| {
            let output = addresses.settings.outputs.api_url.as_ref();
            let url = Addresses::needed(addresses.hello.as_ref(), output)?;
            Ok(Question::Get { url: url.clone() }.into())
        },
        evaluate: |addresses, replies| {
            evaluate(replies.first.exchange(), &holds(&addresses.settings.api, &addresses.tags))
        },
        confirm: None,
    }),
};

/// What the answer has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// JSON paths, each with its text, or with `None` for any text.
    texts: BTreeMap<String, Option<String>>,
    /// Of those, the paths whose text is a tag's that the stack does not have, each with the tag: nothing is known to compare
    /// with.
    missing_tags: BTreeMap<String, String>,
}

/// What the answer has to hold on a stack with those tags.
pub fn holds(api: &Api, tags: &BTreeMap<String, String>) -> Holds {
    let mut holds = Holds::default();
    for (path, template) in &api.hello_answer {
        let missing = RefCell::new(None);
        let text = with_tags(template, |name| {
            let value = tags.get(name).cloned();
            if value.is_none() {
                missing.replace(Some(name.to_owned()));
            }
            value
        });
        holds.texts.insert(path.clone(), text);
        holds.missing_tags.extend(missing.into_inner().map(|tag| (path.clone(), tag)));
    }
    holds
}

/// Evaluates the answer of the hello endpoint.
///
/// Where it holds all that can be compared, and a tag is missing that says what else it has to hold, nothing is concluded: any
/// stack's answer might be there.
pub fn evaluate(exchange: &Exchange, holds: &Holds) -> Evaluation {
    let Holds { texts: holds, missing_tags } = holds;
    let told = |(path, text): (&String, &Option<String>)| match text {
        Some(text) => format!("{path} {text}"),
        None => path.clone(),
    };
    let all: Vec<String> = holds.iter().map(told).collect();
    let wanted =
        if all.is_empty() { "200".to_owned() } else { format!("200 with {}", all.join(", ")) };
    let failed = |what: String, actual: String| {
        Evaluation::fail(what, wanted.clone(), actual).with_next(curl(&[], &exchange.url))
    };
    let answer = match &exchange.answer {
        Ok(answer) => answer,
        Err(error) => return failed(format!("no answer: {error}"), error.clone()),
    };
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    // A number names a pull request as well as its digits do.
    let found = |path: &str| lookup(&body, path).and_then(text_of);
    let is_as_wanted = |path: &String, wanted: &Option<String>| match wanted {
        Some(wanted) => found(path).as_ref() == Some(wanted),
        None => found(path).is_some(),
    };
    let wrong = holds.iter().find(|(path, wanted)| !is_as_wanted(path, wanted));
    let evaluation = if answer.status != 200 {
        failed(format!("answered {}", answer.status), answer.status.to_string())
    } else if let Some((path, _)) = wrong {
        let actual =
            found(path).map_or_else(|| format!("no {path}"), |text| format!("{path} {text}"));
        failed(format!("the answer's {path} is not this stack's"), actual)
    } else if let Some((path, tag)) = missing_tags.first_key_value() {
        Evaluation::inconclusive(format!(
            "the answer's {path} was compared with nothing: no stack has the tag {tag}, which the settings name"
        ))
        .with_next(format!(
            "say in api.hello_answer what {path} holds (\"*\" is any text), or give the stack the tag {tag}"
        ))
    } else {
        let known = holds.iter().filter(|(_, text)| text.is_some()).map(told);
        let parts: Vec<String> =
            std::iter::once(format!("200 in {} ms", exchange.latency.as_millis()))
                .chain(known)
                .collect();
        Evaluation::pass(parts.join(", "))
    };
    let evaluation = holds
        .keys()
        .fold(evaluation, |evaluation, path| evaluation.with_evidence(path, found(path)));
    evaluation
        .with_evidence("url", without_secrets(&exchange.url))
        .with_evidence("status", answer.status)
        .with_evidence("latencyMillis", millis(exchange))
}

fn millis(exchange: &Exchange) -> u64 {
    u64::try_from(exchange.latency.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::web_page::tests::exchange;
    use super::*;
    use crate::check::Verdict;

    fn verdict(answer: Result<(u16, &str), &str>, expected_pr: Option<&str>) -> Verdict {
        let exchange = exchange(answer.map(|(status, body)| (status, "application/json", body)));
        let tags: BTreeMap<String, String> =
            expected_pr.iter().map(|pr| ("pr".to_owned(), (*pr).to_owned())).collect();
        evaluate(&exchange, &holds(&Api::default(), &tags)).verdict
    }

    #[test]
    fn only_this_pull_requests_answer_passes() {
        let body = r#"{"message":"hello","pr":"7","version":"abc"}"#;
        assert_eq!(verdict(Ok((200, body)), Some("7")), Verdict::Pass);
        // Without the tag that names it, nothing tells whose answer it is.
        assert_eq!(verdict(Ok((200, body)), None), Verdict::Inconclusive);
        assert_eq!(verdict(Ok((200, body)), Some("8")), Verdict::Fail);
        assert_eq!(verdict(Ok((500, body)), Some("7")), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "{}")), None), Verdict::Fail);
        assert_eq!(verdict(Ok((200, "<html>")), None), Verdict::Fail);
        assert_eq!(verdict(Err("refused"), None), Verdict::Fail);
    }

    #[test]
    fn any_text_needs_no_tag() {
        let any = [("pr".to_owned(), "*".to_owned())].into();
        let api = Api { hello_answer: any, ..Api::default() };
        let holds = holds(&api, &BTreeMap::new());
        let exchange = exchange(Ok((200, "application/json", r#"{"pr":"7"}"#)));
        assert_eq!(evaluate(&exchange, &holds).verdict, Verdict::Pass);
    }
}
