//! `stack.owns`.

use std::collections::BTreeSet;

use super::stack_ready::NO_STACK;
use crate::check::{
    Check, Configuration, Evaluate, Evaluation, MappingEvidence, QueueEvidence, Severity,
    StackEvidence,
};
use crate::command::aws;
use crate::resources::Role;
use crate::settings::queue_name;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "stack.owns",
    asserts: "the queues, the API, the consumer and the mapping that the outputs lead to belong to this stack",
    severity: Severity::Fail,
    why: "an output that names another stack's queue would have the verifier prove, and fill, the wrong stack",
    fix: "derive the outputs from the stack's own resources",
    source: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| (!subject.resources.is_of_stack()).then_some(NO_STACK)),
    evaluate: Evaluate::Configuration(|configuration| {
        let Configuration { resources, settings, .. } = *configuration;
        let Some(stack) = configuration.stack else { return Evaluation::not_run(NO_STACK) };
        // What follows from the jobs queue's redrive policy may be another stack's, too.
        let followed = configuration.discovered.dead_letters.as_ref();
        let followed = followed.filter(|_| resources.has_no(Role::DeadLetters));
        let queues: Vec<&str> = [Role::Queue, Role::DeadLetters]
            .into_iter()
            .filter_map(|role| resources.value(role))
            // One of another account keeps its whole name, by which the stack has none.
            .chain(followed.map(QueueEvidence::arn))
            .map(|value| stack.queue_of_output(value).map_or(value, |_| queue_name(value)))
            .collect();
        if queues.is_empty() {
            return Evaluation::not_run("no output names a queue");
        }
        let job_url = settings.job_url(resources.urls());
        let urls: Vec<&str> = resources.urls().api.into_iter().chain(job_url.as_deref()).collect();
        evaluate(stack, &queues, &urls, &configuration.discovered.mappings)
    }),
};

/// Evaluates whether everything that discovery reached is the stack's own.
///
/// `queues` are the names from the outputs, `urls` what the outputs name of the API, and `mappings` those that read the jobs
/// queue. A URL that does not tell an API, such as one of a domain of one's own, is not evaluated.
pub fn evaluate(
    stack: &StackEvidence,
    queues: &[&str],
    urls: &[&str],
    mappings: &[MappingEvidence],
) -> Evaluation {
    let mut owned = Vec::new();
    let mut others = Vec::new();
    let mut sort = |what: String, found: Option<&str>| match found {
        Some(logical_id) => owned.push(format!("{what} = {logical_id}")),
        None => others.push(what),
    };
    for name in queues {
        let found = stack.queue(name).map(|resource| resource.logical_id.as_str());
        sort(format!("queue {name}"), found);
    }
    let apis: BTreeSet<Api> = urls.iter().filter_map(|url| Api::of(url)).collect();
    let own_region = stack.id.split(':').nth(3);
    for Api { id: api, region } in apis {
        // Ids are a region's.
        let elsewhere = region.filter(|region| own_region.is_some_and(|own| own != *region));
        let found = API_TYPES.iter().find_map(|kind| stack.resource(kind, |id| id == api));
        let found = found.filter(|_| elsewhere.is_none()).map(|one| one.logical_id.as_str());
        let place = elsewhere.map(|region| format!(" in {region}")).unwrap_or_default();
        sort(format!("API {api}{place}"), found);
    }
    for mapping in mappings {
        let function = mapping.function_name();
        let found = stack.resource("AWS::Lambda::Function", |name| name == function);
        sort(format!("function {function}"), found.map(|resource| resource.logical_id.as_str()));
        let found = stack.resource("AWS::Lambda::EventSourceMapping", |id| id == mapping.uuid);
        sort(
            format!("mapping {}", mapping.uuid),
            found.map(|resource| resource.logical_id.as_str()),
        );
    }
    let list = ["cloudformation", "list-stack-resources", "--stack-name", &stack.name];
    let evaluation = if others.is_empty() {
        Evaluation::pass(format!("{} resources, all of {}", owned.len(), stack.name))
    } else {
        Evaluation::fail(
            format!("not of this stack: {}", others.join(", ")),
            format!("resources of {}", stack.name),
            others.join(", "),
        )
        .with_next(aws(&stack.id, &list))
    };
    evaluation.with_evidence("owned", owned).with_evidence("others", others)
}

/// The types of APIs whose physical ids are the ids in their URLs.
const API_TYPES: [&str; 2] = ["AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"];

/// An API of API Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Api<'a> {
    id: &'a str,
    /// Where it is, where its URL tells.
    region: Option<&'a str>,
}

impl<'a> Api<'a> {
    /// The API of the URL that API Gateway gives it, `https://ID.execute-api.REGION.amazonaws.com`, or of the one that
    /// `verifier local` gives it, `http://127.0.0.1:PORT/execute-api/ID`. Any other host is a domain of one's own, also where
    /// its name holds `.execute-api.`.
    ///
    /// Sources: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html> and, for the names,
    /// <https://docs.aws.amazon.com/general/latest/gr/apigateway.html>.
    fn of(url: &'a str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = host.strip_suffix(":443").unwrap_or(host);
        if let Some((id, place)) = host.split_once(".execute-api.") {
            let region = AWS_DOMAINS.iter().find_map(|domain| place.strip_suffix(domain))?;
            // A private API's endpoint may be named before it: `ID-vpce-…`.
            return Some(Self { id: id.split('-').next()?, region: Some(region) });
        }
        let id = path.strip_prefix("/execute-api/")?.split(['/', '?', '#']).next()?;
        (!id.is_empty()).then_some(Self { id, region: None })
    }
}

/// What follows the region in the names of API Gateway's endpoints.
const AWS_DOMAINS: [&str; 4] =
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{StackResource, Verdict};

    fn stack() -> StackEvidence {
        let resource = |resource_type: &str, physical_id: &str| StackResource {
            logical_id: "Id".to_owned(),
            physical_id: physical_id.to_owned(),
            resource_type: resource_type.to_owned(),
        };
        StackEvidence {
            id: "arn:aws:cloudformation:eu-central-1:123456789012:stack/S/1".to_owned(),
            resources: vec![
                resource("AWS::SQS::Queue", "https://sqs.eu.amazonaws.com/1/jobs"),
                resource("AWS::ApiGatewayV2::Api", "abc123"),
                resource("AWS::Lambda::Function", "worker"),
                resource("AWS::Lambda::EventSourceMapping", "u-1"),
            ],
            ..StackEvidence::default()
        }
    }

    fn mapping(uuid: &str, function: &str) -> MappingEvidence {
        MappingEvidence {
            uuid: uuid.to_owned(),
            function_arn: format!("arn:aws:lambda:eu:1:function:{function}"),
            ..MappingEvidence::default()
        }
    }

    #[test]
    fn own_resources_pass() {
        let evaluation = evaluate(&stack(), &["jobs"], &[], &[mapping("u-1", "worker")]);
        assert_eq!(evaluation.verdict, Verdict::Pass, "{evaluation:?}");
    }

    #[test]
    fn each_other_resource_fails_and_is_named() {
        for (queue, mapping, named) in [
            ("obs", mapping("u-1", "worker"), "queue obs"),
            ("jobs", mapping("u-2", "worker"), "mapping u-2"),
            ("jobs", mapping("u-1", "work"), "function work"),
        ] {
            let evaluation = evaluate(&stack(), &[queue], &[], &[mapping]);
            assert_eq!(evaluation.verdict, Verdict::Fail);
            assert!(evaluation.summary.contains(named), "{}", evaluation.summary);
        }
    }

    #[test]
    fn a_version_or_an_alias_of_an_own_function_is_own() {
        for function in ["worker:live", "worker:7"] {
            let evaluation = evaluate(&stack(), &["jobs"], &[], &[mapping("u-1", function)]);
            assert_eq!(evaluation.verdict, Verdict::Pass, "{evaluation:?}");
        }
    }

    #[test]
    fn the_api_of_another_stack_fails_and_a_domain_of_ones_own_does_not() {
        let verdict = |url: &str| evaluate(&stack(), &["jobs"], &[url], &[]).verdict;
        for url in [
            "https://abc123.execute-api.eu-central-1.amazonaws.com/jobs",
            "https://abc123.execute-api.eu-central-1.amazonaws.com",
            "http://127.0.0.1:4566/execute-api/abc123/jobs",
            "https://api.example/jobs",
            "https://api.example/v1/execute-api/zzz",
            "https://abc123.execute-api.eu-central-1.api.aws/jobs",
            "https://abc123-vpce-1.execute-api.eu-central-1.amazonaws.com:443/jobs",
            // These are domains of one's own, whatever their names hold.
            "https://zzz999.execute-api.evil.example/jobs",
            "https://zzz999.execute-api.eu-central-1.amazonaws.com.evil.example/jobs",
        ] {
            assert_eq!(verdict(url), Verdict::Pass, "{url}");
        }
        for url in [
            "https://zzz999.execute-api.eu-central-1.amazonaws.com/jobs",
            "http://127.0.0.1:4566/execute-api/zzz999/jobs",
            // An API's id is a region's.
            "https://abc123.execute-api.us-east-1.amazonaws.com/jobs",
        ] {
            assert_eq!(verdict(url), Verdict::Fail, "{url}");
        }
        let own_domain =
            evaluate(&stack(), &["jobs"], &["https://abc123.execute-api.evil.example"], &[]);
        assert!(!format!("{own_domain:?}").contains("abc123"), "{own_domain:?}");
    }
}
