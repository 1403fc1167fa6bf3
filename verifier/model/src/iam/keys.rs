//! The keys that AWS has for all services.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

/// The keys, without their prefix.
const GLOBAL: [&str; 48] = [
    "AssumedRoot",
    "CalledVia",
    "CalledViaFirst",
    "CalledViaLast",
    "ChatbotSourceArn",
    "CurrentTime",
    "Ec2InstanceSourcePrivateIPv4",
    "Ec2InstanceSourceVpc",
    "EpochTime",
    "FederatedProvider",
    "MultiFactorAuthAge",
    "MultiFactorAuthPresent",
    "PrincipalAccount",
    "PrincipalArn",
    "PrincipalIsAWSService",
    "PrincipalOrgID",
    "PrincipalOrgPaths",
    "PrincipalServiceName",
    "PrincipalServiceNamesList",
    "PrincipalType",
    "Referer",
    "RequestedRegion",
    "ResourceAccount",
    "ResourceOrgID",
    "ResourceOrgPaths",
    "SecureTransport",
    "SourceAccount",
    "SourceArn",
    "SourceIdentity",
    "SourceIp",
    "SourceOrgID",
    "SourceOrgPaths",
    "SourceOwner",
    "SourceVpc",
    "SourceVpcArn",
    "SourceVpce",
    "TagKeys",
    "TokenIssueTime",
    "UserAgent",
    "ViaAWSService",
    "ViaAWSMCPService",
    "CalledViaAWSMCP",
    "VpceAccount",
    "VpceOrgID",
    "VpceOrgPaths",
    "VpcSourceIp",
    "userid",
    "username",
];
/// The keys that end in a tag's.
const OF_TAGS: [&str; 3] = ["PrincipalTag/", "RequestTag/", "ResourceTag/"];

/// Whether AWS may have a key: of those for all services it is known, of a service's own that they have the form.
pub(super) fn is_known(key: &str) -> bool {
    let Some((service, name)) = key.split_once(':') else { return false };
    if !service.eq_ignore_ascii_case("aws") {
        return !service.is_empty() && !name.is_empty();
    }
    let begins = |prefix: &&str| {
        let begin = name.get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix)) && name.len() > prefix.len()
    };
    GLOBAL.iter().any(|known| known.eq_ignore_ascii_case(name)) || OF_TAGS.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_whatever_their_case_and_misspelled_ones_are_not() {
        for key in [
            "aws:SourceArn",
            "AWS:sourcearn",
            "aws:PrincipalTag/team",
            "s3:prefix",
            "token.actions.githubusercontent.com:sub",
        ] {
            assert!(is_known(key), "{key}");
        }
        for key in ["aws:SourceArm", "aws:PrincipalTag/", "aws:", "SourceArn", ":x"] {
            assert!(!is_known(key), "{key}");
        }
    }
}
