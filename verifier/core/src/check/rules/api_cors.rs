//! `api.cors`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::api_reject::REFUSALS;
use crate::check::{
    Addresses, Answer, Check, Evaluate, Evaluation, Exchange, OneOrMore, Posted, Preflight, Probe,
    Question, Reply, Severity, Verdict,
};
use crate::command::{self, quoted};
use crate::resources::Role;
use crate::settings::is_forbidden;
use crate::settings::urls::origin_of;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.cors",
    asserts: "a preflight of the preview page is allowed to post jobs with the headers that they have, and one of another page is not",
    severity: Severity::Fail,
    why: "without the one the page cannot submit jobs, and without the other any page that a visitor opens can",
    fix: "allow exactly the preview's origin and the headers of a submission in the API's CORS configuration",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| {
        let has_none = subject.resources.has_no(Role::PreviewUrl)
            && subject.settings.expect.named_origins().next().is_none();
        let why =
            has_none.then_some("the stack has no page, and no origin is named that may post jobs");
        why.or_else(|| subject.without_api())
    }),
    evaluate: Evaluate::Probe(Probe {
        patience: Duration::from_secs(15),
        ask: questions,
        evaluate: evaluate_replies,
        confirm: Some(evaluate_posted),
    }),
};

/// An origin that no stack allows by name.
pub const OTHER_ORIGIN: &str = "https://other.invalid";

/// The origins that must not be allowed beside these: of another page, with and without TLS, of a page without an origin,
/// of those whose names only begin or end like the page's own, or are it to a pattern whose dots stand for anything, and of the
/// own page without TLS, which anybody on the way can write.
pub fn other_origins(own: &[String]) -> Vec<String> {
    let mut other = vec![OTHER_ORIGIN.to_owned(), OTHER_ORIGIN.replace("https:", "http:")];
    other.push("null".to_owned());
    for origin in own {
        let Some((scheme, host)) = origin.split_once("://") else { continue };
        if scheme == "https" {
            other.push(format!("http://{host}"));
        }
        // Behind a port there is no room for more of a name.
        if !host.contains(':') {
            other.push(format!("{origin}.other.invalid"));
        }
        other.push(format!("{scheme}://other{host}"));
        if host.contains('.') {
            other.push(format!("{scheme}://{}", host.replacen('.', "x", 1)));
        }
    }
    other.retain(|origin| !own.contains(origin));
    other
}

/// The headers of a submission for which a browser asks leave, in small letters and in order.
///
/// It needs none for those that a form could send, too, and sends none of those that are its own business.
///
/// Sources: <https://fetch.spec.whatwg.org/#cors-safelisted-request-header> and
/// <https://fetch.spec.whatwg.org/#forbidden-request-header>.
pub fn requested_headers(headers: &BTreeMap<String, String>) -> Vec<String> {
    let names = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let asked = names.filter(|(name, value)| !is_forbidden(name) && !is_safelisted(name, value));
    asked.map(|(name, _)| name).collect::<BTreeSet<_>>().into_iter().collect()
}

fn is_safelisted(name: &str, value: &str) -> bool {
    const FORMS: [&str; 3] =
        ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
    let is_unsafe = |c: char| (c.is_control() && c != '\t') || "\"():<>?@[\\]{}".contains(c);
    if value.len() > 128 {
        return false;
    }
    match name {
        "accept" => !value.contains(is_unsafe),
        "accept-language" | "content-language" => {
            value.chars().all(|c| c.is_ascii_alphanumeric() || " *,-.;=".contains(c))
        }
        "content-type" => {
            let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            FORMS.contains(&kind.as_str()) && !value.contains(is_unsafe)
        }
        _ => false,
    }
}

/// The preflights of the origins that may post and of others, and what the page asks the hello endpoint.
fn questions(addresses: &Addresses) -> Result<OneOrMore<Question>, String> {
    let outputs = &addresses.settings.outputs;
    let own = Addresses::needed(addresses.origins.first(), outputs.preview_url.as_ref())?;
    let url = Addresses::needed(addresses.jobs.as_ref(), outputs.job_url.as_ref())?;
    let requested_headers = requested_headers(&addresses.settings.jobs.headers);
    let preflight = |origin: &String| Question::Preflight {
        url: url.clone(),
        origin: origin.clone(),
        requested_headers: requested_headers.clone(),
    };
    let others = other_origins(&addresses.origins);
    let others = addresses.origins.iter().skip(1).chain(&others).map(preflight);
    // A stack without a page may have an API that no page reads.
    let hello = addresses.page.as_ref().and(addresses.hello.as_ref());
    let hello = hello.map(|url| Question::GetByPage { url: url.clone(), origin: own.clone() });
    Ok(OneOrMore { first: preflight(own), more: others.chain(hello).collect() })
}

fn evaluate_replies(addresses: &Addresses, replies: &OneOrMore<Reply>) -> Evaluation {
    let preflights: Vec<Preflight> =
        replies.iter().filter_map(|reply| reply.preflight().cloned()).collect();
    let (own, other) = preflights.split_at(addresses.origins.len().min(preflights.len()));
    let any = addresses.settings.expect.allows_any_origin();
    let mut evaluated: Vec<Evaluation> = own.iter().map(|own| evaluate(own, other, any)).collect();
    if evaluated.is_empty() {
        return Evaluation::not_run("no preflight was asked");
    }
    // Each origin has to be allowed, so the first that is not speaks for all.
    let worst = evaluated.iter().position(Evaluation::is_bad).unwrap_or_default();
    let evaluation = evaluated.swap_remove(worst);
    let hello = replies.iter().find(|reply| reply.preflight().is_none());
    match (hello, addresses.origin()) {
        (Some(hello), Some(origin)) if !evaluation.is_bad() => {
            evaluate_hello(origin, hello.exchange()).unwrap_or(evaluation)
        }
        _ => evaluation,
    }
}

/// That the page may not read what a job that it posts is answered, or a body that is refused; `None` where it may, or where
/// none was answered.
fn evaluate_posted(addresses: &Addresses, posted: &Posted<'_>) -> Option<Evaluation> {
    let origin = addresses.origin()?;
    let mut of_jobs = posted.jobs.iter().filter_map(|job| job.exchange.answer.as_ref().ok());
    let of_refused = posted.rejections.iter();
    let mut of_refused = of_refused.filter_map(|each| each.exchange.answer.as_ref().ok());
    of_jobs
        .find_map(|answer| evaluate_answer(origin, answer))
        .or_else(|| of_refused.find_map(|answer| evaluate_refusal(origin, answer)))
}

/// Evaluates the answers to a preflight of the page and of other pages.
///
/// With `allow_any_origin`, an API that allows other pages is reported and does not fail, unless it takes their visitors'
/// credentials, too.
pub fn evaluate(own: &Preflight, other: &[Preflight], allow_any_origin: bool) -> Evaluation {
    let evaluation = if own.requested_headers.is_empty() {
        Evaluation::new(
            Verdict::Info,
            "a browser sends no preflight before it sends such a submission, so any page may post jobs",
        )
    } else if let Some(refusal) = refusal(own) {
        Evaluation::fail(
            format!("the preview page may not post jobs: {refusal}"),
            format!("{} is allowed to POST with {}", own.origin, own.requested_headers.join(", ")),
            refusal,
        )
        .with_next(curl(own))
    } else {
        evaluate_others(own, other, allow_any_origin)
    };
    let shown = std::iter::once(own).chain(other).map(shown).collect::<Vec<_>>();
    evaluation.with_evidence("preflights", shown)
}

fn evaluate_others(own: &Preflight, other: &[Preflight], allow_any_origin: bool) -> Evaluation {
    // A certain answer says more than one that is missing.
    if let Some(open) = other.iter().find(|other| allows_origin(other)) {
        let allowed = open.allow_origin.clone().unwrap_or_default();
        let credentials = open.allow_credentials && allowed != "*";
        let with = if credentials { ", with the credentials of its visitors" } else { "" };
        let what = format!("any page may post jobs: {} is answered {allowed}{with}", open.origin);
        return match (allow_any_origin, credentials) {
            (true, false) => Evaluation::new(Verdict::Info, what),
            (true, true) => Evaluation::fail(what, "any origin, without credentials", allowed)
                .with_verdict(Verdict::Warn)
                .with_next("set AllowCredentials of the API's CORS configuration to false"),
            (false, _) => Evaluation::fail(what, format!("only {} is allowed", own.origin), allowed)
                .with_next(format!(
                    "name {} alone in the API's AllowOrigins, or, if any page may post jobs, pass --allow-any-origin",
                    own.origin
                )),
        };
    }
    let silent = other.iter().find_map(|other| other.exchange.answer.as_ref().err());
    if let Some(error) = silent {
        let what = format!("the preflight of another page got no answer: {error}");
        return Evaluation::inconclusive(what);
    }
    Evaluation::pass(format!("{} is allowed, another page is not", own.origin))
}

/// Evaluates the answer to a submission that a page of that origin has made: the page may read it only if the answer itself
/// allows the origin. `None` when it does.
///
/// Source: <https://fetch.spec.whatwg.org/#cors-check>.
pub fn evaluate_answer(origin: &str, answer: &Answer) -> Option<Evaluation> {
    let allowed = answer.headers.get("access-control-allow-origin").map(String::as_str);
    if allows(allowed, origin) {
        return None;
    }
    let allowed = allowed.unwrap_or("no origin");
    let evaluation = Evaluation::fail(
        format!(
            "the preview page may not read what its submission is answered: the answer {} allows {allowed}",
            answer.status
        ),
        format!("Access-Control-Allow-Origin: {origin}"),
        allowed,
    );
    Some(evaluation.with_next(
        "configure CORS on the API, so that every answer has it, or add the header to each answer of the function",
    ))
}

/// Evaluates the API's answer to a body that it refuses in the same way: a page that cannot read it cannot say what is wrong.
/// `None` where the page may read it, and where the answer says nothing of the body.
pub fn evaluate_refusal(origin: &str, answer: &Answer) -> Option<Evaluation> {
    if !REFUSALS.contains(&answer.status) {
        return None;
    }
    let evaluation = evaluate_answer(origin, answer)?;
    let summary =
        format!("the preview page may not read why a body is refused: {}", evaluation.summary);
    Some(Evaluation { summary, ..evaluation }.with_verdict(Verdict::Warn))
}

/// Evaluates the hello endpoint's answer to a page of that origin in the same way; `None` where the page may read it, where it
/// is of the same origin, and where there is no good answer, which is another check's.
pub fn evaluate_hello(origin: &str, exchange: &Exchange) -> Option<Evaluation> {
    let answer = exchange.answer.as_ref().ok().filter(|answer| answer.status == 200)?;
    let allowed = answer.headers.get("access-control-allow-origin").map(String::as_str);
    if origin_of(&exchange.url) == origin || allows(allowed, origin) {
        return None;
    }
    let allowed = allowed.unwrap_or("no origin");
    let evaluation = Evaluation::fail(
        format!(
            "the preview page may not read the hello endpoint's answer, which allows {allowed}"
        ),
        format!("Access-Control-Allow-Origin: {origin}"),
        allowed,
    );
    let header = format!("origin: {origin}");
    Some(evaluation.with_next(command::curl(&["-H", &header], &exchange.url)))
}

/// Why a page may not post a job with those headers; `None` when it may.
///
/// A browser sends a POST whatever methods are listed, since a form could send one, too; only headers need leave.
///
/// Source: <https://fetch.spec.whatwg.org/#cors-preflight-fetch>, where a CORS-safelisted method passes.
fn refusal(preflight: &Preflight) -> Option<String> {
    let answer = match &preflight.exchange.answer {
        Ok(answer) => answer,
        Err(error) => return Some(format!("no answer: {error}")),
    };
    if !(200..300).contains(&answer.status) {
        return Some(format!("the preflight is answered {}", answer.status));
    }
    if !allows_origin(preflight) {
        let allowed = preflight.allow_origin.as_deref().unwrap_or("no origin");
        return Some(format!("the API allows {allowed}"));
    }
    let items = |list: &Option<String>| -> Vec<String> {
        let items = list.as_deref().unwrap_or_default().split(',').map(str::trim);
        items.map(str::to_owned).collect()
    };
    let allowed = items(&preflight.allow_headers);
    let is_allowed = |wanted: &&String| {
        let by_name = allowed.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        // A star does not stand for this one.
        by_name || (*wanted != "authorization" && allowed.iter().any(|name| name == "*"))
    };
    let missing = preflight.requested_headers.iter().find(|wanted| !is_allowed(wanted))?;
    Some(format!("the API does not allow the header {missing}"))
}

fn allows_origin(preflight: &Preflight) -> bool {
    allows(preflight.allow_origin.as_deref(), &preflight.origin)
}

/// Whether a header allows an origin: it is the very same, or a star.
fn allows(header: Option<&str>, origin: &str) -> bool {
    header.is_some_and(|allowed| allowed == "*" || allowed == origin)
}

/// The same question by hand.
fn curl(preflight: &Preflight) -> String {
    let headers = [
        format!("origin: {}", preflight.origin),
        "access-control-request-method: POST".to_owned(),
        format!("access-control-request-headers: {}", preflight.requested_headers.join(",")),
    ];
    let headers = headers.iter().map(|header| format!(" -H {}", quoted(header)));
    let headers = headers.collect::<String>();
    format!(
        "curl -sS -i --max-time 10 -X OPTIONS{headers} {}",
        quoted(&command::without_secrets(&preflight.exchange.url))
    )
}

fn shown(preflight: &Preflight) -> serde_json::Value {
    serde_json::json!({
        "origin": preflight.origin,
        "status": preflight.exchange.answer.as_ref().ok().map(|answer| answer.status),
        "requestHeaders": preflight.requested_headers,
        "allowOrigin": preflight.allow_origin,
        "allowMethods": preflight.allow_methods,
        "allowHeaders": preflight.allow_headers,
        "allowCredentials": preflight.allow_credentials,
        "vary": preflight.vary,
    })
}

#[cfg(test)]
mod tests {
    use super::super::web_page::tests::exchange;
    use super::*;

    const OWN: &str = "https://preview.example";

    fn preflight(origin: &str, allow_origin: Option<&str>) -> Preflight {
        Preflight {
            origin: origin.to_owned(),
            exchange: exchange(Ok((204, "", ""))),
            allow_origin: allow_origin.map(str::to_owned),
            allow_methods: Some("GET,POST".to_owned()),
            allow_headers: Some("Content-Type".to_owned()),
            requested_headers: vec!["content-type".to_owned()],
            allow_credentials: false,
            vary: None,
        }
    }

    fn verdict(own: Option<&str>, other: Option<&str>, any: bool) -> Verdict {
        evaluate(&preflight(OWN, own), &[preflight(OTHER_ORIGIN, other)], any).verdict
    }

    #[test]
    fn the_preview_alone_passes() {
        assert_eq!(verdict(Some(OWN), None, false), Verdict::Pass);
        // An answer that names the allowed origin to everybody keeps others out all the same.
        assert_eq!(verdict(Some(OWN), Some(OWN), false), Verdict::Pass);
    }

    #[test]
    fn an_api_that_refuses_the_preview_fails_also_with_any_origin_allowed() {
        for any in [false, true] {
            assert_eq!(verdict(None, None, any), Verdict::Fail);
            assert_eq!(verdict(Some("https://other.example"), None, any), Verdict::Fail);
        }
        let refused =
            Preflight { exchange: exchange(Ok((404, "", ""))), ..preflight(OWN, Some(OWN)) };
        let silent = Preflight { exchange: exchange(Err("refused")), ..preflight(OWN, None) };
        let no_header = Preflight { allow_headers: None, ..preflight(OWN, Some(OWN)) };
        let redirected =
            Preflight { exchange: exchange(Ok((307, "", ""))), ..preflight(OWN, Some(OWN)) };
        let twice = preflight(OWN, Some("https://preview.example, https://preview.example"));
        for own in [refused, silent, no_header, redirected, twice] {
            let evaluation = evaluate(&own, &[preflight(OTHER_ORIGIN, None)], false);
            assert_eq!(evaluation.verdict, Verdict::Fail, "{evaluation:?}");
        }
    }

    #[test]
    fn a_post_needs_no_leave_for_its_method() {
        for allow_methods in [None, Some("GET"), Some("post"), Some("*")] {
            let allow_methods = allow_methods.map(str::to_owned);
            let own = Preflight { allow_methods, ..preflight(OWN, Some(OWN)) };
            let evaluation = evaluate(&own, &[preflight(OTHER_ORIGIN, None)], false);
            assert_eq!(evaluation.verdict, Verdict::Pass, "{evaluation:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_reads_hello_only_with_leave() {
        let evaluated = |page: &str, allowed: Option<&str>, status| {
            let mut exchange = exchange(Ok((status, "application/json", "{}")));
            "https://api.example/hello".clone_into(&mut exchange.url);
            let answer = exchange.answer.as_mut().expect("an answer");
            let headers = allowed
                .map(|allowed| ("access-control-allow-origin".to_owned(), allowed.to_owned()));
            answer.headers.extend(headers);
            evaluate_hello(page, &exchange).map(|evaluation| evaluation.verdict)
        };
        assert_eq!(evaluated(OWN, None, 200), Some(Verdict::Fail));
        assert_eq!(evaluated(OWN, Some("https://other.example"), 200), Some(Verdict::Fail));
        assert_eq!(evaluated(OWN, Some(OWN), 200), None);
        assert_eq!(evaluated(OWN, Some("*"), 200), None);
        // Within its own origin a page needs no leave, and what does not answer is another check's.
        assert_eq!(evaluated("https://api.example", None, 200), None);
        assert_eq!(evaluated(OWN, None, 503), None);
    }

    #[test]
    fn an_api_that_allows_everybody_fails_unless_that_is_allowed() {
        for allowed in ["*", OTHER_ORIGIN] {
            let own = if allowed == "*" { "*" } else { OWN };
            assert_eq!(verdict(Some(own), Some(allowed), false), Verdict::Fail);
            assert_eq!(verdict(Some(own), Some(allowed), true), Verdict::Info);
        }
    }

    #[test]
    fn a_other_page_without_an_answer_proves_nothing() {
        let other =
            Preflight { exchange: exchange(Err("timed out")), ..preflight(OTHER_ORIGIN, None) };
        let evaluation = evaluate(&preflight(OWN, Some(OWN)), &[other], false);
        assert_eq!(evaluation.verdict, Verdict::Inconclusive);
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        requested_headers(&pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_browser_asks_for_what_a_form_could_not_send() {
        assert_eq!(headers(&[("Content-Type", "application/json")]), ["content-type"]);
        assert_eq!(
            headers(&[("x-b", "1"), ("X-A", "2"), ("content-type", "text/plain; charset=utf-8")]),
            ["x-a", "x-b"]
        );
        for own in ["Cookie", "Host", "Sec-Fetch-Mode", "Proxy-Authorization", "Date", "via"] {
            assert!(headers(&[(own, "1")]).is_empty(), "{own}");
        }
        assert!(headers(&[("accept", "application/json"), ("accept-language", "de")]).is_empty());
        assert_eq!(headers(&[("accept", "a{b}")]), ["accept"]);
        assert_eq!(headers(&[("accept-language", &"d".repeat(129))]), ["accept-language"]);
        assert_eq!(headers(&[("authorization", "Bearer x")]), ["authorization"]);
    }

    #[test]
    fn every_header_that_is_sent_has_to_be_allowed() {
        let asked = |headers: &[&str], allowed: &str| {
            let own = Preflight {
                requested_headers: headers.iter().map(|name| (*name).to_owned()).collect(),
                allow_headers: Some(allowed.to_owned()),
                ..preflight(OWN, Some(OWN))
            };
            evaluate(&own, &[], false)
        };
        let both = ["content-type", "x-counter"];
        assert_eq!(asked(&both, "X-Counter, Content-Type").verdict, Verdict::Pass);
        assert_eq!(asked(&both, "*").verdict, Verdict::Pass);
        let missing = asked(&both, "content-type");
        assert_eq!(missing.verdict, Verdict::Fail);
        assert!(missing.summary.ends_with("the header x-counter"), "{}", missing.summary);
        assert_eq!(asked(&["authorization"], "*").verdict, Verdict::Fail);
        assert_eq!(asked(&["authorization"], "*, Authorization").verdict, Verdict::Pass);
        // Nothing is asked for what a form could send.
        assert_eq!(asked(&[], "").verdict, Verdict::Info);
    }

    #[test]
    fn other_pages_are_of_every_kind_but_the_own_ones() {
        let own = [OWN.to_owned()];
        assert_eq!(
            other_origins(&own),
            [
                "https://other.invalid",
                "http://other.invalid",
                "null",
                "http://preview.example",
                "https://preview.example.other.invalid",
                "https://otherpreview.example",
                "https://previewxexample"
            ]
        );
        let local = ["http://localhost:8000".to_owned()];
        assert_eq!(other_origins(&local)[3..], ["http://otherlocalhost:8000"]);
        let both = [OWN.to_owned(), "http://preview.example".to_owned()];
        assert!(!other_origins(&both).contains(&both[1]));
    }

    #[test]
    fn one_other_page_that_is_allowed_is_enough() {
        let other = [
            preflight(OTHER_ORIGIN, None),
            preflight("http://other.invalid", Some("http://other.invalid")),
            Preflight { exchange: exchange(Err("timed out")), ..preflight("null", None) },
        ];
        let evaluation = evaluate(&preflight(OWN, Some(OWN)), &other, false);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.summary.contains("http://other.invalid"), "{}", evaluation.summary);
    }

    #[test]
    fn an_api_that_is_open_on_purpose_takes_no_credentials() {
        let open = |allowed: &str| {
            let allow_credentials = true;
            let other = Preflight { allow_credentials, ..preflight(OTHER_ORIGIN, Some(allowed)) };
            evaluate(&preflight(OWN, Some(OWN)), &[other], true).verdict
        };
        assert_eq!(open(OTHER_ORIGIN), Verdict::Warn);
        // Browsers refuse this together with credentials.
        assert_eq!(open("*"), Verdict::Info);
    }

    #[test]
    fn the_answer_to_the_submission_has_to_allow_the_page_too() {
        let answer = |allowed: Option<&str>| Answer {
            status: 202,
            headers: allowed
                .map(|allowed| ("access-control-allow-origin".to_owned(), allowed.to_owned()))
                .into_iter()
                .collect(),
            ..Answer::default()
        };
        assert_eq!(evaluate_answer(OWN, &answer(Some(OWN))), None);
        assert_eq!(evaluate_answer(OWN, &answer(Some("*"))), None);
        for allowed in [None, Some("https://other.example"), Some("https://PREVIEW.example")] {
            let evaluation = evaluate_answer(OWN, &answer(allowed)).unwrap();
            assert_eq!(evaluation.verdict, Verdict::Fail, "{allowed:?}");
        }
    }

    #[test]
    fn the_answer_to_a_body_that_is_refused_has_to_allow_the_page_too() {
        let verdict = |status, allowed: Option<&str>| {
            let allowed = allowed
                .map(|allowed| ("access-control-allow-origin".to_owned(), allowed.to_owned()));
            let answer =
                Answer { status, headers: allowed.into_iter().collect(), ..Answer::default() };
            evaluate_refusal(OWN, &answer).map(|evaluation| evaluation.verdict)
        };
        assert_eq!(verdict(400, None), Some(Verdict::Warn));
        assert_eq!(verdict(422, Some("https://other.example")), Some(Verdict::Warn));
        assert_eq!(verdict(400, Some(OWN)), None);
        // A gateway that is too busy answers by itself.
        assert_eq!(verdict(429, None), None);
        assert_eq!(verdict(503, None), None);
    }

    #[test]
    fn the_question_can_be_asked_by_hand() {
        let mut own = preflight(OWN, None);
        own.exchange.url = "https://a.example/x?a&b".to_owned();
        let next = evaluate(&own, &[], false).next.unwrap();
        assert!(next.ends_with("'https://a.example/x?a&b'"), "{next}");
        assert!(next.contains("-H 'access-control-request-headers: content-type'"), "{next}");
        assert!(next.contains("--max-time 10"), "{next}");
    }
}
