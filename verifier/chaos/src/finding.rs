//! What anomalies find.

use serde::Serialize;

use super::allowed::kinds_that_allow;
use super::anomaly::Anomaly;
use super::change::Setting;
use super::facts::{Job, LineNumber};

/// An anomaly in a history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which.
    pub anomaly: Anomaly,
    /// The job that it is about; absent when it is about the run as a whole.
    pub job: Option<String>,
    /// The numbers of the lines that prove it, ascending; the header is line 1.
    pub lines: Vec<usize>,
    /// What allows it in this history.
    pub allowance: Option<Allowance>,
    /// The kinds of faults, and of changed settings, that would allow it.
    pub allowed_by: Vec<&'static str>,
}

/// What allows an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Allowance {
    /// The experiment says so.
    Experiment,
    /// A fault that struck.
    Fault {
        /// The kind of the fault.
        kind: &'static str,
        /// The line where it first struck.
        line: usize,
    },
}

/// Where anomalies put what they find.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    /// Something about a job. Lines that do not exist are left out.
    pub(super) fn job(
        &mut self,
        anomaly: Anomaly,
        job: &Job<'_>,
        lines: impl IntoIterator<Item = Option<LineNumber>>,
    ) {
        self.push(anomaly, Some(job.id.to_owned()), lines);
    }

    /// Something about the run as a whole.
    pub(super) fn run(
        &mut self,
        anomaly: Anomaly,
        lines: impl IntoIterator<Item = Option<LineNumber>>,
    ) {
        self.push(anomaly, None, lines);
    }

    fn push(
        &mut self,
        anomaly: Anomaly,
        job: Option<String>,
        lines: impl IntoIterator<Item = Option<LineNumber>>,
    ) {
        let mut lines: Vec<LineNumber> = lines.into_iter().flatten().collect();
        lines.sort_unstable();
        lines.dedup();
        let mut allowed_by = kinds_that_allow(anomaly);
        allowed_by.extend(Setting::kinds_that_allow(anomaly));
        self.0.push(Finding { anomaly, job, lines, allowance: None, allowed_by });
    }
}
