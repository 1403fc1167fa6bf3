//! CloudWatch Logs, operation by operation, as AWS's documentation describes it.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_model::logs::{
    BATCH_BYTES_MAX, DescribeLogGroups, DescribeLogStreams, EVENT_OVERHEAD_BYTES, EventPage,
    FilterLogEvents, FilterPattern, FilteredPage, GetLogEvents, InputLogEvent, LogEvent, LogGroups,
    LogsError, RejectedLogEvents, StreamOrder, check_put,
};
use verifier_model::time::Timestamp;

/// Late enough that "14 days ago" exists.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn service(streams: &[&str]) -> LogGroups {
    let mut logs = LogGroups::default();
    logs.create_group("g", BTreeMap::new(), NOW).unwrap();
    for stream in streams {
        logs.create_stream("g", stream, NOW).unwrap();
    }
    logs
}

fn event(seconds: u64, message: &str) -> InputLogEvent {
    InputLogEvent { timestamp: NOW + Duration::from_secs(seconds), message: message.to_owned() }
}

fn put(logs: &mut LogGroups, stream: &str, events: &[(u64, &str)]) -> RejectedLogEvents {
    let events = events.iter().map(|(at, message)| event(*at, message)).collect();
    logs.put_events("g", stream, events, NOW).unwrap()
}

fn everything(pattern: &FilterPattern) -> FilterLogEvents<'_> {
    FilterLogEvents {
        pattern,
        stream_names: None,
        stream_name_prefix: None,
        start_time: None,
        end_time: None,
        next_token: None,
        limit: None,
    }
}

fn all(logs: &LogGroups, now: Timestamp) -> Vec<String> {
    let pattern = FilterPattern::parse("").unwrap();
    messages(&logs.filter_events("g", &everything(&pattern), now).unwrap().events)
}

fn messages(events: &[LogEvent]) -> Vec<String> {
    events.iter().map(|event| event.message.clone()).collect()
}

fn text(error: &LogsError) -> (&str, String) {
    (error.code(), error.to_string())
}

#[test]
fn groups_and_streams_are_created_and_deleted_once() {
    let mut logs = service(&["s"]);
    let exists = logs.create_group("g", BTreeMap::new(), NOW).unwrap_err();
    assert_eq!(
        text(&exists),
        ("ResourceAlreadyExistsException", "The specified log group already exists".to_owned())
    );
    assert_eq!(logs.create_stream("g", "s", NOW), Err(LogsError::StreamExists));
    assert_eq!(logs.create_stream("other", "s", NOW), Err(LogsError::GroupDoesNotExist));
    put(&mut logs, "s", &[(0, "kept with its stream")]);
    logs.delete_stream("g", "s").unwrap();
    assert_eq!(logs.delete_stream("g", "s"), Err(LogsError::StreamDoesNotExist));
    logs.create_stream("g", "s", NOW).unwrap();
    assert!(all(&logs, NOW).is_empty(), "a deleted stream takes its events along");
    logs.delete_group("g").unwrap();
    let missing = logs.delete_group("g").unwrap_err();
    assert_eq!(
        text(&missing),
        ("ResourceNotFoundException", "The specified log group does not exist.".to_owned())
    );
}

#[test]
fn names_are_checked() {
    let mut logs = LogGroups::default();
    for name in ["", "with space", &"x".repeat(513)] {
        let error = logs.create_group(name, BTreeMap::new(), NOW).unwrap_err();
        assert_eq!(error.code(), "InvalidParameterException", "{name}");
    }
    logs.create_group("/aws/lambda/a.b_c#d-1", BTreeMap::new(), NOW).unwrap();
    for stream in ["", "a:b", "a*"] {
        let error = logs.create_stream("/aws/lambda/a.b_c#d-1", stream, NOW).unwrap_err();
        assert_eq!(error.code(), "InvalidParameterException", "{stream}");
    }
    logs.create_stream("/aws/lambda/a.b_c#d-1", "2026/01/01/[$LATEST]0a", NOW).unwrap();
}

#[test]
fn a_retention_policy_hides_what_is_older_and_allows_the_documented_days_only() {
    let mut logs = service(&["s"]);
    put(&mut logs, "s", &[(0, "old")]);
    let error = logs.set_retention("g", Some(2)).unwrap_err();
    assert!(error.to_string().contains("'retentionInDays'"), "{error}");
    logs.set_retention("g", Some(1)).unwrap();
    assert_eq!(all(&logs, NOW + Duration::from_hours(23)), ["old"]);
    assert!(all(&logs, NOW + Duration::from_hours(24)).is_empty());
    logs.set_retention("g", None).unwrap();
    assert_eq!(all(&logs, NOW + Duration::from_hours(24)), ["old"]);
    assert_eq!(logs.set_retention("other", None), Err(LogsError::GroupDoesNotExist));
}

#[test]
fn groups_are_found_by_prefix_or_by_pattern_and_not_by_both() {
    let mut logs = LogGroups::default();
    for name in ["/aws/lambda/b", "/aws/lambda/a", "other/lambda"] {
        logs.create_group(name, BTreeMap::new(), NOW).unwrap();
    }
    let names = |request: &DescribeLogGroups<'_>| {
        let page = logs.describe_groups(request).unwrap();
        page.items.into_iter().map(|group| group.name).collect::<Vec<_>>()
    };
    let by_prefix =
        DescribeLogGroups { name_prefix: Some("/aws/"), ..DescribeLogGroups::default() };
    assert_eq!(names(&by_prefix), ["/aws/lambda/a", "/aws/lambda/b"]);
    let by_pattern =
        DescribeLogGroups { name_pattern: Some("lambda"), ..DescribeLogGroups::default() };
    assert_eq!(names(&by_pattern).len(), 3);
    let other_case =
        DescribeLogGroups { name_pattern: Some("Lambda"), ..DescribeLogGroups::default() };
    assert!(names(&other_case).is_empty());
    let both = DescribeLogGroups { name_pattern: Some("x"), ..by_prefix };
    assert_eq!(
        logs.describe_groups(&both).unwrap_err().to_string(),
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    );
    for limit in [0, 51] {
        let request = DescribeLogGroups { limit: Some(limit), ..DescribeLogGroups::default() };
        assert_eq!(logs.describe_groups(&request).unwrap_err().code(), "InvalidParameterException");
    }
}

#[test]
fn streams_are_sorted_by_name_or_by_their_last_event() {
    let mut logs = service(&["a", "b", "c"]);
    put(&mut logs, "a", &[(1, "x"), (9, "x")]);
    put(&mut logs, "b", &[(5, "x")]);
    let names = |request: &DescribeLogStreams<'_>| {
        let page = logs.describe_streams("g", request, NOW).unwrap();
        page.items.into_iter().map(|stream| stream.name).collect::<Vec<_>>()
    };
    let by_name = DescribeLogStreams::default();
    assert_eq!(names(&by_name), ["a", "b", "c"]);
    assert_eq!(names(&DescribeLogStreams { descending: true, ..by_name }), ["c", "b", "a"]);
    let by_time = DescribeLogStreams { order: StreamOrder::LastEventTime, ..by_name };
    assert_eq!(names(&by_time), ["c", "b", "a"]);
    assert_eq!(names(&DescribeLogStreams { descending: true, ..by_time }), ["a", "b", "c"]);
    assert_eq!(names(&DescribeLogStreams { name_prefix: Some("b"), ..by_name }), ["b"]);
    let refused = DescribeLogStreams { name_prefix: Some("b"), ..by_time };
    assert_eq!(
        text(&logs.describe_streams("g", &refused, NOW).unwrap_err()),
        (
            "InvalidParameterException",
            "Cannot order by LastEventTime with a logStreamNamePrefix.".to_owned()
        )
    );
    let first = &logs.describe_streams("g", &by_name, NOW).unwrap().items[0];
    assert_eq!(first.first_event_at, Some(NOW + Duration::from_secs(1)));
    assert_eq!(first.last_event_at, Some(NOW + Duration::from_secs(9)));
    assert_eq!(first.last_ingestion_at, Some(NOW));
}

#[test]
fn a_batch_is_refused_as_a_whole_when_it_breaks_a_limit() {
    let refusal =
        |events: &[InputLogEvent]| check_put(events, None, NOW).map_err(|error| error.to_string());
    assert!(refusal(&[]).unwrap_err().contains("'logEvents'"));
    assert!(refusal(&[event(0, "")]).unwrap_err().contains("message"));
    let unordered = refusal(&[event(1, "x"), event(0, "x")]).unwrap_err();
    assert_eq!(
        unordered,
        "Log events in a single PutLogEvents request must be in chronological order."
    );
    let day = 24 * 3600;
    let event_before = |seconds| InputLogEvent {
        timestamp: NOW - Duration::from_secs(seconds),
        message: "x".to_owned(),
    };
    assert!(refusal(&[event_before(day), event(0, "x")]).is_ok());
    let long = refusal(&[event_before(day), event(1, "x")]).unwrap_err();
    assert_eq!(
        long,
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    );
    let fits = "x".repeat(BATCH_BYTES_MAX - EVENT_OVERHEAD_BYTES);
    assert!(refusal(&[event(0, &fits)]).is_ok());
    let large = refusal(&[event(0, &(fits + "x"))]).unwrap_err();
    assert_eq!(large, "Upload too large: 1048577 bytes exceeds limit of 1048576");
    assert!(refusal(&vec![event(0, "x"); 10_000]).is_ok());
    assert!(refusal(&vec![event(0, "x"); 10_001]).unwrap_err().contains("10000"));
}

#[test]
fn events_outside_of_the_allowed_time_are_left_out_one_by_one() {
    let mut logs = service(&["s"]);
    let hour = 3600;
    // Exactly two hours ahead is allowed, a second more is not.
    let rejected =
        put(&mut logs, "s", &[(0, "now"), (2 * hour, "ahead"), (2 * hour + 1, "too new")]);
    assert_eq!(
        rejected,
        RejectedLogEvents { too_new_start_index: Some(2), ..RejectedLogEvents::default() }
    );
    assert_eq!(all(&logs, NOW), ["now", "ahead"]);
    let fortnight = Duration::from_hours(14 * 24);
    let at = |timestamp| InputLogEvent { timestamp, message: "x".to_owned() };
    let batch = [at(NOW - fortnight - Duration::from_millis(1)), at(NOW - fortnight)];
    let evaluated = check_put(&batch, None, NOW).unwrap();
    assert_eq!((evaluated.accepted, evaluated.rejected.too_old_end_index), (1..2, Some(1)));
    let week = Duration::from_hours(7 * 24);
    let batch = [at(NOW - week - Duration::from_millis(1)), at(NOW - week)];
    let evaluated = check_put(&batch, Some(week), NOW).unwrap();
    assert_eq!((evaluated.accepted, evaluated.rejected.expired_end_index), (1..2, Some(1)));
    let all_too_new = [at(NOW + Duration::from_hours(3))];
    assert!(check_put(&all_too_new, None, NOW).unwrap().accepted.is_empty());
}

#[test]
fn putting_needs_the_group_and_the_stream() {
    let mut logs = service(&[]);
    let events = vec![event(0, "x")];
    assert_eq!(
        logs.put_events("other", "s", events.clone(), NOW),
        Err(LogsError::GroupDoesNotExist)
    );
    let error = logs.put_events("g", "s", events, NOW).unwrap_err();
    assert_eq!(
        text(&error),
        ("ResourceNotFoundException", "The specified log stream does not exist.".to_owned())
    );
}

#[test]
fn filtering_interleaves_the_streams_by_time_and_includes_both_ends() {
    let mut logs = service(&["a", "b", "c"]);
    put(&mut logs, "a", &[(1, "a1"), (5, "a5")]);
    put(&mut logs, "b", &[(0, "b0"), (3, "b3"), (5, "b5")]);
    assert_eq!(all(&logs, NOW), ["b0", "a1", "b3", "a5", "b5"]);
    let pattern = FilterPattern::parse("").unwrap();
    let filter = |request: &FilterLogEvents<'_>| {
        messages(&logs.filter_events("g", request, NOW).unwrap().events)
    };
    let from_one = FilterLogEvents {
        start_time: Some(NOW + Duration::from_secs(1)),
        end_time: Some(NOW + Duration::from_secs(3)),
        ..everything(&pattern)
    };
    assert_eq!(filter(&from_one), ["a1", "b3"]);
    let only_a = ["a".to_owned()];
    let named = FilterLogEvents { stream_names: Some(&only_a), ..everything(&pattern) };
    assert_eq!(filter(&named), ["a1", "a5"]);
    let both = FilterLogEvents { stream_name_prefix: Some("a"), ..named };
    assert_eq!(
        logs.filter_events("g", &both, NOW).unwrap_err().code(),
        "InvalidParameterException"
    );
    let unknown = ["missing".to_owned()];
    let missing = FilterLogEvents { stream_names: Some(&unknown), ..everything(&pattern) };
    assert_eq!(logs.filter_events("g", &missing, NOW), Err(LogsError::StreamDoesNotExist));
    let bad = FilterLogEvents { next_token: Some("f/1"), ..everything(&pattern) };
    assert_eq!(
        logs.filter_events("g", &bad, NOW).unwrap_err().to_string(),
        "The specified nextToken is invalid."
    );
}

#[test]
fn a_page_may_be_empty_although_more_follow_when_the_search_is_limited() {
    let mut logs = service(&["s"]);
    put(&mut logs, "s", &[(0, "noise"), (1, "noise"), (2, "noise"), (3, "wanted")]);
    let pattern = FilterPattern::parse("wanted").unwrap();
    let page = |logs: &LogGroups, token: Option<&str>| {
        let request = FilterLogEvents { next_token: token, ..everything(&pattern) };
        logs.filter_events("g", &request, NOW).unwrap()
    };
    let FilteredPage { events, next_token } = page(&logs, None);
    assert_eq!((messages(&events), next_token), (vec!["wanted".to_owned()], None));
    logs.events_searched_max = Some(2);
    let first = page(&logs, None);
    assert!(first.events.is_empty() && first.next_token.is_some(), "{first:?}");
    let second = page(&logs, first.next_token.as_deref());
    assert_eq!((messages(&second.events), second.next_token), (vec!["wanted".to_owned()], None));
}

fn get(logs: &LogGroups, head: bool, token: Option<&str>) -> EventPage {
    let request = GetLogEvents {
        stream: "s",
        start_from_head: head,
        next_token: token,
        limit: Some(2),
        ..GetLogEvents::default()
    };
    logs.get_events("g", &request, NOW).unwrap()
}

#[test]
fn getting_goes_forward_to_the_end_and_stays_there() {
    let mut logs = service(&["s", "t"]);
    put(&mut logs, "s", &[(0, "0"), (1, "1"), (2, "2")]);
    put(&mut logs, "t", &[(1, "of another stream")]);
    let first = get(&logs, true, None);
    assert_eq!(messages(&first.events), ["0", "1"]);
    let second = get(&logs, true, Some(&first.next_forward_token));
    assert_eq!(messages(&second.events), ["2"]);
    let end = get(&logs, true, Some(&second.next_forward_token));
    assert!(end.events.is_empty());
    assert_eq!(end.next_forward_token, second.next_forward_token);
    put(&mut logs, "s", &[(2, "later")]);
    let more = get(&logs, true, Some(&end.next_forward_token));
    assert_eq!(messages(&more.events), ["later"], "the same token leads on when more has come");
    let back = get(&logs, true, Some(&more.next_backward_token));
    assert_eq!(messages(&back.events), ["1", "2"]);
}

#[test]
fn getting_begins_with_the_latest_page_and_goes_backward() {
    let mut logs = service(&["s"]);
    put(&mut logs, "s", &[(0, "0"), (1, "1"), (2, "2")]);
    let last = get(&logs, false, None);
    assert_eq!(messages(&last.events), ["1", "2"]);
    let before = get(&logs, false, Some(&last.next_backward_token));
    assert_eq!(messages(&before.events), ["0"]);
    let start = get(&logs, false, Some(&before.next_backward_token));
    assert!(start.events.is_empty());
    assert_eq!(start.next_backward_token, before.next_backward_token);
    assert_eq!(
        get(&logs, false, Some(&start.next_forward_token)).events,
        get(&logs, true, None).events
    );
}

#[test]
fn getting_from_an_empty_stream_gives_tokens_that_lead_to_what_comes() {
    let mut logs = service(&["s"]);
    for head in [true, false] {
        let empty = get(&logs, head, None);
        assert!(empty.events.is_empty());
        put(&mut logs, "s", &[(0, "first")]);
        let page = get(&logs, head, Some(&empty.next_forward_token));
        assert_eq!(messages(&page.events), ["first"]);
        logs = service(&["s"]);
    }
    let end = GetLogEvents {
        stream: "s",
        end_time: Some(NOW + Duration::from_secs(1)),
        ..GetLogEvents::default()
    };
    put(&mut logs, "s", &[(0, "in"), (1, "at the end, which is exclusive here")]);
    assert_eq!(messages(&logs.get_events("g", &end, NOW).unwrap().events), ["in"]);
}

#[test]
fn an_event_is_visible_once_its_delivery_delay_is_over() {
    let mut logs = service(&["s"]);
    put(&mut logs, "s", &[(0, "at once")]);
    logs.delivery_delay = Duration::from_secs(5);
    put(&mut logs, "s", &[(0, "late")]);
    logs.delivery_delay = Duration::ZERO;
    assert_eq!(all(&logs, NOW + Duration::from_millis(4_999)), ["at once"]);
    assert_eq!(get(&logs, true, None).events.len(), 1);
    let later = NOW + Duration::from_secs(5);
    assert_eq!(all(&logs, later), ["at once", "late"]);
    let pattern = FilterPattern::parse("late").unwrap();
    let found = logs.filter_events("g", &everything(&pattern), later).unwrap().events;
    assert_eq!((found[0].timestamp, found[0].ingestion_time), (NOW, later));
    let streams = logs.describe_streams("g", &DescribeLogStreams::default(), NOW).unwrap();
    assert_eq!(streams.items[0].last_ingestion_at, Some(NOW), "the late event is not seen yet");
}
