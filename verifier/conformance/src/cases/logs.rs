//! CloudWatch Logs: what the verifier needs of it.

use super::run;
use crate::case::Case;
use crate::case::Source::LogsApi;
use crate::problem::{Problem, Verdict, equal};
use crate::refusal::Refusal;
use crate::stand::Stand;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "logs.filter-log-events.missing-group",
        LogsApi("FilterLogEvents"),
        "Events of a log group that is not there are refused as ResourceNotFoundException.",
        run!(missing_group),
    ),
    Case::new(
        "logs.describe-log-groups.none",
        LogsApi("DescribeLogGroups"),
        "A prefix that no log group has gives an empty list and no token.",
        run!(no_groups),
    ),
];

async fn missing_group(stand: &Stand) -> Verdict {
    let request = stand.logs.filter_log_events().log_group_name(format!("/{}", stand.name()));
    let expected = "400 ResourceNotFoundException";
    let Err(error) = request.send().await else {
        return Err(Problem::deviation(expected, "FilterLogEvents succeeds"));
    };
    match Refusal::of(&error) {
        Some(refusal) if !refusal.says_not_supported() => {
            equal("the refusal", &format!("{} {}", refusal.status, refusal.code), &expected.into())
        }
        _ => Err(error.into()),
    }
}

async fn no_groups(stand: &Stand) -> Verdict {
    let request = stand.logs.describe_log_groups();
    let answer = request.log_group_name_prefix(format!("/{}", stand.name())).send().await?;
    equal("how many groups:", &answer.log_groups().len(), &0)?;
    equal("nextToken", &answer.next_token, &None)
}
