//! The view for CI systems: JUnit's XML, a test case a check.
//!
//! Those who read it take a suite without failures and errors for a good one, so it has one of them exactly when the
//! run did not pass.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};
use verifier_core::check::{Overall, Settled, Verdict};

use super::words;
use crate::check::Report;
use crate::report::words::{iso, seconds};
use crate::shell::clean;

/// Writes the report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut suite = TestSuite::new(format!("verifier check {}", clean::line(&report.stack)));
    suite.set_time(report.wall);
    for (name, value) in [
        ("runId", report.run_id.clone()),
        ("region", report.region.clone().unwrap_or_default()),
        ("startedAt", iso(report.started_at)),
    ] {
        suite.add_property((name, clean::line(&value).as_str()));
    }
    suite.add_test_cases(report.checks.iter().map(|settled| case(settled, report)));
    if report.overall != Overall::Pass && suite.failures + suite.errors == 0 {
        suite.add_test_case(verdict(report));
    }
    let mut document = Document::new("verifier");
    document.set_time(report.wall).add_test_suite(suite);
    let text = document.to_string().map_err(io::Error::other)?;
    out.write_all(clean::xml(&text).as_bytes())
}

fn case(settled: &Settled, report: &Report) -> TestCase {
    let evaluation = &settled.evaluation;
    let mut status = match evaluation.counted() {
        Verdict::Pass | Verdict::Info => TestCaseStatus::success(),
        Verdict::Warn if !report.strict => TestCaseStatus::success(),
        Verdict::Warn | Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotRun => TestCaseStatus::skipped(),
    };
    let (summary, details) = (clean::line(&evaluation.summary), details(settled, report));
    let good = matches!(status, TestCaseStatus::Success { .. });
    let mut noted = None;
    if good {
        noted = Some(format!("{}: {summary}\n{details}", evaluation.verdict));
    } else {
        status.set_message(summary).set_type(evaluation.verdict.as_str());
        if !details.is_empty() {
            status.set_description(details);
        }
    }
    let mut case = TestCase::new(settled.check.id, status);
    case.set_classname("verifier.check");
    if let Some(noted) = noted {
        case.set_system_out(noted.trim_end());
    }
    case
}

/// What explains a check that did not pass, a line each; nothing for one that did.
fn details(settled: &Settled, report: &Report) -> String {
    let evaluation = &settled.evaluation;
    let mut lines: Vec<String> =
        [("expected", &evaluation.expected), ("actual", &evaluation.actual)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .map(|(name, value)| format!("{name}: {}", clean::line(value)))
            .collect();
    if words::is_open(settled, report) {
        for job in words::jobs_of(settled.check.id, &report.jobs) {
            lines.push(format!("job: {}", clean::line(&job.job_id)));
            lines.extend(job.steps.iter().map(|step| {
                format!("  {}: {}", seconds(job.after(step)), words::step(&step.what))
            }));
            lines.push(format!("last seen: {}", words::last_seen(job)));
        }
    }
    if let Some(next) = &evaluation.next {
        lines.push(format!("next: {}", clean::line(next)));
    }
    if words::is_open(settled, report) {
        lines.push(format!("see: {}", settled.check.runbook()));
    }
    lines.join("\n")
}

/// Stands for the run, where no single check says that it did not pass: what had to be run was not.
fn verdict(report: &Report) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(format!("the run did not pass: {}", words::counts(report)));
    let mut case = TestCase::new("verdict", status);
    case.set_classname("verifier.check");
    case
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Evaluation;

    use super::super::sample;
    use super::*;

    fn shown(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_verdict_has_its_place() {
        insta::assert_snapshot!(shown(&sample::failing()));
    }

    #[test]
    fn a_suite_is_green_exactly_when_the_run_passed() {
        for check in sample::passing().checks.iter().map(|settled| settled.check) {
            for verdict in Verdict::ALL {
                let plain = Evaluation::new(verdict, "changed");
                for evaluation in [plain.clone(), plain.with_allowance("known")] {
                    for strict in [false, true] {
                        let report = sample::with(check.id, &evaluation, strict);
                        let green = shown(&report).contains(r#" failures="0" errors="0""#);
                        assert_eq!(
                            green,
                            report.overall == Overall::Pass,
                            "{evaluation:?} {strict}"
                        );
                    }
                }
            }
        }
    }
}
