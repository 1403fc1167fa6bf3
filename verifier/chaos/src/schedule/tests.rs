use super::*;

fn refused(text: &str) -> String {
    Schedule::parse(text.as_bytes()).unwrap_err().to_string()
}

fn with_step(step: &str) -> String {
    format!(r#"{{"steps":[{step}],"undoAtMilliseconds":0}}"#)
}

#[test]
fn the_example_is_read_and_survives_being_written() {
    let text = br#"{"seed": 7, "undoAtMilliseconds": 120000,
      "steps": [
        {"submit": {"name": "good", "atMilliseconds": 0, "job": "good"}},
        {"burst": {"name": "crowd", "atMilliseconds": 500, "count": 8, "everyMilliseconds": 10,
                   "job": {"flaky": {"fails": 1}}}},
        {"redrive": {"atMilliseconds": 300000, "by": "move-task"}}],
      "faults": [{"operation": "Invoke", "nth": 1, "fault": {"kind": "crash", "at": "after-effect"}}]}"#;
    let schedule = Schedule::parse(text).unwrap();
    assert_eq!((schedule.operations(), schedule.job_count()), (4, 9));
    assert_eq!(schedule.stack, StackTerms::default());
    let written = serde_json::to_vec(&schedule).unwrap();
    assert_eq!(Schedule::parse(&written), Ok(schedule));
}

#[test]
fn what_cannot_be_done_is_refused_with_its_place_and_the_reason() {
    let submit = r#"{"submit":{"name":"a","atMilliseconds":0,"job":"good"}}"#;
    for (text, problem) in [
        ("{".to_owned(), "cannot be read: EOF"),
        (with_step(r#"{"wait":{}}"#), "unknown variant `wait`"),
        (with_step(&submit.replace("\"a\"", "\"a b\"")), "step 1 of the schedule: a name has"),
        (with_step(&format!("{submit},{submit}")), "step 2 of the schedule: another step"),
        (with_step(&submit.replace(":0", ":86400001")), "86400000 ms at the latest"),
        (
            with_step(r#"{"burst":{"name":"b","atMilliseconds":0,"count":0,"everyMilliseconds":1,"job":"poison"}}"#),
            "1 to 10000 jobs, found 0",
        ),
        (
            with_step(r#"{"burst":{"name":"b","atMilliseconds":0,"count":9999,"everyMilliseconds":9999,"job":"poison"}}"#),
            "found 99980001",
        ),
        (r#"{"steps":[],"undoAtMilliseconds":86400001}"#.to_owned(), "found 86400001"),
        (
            r#"{"steps":[],"undoAtMilliseconds":0,"stack":{"maxReceiveCount":0}}"#.to_owned(),
            "maxReceiveCount is from 1 to 1000, found 0",
        ),
        (
            r#"{"steps":[],"undoAtMilliseconds":0,"stack":{"batchSize":0}}"#.to_owned(),
            "the schedule's stack: 1 validation error",
        ),
        (
            r#"{"steps":[],"undoAtMilliseconds":0,"faults":[{"nth":0,"fault":{"kind":"reorder"}}]}"#
                .to_owned(),
            "nth counts from 1",
        ),
    ] {
        let refused = refused(&text);
        assert!(refused.contains(problem), "{refused}");
    }
}

#[test]
fn bodies_are_jobs_unless_they_are_meant_not_to_be() {
    for kind in [
        JobKind::Good,
        JobKind::Slow { milliseconds: 5 },
        JobKind::Flaky { fails: 2 },
        JobKind::Poison,
    ] {
        let body = kind.body("a");
        let job = Job::parse(body.as_bytes()).unwrap();
        assert_eq!(job.job_id.as_deref(), Some("a"));
        assert_eq!(job.fail, kind == JobKind::Poison);
        assert_eq!(serde_json::to_string(&job).unwrap(), body);
    }
    assert!(Job::parse(JobKind::Malformed.body("a").as_bytes()).is_err());
}

#[test]
fn whatever_deletes_messages_of_anybody_says_so() {
    let change = |setting| Change { setting, from_milliseconds: 0, until_milliseconds: 1 };
    let schedule = Schedule { undo_at_milliseconds: 1, ..Schedule::default() };
    assert_eq!(schedule.deletes(), None);
    for setting in Setting::EACH {
        let deletes = Schedule { changes: vec![change(setting)], ..schedule.clone() }.deletes();
        assert_eq!(deletes.is_some(), setting == Setting::BatchItemFailuresIgnored, "{setting:?}");
    }
    let steps = vec![Step::Purge { at_milliseconds: 0 }];
    assert!(Schedule { steps, ..schedule }.deletes().is_some_and(|what| what.contains("purges")));
}
