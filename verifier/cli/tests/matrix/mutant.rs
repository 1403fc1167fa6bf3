//! A mutant: how a stack is broken, and what a check must find.

use std::rc::Rc;

use serde_json::{Value, json};
use verifier_testkit::{Changes, template};

use super::support::{Checked, Local, check_local, fault_file, functions_with};

type Change = dyn Fn(&mut Changes);

/// A broken stack.
#[derive(Clone)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    changes: Vec<Rc<Change>>,
    /// A function, and the script of `tests/functions` that stands in for it.
    function: Option<(&'static str, &'static str)>,
    faults: Vec<Value>,
    arguments: Vec<&'static str>,
    /// Whether it is a stack that could not be created, beside one that could.
    is_rolled_back: bool,
    pub(crate) expected: Found,
    /// Checks that may find it too, as it depends on the order in which its messages come.
    also: Vec<(&'static str, &'static str)>,
}

/// From how many inconclusive checks on a run is told to have ended before them, instead of naming each.
const MANY: usize = 8;

/// What a check came to: its exit code, and the checks that did not pass, but for what is said of every stack here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) code: i32,
    checks: Vec<(String, String)>,
}

impl Mutant {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            changes: Vec::new(),
            function: None,
            faults: Vec::new(),
            arguments: Vec::new(),
            is_rolled_back: false,
            expected: Found::default(),
            also: Vec::new(),
        }
    }

    /// The stack's template is changed.
    pub(crate) fn with_change(mut self, change: impl Fn(&mut Changes) + 'static) -> Self {
        self.changes.push(Rc::new(change));
        self
    }

    /// One of its functions has a defect.
    pub(crate) fn with_function(
        mut self,
        function: &'static str,
        script: &'static str,
        defect: &'static str,
    ) -> Self {
        self.function = Some((function, script));
        self.with_change(move |changes| {
            let resources = &mut changes.document()["Resources"];
            let dead_letters =
                resources.as_object().expect("resources").iter().find_map(|(id, resource)| {
                    let is_dead = resource["Type"] == "AWS::SQS::Queue"
                        && resource["Properties"].get("RedrivePolicy").is_none();
                    is_dead.then(|| id.clone())
                });
            for resource in resources.as_object_mut().expect("resources").values_mut() {
                if resource["Metadata"]["verifier:binary"] == function {
                    let variables = &mut resource["Properties"]["Environment"]["Variables"];
                    variables["MUTANT"] = defect.into();
                    variables["DEAD_LETTERS"] = json!({"Ref": dead_letters});
                }
            }
        })
    }

    /// Something goes wrong at a boundary.
    pub(crate) fn with_fault(mut self, rule: Value) -> Self {
        self.faults.push(rule);
        self
    }

    /// The check is asked for something more.
    pub(crate) fn with_arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// The stack could not be created: it was rolled back.
    pub(crate) fn rolled_back(mut self) -> Self {
        self.is_rolled_back = true;
        self
    }

    /// What the check must come to.
    pub(crate) fn expect(mut self, code: i32, checks: &[(&str, &str)]) -> Self {
        let owned = |(id, verdict): &(&str, &str)| ((*id).to_owned(), (*verdict).to_owned());
        self.expected = Found { code, checks: checks.iter().map(owned).collect() };
        self
    }

    /// What else it may come to.
    pub(crate) fn or_also(mut self, checks: &[(&'static str, &'static str)]) -> Self {
        self.also.extend(checks);
        self
    }

    /// Whether it was caught as it must be.
    pub(crate) fn is_caught_by(&self, found: &Found) -> bool {
        let is_possible =
            |(id, verdict): &(String, String)| self.also.contains(&(id.as_str(), verdict.as_str()));
        let mut certain = found.clone();
        certain.checks.retain(|check| self.expected.checks.contains(check) || !is_possible(check));
        certain == self.expected
    }

    /// It is no mutant at all.
    pub(crate) fn passes(self) -> Self {
        self.expect(0, &[])
    }

    pub(crate) fn check(&self) -> Found {
        if self.is_rolled_back {
            let local = Local::start(&[]);
            local.create_stack(
                "Broken",
                &json!({"Resources": {"Taken": {
                    "Type": "AWS::SQS::Queue",
                    "Properties": {"QueueName": local.text("/outputs/JobsQueueName")},
                }}}),
            );
            return Found::of(&local.check_unnamed(&["--stack", "Broken"]));
        }
        let changed = template(|changes| self.changes.iter().for_each(|change| change(changes)));
        let functions = self.function.map(|(function, script)| functions_with(function, script));
        let faults = fault_file(&json!(self.faults));
        let mut arguments = vec!["--template", changed.path().to_str().expect("a path")];
        if let Some(functions) = &functions {
            arguments.extend(["--functions", functions.path().to_str().expect("a path")]);
        }
        arguments.extend(["--faults", faults.path().to_str().expect("a path")]);
        arguments.extend(&self.arguments);
        Found::of(&check_local(&arguments))
    }
}

impl Found {
    fn of(checked: &Checked) -> Self {
        let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let checks = checked
            .checks()
            .iter()
            .map(|check| (text(check, "id"), text(check, "verdict")))
            .filter(|(id, verdict)| {
                // What was not exercised follows from what is wrong, and convicts nobody.
                verdict != "pass"
                    && verdict != "not-exercised"
                    && (id.as_str(), verdict.as_str()) != ("cfg.receives", "info")
            });
        let mut checks: Vec<(String, String)> = checks.collect();
        let open = checks.iter().filter(|(_, verdict)| verdict == "inconclusive").count();
        if open >= MANY {
            checks.retain(|(_, verdict)| verdict != "inconclusive");
            checks.push(("the rest".to_owned(), "inconclusive".to_owned()));
        }
        Self { code: checked.code.unwrap_or(-1), checks }
    }

    /// In a line.
    pub(crate) fn shown(&self) -> String {
        let shown = self.checks.iter().map(|(id, verdict)| format!("{id} {verdict}"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        if shown.is_empty() { "none".to_owned() } else { shown }
    }
}
