//! The job summary of GitHub Actions, in its Markdown.

use std::fmt::Write;

use verifier_core::check::Overall;

use super::sequence::diagram;
use super::words::{self, Counts, Group};
use crate::chaos::Outcome;
use crate::report::job_summary::{block, cut, inline};

/// The summary, in at most that many bytes.
pub(super) fn markdown(outcome: &Outcome, room: usize) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let mark = match outcome.overall() {
        Overall::Pass => "✅",
        Overall::Fail => "❌",
        Overall::Inconclusive => "❔",
    };
    let name = outcome.experiment.as_ref().map(|experiment| experiment.name.as_str());
    let _ = writeln!(
        text,
        "### {mark} {}: {}\n\n{}; {}.\n",
        words::verdict(outcome),
        inline(name.unwrap_or("chaos")),
        inline(&words::reason(outcome)),
        words::costs(outcome)
    );
    if let Some(explored) = &outcome.explored {
        let _ = writeln!(text, "* explored: {}", words::explored(explored));
    }
    for (when, steady) in [("before", &outcome.before), ("after", &outcome.after)] {
        if let Some(steady) = steady {
            let _ = writeln!(text, "* steady state {when}: {}", inline(&steady.summary));
        }
    }
    if let Some((history, report)) = &outcome.evaluated {
        let _ = writeln!(text, "* load: {}", Counts::of(history).in_words());
        let faults = words::faults(&verifier_chaos::Timeline::of(history));
        let faults = if faults.is_empty() { "none" } else { &faults };
        let _ = writeln!(text, "* faults: {}", inline(faults));
        let _ = writeln!(text, "* drain: {}\n", words::drain(history));
        table(&mut text, &words::groups(report));
        if !report.unknown.is_empty() {
            let _ = writeln!(text, "Cannot be excluded: {}.\n", report.unknown);
        }
        for missing in &outcome.missing {
            let _ = writeln!(text, "* not seen: {}", inline(missing));
        }
        block(&mut text, "mermaid", &diagram(history, report));
    }
    if let Some(experiment) = &outcome.experiment
        && let Ok(json) = serde_json::to_string_pretty(experiment)
    {
        let _ = writeln!(text, "<details><summary>The experiment</summary>\n");
        block(&mut text, "json", &json);
        text.push_str("</details>\n\n");
    }
    let _ = writeln!(text, "Again:\n");
    block(&mut text, "sh", &outcome.again);
    cut(text, room)
}

fn table(text: &mut String, groups: &[Group<'_>]) {
    if groups.is_empty() {
        text.push_str("No anomaly was found.\n\n");
        return;
    }
    text.push_str("| anomaly | verdict | found |\n|---|---|---|\n");
    for group in groups {
        let (mark, verdict) = match group.allowance() {
            Some(allowance) => ("ℹ️", allowance),
            None => ("❌", "violated".to_owned()),
        };
        let _ = writeln!(
            text,
            "| `{}` | {mark} {} | {}: {} |",
            group.anomaly,
            inline(&verdict),
            group.anomaly.meaning(),
            inline(&group.jobs())
        );
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_violation_comes_first_with_its_trace_and_the_way_to_repeat_it() {
        insta::assert_snapshot!(markdown(&sample::violating(), usize::MAX));
    }

    #[test]
    fn it_never_exceeds_its_room() {
        for room in [0, 100, 400, 1_000] {
            assert!(markdown(&sample::passing(), room).len() <= room, "{room}");
        }
    }

    #[test]
    fn no_name_of_a_job_becomes_markup() {
        let text = markdown(&sample::hostile(), usize::MAX);
        let (before, _) = text.split_once("```mermaid").unwrap();
        assert!(!before.contains("<script") && !before.contains("](http"), "{before}");
        assert!(!before.contains("http://") && before.contains("<code>"), "{before}");
    }
}
