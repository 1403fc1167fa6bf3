//! Lambda's REST interface: what functions and mappings are configured with.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/>.

use std::collections::BTreeMap;

use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use verifier_core::time::Timestamp;

use crate::reply::Reply;
use crate::reply::aws_json::{rest, rest_error};
use crate::stack::{FunctionSpec, MappingSpec};

/// Functions and mappings as the API shows them.
pub(crate) struct LambdaService {
    pub(crate) functions: Vec<FunctionSpec>,
    pub(crate) mappings: Vec<MappingSpec>,
    pub(crate) region: String,
    pub(crate) created_at: Timestamp,
}

/// The path that all operations of this version begin with.
pub(crate) const PREFIX: &str = "/2015-03-31/";

impl LambdaService {
    pub(crate) fn handle(
        &self,
        method: &Method,
        path: &str,
        query: &BTreeMap<String, String>,
    ) -> Reply {
        let path =
            percent_decode_str(path.strip_prefix(PREFIX).unwrap_or(path)).decode_utf8_lossy();
        let segments: Vec<&str> = path.trim_end_matches('/').splitn(3, '/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["functions", name, "configuration"]) => self.configuration(name),
            ("GET", ["functions"]) => {
                let functions: Vec<Value> =
                    self.functions.iter().map(|spec| self.function(spec)).collect();
                rest(200, &json!({"Functions": functions}))
            }
            ("GET", ["event-source-mappings"]) => self.list_mappings(query),
            ("GET", ["event-source-mappings", uuid]) => {
                match self.mappings.iter().find(|mapping| mapping.uuid == *uuid) {
                    Some(mapping) => rest(200, &self.mapping(mapping)),
                    None => rest_error(
                        404,
                        "ResourceNotFoundException",
                        "The resource you requested does not exist.",
                    ),
                }
            }
            _ => rest_error(
                501,
                "NotImplementedException",
                &format!("{method} {path} is not implemented by the emulator"),
            ),
        }
    }

    fn configuration(&self, name: &str) -> Reply {
        let name = name.rsplit(":function:").next().unwrap_or(name);
        let name = name.split(':').next().unwrap_or(name);
        if let Some(function) = self.functions.iter().find(|function| function.name == name) {
            rest(200, &self.function(function))
        } else {
            let arn = self.arn(&format!("function:{name}"));
            rest_error(404, "ResourceNotFoundException", &format!("Function not found: {arn}"))
        }
    }

    fn list_mappings(&self, query: &BTreeMap<String, String>) -> Reply {
        let event_source = query.get("EventSourceArn");
        let function = query.get("FunctionName");
        let wanted = |mapping: &&MappingSpec| {
            event_source.is_none_or(|arn| *arn == mapping.event_source_arn)
                && function.is_none_or(|name| name.rsplit(':').next() == Some(&mapping.function))
        };
        let start: usize = match query.get("Marker").map(|marker| marker.parse()) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => {
                return rest_error(400, "InvalidParameterValueException", "Invalid Marker");
            }
        };
        let page: usize =
            query.get("MaxItems").and_then(|max| max.parse().ok()).unwrap_or(100).clamp(1, 100);
        let found: Vec<&MappingSpec> = self.mappings.iter().filter(wanted).collect();
        let items: Vec<Value> =
            found.iter().skip(start).take(page).map(|mapping| self.mapping(mapping)).collect();
        let mut body = json!({"EventSourceMappings": items});
        if start + page < found.len() {
            body["NextMarker"] = (start + page).to_string().into();
        }
        rest(200, &body)
    }

    fn function(&self, spec: &FunctionSpec) -> Value {
        let millis = i64::try_from(self.created_at.as_millis()).unwrap_or_default();
        let modified = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        json!({
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
            "Environment": {"Variables": spec.environment},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": spec.architectures,
            "LoggingConfig": {"LogFormat": spec.log_format, "LogGroup": spec.log_group},
        })
    }

    fn mapping(&self, spec: &MappingSpec) -> Value {
        let response_types: &[&str] =
            if spec.report_batch_item_failures { &["ReportBatchItemFailures"] } else { &[] };
        let mut mapping = json!({
            "UUID": spec.uuid,
            "EventSourceMappingArn": self.arn(&format!("event-source-mapping:{}", spec.uuid)),
            "EventSourceArn": spec.event_source_arn,
            "FunctionArn": self.arn(&format!("function:{}", spec.function)),
            "BatchSize": spec.batch_size,
            "MaximumBatchingWindowInSeconds": spec.maximum_batching_window_seconds,
            "FunctionResponseTypes": response_types,
            "LastModified": self.created_at.as_seconds(),
            "State": if spec.enabled { "Enabled" } else { "Disabled" },
            "StateTransitionReason": "USER_INITIATED",
        });
        if let Some(maximum) = spec.maximum_concurrency {
            mapping["ScalingConfig"] = json!({"MaximumConcurrency": maximum});
        }
        mapping
    }

    fn arn(&self, rest: &str) -> String {
        format!(
            "arn:{}:lambda:{}:{}:{rest}",
            crate::template::PARTITION,
            self.region,
            crate::template::ACCOUNT_ID
        )
    }
}
