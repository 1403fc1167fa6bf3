//! From the lines that a worker wrote of jobs whose end is known to how an outcome is read from its log.

use std::collections::{BTreeMap, BTreeSet};

use super::learnt::{Learnt, NO_FAILURE};
use super::phrases;
use super::probe::Probe;
use super::told::{Told, of_probe};
use crate::settings::Outcomes;

/// How to read outcomes from a log, of which these are lines in their order; `None` where no line tells that a job has succeeded.
///
/// What only jobs that succeed have in their lines tells success, and what only the others have tells failure.
pub(super) fn learn(probes: &[Probe], lines: &[String]) -> Option<Learnt> {
    let told: Vec<Told> = lines.iter().filter_map(|line| of_probe(probes, line)).collect();
    let mut learnt = of_fields(probes, &told).or_else(|| phrases::learn(probes, &told))?;
    let doubts = doubts(probes, lines, &learnt.outcomes);
    learnt.unsure.extend(doubts);
    Some(learnt)
}

/// What does not come out as it should where the lines are read as was learnt.
fn doubts(
    probes: &[Probe],
    lines: &[String],
    outcomes: &Outcomes,
) -> Option<(&'static str, String)> {
    let reader = outcomes.reader().ok()?;
    let read: Vec<_> = lines.iter().filter_map(|line| reader.read_any(line)).collect();
    let of = |probe: &Probe| {
        read.iter()
            .filter(|line| {
                line.job_id.as_ref() == Some(&probe.job_id)
                    || probe.message_id.as_ref() == Some(&line.message_id)
            })
            .count()
    };
    let doubled = probes.iter().find(|probe| probe.succeeds && of(probe) > 1)?;
    Some((
        "success",
        format!("the worker wrote {} such lines of the job {}", of(doubled), doubled.job_id),
    ))
}

/// From lines of JSON.
fn of_fields(probes: &[Probe], told: &[Told]) -> Option<Learnt> {
    let (path, success) = best(probes, told, true, None)?;
    let failure = best(probes, told, false, Some(&path)).map(|(_, word)| word);
    let is_of = |told: &&Told| {
        told.fields
            .get(&path)
            .is_some_and(|word| *word == success || Some(word) == failure.as_ref())
    };
    let chosen: Vec<&Told> = told.iter().filter(is_of).collect();
    let job_id = path_to(&chosen, |told| Some(&probes[told.probe].job_id));
    let message_id = path_to(&chosen, |told| probes[told.probe].message_id.as_ref());
    (job_id.is_some() || message_id.is_some()).then_some(())?;
    let failed: Vec<&Told> =
        chosen.iter().copied().filter(|told| !probes[told.probe].succeeds).collect();
    let mut unsure = Vec::new();
    if failure.is_none() {
        unsure.push(("failure", NO_FAILURE.to_owned()));
    }
    let outcomes = Outcomes {
        pattern: None,
        marks: mark(&chosen, &path).into_iter().collect(),
        run_id: path_to(&chosen, |told| Some(&probes[told.probe].run_id)),
        job_id,
        message_id,
        receive_count: receive_count(&failed),
        request_id: named(&chosen, &["requestid", "awsrequestid", "functionrequestid"], |_| true),
        success: vec![success],
        failure: failure.map_or_else(|| Outcomes::default().failure, |word| vec![word]),
        reason: named(&failed, REASONS, |_| true).filter(|found| *found != path),
        batch_size: named(&chosen, &["batchsize"], is_count),
        outcome: path,
    };
    Some(Learnt { outcomes, unsure })
}

/// The names of fields that tell why a job failed, the likeliest first.
const REASONS: &[&str] =
    &["reason", "error", "errormessage", "err", "cause", "exception", "detail", "message", "msg"];

/// The names of fields that tell how a job ended, the likeliest first.
const OUTCOMES: &[&str] = &[
    "outcome", "status", "result", "state", "success", "ok", "event", "type", "kind", "action",
    "message", "msg", "level", "severity", "loglevel",
];

/// The names of fields that tell of what kind a line is, the likeliest first.
const MARKS: &[&str] = &["event", "type", "kind", "eventtype", "action", "message", "msg", "name"];

/// The field and the word that all jobs of one end have in a line, and none of the others: the likeliest. Where a path is given,
/// that field's.
fn best(
    probes: &[Probe],
    told: &[Told],
    succeeds: bool,
    given: Option<&str>,
) -> Option<(String, String)> {
    let of = |succeeds: bool| -> Vec<usize> {
        (0..probes.len()).filter(|&probe| probes[probe].succeeds == succeeds).collect()
    };
    let (ours, theirs) = (of(succeeds), of(!succeeds));
    let has = |probe: usize, path: &str, word: &str| {
        told.iter().any(|told| {
            told.probe == probe && told.fields.get(path).is_some_and(|found| found == word)
        })
    };
    let first = *ours.first()?;
    let lines = told.iter().filter(|told| told.probe == first);
    let fields: BTreeSet<(&String, &String)> = lines.flat_map(|told| &told.fields).collect();
    let tells = |(path, word): &(&String, &String)| {
        given.is_none_or(|given| given == path.as_str())
            && probes.iter().all(|probe| !probe.is_named_in(word))
            && ours.iter().all(|&probe| has(probe, path, word))
            && !theirs.iter().any(|&probe| has(probe, path, word))
    };
    let candidates = fields.into_iter().filter(tells);
    let chosen = candidates.min_by_key(|(path, word)| {
        (word.parse::<f64>().is_ok(), rank(path, OUTCOMES), path.len())
    })?;
    Some((chosen.0.clone(), chosen.1.clone()))
}

/// The name at the end of a path, without case and separators.
fn plain(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Where a path's name stands in a list; behind its end where it does not.
fn rank(path: &str, names: &[&str]) -> usize {
    let name = plain(path);
    names.iter().position(|known| *known == name).unwrap_or(names.len())
}

/// The shortest path at which each of the lines has its own value.
fn path_to<'a>(
    lines: &[&'a Told],
    value: impl Fn(&'a Told) -> Option<&'a String>,
) -> Option<String> {
    let first = lines.first()?;
    let paths = first.fields.keys().filter(|path| {
        lines
            .iter()
            .all(|told| value(told).is_some_and(|value| told.fields.get(*path) == Some(value)))
    });
    paths.min_by_key(|path| (path.len(), (*path).clone())).cloned()
}

/// The likeliest of the named fields that all of the lines have, with a value that will do.
fn named(lines: &[&Told], names: &[&str], will_do: impl Fn(&str) -> bool) -> Option<String> {
    let first = lines.first()?;
    let paths = first.fields.keys().filter(|path| {
        rank(path, names) < names.len()
            && lines.iter().all(|told| told.fields.get(*path).is_some_and(|value| will_do(value)))
    });
    paths.min_by_key(|path| (rank(path, names), path.len())).cloned()
}

/// What all of the lines have that says of what kind they are.
fn mark(lines: &[&Told], outcome: &str) -> Option<(String, String)> {
    let first = lines.first()?;
    let common = first.fields.iter().filter(|(path, value)| {
        path.as_str() != outcome
            && rank(path, MARKS) < MARKS.len()
            && lines.iter().all(|told| told.fields.get(*path) == Some(value))
    });
    let (path, value) = common.min_by_key(|(path, _)| (rank(path, MARKS), path.len()))?;
    Some((path.clone(), value.clone()))
}

fn is_count(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|count| count > 0)
}

/// The field that counts the receives of the messages that failed: from one upwards, in steps of one, and not the same for all.
fn receive_count(failed: &[&Told]) -> Option<String> {
    let first = failed.first()?;
    let mut of_probe: BTreeMap<usize, Vec<&Told>> = BTreeMap::new();
    for told in failed {
        of_probe.entry(told.probe).or_default().push(told);
    }
    let counts = |path: &String| {
        of_probe.values().all(|lines| {
            lines.len() > 1
                && lines.iter().zip(1_u32..).all(|(told, count)| {
                    told.fields.get(path).is_some_and(|found| *found == count.to_string())
                })
        })
    };
    first.fields.keys().filter(|path| counts(path)).min_by_key(|path| path.len()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two jobs that succeed and two that fail, of one run.
    fn probes() -> Vec<Probe> {
        let probe = |name: &str, number: u32, succeeds| Probe {
            job_id: format!("vrf-1-2-{name}-{number}"),
            run_id: "vrf-1-2".to_owned(),
            message_id: Some(format!("{number}fea7756-0ea4-451a-a703-{name:0>12}")),
            succeeds,
        };
        vec![
            probe("good", 1, true),
            probe("good", 2, true),
            probe("failing", 1, false),
            probe("failing", 2, false),
        ]
    }

    /// The lines of a worker that writes these for each attempt, those that fail three times. `@j`, `@m`, `@r` and `@n` stand for the
    /// ids of the job, the message and the request, and for the receive.
    fn log(of_good: &[&str], of_failing: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, probe) in probes().iter().enumerate() {
            let (texts, receives) = if probe.succeeds { (of_good, 1) } else { (of_failing, 3) };
            for receive in 1..=receives {
                let request =
                    format!("aaaaaaaa-000{number}-4000-bead-00000000{number}{receive:03}");
                lines.push(format!("START RequestId: {request} Version: $LATEST"));
                for text in texts {
                    let text = text.replace("@j", &probe.job_id).replace("@r", &request);
                    let message_id = probe.message_id.as_deref().unwrap_or_default();
                    lines.push(text.replace("@m", message_id).replace("@n", &receive.to_string()));
                }
                lines.push(format!("REPORT RequestId: {request}\tDuration: 3 ms"));
            }
        }
        lines
    }

    fn learnt(of_good: &[&str], of_failing: &[&str]) -> Option<Outcomes> {
        let lines = log(of_good, of_failing);
        let learnt = learn(&probes(), &lines)?;
        // What was learnt reads the ends of the jobs that it was learnt from.
        let reader = learnt.outcomes.reader().expect("a reader");
        let read: Vec<_> = lines.iter().filter_map(|line| reader.read_any(line)).collect();
        let of = |outcome| read.iter().filter(|line| line.outcome == outcome).count();
        assert_eq!(of(contract::Outcome::Succeeded), 2, "{:?}", learnt.outcomes);
        let failed = of(contract::Outcome::Failed);
        let is_unsure = learnt.unsure.iter().any(|(key, _)| *key == "failure");
        assert_eq!(failed, if is_unsure { 0 } else { 6 }, "{:?}", learnt.outcomes);
        Some(learnt.outcomes)
    }

    #[test]
    fn an_outcome_of_json_is_found_with_its_ids() {
        let good = r#"{"event":"done","order":{"id":"@j"},"messageId":"@m","receives":@n,"status":"ok","ms":4}"#;
        let bad = r#"{"event":"done","order":{"id":"@j"},"messageId":"@m","receives":@n,"status":"bad","error":"jam","ms":5}"#;
        let outcomes =
            learnt(&[r#"{"event":"begun","order":{"id":"@j"}}"#, good], &[bad]).expect("outcomes");
        let expected = Outcomes {
            pattern: None,
            marks: [("event".to_owned(), "done".to_owned())].into(),
            run_id: None,
            job_id: Some("order.id".to_owned()),
            message_id: Some("messageId".to_owned()),
            receive_count: Some("receives".to_owned()),
            request_id: None,
            outcome: "status".to_owned(),
            success: vec!["ok".to_owned()],
            failure: vec!["bad".to_owned()],
            reason: Some("error".to_owned()),
            batch_size: None,
        };
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn json_behind_what_lambda_writes_is_json() {
        let of = |text: &str| format!("2026-01-02T03:04:05.678Z\t@r\tINFO\t{text}");
        let (good, bad) = (of(r#"{"id":"@j","ok":true}"#), of(r#"{"id":"@j","ok":false}"#));
        let outcomes = learnt(&[&good], &[&bad]).expect("outcomes");
        assert_eq!((outcomes.pattern, outcomes.outcome.as_str()), (None, "ok"));
    }

    #[test]
    fn the_message_of_a_logger_tells_where_nothing_else_does() {
        let begun =
            r#"{"level":"INFO","message":"received","job_id":"@j","function_request_id":"@r"}"#;
        let good = r#"{"level":"INFO","message":"done","job_id":"@j","function_request_id":"@r"}"#;
        let bad =
            r#"{"level":"ERROR","message":"failed","job_id":"@j","function_request_id":"@r"}"#;
        let outcomes = learnt(&[begun, good], &[begun, bad]).expect("outcomes");
        assert_eq!((outcomes.outcome.as_str(), outcomes.success[0].as_str()), ("message", "done"));
        assert_eq!(outcomes.request_id.as_deref(), Some("function_request_id"));
        assert_eq!(outcomes.failure, ["failed"]);
    }

    #[test]
    fn lines_below_lambdas_own_fields_are_read_from_there() {
        let of = |text: &str| {
            format!(r#"{{"timestamp":"t","requestId":"@r","level":"INFO","message":{text}}}"#)
        };
        let good = of(r#"{"id":"@j","ok":true}"#);
        let bad = of(r#"{"id":"@j","ok":false}"#);
        let outcomes = learnt(&[&good], &[&bad]).expect("outcomes");
        assert_eq!((outcomes.job_id.as_deref(), outcomes.outcome.as_str()), (Some("id"), "ok"));
        let written = |text: &str| of(&serde_json::to_string(text).unwrap());
        let good = written("Printed @j in 4 ms");
        let bad = written("Could not print @j: jam");
        let outcomes = learnt(&[&good], &[&bad]).expect("outcomes");
        assert_eq!((&*outcomes.success[0], &*outcomes.failure[0]), ("Printed", "Could not print"));
    }

    #[test]
    fn words_beside_the_id_tell_in_lines_of_text() {
        for (good, bad, success, failure) in [
            ("Processed order @j", "Failed order @j: jam", "Processed order", "Failed order"),
            (
                "2026-01-02T03:04:05Z\t@r\tINFO\tdone: @j",
                "2026-01-02T03:04:05Z\t@r\tERROR\tnot done: @j",
                "INFO\tdone",
                "not done",
            ),
            ("job @j processed in 12 ms", "job @j failed", "processed in", "failed"),
            (
                "[INFO]\t2026-01-02T03:04:05.6Z\t@r\t@j=ok",
                "[ERROR]\t2026-01-02T03:04:05.6Z\t@r\t@j=jammed",
                "ok",
                "jammed",
            ),
            (
                "ticket @j, try @n of request @r: printed",
                "ticket @j, try @n of request @r: spoiled (jam)",
                "printed",
                "spoiled",
            ),
            ("@j try @n: fine", "@j try @n: not so", "fine", "not"),
            ("R7 | @j | 3 | stored", "R8 | @j | 4 | refused", "stored", "refused"),
            ("done { ref: '@j', n: 1 }", "bad { ref: '@j', n: 1 }", "done { ref", "bad { ref"),
        ] {
            let outcomes = learnt(&["received @j", good], &["received @j", bad]).expect(good);
            assert_eq!(
                (&*outcomes.success[0], &*outcomes.failure[0]),
                (success, failure),
                "{good}"
            );
        }
    }

    #[test]
    fn a_worker_that_throws_needs_no_line_for_it() {
        let traced = ["received @j", "Traceback (most recent call last):", "RuntimeError: jam"];
        let outcomes = learnt(&["received @j", "finished @j"], &traced).expect("outcomes");
        assert_eq!(outcomes.success, ["finished"]);
        let json = r#"{"msg":"stored","job":"@j"}"#;
        assert_eq!(learnt(&[json], &["Error: jam"]).expect("outcomes").success, ["stored"]);
    }

    #[test]
    fn lines_that_name_the_message_alone_will_do() {
        let outcomes = learnt(&["@m stored"], &["@m rejected"]).expect("outcomes");
        assert_eq!(outcomes.success, ["stored"]);
        let (good, bad) = (r#"{"id":"@m","status":200}"#, r#"{"id":"@m","status":500}"#);
        let outcomes = learnt(&[good], &[bad]).expect("outcomes");
        assert_eq!((outcomes.message_id.as_deref(), outcomes.job_id), (Some("id"), None));
    }

    #[test]
    fn nothing_is_learnt_where_no_line_tells_success() {
        for (of_good, of_failing) in [
            (&["received @j"][..], &["received @j"][..]),
            (&[], &["failed @j"]),
            (&["done"], &["failed"]),
            (&[r#"{"event":"seen","job":"@j"}"#], &[r#"{"event":"seen","job":"@j"}"#]),
            // The whole event, of which every job has one.
            (&[r#"{"Records":[{"receiptHandle":"h","body":"@j"}],"ok":1}"#], &["Error"]),
        ] {
            assert_eq!(learnt(of_good, of_failing), None, "{of_good:?}");
        }
    }
}
