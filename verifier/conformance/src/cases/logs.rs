//! CloudWatch Logs: what the verifier needs of it.

use super::run;
use crate::case::Case;
use crate::case::Source::LogsApi;
use crate::problem::{Verdict, equal};
use crate::refusal::NO_LOG_GROUP;
use crate::refused::refused;
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
    refused(request.send().await, NO_LOG_GROUP)
}

async fn no_groups(stand: &Stand) -> Verdict {
    let request = stand.logs.describe_log_groups();
    let answer = request.log_group_name_prefix(format!("/{}", stand.name())).send().await?;
    equal("how many groups:", &answer.log_groups().len(), &0)?;
    equal("nextToken", &answer.next_token, &None)
}
