//! `PutObject`: whether an upload arrived whole, and what becomes of it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use verifier_model::time::Timestamp;

use super::checksum;
use super::chunked::{decode, is_chunked};
use crate::incoming::text;
use crate::objects::{Object, entity_tag};
use crate::reply::Refusal;

/// What S3 takes an object for whose client does not say.
const DEFAULT_TYPE: &str = "binary/octet-stream";
/// What a client declares of content whose hash it does not tell.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// An object, and the checksums that its client sent with it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) object: Object,
    /// Headers of the answer.
    pub(super) checksums: Vec<(String, String)>,
}

/// The object that a request holds, uploaded at `now`. `present` is what has its key.
pub(super) fn read(
    headers: &HeaderMap,
    query: &BTreeMap<String, String>,
    body: &Bytes,
    present: Option<&Object>,
    now: Timestamp,
) -> Result<Upload, Refusal> {
    // The SDKs name the operation in the query.
    let other = query.keys().find(|name| *name != "x-id");
    if other.is_some() || headers.contains_key("x-amz-copy-source") {
        return Err(Refusal {
            status: 501,
            code: "NotImplemented",
            message: "Of the requests that put something, the emulator implements PutObject only."
                .to_owned(),
        });
    }
    meets_conditions(headers, present)?;
    let hash = text(headers, "x-amz-content-sha256").unwrap_or(UNSIGNED);
    let (bytes, trailers) = if is_chunked(hash) {
        let decoded = decode(body).ok_or_else(incomplete)?;
        (Bytes::from(decoded.bytes), decoded.trailers)
    } else {
        (body.clone(), Vec::new())
    };
    if let Some(length) = text(headers, "x-amz-decoded-content-length")
        && length.parse() != Ok(bytes.len())
    {
        return Err(incomplete());
    }
    let checksums = checksums(headers, trailers);
    is_whole(headers, hash, &checksums, &bytes)?;
    let content_type = text(headers, "content-type").unwrap_or(DEFAULT_TYPE).to_owned();
    let cache_control = text(headers, "cache-control").map(str::to_owned);
    let entity_tag = entity_tag(&bytes);
    let object = Object { bytes, content_type, cache_control, entity_tag, modified_at: now };
    Ok(Upload { object, checksums })
}

/// The checksums of the head, and of what stood behind the content.
fn checksums(headers: &HeaderMap, trailers: Vec<(String, String)>) -> Vec<(String, String)> {
    let in_head = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let is_checksum = |(name, _): &(String, String)| {
        name.strip_prefix(checksum::PREFIX)
            .is_some_and(|rest| rest != "algorithm" && rest != "type")
    };
    in_head.chain(trailers).filter(is_checksum).collect()
}

fn is_whole(
    headers: &HeaderMap,
    hash: &str,
    checksums: &[(String, String)],
    bytes: &Bytes,
) -> Result<(), Refusal> {
    if !is_chunked(hash) && hash != UNSIGNED && hash != checksum::content_sha256(bytes) {
        let message =
            "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(Refusal::new("XAmzContentSHA256Mismatch", message));
    }
    if text(headers, "content-md5").is_some_and(|sent| sent != checksum::content_md5(bytes)) {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(Refusal::new("BadDigest", message));
    }
    if checksums.len() > 1 {
        let message =
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(Refusal::new("InvalidRequest", message));
    }
    for (name, sent) in checksums {
        let algorithm = name.strip_prefix(checksum::PREFIX).unwrap_or_default();
        match checksum::of(algorithm, bytes) {
            Some(computed) if computed == *sent => {}
            Some(_) => {
                let algorithm = algorithm.to_ascii_uppercase();
                let message =
                    format!("The {algorithm} you specified did not match the calculated checksum.");
                return Err(Refusal::new("BadDigest", message));
            }
            None => {
                let message = format!("{name} is a checksum that the emulator does not know.");
                return Err(Refusal::new("InvalidRequest", message));
            }
        }
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.
fn meets_conditions(headers: &HeaderMap, present: Option<&Object>) -> Result<(), Refusal> {
    let is_new = text(headers, "if-none-match").is_none_or(|tag| tag != "*" || present.is_none());
    let is_same = text(headers, "if-match")
        .is_none_or(|tag| present.is_some_and(|present| present.entity_tag == tag));
    if is_new && is_same {
        return Ok(());
    }
    Err(Refusal {
        status: 412,
        code: "PreconditionFailed",
        message: "At least one of the pre-conditions you specified did not hold".to_owned(),
    })
}

fn incomplete() -> Refusal {
    let message =
        "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    Refusal::new("IncompleteBody", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(7);

    fn uploaded(
        headers: &[(&'static str, &str)],
        body: &str,
        present: Option<&Object>,
    ) -> Result<Upload, Refusal> {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap())
        });
        read(&headers.collect(), &BTreeMap::new(), &Bytes::from(body.to_owned()), present, NOW)
    }

    fn code(headers: &[(&'static str, &str)], body: &str) -> &'static str {
        uploaded(headers, body, None).map_or_else(|refusal| refusal.code, |_| "none")
    }

    #[test]
    fn an_upload_has_the_type_that_its_client_says() {
        let Upload { object, .. } =
            uploaded(&[("content-type", "text/javascript")], "abc", None).unwrap();
        assert_eq!((&object.bytes[..], object.modified_at), (&b"abc"[..], NOW));
        assert_eq!(object.content_type, "text/javascript");
        assert_eq!(object.entity_tag, "\"900150983cd24fb0d6963f7d28e17f72\"");
        assert_eq!(uploaded(&[], "", None).unwrap().object.content_type, DEFAULT_TYPE);
    }

    #[test]
    fn what_arrived_otherwise_than_it_was_sent_is_refused() {
        let md5 = checksum::content_md5(b"abc");
        let sha = checksum::content_sha256(b"abc");
        let crc = checksum::of("crc64nvme", b"abc").unwrap();
        let sent = [
            ("content-md5", md5.as_str()),
            ("x-amz-content-sha256", sha.as_str()),
            ("x-amz-checksum-crc64nvme", crc.as_str()),
        ];
        assert_eq!(code(&sent, "abc"), "none");
        let other = checksum::of("crc32", b"abc").unwrap();
        let two = [("x-amz-checksum-crc64nvme", crc.as_str()), ("x-amz-checksum-crc32", &other)];
        assert_eq!(code(&two, "abc"), "InvalidRequest", "each would be computed over all of it");
        for (header, refused) in
            sent.into_iter().zip(["BadDigest", "XAmzContentSHA256Mismatch", "BadDigest"])
        {
            assert_eq!(code(&[header], "abX"), refused);
        }
        assert_eq!(code(&[("x-amz-checksum-crc16", "AA==")], "abc"), "InvalidRequest");
        assert_eq!(code(&[("x-amz-checksum-type", "FULL_OBJECT")], "abc"), "none");
    }

    #[test]
    fn chunks_are_taken_apart_and_what_is_behind_them_counts() {
        let streaming = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let crc = checksum::of("crc32", b"abc").unwrap();
        let body = format!("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n");
        let Upload { object, checksums } = uploaded(&[streaming], &body, None).unwrap();
        assert_eq!(object.bytes, "abc");
        assert_eq!(checksums, [("x-amz-checksum-crc32".to_owned(), crc.clone())]);
        assert_eq!(code(&[streaming], &body.replace("abc", "abX")), "BadDigest");
        assert_eq!(code(&[streaming], "3\r\nabc"), "IncompleteBody");
        let length = ("x-amz-decoded-content-length", "4");
        assert_eq!(code(&[streaming, length], &body), "IncompleteBody");
    }

    #[test]
    fn conditions_are_about_what_is_there() {
        let Upload { object, .. } = uploaded(&[], "abc", None).unwrap();
        let status =
            |header, present| uploaded(&[header], "x", present).err().map(|refusal| refusal.status);
        assert_eq!(status(("if-none-match", "*"), None), None);
        assert_eq!(status(("if-none-match", "*"), Some(&object)), Some(412));
        assert_eq!(status(("if-match", &object.entity_tag), Some(&object)), None);
        assert_eq!(status(("if-match", "\"other\""), Some(&object)), Some(412));
        assert_eq!(status(("if-match", "\"other\""), None), Some(412));
    }

    #[test]
    fn copies_and_parts_are_no_uploads() {
        assert_eq!(code(&[("x-amz-copy-source", "/a/b")], ""), "NotImplemented");
        let part = BTreeMap::from([("partNumber".to_owned(), "1".to_owned())]);
        let refused = read(&HeaderMap::new(), &part, &Bytes::new(), None, NOW);
        assert_eq!(refused.unwrap_err().code, "NotImplemented");
        let named = BTreeMap::from([("x-id".to_owned(), "PutObject".to_owned())]);
        assert!(read(&HeaderMap::new(), &named, &Bytes::new(), None, NOW).is_ok());
    }
}
