//! S3: the buckets behind the sites, with what the stacks' deployments put there and what was uploaded since.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, `API_HeadObject.html`,
//! `API_HeadBucket.html`, `API_PutObject.html` and `API_DeleteObject.html`.

mod checksum;
mod chunked;
mod list;
mod upload;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use verifier_model::time::Timestamp;

use crate::incoming::{Incoming, form, text};
use crate::objects::Object;
use crate::reply::{Reply, reply, with_header};
use crate::site::Sites;
use crate::stack::SiteSpec;
use upload::Upload;

/// How long a key may be, in UTF-8.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const KEY_BYTES_MAX: usize = 1024;

/// What a request is about.
struct Target {
    site: Arc<SiteSpec>,
    /// Empty for the bucket itself.
    key: String,
}

/// Answers a request at `now`: one for a bucket of a stack, or one that is signed for S3; `None` for any other.
pub(crate) async fn answer(
    sites: &Sites,
    incoming: &Incoming<'_>,
    now: Timestamp,
) -> Option<Reply> {
    let host = text(incoming.headers, "host").unwrap_or_default();
    match recognise(sites, host, incoming.path) {
        Some(target) if target.key.is_empty() => {
            Some(answer_bucket(sites, &target.site, incoming).await)
        }
        Some(target) => Some(answer_object(sites, &target, incoming, now).await),
        None if !is_signed_for_s3(incoming.headers) => None,
        None if incoming.path == "/" && *incoming.method == Method::GET => {
            Some(list::buckets(sites))
        }
        None => Some(error(404, "NoSuchBucket", "The specified bucket does not exist")),
    }
}

/// The bucket and the key of a request, in path style or in virtual-host style, if it is one for a bucket of a stack.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>.
fn recognise(sites: &Sites, host: &str, path: &str) -> Option<Target> {
    let path = path.trim_start_matches('/');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let target = |site: Arc<SiteSpec>| {
        let in_host = host.strip_prefix(site.bucket.as_str());
        let in_host = in_host.is_some_and(|rest| rest.starts_with('.'));
        let key = if in_host { path } else { rest };
        let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
        (in_host || first == site.bucket).then_some(Target { site, key })
    };
    sites.all().into_iter().find_map(target)
}

/// Whether the scope of a signature names S3.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
fn is_signed_for_s3(headers: &HeaderMap) -> bool {
    let authorization = text(headers, "authorization").unwrap_or_default();
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest);
    let scope = scope.and_then(|rest| rest.split([',', ' ']).next()).unwrap_or_default();
    scope.split('/').rev().nth(1) == Some("s3")
}

async fn answer_bucket(sites: &Sites, site: &SiteSpec, incoming: &Incoming<'_>) -> Reply {
    let query = form(incoming.query.as_bytes());
    let lists = query.get("list-type").map(String::as_str) == Some("2");
    match *incoming.method {
        Method::HEAD => reply(200, "application/xml", ""),
        Method::GET if lists => list::list(sites, site, &query).await,
        _ => {
            let message = "Of the requests on a bucket, the emulator implements HeadBucket and ListObjectsV2 only.";
            error(501, "NotImplemented", message)
        }
    }
}

async fn answer_object(
    sites: &Sites,
    target: &Target,
    incoming: &Incoming<'_>,
    now: Timestamp,
) -> Reply {
    let Target { site, key } = target;
    if key.len() > KEY_BYTES_MAX {
        return error(400, "KeyTooLongError", "Your key is too long");
    }
    match *incoming.method {
        Method::GET | Method::HEAD => match sites.object(site, key).await {
            Some(object) => shown(&object),
            None => error(404, "NoSuchKey", "The specified key does not exist."),
        },
        Method::PUT => {
            let query = form(incoming.query.as_bytes());
            let present = sites.object(site, key).await;
            match upload::read(incoming.headers, &query, &incoming.body, present.as_ref(), now) {
                Ok(Upload { object, checksums }) => {
                    let answer = with_header(empty(200), "etag", &object.entity_tag);
                    sites.put(site, key, object);
                    checksums.iter().fold(answer, with_checksum)
                }
                Err(refusal) => error(refusal.status, refusal.code, &refusal.message),
            }
        }
        Method::DELETE => {
            sites.delete(site, key);
            empty(204)
        }
        _ => {
            let message = "Of the requests on an object, the emulator implements GetObject, HeadObject, PutObject and DeleteObject only.";
            error(501, "NotImplemented", message)
        }
    }
}

fn shown(object: &Object) -> Reply {
    let answer = reply(200, &object.content_type, object.bytes.clone());
    let answer = with_header(answer, "etag", &object.entity_tag);
    let modified = date(object.modified_at, "%a, %d %b %Y %H:%M:%S GMT");
    let answer = with_header(answer, "last-modified", &modified);
    match &object.cache_control {
        Some(control) => with_header(answer, "cache-control", control),
        None => answer,
    }
}

fn empty(status: u16) -> Reply {
    let mut answer = reply(status, "text/plain", "");
    answer.headers_mut().remove("content-type");
    answer
}

fn with_checksum(mut answer: Reply, (name, value): &(String, String)) -> Reply {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = quick_xml::se::to_string_with_root("Error", &ErrorBody { code, message });
    reply(status, "application/xml", body.unwrap_or_default())
}

pub(crate) fn date(time: Timestamp, format: &str) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime(format).to_string()
}
