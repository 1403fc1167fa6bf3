//! Stacks that are deployed wrongly.

use serde_json::{Value, json};
use verifier_testkit::Changes;

use super::mutant::Mutant;

const QUEUE: &str = "AWS::SQS::Queue";
const API: &str = "AWS::ApiGatewayV2::Api";

fn dead_letter_queue(changes: &mut Changes) -> &mut Value {
    changes.properties(QUEUE, |properties| properties.get("RedrivePolicy").is_none())
}

fn dead_letter_alarm(changes: &mut Changes) -> &mut Value {
    changes.properties("AWS::CloudWatch::Alarm", |properties| {
        properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    })
}

fn origins(changes: &mut Changes) -> &mut Value {
    &mut changes.properties(API, |_| true)["CorsConfiguration"]["AllowOrigins"]
}

/// The metadata of the only resource that has this key.
fn metadata<'a>(changes: &'a mut Changes, key: &str) -> &'a mut Value {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let mut found = resources.values_mut().filter(|resource| !resource["Metadata"][key].is_null());
    let only = found.next().expect("there is one");
    &mut only["Metadata"][key]
}

/// The logical id of the first resource for which a condition holds.
fn id_of(changes: &mut Changes, condition: impl Fn(&Value) -> bool) -> String {
    let resources = changes.document()["Resources"].as_object().expect("resources");
    let found = resources.iter().find(|(_, resource)| condition(resource));
    found.expect("there is one").0.clone()
}

fn remove(properties: &mut Value, name: &str) {
    properties.as_object_mut().expect("properties").remove(name).expect("it was there");
}

fn without_output(changes: &mut Changes, name: &str) {
    remove(&mut changes.document()["Outputs"], name);
}

/// Another queue of the stack, which nobody reads.
fn add_queue(changes: &mut Changes) {
    changes.document()["Resources"]["Unrelated"] = json!({
        "Type": QUEUE,
        "Properties": {"SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1_209_600},
    });
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [
        queues(),
        accesses(),
        consumers(),
        observers(),
        alarms(),
        site_and_api(),
        origins_and_headers(),
        outputs(),
    ]
    .concat()
}

/// The jobs queue has the tag by which an experiment says that it is under way.
fn leased(changes: &mut Changes, value: &str) {
    let tags = &mut changes.jobs_queue()["Tags"];
    let mut all = tags.as_array().cloned().unwrap_or_default();
    all.push(json!({"Key": "verifier:chaos", "Value": value}));
    *tags = json!(all);
}

fn queues() -> Vec<Mutant> {
    vec![
        Mutant::new("jobs expire before their retries end")
            .with_change(|changes| changes.jobs_queue()["MessageRetentionPeriod"] = 150.into())
            .expect(1, &[("cfg.retention", "fail")])
            // What becomes of a job that expires while it is retried depends on when that is.
            .or_also(&[
                ("dlq.attempts", "warn"),
                ("dlq.attempts", "fail"),
                ("dlq.arrival", "fail"),
                ("dlq.arrival", "inconclusive"),
                ("clean.leftovers", "warn"),
            ]),
        Mutant::new("the DLQ has a DLQ")
            .with_change(|changes| {
                let queue = dead_letter_queue(changes);
                queue["RedrivePolicy"] = json!({
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Unrelated", "Arn"]},
                    "maxReceiveCount": 1,
                });
                add_queue(changes);
            })
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("the denial of plain HTTP has an empty condition")
            .with_change(|changes| {
                let policy = changes.properties("AWS::SQS::QueuePolicy", |properties| {
                    properties.to_string().contains("DeadLetter")
                });
                policy["PolicyDocument"]["Statement"][0]["Condition"]["Bool"]["aws:SecureTransport"] = json!([]);
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.tls", "warn")]),
        Mutant::new("the DLQ keeps messages no longer than the queue")
            .with_change(|changes| {
                dead_letter_queue(changes)["MessageRetentionPeriod"] = 345_600.into();
            })
            .expect(1, &[("cfg.retention", "fail")]),
        Mutant::new("the DLQ is not encrypted")
            .with_change(|changes| {
                dead_letter_queue(changes)["SqsManagedSseEnabled"] = false.into();
            })
            .expect(1, &[("cfg.encryption", "fail")]),
        Mutant::new("the jobs queue is not encrypted")
            .with_change(|changes| changes.jobs_queue()["SqsManagedSseEnabled"] = false.into())
            .expect(1, &[("cfg.encryption", "fail")]),
        Mutant::new("an experiment breaks it meanwhile")
            .with_change(|changes| leased(changes, "chaos-1 until 4102444800000"))
            .expect(0, &[("cfg.experiment", "warn")]),
        Mutant::new("an experiment was not restored")
            .with_change(|changes| leased(changes, "chaos-1 until 1000"))
            .expect(0, &[("cfg.experiment", "warn")]),
        Mutant::new("messages go to another DLQ")
            .with_change(|changes| {
                add_queue(changes);
                changes.jobs_queue()["RedrivePolicy"]["deadLetterTargetArn"] =
                    json!({"Fn::GetAtt": ["Unrelated", "Arn"]});
            })
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("there is no redrive policy")
            .with_change(|changes| remove(changes.jobs_queue(), "RedrivePolicy"))
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("another maxReceiveCount than expected")
            .with_arguments(&["--receives", "5"])
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("the outputs of the queues are swapped")
            .with_change(|changes| {
                let outputs = &mut changes.document()["Outputs"];
                let jobs = outputs["JobsQueueName"]["Value"].take();
                let dead_letters = outputs["JobsDeadLetterQueueName"]["Value"].take();
                outputs["JobsQueueName"]["Value"] = dead_letters;
                outputs["JobsDeadLetterQueueName"]["Value"] = jobs;
            })
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("the visibility timeout is short")
            .with_change(|changes| changes.jobs_queue()["VisibilityTimeout"] = 30.into())
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.visibility", "warn")]),
        Mutant::new("a queue can be used without TLS")
            .with_change(|changes| {
                let policy = changes.properties("AWS::SQS::QueuePolicy", |properties| {
                    properties.to_string().contains("DeadLetter")
                });
                policy["PolicyDocument"]["Statement"][0]["Action"] = "sqs:SendMessage".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.tls", "warn")]),
    ]
}

/// Adds a statement to the policy of the jobs queue, or of the dead-letter queue.
fn allow(changes: &mut Changes, of_dead_letters: bool, statement: Value) {
    let policy = changes.properties("AWS::SQS::QueuePolicy", |properties| {
        properties.to_string().contains("DeadLetter") == of_dead_letters
    });
    let statements = &mut policy["PolicyDocument"]["Statement"];
    let resource = statements[0]["Resource"].clone();
    let mut statement = statement;
    statement["Effect"] = "Allow".into();
    statement["Resource"] = resource;
    statements.as_array_mut().expect("statements").push(statement);
}

fn accesses() -> Vec<Mutant> {
    let open = |name: &'static str, of_dead_letters: bool, statement: Value| {
        Mutant::new(name)
            .with_change(move |changes| allow(changes, of_dead_letters, statement.clone()))
            .with_arguments(&["--strict"])
    };
    let everybody = |condition: Value| json!({"Principal": "*", "Action": "sqs:SendMessage", "Condition": condition});
    let fails = [("cfg.access", "fail")];
    vec![
        open("the jobs queue is open", false, json!({"Principal": "*", "Action": "sqs:*"}))
            .expect(1, &fails),
        open("the DLQ is open", true, json!({"Principal": {"AWS": ["*"]}, "Action": "sqs:ReceiveMessage"}))
            .expect(1, &fails),
        open("the queue is open to all but one", false, json!({"NotPrincipal": {"AWS": "111111111111"}, "Action": "sqs:*"}))
            .expect(1, &fails),
        open("an open queue has an empty condition", false, everybody(json!({})))
            .expect(1, &fails),
        open(
            "an open queue has a condition that all meet",
            false,
            everybody(json!({"StringLike": {"aws:PrincipalOrgID": "*"}})),
        )
        .expect(1, &fails),
        open(
            "an open queue wants TLS alone",
            false,
            everybody(json!({"Bool": {"aws:SecureTransport": "true"}})),
        )
        .expect(1, &fails),
        open(
            "another account may send",
            false,
            json!({"Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "sqs:SendMessage"}),
        )
        .expect(1, &[("cfg.access", "warn")]),
        open(
            "a topic of another account may send",
            false,
            everybody(json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-local-1:222222222222:t"}})),
        )
        .expect(1, &[("cfg.access", "warn")]),
        open(
            "a service may send for anybody",
            false,
            json!({"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}),
        )
        .expect(1, &[("cfg.access", "warn")]),
        open(
            "sound: a topic of the account may send",
            false,
            everybody(json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-local-1:000000000000:t"}})),
        )
        .passes(),
    ]
}

fn second_consumer(changes: &mut Changes, is_enabled: bool) {
    let mut second = changes.mapping().clone();
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let hello =
        resources.iter().find(|(_, resource)| resource["Metadata"]["verifier:binary"] == "hello");
    let (hello, _) = hello.expect("there is a hello function");
    second["FunctionName"] = json!({"Ref": hello});
    second["Enabled"] = is_enabled.into();
    resources.insert(
        "Second".to_owned(),
        json!({"Type": "AWS::Lambda::EventSourceMapping", "Properties": second}),
    );
    changes.let_roles_use_queues_and_logs();
}

fn consumers() -> Vec<Mutant> {
    vec![
        Mutant::new("a function reads the DLQ")
            .with_change(|changes| {
                let dead_letters = id_of(changes, |resource| {
                    resource["Type"] == QUEUE && resource["Properties"]["RedrivePolicy"].is_null()
                });
                let hello =
                    id_of(changes, |resource| resource["Metadata"]["verifier:binary"] == "hello");
                let role = changes.function("hello")["Role"]["Fn::GetAtt"][0].clone();
                let arn = json!({"Fn::GetAtt": [dead_letters, "Arn"]});
                let resources = &mut changes.document()["Resources"];
                resources["MayDrain"] = json!({"Type": "AWS::IAM::Policy", "Properties": {
                    "PolicyName": "may-drain",
                    "Roles": [{"Ref": role}],
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                        {"Effect": "Allow", "Action": "sqs:*", "Resource": arn.clone()},
                    ]},
                }});
                resources["Drain"] = json!({
                    "Type": "AWS::Lambda::EventSourceMapping",
                    "DependsOn": "MayDrain",
                    "Properties": {"EventSourceArn": arn, "FunctionName": {"Ref": hello}},
                });
            })
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("the consumer is switched off")
            .with_change(|changes| changes.mapping()["Enabled"] = false.into())
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("the consumer does not report batch item failures")
            .with_change(|changes| remove(changes.mapping(), "FunctionResponseTypes"))
            // What the worker answers is ignored, and the failing jobs are deleted.
            .expect(
                1,
                &[("cfg.consumer", "warn"), ("dlq.attempts", "warn"), ("dlq.arrival", "fail")],
            ),
        Mutant::new("the consumer does not report, and the worker throws at last")
            .with_change(|changes| remove(changes.mapping(), "FunctionResponseTypes"))
            .with_worker("throws-at-the-end")
            .expect(1, &[("cfg.consumer", "warn"), ("job.isolation", "fail")])
            .or_also(&[("job.success", "fail"), ("clean.leftovers", "warn")]),
        Mutant::new("the consumer does not report, and the worker deletes what it did and throws")
            .with_change(|changes| remove(changes.mapping(), "FunctionResponseTypes"))
            .with_worker("good=deleted-early throws-at-the-end")
            .expect(0, &[("cfg.consumer", "warn")])
            // On a busy machine jobs may meet so that job.isolation is left open, which has another exit code.
            .rare(),
        Mutant::new("there is no consumer")
            .with_change(|changes| {
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                resources
                    .retain(|_, resource| resource["Type"] != "AWS::Lambda::EventSourceMapping");
            })
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("the submitter's role may not send")
            .with_change(|changes| changes.deny("sqs:SendMessage"))
            .expect(
                1,
                &[("api.reject", "inconclusive"), ("job.accept", "fail"), ("iam.enough", "fail")],
            ),
        Mutant::new("no role may write its log")
            .with_change(|changes| changes.deny("logs:PutLogEvents"))
            .expect(
                1,
                &[
                    ("api.reject", "inconclusive"),
                    ("job.success", "inconclusive"),
                    ("dlq.attempts", "inconclusive"),
                    ("iam.enough", "fail"),
                ],
            ),
        Mutant::new("no function lets the API invoke it")
            .with_change(|changes| {
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                resources.retain(|_, resource| resource["Type"] != "AWS::Lambda::Permission");
            })
            .expect(1, &[("api.hello", "fail"), ("api.reject", "fail"), ("job.accept", "fail")]),
        Mutant::new("two consumers share the queue")
            .with_change(|changes| second_consumer(changes, true))
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("sound: a second consumer is switched off")
            .with_change(|changes| second_consumer(changes, false))
            .with_arguments(&["--strict"])
            .passes(),
        Mutant::new("the function has no concurrency")
            .with_change(|changes| {
                changes.function("worker")["ReservedConcurrentExecutions"] = 0.into();
            })
            .expect(
                1,
                &[
                    ("api.reject", "inconclusive"),
                    ("job.success", "fail"),
                    ("dlq.attempts", "inconclusive"),
                ],
            )
            .or_also(&[("clean.leftovers", "warn")]),
    ]
}

fn observers() -> Vec<Mutant> {
    vec![
        Mutant::new("the worker's log is kept indefinitely")
            .with_change(|changes| {
                let log_group = changes.properties("AWS::Logs::LogGroup", |properties| {
                    properties["RetentionInDays"] == 14
                });
                remove(log_group, "RetentionInDays");
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.logs", "warn")]),
        Mutant::new("the worker's log is text")
            .with_change(|changes| {
                changes.function("worker")["LoggingConfig"]["LogFormat"] = "Text".into();
            })
            // No line is an outcome by the settings, so nothing is known of the jobs.
            .expect(
                3,
                &[
                    ("cfg.logs", "warn"),
                    ("job.success", "inconclusive"),
                    ("dlq.attempts", "inconclusive"),
                ],
            ),
        Mutant::new("the worker's log leaves outcomes out")
            .with_change(|changes| {
                changes.function("worker")["LoggingConfig"]["ApplicationLogLevel"] = "ERROR".into();
            })
            .expect(
                1,
                &[("cfg.logs", "warn"), ("job.success", "fail"), ("dlq.attempts", "inconclusive")],
            ),
        // Its lines come all the same, as where they are of a higher level.
        Mutant::new("the worker's log leaves no outcome out")
            .with_worker("")
            .with_change(|changes| {
                changes.function("worker")["LoggingConfig"]["ApplicationLogLevel"] = "WARN".into();
            })
            .expect(0, &[("cfg.logs", "warn")]),
        Mutant::new("the alarm counts what was sent")
            .with_change(|changes| {
                dead_letter_alarm(changes)["MetricName"] = "NumberOfMessagesSent".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.alarm", "warn")]),
        Mutant::new("the alarm names no section of the runbook")
            .with_change(|changes| {
                dead_letter_alarm(changes)["AlarmDescription"] = "Dead letters.".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.alarm", "warn")]),
    ]
}

/// The dead-letter alarm, written as a list of one metric.
fn listed_alarm(changes: &mut Changes, threshold: f64) {
    let alarm = dead_letter_alarm(changes).as_object_mut().expect("properties");
    let mut take = |name: &str| alarm.remove(name).unwrap_or_default();
    let metric = json!({
        "Namespace": take("Namespace"),
        "MetricName": take("MetricName"),
        "Dimensions": take("Dimensions"),
    });
    let stat = json!({"Metric": metric, "Period": take("Period"), "Stat": take("Statistic")});
    alarm.insert(
        "Metrics".to_owned(),
        json!([{"Id": "m1", "ReturnData": true, "MetricStat": stat}]),
    );
    alarm.insert("Threshold".to_owned(), threshold.into());
}

fn alarms() -> Vec<Mutant> {
    let with = |name: &'static str, properties: Value| {
        Mutant::new(name)
            .with_change(move |changes| {
                let alarm = dead_letter_alarm(changes).as_object_mut().expect("properties");
                alarm.extend(properties.as_object().expect("properties").clone());
            })
            .with_arguments(&["--strict"])
    };
    let warns = |mutant: Mutant| mutant.expect(1, &[("cfg.alarm", "warn")]);
    vec![
        warns(with("the alarm has a period of 10 s", json!({"Period": 10}))),
        warns(with("the alarm never goes off", json!({"Threshold": 1e9}))),
        warns(with("the alarm by a list never goes off", json!({})))
            .with_change(|changes| listed_alarm(changes, 1e9)),
        with("sound: the alarm is on a list of one metric", json!({}))
            .with_change(|changes| listed_alarm(changes, 0.0))
            .passes(),
        warns(with("the alarm is always on", json!({"Threshold": -1}))),
        warns(with("the alarm waits for eleven messages", json!({"Threshold": 10}))),
        warns(with(
            "the alarm goes off below its threshold",
            json!({"ComparisonOperator": "LessThanThreshold", "Threshold": 1}),
        )),
        warns(with("the alarm calls nobody", json!({"ActionsEnabled": false}))),
        warns(with(
            "the alarm does not call who it names",
            json!({"ActionsEnabled": false, "AlarmActions": ["arn:aws:sns:us-local-1:000000000000:t"]}),
        )),
        warns(with("the alarm counts samples", json!({"Statistic": "SampleCount"}))),
        warns(with("the alarm takes an hour", json!({"Period": 3600}))),
        warns(with("the alarm takes sixteen periods", json!({"EvaluationPeriods": 16}))),
        warns(with(
            "the alarm takes an idle queue for a full one",
            json!({"TreatMissingData": "breaching"}),
        )),
        warns(with(
            "the alarm is on another queue",
            json!({"Dimensions": [{"Name": "QueueName", "Value": "other"}]}),
        )),
        with(
            "sound: the alarm goes off at one message on average",
            json!({"ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 1, "Statistic": "Average", "Period": 300}),
        )
        .passes(),
        with(
            "sound: two of three data points",
            json!({"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Statistic": "Sum"}),
        )
        .passes(),
    ]
}

fn origins_and_headers() -> Vec<Mutant> {
    let cors = |name: &'static str, field: &'static str, value: Value| {
        Mutant::new(name).with_change(move |changes| {
            changes.properties(API, |_| true)["CorsConfiguration"][field] = value.clone();
        })
    };
    let add_origin = |name: &'static str, origin: &'static str| {
        Mutant::new(name).with_change(move |changes| {
            origins(changes).as_array_mut().expect("origins").push(origin.into());
        })
    };
    let fails = [("api.cors", "fail")];
    vec![
        add_origin("any page without TLS may call the API", "http://*").expect(1, &fails),
        add_origin("any page with TLS may call the API", "https://*").expect(1, &fails),
        add_origin("a page without an origin may call the API", "null").expect(1, &fails),
        cors("the API allows no header", "AllowHeaders", json!([])).expect(1, &fails),
        // A form could send a POST, so a browser asks no leave for one.
        cors("sound: the API allows GET alone", "AllowMethods", json!(["GET"])).passes(),
        cors("sound: the API allows all headers", "AllowHeaders", json!(["*"])).passes(),
        cors("sound: the API allows all methods", "AllowMethods", json!(["*"])).passes(),
        add_origin("sound: another page may call the API", "https://other.example").passes(),
    ]
}

fn site_and_api() -> Vec<Mutant> {
    vec![
        Mutant::new("the site has no page")
            .with_change(|changes| *metadata(changes, "verifier:directory") = "stack/lib".into())
            .expect(1, &[("web.page", "fail")]),
        Mutant::new("config.js is another stack's")
            .with_change(|changes| {
                metadata(changes, "verifier:files")["config.js"] =
                    "window.__PREVIEW_JOB_URL__ = \"https://other.example/jobs\";".into();
            })
            .expect(1, &[("web.config", "fail")]),
        Mutant::new("there is no config.js")
            .with_change(|changes| *metadata(changes, "verifier:files") = json!({}))
            .expect(1, &[("web.config", "fail")]),
        Mutant::new("the API is another pull request's")
            .with_change(|changes| {
                changes.function("hello")["Environment"]["Variables"]["PR_NUMBER"] = "999".into();
            })
            .expect(1, &[("api.hello", "fail")]),
        Mutant::new("any page may call the API")
            .with_change(|changes| *origins(changes) = json!(["*"]))
            .expect(1, &[("api.cors", "fail")]),
        Mutant::new("the preview's page may not call the API")
            .with_change(|changes| *origins(changes) = json!(["https://other.example"]))
            .expect(1, &[("api.cors", "fail")]),
        Mutant::new("there is no hello route")
            .with_change(|changes| {
                let hello = changes.properties("AWS::ApiGatewayV2::Route", |properties| {
                    properties["RouteKey"] == "GET /hello"
                });
                hello["RouteKey"] = "GET /other".into();
            })
            .expect(1, &[("api.hello", "fail")]),
    ]
}

fn outputs() -> Vec<Mutant> {
    let missing = |name: &'static str, output: &'static str| {
        Mutant::new(name)
            .with_change(move |changes| without_output(changes, output))
            .expect(1, &[("stack.ready", "fail")])
    };
    vec![
        Mutant::new("the stack was rolled back")
            .rolled_back()
            .expect(1, &[("stack.ready", "fail")]),
        missing("the output JobUrl is missing", "JobUrl"),
        missing("the output ApiUrl is missing", "ApiUrl"),
        missing("the output PreviewUrl is missing", "PreviewUrl"),
        missing("the output JobsQueueName is missing", "JobsQueueName"),
        missing("the output JobsDeadLetterQueueName is missing", "JobsDeadLetterQueueName"),
        Mutant::new("the API is another stack's")
            .with_change(|changes| {
                changes.document()["Outputs"]["JobUrl"]["Value"] =
                    "http://127.0.0.1:9/execute-api/other/jobs".into();
            })
            .expect(1, &[("stack.owns", "fail"), ("web.config", "fail"), ("api.cors", "fail")]),
        Mutant::new("an output names a queue of nobody")
            .with_change(|changes| {
                changes.document()["Outputs"]["JobsQueueName"]["Value"] = "nobodys".into();
            })
            .expect(1, &[("stack.owns", "fail")]),
    ]
}
