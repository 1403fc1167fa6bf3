//! Who is answered: decided from a request's head, before anything of its body is read.
//!
//! Whatever runs on this machine can open a loopback port, and every page in a browser can make the browser send
//! requests there. A page cannot forge three things: the name by which it reached the port (`Host`), where it is from
//! (`Origin`, `Sec-Fetch-Site`), and a header that needs a preflight first (`Authorization`).
//!
//! Source: <https://fetch.spec.whatwg.org/#http-cors-protocol>, <https://www.w3.org/TR/fetch-metadata/> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

mod cors;
mod host;
#[cfg(test)]
mod tests;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};

use crate::paths;

pub(crate) use self::cors::{allow, preflight};

/// The header that carries the token which the emulator's own endpoint needs.
pub const TOKEN_HEADER: &str = "x-verifier-token";

/// What is said of where a request is from, by browsers only.
const SEC_FETCH_SITE: &str = "sec-fetch-site";
const SEC_FETCH: &str = "sec-fetch-";
/// Why a browser fetches what nobody has asked for yet.
///
/// Source: <https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header>.
const SEC_PURPOSE: &str = "sec-purpose";
const AMZ_TARGET: &str = "x-amz-target";

/// What listens where a request arrives.
pub(crate) enum Listener<'a> {
    /// The port of AWS's services, the stack's HTTP APIs, its page, and the emulator's own endpoint.
    Stack(&'a Configuration<'a>),
    /// The Runtime API of one execution environment.
    RuntimeApi,
}

/// What the emulator was started with, and serves.
pub(crate) struct Configuration<'a> {
    /// The origins of pages that may use AWS's services, as browsers write them.
    pub(crate) allowed_origins: &'a [String],
    /// What the emulator's own endpoint needs.
    pub(crate) token: &'a str,
    /// Whether a page is served at a `Host`.
    pub(crate) serves_page: &'a dyn Fn(&str) -> bool,
}

/// What an admitted request is for. Nothing else is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The emulator's own endpoint.
    Admin,
    /// An HTTP API of the stack's, which anybody may call, as on AWS.
    HttpApi,
    /// The stack's page, which anybody may read, as on AWS.
    Page,
    /// An operation of one of AWS's services.
    Aws {
        /// The allowed origin of the page that asks, if a page does.
        origin: Option<String>,
    },
    /// A browser's question whether a page of an allowed origin may ask AWS's services.
    Preflight {
        /// The allowed origin.
        origin: String,
    },
    /// The Runtime API.
    RuntimeApi,
}

/// Why a request is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The status of the answer; 4xx.
    pub(crate) status: u16,
    /// AWS's code, where it has one for this.
    pub(crate) code: &'static str,
    /// What was expected, and what to do.
    pub(crate) sentence: String,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into() }
    }
}

/// Decides about a request by its head.
///
/// * Every request names the loopback by its `Host`, so that no other name can be made to lead here.
/// * AWS's services need an `Authorization` header of Signature Version 4, which no page can send unasked. They are not
///   asked by pages but of allowed origins, and no operation is called by any other method than the service's own.
/// * The HTTP APIs have another origin than the page.
/// * The emulator's own endpoint needs the token, and answers neither pages nor by a name at which there are pages.
/// * A Runtime API answers no browser.
pub(crate) fn admit(head: &Parts, listener: &Listener<'_>) -> Result<Admitted, Refused> {
    let host = host::of(head)?;
    match listener {
        Listener::RuntimeApi => admit_runtime(&head.headers),
        Listener::Stack(configuration) => match place(head, host, configuration) {
            Place::Admin => admit_to_admin(head, host, configuration),
            // On AWS they have two origins, so a page that only works where it has the API's own must not work here either.
            // Nor is it at a name of its own for each page that wants more connections than a browser has for one.
            Place::HttpApi if (configuration.serves_page)(host) || !host::is_plain(host) => {
                Err(Refused::new(
                    404,
                    "NotFound",
                    "At this name there is the page; ask the HTTP API by its address, 127.0.0.1.",
                ))
            }
            Place::HttpApi => Ok(Admitted::HttpApi),
            Place::Page => Ok(Admitted::Page),
            Place::Aws => admit_to_aws(head, host, configuration),
        },
    }
}

#[derive(Clone, Copy)]
enum Place {
    Admin,
    HttpApi,
    Page,
    Aws,
}

fn place(head: &Parts, host: &str, configuration: &Configuration<'_>) -> Place {
    let path = head.uri.path();
    if paths::is_admin(path) {
        return Place::Admin;
    }
    if path.starts_with(paths::HTTP_APIS) {
        return Place::HttpApi;
    }
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let for_aws = calls_operation(head)
        || paths::of_lambda(path).is_some()
        || head.headers.contains_key(header::AUTHORIZATION);
    if reads && !for_aws && (configuration.serves_page)(host) { Place::Page } else { Place::Aws }
}

/// Whether a request names an operation, which AWS's JSON, CBOR and query protocols call by POST.
fn calls_operation(head: &Parts) -> bool {
    let mut query = head.uri.query().unwrap_or_default().split('&');
    head.headers.contains_key(AMZ_TARGET)
        || paths::cloudwatch_operation(head.uri.path()).is_some()
        || query.any(|pair| pair.split('=').next() == Some("Action"))
}

fn admit_to_aws(
    head: &Parts,
    host: &str,
    configuration: &Configuration<'_>,
) -> Result<Admitted, Refused> {
    let origin = page_of(&head.headers, host)?;
    if let Some(origin) = origin.as_deref()
        && !configuration.allowed_origins.iter().any(|allowed| allowed == origin)
    {
        return Err(Refused::new(
            403,
            "AccessDenied",
            format!(
                "Pages of {} may not use this emulator; start it with `--allow-origin URL` for a page of yours.",
                shown(origin)
            ),
        ));
    }
    match (&head.method, origin) {
        (&Method::OPTIONS, Some(origin))
            if head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) =>
        {
            Ok(Admitted::Preflight { origin })
        }
        (&Method::POST, origin) => admit_signed(head).map(|()| Admitted::Aws { origin }),
        (&(Method::GET | Method::HEAD | Method::PUT | Method::DELETE), origin)
            if !calls_operation(head) =>
        {
            admit_signed(head).map(|()| Admitted::Aws { origin })
        }
        (method, _) => Err(Refused::new(
            405,
            "MethodNotAllowed",
            format!("{} calls no operation of AWS's here; use POST.", shown(method.as_str())),
        )),
    }
}

fn admit_signed(head: &Parts) -> Result<(), Refused> {
    match single(&head.headers, &header::AUTHORIZATION) {
        Some(authorization) if access_key(authorization).is_some() => Ok(()),
        Some(_) => Err(Refused::new(
            403,
            "IncompleteSignature",
            "Expected one Authorization header of Signature Version 4 with a Credential; AWS's SDKs and command line send it.",
        )),
        None => Err(Refused::new(
            403,
            "MissingAuthenticationToken",
            "Expected an Authorization header of Signature Version 4, as AWS's SDKs and command line send it with any credentials; a presigned URL is not enough here.",
        )),
    }
}

fn admit_to_admin(
    head: &Parts,
    host: &str,
    configuration: &Configuration<'_>,
) -> Result<Admitted, Refused> {
    if !host::is_address(host) {
        return Err(Refused::new(
            403,
            "AccessDenied",
            "Ask the emulator by its address, 127.0.0.1: at the names of the loopback there are pages.",
        ));
    }
    if page_of(&head.headers, host)?.is_some() {
        return Err(Refused::new(
            403,
            "AccessDenied",
            "The emulator answers no page of a browser.",
        ));
    }
    let token = HeaderName::from_static(TOKEN_HEADER);
    if single(&head.headers, &token) == Some(configuration.token) {
        return Ok(Admitted::Admin);
    }
    Err(Refused::new(
        401,
        "InvalidToken",
        format!(
            "Expected the emulator's token in the header {TOKEN_HEADER}; `verifier local` prints it and writes it to its ready file."
        ),
    ))
}

fn admit_runtime(headers: &HeaderMap) -> Result<Admitted, Refused> {
    let of_browsers =
        |name: &HeaderName| name == header::ORIGIN || name.as_str().starts_with(SEC_FETCH);
    if headers.keys().any(of_browsers) {
        return Err(Refused::new(
            403,
            "AccessDenied",
            "The Runtime API answers no page of a browser.",
        ));
    }
    Ok(Admitted::RuntimeApi)
}

/// The origin of the page that asks, as far as its browser tells; `None` where no page does.
///
/// A browser leaves `Origin` out of a GET to the page's own origin, and of one whose answer the page will not see.
fn page_of(headers: &HeaderMap, host: &str) -> Result<Option<String>, Refused> {
    if let Some(origin) = single(headers, &header::ORIGIN) {
        return Ok(Some(origin.to_ascii_lowercase()));
    }
    let sites: Vec<&[u8]> =
        headers.get_all(SEC_FETCH_SITE).iter().map(header::HeaderValue::as_bytes).collect();
    match sites.as_slice() {
        // What a page has the browser fetch ahead is said to be from nowhere.
        [] | [b"none"] if !headers.contains_key(SEC_PURPOSE) => Ok(None),
        [b"same-origin"] => Ok(Some(format!("http://{host}"))),
        _ => {
            Err(Refused::new(403, "AccessDenied", "The emulator answers no page of another site."))
        }
    }
}

/// The access key of a header of Signature Version 4.
fn access_key(authorization: &str) -> Option<&str> {
    let (algorithm, rest) = authorization.trim_start().split_once(' ')?;
    if !matches!(algorithm, "AWS4-HMAC-SHA256" | "AWS4-ECDSA-P256-SHA256") {
        return None;
    }
    let mut parts = rest.split(',').map(str::trim);
    let credential = parts.find_map(|part| part.strip_prefix("Credential="))?;
    credential.split('/').next().filter(|key| !key.is_empty())
}

/// The value of a header; empty, which no value here may be, where it is there more than once or is no text.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        // Which of them counts, others may see otherwise.
        return Some("");
    }
    Some(value.to_str().unwrap_or_default())
}

/// A text of the request's, as far as it may be repeated to it.
fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    text.chars().filter(char::is_ascii_graphic).take(SHOWN_CHARS_MAX).collect()
}
