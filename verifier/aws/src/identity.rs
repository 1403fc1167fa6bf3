//! STS: who is asking.

use crate::Aws;

impl Aws {
    /// The ARN of whoever asks; `None` where STS does not say.
    pub async fn caller(&self) -> Option<String> {
        let answer = self.sts.get_caller_identity().send().await.ok()?;
        answer.arn().map(str::to_owned)
    }
}
