//! The resource of a stack that a logical id names.

use crate::evidence::{StackEvidence, StackResource};

/// How many hexadecimal digits CDK ends a logical id with.
///
/// Source: <https://docs.aws.amazon.com/cdk/v2/guide/identifiers.html>, "logical IDs": the path of the construct, and an eight-digit hash.
const HASH_DIGITS: usize = 8;

/// The stack's resource of that type and logical id. What CDK's hash follows names it, too, where it names no other: the hash changes
/// when a construct moves.
pub(super) fn resource<'a>(
    stack: &'a StackEvidence,
    resource_type: &str,
    id: &str,
) -> Option<&'a StackResource> {
    let of_type = || stack.resources.iter().filter(|one| one.resource_type == resource_type);
    if let Some(exact) = of_type().find(|one| one.logical_id == id) {
        return Some(exact);
    }
    let mut alike = of_type().filter(|one| without_hash(&one.logical_id) == Some(id));
    alike.next().filter(|_| alike.next().is_none())
}

/// The shortest name by which a resource's logical id is found: without CDK's hash, unless it would name another one, too.
pub(crate) fn shortest<'a>(stack: &StackEvidence, resource_type: &str, id: &'a str) -> &'a str {
    let is_found = |short: &&str| {
        resource(stack, resource_type, short).is_some_and(|found| found.logical_id == id)
    };
    without_hash(id).filter(is_found).unwrap_or(id)
}

/// A logical id without CDK's hash, where it ends in one.
fn without_hash(id: &str) -> Option<&str> {
    let (before, hash) = id.split_at_checked(id.len().checked_sub(HASH_DIGITS)?)?;
    let is_hash = hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    (is_hash && !before.is_empty()).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ids: &[(&str, &str)], wanted: &str) -> Option<String> {
        let resources = ids.iter().map(|(kind, id)| StackResource {
            logical_id: (*id).to_owned(),
            physical_id: String::new(),
            resource_type: format!("AWS::{kind}"),
        });
        let stack = StackEvidence { resources: resources.collect(), ..StackEvidence::default() };
        resource(&stack, "AWS::SQS::Queue", wanted).map(|one| one.logical_id.clone())
    }

    #[test]
    fn a_logical_id_is_named_without_cdks_hash_where_that_is_enough() {
        let of = |ids: &[&str], id: &str| {
            let resources = ids.iter().map(|id| StackResource {
                logical_id: (*id).to_owned(),
                physical_id: String::new(),
                resource_type: "Q".to_owned(),
            });
            let stack =
                StackEvidence { resources: resources.collect(), ..StackEvidence::default() };
            shortest(&stack, "Q", id).to_owned()
        };
        assert_eq!(of(&["Jobs4F2A9C01"], "Jobs4F2A9C01"), "Jobs");
        assert_eq!(of(&["Jobs4F2A9C01", "Jobs5F2A9C01"], "Jobs4F2A9C01"), "Jobs4F2A9C01");
        assert_eq!(of(&["Jobs4F2A9C01", "Jobs"], "Jobs4F2A9C01"), "Jobs4F2A9C01");
        assert_eq!(of(&["Jobs"], "Jobs"), "Jobs");
    }

    #[test]
    fn a_logical_id_is_found_with_and_without_cdks_hash_and_only_of_its_type() {
        let ids = [
            ("SQS::Queue", "OrdersQueue4F2A9C01"),
            ("SQS::Queue", "Twice4F2A9C01"),
            ("SQS::Queue", "Twice4F2A9C02"),
            ("SQS::Queue", "OrdersQueue"),
            ("SQS::Queue", "Deadbeef"),
            ("SNS::Topic", "Topic4F2A9C01"),
        ];
        for (wanted, expected) in [
            ("OrdersQueue4F2A9C01", Some("OrdersQueue4F2A9C01")),
            // What is called so goes before what begins so.
            ("OrdersQueue", Some("OrdersQueue")),
            ("Twice", None),
            ("Twice4F2A9C02", Some("Twice4F2A9C02")),
            ("Topic", None),
            ("Orders", None),
            ("", None),
        ] {
            assert_eq!(found(&ids, wanted).as_deref(), expected, "{wanted}");
        }
        assert_eq!(found(&ids[..1], "OrdersQueue").as_deref(), Some("OrdersQueue4F2A9C01"));
    }

    #[test]
    fn only_eight_hexadecimal_digits_behind_something_are_a_hash() {
        assert_eq!(without_hash("Queue0123ABCD"), Some("Queue"));
        for id in ["0123ABCD", "Queue0123abcd", "Queue123ABCD", "", "Schlänge"] {
            assert_eq!(without_hash(id), None, "{id}");
        }
    }
}
