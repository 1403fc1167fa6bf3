//! What `Ref` and `Fn::GetAtt` return for each type of resource.
//!
//! Source: the "Return values" section of each type at
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/>.

use serde_json::Value;
use verifier_model::sqs::md5_of_body;

use super::{Evaluator, ResourceDefinition, TemplateError, TemplatePath};

/// The only account of the emulator: none that exists on AWS.
pub(crate) const ACCOUNT_ID: &str = "000000000000";
/// The partition.
pub(crate) const PARTITION: &str = "aws";
/// The number of a function's first published version.
const FIRST_VERSION: &str = "1";
/// The domain of AWS's endpoints.
pub(crate) const URL_SUFFIX: &str = "amazonaws.com";

/// Whether an attribute by its name only names the resource. What custom resources and other stacks answer may be anything.
fn is_name_of(resource_type: &str, attribute: &str, ends: &[&str]) -> bool {
    let is_own =
        ["Custom::", "AWS::CloudFormation::"].iter().all(|begin| !resource_type.starts_with(begin));
    is_own && !attribute.contains('.') && ends.iter().any(|end| attribute.ends_with(end))
}

impl Evaluator<'_> {
    /// The value of `Ref`, which is the physical id for almost every type.
    pub(super) fn reference(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
    ) -> Result<String, TemplateError> {
        let named = |property: &str, limit: usize| {
            self.physical_name(logical_id, resource, property, limit)
        };
        Ok(match resource.resource_type.as_str() {
            "AWS::SQS::Queue" => {
                format!("{}/{ACCOUNT_ID}/{}", self.endpoint, self.queue_name(logical_id, resource)?)
            }
            "AWS::Lambda::Function" => named("FunctionName", 64)?,
            "AWS::Logs::LogGroup" => named("LogGroupName", 512)?,
            "AWS::S3::Bucket" => named("BucketName", 63)?.to_ascii_lowercase(),
            "AWS::Lambda::EventSourceMapping" => {
                let digest = self.digest(logical_id);
                let part = |from: usize, to: usize| &digest[from..to];
                [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
            }
            "AWS::ApiGatewayV2::Api" | "AWS::ApiGateway::RestApi" => {
                self.digest(logical_id)[..10].to_owned()
            }
            "AWS::ApiGatewayV2::Integration" | "AWS::ApiGatewayV2::Route" => {
                self.digest(logical_id)[..7].to_owned()
            }
            "AWS::ApiGatewayV2::Deployment" => self.digest(logical_id)[..6].to_owned(),
            "AWS::ApiGatewayV2::Stage" => {
                self.text(logical_id, resource, "StageName")?.unwrap_or_default()
            }
            // One that is invoked is the function itself: there is one version of it here.
            "AWS::Lambda::Alias" => {
                let name = self.text(logical_id, resource, "Name")?.unwrap_or_default();
                format!("{}:{name}", self.function_arn(logical_id, resource)?)
            }
            "AWS::Lambda::Version" => {
                format!("{}:{FIRST_VERSION}", self.function_arn(logical_id, resource)?)
            }
            "AWS::CloudFront::Distribution" => {
                format!("E{}", self.digest(logical_id)[..13].to_ascii_uppercase())
            }
            "AWS::SNS::Topic" => {
                format!(
                    "arn:{PARTITION}:sns:{}:{ACCOUNT_ID}:{}",
                    self.region,
                    named("TopicName", 256)?
                )
            }
            "AWS::CloudWatch::Alarm" => named("AlarmName", 255)?,
            "AWS::IAM::Role" => named("RoleName", 64)?,
            "AWS::IAM::ManagedPolicy" => {
                let path = self.text(logical_id, resource, "Path")?;
                let path = path.as_deref().unwrap_or("/");
                format!(
                    "arn:{PARTITION}:iam::{ACCOUNT_ID}:policy{path}{}",
                    named("ManagedPolicyName", 128)?
                )
            }
            _ => self.generated_name(logical_id, 255),
        })
    }

    /// The value of `Fn::GetAtt`.
    pub(super) fn attribute(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
        attribute: &str,
        place: &TemplatePath,
    ) -> Result<Value, TemplateError> {
        let reference = || self.reference(logical_id, resource);
        let arn = |service: &str, rest: String| {
            format!("arn:{PARTITION}:{service}:{}:{ACCOUNT_ID}:{rest}", self.region)
        };
        let text = match (resource.resource_type.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => arn("sqs", self.queue_name(logical_id, resource)?),
            ("AWS::SQS::Queue", "QueueName") => self.queue_name(logical_id, resource)?,
            ("AWS::Lambda::Function", "Arn") => arn("lambda", format!("function:{}", reference()?)),
            ("AWS::Lambda::EventSourceMapping", "EventSourceMappingArn") => {
                arn("lambda", format!("event-source-mapping:{}", reference()?))
            }
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", format!("log-group:{}:*", reference()?)),
            ("AWS::S3::Bucket", "Arn") => format!("arn:{PARTITION}:s3:::{}", reference()?),
            ("AWS::S3::Bucket", "DomainName") => format!("{}.s3.{URL_SUFFIX}", reference()?),
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                format!("{}.s3.{}.{URL_SUFFIX}", reference()?, self.region)
            }
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => {
                format!("https://{}.execute-api.{}.{URL_SUFFIX}", reference()?, self.region)
            }
            ("AWS::CloudFront::Distribution", "DomainName") => self.distribution_domain(logical_id),
            ("AWS::IAM::Role", "Arn") => self.role_arn(logical_id, resource)?,
            ("AWS::CloudWatch::Alarm", "Arn") => {
                arn("cloudwatch", format!("alarm:{}", reference()?))
            }
            ("AWS::Lambda::Version", "Version") => FIRST_VERSION.to_owned(),
            ("AWS::Lambda::Version", "FunctionArn") | ("AWS::Lambda::Alias", "AliasArn") => {
                reference()?
            }
            ("AWS::SQS::Queue", "QueueUrl")
            | ("AWS::ApiGatewayV2::Api", "ApiId")
            | ("AWS::ApiGatewayV2::Deployment", "DeploymentId")
            | (
                "AWS::Lambda::EventSourceMapping"
                | "AWS::CloudFront::Distribution"
                | "AWS::CloudFront::OriginAccessControl",
                "Id",
            )
            | ("AWS::SNS::Topic", "TopicArn") => reference()?,
            ("AWS::SNS::Topic", "TopicName") => {
                reference()?.rsplit(':').next().unwrap_or_default().to_owned()
            }
            // CDK's deployments answer with the bucket that they filled.
            ("Custom::CDKBucketDeployment", "DestinationBucketArn") => {
                let bucket = self.text(logical_id, resource, "DestinationBucketName")?;
                format!("arn:{PARTITION}:s3:::{}", bucket.unwrap_or_default())
            }
            // An ARN, an id or a name of a resource that is not emulated only names it, for example in a policy.
            (_, "Arn") => arn("unknown", reference()?),
            (own, attribute) if is_name_of(own, attribute, &["Arn", "ARN"]) => {
                arn("unknown", reference()?)
            }
            (own, attribute) if is_name_of(own, attribute, &["Id", "Name"]) => reference()?,
            _ => {
                return Err(TemplateError::UnknownAttribute {
                    place: place.to_string(),
                    logical_id: logical_id.to_owned(),
                    resource_type: resource.resource_type.clone(),
                    attribute: attribute.to_owned(),
                });
            }
        };
        Ok(Value::String(text))
    }

    /// The ARN of the function that an alias or a version is of.
    fn function_arn(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
    ) -> Result<String, TemplateError> {
        let function = self.text(logical_id, resource, "FunctionName")?.unwrap_or_default();
        let name = function.split_once(":function:").map_or(function.as_str(), |(_, name)| name);
        let name = name.split(':').next().unwrap_or(name);
        Ok(format!("arn:{PARTITION}:lambda:{}:{ACCOUNT_ID}:function:{name}", self.region))
    }

    /// The ARN of a role, which its path is a part of.
    pub(crate) fn role_arn(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
    ) -> Result<String, TemplateError> {
        let path = self.text(logical_id, resource, "Path")?;
        let name = self.reference(logical_id, resource)?;
        Ok(format!(
            "arn:{PARTITION}:iam::{ACCOUNT_ID}:role{}{name}",
            path.as_deref().unwrap_or("/")
        ))
    }

    /// The domain that CloudFront gives a distribution.
    pub(crate) fn distribution_domain(&self, logical_id: &str) -> String {
        format!("d{}.cloudfront.net", &self.digest(logical_id)[..13])
    }

    /// A queue's name: a FIFO queue's generated name ends in `.fifo`.
    pub(crate) fn queue_name(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
    ) -> Result<String, TemplateError> {
        let fifo = matches!(resource.properties.get("FifoQueue"), Some(Value::Bool(true)))
            || resource.properties.get("FifoQueue").and_then(Value::as_str) == Some("true");
        match self.text(logical_id, resource, "QueueName")? {
            Some(name) => Ok(name),
            None if fifo => Ok(format!("{}.fifo", self.generated_name(logical_id, 75))),
            None => Ok(self.generated_name(logical_id, 80)),
        }
    }

    fn physical_name(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
        property: &str,
        limit: usize,
    ) -> Result<String, TemplateError> {
        let given = self.text(logical_id, resource, property)?;
        Ok(given.unwrap_or_else(|| self.generated_name(logical_id, limit)))
    }

    /// A name as CloudFormation makes them: stack, logical id, random part; the first two shortened to fit.
    fn generated_name(&self, logical_id: &str, limit: usize) -> String {
        let suffix = self.digest(logical_id)[..12].to_ascii_uppercase();
        let mut name = format!("{}-{logical_id}", self.stack_name);
        name.truncate(limit - suffix.len() - 1);
        format!("{}-{suffix}", name.trim_end_matches('-'))
    }

    /// Stands in for the random part of ids: 32 hexadecimal digits, the same on every run.
    fn digest(&self, logical_id: &str) -> String {
        md5_of_body(&format!("{}/{logical_id}", self.stack_name))
    }
}
