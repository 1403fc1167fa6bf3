//! What brings messages and requests into a stack and is not emulated. A stack without it would look whole, and nothing would
//! arrive by it: so a template that has it is refused by its name, unless the user leaves it out.
//!
//! Sources: the page of each type below
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/>, for what it delivers to which property.

use serde_json::{Map, Value};

use super::Skipped;
use super::build::{Builder, Resolved};
use crate::template::{ACCOUNT_ID, TemplateError};

/// A type by which AWS delivers to queues, functions or APIs.
struct Kind {
    resource_type: &'static str,
    /// What it does to them.
    does: &'static str,
    /// The properties that say to which; all, where there are none.
    within: &'static [&'static str],
}

const fn kind(resource_type: &'static str, does: &'static str) -> Kind {
    Kind { resource_type, does, within: &[] }
}

const KINDS: [Kind; 24] = [
    kind("AWS::SNS::Subscription", "delivers what is published to a topic to"),
    Kind {
        resource_type: "AWS::SNS::Topic",
        does: "delivers what is published to it to",
        within: &["Subscription"],
    },
    kind("AWS::Events::Rule", "delivers events to"),
    kind("AWS::Scheduler::Schedule", "delivers on a schedule to"),
    kind("AWS::Pipes::Pipe", "is a pipe from or to"),
    Kind {
        resource_type: "AWS::S3::Bucket",
        does: "notifies of its objects",
        within: &["NotificationConfiguration"],
    },
    kind("Custom::S3BucketNotifications", "notifies of a bucket's objects"),
    kind("AWS::StepFunctions::StateMachine", "has tasks that send to or invoke"),
    Kind {
        resource_type: "AWS::Lambda::EventInvokeConfig",
        does: "delivers the results of asynchronous invocations to",
        within: &["DestinationConfig"],
    },
    kind("AWS::IoT::TopicRule", "delivers what devices publish to"),
    kind("AWS::AppSync::DataSource", "answers requests of GraphQL with"),
    kind("AWS::AppSync::FunctionConfiguration", "answers requests of GraphQL with"),
    kind("AWS::Cognito::UserPool", "calls as its trigger"),
    kind("AWS::ElasticLoadBalancingV2::TargetGroup", "passes requests on to"),
    kind("AWS::Logs::SubscriptionFilter", "delivers log events to"),
    kind("AWS::AutoScaling::LifecycleHook", "notifies of instances"),
    kind("AWS::AutoScaling::AutoScalingGroup", "notifies of instances"),
    kind("AWS::SES::ReceiptRule", "delivers received mail to"),
    kind("AWS::Config::ConfigRule", "has its evaluation done by"),
    kind("AWS::SecretsManager::RotationSchedule", "has secrets rotated by"),
    kind("AWS::KinesisFirehose::DeliveryStream", "has records transformed by"),
    kind("AWS::Bedrock::Agent", "has actions done by"),
    kind("AWS::CodePipeline::Pipeline", "has actions done by"),
    kind("AWS::CloudFront::Distribution", "passes requests on to"),
];
/// Types that are such an entrance whatever they lead to, with what they are.
const ALWAYS: [(&str, &str); 3] = [
    (
        "AWS::ApiGateway::RestApi",
        "is a REST API, whose requests are not answered here: HTTP APIs (AWS::ApiGatewayV2::Api) are",
    ),
    (
        "AWS::Lambda::Url",
        "is the URL of a function, whose requests are not answered here: HTTP APIs (AWS::ApiGatewayV2::Api) are",
    ),
    (
        "AWS::CloudFormation::Stack",
        "is a nested stack (TemplateURL), whose resources would be missing here",
    ),
];
/// What names queues, functions and APIs without delivering anything to them, by the beginning of its type.
const INERT: [&str; 25] = [
    "AWS::ApiGateway::",
    "AWS::ApplicationAutoScaling::",
    "AWS::CDK::",
    "AWS::CloudFormation::",
    "AWS::CloudWatch::",
    "AWS::CodeDeploy::",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::EventBusPolicy",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Lambda::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::",
    "AWS::ResourceGroups::",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::",
    "AWS::ServiceCatalogAppRegistry::",
    "AWS::WAFv2::",
    "AWS::XRay::",
    "Custom::",
];
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const API: &str = "AWS::ApiGatewayV2::Api";
/// How deep it is looked into what a property holds as text in JSON.
const DEPTH_MAX: usize = 40;

/// A queue, a function or an API, and how others name it.
struct Part {
    /// For example `the queue Jobs`.
    what: String,
    /// What a text has that names it.
    needles: Vec<String>,
    /// The name by which a property called `FunctionName` names it.
    function_name: Option<String>,
}

impl Builder<'_> {
    /// Refuses a template with what is not emulated and brings something into the stack: all of it in one error.
    pub(super) fn check_entrances(&self) -> Result<(), TemplateError> {
        let parts = self.parts()?;
        let mut found = Vec::new();
        for resource in self.present() {
            if let Some(does) = entrance(resource, &parts) {
                found.push((resource, does));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let listed = found.iter().map(|(resource, does)| {
            format!("{} ({}) {does}", resource.logical_id, resource.definition.resource_type)
        });
        let names: Vec<&str> = found.iter().map(|(resource, _)| resource.logical_id).collect();
        Err(TemplateError::Entrances {
            listed: listed.collect::<Vec<_>>().join("; "),
            option: format!("--without {}", names.join(",")),
        })
    }

    /// What was left out, and what is not emulated and names a part of the stack: the user has to know.
    pub(super) fn absent(&self) -> Result<Vec<Skipped>, TemplateError> {
        let parts = self.parts()?;
        let mut absent = Vec::new();
        for resource in self.all() {
            let reason = if resource.is_left_out {
                let does = entrance(resource, &parts);
                Some(match does {
                    Some(does) => format!("is left out, and nothing arrives by it: it {does}"),
                    None => "is left out".to_owned(),
                })
            } else {
                self.not_run(resource).or_else(|| reaching(resource, &parts))
            };
            absent.extend(reason.map(|reason| Skipped {
                logical_id: resource.logical_id.to_owned(),
                resource_type: resource.definition.resource_type.clone(),
                reason,
            }));
        }
        Ok(absent)
    }

    /// The queues, functions and APIs of the stack.
    fn parts(&self) -> Result<Vec<Part>, TemplateError> {
        let mut parts = Vec::new();
        for queue in self.of_type("AWS::SQS::Queue") {
            let name = self.queue_name(queue)?;
            let arn = format!(":sqs:{}:{ACCOUNT_ID}:{name}", self.region());
            parts.push(Part {
                what: format!("the queue {}", queue.logical_id),
                needles: vec![arn, format!("/{ACCOUNT_ID}/{name}")],
                function_name: None,
            });
        }
        for function in self.of_type("AWS::Lambda::Function") {
            let name = &function.physical_id;
            let arn = format!(":lambda:{}:{ACCOUNT_ID}:function:{name}", self.region());
            parts.push(Part {
                what: format!("the function {}", function.logical_id),
                needles: vec![arn],
                function_name: Some(name.clone()),
            });
        }
        for api in self.of_type(API) {
            parts.push(Part {
                what: format!("the HTTP API {}", api.logical_id),
                needles: vec![api.physical_id.clone()],
                function_name: None,
            });
        }
        Ok(parts)
    }
}

/// What a resource brings into the stack that is not emulated.
fn entrance(resource: &Resolved<'_>, parts: &[Part]) -> Option<String> {
    let own = resource.definition.resource_type.as_str();
    if let Some((_, is)) = ALWAYS.iter().find(|(kind, _)| *kind == own) {
        return Some((*is).to_owned());
    }
    if own == API && text(&resource.properties, "ProtocolType") == Some("WEBSOCKET") {
        return Some("is a WebSocket API, whose connections are not taken here".to_owned());
    }
    if own == MAPPING {
        return other_source(resource);
    }
    let kind = KINDS.iter().find(|kind| kind.resource_type == own)?;
    let properties = resource
        .properties
        .iter()
        .filter(|(name, _)| kind.within.is_empty() || kind.within.contains(&name.as_str()));
    let named = named_in(&properties, parts);
    (!named.is_empty()).then(|| format!("{} {}", kind.does, named.join(", ")))
}

/// That a mapping reads another source than a queue. One whose source needs a value that was not given is refused for that.
fn other_source(mapping: &Resolved<'_>) -> Option<String> {
    let source = text(&mapping.properties, "EventSourceArn");
    if source.is_some_and(|arn| arn.contains(":sqs:")) {
        return None;
    }
    let has_source = mapping.properties.contains_key("EventSourceArn");
    let place = if has_source { "EventSourceArn" } else { "it has no EventSourceArn" };
    Some(format!("reads another source than an SQS queue ({place})"))
}

/// That a resource which is not emulated names parts of the stack: it may send to them, receive from them or call them.
fn reaching(resource: &Resolved<'_>, parts: &[Part]) -> Option<String> {
    let own = resource.definition.resource_type.as_str();
    let is_known = resource.is_emulated() || INERT.iter().any(|begin| own.starts_with(begin));
    if is_known {
        return None;
    }
    let named = named_in(&resource.properties.iter(), parts);
    (!named.is_empty()).then(|| {
        format!(
            "is not emulated and names {}: what it sends, receives or calls there is missing",
            named.join(", ")
        )
    })
}

/// The parts that properties name, each with the property that does first.
fn named_in<'v>(
    properties: &(impl Iterator<Item = (&'v String, &'v Value)> + Clone),
    parts: &[Part],
) -> Vec<String> {
    let named = parts.iter().filter_map(|part| {
        let place = properties
            .clone()
            .find_map(|(name, value)| place_of(part, name, value, &name.clone(), DEPTH_MAX))?;
        Some(format!("{} ({place})", part.what))
    });
    named.collect()
}

/// Where a value names a part.
fn place_of(part: &Part, key: &str, value: &Value, place: &str, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => {
            let is_function = part.function_name.as_deref() == Some(text);
            let is_named = part.needles.iter().any(|needle| has_name(text, needle))
                || is_function && key == "FunctionName";
            if is_named {
                return Some(place.to_owned());
            }
            // A state machine, for example, is a text in JSON.
            let inner = text.trim_start().starts_with('{').then(|| serde_json::from_str(text));
            let inner: Value = inner?.ok()?;
            place_of(part, key, &inner, place, depth).map(|_| place.to_owned())
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            place_of(part, key, item, &format!("{place}.{index}"), depth)
        }),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            place_of(part, name, value, &format!("{place}.{name}"), depth)
        }),
        _ => None,
    }
}

/// Whether a text has a name that does not go on.
fn has_name(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(name).any(|(at, found)| {
        let rest = &text[at + found.len()..];
        !rest.starts_with(goes_on) && !rest.starts_with(".fifo")
    })
}

fn text<'p>(properties: &'p Map<String, Value>, name: &str) -> Option<&'p str> {
    properties.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(needle: &str, function_name: Option<&str>) -> Part {
        Part {
            what: "the queue Jobs".to_owned(),
            needles: vec![needle.to_owned()],
            function_name: function_name.map(str::to_owned),
        }
    }

    #[test]
    fn a_part_is_found_wherever_a_property_names_it() {
        let jobs = part(":sqs:r:0:jobs", None);
        let definition = json!({"States": {"A": {"Parameters": {"QueueUrl": "x:sqs:r:0:jobs"}}}});
        for (value, place) in [
            (json!("arn:aws:sqs:r:0:jobs"), Some("P")),
            (json!([{"Arn": "arn:aws:sqs:r:0:jobs"}]), Some("P.0.Arn")),
            (json!({"A": [0, "arn:aws:sqs:r:0:jobs/x"]}), Some("P.A.1")),
            (json!(definition.to_string()), Some("P")),
            (json!("arn:aws:sqs:r:0:jobs-2"), None),
            (json!("arn:aws:sqs:r:0:jobs.fifo"), None),
            (json!({"jobs": true}), None),
        ] {
            assert_eq!(place_of(&jobs, "P", &value, "P", 9).as_deref(), place, "{value}");
        }
    }

    #[test]
    fn a_function_s_name_alone_counts_where_a_function_is_named() {
        let worker = part(":function:worker", Some("worker"));
        let named = |value: &Value| place_of(&worker, "P", value, "P", 9).is_some();
        assert!(named(&json!({"FunctionName": "worker"})));
        assert!(named(&json!("arn:aws:lambda:r:0:function:worker:live")));
        assert!(!named(&json!({"Name": "worker"})));
        assert!(!named(&json!({"FunctionName": "worker-2"})));
    }
}
