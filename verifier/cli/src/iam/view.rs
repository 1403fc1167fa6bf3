//! What `verifier iam-policy` prints.

use serde_json::Value;
use verifier_core::iam::Permission;

use crate::report::json;
use crate::shell::failure::Failure;
use crate::shell::output::{print, tell};

/// Shows an IAM policy, and on stderr which of its actions a good run does without.
pub(crate) fn print_policy(policy: &Value, permissions: &[Permission]) -> Result<(), Failure> {
    let printed = print(|out| json::pretty(policy, out));
    for permission in permissions {
        if let Some(when) = permission.only_when {
            tell(&format!("{} is only called when {when}\n", permission.action));
        }
    }
    printed
}

/// Says what is needed on keys that the policy cannot name.
pub(crate) fn tell_keys(actions: &[&str], is_of_stack: bool) {
    if actions.is_empty() {
        return;
    }
    let actions = actions.join(" and ");
    let named = if is_of_stack { "" } else { "; --stack NAME names the keys of a stack's queues" };
    tell(&format!("queues with a KMS key of your own need {actions} on it{named}\n"));
}
