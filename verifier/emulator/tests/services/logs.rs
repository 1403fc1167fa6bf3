//! CloudWatch Logs through AWS's SDK.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::Stand;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::{InputLogEvent, OrderBy};
use serde_json::json;

async fn start() -> (Stand, Client) {
    let stand = Stand::start(json!({
        "Kept": {"Type": "AWS::Logs::LogGroup", "Properties": {
            "LogGroupName": "/stack/kept",
            "RetentionInDays": 7,
            "Tags": [{"Key": "pr", "Value": "123"}],
        }},
        "Forever": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/stack/forever"}},
    }))
    .await;
    let logs = Client::new(&stand.sdk);
    logs.create_log_stream()
        .log_group_name("/stack/kept")
        .log_stream_name("s")
        .send()
        .await
        .expect("a stream");
    (stand, logs)
}

fn event(stand: &Stand, offset_millis: i64, message: &str) -> InputLogEvent {
    let now = i64::try_from(stand.client.now().as_millis()).expect("a time");
    let event = InputLogEvent::builder().timestamp(now + offset_millis).message(message);
    event.build().expect("an event")
}

async fn put(stand: &Stand, logs: &Client, messages: &[&str]) {
    let mut request = logs.put_log_events().log_group_name("/stack/kept").log_stream_name("s");
    for message in messages {
        request = request.log_events(event(stand, 0, message));
    }
    let answer = request.send().await.expect("accepted");
    assert!(answer.rejected_log_events_info().is_none());
}

/// The code and the message of an error.
macro_rules! refusal {
    ($request:expr) => {{
        let error = $request.send().await.expect_err("a refusal").into_service_error();
        (
            error.code().unwrap_or_default().to_owned(),
            error.message().unwrap_or_default().to_owned(),
        )
    }};
}

/// The messages that a search finds, page by page.
async fn search(logs: &Client, pattern: &str) -> Vec<Vec<String>> {
    let request = logs.filter_log_events().log_group_name("/stack/kept").filter_pattern(pattern);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        let messages = page.events().iter().filter_map(|event| event.message().map(str::to_owned));
        found.push(messages.collect());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_s_groups_show_their_retention_and_tags() {
    let (stand, logs) = start().await;
    let page = logs.describe_log_groups().log_group_name_prefix("/stack/").limit(1);
    let first = page.clone().send().await.expect("a page");
    assert_eq!(first.log_groups()[0].log_group_name(), Some("/stack/forever"));
    assert_eq!(first.log_groups()[0].retention_in_days(), None);
    let second = page.set_next_token(first.next_token).send().await.expect("a page");
    assert_eq!(second.log_groups()[0].retention_in_days(), Some(7));
    assert_eq!(second.next_token(), None);
    let arn = second.log_groups()[0].log_group_arn().expect("an ARN");
    let tags = logs.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
    assert_eq!(tags.tags().expect("tags")["pr"], "123");
    logs.delete_retention_policy().log_group_name("/stack/kept").send().await.expect("deleted");
    let refused = logs.put_retention_policy().log_group_name("/stack/kept").retention_in_days(2);
    assert_eq!(refusal!(refused).0, "InvalidParameterException");
    let groups = logs.describe_log_groups().send().await.expect("groups");
    assert!(groups.log_groups().iter().all(|group| group.retention_in_days().is_none()));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_streams_are_created_described_and_deleted() {
    let (stand, logs) = start().await;
    logs.create_log_group().log_group_name("new").send().await.expect("created");
    let (code, message) = refusal!(logs.create_log_group().log_group_name("new"));
    assert_eq!(code, "ResourceAlreadyExistsException");
    assert_eq!(message, "The specified log group already exists");
    for stream in ["b", "a"] {
        let create = logs.create_log_stream().log_group_name("new").log_stream_name(stream);
        create.clone().send().await.expect("created");
        assert_eq!(refusal!(create).0, "ResourceAlreadyExistsException");
    }
    let put = logs.put_log_events().log_group_name("new").log_stream_name("a");
    put.log_events(event(&stand, 0, "x")).send().await.expect("accepted");
    let by_time = logs
        .describe_log_streams()
        .log_group_name("new")
        .order_by(OrderBy::LastEventTime)
        .descending(true);
    let streams = by_time.clone().send().await.expect("streams");
    let names: Vec<_> = streams.log_streams().iter().filter_map(|s| s.log_stream_name()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(streams.log_streams()[0].last_event_timestamp().is_some());
    assert!(streams.log_streams()[1].last_event_timestamp().is_none());
    let (code, message) = refusal!(by_time.log_stream_name_prefix("a"));
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(message, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    let delete = logs.delete_log_stream().log_group_name("new").log_stream_name("a");
    delete.clone().send().await.expect("deleted");
    assert_eq!(refusal!(delete).1, "The specified log stream does not exist.");
    logs.delete_log_group().log_group_name("new").send().await.expect("deleted");
    let gone = logs.filter_log_events().log_group_name("new");
    assert_eq!(refusal!(gone).1, "The specified log group does not exist.");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn putting_refuses_what_is_out_of_order_and_reports_what_is_too_new() {
    let (stand, logs) = start().await;
    let put = || logs.put_log_events().log_group_name("/stack/kept").log_stream_name("s");
    let unordered =
        put().log_events(event(&stand, 1_000, "second")).log_events(event(&stand, 0, "first"));
    let (code, message) = refusal!(unordered);
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("chronological order"), "{message}");
    let day = 24 * 3_600_000;
    let answer = put()
        .sequence_token("of no meaning")
        .log_events(event(&stand, 0, "stored"))
        .log_events(event(&stand, day / 2, "too new"))
        .send()
        .await
        .expect("accepted in part");
    let rejected = answer.rejected_log_events_info().expect("a rejection");
    assert_eq!(rejected.too_new_log_event_start_index(), Some(1));
    assert_eq!(rejected.too_old_log_event_end_index(), None);
    let expired = put().log_events(event(&stand, -8 * day, "older than the retention"));
    let answer = expired.send().await.expect("accepted in part");
    let rejected = answer.rejected_log_events_info().expect("a rejection");
    assert_eq!(rejected.expired_log_event_end_index(), Some(1));
    assert_eq!(rejected.too_old_log_event_end_index(), None);
    assert_eq!(search(&logs, "").await, [["stored"]]);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn getting_ends_where_the_token_repeats() {
    let (stand, logs) = start().await;
    put(&stand, &logs, &["0", "1", "2"]).await;
    let request = logs.get_log_events().log_group_name("/stack/kept").log_stream_name("s").limit(2);
    let latest = request.clone().send().await.expect("a page");
    let messages: Vec<_> = latest.events().iter().filter_map(|event| event.message()).collect();
    assert_eq!(messages, ["1", "2"]);
    // The SDK's paginator stops where a token repeats.
    let mut pages = request.start_from_head(true).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        found.extend(page.events().iter().filter_map(|event| event.message().map(str::to_owned)));
    }
    assert_eq!(found, ["0", "1", "2"]);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_search_returns_empty_pages_before_the_one_that_matters() {
    let (stand, logs) = start().await;
    put(&stand, &logs, &["noise", "noise", "noise", "wanted"]).await;
    assert_eq!(search(&logs, "wanted").await, [["wanted"]]);
    stand.emulator.logs().set_events_searched_max(Some(1));
    let pages = search(&logs, "wanted").await;
    assert_eq!(pages.len(), 4);
    assert!(pages[..3].iter().all(Vec::is_empty), "{pages:?}");
    assert_eq!(pages[3], ["wanted"]);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_a_delayed_event_when_it_has_arrived_and_only_once() {
    let (stand, logs) = start().await;
    put(&stand, &logs, &["at once"]).await;
    stand.emulator.logs().set_delivery_delay(Duration::from_secs(5));
    put(&stand, &logs, &["late"]).await;
    let (mut ids, mut seen) = (BTreeSet::new(), Vec::new());
    for _ in 0..4 {
        let found = logs.filter_log_events().log_group_name("/stack/kept").send().await;
        for event in found.expect("a page").events() {
            if ids.insert(event.event_id().expect("an id").to_owned()) {
                seen.push(event.clone());
            }
        }
        assert_eq!(seen[0].message(), Some("at once"));
        if seen.len() == 2 {
            break;
        }
        stand.pass(Duration::from_secs(2)).await;
    }
    assert_eq!(seen.len(), 2);
    let late = &seen[1];
    assert_eq!(late.message(), Some("late"));
    let ingested = late.ingestion_time().zip(late.timestamp()).map(|(at, written)| at - written);
    assert!(ingested.is_some_and(|millis| millis >= 5_000), "{late:?}");
    assert_eq!(search(&logs, "").await, [["at once", "late"]]);
    stand.emulator.shut_down().await;
}
