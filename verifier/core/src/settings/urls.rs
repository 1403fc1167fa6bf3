//! A stack's outputs as URLs: where its page and its API are, and what lies below them. A query stays where it is.

use url::Url;

use super::Settings;

/// The URLs that are known of a team's resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Urls<'a> {
    /// The preview page.
    pub preview: Option<&'a str>,
    /// The API: its base, or the hello endpoint.
    pub api: Option<&'a str>,
    /// What jobs are posted to.
    pub jobs: Option<&'a str>,
}

impl Settings {
    /// The page's configuration.
    pub fn config_url(&self, urls: Urls<'_>) -> Option<String> {
        Some(below(&folder_of(urls.preview?), self.page.config_path.as_ref()?))
    }

    /// The hello endpoint. What is known of the API is this URL, or the API's base URL.
    pub fn hello_url(&self, urls: Urls<'_>) -> Option<String> {
        Some(at(urls.api?, self.api.hello_path.as_ref()?))
    }

    /// The URL that jobs are posted to: as it is known, or below the API's base URL.
    pub fn job_url(&self, urls: Urls<'_>) -> Option<String> {
        let Some(path) = &self.api.jobs_path else {
            return urls.jobs.map(str::to_owned);
        };
        Some(match &self.api.hello_path {
            Some(hello) => below(&base_of_others(urls.api?, hello), path),
            None => below(urls.api?, path),
        })
    }
}

/// The URL of what lies at `path` below `base`, whose query stays; a query of `path` is added to it, and a fragment,
/// which is for browsers, is left out.
///
/// A text that is no URL is continued as it is: whoever asks there says what is wrong with it.
///
/// Source: <https://url.spec.whatwg.org/#concept-url>.
pub fn below(base: &str, path: &str) -> String {
    let Some(mut url) = parsed(base) else {
        return format!("{}{path}", base.trim_end_matches('/'));
    };
    let (path, query) = split(path);
    url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    if !query.is_empty() {
        let own = url.query().filter(|own| !own.is_empty());
        let all = own.map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
        url.set_query(Some(&all));
    }
    url.set_fragment(None);
    url.into()
}

/// The folder that a page is in: what its `./config.js` is resolved against by a browser. A query stays.
///
/// Source: <https://url.spec.whatwg.org/#shorten-a-urls-path>.
fn folder_of(page: &str) -> String {
    let Some(mut url) = parsed(page) else { return page.to_owned() };
    let folder = url.path().rfind('/').map_or("/", |at| &url.path()[..=at]).to_owned();
    url.set_path(&folder);
    url.into()
}

/// The base URL of an API of which an output holds that, or the URL of what lies at `path` below it.
pub fn base_of(api: &str, path: &str) -> String {
    let (path, query) = split(path);
    let path = path.trim_end_matches('/');
    let Some(mut url) = parsed(api) else {
        let api = api.trim_end_matches('/');
        return api.strip_suffix(path).unwrap_or(api).to_owned();
    };
    let Some(base) = url.path().trim_end_matches('/').strip_suffix(&encoded(&url, path)) else {
        return url.into();
    };
    let base = base.to_owned();
    // What `path` would add again.
    let rest = match url.query().and_then(|own| own.strip_suffix(query)) {
        Some(rest) if !query.is_empty() && rest.is_empty() => Some(None),
        Some(rest) if !query.is_empty() && rest.ends_with('&') => {
            Some(rest.strip_suffix('&').map(str::to_owned))
        }
        _ => None,
    };
    url.set_path(&base);
    if let Some(rest) = rest {
        url.set_query(rest.as_deref());
    }
    url.into()
}

/// The same for what lies elsewhere below the base: a query of the URL of `path` is of that alone, and one of the base stays.
fn base_of_others(api: &str, path: &str) -> String {
    let base = base_of(api, path);
    let (Some(mut url), Some(api)) = (parsed(&base), parsed(api)) else {
        return base;
    };
    if url.path().trim_end_matches('/') != api.path().trim_end_matches('/') {
        url.set_query(None);
    }
    url.into()
}

/// The URL of what lies at `path` of an API, of which an output holds this URL or the base.
///
/// An output that holds it is asked as it is: with a slash more, it is another URL to an API.
pub fn at(api: &str, path: &str) -> String {
    let base = base_of(api, path);
    let path_of = |url: &str| parsed(url).map(|url| url.path().trim_end_matches('/').to_owned());
    match parsed(api) {
        Some(mut url) if path_of(&base) != path_of(api) => {
            url.set_fragment(None);
            url.into()
        }
        _ => below(&base, path),
    }
}

/// The same as a page takes it: slashes that are too many are left out.
pub fn at_as_page(api: &str, path: &str) -> String {
    below(&base_of(api, path), path)
}

/// The origin of a page, as browsers send it: its scheme and its host, and the port unless it is the scheme's own.
///
/// Source: <https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin>.
pub fn origin_of(page: &str) -> String {
    parsed(page).map_or_else(|| page.to_owned(), |url| url.origin().ascii_serialization())
}

/// Whether two texts are one URL, however it is written.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || parsed(one).is_some_and(|one| parsed(other) == Some(one))
}

/// Whether a text is a URL that can be asked by HTTP.
pub fn is_http(text: &str) -> bool {
    parsed(text).is_some_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// A URL that something can lie below.
fn parsed(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(Url::has_host)
}

/// A path and its query, which may be empty.
fn split(path: &str) -> (&str, &str) {
    path.split_once('?').unwrap_or((path, ""))
}

/// A path as it stands in a URL of that kind.
fn encoded(url: &Url, path: &str) -> String {
    let mut url = url.clone();
    url.set_path(path);
    url.path().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "/hello";

    #[test]
    fn hello_is_found_from_the_base_and_from_its_own_url() {
        for (api, hello) in [
            ("https://a.example", "https://a.example/hello"),
            ("https://a.example/", "https://a.example/hello"),
            ("https://a.example/hello", "https://a.example/hello"),
            ("https://a.example/hello/", "https://a.example/hello/"),
            ("https://a.example//hello", "https://a.example//hello"),
            ("https://a.example/hello#top", "https://a.example/hello"),
            ("https://a.example/prod", "https://a.example/prod/hello"),
            ("https://a.example/prod/", "https://a.example/prod/hello"),
            ("https://a.example/prod/hello", "https://a.example/prod/hello"),
            ("https://a.example?k=/v/", "https://a.example/hello?k=/v/"),
            ("https://a.example/hello?k=v", "https://a.example/hello?k=v"),
            ("https://a.example/prod/hello/?k=v", "https://a.example/prod/hello/?k=v"),
            // It merely ends alike.
            ("https://a.example/sayhello", "https://a.example/sayhello/hello"),
            ("https://hello", "https://hello/hello"),
            ("https://a.example/?to=/hello", "https://a.example/hello?to=/hello"),
        ] {
            assert_eq!(at(api, HELLO), hello, "{api}");
        }
    }

    #[test]
    fn a_path_may_have_a_query_and_characters_that_are_written_otherwise_in_urls() {
        for api in ["https://a.example/prod?k=v", "https://a.example/prod/say%20hi?k=v&loud"] {
            assert_eq!(at(api, "/say hi?loud"), "https://a.example/prod/say%20hi?k=v&loud");
        }
        for api in ["https://a.example", "https://a.example/hello/"] {
            assert_eq!(at(api, "/hello/"), "https://a.example/hello/");
        }
        assert_eq!(at("https://a.example/prod/", "/"), "https://a.example/prod/");
    }

    #[test]
    fn a_page_keeps_its_query_and_loses_its_fragment_where_its_files_are_asked_for() {
        for (page, config) in [
            ("https://a.example", "https://a.example/config.js"),
            ("https://a.example/?pr=7", "https://a.example/config.js?pr=7"),
            ("https://a.example/7/?pr=7#/jobs", "https://a.example/7/config.js?pr=7"),
        ] {
            assert_eq!(below(page, "/config.js"), config);
        }
    }

    #[test]
    fn a_configuration_is_in_the_folder_of_its_page_as_a_browser_finds_it() {
        for (page, config) in [
            ("https://a.example", "https://a.example/config.js"),
            ("https://a.example/?pr=7", "https://a.example/config.js?pr=7"),
            ("https://a.example/index.html?pr=7", "https://a.example/config.js?pr=7"),
            ("https://a.example/sub", "https://a.example/config.js"),
            ("https://a.example/sub/", "https://a.example/sub/config.js"),
            ("https://a.example/sub/page?a=/b/", "https://a.example/sub/config.js?a=/b/"),
        ] {
            assert_eq!(below(&folder_of(page), "/config.js"), config, "{page}");
        }
    }

    #[test]
    fn what_is_no_url_is_left_to_whoever_asks_there() {
        assert_eq!(at("a.example/", HELLO), "a.example/hello");
        assert_eq!(at("a.example/hello", HELLO), "a.example/hello");
        assert_eq!(below("", HELLO), HELLO);
        assert_eq!(origin_of("a.example"), "a.example");
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        for (page, origin) in [
            ("https://a.example/x/", "https://a.example"),
            ("https://a.example/?pr=7", "https://a.example"),
            ("https://a.example?pr=7", "https://a.example"),
            ("https://A.example:443/#x", "https://a.example"),
            ("http://localhost:80/?a", "http://localhost"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(origin_of(page), origin, "{page}");
        }
    }

    #[test]
    fn urls_are_the_same_however_they_are_written() {
        assert!(is_same("https://A.example/jobs", "https://a.example:443/jobs"));
        assert!(is_same("no URL", "no URL"));
        assert!(!is_same("https://a.example/jobs", "https://a.example/jobs2"));
        assert!(!is_same("https://a.example/jobs", "https://a.example/jobs?k=v"));
    }

    #[test]
    fn jobs_lie_beside_hello_where_no_output_says_where_they_are_posted_to() {
        let mut settings = Settings::default();
        settings.api.jobs_path = Some("/jobs".to_owned());
        for (api, jobs) in [
            // Hello's query is hello's; that of the base is of all below it.
            ("https://a.example/prod/hello?k=v", "https://a.example/prod/jobs"),
            ("https://a.example/prod/hello/?k=v", "https://a.example/prod/jobs"),
            ("https://a.example/prod/hello", "https://a.example/prod/jobs"),
            ("https://a.example/prod/?k=v", "https://a.example/prod/jobs?k=v"),
            ("https://a.example/?k=/hello", "https://a.example/jobs?k=/hello"),
        ] {
            let urls = Urls { api: Some(api), ..Urls::default() };
            assert_eq!(settings.job_url(urls).as_deref(), Some(jobs), "{api}");
        }
        settings.api.hello_path = None;
        let urls = Urls { api: Some("https://a.example/hello"), ..Urls::default() };
        assert_eq!(settings.job_url(urls).as_deref(), Some("https://a.example/hello/jobs"));
    }
}
