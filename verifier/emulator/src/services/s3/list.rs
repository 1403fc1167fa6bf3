//! `ListObjectsV2` and `ListBuckets`.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html> and `API_ListBuckets.html`.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{date, error};
use crate::objects::Object;
use crate::reply::{Reply, reply, xml_document};
use crate::site::Sites;
use crate::stack::SiteSpec;

/// The most keys in a page.
const KEYS_MAX: usize = 1_000;
/// What is left as it is in a key that a client wants encoded.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AllBuckets {
    buckets: Buckets,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Buckets {
    bucket: Vec<Bucket>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bucket {
    name: String,
    creation_date: String,
}

/// Every bucket behind a site.
pub(super) fn buckets(sites: &Sites) -> Reply {
    let creation_date = date(sites.deployed_at(), "%Y-%m-%dT%H:%M:%S.000Z");
    let names = sites.all();
    let mut names: Vec<&str> = names.iter().map(|site| site.bucket.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let bucket =
        |name: &str| Bucket { name: name.to_owned(), creation_date: creation_date.clone() };
    let all = AllBuckets { buckets: Buckets { bucket: names.into_iter().map(bucket).collect() } };
    match quick_xml::se::to_string_with_root("ListAllMyBucketsResult", &all) {
        Ok(xml) => reply(200, "application/xml", xml_document(xml)),
        Err(problem) => error(500, "InternalError", &problem.to_string()),
    }
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
    contents: Vec<Content>,
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
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

pub(super) async fn list(
    sites: &Sites,
    site: &SiteSpec,
    query: &BTreeMap<String, String>,
) -> Reply {
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
            Some(object) => listing.contents.push(Content {
                key: shown(&name),
                last_modified: date(object.modified_at, "%Y-%m-%dT%H:%M:%S.000Z"),
                e_tag: object.entity_tag,
                size: object.bytes.len(),
                storage_class: "STANDARD",
            }),
        }
    }
    match quick_xml::se::to_string_with_root("ListBucketResult", &listing) {
        Ok(xml) => reply(200, "application/xml", xml_document(xml)),
        Err(problem) => error(500, "InternalError", &problem.to_string()),
    }
}

/// The objects below a prefix, and in place of those that have the delimiter after it, what they share.
fn entries(
    objects: BTreeMap<String, Object>,
    prefix: &str,
    delimiter: Option<&String>,
) -> BTreeMap<String, Option<Object>> {
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
