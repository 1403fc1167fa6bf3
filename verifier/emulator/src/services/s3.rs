//! S3: reading the bucket behind the site, with what the stack's deployments put into it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>, `API_GetObject.html` and
//! `API_HeadObject.html`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use verifier_core::time::Timestamp;

use crate::reply::{Reply, reply, with_header};
use crate::site::{Sites, content_type};
use crate::stack::SiteSpec;

/// The most keys in a page.
const KEYS_MAX: usize = 1_000;
/// What is left as it is in a key that a client wants encoded.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a request is about.
pub(crate) struct Target {
    site: Arc<SiteSpec>,
    /// Empty for the bucket itself.
    key: String,
}

/// The bucket and the key of a request, in path style or in virtual-host style, if it is one for a bucket of the
/// stack.
pub(crate) fn recognise(sites: &Sites, host: &str, path: &str) -> Option<Target> {
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

/// Answers a request. Every object was written when the stack was made.
pub(crate) async fn handle(
    sites: &Sites,
    target: &Target,
    method: &Method,
    query: &BTreeMap<String, String>,
) -> Reply {
    if *method != Method::GET && *method != Method::HEAD {
        let message = "The emulator's buckets are filled by the stack's deployments only.";
        return error(405, "MethodNotAllowed", message);
    }
    if !target.key.is_empty() {
        let Some(object) = sites.object(&target.site, &target.key).await else {
            return error(404, "NoSuchKey", "The specified key does not exist.");
        };
        let answer = with_header(
            reply(200, content_type(&target.key), object.clone()),
            "etag",
            &entity_tag(&object),
        );
        let answer = with_header(answer, "cache-control", "no-cache");
        return with_header(
            answer,
            "last-modified",
            &date(sites.deployed_at, "%a, %d %b %Y %H:%M:%S GMT"),
        );
    }
    if *method == Method::HEAD {
        return reply(200, "application/xml", "");
    }
    if query.get("list-type").map(String::as_str) != Some("2") {
        let message = "Of the requests on a bucket, the emulator implements ListObjectsV2 only.";
        return error(501, "NotImplemented", message);
    }
    list(sites, &target.site, query).await
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    name: String,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'static str>,
    max_keys: usize,
    key_count: usize,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_continuation_token: Option<String>,
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
    last_modified: String,
    e_tag: String,
    size: usize,
    storage_class: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

async fn list(sites: &Sites, site: &SiteSpec, query: &BTreeMap<String, String>) -> Reply {
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let prefix = text("prefix");
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    let after = text("start-after").max(text("continuation-token"));
    let asked = query.get("max-keys").map_or(Ok(KEYS_MAX), |text| text.parse());
    let Ok(max_keys) = asked.map(|keys| keys.min(KEYS_MAX)) else {
        return error(400, "InvalidArgument", "Provided max-keys not an integer or within range");
    };
    let mut entries = entries(sites.objects(site).await, &prefix, delimiter);
    entries.retain(|name, _| *name > after);
    let is_truncated = entries.len() > max_keys;
    let page: Vec<_> = entries.into_iter().take(max_keys).collect();
    let next = page.last().filter(|_| is_truncated).map(|(name, _)| name.clone());
    let encoded = query.get("encoding-type").is_some_and(|encoding| encoding == "url");
    let shown = |name: &str| {
        if encoded { utf8_percent_encode(name, KEPT).to_string() } else { name.to_owned() }
    };
    let mut listing = Listing {
        name: site.bucket.clone(),
        prefix: shown(&prefix),
        delimiter: delimiter.map(|delimiter| shown(delimiter)),
        encoding_type: encoded.then_some("url"),
        max_keys,
        key_count: page.len(),
        is_truncated,
        next_continuation_token: next,
        contents: Vec::new(),
        common_prefixes: Vec::new(),
    };
    for (name, object) in page {
        match object {
            None => listing.common_prefixes.push(CommonPrefix { prefix: shown(&name) }),
            Some(object) => listing.contents.push(Object {
                key: shown(&name),
                last_modified: date(sites.deployed_at, "%Y-%m-%dT%H:%M:%S.000Z"),
                e_tag: entity_tag(&object),
                size: object.len(),
                storage_class: "STANDARD",
            }),
        }
    }
    match quick_xml::se::to_string_with_root("ListBucketResult", &listing) {
        Ok(xml) => reply(200, "application/xml", xml),
        Err(problem) => error(500, "InternalError", &problem.to_string()),
    }
}

/// The objects below a prefix, and in place of those that have the delimiter after it, what they share.
fn entries(
    objects: BTreeMap<String, Vec<u8>>,
    prefix: &str,
    delimiter: Option<&String>,
) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut entries = BTreeMap::new();
    for (key, object) in objects {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        let shared =
            delimiter.and_then(|delimiter| Some((rest.find(delimiter.as_str())?, delimiter)));
        match shared {
            None => entries.insert(key, Some(object)),
            Some((at, delimiter)) => {
                entries.insert(key[..prefix.len() + at + delimiter.len()].to_owned(), None)
            }
        };
    }
    entries
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

/// What differs when the content does. On AWS it is not always an MD5 either.
fn entity_tag(object: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    format!("\"{:032x}\"", hasher.finish())
}

fn date(time: Timestamp, format: &str) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime(format).to_string()
}
