//! `stack.owns`.

use crate::check::{Check, Judgement, MappingEvidence, Severity, StackEvidence};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "stack.owns",
    asserts: "the queues, the consumer and the mapping that the outputs lead to belong to this stack",
    severity: Severity::Fail,
    why: "an output that names another stack's queue would have the verifier prove, and fill, the wrong stack",
    fix: "derive the outputs from the stack's own resources",
    source: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html",
    must_be_exercised: true,
};

/// Judges whether everything that discovery reached is the stack's own.
///
/// `queues` are the names from the outputs, `mappings` those that read the jobs queue.
pub fn judge(stack: &StackEvidence, queues: &[&str], mappings: &[MappingEvidence]) -> Judgement {
    let mut owned = Vec::new();
    let mut foreign = Vec::new();
    let mut sort = |what: String, found: Option<&str>| match found {
        Some(logical_id) => owned.push(format!("{what} = {logical_id}")),
        None => foreign.push(what),
    };
    for name in queues {
        let found = stack.queue(name).map(|resource| resource.logical_id.as_str());
        sort(format!("queue {name}"), found);
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
    let judgement = if foreign.is_empty() {
        Judgement::pass(format!("{} resources, all of {}", owned.len(), stack.name))
    } else {
        Judgement::fail(
            format!("not of this stack: {}", foreign.join(", ")),
            format!("resources of {}", stack.name),
            foreign.join(", "),
        )
        .with_next(format!("aws cloudformation list-stack-resources --stack-name {}", stack.name))
    };
    judgement.with_evidence("owned", owned).with_evidence("foreign", foreign)
}

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
            resources: vec![
                resource("AWS::SQS::Queue", "https://sqs.eu.amazonaws.com/1/jobs"),
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
        let judgement = judge(&stack(), &["jobs"], &[mapping("u-1", "worker")]);
        assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn each_foreign_resource_fails_and_is_named() {
        for (queue, mapping, named) in [
            ("obs", mapping("u-1", "worker"), "queue obs"),
            ("jobs", mapping("u-2", "worker"), "mapping u-2"),
            ("jobs", mapping("u-1", "work"), "function work"),
        ] {
            let judgement = judge(&stack(), &[queue], &[mapping]);
            assert_eq!(judgement.verdict, Verdict::Fail);
            assert!(judgement.summary.contains(named), "{}", judgement.summary);
        }
    }
}
