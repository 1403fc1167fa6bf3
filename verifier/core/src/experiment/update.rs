//! Whether what a part was told last is in force.

/// How the last update of a part stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// It is done: the part is as it says.
    Done,
    /// It is on its way. Until it is done, what was before is in force, and another update is refused.
    UnderWay,
    /// AWS has given it up: what was before is in force, whatever the part says. Holds why.
    Failed(String),
}

impl Update {
    /// A function's, by its `LastUpdateStatus`, with the reason and the code of it. Nothing but `Successful` is done. A
    /// function that has none was never updated.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>, "Function states while updating": while
    /// an update is in progress, and after one that has failed, the previous code and configuration are invoked.
    pub fn of_function(status: Option<&str>, reason: Option<&str>, code: Option<&str>) -> Self {
        match status {
            None | Some("Successful") => Self::Done,
            Some("Failed") => {
                let texts = [code, reason].into_iter().flatten().filter(|text| !text.is_empty());
                let why: Vec<&str> = texts.collect();
                let unsaid = || "Lambda says no reason".to_owned();
                Self::Failed(if why.is_empty() { unsaid() } else { why.join(": ") })
            }
            Some(_) => Self::UnderWay,
        }
    }

    /// An event source mapping's, by its `State`.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html>, `State`.
    pub fn of_mapping(state: &str) -> Self {
        if matches!(state, "Enabled" | "Disabled") { Self::Done } else { Self::UnderWay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_successful_update_is_in_force() {
        let of = |status| Update::of_function(status, None, None);
        assert_eq!(of(Some("Successful")), Update::Done);
        assert_eq!(of(None), Update::Done);
        assert_eq!(of(Some("InProgress")), Update::UnderWay);
        // What a later version of Lambda may say is not taken for done.
        assert_eq!(of(Some("RollingBack")), Update::UnderWay);
        assert!(matches!(of(Some("Failed")), Update::Failed(_)));
    }

    #[test]
    fn a_failed_update_says_why() {
        let of = |reason, code| match Update::of_function(Some("Failed"), reason, code) {
            Update::Failed(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(Some("no key"), Some("KMSKeyNotFound")), "KMSKeyNotFound: no key");
        assert_eq!(of(Some("no key"), None), "no key");
        assert_eq!(of(Some(""), Some("InternalError")), "InternalError");
        assert_eq!(of(None, None), "Lambda says no reason");
    }

    #[test]
    fn a_mapping_is_there_when_it_is_enabled_or_disabled() {
        for state in ["Enabled", "Disabled"] {
            assert_eq!(Update::of_mapping(state), Update::Done);
        }
        for state in ["Creating", "Enabling", "Disabling", "Updating", "Deleting", ""] {
            assert_eq!(Update::of_mapping(state), Update::UnderWay);
        }
    }
}
