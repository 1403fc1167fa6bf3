use proptest::prelude::*;
use verifier_model::faults::Commit;

use super::*;

fn read(text: &str) -> Result<History, String> {
    History::read(text.as_bytes()).map_err(|error| error.to_string())
}

fn text_of(history: &History) -> String {
    let mut bytes = Vec::new();
    history.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn id() -> impl Strategy<Value = Id> {
    "[a-z\\\\\"é]{1,4}".prop_map(Id::from)
}

fn content() -> impl Strategy<Value = Content> {
    (id(), prop::option::of(id()))
        .prop_map(|(md5_of_body, md5_of_attributes)| Content { md5_of_body, md5_of_attributes })
}

fn event() -> impl Strategy<Value = Event> {
    let nature =
        prop::sample::select(vec![Expectation::Healthy, Expectation::Flaky, Expectation::Poison]);
    let queue = prop::sample::select(vec![Queue::Jobs, Queue::DeadLetter]);
    let outcome = prop::sample::select(vec![Outcome::Succeeded, Outcome::Failed]);
    let endings = vec![
        InvocationEnd::Responded,
        InvocationEnd::Errored,
        InvocationEnd::TimedOut,
        InvocationEnd::Crashed,
    ];
    let fault = prop::sample::select(vec![
        Fault::Throttle,
        Fault::Disconnect { commit: Commit::After },
        Fault::ClockSkew { milliseconds: -5 },
    ]);
    prop_oneof![
        (any::<u64>(), id(), nature, content(), any::<bool>()).prop_map(
            |(op, job, nature, content, ends_batch)| Event::Invoke {
                op,
                operation: Operation::Submit { job, nature, content, fails: Some(2), ends_batch }
            }
        ),
        any::<u64>().prop_map(|op| Event::Invoke { op, operation: Operation::Redrive }),
        any::<u64>().prop_map(|op| Event::Invoke { op, operation: Operation::Purge }),
        (any::<u64>(), prop::option::of(id())).prop_map(|(op, message)| Event::Ok { op, message }),
        (any::<u64>(), ".{0,5}").prop_map(|(op, text)| Event::Info { op, reason: text.into() }),
        (any::<u64>(), ".{0,5}").prop_map(|(op, text)| Event::Fail { op, reason: text.into() }),
        (id(), id()).prop_map(|(message, job)| Event::Sent { message, job }),
        (queue, id(), id(), any::<u32>()).prop_map(|(queue, message, job, receive_count)| {
            Event::Received { queue, message, job, receive_count }
        }),
        prop::option::of(prop::collection::vec(id(), 0..3))
            .prop_map(|messages| Event::Throttled { messages }),
        (id(), id(), id(), outcome, any::<i64>()).prop_map(
            |(invocation, message, job, outcome, logged_at)| Event::Attempt {
                invocation,
                message,
                job,
                outcome,
                logged_at
            }
        ),
        (id(), prop::sample::select(endings)).prop_map(|(invocation, how)| Event::Ended {
            invocation,
            how,
            named: None
        }),
        (id(), id(), content()).prop_map(|(message, job, content)| Event::DeadLettered {
            message,
            job,
            content
        }),
        (fault, prop::collection::vec(id(), 0..3)).prop_map(|(fault, messages)| Event::Fault {
            fault,
            operation: "Invoke".into(),
            messages,
            rule: 3,
        }),
        (any::<bool>(), any::<u64>())
            .prop_map(|(complete, remaining)| Event::Drained { complete, remaining }),
    ]
}

proptest! {
    #[test]
    fn a_history_survives_being_written_and_read(
        events in prop::collection::vec((0..50_u64, event()), 0..20),
    ) {
        let mut at = 0;
        let lines = events.into_iter().map(|(later, event)| {
            at += later;
            Line { at, event }
        });
        let history = History { header: Header::sample(), lines: lines.collect() };
        let text = text_of(&history);
        prop_assert_eq!(text.lines().count(), history.lines.len() + 1);
        prop_assert_eq!(read(&text), Ok(history));
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let header = text_of(&History { header: Header::sample(), lines: Vec::new() });
    let drained = r#"{"at":5,"event":{"drained":{"complete":true,"remaining":0}}}"#;
    for (text, problem) in [
        (String::new(), "the history is empty"),
        ("{}".to_owned(), "line 1 of the history is not a header: missing field `version`"),
        (header.replace("\"version\":1", "\"version\":2"), "has version 2, and only version 1"),
        (header.replace("seed", "sed"), "line 1 of the history is not a header: unknown field"),
        (format!("{header}{drained}\n{{\n"), "line 3 of the history cannot be read: EOF"),
        (format!("{header}\n{drained}\n"), "line 2 of the history cannot be read: EOF"),
        (
            format!("{header}{}\n", drained.replace("drained", "dried")),
            "line 2 of the history cannot be read: unknown variant `dried`",
        ),
        (
            format!("{header}{drained}\n{}\n", drained.replace(":5", ":4")),
            "line 3 of the history is at 4 ms, before the line above it at 5 ms",
        ),
    ] {
        let refused = read(&text).unwrap_err();
        assert!(refused.contains(problem), "{refused}");
    }
}

#[test]
fn a_line_reads_like_a_sentence() {
    let event = Event::Invoke {
        op: 3,
        operation: Operation::Submit {
            job: "j1".into(),
            nature: Expectation::Healthy,
            content: Content { md5_of_body: "d4".into(), md5_of_attributes: None },
            fails: None,
            ends_batch: false,
        },
    };
    let line = serde_json::to_string(&Line { at: 20, event }).unwrap();
    assert_eq!(
        line,
        r#"{"at":20,"event":{"invoke":{"op":3,"operation":{"submit":{"job":"j1","nature":"healthy","content":{"md5OfBody":"d4"}}}}}}"#
    );
}
