//! CloudWatch Logs, for random events, delays and page sizes: no reader misses an event or gets one twice.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use verifier_model::logs::{
    DescribeLogStreams, FilterLogEvents, FilterPattern, GetLogEvents, InputLogEvent, LogEvent,
    LogGroups, StreamOrder, check_put,
};
use verifier_model::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const STREAMS: [&str; 3] = ["a", "b", "c"];

/// An event: its stream, its timestamp, how late it arrives, and whether the pattern selects it.
#[derive(Clone, Debug)]
struct Written {
    stream: usize,
    at_seconds: u64,
    delay_seconds: u64,
    wanted: bool,
}

fn written() -> impl Strategy<Value = Written> {
    (0..STREAMS.len(), 0..20_u64, 0..5_u64, any::<bool>()).prop_map(
        |(stream, at_seconds, delay_seconds, wanted)| Written {
            stream,
            at_seconds,
            delay_seconds,
            wanted,
        },
    )
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn service() -> LogGroups {
    let mut logs = LogGroups::default();
    logs.create_group("g", BTreeMap::new(), NOW).unwrap();
    for stream in STREAMS {
        logs.create_stream("g", stream, NOW).unwrap();
    }
    logs
}

fn write(logs: &mut LogGroups, written: &Written, number: usize, now: Timestamp) {
    let word = if written.wanted { "wanted" } else { "noise" };
    let event =
        InputLogEvent { timestamp: after(written.at_seconds), message: format!("{word} {number}") };
    logs.delivery_delay = Duration::from_secs(written.delay_seconds);
    logs.put_events("g", STREAMS[written.stream], vec![event], now).unwrap();
}

fn search(
    logs: &LogGroups,
    pattern: &FilterPattern,
    limit: Option<usize>,
    now: Timestamp,
) -> Vec<LogEvent> {
    let (mut found, mut token) = (Vec::new(), None);
    for _ in 0..1_000 {
        let request = FilterLogEvents {
            pattern,
            stream_names: None,
            stream_name_prefix: None,
            start_time: Some(NOW),
            end_time: None,
            next_token: token.as_deref(),
            limit,
        };
        let page = logs.filter_events("g", &request, now).unwrap();
        assert!(limit.is_none_or(|limit| page.events.len() <= limit));
        found.extend(page.events);
        token = page.next_token;
        if token.is_none() {
            return found;
        }
    }
    unreachable!("a search ends");
}

fn walk(
    logs: &LogGroups,
    stream: &str,
    forward: bool,
    limit: usize,
    now: Timestamp,
) -> Vec<LogEvent> {
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    for _ in 0..1_000 {
        let request = GetLogEvents {
            stream,
            start_from_head: forward,
            next_token: token.as_deref(),
            limit: Some(limit),
            ..GetLogEvents::default()
        };
        let page = logs.get_events("g", &request, now).unwrap();
        let next = if forward { page.next_forward_token } else { page.next_backward_token };
        let at_the_end = token.as_ref() == Some(&next);
        assert!(!at_the_end || page.events.is_empty(), "only the end repeats its token");
        if at_the_end {
            break;
        }
        pages.push(page.events);
        token = Some(next);
    }
    if !forward {
        pages.reverse();
    }
    pages.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn paging_finds_every_visible_event_once_and_in_order(
        events in prop::collection::vec(written(), 0..40),
        limit in prop::option::of(1..7_usize),
        searched in prop::option::of(1..7_usize),
        now_seconds in 0..6_u64,
    ) {
        let mut logs = service();
        for (number, event) in events.iter().enumerate() {
            write(&mut logs, event, number, NOW);
        }
        logs.events_searched_max = searched;
        let pattern = FilterPattern::parse("wanted").unwrap();
        let found = search(&logs, &pattern, limit, after(now_seconds));
        let mut expected: Vec<(u64, String)> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| event.wanted && event.delay_seconds <= now_seconds)
            .map(|(number, event)| (event.at_seconds, format!("wanted {number}")))
            .collect();
        expected.sort_by_key(|(at, _)| *at);
        let found: Vec<(u64, String)> = found
            .into_iter()
            .map(|event| (event.timestamp.since(NOW).as_secs(), event.message))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_reader_that_polls_and_remembers_ids_gets_every_event_once(
        events in prop::collection::vec((written(), any::<bool>()), 0..40),
        limit in prop::option::of(1..7_usize),
        searched in prop::option::of(1..7_usize),
    ) {
        let mut logs = service();
        logs.events_searched_max = searched;
        let pattern = FilterPattern::parse("").unwrap();
        let (mut ids, mut got) = (BTreeSet::new(), Vec::new());
        let mut poll = |logs: &LogGroups, now| {
            let found = search(logs, &pattern, limit, now);
            let in_this_poll: BTreeSet<String> = found.iter().map(LogEvent::event_id).collect();
            assert_eq!(in_this_poll.len(), found.len(), "one poll returns no event twice");
            assert!(found.iter().all(|event| event.ingestion_time <= now));
            got.extend(found.into_iter().filter(|event| ids.insert(event.event_id())));
        };
        for (number, (event, then_poll)) in events.iter().enumerate() {
            let now = after(number as u64 / 4);
            write(&mut logs, event, number, now);
            if *then_poll {
                poll(&logs, now);
            }
        }
        poll(&logs, after(60));
        let mut numbers: Vec<usize> = got
            .iter()
            .map(|event| event.message.split_once(' ').unwrap().1.parse().unwrap())
            .collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..events.len()).collect::<Vec<_>>());
    }

    #[test]
    fn both_directions_of_a_stream_give_the_same_events(
        events in prop::collection::vec(written(), 0..40),
        limit in 1..7_usize,
        now_seconds in 0..6_u64,
    ) {
        let mut logs = service();
        for (number, event) in events.iter().enumerate() {
            write(&mut logs, event, number, NOW);
        }
        let now = after(now_seconds);
        for (index, stream) in STREAMS.iter().enumerate() {
            let forward = walk(&logs, stream, true, limit, now);
            prop_assert_eq!(&forward, &walk(&logs, stream, false, limit, now));
            prop_assert!(forward.is_sorted_by_key(|event| event.timestamp));
            let expected = events
                .iter()
                .filter(|event| event.stream == index && event.delay_seconds <= now_seconds)
                .count();
            prop_assert_eq!(forward.len(), expected);
        }
    }

    #[test]
    fn every_event_of_a_batch_is_accepted_or_has_a_reason(
        hours in prop::collection::vec(0..23_u64, 1..20),
        offset_hours in 0..(30 * 24_u64),
        retention_days in prop::option::of(1..20_u64),
    ) {
        let mut hours = hours;
        hours.sort_unstable();
        // From sixteen days ago to two weeks ahead.
        let start = NOW - Duration::from_hours(16 * 24) + Duration::from_hours(offset_hours);
        let events: Vec<InputLogEvent> = hours
            .iter()
            .map(|hour| InputLogEvent {
                timestamp: start + Duration::from_hours(*hour),
                message: "x".to_owned(),
            })
            .collect();
        let retention = retention_days.map(|days| Duration::from_hours(24 * days));
        let evaluated = check_put(&events, retention, NOW).unwrap();
        for (index, event) in events.iter().enumerate() {
            let too_old = event.timestamp + Duration::from_hours(14 * 24) < NOW;
            let expired = retention.is_some_and(|retention| event.timestamp + retention < NOW);
            let too_new = event.timestamp > NOW + Duration::from_hours(2);
            let rejected = evaluated.rejected;
            prop_assert_eq!(too_old, rejected.too_old_end_index.is_some_and(|end| index < end));
            prop_assert_eq!(expired, rejected.expired_end_index.is_some_and(|end| index < end));
            prop_assert_eq!(too_new, rejected.too_new_start_index.is_some_and(|start| index >= start));
            prop_assert_eq!(!too_old && !expired && !too_new, evaluated.accepted.contains(&index));
        }
    }

    #[test]
    fn pages_of_streams_join_to_the_whole_list(
        events in prop::collection::vec(written(), 0..20),
        limit in 1..4_usize,
        by_time in any::<bool>(),
        descending in any::<bool>(),
    ) {
        let mut logs = service();
        for (number, event) in events.iter().enumerate() {
            write(&mut logs, event, number, NOW);
        }
        let order = if by_time { StreamOrder::LastEventTime } else { StreamOrder::Name };
        let whole = DescribeLogStreams { order, descending, ..DescribeLogStreams::default() };
        let now = after(60);
        let (mut joined, mut token) = (Vec::new(), None);
        loop {
            let request =
                DescribeLogStreams { limit: Some(limit), next_token: token.as_deref(), ..whole };
            let page = logs.describe_streams("g", &request, now).unwrap();
            joined.extend(page.items);
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        prop_assert_eq!(joined, logs.describe_streams("g", &whole, now).unwrap().items);
    }
}
