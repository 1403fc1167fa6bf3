//! The names in an experiment's faults: a rule about what a stack does not have never strikes.

use verifier_core::nearest::nearest;
use verifier_model::faults::FaultRule;

use crate::shell::failure::Failure;

/// What a stack has that rules name.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// The names of its queues, as rules may have them.
    pub(crate) queues: Vec<String>,
    /// The names of its functions, as rules may have them.
    pub(crate) functions: Vec<String>,
}

impl Parts {
    /// The simulated stack's.
    pub(crate) fn simulated() -> Self {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        Self { queues: names(["jobs", "dlq"]), functions: names(["worker", "submit-job"]) }
    }

    /// Fails on a rule that names what there is not; a pattern has to match something.
    pub(crate) fn refuse_others(&self, rules: &[FaultRule], stack: &str) -> Result<(), Failure> {
        for (index, rule) in rules.iter().enumerate() {
            let parts = [
                ("function", &rule.function, &self.functions),
                ("queue", &rule.queue, &self.queues),
            ];
            for (what, pattern, there) in parts {
                let Some(pattern) = pattern else { continue };
                if there.iter().any(|name| FaultRule::names(pattern, name)) {
                    continue;
                }
                let names: Vec<&str> = there.iter().map(String::as_str).collect();
                let near = nearest(pattern, names.iter().copied());
                return Err(Failure {
                    next: Some(match near {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("name one of them: {}", names.join(", ")),
                    }),
                    ..Failure::usage(format!(
                        "faults[{index}] ({}) is about the {what} {pattern}, and {stack} has no such {what}",
                        rule.title()
                    ))
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use verifier_model::faults::Fault;

    use super::*;

    fn refused(queue: Option<&str>, function: Option<&str>) -> Option<String> {
        let rule = FaultRule {
            queue: queue.map(str::to_owned),
            function: function.map(str::to_owned),
            ..FaultRule::always(Fault::Throttle)
        };
        let refused = Parts::simulated().refuse_others(&[rule], "the simulated stack").err()?;
        Some(format!("{}; {}", refused.what, refused.next.unwrap_or_default()))
    }

    #[test]
    fn a_name_that_the_stack_does_not_have_is_refused_and_a_pattern_that_matches_is_not() {
        assert_eq!(refused(None, None), None);
        assert_eq!(refused(Some("dlq"), Some("worker")), None);
        assert_eq!(refused(Some("*"), Some("submit-*")), None);
        assert_eq!(
            refused(None, Some("workers")).unwrap(),
            "faults[0] (throttle) is about the function workers, and the simulated stack has no such function; did you mean worker?"
        );
        let said = refused(Some("x*"), None).unwrap();
        assert!(said.ends_with("no such queue; name one of them: jobs, dlq"), "{said}");
    }
}
