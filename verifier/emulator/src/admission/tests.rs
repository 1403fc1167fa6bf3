use axum::http::request::Builder;
use axum::http::{Request, Uri};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-local-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
const TOKEN: &str = "0123";
const ALLY: &str = "https://ally.example";

/// A request to the stack's port; `headers` come on top of a Host, unless they have one.
fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request: Builder = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header("host", "127.0.0.1:4566");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn decide(head: &Parts) -> Result<Admitted, Refused> {
    let configuration = Configuration {
        allowed_origins: &[ALLY.to_owned()],
        token: TOKEN,
        serves_page: &|host| host.split(':').next() == Some("localhost"),
    };
    admit(head, &Listener::Stack(&configuration))
}

fn status(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    decide(&head(method, target, headers)).map_or_else(|refused| refused.status, |_| 200)
}

const AUTHORIZED: (&str, &str) = ("authorization", SIGNED);
const SQS: (&str, &str) = ("x-amz-target", "AmazonSQS.SendMessage");

#[test]
fn aws_needs_a_signature_in_a_header() {
    let admitted = decide(&head("POST", "/", &[AUTHORIZED, SQS]));
    assert_eq!(admitted, Ok(Admitted::Aws { origin: None }));
    for (headers, code) in [
        (vec![SQS], "MissingAuthenticationToken"),
        (vec![("content-type", "application/x-www-form-urlencoded")], "MissingAuthenticationToken"),
        (vec![SQS, ("authorization", "Basic dTpw")], "IncompleteSignature"),
        (vec![SQS, ("authorization", "Bearer AWS4-HMAC-SHA256")], "IncompleteSignature"),
        (vec![SQS, ("authorization", "AWS4-HMAC-SHA256 Credential=")], "IncompleteSignature"),
        (vec![SQS, ("authorization", "AWS4-HMAC-SHA256 Signature=0")], "IncompleteSignature"),
        (vec![SQS, ("authorization", "")], "IncompleteSignature"),
        (vec![SQS, AUTHORIZED, AUTHORIZED], "IncompleteSignature"),
        (vec![SQS, ("x-verifier-client", "AKIAEMULATEDCLIENT1")], "MissingAuthenticationToken"),
    ] {
        let refused = decide(&head("POST", "/", &headers)).unwrap_err();
        assert_eq!((refused.status, refused.code), (403, code), "{headers:?}");
    }
    let presigned = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA&X-Amz-Signature=0";
    assert_eq!(status("POST", presigned, &[SQS]), 403);
    assert_eq!(status("GET", "/the-bucket/key?X-Amz-Signature=0", &[]), 403);
    assert_eq!(status("GET", "/2015-03-31/functions/", &[]), 403);
    assert_eq!(status("GET", "/2015-03-31/functions/", &[("host", "localhost")]), 403);
}

#[test]
fn every_request_names_the_loopback() {
    let places = [
        ("POST", "/", vec![AUTHORIZED, SQS]),
        ("GET", "/_emulator/clock", vec![(TOKEN_HEADER, TOKEN)]),
        ("POST", "/execute-api/0/jobs", vec![]),
    ];
    for host in [
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.1",
        "localhost",
        "LocalHost:65535",
        "a.b.localhost:80",
        "[::1]:9",
        "[::1]",
    ] {
        for (method, target, headers) in &places {
            let headers = [headers.as_slice(), &[("host", host)]].concat();
            // At a name there are pages.
            let is_name = host.to_ascii_lowercase().contains("localhost");
            let expected = match *target {
                "/_emulator/clock" if is_name => 403,
                "/execute-api/0/jobs" if host.split(':').next() == Some("localhost") => 404,
                // Each name would be another host for a browser, with connections of its own.
                "/execute-api/0/jobs" if host.contains(".localhost") => 404,
                _ => 200,
            };
            assert_eq!(status(method, target, &headers), expected, "{target} {host}");
        }
        assert_eq!(
            admit(&head("GET", "/2018-06-01/x", &[("host", host)]), &Listener::RuntimeApi),
            Ok(Admitted::RuntimeApi)
        );
    }
    for host in [
        "",
        ":80",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        ".localhost",
        "a..localhost",
        "localhost.",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "0x7f.0.0.1",
        "128.0.0.1",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "::1",
        "[::1",
        "a@localhost",
        "localhost/x",
        "evil example.localhost",
    ] {
        for (method, target, headers) in &places {
            let headers = [headers.as_slice(), &[("host", host)]].concat();
            assert_eq!(status(method, target, &headers), 421, "{target} {host}");
        }
        let asked = head("GET", "/2018-06-01/runtime/invocation/next", &[("host", host)]);
        assert_eq!(admit(&asked, &Listener::RuntimeApi).unwrap_err().status, 421, "{host}");
        assert_eq!(status("GET", "/", &[("host", host)]), 421, "{host}");
    }
    assert_eq!(status("GET", "/", &[("host", "localhost"), ("host", "localhost")]), 421, "twice");
    let mut none = head("GET", "/", &[]);
    none.headers.remove("host");
    assert_eq!(decide(&none).unwrap_err().status, 421);
}

#[test]
fn an_http_api_is_not_of_the_pages_origin() {
    let at = |host| status("GET", "/execute-api/0/hello", &[("host", host)]);
    assert_eq!((at("127.0.0.1:4566"), at("localhost:4566")), (200, 404));
}

#[test]
fn a_target_with_an_authority_names_what_host_names() {
    let with = |target: &str| {
        let mut head = head("POST", "/", &[AUTHORIZED, SQS]);
        head.uri = target.parse::<Uri>().unwrap();
        decide(&head).map_or_else(|refused| refused.status, |_| 200)
    };
    assert_eq!(with("http://127.0.0.1:4566/"), 200);
    for other in [
        "http://evil.example/",
        "http://127.0.0.1/",
        "http://u@127.0.0.1:4566/",
        "http://localhost:4566/",
    ] {
        assert_eq!(with(other), 421, "{other}");
    }
}

#[test]
fn pages_reach_aws_only_from_an_allowed_origin() {
    let from =
        |headers: &[(&str, &str)]| status("POST", "/", &[&[AUTHORIZED, SQS], headers].concat());
    assert_eq!(from(&[("sec-fetch-site", "none")]), 200);
    assert_eq!(from(&[("sec-fetch-mode", "cors")]), 200, "Node.js sends it without a page");
    for headers in [
        vec![("origin", "http://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "")],
        vec![("origin", "http://127.0.0.1:4566")],
        vec![("origin", "http://localhost:4566")],
        vec![("origin", "https://ally.example:444")],
        vec![("origin", "http://ally.example")],
        vec![("origin", ALLY), ("origin", "http://evil.example")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "same-origin")],
        vec![("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "none"), ("origin", "http://evil.example")],
        vec![("sec-fetch-site", "anything")],
        vec![("sec-fetch-site", "none"), ("sec-purpose", "prefetch")],
    ] {
        assert_eq!(from(&headers), 403, "{headers:?}");
    }
    for headers in
        [vec![("origin", ALLY)], vec![("origin", ALLY), ("sec-fetch-site", "cross-site")]]
    {
        let head = head("POST", "/", &[&[AUTHORIZED, SQS], headers.as_slice()].concat());
        assert_eq!(decide(&head), Ok(Admitted::Aws { origin: Some(ALLY.to_owned()) }));
    }
    assert_eq!(status("POST", "/", &[SQS, ("origin", ALLY)]), 403, "unsigned");
}

#[test]
fn a_preflight_is_answered_for_an_allowed_origin_only() {
    const ASKED: (&str, &str) = ("access-control-request-method", "POST");
    let asked = head("OPTIONS", "/", &[ASKED, ("origin", ALLY)]);
    assert_eq!(decide(&asked), Ok(Admitted::Preflight { origin: ALLY.to_owned() }));
    for headers in [vec![ASKED, ("origin", "http://evil.example")], vec![ASKED, ("origin", "null")]]
    {
        assert_eq!(status("OPTIONS", "/", &headers), 403, "{headers:?}");
    }
    assert_eq!(status("OPTIONS", "/", &[ASKED]), 405, "no page asks");
    assert_eq!(status("OPTIONS", "/", &[("origin", ALLY)]), 405, "no preflight");
    assert_eq!(status("OPTIONS", "/", &[AUTHORIZED]), 405);
    assert_eq!(
        decide(&head("OPTIONS", "/execute-api/0/jobs", &[ASKED, ("origin", "http://x.example")])),
        Ok(Admitted::HttpApi)
    );
    assert_eq!(status("OPTIONS", "/_emulator/faults", &[ASKED, ("origin", ALLY)]), 403);
}

#[test]
fn operations_are_called_by_post_and_rest_by_its_methods() {
    for (method, target, headers, expected) in [
        ("GET", "/?Action=DeleteStack&Version=2010-05-15", vec![AUTHORIZED], 405),
        ("HEAD", "/?Version=2010-05-15&Action=DeleteStack", vec![AUTHORIZED], 405),
        ("PUT", "/?Action=DeleteStack", vec![AUTHORIZED], 405),
        ("POST", "/?Action=DescribeStacks", vec![AUTHORIZED], 200),
        ("GET", "/", vec![AUTHORIZED, SQS], 405),
        ("DELETE", "/", vec![AUTHORIZED, SQS], 405),
        (
            "GET",
            "/service/GraniteServiceVersion20100801/operation/DeleteAlarms",
            vec![AUTHORIZED],
            405,
        ),
        ("GET", "/2015-03-31/functions/", vec![AUTHORIZED], 200),
        ("PUT", "/2017-10-31/functions/f/concurrency", vec![AUTHORIZED], 200),
        ("DELETE", "/2015-03-31/event-source-mappings/0", vec![AUTHORIZED], 200),
        ("HEAD", "/the-bucket", vec![AUTHORIZED], 200),
        ("PUT", "/the-bucket/config.js", vec![AUTHORIZED], 200),
        ("TRACE", "/", vec![AUTHORIZED], 405),
        ("PROPFIND", "/", vec![AUTHORIZED], 405),
        ("GET", "/?Action=DeleteStack", vec![("host", "localhost")], 405),
    ] {
        assert_eq!(status(method, target, &headers), expected, "{method} {target}");
    }
}

#[test]
fn the_page_and_the_api_are_for_anybody() {
    let page = |method, target, headers: &[(&str, &str)]| {
        decide(&head(method, target, &[headers, &[("host", "localhost:4566")]].concat()))
    };
    let other = [("origin", "null"), ("sec-fetch-site", "cross-site")];
    for target in ["/", "/?pr=123", "/config.js", "/the-bucket/key"] {
        assert_eq!(page("GET", target, &other), Ok(Admitted::Page), "{target}");
    }
    assert_eq!(page("POST", "/", &[]).unwrap_err().status, 403, "a page takes nothing");
    assert_eq!(page("GET", "/_emulator/clock", &[(TOKEN_HEADER, TOKEN)]).unwrap_err().status, 403);
    for method in ["GET", "POST", "OPTIONS", "DELETE"] {
        let called = head(method, "/execute-api/0/jobs", &[&other[..], &[SQS]].concat());
        assert_eq!(
            decide(&called),
            Ok(Admitted::HttpApi),
            "an API, whatever else is said: {method}"
        );
    }
    assert_eq!(status("GET", "/", &[]), 403, "at its address there is no page");
}

#[test]
fn the_emulators_own_endpoint_needs_the_token_and_no_browser() {
    let token = (TOKEN_HEADER, TOKEN);
    let at = |headers: &[(&str, &str)]| status("GET", "/_emulator/client", headers);
    assert_eq!(at(&[token]), 200);
    assert_eq!(at(&[token, AUTHORIZED]), 200);
    assert_eq!(at(&[]), 401);
    assert_eq!(at(&[AUTHORIZED]), 401);
    assert_eq!(at(&[(TOKEN_HEADER, "")]), 401);
    assert_eq!(at(&[(TOKEN_HEADER, "01234")]), 401);
    assert_eq!(at(&[token, token]), 401);
    assert_eq!(status("GET", "/_emulator", &[]), 401);
    for more in [
        ("origin", "http://evil.example"),
        ("origin", ALLY),
        ("sec-fetch-site", "same-origin"),
        ("host", "localhost:4566"),
    ] {
        assert_eq!(at(&[token, more]), 403, "{more:?}");
    }
    // Another way of writing it is another path.
    assert_eq!(status("GET", "/%5femulator/client", &[token]), 403);
    assert_eq!(status("GET", "//_emulator/client", &[token]), 403);
}

#[test]
fn a_runtime_api_answers_no_browser() {
    let next = |headers: &[(&str, &str)]| {
        let head = head("GET", "/2018-06-01/runtime/invocation/next", headers);
        admit(&head, &Listener::RuntimeApi).map_err(|refused| refused.status)
    };
    assert_eq!(next(&[]), Ok(Admitted::RuntimeApi));
    assert_eq!(next(&[("user-agent", "aws-lambda-rust")]), Ok(Admitted::RuntimeApi));
    for header in [
        ("origin", "null"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
    ] {
        assert_eq!(next(&[header]), Err(403), "{header:?}");
    }
}

/// Headers that a page can have its browser send without a preflight, with those that its browser adds.
fn of_a_page() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let simple = select(
        &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("content-type", "text/plain"),
            ("accept", "*/*"),
            ("accept-language", "AWS4-HMAC-SHA256 Credential=AKIA"),
            ("range", "bytes=0-"),
            ("cookie", "authorization=AWS4-HMAC-SHA256"),
            ("referer", "http://127.0.0.1:4566/"),
        ][..],
    );
    let added = select(vec![
        vec![],
        vec![("origin", "http://evil.example")],
        vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
        vec![("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
    ]);
    (proptest::collection::vec(simple, 0..4), added)
        .prop_map(|(simple, added)| [simple, added].concat())
}

proptest! {
    #[test]
    fn whatever_a_page_sends_unasked_reaches_neither_aws_nor_the_emulator(
        headers in of_a_page(),
        method in select(&["GET", "HEAD", "POST", "OPTIONS"][..]),
        path in select(&["/", "/?Action=CreateStack&Version=2010-05-15", "/_emulator/client", "/2015-03-31/functions/f/invocations", "/000000000000/jobs", "/bucket/key?X-Amz-Signature=1"][..]),
        host in select(&["127.0.0.1:4566", "localhost:4566", "a.localhost", "evil.example", "[::1]:4566"][..]),
    ) {
        let headers = [headers.as_slice(), &[("host", host)]].concat();
        let admitted = decide(&head(method, path, &headers));
        prop_assert!(matches!(admitted, Ok(Admitted::Page) | Err(_)), "{admitted:?}");
        if admitted.is_ok() {
            prop_assert!(matches!(method, "GET" | "HEAD"));
        }
    }

    #[test]
    fn a_name_that_does_not_end_in_localhost_is_refused(host in "[a-z0-9.\\[\\]:@-]{0,24}") {
        let names_loopback = host.starts_with("127.") || host.starts_with("[::1]") || host.split(':').next().is_some_and(|name| name.ends_with("localhost"))
            || host.starts_with("[0");
        prop_assume!(!names_loopback);
        prop_assert_eq!(status("GET", "/", &[("host", host.as_str())]), 421);
    }

    #[test]
    fn what_is_refused_says_why(method in "[A-Z]{1,8}", target in "/[a-z0-9_/?=&-]{0,20}", value in "[ -~]{0,30}") {
        if let Err(refused) = decide(&head(&method, &target, &[("origin", &value), ("authorization", &value)])) {
            prop_assert!((400..500).contains(&refused.status));
            prop_assert!(refused.sentence.ends_with('.') && refused.sentence.len() < 300);
        }
    }
}
