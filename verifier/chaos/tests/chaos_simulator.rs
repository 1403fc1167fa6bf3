//! What a simulated stack does, with and without faults.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod chaos_support;

use chaos_support::{history_of, history_within, schedule, text_of};
use verifier_chaos::{Anomaly, AnomalySet, Event, Limits, Verdict, evaluate};

#[test]
fn jobs_of_every_kind_end_where_they_belong() {
    let schedule = schedule(
        r#"{"steps":[
          {"submit":{"name":"good","atMilliseconds":0,"job":"good"}},
          {"submit":{"name":"slow","atMilliseconds":5,"job":{"slow":{"milliseconds":1500}}}},
          {"submit":{"name":"flaky","atMilliseconds":10,"job":{"flaky":{"fails":2}}}},
          {"submit":{"name":"poison","atMilliseconds":15,"job":"poison"}},
          {"submit":{"name":"malformed","atMilliseconds":20,"job":"malformed"}},
          {"burst":{"name":"crowd","atMilliseconds":30,"count":9,"everyMilliseconds":1,"job":"good"}}],
          "undoAtMilliseconds":0}"#,
    );
    let history = history_of(&schedule);
    let report = evaluate(&history);
    assert_eq!((report.verdict, &*report.findings), (Verdict::True, &[][..]));
    let of = |wanted: &dyn Fn(&Event) -> bool| -> Vec<u64> {
        history.lines.iter().filter(|line| wanted(&line.event)).map(|line| line.at).collect()
    };
    assert_eq!(of(&|event| matches!(event, Event::Ok { .. })).len(), 13);
    assert_eq!(of(&|event| matches!(event, Event::Fail { .. })).len(), 1);
    assert_eq!(of(&|event| matches!(event, Event::Effect { .. })).len(), 12);
    let attempts = |name: &str| {
        of(&|event| matches!(event, Event::Attempt { job, .. } if job.as_str() == name)).len()
    };
    assert_eq!([attempts("good"), attempts("flaky"), attempts("poison")], [1, 3, 3]);
    // Dead-lettered three visibility timeouts after it was received, which was when it was sent.
    let sent = of(&|event| matches!(event, Event::Sent { job, .. } if job.as_str() == "poison"));
    let dead = of(&|event| matches!(event, Event::DeadLettered { .. }));
    assert_eq!(dead, [sent[0] + 180_000]);
}

#[test]
fn dead_letters_are_moved_back_and_come_again() {
    for by in ["move-task", "client"] {
        let schedule = schedule(&format!(
            r#"{{"steps":[
              {{"burst":{{"name":"poison","atMilliseconds":0,"count":12,"everyMilliseconds":1,"job":"poison"}}}},
              {{"redrive":{{"atMilliseconds":200000,"by":"{by}"}}}}],
              "undoAtMilliseconds":0}}"#,
        ));
        let history = history_of(&schedule);
        let report = evaluate(&history);
        assert_eq!((report.verdict, &*report.findings), (Verdict::True, &[][..]), "{by}");
        let count = |wanted: fn(&Event) -> bool| {
            history.lines.iter().filter(|line| wanted(&line.event)).count()
        };
        assert_eq!(count(|event| matches!(event, Event::Moved { .. })), 12);
        assert_eq!(count(|event| matches!(event, Event::DeadLettered { .. })), 24);
        let ended = history.lines.iter().find_map(|line| match line.event {
            Event::RedriveEnded { moved, remaining, .. } => Some((moved, remaining)),
            _ => None,
        });
        assert_eq!(ended, Some((12, 0)));
    }
}

/// What is found when this fault strikes, as its rule says, while a good job and a poison one are processed.
fn found_with(rule: &str) -> AnomalySet {
    let schedule = schedule(&format!(
        r#"{{"steps":[
          {{"submit":{{"name":"good","atMilliseconds":0,"job":"good"}}}},
          {{"submit":{{"name":"poison","atMilliseconds":0,"job":"poison"}}}}],
          "faults":[{rule}],"undoAtMilliseconds":400000}}"#,
    ));
    let history = history_of(&schedule);
    let struck = history.lines.iter().any(|line| matches!(line.event, Event::Fault { .. }));
    assert!(struck, "{rule}\n{}", text_of(&history));
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::True, "{rule}\n{report:#?}");
    report.findings.iter().map(|finding| finding.anomaly).collect()
}

#[test]
fn each_fault_does_what_it_is_known_for() {
    use Anomaly::{
        BatchPoisoned, EffectAndDlq, InnocentDlq, LateDlq, OverReceived, PoisonAsSuccess,
        PrematureDlq, Recovered, Redelivered, RejectedButEnqueued, ThrottleDlq,
    };
    let good = r#""contains":"good""#;
    for (rule, found) in [
        (r#"{"operation":"POST /jobs","nth":1,"fault":{"kind":"disconnect","commit":"after"}}"#.to_owned(), vec![Recovered]),
        (r#"{"operation":"POST /jobs","nth":1,"fault":{"kind":"disconnect","commit":"before"}}"#.to_owned(), vec![]),
        (r#"{"operation":"POST /jobs","nth":1,"fault":{"kind":"error","status":429,"code":"x","commit":"after"}}"#.to_owned(), vec![RejectedButEnqueued]),
        (r#"{"operation":"SendMessage","fault":{"kind":"error","status":500,"code":"x","commit":"before"}}"#.to_owned(), vec![]),
        (format!(r#"{{"operation":"SendMessage",{good},"nth":1,"fault":{{"kind":"disconnect","commit":"after"}}}}"#), vec![Redelivered]),
        (format!(r#"{{"operation":"SendMessage",{good},"fault":{{"kind":"disconnect","commit":"after"}}}}"#), vec![Recovered, Redelivered]),
        (format!(r#"{{{good},"nth":1,"fault":{{"kind":"delete-lost"}}}}"#), vec![Redelivered]),
        (format!(r#"{{{good},"fault":{{"kind":"delete-lost"}}}}"#), vec![Redelivered, PrematureDlq, InnocentDlq, EffectAndDlq]),
        (format!(r#"{{{good},"fault":{{"kind":"early-move"}}}}"#), vec![PrematureDlq, InnocentDlq]),
        (r#"{"contains":"poison","nth":{"from":4,"to":4},"fault":{"kind":"late-move"}}"#.to_owned(), vec![OverReceived, LateDlq]),
        (format!(r#"{{{good},"nth":1,"fault":{{"kind":"duplicate-delivery"}}}}"#), vec![]),
        (format!(r#"{{{good},"fault":{{"kind":"visibility-expires","milliseconds":10}}}}"#), vec![PrematureDlq, InnocentDlq, EffectAndDlq]),
        (r#"{"fault":{"kind":"throttle"},"function":"worker"}"#.to_owned(), vec![ThrottleDlq, InnocentDlq]),
        (r#"{"fault":{"kind":"crash","at":"before-effect"},"function":"worker"}"#.to_owned(), vec![InnocentDlq]),
        (r#"{"fault":{"kind":"crash","at":"after-effect"},"function":"worker"}"#.to_owned(), vec![InnocentDlq, EffectAndDlq]),
        (r#"{"fault":{"kind":"crash","at":"after-response"},"function":"worker"}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"freeze","milliseconds":20000},"function":"worker"}"#.to_owned(), vec![InnocentDlq]),
        (r#"{"fault":{"kind":"answer","payload":""},"function":"worker"}"#.to_owned(), vec![PoisonAsSuccess]),
        (r#"{"fault":{"kind":"answer","payload":"oops"},"nth":1,"function":"worker"}"#.to_owned(), vec![BatchPoisoned]),
        (r#"{"fault":{"kind":"log-lost"}}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"log-doubled"}}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"log-late","milliseconds":500000}}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"log-truncated","bytes":20}}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"clock-skew","milliseconds":-100000}}"#.to_owned(), vec![]),
        (r#"{"fault":{"kind":"delayed-delivery","milliseconds":100000}}"#.to_owned(), vec![]),
    ] {
        let expected: AnomalySet = found.into_iter().collect();
        assert_eq!(found_with(&rule), expected, "{rule}");
    }
}

#[test]
fn a_stack_that_does_not_come_to_rest_is_not_evaluated_lost() {
    // The message move of a poison is put off beyond the drain.
    let schedule = schedule(
        r#"{"steps":[{"submit":{"name":"a","atMilliseconds":0,"job":"good"}}],
            "faults":[{"nth":1,"fault":{"kind":"empty-receive","milliseconds":9000000}}],
            "undoAtMilliseconds":0}"#,
    );
    let mut late = schedule.clone();
    late.undo_at_milliseconds = 1_000;
    let report = evaluate(&history_of(&late));
    assert_eq!((report.verdict, &*report.findings), (Verdict::Unknown, &[][..]));
    // Its rule ends before it can strike.
    assert_eq!(evaluate(&history_of(&schedule)).verdict, Verdict::True);
}

/// What is found while this setting is changed, from a second before two jobs to two minutes after them.
fn found_while(setting: &str) -> (AnomalySet, Vec<u64>) {
    let schedule = schedule(&format!(
        r#"{{"steps":[
          {{"burst":{{"name":"good","atMilliseconds":1000,"count":3,"everyMilliseconds":0,"job":"good"}}}},
          {{"submit":{{"name":"poison","atMilliseconds":1000,"job":"poison"}}}}],
          "changes":[{{"setting":{setting},"fromMilliseconds":0,"untilMilliseconds":121000}}],
          "undoAtMilliseconds":400000}}"#,
    ));
    let history = history_of(&schedule);
    let undone: Vec<u64> = history
        .lines
        .iter()
        .filter(|line| matches!(line.event, Event::Undo { .. }))
        .map(|line| line.at)
        .collect();
    assert_eq!(undone, [121_000], "{setting} is restored once");
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::True, "{setting}\n{report:#?}");
    let found = report.findings.iter().map(|finding| finding.anomaly).collect();
    let attempts = history.lines.iter().filter(|line| matches!(line.event, Event::Attempt { .. }));
    (found, attempts.map(|line| line.at).collect())
}

#[test]
fn each_changed_setting_does_what_it_is_known_for() {
    let (found, attempts) = found_while(r#""mapping-disabled""#);
    assert_eq!(found, AnomalySet::NONE);
    assert!(attempts.iter().all(|at| *at >= 121_000), "{attempts:?}");

    let (found, attempts) = found_while(r#""batch-item-failures-ignored""#);
    assert_eq!(found, AnomalySet::of(&[Anomaly::PoisonAsSuccess]));
    assert_eq!(attempts.len(), 4, "what failed was deleted");

    let (found, attempts) = found_while(r#"{"batch-size":{"size":1}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));

    // Two receives are used up before the function sees anything.
    let (found, attempts) = found_while(r#"{"worker-concurrency":{"limit":0}}"#);
    assert!(found.contains(Anomaly::ThrottleDlq), "{found:?}");
    assert!(attempts.iter().all(|at| *at >= 121_000), "{attempts:?}");

    let (found, attempts) = found_while(r#""submit-stopped""#);
    assert_eq!((found, attempts), (AnomalySet::NONE, vec![]));

    // The four jobs are one batch, which waits for a fifth until its window is over.
    let (found, attempts) = found_while(r#"{"batching-window":{"seconds":20}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));
    assert!(attempts.iter().all(|at| *at >= 21_000), "{attempts:?}");

    let (found, attempts) = found_while(r#"{"maximum-concurrency":{"limit":2}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));

    // Three times twenty seconds, and not three times a minute.
    let (found, attempts) = found_while(r#"{"visibility-timeout":{"seconds":20}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::of(&[Anomaly::PrematureDlq]), 6));
    let (found, _) = found_while(r#"{"visibility-timeout":{"seconds":100}}"#);
    assert_eq!(found, AnomalySet::of(&[Anomaly::LateDlq]));

    let (found, attempts) = found_while(r#"{"max-receive-count":{"count":1}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::of(&[Anomaly::PrematureDlq]), 4));
    // It is received three times when the count is restored, and never comes to the fifth.
    let (found, attempts) = found_while(r#"{"max-receive-count":{"count":5}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));

    // A second is enough for jobs that are not slow.
    let (found, attempts) = found_while(r#"{"worker-timeout":{"seconds":1}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));
    let (found, attempts) = found_while(r#"{"worker-memory":{"megabytes":128}}"#);
    assert_eq!((found, attempts.len()), (AnomalySet::NONE, 6));
}

#[test]
fn somebody_else_who_receives_uses_receives_up_and_hides_messages() {
    let mut found = AnomalySet::NONE;
    for seed in 0..40 {
        let schedule = schedule(&format!(
            r#"{{"seed":{seed},"steps":[
              {{"burst":{{"name":"good","atMilliseconds":1000,"count":3,"everyMilliseconds":5000,"job":"good"}}}},
              {{"submit":{{"name":"poison","atMilliseconds":1000,"job":"poison"}}}}],
              "changes":[{{"setting":{{"competing-receiver":{{"seconds":30}}}},"fromMilliseconds":0,"untilMilliseconds":121000}}],
              "undoAtMilliseconds":400000}}"#,
        ));
        let history = history_of(&schedule);
        let report = evaluate(&history);
        assert_eq!(report.verdict, Verdict::True, "{seed}\n{report:#?}");
        found = report.findings.iter().map(|finding| finding.anomaly).chain(found.iter()).collect();
        let last = history.lines.iter().rev().find_map(|line| match &line.event {
            Event::Drained { complete, .. } => Some(*complete),
            _ => None,
        });
        assert_eq!(last, Some(true), "{seed}");
    }
    // A job that they got three times never comes to the worker.
    assert_eq!(found, AnomalySet::of(&[Anomaly::PrematureDlq, Anomaly::InnocentDlq]));
}

/// What is found when such a job comes together with a good one; and how many attempts at the good one there are.
fn found_beside(job: &str) -> (AnomalySet, usize) {
    let schedule = schedule(&format!(
        r#"{{"steps":[
          {{"submit":{{"name":"good","atMilliseconds":0,"job":"good"}}}},
          {{"submit":{{"name":"other","atMilliseconds":0,"job":{job}}}}}],
          "undoAtMilliseconds":0}}"#,
    ));
    let history = history_of(&schedule);
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::True, "{job}\n{report:#?}");
    let is_good =
        |event: &Event| matches!(event, Event::Attempt { job, .. } if job.as_str() == "good");
    let attempts = history.lines.iter().filter(|line| is_good(&line.event)).count();
    (report.findings.iter().map(|finding| finding.anomaly).collect(), attempts)
}

#[test]
fn what_ends_a_batch_as_a_whole_takes_the_others_with_it() {
    use Anomaly::{ContradictedOutcome, EffectAndDlq, InnocentDlq};
    for (job, found, attempts) in [
        (r#"{"exiting":{"at":"before"}}"#, vec![InnocentDlq, EffectAndDlq], 3),
        (r#"{"exiting":{"at":"after"}}"#, vec![InnocentDlq, EffectAndDlq], 3),
        (r#""garbling""#, vec![ContradictedOutcome, InnocentDlq, EffectAndDlq], 3),
        (r#""cut-off""#, vec![], 1),
        (r#""oversize""#, vec![], 1),
    ] {
        assert_eq!(found_beside(job), (found.into_iter().collect(), attempts), "{job}");
    }
}

#[test]
fn what_is_in_the_queue_when_it_is_purged_is_lost_and_allowed_to_be() {
    let schedule = schedule(
        r#"{"steps":[
          {"submit":{"name":"poison","atMilliseconds":0,"job":"poison"}},
          {"submit":{"name":"flaky","atMilliseconds":0,"job":{"flaky":{"fails":1}}}},
          {"purge":{"atMilliseconds":30000}},
          {"submit":{"name":"later","atMilliseconds":40000,"job":"good"}}],
          "undoAtMilliseconds":0}"#,
    );
    let history = history_of(&schedule);
    let report = evaluate(&history);
    let lost: Vec<_> = report.findings.iter().map(|it| (it.anomaly, it.job.clone())).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(lost, [(Anomaly::Lost, name("poison")), (Anomaly::Lost, name("flaky"))]);
    assert_eq!(report.verdict, Verdict::True);
}

#[test]
fn a_job_that_is_submitted_twice_is_two_messages_and_one_effect() {
    let schedule = schedule(
        r#"{"steps":[
          {"submit":{"name":"good","atMilliseconds":0,"job":"good","times":2}},
          {"submit":{"name":"poison","atMilliseconds":0,"job":"poison","times":3}}],
          "undoAtMilliseconds":0}"#,
    );
    let history = history_of(&schedule);
    let report = evaluate(&history);
    assert_eq!((report.verdict, &*report.findings), (Verdict::True, &[][..]));
    let count = |wanted: fn(&Event) -> bool| {
        history.lines.iter().filter(|line| wanted(&line.event)).count()
    };
    assert_eq!(count(|event| matches!(event, Event::Ok { .. })), 5);
    assert_eq!(count(|event| matches!(event, Event::Attempt { .. })), 2 + 3 * 3);
    assert_eq!(count(|event| matches!(event, Event::DeadLettered { .. })), 3);
}

#[test]
fn what_is_changed_is_restored_at_the_undo_at_the_latest() {
    let schedule = schedule(
        r#"{"steps":[{"submit":{"name":"a","atMilliseconds":0,"job":"good"}}],
          "changes":[
            {"setting":"mapping-disabled","fromMilliseconds":0,"untilMilliseconds":900000},
            {"setting":{"batch-size":{"size":2}},"fromMilliseconds":10,"untilMilliseconds":20},
            {"setting":"submit-stopped","fromMilliseconds":60000,"untilMilliseconds":70000}],
          "undoAtMilliseconds":50000}"#,
    );
    let history = history_of(&schedule);
    let written: Vec<String> = history
        .lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Changed { setting } => Some(format!("{} {}", line.at, setting.kind())),
            Event::Undo { what } => Some(format!("{} undo {what}", line.at)),
            _ => None,
        })
        .collect();
    // What would begin after the undo does not begin.
    assert_eq!(
        written,
        [
            "0 mapping-disabled",
            "10 batch-size",
            "20 undo batch-size",
            "50000 undo mapping-disabled"
        ]
    );
    assert_eq!(evaluate(&history).verdict, Verdict::True);
}

#[test]
fn a_run_within_limits_is_restored_and_broken_off() {
    let schedule = schedule(
        r#"{"steps":[
          {"submit":{"name":"a","atMilliseconds":0,"job":"poison"}},
          {"submit":{"name":"b","atMilliseconds":90000,"job":"good"}}],
          "changes":[{"setting":{"batch-size":{"size":2}},"fromMilliseconds":0,"untilMilliseconds":300000}],
          "undoAtMilliseconds":400000}"#,
    );
    for (limits, condition, latest) in [
        (Limits { milliseconds: Some(61_000), client_calls: None }, "max-duration", 61_000),
        (Limits { milliseconds: None, client_calls: Some(2) }, "max-cost-calls", 120_000),
    ] {
        let history = history_within(&schedule, limits);
        let last: Vec<&Event> =
            history.lines.iter().rev().map(|line| &line.event).take(3).collect();
        let [
            Event::Drained { complete: false, remaining: 1.. },
            Event::Undo { what },
            Event::Aborted { condition: told },
        ] = last[..]
        else {
            panic!("{last:?}");
        };
        assert_eq!((told.as_ref(), what.as_ref()), (condition, "batch-size"));
        assert!(history.lines.last().unwrap().at <= latest + 60_000);
        assert_eq!(evaluate(&history).verdict, Verdict::Unknown);
    }
    let enough = Limits { milliseconds: Some(500_000), client_calls: Some(4) };
    assert_eq!(history_within(&schedule, enough), history_of(&schedule));
}
