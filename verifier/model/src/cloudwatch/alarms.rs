//! All metric alarms of one account and region.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::alarm::{AlarmState, MetricAlarm};
use super::evaluation::{Outcome, Point, evaluate, evaluation_range};
use super::{CloudWatchError, Datapoint, Metric};
use crate::paging::{Listed, page};
use crate::time::Timestamp;

/// The most alarms in a page, and how many there are when nothing is asked for.
const RECORDS_MAX: usize = 100;
const RECORDS_DEFAULT: usize = 50;
/// How often an alarm is evaluated, at least.
const INTERVAL_MAX: Duration = Duration::from_mins(1);
/// How many evaluations are caught up with, at most: a day of minutes. What lies further back, in a jump of the clock,
/// could only matter to an alarm that ignores missing data.
const EVALUATIONS_MAX: u64 = 1_440;
/// How many periods of an alarm are looked at for evaluations that are made up for, at most.
const POINTS_MAX: u64 = 1_000_000;

/// The service: every alarm by name.
#[derive(Clone, Debug)]
pub struct Alarms {
    region: String,
    account_id: String,
    alarms: BTreeMap<String, Alarm>,
}

/// An alarm and its state.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// What it is defined as.
    pub definition: MetricAlarm,
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its state.
    pub state: AlarmState,
    /// Why it has this state. AWS also names the datapoints' times.
    pub state_reason: String,
    /// When the state or its reason was last set.
    pub state_updated_at: Timestamp,
    /// When the state last became another.
    pub state_transitioned_at: Timestamp,
    /// When it was last defined.
    pub configured_at: Timestamp,
    evaluated_at: Timestamp,
}

/// The parameters of `DescribeAlarms`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeAlarms<'a> {
    /// Their names; not together with a prefix.
    pub names: Option<&'a [String]>,
    /// What their names begin with.
    pub name_prefix: Option<&'a str>,
    /// What one of their actions begins with.
    pub action_prefix: Option<&'a str>,
    /// Their state.
    pub state: Option<AlarmState>,
    /// What the page before ended with.
    pub next_token: Option<&'a str>,
    /// The most alarms in the page; 1 to 100, 50 when absent.
    pub max_records: Option<usize>,
}

impl Alarms {
    /// A service without alarms.
    pub fn new(region: impl Into<String>, account_id: impl Into<String>) -> Self {
        let (region, account_id) = (region.into(), account_id.into());
        Self { region, account_id, alarms: BTreeMap::new() }
    }

    /// Whether there is an alarm of that name.
    pub fn has(&self, name: &str) -> bool {
        self.alarms.contains_key(name)
    }

    /// Creates an alarm, or defines an existing one again, which keeps its state and its tags.
    pub fn put(
        &mut self,
        definition: MetricAlarm,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), CloudWatchError> {
        definition.check()?;
        if let Some(alarm) = self.alarms.get_mut(&definition.name) {
            alarm.definition = definition;
            alarm.configured_at = now;
            return Ok(());
        }
        let name = definition.name.clone();
        let arn = format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", self.region, self.account_id);
        let alarm = Alarm {
            definition,
            arn,
            tags,
            state: AlarmState::InsufficientData,
            state_reason: "Unchecked: Initial alarm creation".to_owned(),
            state_updated_at: now,
            state_transitioned_at: now,
            configured_at: now,
            evaluated_at: now,
        };
        self.alarms.insert(name, alarm);
        Ok(())
    }

    /// Deletes alarms: all of these or, if one is missing, none.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>.
    pub fn delete(&mut self, names: &[String]) -> Result<(), CloudWatchError> {
        if let Some(missing) = names.iter().find(|name| !self.alarms.contains_key(*name)) {
            return Err(CloudWatchError::AlarmNotFound(missing.clone()));
        }
        self.alarms.retain(|name, _| !names.contains(name));
        Ok(())
    }

    /// Sets an alarm's state until it is next evaluated.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.
    pub fn set_state(
        &mut self,
        name: &str,
        state: AlarmState,
        reason: String,
        now: Timestamp,
    ) -> Result<(), CloudWatchError> {
        let alarm = self.alarms.get_mut(name);
        let alarm = alarm.ok_or_else(|| CloudWatchError::AlarmNotFound(name.to_owned()))?;
        alarm.enter(state, reason, now);
        Ok(())
    }

    /// A page of the alarms, in the order of their names.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>.
    pub fn describe(
        &self,
        request: &DescribeAlarms<'_>,
    ) -> Result<Listed<&Alarm>, CloudWatchError> {
        if request.names.is_some() && request.name_prefix.is_some() {
            return Err(CloudWatchError::InvalidParameterCombination(
                "AlarmNames and AlarmNamePrefix cannot both be specified.".to_owned(),
            ));
        }
        let max_records = request.max_records.unwrap_or(RECORDS_DEFAULT);
        if !(1..=RECORDS_MAX).contains(&max_records) {
            return Err(CloudWatchError::Validation(format!(
                "1 validation error detected: Value '{max_records}' at 'maxRecords' failed to satisfy constraint: Member must have value between 1 and {RECORDS_MAX}"
            )));
        }
        let wanted = self.alarms.values().filter(|alarm| request.wants(alarm));
        let wanted = wanted.map(|alarm| (alarm.definition.name.clone(), alarm)).collect();
        page(wanted, false, request.next_token, max_records)
            .map_err(|_| CloudWatchError::InvalidNextToken)
    }

    /// The alarms on a metric.
    pub fn for_metric<'a>(&'a self, metric: &'a Metric) -> impl Iterator<Item = &'a Alarm> {
        self.alarms.values().filter(move |alarm| alarm.definition.metric == *metric)
    }

    /// The tags of the alarm with that ARN.
    pub fn tags_mut(
        &mut self,
        arn: &str,
    ) -> Result<&mut BTreeMap<String, String>, CloudWatchError> {
        let mut alarms = self.alarms.values_mut();
        let alarm = alarms.find(|alarm| alarm.arn == arn);
        let alarm = alarm.ok_or_else(|| CloudWatchError::ResourceNotFound(arn.to_owned()))?;
        Ok(&mut alarm.tags)
    }

    /// Brings every alarm's state up to date: evaluates it at each full minute that has passed since it last was, or,
    /// with a shorter period, as often as that.
    ///
    /// `datapoint` says what a metric was in a period, which ends before its second time. Nothing arrives late here,
    /// so an evaluation always knows the period that has just ended; AWS is a minute or more behind.
    pub fn advance(
        &mut self,
        now: Timestamp,
        datapoint: &dyn Fn(&Metric, Timestamp, Timestamp) -> Option<Datapoint>,
    ) {
        for alarm in self.alarms.values_mut() {
            let period = Duration::from_secs(alarm.definition.period_seconds.into());
            let interval = period.min(INTERVAL_MAX).as_millis();
            let interval = u64::try_from(interval).unwrap_or(u64::MAX).max(1);
            let last = now.as_millis() / interval;
            let first = alarm.evaluated_at.as_millis() / interval + 1;
            let range = evaluation_range(alarm.definition.evaluation_periods as usize) as u64;
            let most = EVALUATIONS_MAX.min(POINTS_MAX / range.max(1)).max(1);
            // Turns look at the same periods, most of them.
            let known = RefCell::new(BTreeMap::new());
            let once = |metric: &Metric, from: Timestamp, to: Timestamp| {
                *known.borrow_mut().entry(from).or_insert_with(|| datapoint(metric, from, to))
            };
            for turn in first.max(last.saturating_sub(most - 1))..=last {
                alarm.evaluate(Timestamp::from_millis(turn * interval), &once);
            }
            alarm.evaluated_at = now;
        }
    }
}

impl DescribeAlarms<'_> {
    fn wants(&self, alarm: &Alarm) -> bool {
        let definition = &alarm.definition;
        let acts = |prefix: &str| {
            let actions = [
                &definition.ok_actions,
                &definition.alarm_actions,
                &definition.insufficient_data_actions,
            ];
            actions.into_iter().flatten().any(|action| action.starts_with(prefix))
        };
        self.names.is_none_or(|names| names.contains(&definition.name))
            && self.name_prefix.is_none_or(|prefix| definition.name.starts_with(prefix))
            && self.action_prefix.is_none_or(acts)
            && self.state.is_none_or(|state| state == alarm.state)
    }
}

impl Alarm {
    fn evaluate(
        &mut self,
        now: Timestamp,
        datapoint: &dyn Fn(&Metric, Timestamp, Timestamp) -> Option<Datapoint>,
    ) {
        let definition = &self.definition;
        let period = Duration::from_secs(definition.period_seconds.into());
        let periods = definition.evaluation_periods as usize;
        let mut values = Vec::new();
        let mut to = now;
        for _ in 0..evaluation_range(periods) {
            let from = to - period;
            let value = datapoint(&definition.metric, from, to);
            values.push(value.map(|datapoint| datapoint.value(definition.statistic)));
            to = from;
        }
        values.reverse();
        let points: Vec<Point> = values.iter().map(|value| definition.point(*value)).collect();
        let treatment = definition.treat_missing_data.unwrap_or_default();
        let outcome = evaluate(&points, periods, definition.datapoints_needed(), treatment);
        if let Outcome::State(state) = outcome
            && state != self.state
        {
            let reason = self.definition.reason(state, &values);
            self.enter(state, reason, now);
        }
    }

    fn enter(&mut self, state: AlarmState, reason: String, now: Timestamp) {
        if state != self.state {
            self.state_transitioned_at = now;
        }
        self.state = state;
        self.state_reason = reason;
        self.state_updated_at = now;
    }
}

impl MetricAlarm {
    fn point(&self, value: Option<f64>) -> Point {
        match value {
            None => Point::Missing,
            Some(value) if self.comparison.holds(value, self.threshold) => Point::Breaching,
            Some(_) => Point::NotBreaching,
        }
    }

    /// Why an evaluation came to a state, in the manner of AWS.
    fn reason(&self, state: AlarmState, values: &[Option<f64>]) -> String {
        let periods = self.evaluation_periods as usize;
        let known = values.iter().rev().flatten().take(periods);
        let known: Vec<String> = known.map(|value| format!("{value:?}")).collect();
        let (count, shown) = (known.len(), known.join(", "));
        let plural = if count == 1 { "" } else { "s" };
        let (comparison, threshold) = (self.comparison.in_words(), self.threshold);
        if count == 0 && state != AlarmState::InsufficientData {
            let taken_for = if state == AlarmState::Alarm { "Breaching" } else { "NonBreaching" };
            return format!(
                "Threshold Crossed: no datapoints were received for the last {periods} periods, and missing datapoints were treated as [{taken_for}]."
            );
        }
        match state {
            AlarmState::InsufficientData => {
                let plural = if periods == 1 { " was" } else { "s were" };
                format!("Insufficient Data: {periods} datapoint{plural} unknown.")
            }
            AlarmState::Ok => format!(
                "Threshold Crossed: {count} datapoint{plural} [{shown}] not {comparison} the threshold ({threshold:?}) often enough."
            ),
            AlarmState::Alarm => {
                let breaches = |value: &&f64| self.comparison.holds(**value, threshold);
                let latest = values.iter().rev().flatten().take(periods);
                let breaching = latest.filter(breaches).count();
                let needed = self.datapoints_needed();
                format!(
                    "Threshold Crossed: {breaching} out of the last {periods} datapoints [{shown}] {} {comparison} the threshold ({threshold:?}) (minimum {needed} datapoint{} for OK -> ALARM transition).",
                    if breaching == 1 { "was" } else { "were" },
                    if needed == 1 { "" } else { "s" },
                )
            }
        }
    }
}
