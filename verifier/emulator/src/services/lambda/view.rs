//! A function as Lambda's API shows it.

use serde_json::{Value, json};

use crate::lambda::FunctionConfiguration;

/// The structure `FunctionConfiguration`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>.
pub(super) fn describe_function(configuration: &FunctionConfiguration) -> Value {
    let spec = &configuration.spec;
    let millis = i64::try_from(configuration.modified_at.as_millis()).unwrap_or_default();
    let modified = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let mut shown = json!({
        "FunctionName": spec.name,
        "FunctionArn": spec.arn,
        "Runtime": spec.runtime,
        "Role": spec.role,
        "Handler": spec.handler,
        "CodeSize": 0,
        "Description": spec.description,
        "Timeout": spec.timeout_seconds,
        "MemorySize": spec.memory_mb,
        "LastModified": modified.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": spec.architectures,
        "LoggingConfig": {"LogFormat": spec.log_format, "LogGroup": spec.log_group},
    });
    if let Some(level) = &spec.application_log_level {
        shown["LoggingConfig"]["ApplicationLogLevel"] = json!(level);
    }
    if !spec.environment.is_empty() {
        shown["Environment"] = json!({"Variables": spec.environment});
    }
    if let Some(arn) = &spec.dead_letter_target_arn {
        shown["DeadLetterConfig"] = json!({"TargetArn": arn});
    }
    shown
}
