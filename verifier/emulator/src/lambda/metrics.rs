//! What CloudWatch shows of the functions' invocations.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use verifier_model::cloudwatch::{Counter, Datapoint, Metric};
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::time::Timestamp;

/// `Invocations`, `Errors` and `Throttles` of every function that was invoked. As on AWS, there is no datapoint where there was no
/// invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>.
#[derive(Default)]
pub(crate) struct FunctionMetrics(Mutex<HashMap<String, Series>>);

#[derive(Default)]
struct Series {
    invocations: Counter,
    errors: Counter,
    throttles: Counter,
}

impl FunctionMetrics {
    /// Records an invocation that has ended. AWS records it for the time at which it began, which differs by at most
    /// the function's timeout.
    pub(super) fn record(&self, function: &str, outcome: &InvocationOutcome, now: Timestamp) {
        let mut functions = self.lock();
        let series = functions.entry(function.to_owned()).or_default();
        // A throttled invocation is none: neither `Invocations` nor `Errors` counts it.
        if *outcome == InvocationOutcome::Throttled {
            series.throttles.add(1.0, now);
            return;
        }
        let failed = matches!(outcome, InvocationOutcome::Errored(_));
        series.invocations.add(1.0, now);
        series.errors.add(if failed { 1.0 } else { 0.0 }, now);
        series.throttles.add(0.0, now);
    }

    /// What a metric was in a period; `None` if it is none of a function's, or nothing is known of that time.
    pub(crate) fn datapoint(
        &self,
        metric: &Metric,
        from: Timestamp,
        to: Timestamp,
    ) -> Option<Datapoint> {
        if metric.namespace != "AWS/Lambda" {
            return None;
        }
        let functions = self.lock();
        let series = functions.get(metric.only_dimension("FunctionName")?)?;
        match metric.name.as_str() {
            "Invocations" => series.invocations.datapoint(from, to),
            "Errors" => series.errors.datapoint(from, to),
            "Throttles" => series.throttles.datapoint(from, to),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
