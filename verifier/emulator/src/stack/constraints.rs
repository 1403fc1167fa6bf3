//! What IAM, Lambda and S3 ask of names and of single values, besides what types of resources say.

use serde_json::Value;

use super::build::{Builder, Resolved};
use super::managed_policies::list;
use crate::template::TemplateError;

/// A name that IAM bounds.
///
/// Sources: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>, `API_PutRolePolicy.html` and
/// `API_CreatePolicy.html` beside it.
struct Named {
    resource_type: &'static str,
    property: &'static str,
    parameter: &'static str,
    characters_max: usize,
}

const NAMED: [Named; 4] = [
    Named {
        resource_type: "AWS::IAM::Role",
        property: "RoleName",
        parameter: "roleName",
        characters_max: 64,
    },
    Named {
        resource_type: "AWS::IAM::Policy",
        property: "PolicyName",
        parameter: "policyName",
        characters_max: 128,
    },
    Named {
        resource_type: "AWS::IAM::RolePolicy",
        property: "PolicyName",
        parameter: "policyName",
        characters_max: 128,
    },
    Named {
        resource_type: "AWS::IAM::ManagedPolicy",
        property: "ManagedPolicyName",
        parameter: "policyName",
        characters_max: 128,
    },
];

impl Builder<'_> {
    /// Checks the names and values that each service would refuse.
    pub(super) fn check_constraints(&self) -> Result<(), TemplateError> {
        for named in NAMED {
            for resource in self.of_type(named.resource_type) {
                let name = resource.properties.get(named.property).and_then(Value::as_str);
                refuse(resource, name.and_then(|name| named.problem(name)))?;
            }
        }
        for policy in self.of_type("AWS::IAM::Policy") {
            refuse(policy, unattached(policy))?;
        }
        for function in self.of_type("AWS::Lambda::Function") {
            refuse(function, refused_function(function))?;
        }
        for permission in self.of_type("AWS::Lambda::Permission") {
            refuse(permission, refused_permission(permission))?;
            self.check_permitted(permission)?;
        }
        for bucket in self.of_type("AWS::S3::Bucket") {
            let name = bucket.properties.get("BucketName").and_then(Value::as_str);
            refuse(bucket, name.and_then(refused_bucket))?;
        }
        Ok(())
    }

    /// A permission that names a function in its text names one that is there. What others refer to may be an alias or a
    /// version, of which nothing is known here.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>.
    fn check_permitted(&self, permission: &Resolved<'_>) -> Result<(), TemplateError> {
        let written = permission.definition.properties.get("FunctionName").and_then(Value::as_str);
        let Some(target) = written else { return Ok(()) };
        let name = super::build::function_name(target);
        if self.of_type("AWS::Lambda::Function").any(|function| function.physical_id == name) {
            return Ok(());
        }
        Err(permission.refused(format!("Function not found: {}", self.function_arn(name))))
    }
}

impl Named {
    fn problem(&self, name: &str) -> Option<String> {
        let Self { parameter, characters_max, .. } = self;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let problem = if name.chars().count() > *characters_max {
            format!("Member must have length less than or equal to {characters_max}")
        } else if name.is_empty() {
            "Member must have length greater than or equal to 1".to_owned()
        } else if name.chars().all(is_allowed) {
            return None;
        } else {
            "Member must satisfy regular expression pattern: [\\w+=,.@-]+".to_owned()
        };
        Some(unsatisfied(name, parameter, &problem))
    }
}

fn unsatisfied(value: &str, parameter: &str, problem: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: {problem}"
    )
}

fn refuse(resource: &Resolved<'_>, problem: Option<String>) -> Result<(), TemplateError> {
    problem.map_or(Ok(()), |problem| Err(resource.refused(problem)))
}

/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html>.
fn unattached(policy: &Resolved<'_>) -> Option<String> {
    let has = |name: &&str| !list(policy.properties.get(*name)).is_empty();
    let is_attached = ["Groups", "Roles", "Users"].iter().any(has);
    (policy.is_whole && !is_attached)
        .then(|| "At least one of [Groups,Roles,Users] must be non-empty.".to_owned())
}

/// Sources: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html> and
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html>.
fn refused_function(function: &Resolved<'_>) -> Option<String> {
    let text = |name: &str| function.properties.get(name).and_then(Value::as_str);
    let code = function.properties.get("Code");
    let has = |part: &str| code.is_some_and(|code| code.get(part).is_some());
    if text("PackageType") == Some("Image") || has("ImageUri") {
        return None;
    }
    let (Some(runtime), Some(_)) = (text("Runtime"), text("Handler")) else {
        return Some(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
                .to_owned(),
        );
    };
    if !is_runtime(runtime) {
        return Some(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set or be a valid ARN"
        ));
    }
    let takes_text = ["nodejs", "python"].iter().any(|begin| runtime.starts_with(begin));
    if has("ZipFile") && !takes_text {
        return Some(
            "ZipFile can only be used when Runtime is set to either of nodejs or python."
                .to_owned(),
        );
    }
    // A path is what `aws cloudformation package` puts an object's place for.
    let is_path = code.and_then(Value::as_str).is_some_and(|path| !path.is_empty());
    let has_package = is_path || has("ZipFile") || (has("S3Bucket") && has("S3Key"));
    (!has_package).then(|| "Please provide a source for function code.".to_owned())
}

/// Whether a runtime has the name of one. There will be more of them, with names of the same form.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
fn is_runtime(name: &str) -> bool {
    let is_version = |text: &str| {
        let mut parts = text.split('.');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        parts.clone().count() <= 2 && parts.all(is_number)
    };
    let is_linux = |text: &str| {
        text == "al2"
            || text.strip_prefix("al20").is_some_and(|year| year.len() == 2 && year >= "23")
    };
    if let Some(system) = name.strip_prefix("provided.") {
        return is_linux(system);
    }
    if let Some(java) = name.strip_prefix("java") {
        let (version, system) = java.split_once('.').unwrap_or((java, "al2"));
        return is_version(version) && is_linux(system);
    }
    if let Some(node) = name.strip_prefix("nodejs") {
        return node.is_empty()
            || matches!(node, "4.3" | "4.3-edge" | "6.10" | "8.10")
            || node.strip_suffix(".x").is_some_and(is_version);
    }
    let others = ["python", "ruby", "dotnetcore", "dotnet"];
    matches!(name, "provided" | "go1.x")
        || others.iter().any(|begin| name.strip_prefix(begin).is_some_and(is_version))
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>.
fn refused_permission(permission: &Resolved<'_>) -> Option<String> {
    let text = |name: &str| permission.properties.get(name).and_then(Value::as_str);
    let refused = |name: &str, parameter: &str, is_right: &dyn Fn(&str) -> bool, pattern: &str| {
        let value = text(name).filter(|value| !is_right(value))?;
        let problem = format!("Member must satisfy regular expression pattern: {pattern}");
        Some(unsatisfied(value, parameter, &problem))
    };
    let is_alphabetic =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
    let is_action = |action: &str| {
        action == "*"
            || action.strip_prefix("lambda:").is_some_and(|name| name == "*" || is_alphabetic(name))
    };
    let is_account =
        |account: &str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    refused("Action", "action", &is_action, "(lambda:[*]|lambda:[a-zA-Z]+|[*])")
        .or_else(|| refused("SourceAccount", "sourceAccount", &is_account, "[0-9]{12}"))
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn refused_bucket(name: &str) -> Option<String> {
    const CHARACTERS: std::ops::RangeInclusive<usize> = 3..=63;
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Some("Bucket name should not contain uppercase characters".to_owned());
    }
    if name.contains('_') {
        return Some("Bucket name should not contain '_'".to_owned());
    }
    if !CHARACTERS.contains(&name.len()) {
        return Some("Bucket name should be between 3 and 63 characters long".to_owned());
    }
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_right = is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    (!is_right).then(|| format!("The specified bucket is not valid: {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_has_the_name_of_one_that_there_is_or_may_be() {
        for name in [
            "provided.al2",
            "provided.al2023",
            "provided.al2029",
            "provided",
            "nodejs24.x",
            "nodejs8.10",
            "python3.13",
            "java21",
            "java8.al2",
            "dotnet10",
            "dotnetcore3.1",
            "ruby3.4",
            "go1.x",
        ] {
            assert!(is_runtime(name), "{name}");
        }
        for name in [
            "",
            "provided.al1984",
            "provided.al3",
            "node24.x",
            "nodejs24",
            "python",
            "python3.x",
            "rust",
            "Provided.al2023",
            "java",
            "bootstrap",
        ] {
            assert!(!is_runtime(name), "{name}");
        }
    }

    #[test]
    fn a_bucket_s_name_is_as_s3_takes_it() {
        for name in ["abc", "a-b.c", "0site9", &"x".repeat(63)] {
            assert_eq!(refused_bucket(name), None, "{name}");
        }
        for name in ["ab", "Site", "my_site", "-site", "site-", "s ite", &"x".repeat(64)] {
            assert!(refused_bucket(name).is_some(), "{name}");
        }
    }
}
