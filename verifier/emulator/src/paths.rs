//! Which service a path is of. The path alone decides about who is answered, before anything else of a request is read.

/// The path of the emulator's own endpoint, below which no name of AWS's lies.
pub(crate) const ADMIN: &str = "/_emulator/";

/// The path below which the HTTP APIs of stacks are served, each by its id.
pub(crate) const HTTP_APIS: &str = "/execute-api/";

/// CloudWatch's name in both of its protocols.
pub(crate) const CLOUDWATCH: &str = "GraniteServiceVersion20100801";

/// The resources that Lambda's paths name behind the version.
const LAMBDA_RESOURCES: [&str; 3] = ["functions", "event-source-mappings", "tags"];

/// Whether a path is of the emulator's own endpoint.
pub(crate) fn is_admin(path: &str) -> bool {
    path.starts_with(ADMIN) || path == ADMIN.trim_end_matches('/')
}

/// The operation that a path names in CloudWatch's CBOR protocol, if it is one of that.
///
/// Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.
pub(crate) fn cloudwatch_operation(path: &str) -> Option<&str> {
    path.strip_prefix("/service/")?.strip_prefix(CLOUDWATCH)?.strip_prefix("/operation/")
}

/// The path behind the version, if it is one of Lambda's: `/2015-03-31/functions/…`.
///
/// Each operation has the version in which it was introduced; here all are taken for all.
pub(crate) fn of_lambda(path: &str) -> Option<&str> {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    let is_date = version.len() == 10
        && version.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let resource = rest.split('/').next().unwrap_or_default();
    (is_date && LAMBDA_RESOURCES.contains(&resource)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_every_version_are_lambdas() {
        for (path, rest) in [
            ("/2015-03-31/functions/f/configuration", Some("functions/f/configuration")),
            ("/2017-10-31/functions/f/concurrency", Some("functions/f/concurrency")),
            ("/2015-03-31/event-source-mappings/", Some("event-source-mappings/")),
            ("/2015-03-31/buckets", None),
            ("/2015-3-31/functions", None),
            ("/functions", None),
            ("/", None),
        ] {
            assert_eq!(of_lambda(path), rest, "{path}");
        }
    }
}
