//! `api.cors`.

use crate::check::{Check, Judgement, Preflight, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "api.cors",
    asserts: "a preflight of the preview page is allowed to post jobs, and one of a foreign page is not",
    severity: Severity::Fail,
    why: "without the one the page cannot submit jobs, and without the other any page that a visitor opens can",
    fix: "allow exactly the preview's origin, POST and the header content-type in the API's CORS configuration",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    must_be_exercised: true,
};

/// An origin that no stack allows by name.
pub const FOREIGN_ORIGIN: &str = "https://foreign.invalid";

/// Judges the answers to a preflight of the page and of a foreign page.
///
/// With `allow_any_origin`, an API that allows foreign pages is told of and does not fail.
pub fn judge(own: &Preflight, foreign: &Preflight, allow_any_origin: bool) -> Judgement {
    let next = format!(
        "curl -i -X OPTIONS -H 'origin: {}' -H 'access-control-request-method: POST' {}",
        own.origin, own.exchange.url
    );
    let judgement = if let Some(refusal) = refusal(own) {
        Judgement::fail(
            format!("the preview page may not post jobs: {refusal}"),
            format!("{} is allowed to POST with content-type", own.origin),
            refusal,
        )
        .with_next(next)
    } else if let Err(error) = &foreign.exchange.answer {
        Judgement::inconclusive(format!("the preflight of a foreign page got no answer: {error}"))
    } else if allows_origin(foreign) {
        let allowed = foreign.allow_origin.clone().unwrap_or_default();
        let what = format!("any page may post jobs: {FOREIGN_ORIGIN} is answered {allowed}");
        if allow_any_origin {
            Judgement::new(Verdict::Info, what)
        } else {
            Judgement::fail(what, format!("only {} is allowed", own.origin), allowed).with_next(
                "name the preview's origin in the API's AllowOrigins, or pass --allow-any-origin",
            )
        }
    } else {
        Judgement::pass(format!("{} is allowed, a foreign page is not", own.origin))
    };
    judgement.with_evidence("preflights", vec![shown(own), shown(foreign)])
}

/// Why a page may not post a job with a JSON body; `None` when it may.
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
    let lists = |list: &Option<String>, wanted: &str| {
        let mut items = list.as_deref().unwrap_or_default().split(',').map(str::trim);
        items.any(|item| item == "*" || item.eq_ignore_ascii_case(wanted))
    };
    if !lists(&preflight.allow_methods, "POST") {
        return Some("the API does not allow POST".to_owned());
    }
    if !lists(&preflight.allow_headers, "content-type") {
        return Some("the API does not allow the header content-type".to_owned());
    }
    None
}

fn allows_origin(preflight: &Preflight) -> bool {
    preflight
        .allow_origin
        .as_ref()
        .is_some_and(|allowed| allowed == "*" || allowed == &preflight.origin)
}

fn shown(preflight: &Preflight) -> serde_json::Value {
    serde_json::json!({
        "origin": preflight.origin,
        "status": preflight.exchange.answer.as_ref().ok().map(|answer| answer.status),
        "allowOrigin": preflight.allow_origin,
        "allowMethods": preflight.allow_methods,
        "allowHeaders": preflight.allow_headers,
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
        }
    }

    fn verdict(own: Option<&str>, foreign: Option<&str>, any: bool) -> Verdict {
        judge(&preflight(OWN, own), &preflight(FOREIGN_ORIGIN, foreign), any).verdict
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
        let no_post =
            Preflight { allow_methods: Some("GET".to_owned()), ..preflight(OWN, Some(OWN)) };
        let no_header = Preflight { allow_headers: None, ..preflight(OWN, Some(OWN)) };
        for own in [refused, silent, no_post, no_header] {
            let judgement = judge(&own, &preflight(FOREIGN_ORIGIN, None), false);
            assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:?}");
        }
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
        let judgement = judge(&preflight(OWN, Some(OWN)), &foreign, false);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
    }
}
