//! The built-in experiments.

use verifier_chaos::Experiment;

use super::parse::parse_yaml;

/// A built-in experiment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Builtin {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its file.
    pub(crate) text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),+ $(,)?) => {
        [$(Builtin { name: $name, text: include_str!(concat!("../../experiments/", $name, ".yaml")) }),+]
    };
}

impl Builtin {
    /// All of them, in the order of the list.
    pub(crate) const ALL: [Self; 22] = builtins![
        "poison-in-a-crowd",
        "throttle-storm",
        "crash-after-effect",
        "lost-ack",
        "mapping-flap",
        "slow-consumer",
        "redrive-under-fire",
        "duplicate-storm",
        "move-task-under-load",
        "cold-start-storm",
        "garbled-answers",
        "gateway-trouble",
        "hidden-messages",
        "miscounted-receives",
        "unreliable-logs",
        "careless-mapping",
        "competing-receiver",
        "other-terms",
        "stingy-worker",
        "narrow-mapping",
        "careless-clients",
        "exiting-worker",
    ];

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name == name)
    }

    /// What its file says.
    pub(crate) fn experiment(self) -> Result<Experiment, String> {
        parse_yaml(self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use verifier_chaos::{Event, Limits, Verdict, evaluate, fault_operations};

    use super::super::Sim;
    use super::*;

    #[test]
    fn each_is_named_as_its_file_and_says_what_it_tries() {
        for builtin in Builtin::ALL {
            let experiment =
                builtin.experiment().unwrap_or_else(|e| panic!("{}: {e}", builtin.name));
            assert_eq!(experiment.name, builtin.name);
            assert!(experiment.description.ends_with('.'), "{}", builtin.name);
            assert_eq!(Builtin::named(builtin.name).map(|found| found.text), Some(builtin.text));
        }
        let seeds: BTreeSet<u64> =
            Builtin::ALL.iter().map(|builtin| builtin.experiment().unwrap().seed).collect();
        assert_eq!(seeds.len(), Builtin::ALL.len());
    }

    #[test]
    fn a_sound_stack_passes_each_and_each_fault_of_it_strikes() {
        let mut struck_anywhere = BTreeSet::new();
        for builtin in Builtin::ALL {
            let experiment = builtin.experiment().unwrap();
            let history = Sim::sound().simulate(&experiment.schedule(), Limits::default()).unwrap();
            let report = evaluate(&history);
            assert_eq!(report.verdict, Verdict::True, "{}: {report:#?}", builtin.name);
            let struck: BTreeSet<&str> = history
                .lines
                .iter()
                .filter_map(|line| match &line.event {
                    Event::Fault { fault, .. } => Some(fault.kind()),
                    Event::Changed { setting } => Some(setting.kind()),
                    _ => None,
                })
                .collect();
            let rules = experiment.faults.iter().map(|rule| rule.fault.kind());
            let changes = experiment.changes.iter().map(|change| change.setting.kind());
            for kind in rules.chain(changes) {
                assert!(struck.contains(kind), "{}: {kind} never strikes", builtin.name);
            }
            struck_anywhere.extend(struck);
        }
        let kinds: BTreeSet<&str> = fault_operations().into_iter().map(|(kind, _)| kind).collect();
        let missed: Vec<_> = kinds.difference(&struck_anywhere).collect();
        assert!(missed.is_empty(), "no experiment has {missed:?}");
    }
}
