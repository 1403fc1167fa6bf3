//! The alarms of a stack.

use verifier_model::cloudwatch::{
    ComparisonOperator, Metric, MetricAlarm, Statistic, TreatMissingData,
};

use super::build::{Builder, Resolved};
use super::properties::Properties;
use super::{AlarmSpec, Skipped, tags_of};
use crate::template::TemplateError;

/// An alarm, or why it is left out.
enum Read {
    Alarm(Box<AlarmSpec>),
    LeftOut(&'static str),
}

impl Builder<'_> {
    /// The metric alarms of the template, and those that cannot be evaluated.
    pub(super) fn alarms(&self) -> Result<(Vec<AlarmSpec>, Vec<Skipped>), TemplateError> {
        let (mut alarms, mut skipped) = (Vec::new(), Vec::new());
        for resource in self.of_type("AWS::CloudWatch::Alarm") {
            match read(resource)? {
                Read::Alarm(alarm) => alarms.push(*alarm),
                Read::LeftOut(reason) => skipped.push(Skipped {
                    logical_id: resource.logical_id.to_owned(),
                    resource_type: resource.definition.resource_type.clone(),
                    reason: reason.to_owned(),
                }),
            }
        }
        Ok((alarms, skipped))
    }
}

/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>.
fn read(resource: &Resolved<'_>) -> Result<Read, TemplateError> {
    let properties = resource.properties();
    let listed = only_metric(&properties);
    if properties.has("Metrics") && listed.is_none() {
        return Ok(Read::LeftOut("watches an expression, and none is evaluated here"));
    }
    if properties.has("ExtendedStatistic") {
        return Ok(Read::LeftOut("watches a percentile, and none is computed here"));
    }
    let comparison = properties.required_text("ComparisonOperator")?;
    let Some(comparison) = ComparisonOperator::parse(&comparison) else {
        const BANDS: [&str; 3] = [
            "LessThanLowerOrGreaterThanUpperThreshold",
            "LessThanLowerThreshold",
            "GreaterThanUpperThreshold",
        ];
        if !BANDS.contains(&comparison.as_str()) {
            return Err(resource.refused(format!(
                "Properties validation failed for resource {} with message: [#/ComparisonOperator: {comparison} is not a valid enum value]",
                resource.logical_id
            )));
        }
        return Ok(Read::LeftOut(
            "compares with an anomaly detection band, and there is none here",
        ));
    };
    let of_metric = listed.as_ref().unwrap_or(&properties);
    let number_of = |properties: &Properties<'_>, name: &str| {
        let number = properties.number(name, 0, 1..=u64::from(u32::MAX))?;
        u32::try_from(number).map_err(|_| properties.bad(name, "is too large"))
    };
    let number = |name: &str| number_of(&properties, name);
    let named = listed
        .as_ref()
        .map(|listed| listed.map("Metric").ok_or_else(|| listed.bad("Metric", "is required")));
    let named = named.transpose()?;
    let statistic = if listed.is_some() { "Stat" } else { "Statistic" };
    let definition = MetricAlarm {
        name: resource.physical_id.clone(),
        description: properties.text("AlarmDescription")?,
        metric: metric(named.as_ref().unwrap_or(&properties))?,
        unit: of_metric.text("Unit")?,
        statistic: one_of(of_metric, statistic, Statistic::parse)?
            .ok_or_else(|| of_metric.bad(statistic, "is required"))?,
        period_seconds: number_of(of_metric, "Period")?,
        evaluation_periods: number("EvaluationPeriods")?,
        datapoints_to_alarm: if properties.has("DatapointsToAlarm") {
            Some(number("DatapointsToAlarm")?)
        } else {
            None
        },
        threshold: one_of(&properties, "Threshold", |text| text.parse().ok())?
            .ok_or_else(|| properties.bad("Threshold", "is required"))?,
        comparison,
        treat_missing_data: one_of(&properties, "TreatMissingData", TreatMissingData::parse)?,
        actions_enabled: properties.boolean("ActionsEnabled", true)?,
        ok_actions: properties.texts("OKActions")?,
        alarm_actions: properties.texts("AlarmActions")?,
        insufficient_data_actions: properties.texts("InsufficientDataActions")?,
    };
    definition.check().map_err(|refusal| resource.refused(refusal.to_string()))?;
    let tags = tags_of(&resource.properties);
    Ok(Read::Alarm(Box::new(AlarmSpec { definition, tags })))
}

/// The metric of a list that holds nothing else, which is the same as one that is named directly.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cloudwatch-alarm-metricdataquery.html>.
fn only_metric<'a>(properties: &Properties<'a>) -> Option<Properties<'a>> {
    match properties.maps("Metrics").as_slice() {
        [only] if !only.has("Expression") => only.map("MetricStat"),
        _ => None,
    }
}

fn metric(properties: &Properties<'_>) -> Result<Metric, TemplateError> {
    let dimension = |dimension: &Properties<'_>| {
        Ok((dimension.required_text("Name")?, dimension.required_text("Value")?))
    };
    Ok(Metric {
        namespace: properties.required_text("Namespace")?,
        name: properties.required_text("MetricName")?,
        dimensions: properties
            .maps("Dimensions")
            .iter()
            .map(dimension)
            .collect::<Result<_, TemplateError>>()?,
    })
}

fn one_of<T>(
    properties: &Properties<'_>,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, TemplateError> {
    let Some(text) = properties.text(name)? else {
        return Ok(None);
    };
    let value = parse(&text);
    value.map(Some).ok_or_else(|| properties.bad(name, &format!("{text} is not known here")))
}
