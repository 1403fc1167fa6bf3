//! CloudFront: invalidations. The distributions here have no cache, so each is complete as soon as it is created.
//!
//! Sources: <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html>,
//! `API_GetInvalidation.html` and `API_InvalidationBatch.html`.

use serde::Serialize;
use verifier_model::time::Timestamp;

use crate::incoming::Incoming;
use crate::invalidations::{Batch, Creation, Invalidation, Invalidations};
use crate::reply::{Refusal, Reply, reply, with_header};
use crate::services::s3::date;
use crate::site::Sites;

/// What paths of its API begin with.
const PREFIX: &str = "/2020-05-31/";
const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    id: &'a str,
    status: &'static str,
    create_time: String,
    invalidation_batch: &'a Batch,
}

/// Answers a request, at `now`; `None` when it is none of CloudFront's.
pub(crate) fn answer(sites: &Sites, incoming: &Incoming<'_>, now: Timestamp) -> Option<Reply> {
    let path = incoming.path.strip_prefix(PREFIX)?;
    let segments: Vec<&str> = path.split('/').collect();
    let answer = match (incoming.method.as_str(), segments.as_slice()) {
        ("POST", ["distribution", id, "invalidation"]) => create(sites, id, &incoming.body, now),
        ("GET", ["distribution", id, "invalidation", invalidation]) => {
            find(&sites.invalidations, id, invalidation)
        }
        _ => Err(Refusal {
            status: 501,
            code: "NotImplemented",
            message: "Of CloudFront's operations, the emulator implements CreateInvalidation and GetInvalidation only."
                .to_owned(),
        }),
    };
    Some(answer.unwrap_or_else(|refusal| refusal.query(NAMESPACE)))
}

fn create(sites: &Sites, id: &str, body: &[u8], now: Timestamp) -> Result<Reply, Refusal> {
    if sites.all().iter().all(|site| site.distribution_id != id) {
        return Err(missing("NoSuchDistribution", "The specified distribution does not exist."));
    }
    match sites.invalidations.create(id, read(body)?, now) {
        Creation::Created(invalidation) => Ok(shown(201, &invalidation, "InProgress")),
        Creation::Known(invalidation) => Ok(shown(201, &invalidation, "Completed")),
        Creation::OtherPaths => {
            let message =
                "You specified a caller reference that is used already, with other paths.";
            Err(Refusal::new("InvalidationBatchAlreadyExists", message))
        }
    }
}

fn find(invalidations: &Invalidations, distribution: &str, id: &str) -> Result<Reply, Refusal> {
    let found = invalidations.find(distribution, id).ok_or_else(|| {
        missing("NoSuchInvalidation", "The specified invalidation does not exist.")
    })?;
    Ok(shown(200, &found, "Completed"))
}

/// How many paths may be invalidated at once.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html>.
const PATHS_MAX: usize = 3000;

/// What a request wants to be invalidated.
fn read(body: &[u8]) -> Result<Batch, Refusal> {
    let malformed = |problem: String| Refusal::new("MalformedXML", problem);
    let text = std::str::from_utf8(body).map_err(|problem| malformed(problem.to_string()))?;
    let batch: Batch =
        quick_xml::de::from_str(text).map_err(|problem| malformed(problem.to_string()))?;
    let paths = &batch.paths;
    if paths.quantity != paths.items.path.len() {
        let message = "The value of Quantity and the number of items don't match.";
        return Err(Refusal::new("InconsistentQuantities", message));
    }
    // A star stands for the rest of a path, and so at its end alone.
    let is_path = |path: &String| {
        path.starts_with('/') && !path.strip_suffix('*').unwrap_or(path).contains('*')
    };
    if paths.quantity > PATHS_MAX {
        let message = "Your request contains too many invalidation paths.";
        return Err(Refusal::new("BatchTooLarge", message));
    }
    if paths.quantity == 0
        || batch.caller_reference.is_empty()
        || !paths.items.path.iter().all(is_path)
    {
        let message =
            "Your request contains one or more invalid invalidation paths, or no caller reference.";
        return Err(Refusal::new("InvalidArgument", message));
    }
    Ok(batch)
}

fn missing(code: &'static str, message: &str) -> Refusal {
    Refusal { status: 404, code, message: message.to_owned() }
}

fn shown(status: u16, invalidation: &Invalidation, state: &'static str) -> Reply {
    let Invalidation { distribution, id, created_at, batch } = invalidation;
    let body = Shown {
        namespace: NAMESPACE,
        id,
        status: state,
        create_time: date(*created_at, "%Y-%m-%dT%H:%M:%S.%3fZ"),
        invalidation_batch: batch,
    };
    let body = quick_xml::se::to_string_with_root("Invalidation", &body).unwrap_or_default();
    let place = format!("{NAMESPACE}distribution/{distribution}/invalidation/{id}");
    with_header(reply(status, "text/xml", body), "location", &place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(quantity: usize, paths: &[&str]) -> String {
        let items =
            paths.iter().fold(String::new(), |items, path| items + "<Path>" + path + "</Path>");
        format!(
            "<InvalidationBatch xmlns=\"{NAMESPACE}\"><Paths><Quantity>{quantity}</Quantity><Items>{items}</Items></Paths><CallerReference>cli-1</CallerReference></InvalidationBatch>"
        )
    }

    fn code(body: &str) -> &'static str {
        read(body.as_bytes()).map_or_else(|refusal| refusal.code, |_| "none")
    }

    #[test]
    fn a_batch_names_paths_from_the_root() {
        let read = read(batch(2, &["/config.js", "/images/*"]).as_bytes()).unwrap();
        assert_eq!(read.paths.items.path, ["/config.js", "/images/*"]);
        assert_eq!(read.caller_reference, "cli-1");
        assert_eq!(code(&batch(1, &["/*"])), "none");
    }

    #[test]
    fn other_batches_are_refused() {
        assert_eq!(code(&batch(2, &["/a"])), "InconsistentQuantities");
        for paths in [&["config.js"][..], &["/*/a"], &[""]] {
            assert_eq!(code(&batch(1, paths)), "InvalidArgument", "{paths:?}");
        }
        assert_eq!(code(&batch(0, &[])), "InvalidArgument");
        assert_eq!(code(&batch(1, &["/a"]).replace("cli-1", "")), "InvalidArgument");
        for body in ["", "<a/>", "Action=CreateStack"] {
            assert_eq!(code(body), "MalformedXML", "{body}");
        }
    }
}
