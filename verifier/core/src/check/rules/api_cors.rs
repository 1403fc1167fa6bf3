//! `api.cors`.

use std::collections::{BTreeMap, BTreeSet};

use super::api_reject::REFUSALS;
use crate::check::{Answer, Check, Exchange, Judgement, Preflight, Severity, Verdict};
use crate::command::{self, quoted};
use crate::settings::is_forbidden;
use crate::settings::urls::origin_of;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.cors",
    asserts: "a preflight of the preview page is allowed to post jobs with the headers that they have, and one of a foreign page is not",
    severity: Severity::Fail,
    why: "without the one the page cannot submit jobs, and without the other any page that a visitor opens can",
    fix: "allow exactly the preview's origin and the headers of a submission in the API's CORS configuration",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    must_be_exercised: true,
};

/// An origin that no stack allows by name.
pub const FOREIGN_ORIGIN: &str = "https://foreign.invalid";

/// The origins that must not be allowed beside these: of a foreign page, with and without TLS, of a page without an origin,
/// of those whose names only begin or end like the page's own, or are it to a pattern whose dots stand for anything, and of the
/// own page without TLS, which anybody on the way can write.
pub fn foreign_origins(own: &[String]) -> Vec<String> {
    let mut foreign = vec![FOREIGN_ORIGIN.to_owned(), FOREIGN_ORIGIN.replace("https:", "http:")];
    foreign.push("null".to_owned());
    for origin in own {
        let Some((scheme, host)) = origin.split_once("://") else { continue };
        if scheme == "https" {
            foreign.push(format!("http://{host}"));
        }
        // Behind a port there is no room for more of a name.
        if !host.contains(':') {
            foreign.push(format!("{origin}.foreign.invalid"));
        }
        foreign.push(format!("{scheme}://foreign{host}"));
        if host.contains('.') {
            foreign.push(format!("{scheme}://{}", host.replacen('.', "x", 1)));
        }
    }
    foreign.retain(|origin| !own.contains(origin));
    foreign
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

/// Judges the answers to a preflight of the page and of foreign pages.
///
/// With `allow_any_origin`, an API that allows foreign pages is told of and does not fail, unless it takes their visitors'
/// credentials, too.
pub fn judge(own: &Preflight, foreign: &[Preflight], allow_any_origin: bool) -> Judgement {
    let judgement = if own.requested_headers.is_empty() {
        Judgement::new(
            Verdict::Info,
            "a browser asks nobody before it sends such a submission, so any page may post jobs",
        )
    } else if let Some(refusal) = refusal(own) {
        Judgement::fail(
            format!("the preview page may not post jobs: {refusal}"),
            format!("{} is allowed to POST with {}", own.origin, own.requested_headers.join(", ")),
            refusal,
        )
        .with_next(curl(own))
    } else {
        judge_foreign(own, foreign, allow_any_origin)
    };
    let shown = std::iter::once(own).chain(foreign).map(shown).collect::<Vec<_>>();
    judgement.with_evidence("preflights", shown)
}

fn judge_foreign(own: &Preflight, foreign: &[Preflight], allow_any_origin: bool) -> Judgement {
    // A certain answer says more than one that is missing.
    if let Some(open) = foreign.iter().find(|foreign| allows_origin(foreign)) {
        let allowed = open.allow_origin.clone().unwrap_or_default();
        let credentials = open.allow_credentials && allowed != "*";
        let with = if credentials { ", with the credentials of its visitors" } else { "" };
        let what = format!("any page may post jobs: {} is answered {allowed}{with}", open.origin);
        return match (allow_any_origin, credentials) {
            (true, false) => Judgement::new(Verdict::Info, what),
            (true, true) => Judgement::fail(what, "any origin, without credentials", allowed)
                .with_verdict(Verdict::Warn)
                .with_next("set AllowCredentials of the API's CORS configuration to false"),
            (false, _) => Judgement::fail(what, format!("only {} is allowed", own.origin), allowed)
                .with_next(format!(
                    "name {} alone in the API's AllowOrigins, or, if any page may post jobs, pass --allow-any-origin",
                    own.origin
                )),
        };
    }
    let silent = foreign.iter().find_map(|foreign| foreign.exchange.answer.as_ref().err());
    if let Some(error) = silent {
        let what = format!("the preflight of a foreign page got no answer: {error}");
        return Judgement::inconclusive(what);
    }
    Judgement::pass(format!("{} is allowed, a foreign page is not", own.origin))
}

/// Judges the answer to a submission that a page of that origin has made: the page may read it only if the answer itself
/// allows the origin. `None` when it does.
///
/// Source: <https://fetch.spec.whatwg.org/#cors-check>.
pub fn judge_answer(origin: &str, answer: &Answer) -> Option<Judgement> {
    let allowed = answer.headers.get("access-control-allow-origin").map(String::as_str);
    if allows(allowed, origin) {
        return None;
    }
    let allowed = allowed.unwrap_or("no origin");
    let judgement = Judgement::fail(
        format!(
            "the preview page may not read what its submission is answered: the answer {} allows {allowed}",
            answer.status
        ),
        format!("Access-Control-Allow-Origin: {origin}"),
        allowed,
    );
    Some(judgement.with_next(
        "configure CORS on the API, so that every answer has it, or add the header to each answer of the function",
    ))
}

/// Evaluates the API's answer to a body that it refuses in the same way: a page that cannot read it cannot say what is wrong.
/// `None` where the page may read it, and where the answer says nothing of the body.
pub fn judge_refusal(origin: &str, answer: &Answer) -> Option<Judgement> {
    if !REFUSALS.contains(&answer.status) {
        return None;
    }
    let judgement = judge_answer(origin, answer)?;
    let summary =
        format!("the preview page may not read why a body is refused: {}", judgement.summary);
    Some(Judgement { summary, ..judgement }.with_verdict(Verdict::Warn))
}

/// Judges the hello endpoint's answer to a page of that origin in the same way; `None` where the page may read it, where it
/// is of the same origin, and where there is no good answer, which is another check's.
pub fn judge_hello(origin: &str, exchange: &Exchange) -> Option<Judgement> {
    let answer = exchange.answer.as_ref().ok().filter(|answer| answer.status == 200)?;
    let allowed = answer.headers.get("access-control-allow-origin").map(String::as_str);
    if origin_of(&exchange.url) == origin || allows(allowed, origin) {
        return None;
    }
    let allowed = allowed.unwrap_or("no origin");
    let judgement = Judgement::fail(
        format!(
            "the preview page may not read the hello endpoint's answer, which allows {allowed}"
        ),
        format!("Access-Control-Allow-Origin: {origin}"),
        allowed,
    );
    let header = format!("origin: {origin}");
    Some(judgement.with_next(command::curl(&["-H", &header], &exchange.url)))
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
    format!("curl -sS -i --max-time 10 -X OPTIONS{headers} {}", quoted(&preflight.exchange.url))
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

    fn verdict(own: Option<&str>, foreign: Option<&str>, any: bool) -> Verdict {
        judge(&preflight(OWN, own), &[preflight(FOREIGN_ORIGIN, foreign)], any).verdict
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
            let judgement = judge(&own, &[preflight(FOREIGN_ORIGIN, None)], false);
            assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:?}");
        }
    }

    #[test]
    fn a_post_needs_no_leave_for_its_method() {
        for allow_methods in [None, Some("GET"), Some("post"), Some("*")] {
            let allow_methods = allow_methods.map(str::to_owned);
            let own = Preflight { allow_methods, ..preflight(OWN, Some(OWN)) };
            let judgement = judge(&own, &[preflight(FOREIGN_ORIGIN, None)], false);
            assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_reads_hello_only_with_leave() {
        let judged = |page: &str, allowed: Option<&str>, status| {
            let mut exchange = exchange(Ok((status, "application/json", "{}")));
            "https://api.example/hello".clone_into(&mut exchange.url);
            let answer = exchange.answer.as_mut().expect("an answer");
            let headers = allowed
                .map(|allowed| ("access-control-allow-origin".to_owned(), allowed.to_owned()));
            answer.headers.extend(headers);
            judge_hello(page, &exchange).map(|judgement| judgement.verdict)
        };
        assert_eq!(judged(OWN, None, 200), Some(Verdict::Fail));
        assert_eq!(judged(OWN, Some("https://other.example"), 200), Some(Verdict::Fail));
        assert_eq!(judged(OWN, Some(OWN), 200), None);
        assert_eq!(judged(OWN, Some("*"), 200), None);
        // Within its own origin a page needs no leave, and what does not answer is another check's.
        assert_eq!(judged("https://api.example", None, 200), None);
        assert_eq!(judged(OWN, None, 503), None);
    }

    #[test]
    fn an_api_that_allows_everybody_fails_unless_that_is_allowed() {
        for allowed in ["*", FOREIGN_ORIGIN] {
            let own = if allowed == "*" { "*" } else { OWN };
            assert_eq!(verdict(Some(own), Some(allowed), false), Verdict::Fail);
            assert_eq!(verdict(Some(own), Some(allowed), true), Verdict::Info);
        }
    }

    #[test]
    fn a_foreign_page_without_an_answer_proves_nothing() {
        let foreign =
            Preflight { exchange: exchange(Err("timed out")), ..preflight(FOREIGN_ORIGIN, None) };
        let judgement = judge(&preflight(OWN, Some(OWN)), &[foreign], false);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
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
            judge(&own, &[], false)
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
    fn foreign_pages_are_of_every_kind_but_the_own_ones() {
        let own = [OWN.to_owned()];
        assert_eq!(
            foreign_origins(&own),
            [
                "https://foreign.invalid",
                "http://foreign.invalid",
                "null",
                "http://preview.example",
                "https://preview.example.foreign.invalid",
                "https://foreignpreview.example",
                "https://previewxexample"
            ]
        );
        let local = ["http://localhost:8000".to_owned()];
        assert_eq!(foreign_origins(&local)[3..], ["http://foreignlocalhost:8000"]);
        let both = [OWN.to_owned(), "http://preview.example".to_owned()];
        assert!(!foreign_origins(&both).contains(&both[1]));
    }

    #[test]
    fn one_foreign_page_that_is_allowed_is_enough() {
        let foreign = [
            preflight(FOREIGN_ORIGIN, None),
            preflight("http://foreign.invalid", Some("http://foreign.invalid")),
            Preflight { exchange: exchange(Err("timed out")), ..preflight("null", None) },
        ];
        let judgement = judge(&preflight(OWN, Some(OWN)), &foreign, false);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(judgement.summary.contains("http://foreign.invalid"), "{}", judgement.summary);
    }

    #[test]
    fn an_api_that_is_open_on_purpose_takes_no_credentials() {
        let open = |allowed: &str| {
            let allow_credentials = true;
            let foreign =
                Preflight { allow_credentials, ..preflight(FOREIGN_ORIGIN, Some(allowed)) };
            judge(&preflight(OWN, Some(OWN)), &[foreign], true).verdict
        };
        assert_eq!(open(FOREIGN_ORIGIN), Verdict::Warn);
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
        assert_eq!(judge_answer(OWN, &answer(Some(OWN))), None);
        assert_eq!(judge_answer(OWN, &answer(Some("*"))), None);
        for allowed in [None, Some("https://other.example"), Some("https://PREVIEW.example")] {
            let judgement = judge_answer(OWN, &answer(allowed)).unwrap();
            assert_eq!(judgement.verdict, Verdict::Fail, "{allowed:?}");
        }
    }

    #[test]
    fn the_answer_to_a_body_that_is_refused_has_to_allow_the_page_too() {
        let verdict = |status, allowed: Option<&str>| {
            let allowed = allowed
                .map(|allowed| ("access-control-allow-origin".to_owned(), allowed.to_owned()));
            let answer =
                Answer { status, headers: allowed.into_iter().collect(), ..Answer::default() };
            judge_refusal(OWN, &answer).map(|judgement| judgement.verdict)
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
        own.exchange.url = "https://a.example/x?a=1&b=2".to_owned();
        let next = judge(&own, &[], false).next.unwrap();
        assert!(next.ends_with("'https://a.example/x?a=1&b=2'"), "{next}");
        assert!(next.contains("-H 'access-control-request-headers: content-type'"), "{next}");
        assert!(next.contains("--max-time 10"), "{next}");
    }
}
