//! Stacks that are unusual and sound: a check of them passes, with `--strict`, too.

use serde_json::{Value, json};

use verifier_testkit::Changes;

use super::mutant::Mutant;
use super::pages::{configured, hello, own_url};

/// How lines are read that are text, without a receive count.
pub(crate) const TEXT_WITHOUT_COUNT: &str = r"
[outcomes]
pattern = '^job (?<job_id>\S+) of (?<request_id>\S+): (?<outcome>succeeded|failed)$'
";

/// The same where they name the run, too.
pub(crate) const TEXT_OF_RUN: &str = r"
[outcomes]
pattern = '^run (?<run_id>\S+) job (?<job_id>\S+) of (?<request_id>\S+): (?<outcome>succeeded|failed)$'
";

/// The same where they name no invocation, either.
const TEXT_WITHOUT_INVOCATION: &str = r"
[outcomes]
pattern = '^job (?<job_id>\S+) of \S+: (?<outcome>succeeded|failed)$'
";

/// The worker's log is text.
pub(crate) fn text_log(changes: &mut Changes) {
    changes.function("worker")["LoggingConfig"]["LogFormat"] = "Text".into();
}

fn sound(name: &'static str) -> Mutant {
    Mutant::new(name).with_arguments(&["--strict"]).passes()
}

pub(crate) fn stacks() -> Vec<Mutant> {
    let rare = [queues(), batches(), alone()].concat().into_iter().map(Mutant::rare);
    let common = [workers(), logs(), deliveries(), pages(), submitters(), crowds()].concat();
    [common, beside(), open(), rare.collect()].concat()
}

fn queues() -> Vec<Mutant> {
    let jobs = |name, property: &'static str, value: u64| {
        sound(name).with_change(move |changes| changes.jobs_queue()[property] = value.into())
    };
    let receives = |name, count: u64| {
        sound(name).with_change(move |changes| {
            changes.jobs_queue()["RedrivePolicy"]["maxReceiveCount"] = count.into();
        })
    };
    vec![
        jobs("sound: the queue delays by 2 minutes", "DelaySeconds", 120),
        jobs("sound: the queue delays by a quarter of an hour", "DelaySeconds", 900),
        jobs("sound: the queue delays by a second", "DelaySeconds", 1),
        jobs("sound: the visibility timeout is 55 s", "VisibilityTimeout", 55),
        jobs("sound: the visibility timeout is 5 minutes", "VisibilityTimeout", 300),
        jobs("sound: the visibility timeout is an hour", "VisibilityTimeout", 3600),
        jobs("sound: jobs are kept for an hour", "MessageRetentionPeriod", 3600),
        jobs("sound: jobs are kept for 13 days", "MessageRetentionPeriod", 1_123_200),
        jobs("sound: the queue polls long by itself", "ReceiveMessageWaitTimeSeconds", 20),
        receives("sound: one receive", 1),
        receives("sound: two receives", 2),
        receives("sound: four receives", 4),
        receives("sound: five receives", 5),
        receives("sound: ten receives", 10),
    ]
}

fn batches() -> Vec<Mutant> {
    let window = |name, seconds: u64, batch: u64, visibility: u64| {
        sound(name).with_change(move |changes| {
            changes.mapping()["MaximumBatchingWindowInSeconds"] = seconds.into();
            changes.mapping()["BatchSize"] = batch.into();
            changes.jobs_queue()["VisibilityTimeout"] = visibility.into();
        })
    };
    vec![
        window("sound: batches of one", 0, 1, 60),
        window("sound: batches of ten", 1, 10, 60),
        window("sound: no window, and throws where all of a batch failed", 0, 10, 60)
            .with_worker("throws-where-all-failed"),
        window("sound: batches of a hundred", 5, 100, 60),
        window("sound: a batching window of 20 s", 20, 10, 90),
        window("sound: a batching window of 2 s and batches of 3", 2, 3, 60),
        sound("sound: a batch a time").with_change(|changes| {
            changes.mapping()["ScalingConfig"]["MaximumConcurrency"] = 2.into();
        }),
        sound("sound: a worker of a minute").with_change(|changes| {
            changes.function("worker")["Timeout"] = 60.into();
            changes.jobs_queue()["VisibilityTimeout"] = 400.into();
        }),
    ]
}

fn workers() -> Vec<Mutant> {
    let worker = |name, words| sound(name).with_worker(words);
    vec![
        worker("sound: the worker is in Python", ""),
        worker("sound: the worker asks for an earlier retry", "visible-after=5"),
        worker("sound: the worker asks for a retry at once", "visible-after=0"),
        worker("sound: the worker asks for a later retry", "visible-after=75"),
        worker("sound: the worker does the failing job first", "failing-first"),
        worker("sound: the worker does the failing job last", "failing-last"),
        worker("sound: the worker remembers what it did", "remembers"),
        worker("sound: the worker deletes what it did itself", "good=deleted-early"),
        worker(
            "sound: the worker deletes what it did, and throws",
            "good=deleted-early failing=throws failing-last",
        ),
        worker("sound: the worker doubles the visibility timeout", "visible-after=120"),
        worker("sound: the worker tries again within a receive", "good=tried-again"),
        worker("sound: an item is reported twice", "answers=twice"),
    ]
}

fn logs() -> Vec<Mutant> {
    let worker = |name, words| sound(name).with_worker(words);
    let text = r"
[outcomes]
pattern = '^job (?<job_id>\S+) try (?<receive_count>\d+) of (?<request_id>\S+): (?<outcome>succeeded|failed)$'
";
    vec![
        worker("sound: lines come twice", "twice"),
        worker("sound: lines are JSON in a text", "shape=text-in-message"),
        worker("sound: lines are JSON below message", "shape=message"),
        worker("sound: lines are JSON below fields", "shape=fields"),
        worker("sound: lines have no receive count", "without=receiveCount"),
        worker("sound: lines have the receive count as a text", "receive-in-text"),
        worker("sound: lines have no message id", "without=messageId"),
        worker("sound: lines have no job id", "without=jobId"),
        worker("sound: lines have no batch size", "without=batchSize"),
        worker("sound: lines have no request id", "without=requestId"),
        worker("sound: lines have the job's id alone", "without=messageId,receiveCount,requestId,batchSize"),
        worker("sound: lines have neither message id nor count", "without=messageId,receiveCount"),
        worker("sound: other lines name the run, too", "noise"),
        worker("sound: lines are text, by a pattern", "shape=text").with_settings(text),
        worker("sound: lines are text in a text log", "shape=text")
            .with_settings(
                r#"
[outcomes]
pattern = '^job (?<job_id>\S+) try (?<receive_count>\d+) of (?<request_id>\S+): (?<outcome>succeeded|failed)$'

[[expect.allow]]
check = "cfg.logs"
reason = "the log is text"
"#,
            )
            .with_change(text_log)
            .expect(0, &[("cfg.logs", "warn")]),
        worker("sound: lines are text without a count", "shape=text-without-count")
            .with_settings(TEXT_WITHOUT_COUNT),
        worker("sound: lines have another shape, by paths", "shape=nested").with_settings(
            r#"
[outcomes]
marks = { kind = "work" }
run_id = false
job_id = "job.id"
message_id = "sqs.id"
receive_count = "sqs.n"
request_id = "aws"
outcome = "result"
"#,
        ),
    ]
}

/// Batches of one message, which a worker may fail as a whole.
fn alone() -> Vec<Mutant> {
    let alone = |name, words| sound(name).with_worker(words).with_batches_of(1);
    vec![
        alone("sound: alone, the worker throws", "failing=throws"),
        alone("sound: alone, the worker throws before it logs", "failing=throws-silently"),
        alone("sound: alone, the worker exits", "failing=exits"),
        alone("sound: alone, the worker exits before it logs", "failing=exits-silently"),
        alone("sound: alone, the worker times out", "failing=hangs"),
        alone("sound: alone, the worker times out before it logs", "failing=hangs-silently"),
        alone("sound: alone, an empty identifier is reported", "answers=empty-id"),
        alone("sound: alone, the worker throws without reports", "failing=throws").with_change(
            |changes| {
                changes
                    .mapping()
                    .as_object_mut()
                    .expect("properties")
                    .remove("FunctionResponseTypes");
            },
        ),
    ]
}

fn deliveries() -> Vec<Mutant> {
    let fault = |name, rule: Value| Mutant::new(name).with_fault(rule);
    let put_off = |status: u16| {
        json!({"operation": "POST /jobs", "caller": "client", "contains": "-good-1", "nth": 1,
            "fault": {"kind": "error", "status": status, "code": "ServiceUnavailable", "commit": "before"}})
    };
    let twice = [("job.success", "warn"), ("job.isolation", "warn"), ("dlq.attempts", "warn")];
    vec![
        fault("sound: a submission is unavailable once", put_off(503)).passes(),
        fault("sound: a submission is answered 500 once", put_off(500)).passes(),
        fault("sound: a submission is answered 502 once", put_off(502)).passes(),
        fault(
            "sound: a submission is carried out and answered 504 once",
            json!({"operation": "POST /jobs", "caller": "client", "contains": "-failing\"", "nth": 1,
                "fault": {"kind": "error", "status": 504, "code": "GatewayTimeout", "commit": "after"}}),
        )
        .passes(),
        fault(
            "sound: a refused body is answered 500 once",
            json!({"operation": "POST /jobs", "caller": "client", "contains": "missing-task", "nth": 1,
                "fault": {"kind": "error", "status": 500, "code": "InternalServerError", "commit": "before"}}),
        )
        .passes(),
        fault("sound: a submission is throttled once", put_off(429)).passes(),
        fault(
            "sound: a submission is cut off once",
            json!({"operation": "POST /jobs", "caller": "client", "contains": "-good-2", "nth": 1,
                "fault": {"kind": "disconnect", "commit": "before"}}),
        )
        .passes(),
        fault(
            "sound: every first delivery is doubled",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "nth": 1, "count_by": "message",
                "fault": {"kind": "duplicate-delivery"}}),
        )
        .passes()
        .or_also(&twice),
        fault(
            "sound: a slow worker is handed a good job twice",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-good-1", "nth": 1,
                "fault": {"kind": "duplicate-delivery"}}),
        )
        .with_worker("slow")
        .passes()
        .or_also(&twice),
        fault(
            "sound: a worker that remembers is handed a batch twice",
            json!({"operation": "ReceiveMessage", "caller": "mapping", "nth": 4,
                "fault": {"kind": "duplicate-delivery"}}),
        )
        .with_worker("remembers")
        .passes()
        .or_also(&[twice.as_slice(), &[("api.reject", "warn")]].concat()),
        Mutant::new("sound: the worker deletes what it did and throws once")
            .with_worker("good=deleted-early failing=throws-at-first failing-last")
            .passes(),
        fault(
            "sound: lines come ten seconds late",
            json!({"operation": "PutLogEvents", "function": "*Worker*", "fault": {"kind": "log-late", "milliseconds": 10_000}}),
        )
        .passes(),
        fault(
            "sound: messages come late",
            json!({"operation": "SendMessage", "fault": {"kind": "delayed-delivery", "milliseconds": 15_000}}),
        )
        .passes(),
        fault(
            "sound: messages come in another order",
            json!({"operation": "ReceiveMessage", "probability": 0.5, "fault": {"kind": "reorder"}}),
        )
        .passes(),
        fault(
            "sound: the counts lag",
            json!({"operation": "GetQueueAttributes", "fault": {"kind": "stale-counts", "milliseconds": 30_000}}),
        )
        .passes(),
        fault(
            "sound: the worker starts slowly",
            json!({"operation": "Invoke", "function": "*Worker*", "fault": {"kind": "cold-start", "milliseconds": 3_000}}),
        )
        .passes(),
        fault(
            "sound: the log is throttled once",
            json!({"operation": "FilterLogEvents", "caller": "client", "nth": 1,
                "fault": {"kind": "error", "status": 400, "code": "ThrottlingException", "message": "slow down", "commit": "before"}}),
        )
        .passes(),
        fault(
            "sound: a receive is throttled once",
            json!({"operation": "ReceiveMessage", "caller": "client", "nth": 1,
                "fault": {"kind": "error", "status": 403, "code": "RequestThrottled", "message": "slow down", "commit": "before"}}),
        )
        .passes(),
    ]
}

fn pages() -> Vec<Mutant> {
    let strict = |mutant: Mutant| mutant.with_arguments(&["--strict"]).passes();
    let output = |name, output: &'static str, change: fn(Value) -> Value| {
        sound(name).with_change(move |changes| {
            let value = &mut changes.document()["Outputs"][output]["Value"];
            *value = change(value.take());
        })
    };
    vec![
        strict(configured("sound: config.js is minified", "window.__PREVIEW_JOB_URL__=\"{url}\"")),
        strict(configured("sound: config.js is a wrapped function", "!function(e){e.__PREVIEW_JOB_URL__=\"{url}\",e.t=!0,e.n=.5}(window);")),
        strict(configured("sound: config.js parses JSON", "Object.assign(window, JSON.parse('{\"__PREVIEW_JOB_URL__\":\"{url}\"}'));")),
        strict(configured("sound: config.js has regular expressions and comments of HTML", "<!-- it's\nwindow.x = /['\"(]/; window.y = `a${`b`}`; window.__PREVIEW_JOB_URL__ = `{url}`;")),
        strict(configured("sound: config.js has a constant", "'use strict';\nconst jobs = '{url}';\n")),
        strict(configured("sound: config.js has an object", "// made by a script\nwindow.config = {jobs: {url: `{url}`, retries: 3}, other: [1, 2]};")),
        strict(configured("sound: config.js sets the URL again", "window.a = 'https://other.example'; window['a'] = \"{url}\";")),
        output("sound: the page's URL has no query", "PreviewUrl", |value| {
            json!({"Fn::Select": [0, {"Fn::Split": ["?", value]}]})
        }),
        output("sound: the page's URL has a fragment", "PreviewUrl", |value| {
            json!({"Fn::Join": ["", [value, "#jobs"]]})
        }),
        sound("sound: ApiUrl is the API's base").with_change(|changes| {
            let job_url = own_url(changes);
            let base = json!({"Fn::Select": [0, {"Fn::Split": ["/jobs", job_url]}]});
            changes.document()["Outputs"]["ApiUrl"]["Value"] = base;
        }),
        sound("sound: there is no page")
            .with_change(|changes| drop(changes.document()["Outputs"].as_object_mut().expect("outputs").remove("PreviewUrl")))
            .with_settings("[outputs]\npreview_url = false\n\n[expect]\norigins = [\"https://page.example\"]\n")
            .with_change(|changes| {
                changes.properties("AWS::ApiGatewayV2::Api", |_| true)["CorsConfiguration"]["AllowOrigins"] = json!(["https://page.example"]);
            }),
        strict(hello("sound: hello says its number as a number", "number")),
        strict(hello("sound: hello says more", "more")),
    ]
}

fn submitters() -> Vec<Mutant> {
    let submitter = |name, words| sound(name).with_submitter(words);
    // When jobs come is not the check's to say then, so that they may not meet, which --strict asks for.
    let put_off = |name, words| Mutant::new(name).with_submitter(words).passes();
    vec![
        submitter("sound: the submitter is in Python", ""),
        submitter("sound: jobs are written again", "pretty"),
        submitter("sound: jobs are sent with a delay", "delay=20"),
        submitter("sound: the answer says more", "more"),
        put_off("sound: each job is put off once", "first=503 retry-after=2"),
        put_off("sound: each job is throttled once", "first=429 retry-after=1"),
        submitter("sound: refusals say 422", "refuses=422"),
        submitter("sound: jobs are accepted with 201, by the settings", "status=201")
            .with_settings("[api]\naccepted_status = 201\n"),
    ]
}

/// A worker that reads another queue, too, or sends itself more to do.
fn beside() -> Vec<Mutant> {
    let audits = |name, worker, submitter| {
        let mutant = Mutant::new(name).with_worker(worker).with_submitter(submitter);
        mutant.with_audits().passes()
    };
    vec![
        audits("sound: the worker reads another queue, in silence", "", "audits"),
        // Their lines may as well be of copies of the jobs, under other ids.
        audits("sound: the worker reads another queue, and logs", "audits-logged", "audits")
            .expect(0, &[("job.success", "warn")]),
        audits(
            "sound: the worker fails messages of another queue",
            "audits-logged",
            "audits=failing",
        )
        .expect(0, &[("job.success", "warn")]),
        audits(
            "sound: the worker throws at messages of another queue",
            "audits-throw without=batchSize,receiveCount",
            "audits=failing",
        )
        // They are dead-lettered by then, or not yet.
        .or_also(&[("job.success", "warn")]),
        sound("sound: there is another queue").with_submitter("").with_another_queue(),
        sound("sound: the worker sends further jobs a visibility timeout later")
            .with_worker("follow-ups=60"),
        sound("sound: the worker sends further jobs at once").with_worker("follow-ups=0"),
        sound("sound: the worker sends further jobs whose ids begin with the job's")
            .with_worker("follow-ups=0 follow-ups-named={}-2"),
        sound("sound: further jobs whose ids begin with the job's are retried")
            .with_worker("follow-ups=0 follow-ups-retried follow-ups-named={}.mail"),
    ]
}

/// Sound stacks of which not all can be known.
fn open() -> Vec<Mutant> {
    let held = |name, words| {
        let held = Mutant::new(name).with_worker(words);
        held.expect(3, &[("job.success", "inconclusive")])
            .or_also(&[("dlq.attempts", "inconclusive")])
    };
    let late = |name, which: Value| {
        let mut rule = json!({"operation": "PutLogEvents", "function": "*Worker*",
            "fault": {"kind": "log-late", "milliseconds": 240_000}});
        let which = which.as_object().expect("an object").clone();
        rule.as_object_mut().expect("an object").extend(which);
        Mutant::new(name).with_fault(rule).with_arguments(&["--strict"])
    };
    vec![
        held("open: lines come with the next invocation", "holds-lines"),
        held(
            "open: lines come with the next invocation, without ids",
            "holds-lines without=batchSize,receiveCount,messageId,requestId",
        ),
        // Which invocation such a line is of, its place in the log does not tell.
        held(
            "open: lines come with the next invocation, and name none",
            "holds-lines without=requestId",
        ),
        held(
            "open: text lines come with the next invocation, and name none",
            "holds-lines shape=text-without-count",
        )
        .with_settings(TEXT_WITHOUT_INVOCATION)
        .with_change(text_log)
        .or_also(&[("cfg.logs", "warn")]),
        // That a line is not there convicts nobody whose log may lack it.
        late("open: a good job's line comes minutes late", json!({"contains": "-good-9\""}))
            .expect(3, &[("job.success", "inconclusive")]),
        late("open: half of the lines come minutes late", json!({"probability": 0.5}))
            .expect(3, &[("job.success", "inconclusive"), ("dlq.attempts", "inconclusive")])
            .or_also(&[("api.reject", "inconclusive"), ("job.isolation", "inconclusive")])
            .varies(),
        Mutant::new("sound: half of the lines have a clock that is minutes slow")
            .with_fault(json!({"operation": "PutLogEvents", "probability": 0.5,
                "fault": {"kind": "clock-skew", "milliseconds": -300_000}}))
            .passes(),
        // What is still queued convicts nobody, and neither do good jobs that the worker deleted before it threw.
        Mutant::new("open: failing jobs are hidden for an hour, and the worker throws")
            .with_worker("good=deleted-early visible-after=3600 throws-at-the-end")
            .expect(
                3,
                &[
                    ("dlq.attempts", "inconclusive"),
                    ("dlq.arrival", "inconclusive"),
                    ("clean.leftovers", "warn"),
                ],
            )
            .or_also(&[("job.isolation", "inconclusive")]),
        // A count does not tell notes from the bodies themselves.
        Mutant::new("open: each request is noted on another queue")
            .with_submitter("notes")
            .with_another_queue()
            .expect(3, &[("api.reject", "inconclusive")])
            .or_also(&[("job.success", "warn")]),
        Mutant::new("open: jobs are on another queue of the worker's, too")
            .with_worker("audits-logged")
            .with_submitter("audits=same")
            .with_audits()
            .expect(3, &[("job.success", "inconclusive"), ("dlq.attempts", "inconclusive")]),
        Mutant::new("open: failing messages of another queue are not written of")
            .with_worker("")
            .with_submitter("audits=failing")
            .with_audits()
            .expect(3, &[("api.reject", "inconclusive")])
            .or_also(&[("job.success", "warn")]),
    ]
}

fn crowds() -> Vec<Mutant> {
    let job = |fails: bool| json!({"task": "of another", "fail": fails});
    vec![
        sound("sound: others send jobs")
            .with_job_of_others(job(false))
            .with_job_of_others(job(false)),
        sound("sound: others send failing jobs")
            .with_job_of_others(job(true))
            .with_job_of_others(job(true))
            .or_also(&[("dlq.others", "info")]),
        sound("sound: others send all kinds of jobs, to a Python worker")
            .with_worker("")
            .with_job_of_others(job(false))
            .with_job_of_others(job(true))
            .or_also(&[("dlq.others", "info")]),
        // Each may see the failing job of another, which may still go on.
        Mutant::new("sound: two checks run at once")
            .at_once(2)
            .passes()
            .or_also(&[("dlq.others", "info")]),
        Mutant::new("sound: four checks run at once")
            .at_once(4)
            .passes()
            .or_also(&[("dlq.others", "info")]),
    ]
}
