//! How many AWS calls a check of a sound stack may make.

use std::collections::BTreeMap;

/// How many resources a page of `ListStackResources` has.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html>.
const RESOURCES_PER_PAGE: usize = 100;

/// The most calls of each operation that a check of a sound stack makes when no other sender or consumer uses its queues. Messages of others,
/// and log lines that come late, cost more.
///
/// A stack of up to 100 resources and with three receives costs sixteen, one more for each further receive up to the tenth, one more
/// where a failing job is a little late, and one more where the dead-letter queue holds a message of others. In an account with more than 100 event source
/// mappings in the region it costs two more. Each of the stack's other queues costs two. `returns` says before how many returns of the failing jobs the jobs queue is counted,
/// and `other_queues` how many queues of the stack are counted beside it and its dead-letter queue.
pub fn call_budget(
    resources: usize,
    returns: usize,
    other_queues: usize,
) -> BTreeMap<&'static str, u32> {
    let other_queues = u32::try_from(other_queues).unwrap_or(u32::MAX);
    let returns = u32::try_from(returns).unwrap_or(u32::MAX);
    let pages = u32::try_from(resources.div_ceil(RESOURCES_PER_PAGE)).unwrap_or(u32::MAX);
    BTreeMap::from([
        ("CloudFormation.DescribeStacks", 1),
        ("CloudFormation.ListStackResources", pages.max(1)),
        ("CloudWatch.DescribeAlarmsForMetric", 1),
        ("CloudWatch Logs.DescribeLogGroups", 1),
        ("CloudWatch Logs.FilterLogEvents", 1),
        ("Lambda.GetFunctionConfiguration", 1),
        // Of all, if they are on a page; or else of those that read the jobs queue, and the dead-letter queue.
        ("Lambda.ListEventSourceMappings", 3),
        // Of the jobs queue and of the dead-letter queue, both of which are counted once more at the end; the jobs queue before each
        // return of the failing jobs, too.
        (
            "SQS.GetQueueAttributes",
            returns.saturating_add(other_queues.saturating_mul(2)).saturating_add(4),
        ),
        // The poll that finds the failing job, and one more where it is a little late.
        ("SQS.ReceiveMessage", 2),
        ("SQS.ListQueueTags", 1),
        ("SQS.DeleteMessageBatch", 1),
        // Should the dead-letter queue hold a message of somebody else's.
        ("SQS.ChangeMessageVisibilityBatch", 1),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_failing_job_and_others_and_each_page_cost_a_call_more_than_sixteen() {
        let total = |resources| call_budget(resources, 2, 0).values().sum::<u32>();
        assert_eq!([0, 1, 100, 101, 250].map(total), [20, 20, 20, 21, 22]);
        assert_eq!(call_budget(1, 9, 0).values().sum::<u32>(), 27);
        assert_eq!(call_budget(1, 2, 3).values().sum::<u32>(), 26);
    }

    #[test]
    fn every_operation_is_one_that_the_policy_allows() {
        let allowed = crate::iam::CHECK.map(|permission| permission.operation);
        for operation in call_budget(1, 2, 1).keys() {
            assert!(allowed.contains(operation), "{operation}");
        }
    }
}
