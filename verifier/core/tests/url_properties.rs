//! What must hold of every output that is a URL.
#![allow(clippy::expect_used)]

use proptest::prelude::*;
use url::Url;
use verifier_core::settings::Settings;
use verifier_core::settings::urls::{Urls, at, base_of, below, origin_of};

/// A path that does not begin with what the endpoints lie at, and ends in no slash.
fn stage() -> impl Strategy<Value = String> {
    // No segment begins with a dot, or it might stand for a folder.
    prop_oneof![Just(String::new()), "(/[a-z0-9_~-][a-z0-9_.~-]{0,8}){1,3}"]
}

/// The base URL of an API without its query, in one of the ways in which it is written.
fn base() -> impl Strategy<Value = String> {
    ("https?", "[a-z]{1,8}(\\.[a-z]{2,5}){0,2}", prop_oneof![Just(""), Just(":8080")], stage())
        .prop_map(|(scheme, host, port, stage)| format!("{scheme}://{host}{port}{stage}"))
}

fn slashes() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just("/")]
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\?[a-z/?=&%20.:+-]{0,16}"]
}

/// Where something lies below an API: no one of them is the end of a stage, which has small letters alone.
fn path() -> impl Strategy<Value = String> {
    "(/[A-Z][a-z]{0,6}){1,2}"
}

fn parsed(url: &str) -> Url {
    Url::parse(url).expect("a URL")
}

fn urls(api: &str) -> Urls<'_> {
    Urls { api: Some(api), ..Urls::default() }
}

proptest! {
    #[test]
    fn an_endpoint_is_the_same_whether_the_output_is_the_base_or_its_own_url(
        base in base(), path in path(), slash in slashes(), query in query(),
    ) {
        let expected = parsed(&format!("{base}{path}{query}"));
        let from_base = at(&format!("{base}{slash}{query}"), &path);
        let from_itself = at(&format!("{base}{path}{query}"), &path);
        prop_assert_eq!(&parsed(&from_base), &expected);
        prop_assert_eq!(&from_itself, &from_base);
        prop_assert_eq!(at(&from_base, &path), from_base);
    }

    #[test]
    fn what_is_appended_never_touches_the_query(
        base in base(), path in path(), slash in slashes(), query in query(),
    ) {
        let page = format!("{base}{slash}{query}");
        let appended = parsed(&below(&page, &path));
        let page = parsed(&page);
        prop_assert_eq!(appended.query(), page.query());
        prop_assert_eq!(appended.origin(), page.origin());
        prop_assert!(appended.path().ends_with(&path));
        prop_assert_eq!(appended.path().len(), page.path().trim_end_matches('/').len() + path.len());
    }

    #[test]
    fn jobs_are_posted_beside_hello_without_its_query_whatever_the_output_of_the_api_holds(
        base in base(), hello in path(), jobs in path(), slash in slashes(), query in query(),
    ) {
        let mut settings = Settings::default();
        settings.api.hello_path = Some(hello.clone());
        settings.api.jobs_path = Some(jobs.clone());
        let from_base = settings.job_url(urls(&format!("{base}{slash}{query}")));
        let from_hello = settings.job_url(urls(&format!("{base}{hello}{slash}{query}")));
        // A query of hello's URL is hello's, and one of the base is of all below it.
        prop_assert_eq!(parsed(&from_hello.expect("a URL")), parsed(&format!("{base}{jobs}")));
        prop_assert_eq!(parsed(&from_base.expect("a URL")), parsed(&format!("{base}{jobs}{query}")));
    }

    #[test]
    fn a_query_of_the_path_is_there_once(base in base(), path in path(), query in query()) {
        let path = format!("{path}?Loud");
        let once = at(&format!("{base}{query}"), &path);
        prop_assert_eq!(at(&once, &path), once.clone());
        prop_assert_eq!(parsed(&once).query().unwrap_or_default().matches("Loud").count(), 1);
    }

    #[test]
    fn an_origin_has_neither_path_nor_query(base in base(), path in path(), query in query()) {
        let origin = origin_of(&format!("{base}{path}{query}"));
        prop_assert_eq!(&origin, &origin_of(&base));
        prop_assert_eq!(origin.matches('/').count(), 2);
    }

    #[test]
    fn any_text_may_stand_in_an_output(output in any::<String>(), path in "/.{0,12}") {
        for text in [output.clone(), format!("https://{output}")] {
            let _ = (below(&text, &path), base_of(&text, &path), at(&text, &path), origin_of(&text));
        }
    }
}
