use super::*;
use crate::evidence::StackResource;
use crate::resources::outputs_file::read_terraform;

fn named(file: &str, options: &[(Role, &str)]) -> Named {
    let mut settings = InForce::read("verifier.toml", file).unwrap();
    for (role, value) in options {
        settings.set(role.key(), role.option().unwrap(), |settings| {
            let value = Some((*value).to_owned());
            match role {
                Role::Queue => settings.resources.queue = value,
                Role::DeadLetters => settings.resources.dead_letter_queue = value,
                Role::ApiUrl => settings.resources.api_url = value,
                _ => settings.resources.function = value,
            }
        });
    }
    Named::of(&settings)
}

fn stack(outputs: &[(&str, &str)], resources: &[(&str, &str, &str)]) -> StackEvidence {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let resource = |(kind, id, physical): &(&str, &str, &str)| StackResource {
        resource_type: format!("AWS::{kind}"),
        logical_id: (*id).to_owned(),
        physical_id: (*physical).to_owned(),
    };
    StackEvidence {
        outputs: outputs.iter().map(pair).collect(),
        resources: resources.iter().map(resource).collect(),
        ..StackEvidence::default()
    }
}

#[test]
fn an_option_goes_before_the_file_that_before_an_output_and_that_before_a_logical_id() {
    let file = "[outputs]\njobs_queue = \"Jobs\"\n";
    let both = stack(&[("Jobs", "by-output")], &[("SQS::Queue", "Jobs", "by-id")]);
    let queue = |named: &Named, stack: &StackEvidence| {
        let found = Resources::of_stack(named, stack);
        found.get(Role::Queue).map(|located| (located.value.clone(), located.by.clone()))
    };
    let expect = |value: &str, by: By| Some((value.to_owned(), by));
    let only_id = StackEvidence { outputs: BTreeMap::new(), ..both.clone() };
    assert_eq!(
        queue(&named(file, &[]), &only_id),
        expect("by-id", By::LogicalId("Jobs".to_owned()))
    );
    assert_eq!(queue(&named(file, &[]), &both), expect("by-output", By::Output("Jobs".to_owned())));
    let with = format!("{file}[resources]\nqueue = \"by-file\"\n");
    assert_eq!(queue(&named(&with, &[]), &both), expect("by-file", By::Setting("resources.queue")));
    let option = named(&with, &[(Role::Queue, "by-option")]);
    assert_eq!(queue(&option, &both), expect("by-option", By::Option("--queue")));
    assert_eq!(queue(&named(file, &[]), &StackEvidence::default()), None);
}

#[test]
fn outputs_are_expected_of_what_nothing_else_names() {
    let found = Resources::of_stack(
        &named("[outputs]\nothers = [\"Bucket\"]\n[resources]\napi_url = \"https://a\"\n", &[]),
        &stack(&[("JobUrl", "u")], &[("SQS::Queue", "JobsQueueName", "q")]),
    );
    assert_eq!(
        found.expected_outputs(),
        ["JobsDeadLetterQueueName", "JobUrl", "PreviewUrl", "Bucket"]
    );
    assert_eq!(found.urls().api, Some("https://a"));
    assert!(!found.has_no(Role::PreviewUrl) && found.has_no(Role::Function));
}

#[test]
fn a_function_may_be_named_by_its_logical_id() {
    let worker = stack(&[], &[("Lambda::Function", "Worker12345678", "S-Worker-1")]);
    let of = |name: &str| {
        let found = Resources::of_stack(&named("", &[(Role::Function, name)]), &worker);
        found.value(Role::Function).map(str::to_owned)
    };
    assert_eq!(of("Worker").as_deref(), Some("S-Worker-1"));
    assert_eq!(of("other").as_deref(), Some("other"));
}

#[test]
fn a_file_has_to_have_what_the_settings_say_and_the_jobs_queue() {
    let text = r#"{"q": {"value": "orders"}, "ApiUrl": {"value": "https://a"}}"#;
    let file = read_terraform("tf.json", text).unwrap();
    let of = |settings: &str| Resources::of_file(&named(settings, &[]), &file);
    let queue = "[outputs]\njobs_queue = \"q\"\n";
    let found = of(queue).unwrap();
    assert_eq!(found.value(Role::Queue), Some("orders"));
    // A default that is there counts, and one that is not says nothing.
    assert_eq!(found.urls().api, Some("https://a"));
    assert!(found.has_no(Role::PreviewUrl) && found.has_no(Role::DeadLetters));
    assert!(of("").unwrap_err().problem.contains("no output JobsQueueName"));
    let said = of(&format!("{queue}preview_url = \"Page\"\n")).unwrap_err();
    assert!(said.problem.contains("no output Page, by which the preview page is found"), "{said}");
    assert!(of("[resources]\nqueue = \"q\"\n").is_ok());
    assert_eq!(found.whence, Whence::File("tf.json".to_owned()));
}

#[test]
fn names_alone_leave_everything_else_out() {
    let found = Resources::of_names(&named("", &[(Role::Queue, "arn:aws:sqs:r:1:orders")]));
    assert!(found.has_no(Role::ApiUrl) && found.expected_outputs().is_empty());
    assert_eq!(found.label(), "orders");
    assert!(!found.is_of_stack());
}

#[test]
fn queues_are_looked_for_only_where_nothing_names_one() {
    assert!(named("", &[]).says_no_queue());
    assert!(!named("[outputs]\njobs_queue = \"q\"\n", &[]).says_no_queue());
    assert!(!named("", &[(Role::DeadLetters, "d")]).says_no_queue());
    let mut found = Resources::of_stack(&named("", &[]), &StackEvidence::default());
    found.set_only_pair(("url-j", "Jobs"), ("url-d", "Dead"));
    assert_eq!(
        found.remark().as_deref(),
        Some("jobs queue: Jobs, the only queue of the stack with a redrive policy")
    );
    assert_eq!(found.value(Role::DeadLetters), Some("url-d"));
    assert_eq!(found.known()["jobs queue"], ("url-j", "the resource Jobs".to_owned()));
    assert_eq!(found.known().len(), 2);
}
