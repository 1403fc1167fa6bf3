//! The own endpoint of an emulator: its clock and its faults.

use reqwest::{Method, RequestBuilder, Url};
use verifier_aws::plain_http_client;
use verifier_emulator::TOKEN_HEADER;

/// The variable with the token of the emulator at `--endpoint-url`; `verifier local` prints it with the others.
pub(crate) const TOKEN_VARIABLE: &str = "VERIFIER_EMULATOR_TOKEN";

/// How to ask an emulator itself.
#[derive(Clone)]
pub(crate) struct Admin {
    http: reqwest::Client,
    /// `http://127.0.0.1:PORT/_emulator`.
    url: String,
    /// Empty where none is known; then the emulator refuses.
    token: String,
}

impl Admin {
    /// That of the emulator at an endpoint; `None` if no client can be made.
    pub(crate) fn at(endpoint: &str, token: Option<String>) -> Option<Self> {
        let url = format!("{}/_emulator", by_address(endpoint));
        // What no header can hold would never be sent, and the emulator not be recognised: so it is refused as a wrong one.
        let sent = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        let token = token.unwrap_or_default().chars().map(sent).collect();
        Some(Self { http: plain_http_client().ok()?, url, token })
    }

    /// Whether a token is known.
    pub(crate) fn has_token(&self) -> bool {
        !self.token.is_empty()
    }

    /// A request for what is there at a path without a leading slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/{path}", self.url));
        if self.has_token() { request.header(TOKEN_HEADER, &self.token) } else { request }
    }
}

/// An endpoint by its address: at the name `localhost` is the stack's page, and an emulator keeps itself apart from it.
fn by_address(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let Ok(mut url) = Url::parse(endpoint) else { return endpoint.to_owned() };
    if url.host_str() == Some("localhost") && url.set_host(Some("127.0.0.1")).is_ok() {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    endpoint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_is_asked_by_its_address() {
        for (endpoint, address) in [
            ("http://localhost:4566", "http://127.0.0.1:4566"),
            ("http://localhost:4566/", "http://127.0.0.1:4566"),
            ("http://127.0.0.1:4566/", "http://127.0.0.1:4566"),
            ("http://[::1]:4566", "http://[::1]:4566"),
        ] {
            assert_eq!(by_address(endpoint), address);
        }
    }

    #[test]
    fn the_token_is_sent_where_it_is_known() {
        let sent = |token: Option<&str>| {
            let admin = Admin::at("http://127.0.0.1:1", token.map(str::to_owned)).unwrap();
            let request = admin.request(Method::GET, "clock").build().unwrap();
            assert_eq!(request.url().path(), "/_emulator/clock");
            request.headers().get(TOKEN_HEADER).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(sent(Some("abc")).as_deref(), Some("abc"));
        assert_eq!(sent(None), None);
        // A file of another system ends its lines otherwise; the emulator then says that the token is wrong.
        assert_eq!(sent(Some("abc\r")).as_deref(), Some("abc?"));
        assert_eq!(sent(Some(" ab\nc")).as_deref(), Some("?ab?c"));
    }
}
