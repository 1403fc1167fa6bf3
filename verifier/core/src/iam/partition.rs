//! The partitions of AWS, by which ARNs begin.

/// The partition that a region belongs to, by which its ARNs begin.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html> and the SDKs' `partitions.json`.
pub(super) fn partition_of(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    let found = BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use crate::iam::Resources;

    #[test]
    fn placeholders_are_in_the_partition_of_the_region() {
        for (region, partition) in [
            (None, "aws"),
            (Some("us-east-1"), "aws"),
            (Some("cn-north-1"), "aws-cn"),
            (Some("us-gov-west-1"), "aws-us-gov"),
            (Some("us-isob-east-1"), "aws-iso-b"),
            (Some("eusc-de-east-1"), "aws-eusc"),
        ] {
            let placeholders = Resources::placeholders(region);
            assert_eq!(
                placeholders.jobs_queue,
                format!("arn:{partition}:sqs:REGION:ACCOUNT:JOBS_QUEUE")
            );
        }
    }
}
