//! Plain HTTP: the stack's own API and page.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body::{Body, Frame, SizeHint};
use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::Url;
use verifier_core::check::{Answer, Exchange, Preflight};

use crate::error::chain;

/// The most of an answer's body that is read.
const BODY_BYTES_MAX: usize = 1_048_576;

/// How much of the time for a request may pass until there is a connection.
const CONNECT_SHARE: f64 = 0.7;

/// The most redirects that are followed.
const REDIRECTS_MAX: u32 = 5;

/// An HTTP client that records what it hears.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

impl Http {
    /// A client whose requests end after `timeout` at the latest. With `plain`, it speaks no TLS.
    pub fn new(timeout: Duration, plain: bool) -> Result<Self, String> {
        let builder = builder(plain)
            .timeout(timeout)
            // Sooner than that, so that a host that does not answer at all is told from a request that is not answered.
            .connect_timeout(timeout.mul_f64(CONNECT_SHARE))
            .redirect(Policy::none())
            .user_agent(concat!("verifier/", env!("CARGO_PKG_VERSION")));
        builder.build().map(Self).map_err(|error| chain(&error))
    }

    /// `GET`.
    pub async fn get(&self, url: &str) -> Exchange {
        self.exchange("GET", url, self.0.get(url)).await
    }

    /// `GET` by a page of that origin.
    pub async fn get_by_page(&self, url: &str, origin: &str) -> Exchange {
        self.exchange("GET", url, self.0.get(url).header("origin", origin)).await
    }

    /// `GET` as a browser opens a page: redirects within its origin are followed, and the exchange is the last one. One to
    /// another origin is not: what is there is not what the stack's outputs name.
    ///
    /// Source: <https://fetch.spec.whatwg.org/#http-redirect-fetch>.
    pub async fn open(&self, url: &str) -> Exchange {
        let mut exchange = self.get(url).await;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = within_origin(&exchange) else { break };
            exchange = self.get(&next).await;
        }
        exchange
    }

    /// `POST` with those headers.
    pub async fn post(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Exchange {
        self.exchange("POST", url, self.posting(url, headers).body(body)).await
    }

    /// The same by a client that is cut off after half of the body.
    pub async fn post_half(
        &self,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Exchange {
        let body = reqwest::Body::wrap(Half::of(body));
        self.exchange("POST", url, self.posting(url, headers).body(body)).await
    }

    fn posting(&self, url: &str, headers: &BTreeMap<String, String>) -> reqwest::RequestBuilder {
        let with = |request: reqwest::RequestBuilder, (name, value)| request.header(name, value);
        headers.iter().fold(self.0.post(url), with)
    }

    /// `OPTIONS` as a browser sends it before a page of that origin may `POST` with those headers, which are in small letters
    /// and in order.
    ///
    /// Source: <https://fetch.spec.whatwg.org/#cors-preflight-fetch>.
    pub async fn preflight(
        &self,
        url: &str,
        origin: &str,
        requested_headers: &[String],
    ) -> Preflight {
        let mut request = self
            .0
            .request(Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        if !requested_headers.is_empty() {
            request = request.header("access-control-request-headers", requested_headers.join(","));
        }
        let exchange = self.exchange("OPTIONS", url, request).await;
        let headers = exchange.answer.as_ref().map(|answer| &answer.headers).ok();
        let allowed = |name: &str| headers?.get(name).cloned();
        Preflight {
            origin: origin.to_owned(),
            allow_origin: allowed("access-control-allow-origin"),
            allow_methods: allowed("access-control-allow-methods"),
            allow_headers: allowed("access-control-allow-headers"),
            requested_headers: requested_headers.to_vec(),
            allow_credentials: allowed("access-control-allow-credentials").as_deref()
                == Some("true"),
            vary: allowed("vary"),
            exchange,
        }
    }

    async fn exchange(
        &self,
        method: &'static str,
        url: &str,
        request: reqwest::RequestBuilder,
    ) -> Exchange {
        let started = Instant::now();
        let answer = match request.send().await {
            Ok(response) => answer(response).await,
            Err(error) => Err(error),
        };
        let is_unsent = answer.as_ref().is_err_and(is_unsent);
        // The URL may hold a password, and the exchange has it.
        let answer = answer.map_err(|error| chain(&error.without_url()));
        Exchange { method, url: url.to_owned(), latency: started.elapsed(), answer, is_unsent }
    }
}

/// Whether an error says that nothing was sent: the address is none, or no connection came to be, with TLS where that is asked
/// for.
fn is_unsent(error: &reqwest::Error) -> bool {
    error.is_connect() || error.is_builder()
}

/// A body that breaks off in the middle, although its whole length was announced.
struct Half {
    first: Option<Bytes>,
    announced: u64,
}

impl Half {
    fn of(body: Vec<u8>) -> Self {
        let (announced, half) = (body.len() as u64, body.len() / 2);
        Self { first: Some(Bytes::from(body).slice(..half)), announced }
    }
}

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(match self.first.take() {
            Some(first) => Ok(Frame::data(first)),
            None => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut off on purpose")),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A client for endpoints without TLS, such as an emulator on this machine. It has no timeout of its own.
pub fn plain_http_client() -> reqwest::Result<reqwest::Client> {
    builder(true).build()
}

fn builder(plain: bool) -> reqwest::ClientBuilder {
    // Another part of the process may have chosen a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().dns_resolver(LocalhostIsHere);
    // Without certificates there is no TLS, and no time spent on reading those of the system.
    if plain { builder.tls_certs_only([]) } else { builder }
}

async fn answer(mut response: reqwest::Response) -> reqwest::Result<Answer> {
    let headers = headers(&response);
    let content_type = headers.get("content-type").cloned().unwrap_or_default();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            break;
        }
    }
    let body = decoded(body, headers.get("content-encoding").map(String::as_str));
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status: response.status().as_u16(), content_type, body, headers })
}

/// A body without its coding, where that is gzip, which an object may be stored in. Browsers decode it unasked.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4.1.3>.
fn decoded(body: Vec<u8>, coding: Option<&str>) -> Vec<u8> {
    let coding = coding.map(|coding| coding.trim().to_ascii_lowercase());
    if !matches!(coding.as_deref(), Some("gzip" | "x-gzip")) {
        return body;
    }
    let mut plain = Vec::new();
    let most = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    let read = MultiGzDecoder::new(body.as_slice()).take(most).read_to_end(&mut plain);
    // What only says that it is gzip is shown as it came.
    if read.is_ok() { plain } else { body }
}

/// Where an answer redirects to, if that is within the origin that was asked.
fn within_origin(exchange: &Exchange) -> Option<String> {
    let answer = exchange.answer.as_ref().ok()?;
    let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
    let location = answer.headers.get("location").filter(|_| is_redirect)?;
    let from = Url::parse(&exchange.url).ok()?;
    let to = from.join(location).ok()?;
    (to.origin() == from.origin()).then(|| to.into())
}

/// Names below `localhost` are this machine, and no DNS is asked for them; others are resolved by the system.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc6761.html#section-6.3>. Browsers do the same, and glibc asks DNS.
#[derive(Clone, Copy, Debug)]
struct LocalhostIsHere;

impl Resolve for LocalhostIsHere {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = if is_localhost(name.as_str()) {
                vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
            } else {
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The headers of an answer by name; those that came several times joined, as a browser reads them.
fn headers(response: &reqwest::Response) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn only_names_of_localhost_are_this_machine() {
        for name in ["localhost", "LOCALHOST.", "d1.cloudfront.net.localhost"] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "a.localhost.example"] {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn a_redirect_is_followed_within_its_origin_alone() {
        let next = |status, location: &str| {
            let headers = [("location".to_owned(), location.to_owned())].into();
            within_origin(&Exchange {
                method: "GET",
                url: "https://a.example/x/".to_owned(),
                latency: Duration::ZERO,
                answer: Ok(Answer { status, headers, ..Answer::default() }),
                is_unsent: false,
            })
        };
        assert_eq!(next(302, "y?z").as_deref(), Some("https://a.example/x/y?z"));
        assert_eq!(next(308, "https://a.example:443/").as_deref(), Some("https://a.example/"));
        assert_eq!(next(302, "https://b.example/"), None);
        assert_eq!(next(301, "http://a.example/"), None);
        assert_eq!(next(200, "y"), None);
    }

    #[test]
    fn gzip_is_decoded_and_what_is_none_is_left() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"plain").unwrap();
        let zipped = encoder.finish().unwrap();
        assert_eq!(decoded(zipped.clone(), Some("GZIP")), b"plain");
        assert_eq!(decoded(zipped.clone(), None), zipped);
        assert_eq!(decoded(b"plain".to_vec(), Some("gzip")), b"plain");
    }
}
