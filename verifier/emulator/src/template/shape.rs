//! What a template may have where, and how its resources' properties are called.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>.

use serde_json::{Map, Value};
use strsim::damerau_levenshtein;

use super::TemplateError;

const VERSION: &str = "2010-09-09";
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html>.
const ATTRIBUTES: [&str; 10] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
    "Version",
];
/// Types of services whose others are all known here, for those that are written wrongly.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>.
const TYPES: [&str; 14] = [
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SQS::QueueInlinePolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::CapacityProvider",
    "AWS::Lambda::CodeSigningConfig",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
];
/// Types that SAM's transform makes others of.
const OF_SAM: &str = "AWS::Serverless::";
/// How far a misspelt name may be from the right one: AWS gains properties, so that others may be new.
const DISTANCE_MAX: usize = 2;

/// The properties of a type, and those without which it is not.
struct Properties {
    resource_type: &'static str,
    names: &'static [&'static str],
    required: &'static [&'static str],
}

/// Source: each type's page in <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/>.
const PROPERTIES: [Properties; 15] = [
    Properties {
        resource_type: "AWS::SQS::Queue",
        names: &[
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "DelaySeconds",
            "FifoQueue",
            "FifoThroughputLimit",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedriveAllowPolicy",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "Tags",
            "VisibilityTimeout",
        ],
        required: &[],
    },
    Properties {
        resource_type: "AWS::SQS::QueuePolicy",
        names: &["PolicyDocument", "Queues"],
        required: &["PolicyDocument", "Queues"],
    },
    Properties {
        resource_type: "AWS::Lambda::Function",
        names: &[
            "Architectures",
            "Code",
            "CodeSigningConfigArn",
            "DeadLetterConfig",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FileSystemConfigs",
            "FunctionName",
            "Handler",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "RuntimeManagementConfig",
            "SnapStart",
            "Tags",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        ],
        required: &["Code", "Role"],
    },
    Properties {
        resource_type: "AWS::Lambda::EventSourceMapping",
        names: &[
            "BatchSize",
            "BisectBatchOnFunctionError",
            "DestinationConfig",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionName",
            "FunctionResponseTypes",
            "KmsKeyArn",
            "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds",
            "MaximumRetryAttempts",
            "MetricsConfig",
            "ParallelizationFactor",
            "ProvisionedPollerConfig",
            "Queues",
            "ScalingConfig",
            "SourceAccessConfigurations",
            "StartingPosition",
            "StartingPositionTimestamp",
            "Tags",
            "Topics",
            "TumblingWindowInSeconds",
        ],
        required: &["FunctionName"],
    },
    Properties {
        resource_type: "AWS::Logs::LogGroup",
        names: &[
            "DataProtectionPolicy",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "RetentionInDays",
            "Tags",
        ],
        required: &[],
    },
    Properties {
        resource_type: "AWS::CloudWatch::Alarm",
        names: &[
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ],
        required: &["ComparisonOperator", "EvaluationPeriods"],
    },
    // Of these only what has to be there is known here.
    Properties {
        resource_type: "AWS::ApiGatewayV2::Route",
        names: &[],
        required: &["ApiId", "RouteKey"],
    },
    Properties {
        resource_type: "AWS::ApiGatewayV2::Integration",
        names: &[],
        required: &["ApiId", "IntegrationType"],
    },
    Properties {
        resource_type: "AWS::ApiGatewayV2::Stage",
        names: &[],
        required: &["ApiId", "StageName"],
    },
    Properties { resource_type: "AWS::ApiGatewayV2::Deployment", names: &[], required: &["ApiId"] },
    Properties {
        resource_type: "AWS::Lambda::Permission",
        names: &[],
        required: &["Action", "FunctionName", "Principal"],
    },
    Properties {
        resource_type: "AWS::IAM::Policy",
        names: &[],
        required: &["PolicyDocument", "PolicyName"],
    },
    Properties {
        resource_type: "AWS::IAM::RolePolicy",
        names: &[],
        required: &["PolicyName", "RoleName"],
    },
    Properties {
        resource_type: "AWS::IAM::ManagedPolicy",
        names: &[],
        required: &["PolicyDocument"],
    },
    Properties {
        resource_type: "AWS::CloudFront::Distribution",
        names: &[],
        required: &["DistributionConfig"],
    },
];

/// Checks a template as it was written.
pub(super) fn check(template: &Value) -> Result<(), TemplateError> {
    let sections = object(template);
    // A transform may bring sections, ids and properties of its own; what it makes of them is not seen here.
    let is_transformed = sections.contains_key("Transform");
    if !is_transformed {
        let unknown: Vec<&str> =
            sections.keys().map(String::as_str).filter(|name| !SECTIONS.contains(name)).collect();
        if !unknown.is_empty() {
            return invalid(format!(
                "Invalid template property or properties [{}]",
                unknown.join(", ")
            ));
        }
    }
    let version = sections.get("AWSTemplateFormatVersion");
    if version.is_some_and(|version| version != VERSION) {
        return invalid("Template format error: unsupported value for AWSTemplateFormatVersion.");
    }
    for (logical_id, resource) in object(&template["Resources"]) {
        if !is_transformed {
            check_resource(logical_id, object(resource))?;
        }
    }
    Ok(())
}

fn check_resource(logical_id: &str, resource: &Map<String, Value>) -> Result<(), TemplateError> {
    if !logical_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return invalid(format!(
            "Template format error: Resource name {logical_id} is non alphanumeric."
        ));
    }
    if let Some(other) = resource.keys().find(|name| !ATTRIBUTES.contains(&name.as_str())) {
        return invalid(format!("Invalid template resource property '{other}'"));
    }
    let resource_type = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
    if resource_type.starts_with(OF_SAM) {
        return invalid(format!(
            "Template format error: Unrecognized resource types: [{resource_type}], which need Transform: AWS::Serverless-2016-10-31"
        ));
    }
    let is_listed =
        ["AWS::SQS::", "AWS::Lambda::"].iter().any(|service| resource_type.starts_with(service));
    if is_listed
        && !TYPES.contains(&resource_type)
        && TYPES.iter().any(|known| is_nearly(resource_type, known))
    {
        return invalid(format!(
            "Template format error: Unrecognized resource types: [{resource_type}]"
        ));
    }
    let Some(known) = PROPERTIES.iter().find(|known| known.resource_type == resource_type) else {
        return Ok(());
    };
    let given = resource.get("Properties").map(object);
    let given_names = || given.into_iter().flat_map(Map::keys).map(String::as_str);
    let problem = match given_names().find(|name| known.has_misspelt(name)) {
        Some(name) => Some(format!("extraneous key [{name}] is not permitted")),
        None => known
            .required
            .iter()
            .find(|name| !given_names().any(|given| given == **name))
            .map(|name| format!("required key [{name}] not found")),
    };
    problem.map_or(Ok(()), |problem| {
        Err(TemplateError::Refused {
            logical_id: logical_id.to_owned(),
            resource_type: resource_type.to_owned(),
            sentence: format!(
                "Properties validation failed for resource {logical_id} with message: [#: {problem}]"
            ),
        })
    })
}

impl Properties {
    /// Whether a name is none of a property, and nearly one.
    fn has_misspelt(&self, name: &str) -> bool {
        !self.names.contains(&name) && self.names.iter().any(|known| is_nearly(name, known))
    }
}

/// Whether a name was meant to be another.
fn is_nearly(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known) || damerau_levenshtein(name, known) <= DISTANCE_MAX
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn invalid(sentence: impl Into<String>) -> Result<(), TemplateError> {
    Err(TemplateError::Invalid(sentence.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(template: &Value) -> Option<String> {
        check(template).err().map(|error| error.to_string())
    }

    #[test]
    fn what_a_template_may_not_have_is_named_in_cloudformation_s_words() {
        let queue = json!({"Type": "AWS::SQS::Queue"});
        for (template, words) in [
            (
                json!({"Resources": {"Q": queue}, "Output": {}}),
                "Invalid template property or properties [Output]",
            ),
            (
                json!({"Resources": {"Q": queue}, "AWSTemplateFormatVersion": "2011-01-01"}),
                "unsupported value for AWSTemplateFormatVersion",
            ),
            (
                json!({"Resources": {"My-Queue": queue}}),
                "Resource name My-Queue is non alphanumeric",
            ),
            (
                json!({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Dependson": "X"}}}),
                "Invalid template resource property 'Dependson'",
            ),
            (
                json!({"Resources": {"F": {"Type": "AWS::Serverless::Function"}}}),
                "Unrecognized resource types: [AWS::Serverless::Function]",
            ),
            (
                json!({"Resources": {"Q": {"Type": "AWS::SQS::Queues"}}}),
                "Unrecognized resource types: [AWS::SQS::Queues]",
            ),
            (
                json!({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeouts": 1}}}}),
                "for resource Q with message: [#: extraneous key [VisibilityTimeouts] is not permitted]",
            ),
            (
                json!({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"visibilityTimeout": 1}}}}),
                "extraneous key [visibilityTimeout]",
            ),
            (
                json!({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {}}}}}),
                "required key [Role] not found",
            ),
        ] {
            let refused = refused(&template).unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn what_is_only_unknown_here_is_not_refused() {
        for template in [
            json!({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"NewerThanThisList": 1}}}}),
            json!({"Resources": {"X": {"Type": "Custom::Thing", "Properties": {"a": 1}}}}),
            json!({"Resources": {"X": {"Type": "AWS::Lambda::SomethingNew"}}}),
            json!({"Transform": "AWS::LanguageExtensions", "Resources": {"Fn::ForEach::Each": []}}),
            json!({"Transform": "AWS::Serverless-2016-10-31", "Globals": {}, "Resources": {}}),
        ] {
            assert_eq!(refused(&template), None, "{template}");
        }
    }
}
