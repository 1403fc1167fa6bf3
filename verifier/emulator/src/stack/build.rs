//! From a template to a stack.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use verifier_model::event_source_mapping::{MappingChanges, MappingConfiguration};
use verifier_model::sqs::{QueueAttributes, SqsError};

use super::properties::Properties;
use super::{
    DIRECTORY_KEY, FILES_KEY, FunctionSpec, MappingSpec, NOT_NEEDED, Output, QUEUE_INLINE_POLICY,
    QUEUE_POLICIES, QUEUE_POLICY, QueueSpec, Resource, SiteContent, SiteSpec, Skipped, Stack,
    tags_of,
};
use crate::template::{Evaluator, ResourceDefinition, TemplateError, TemplatePath};

/// A resource of the template with its properties resolved.
pub(super) struct Resolved<'a> {
    pub(super) logical_id: &'a str,
    pub(super) definition: &'a ResourceDefinition,
    pub(super) physical_id: String,
    pub(super) properties: Map<String, Value>,
    /// Whether all of the properties could be resolved.
    pub(super) is_whole: bool,
    /// Whether the user leaves it out.
    pub(super) is_left_out: bool,
}

/// Builds the stack that the evaluator's template describes.
pub(crate) fn build(evaluator: &Evaluator<'_>) -> Result<Stack, TemplateError> {
    let builder = Builder::new(evaluator)?;
    builder.check_entrances()?;
    builder.check_constraints()?;
    builder.check_queue_policies()?;
    let functions = builder.functions()?;
    let mappings = builder.mappings(&functions)?;
    let organization = builder.organization();
    let apis = builder.apis(&functions, &organization)?;
    let sites = builder.sites()?;
    let (outputs, mut skipped) = builder.outputs()?;
    let absent = builder.absent()?;
    skipped.extend(builder.skipped(&functions, &absent));
    let (alarms, not_evaluated) = builder.alarms()?;
    skipped.extend(not_evaluated);
    Ok(Stack {
        name: evaluator.stack_name.to_owned(),
        id: evaluator.stack_id(),
        description: evaluator.template.description.clone(),
        tags: builder.shared_tags(),
        outputs,
        resources: builder.resources.iter().map(Resolved::summary).collect(),
        queues: builder.queues()?,
        roles: builder.roles()?,
        log_groups: builder.log_groups(&functions)?,
        alarms,
        functions,
        mappings,
        apis,
        sites,
        organization,
        absent,
        skipped,
    })
}

/// The types that the emulator stands in for, or whose part in the stack it takes from their properties.
const EMULATED: [&str; 14] = [
    "AWS::SQS::Queue",
    QUEUE_POLICY,
    QUEUE_INLINE_POLICY,
    "AWS::Lambda::Function",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Logs::LogGroup",
    "AWS::CloudWatch::Alarm",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::S3::Bucket",
    "AWS::CloudFront::Distribution",
];

/// Properties of these that have no effect here: what they refer to need not be known.
const WITHOUT_EFFECT: [(&str, &[&str]); 6] = [
    (
        "AWS::Lambda::Function",
        &["CodeSigningConfigArn", "FileSystemConfigs", "KmsKeyArn", "TracingConfig", "VpcConfig"],
    ),
    ("AWS::SQS::Queue", &["KmsMasterKeyId"]),
    ("AWS::Logs::LogGroup", &["KmsKeyId"]),
    (
        "AWS::CloudWatch::Alarm",
        &["AlarmActions", "Dimensions", "InsufficientDataActions", "Metrics", "OKActions"],
    ),
    ("AWS::ApiGatewayV2::Stage", &["AccessLogSettings", "ClientCertificateId"]),
    (
        "AWS::S3::Bucket",
        &[
            "BucketEncryption",
            "InventoryConfigurations",
            "LoggingConfiguration",
            "NotificationConfiguration",
            "ReplicationConfiguration",
        ],
    ),
];

/// The types by which is decided who may do what. What of them refers to others that are not emulated names nothing here.
const DECIDING: [&str; 5] = [
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Permission",
];

/// How a function may answer a batch.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
const RESPONSE_TYPE: &str = "ReportBatchItemFailures";

pub(super) struct Builder<'a> {
    evaluator: &'a Evaluator<'a>,
    resources: Vec<Resolved<'a>>,
    /// What stands for AWS's host names in URLs that lead to the emulator.
    local_urls: Vec<(String, String)>,
}

impl Resolved<'_> {
    /// Whether the emulator has it.
    pub(super) fn is_emulated(&self) -> bool {
        is_emulated(self.definition) && !self.is_left_out
    }

    fn summary(&self) -> Resource {
        Resource {
            logical_id: self.logical_id.to_owned(),
            physical_id: self.physical_id.clone(),
            resource_type: self.definition.resource_type.clone(),
        }
    }

    pub(super) fn properties(&self) -> Properties<'_> {
        Properties::new(self.logical_id, &self.properties)
    }

    /// AWS's own refusal.
    pub(super) fn refused(&self, sentence: impl Into<String>) -> TemplateError {
        TemplateError::Refused {
            logical_id: self.logical_id.to_owned(),
            resource_type: self.definition.resource_type.clone(),
            sentence: sentence.into(),
        }
    }

    pub(super) fn unsupported(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::Unsupported {
            logical_id: self.logical_id.to_owned(),
            resource_type: self.definition.resource_type.clone(),
            problem: problem.into(),
        }
    }
}

impl<'a> Builder<'a> {
    fn new(evaluator: &'a Evaluator<'a>) -> Result<Self, TemplateError> {
        let mut resources = Vec::new();
        for (logical_id, definition) in evaluator.resources()? {
            // What is not emulated may use functions that are not supported.
            let is_left_out = evaluator.template.leaves_out(logical_id);
            let (properties, is_whole) = if is_emulated(definition) && !is_left_out {
                let found = resolved(evaluator, logical_id, definition);
                found.map_err(|error| all_without_value(evaluator, error))?
            } else {
                evaluator.properties_leniently(logical_id, definition)
            };
            let physical_id = evaluator.physical_id(logical_id)?;
            resources.push(Resolved {
                logical_id,
                definition,
                physical_id,
                properties,
                is_whole,
                is_left_out,
            });
        }
        leave_parts_out(&mut resources);
        let local_urls = local_urls(evaluator, &resources);
        Ok(Self { evaluator, resources, local_urls })
    }

    pub(super) fn all_properties(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.resources.iter().map(|resource| &resource.properties)
    }

    /// The resources of a type, without those that the user leaves out.
    pub(super) fn of_type(&self, resource_type: &str) -> impl Iterator<Item = &Resolved<'a>> {
        self.present().filter(move |resource| resource.definition.resource_type == resource_type)
    }

    /// The resources, without those that the user leaves out.
    pub(super) fn present(&self) -> impl Iterator<Item = &Resolved<'a>> {
        self.all().filter(|resource| !resource.is_left_out)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Resolved<'a>> {
        self.resources.iter()
    }

    pub(super) fn queue_name(&self, queue: &Resolved<'_>) -> Result<String, TemplateError> {
        self.evaluator.queue_name(queue.logical_id, queue.definition)
    }

    /// Replaces AWS's URLs of this stack's resources by the emulator's.
    pub(super) fn localise(&self, text: &str) -> String {
        self.local_urls.iter().fold(text.to_owned(), |text, (aws, local)| text.replace(aws, local))
    }

    fn queues(&self) -> Result<Vec<QueueSpec>, TemplateError> {
        self.of_type("AWS::SQS::Queue").map(|resource| self.queue(resource)).collect()
    }

    fn queue(&self, resource: &Resolved<'_>) -> Result<QueueSpec, TemplateError> {
        let properties = resource.properties();
        let name = self.queue_name(resource)?;
        let mut attributes = QueueAttributes::default();
        // The other attributes of a FIFO queue are refused on a queue that is not one yet, so this comes first.
        if properties.boolean("FifoQueue", false)? {
            set(&mut attributes, &properties, "FifoQueue")?;
        }
        for property in [
            "VisibilityTimeout",
            "DelaySeconds",
            "MessageRetentionPeriod",
            "MaximumMessageSize",
            "ReceiveMessageWaitTimeSeconds",
            "SqsManagedSseEnabled",
            "KmsMasterKeyId",
            "KmsDataKeyReusePeriodSeconds",
            "RedrivePolicy",
            "RedriveAllowPolicy",
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "FifoThroughputLimit",
        ] {
            if properties.has(property) {
                set(&mut attributes, &properties, property)?;
            }
        }
        if attributes.kms_master_key_id.is_some()
            && properties.has("SqsManagedSseEnabled")
            && properties.boolean("SqsManagedSseEnabled", false)?
        {
            return Err(resource.refused(SqsError::ConflictingEncryption.to_string()));
        }
        attributes.policy = self.queue_policy(resource);
        Ok(QueueSpec { name, attributes, tags: tags_of(&resource.properties) })
    }

    pub(super) fn region(&self) -> &str {
        self.evaluator.region
    }

    pub(super) fn role_arn(&self, role: &Resolved<'_>) -> Result<String, TemplateError> {
        self.evaluator.role_arn(role.logical_id, role.definition)
    }

    pub(super) fn function_arn(&self, name: &str) -> String {
        format!(
            "arn:{}:lambda:{}:{}:function:{name}",
            crate::template::PARTITION,
            self.evaluator.region,
            crate::template::ACCOUNT_ID
        )
    }

    fn mappings(&self, functions: &[FunctionSpec]) -> Result<Vec<MappingSpec>, TemplateError> {
        self.of_type("AWS::Lambda::EventSourceMapping")
            .map(|resource| Self::mapping(resource, functions))
            .collect()
    }

    fn mapping(
        resource: &Resolved<'_>,
        functions: &[FunctionSpec],
    ) -> Result<MappingSpec, TemplateError> {
        let properties = resource.properties();
        let event_source_arn = properties.required_text("EventSourceArn")?;
        if properties.has("FilterCriteria") {
            return Err(resource.unsupported("has FilterCriteria, which would drop messages"));
        }
        let function = invoked(resource, &properties.required_text("FunctionName")?, functions)?;
        let scaling = properties.map("ScalingConfig");
        let maximum_concurrency = match &scaling {
            Some(scaling) => optional_number(scaling, "MaximumConcurrency", 2..=1_000)?,
            None => None,
        };
        let response_types = properties.texts("FunctionResponseTypes")?;
        if let Some(other) = response_types.iter().find(|kind| *kind != RESPONSE_TYPE) {
            return Err(resource.refused(format!(
                "Properties validation failed for resource {} with message: [#/FunctionResponseTypes/0: {other} is not a valid enum value]",
                resource.logical_id
            )));
        }
        let changes = MappingChanges {
            function: None,
            batch_size: optional_number(&properties, "BatchSize", 1..=10_000)?,
            maximum_batching_window_seconds: optional_number(
                &properties,
                "MaximumBatchingWindowInSeconds",
                0..=300,
            )?,
            enabled: Some(properties.boolean("Enabled", true)?),
            report_batch_item_failures: Some(!response_types.is_empty()),
            maximum_concurrency: Some(maximum_concurrency),
        };
        let configuration = MappingConfiguration::new(&event_source_arn, &function.name)
            .changed_by(&changes)
            .map_err(|error| resource.unsupported(format!("is refused by Lambda: {error}")))?;
        Ok(MappingSpec { uuid: resource.physical_id.clone(), configuration })
    }

    fn sites(&self) -> Result<Vec<SiteSpec>, TemplateError> {
        let mut sites = Vec::new();
        for resource in self.of_type("AWS::CloudFront::Distribution") {
            let Some(config) = resource.properties().map("DistributionConfig") else {
                continue;
            };
            let origins = config.maps("Origins");
            let bucket = origins.iter().find_map(|origin| {
                let domain = origin.text("DomainName").ok()??;
                domain.split_once(".s3.").map(|(bucket, _)| bucket.to_owned())
            });
            let Some(bucket) = bucket else {
                continue;
            };
            let mut error_pages = BTreeMap::new();
            for page in config.maps("CustomErrorResponses") {
                let code = |name: &str, default| page.number(name, default, 200..=599);
                let status = code("ErrorCode", 404)?;
                if let Some(path) = page.text("ResponsePagePath")? {
                    let answer = code("ResponseCode", status)?;
                    error_pages.insert(as_status(status), (as_status(answer), path));
                }
            }
            sites.push(SiteSpec {
                distribution_id: resource.physical_id.clone(),
                domain: self.evaluator.distribution_domain(resource.logical_id),
                default_root_object: config.text("DefaultRootObject")?.unwrap_or_default(),
                error_pages,
                contents: self.contents(&bucket)?,
                bucket,
            });
        }
        Ok(sites)
    }

    fn contents(&self, bucket: &str) -> Result<Vec<SiteContent>, TemplateError> {
        let mut contents = Vec::new();
        for deployment in self.of_type("Custom::CDKBucketDeployment") {
            let destination =
                deployment.properties.get("DestinationBucketName").and_then(Value::as_str);
            if destination != Some(bucket) {
                continue;
            }
            let metadata = &deployment.definition.metadata;
            if let Some(directory) = metadata.get(DIRECTORY_KEY).and_then(Value::as_str) {
                contents.push(SiteContent::Directory(directory.to_owned()));
            }
            for (key, text) in
                metadata.get(FILES_KEY).and_then(Value::as_object).into_iter().flatten()
            {
                let place =
                    TemplatePath::new(format!("{}.{FILES_KEY}.{key}", deployment.logical_id));
                let text = self.evaluator.value(text, &place)?;
                let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
                contents.push(SiteContent::File(key.clone(), self.localise(text)));
            }
        }
        // A written file wins over one of the same name in a folder, whatever the order in the template.
        contents.sort_by_key(|content| matches!(content, SiteContent::File(..)));
        Ok(contents)
    }

    /// The outputs, and those that cannot be resolved: they are named, not invented.
    fn outputs(&self) -> Result<(Vec<Output>, Vec<Skipped>), TemplateError> {
        let (mut outputs, mut skipped) = (Vec::new(), Vec::new());
        for (key, output) in &self.evaluator.template.outputs {
            if !self.evaluator.exists(output.condition.as_deref(), key)? {
                continue;
            }
            let place = TemplatePath::new(format!("Outputs.{key}"));
            let value = self.evaluator.value(&output.value, &place);
            let value = value.and_then(|value| {
                value.map(|value| self.evaluator.looked_up(value, &place)).transpose()
            });
            match value {
                Ok(Some(value)) if value.is_array() || value.is_object() => {
                    return Err(TemplateError::Invalid(format!(
                        "Template format error: Output {key} is malformed. The Value field of every Outputs member must evaluate to a String."
                    )));
                }
                Ok(value) => outputs.push(Output {
                    key: key.clone(),
                    value: self.localise(&value.as_ref().and_then(output_text).unwrap_or_default()),
                    description: output.description.clone(),
                }),
                Err(
                    error
                    @ (TemplateError::UnknownAttribute { .. } | TemplateError::NoValue { .. }),
                ) => skipped.push(Skipped {
                    logical_id: key.clone(),
                    resource_type: "Output".to_owned(),
                    reason: error.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((outputs, skipped))
    }

    fn skipped(&self, functions: &[FunctionSpec], absent: &[Skipped]) -> Vec<Skipped> {
        let reason = |resource: &Resolved<'_>| {
            let definition = resource.definition;
            if let Some(absent) = absent.iter().find(|each| each.logical_id == resource.logical_id)
            {
                return Some(absent.reason.clone());
            }
            if definition.resource_type == "AWS::Lambda::Function" {
                let emulated =
                    functions.iter().any(|function| function.name == resource.physical_id);
                let problem = self.function(resource).err().filter(|_| !emulated);
                return problem.map(|problem| format!("{NOT_NEEDED}: {problem}"));
            }
            if QUEUE_POLICIES.contains(&definition.resource_type.as_str()) {
                return self.other_queues(resource);
            }
            if DECIDING.contains(&definition.resource_type.as_str()) {
                return self.unknown_policies(resource);
            }
            (!is_emulated(definition)).then(|| "has no part in the emulated flow".to_owned())
        };
        let skip = |resource: &Resolved<'_>| {
            Some(Skipped {
                logical_id: resource.logical_id.to_owned(),
                resource_type: resource.definition.resource_type.clone(),
                reason: reason(resource)?,
            })
        };
        self.resources.iter().filter_map(skip).collect()
    }

    /// CDK tags a stack and all in it alike; what every tagged resource agrees on are the stack's own tags.
    fn shared_tags(&self) -> BTreeMap<String, String> {
        let mut tagged = self
            .resources
            .iter()
            .map(|resource| tags_of(&resource.properties))
            .filter(|tags| !tags.is_empty());
        let first = tagged.next().unwrap_or_default();
        tagged.fold(first, |mut shared, tags| {
            shared.retain(|key, value| tags.get(key) == Some(value));
            shared
        })
    }
}

/// The function that a name, an ARN or an invocation URI means.
pub(super) fn invoked<'f>(
    user: &Resolved<'_>,
    target: &str,
    functions: &'f [FunctionSpec],
) -> Result<&'f FunctionSpec, TemplateError> {
    let name = function_name(target);
    functions.iter().find(|function| function.name == name).ok_or_else(|| {
        user.unsupported(format!("invokes {target}, which is no function of this stack"))
    })
}

pub(super) fn optional_number(
    properties: &Properties<'_>,
    name: &str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<Option<u32>, TemplateError> {
    if !properties.has(name) {
        return Ok(None);
    }
    properties.number(name, *bounds.start(), bounds).map(|number| u32::try_from(number).ok())
}

/// Sets a queue's attribute from the property of the same name; policies are maps in a template.
fn set(
    attributes: &mut QueueAttributes,
    properties: &Properties<'_>,
    name: &str,
) -> Result<(), TemplateError> {
    let text = match properties.fields().get(name) {
        Some(Value::Object(fields)) => Value::Object(fields.clone()).to_string(),
        _ => properties.required_text(name)?,
    };
    attributes.set(name, &text).map_err(|error| properties.bad(name, &error.to_string()))
}

/// An error that says all values that the user has to give, where one was missing.
fn all_without_value(evaluator: &Evaluator<'_>, error: TemplateError) -> TemplateError {
    let TemplateError::NoValue { .. } = error else { return error };
    let resources = evaluator.resources().unwrap_or_default();
    let emulated = resources.into_iter().filter(|(logical_id, definition)| {
        is_emulated(definition) && !evaluator.template.leaves_out(logical_id)
    });
    let emulated = emulated.map(|(id, definition)| (id, definition, without_effect(definition)));
    let missing = evaluator.without_value(emulated);
    if missing.len() < 2 {
        return error;
    }
    let places = missing.iter().map(|(name, place)| format!("{place} needs {name}"));
    let options = missing.keys().map(|name| format!("--value '{name}=VALUE'"));
    TemplateError::NoValues {
        places: places.collect::<Vec<_>>().join(", "),
        options: options.collect::<Vec<_>>().join(" "),
    }
}

/// The properties of a resource that have no effect here: those of its type, and where in a bucket a function's code is. The
/// user says where it is on this machine.
fn without_effect(definition: &ResourceDefinition) -> Vec<&'static str> {
    let own = definition.resource_type.as_str();
    let found = WITHOUT_EFFECT.iter().find(|(kind, _)| *kind == own);
    let mut names = found.map(|(_, names)| names.to_vec()).unwrap_or_default();
    let code = definition.properties.get("Code");
    if own == "AWS::Lambda::Function" && code.is_some_and(|code| code.get("S3Key").is_some()) {
        names.push("Code");
    }
    names
}

/// The properties of a resource that is emulated. Those without effect here may refer to what is not known.
fn resolved(
    evaluator: &Evaluator<'_>,
    logical_id: &str,
    definition: &ResourceDefinition,
) -> Result<(Map<String, Value>, bool), TemplateError> {
    let own = definition.resource_type.as_str();
    match evaluator.properties(logical_id, definition, &without_effect(definition)) {
        // The stream of a table, for example: which source it is, is refused by name.
        Err(TemplateError::UnknownAttribute { .. }) if own == "AWS::Lambda::EventSourceMapping" => {
            Ok(evaluator.properties_leniently(logical_id, definition))
        }
        properties => properties,
    }
}

/// Leaves out what is of an API that is left out.
fn leave_parts_out(resources: &mut [Resolved<'_>]) {
    let is_api = |each: &&Resolved<'_>| each.definition.resource_type == "AWS::ApiGatewayV2::Api";
    let apis = resources.iter().filter(is_api).filter(|api| api.is_left_out);
    let apis: Vec<String> = apis.map(|api| api.physical_id.clone()).collect();
    for resource in resources.iter_mut().filter(|each| is_emulated(each.definition)) {
        let id = resource.properties.get("ApiId").and_then(Value::as_str);
        resource.is_left_out |= id.is_some_and(|id| apis.iter().any(|api| api == id));
    }
}

fn is_emulated(definition: &ResourceDefinition) -> bool {
    EMULATED.contains(&definition.resource_type.as_str())
        || definition.metadata.contains_key(DIRECTORY_KEY)
        || definition.metadata.contains_key(FILES_KEY)
}

/// The site is another origin than the API, as on AWS: browsers take `localhost` and `127.0.0.1` for different hosts.
fn local_urls(evaluator: &Evaluator<'_>, resources: &[Resolved<'_>]) -> Vec<(String, String)> {
    let port = evaluator.endpoint.rsplit(':').next().unwrap_or_default();
    let mut urls = Vec::new();
    let mut sites = 0;
    for resource in resources {
        match resource.definition.resource_type.as_str() {
            "AWS::ApiGatewayV2::Api" => {
                let id = &resource.physical_id;
                let region = evaluator.region;
                urls.push((
                    format!("https://{id}.execute-api.{region}.{}", crate::template::URL_SUFFIX),
                    format!("{}/execute-api/{id}", evaluator.endpoint),
                ));
            }
            "AWS::CloudFront::Distribution" => {
                let domain = evaluator.distribution_domain(resource.logical_id);
                let host = if sites == 0 && evaluator.site_on_localhost {
                    "localhost".to_owned()
                } else {
                    format!("{domain}.localhost")
                };
                urls.push((format!("https://{domain}"), format!("http://{host}:{port}")));
                sites += 1;
            }
            _ => {}
        }
    }
    urls
}

/// The function's name within a name, an ARN, a qualified ARN or an API Gateway invocation URI.
pub(super) fn function_name(target: &str) -> &str {
    let arn = target.split("/functions/").nth(1).and_then(|rest| rest.strip_suffix("/invocations"));
    let target = arn.unwrap_or(target);
    match target.split_once(":function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => target.split(':').next().unwrap_or(target),
    }
}

fn output_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(output_text).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

fn as_status(code: u64) -> u16 {
    u16::try_from(code).unwrap_or(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_function_in_every_way_of_naming_it() {
        let arn = "arn:aws:lambda:eu-central-1:000000000000:function:worker";
        for target in [
            "worker".to_owned(),
            "worker:live".to_owned(),
            arn.to_owned(),
            format!("{arn}:7"),
            format!(
                "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{arn}/invocations"
            ),
            "000000000000:function:worker".to_owned(),
        ] {
            assert_eq!(function_name(&target), "worker", "{target}");
        }
    }
}
