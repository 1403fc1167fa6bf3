//! A row of the matrix: how a stack is broken, or unusual, and what a check must find.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use verifier_testkit::{Changes, template};

use super::support::{
    Checked, Local, check_local, fault_file_of_seed, functions_of, is_information,
};

type Change = dyn Fn(&mut Changes) + Send + Sync;

/// A stack that is broken, or unusual and sound.
#[derive(Clone)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    changes: Vec<Arc<Change>>,
    /// Functions, and the scripts of `tests/functions` that stand in for them.
    functions: Vec<(&'static str, &'static str)>,
    faults: Vec<Value>,
    arguments: Vec<&'static str>,
    /// What stands in the `verifier.toml`.
    settings: Option<&'static str>,
    /// Jobs of others that are submitted before the check.
    others: Vec<Value>,
    /// How many checks run at once.
    at_once: usize,
    /// Whether it is a stack that could not be created, beside one that could.
    is_rolled_back: bool,
    /// Whether what becomes of it depends on the order of messages, on delays or on when lines come.
    pub(crate) varies: bool,
    /// Whether it is like others, and left to those who ask for all.
    pub(crate) is_rare: bool,
    pub(crate) expected: Found,
    /// Checks that may find it too, as it depends on the order in which its messages come.
    also: Vec<(&'static str, &'static str)>,
    /// What else a check may come to, where what the stack does depends on that order, too.
    else_: Option<Found>,
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
            functions: Vec::new(),
            faults: Vec::new(),
            arguments: Vec::new(),
            settings: None,
            others: Vec::new(),
            at_once: 1,
            is_rolled_back: false,
            varies: false,
            is_rare: false,
            expected: Found::default(),
            also: Vec::new(),
            else_: None,
        }
    }

    /// The stack's template is changed.
    pub(crate) fn with_change(
        mut self,
        change: impl Fn(&mut Changes) + Send + Sync + 'static,
    ) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    /// One of its functions has a defect.
    pub(crate) fn with_function(
        mut self,
        function: &'static str,
        script: &'static str,
        defect: &str,
    ) -> Self {
        self.functions.push((function, script));
        let defect = defect.to_owned();
        self.with_change(move |changes| {
            changes.let_roles_use_queues_and_logs();
            let resources = changes.document()["Resources"].as_object_mut().expect("resources");
            let queue = |is_source: bool| {
                let found = resources.iter().find(|(_, resource)| {
                    resource["Type"] == "AWS::SQS::Queue"
                        && resource["Properties"].get("RedrivePolicy").is_some() == is_source
                });
                found.map(|(id, _)| json!({"Ref": id})).unwrap_or_default()
            };
            let (jobs, dead_letters) = (queue(true), queue(false));
            for resource in resources.values_mut() {
                if resource["Metadata"]["verifier:binary"] == function {
                    let variables = &mut resource["Properties"]["Environment"]["Variables"];
                    variables["MUTANT"] = defect.as_str().into();
                    variables["JOBS"] = jobs.clone();
                    variables["DEAD_LETTERS"] = dead_letters.clone();
                }
            }
        })
    }

    /// Its worker is of a kind; `functions/worker-kinds.py` has the words for it.
    pub(crate) fn with_worker(self, words: &'static str) -> Self {
        self.with_function("worker", "worker-kinds.py", words)
    }

    /// Its submitter is of a kind; `functions/submit-kinds.py` has the words for it.
    pub(crate) fn with_submitter(self, words: &'static str) -> Self {
        self.with_function("submit-job", "submit-kinds.py", words)
    }

    /// Its worker reads a queue of audits, too.
    pub(crate) fn with_audits(self) -> Self {
        self.with_change(|changes| {
            let mapping = changes.mapping().clone();
            let resources = changes.document()["Resources"].as_object_mut().expect("resources");
            let policy = json!({
                "deadLetterTargetArn": {"Fn::GetAtt": ["AuditsDeadLetters", "Arn"]}, "maxReceiveCount": 3,
            });
            let queue = |properties: Value| json!({"Type": "AWS::SQS::Queue", "Properties": properties});
            let audits = json!({"VisibilityTimeout": 60, "RedrivePolicy": policy});
            resources.insert("AuditsDeadLetters".to_owned(), queue(json!({})));
            resources.insert("Audits".to_owned(), queue(audits));
            let mut of_audits = json!({"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping});
            of_audits["Properties"]["EventSourceArn"] = json!({"Fn::GetAtt": ["Audits", "Arn"]});
            resources.insert("AuditsMapping".to_owned(), of_audits);
            for resource in resources.values_mut() {
                let properties = &mut resource["Properties"];
                let is_function = properties["Environment"]["Variables"].is_object();
                if is_function {
                    properties["Environment"]["Variables"]["AUDITS"] = json!({"Ref": "Audits"});
                }
                // Whoever may use the jobs queue may use that of audits.
                if resource["Type"] == "AWS::IAM::Policy" {
                    let properties = &mut resource["Properties"];
                    let statements = properties["PolicyDocument"]["Statement"].as_array_mut();
                    let of_jobs = statements.into_iter().flatten().filter(|statement| {
                        statement["Resource"].to_string().contains("JobsQueue")
                    });
                    for statement in of_jobs {
                        let audits = json!({"Fn::GetAtt": ["Audits", "Arn"]});
                        statement["Resource"] = json!([statement["Resource"].take(), audits]);
                    }
                }
            }
        })
    }

    /// It has another queue that nothing reads, which is called as the one of audits is.
    pub(crate) fn with_another_queue(self) -> Self {
        self.with_change(|changes| {
            let resources = changes.document()["Resources"].as_object_mut().expect("resources");
            let queue = json!({"Type": "AWS::SQS::Queue", "Properties": {}});
            resources.insert("Another".to_owned(), queue);
            for resource in resources.values_mut() {
                let variables = &mut resource["Properties"]["Environment"]["Variables"];
                if variables.is_object() {
                    variables["AUDITS"] = json!({"Ref": "Another"});
                }
            }
        })
    }

    /// Its batches hold so many messages.
    pub(crate) fn with_batches_of(self, messages: u32) -> Self {
        self.with_change(move |changes| changes.mapping()["BatchSize"] = messages.into())
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

    /// The check has settings of its own.
    pub(crate) fn with_settings(mut self, text: &'static str) -> Self {
        self.settings = Some(text);
        self
    }

    /// Somebody else has submitted a job.
    pub(crate) fn with_job_of_others(mut self, job: Value) -> Self {
        self.others.push(job);
        self
    }

    /// So many checks run at once.
    pub(crate) fn at_once(mut self, count: usize) -> Self {
        self.at_once = count;
        self
    }

    /// The stack could not be created: it was rolled back.
    pub(crate) fn rolled_back(mut self) -> Self {
        self.is_rolled_back = true;
        self
    }

    /// What becomes of it depends on the order of messages, on delays or on when lines come.
    pub(crate) fn varies(mut self) -> Self {
        self.varies = true;
        self
    }

    /// It is like others, and left to those who ask for all.
    pub(crate) fn rare(mut self) -> Self {
        self.is_rare = true;
        self
    }

    /// What the check must come to.
    pub(crate) fn expect(mut self, code: i32, checks: &[(&str, &str)]) -> Self {
        self.expected = Found::new(code, checks);
        self
    }

    /// What the check comes to where the order of messages has the stack do something else.
    pub(crate) fn or_else(mut self, code: i32, checks: &[(&str, &str)]) -> Self {
        self.else_ = Some(Found::new(code, checks));
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
        let is_as = |expected: &Found| {
            let mut certain = found.clone();
            certain.checks.retain(|check| expected.checks.contains(check) || !is_possible(check));
            certain == *expected
        };
        is_as(&self.expected) || self.else_.as_ref().is_some_and(is_as)
    }

    /// Whether it was caught where messages come in another order, late, or with late lines: that shifts which checks see
    /// it, but not whether the stack is sound.
    pub(crate) fn is_caught_under_jitter_by(&self, found: &Found) -> bool {
        if self.expected.checks.is_empty() {
            return self.is_caught_by(found);
        }
        let is_expected = |(id, _): &(String, String)| {
            self.expected.checks.iter().any(|(expected, _)| expected == id)
        };
        let is_else = self.else_.as_ref().is_some_and(|other| other.code == found.code);
        (found.code == self.expected.code || is_else) && found.checks.iter().any(is_expected)
    }

    /// Whether nothing at all is to be found.
    pub(crate) fn is_sound(&self) -> bool {
        self.expected == Found::default()
    }

    /// It is no mutant at all.
    pub(crate) fn passes(self) -> Self {
        self.expect(0, &[])
    }

    /// Checks it; `jitter` is a seed of what AWS may do within its bounds.
    pub(crate) fn check(&self, jitter: Option<u64>) -> Found {
        if self.is_rolled_back {
            return rolled_back();
        }
        let changed = template(|changes| self.changes.iter().for_each(|change| change(changes)));
        let functions = functions_of(&self.functions);
        let process_faults = jitter.map(|_| super::jitter::rules()).unwrap_or_default();
        let rules = [self.faults.clone(), process_faults].concat();
        let faults = fault_file_of_seed(jitter.unwrap_or(1), &json!(rules));
        let settings = self.settings.map(settings_file);
        let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        let mut of_stack = vec!["--template".to_owned(), path(changed.path())];
        of_stack.extend(["--functions".to_owned(), path(functions.path())]);
        of_stack.extend(["--faults".to_owned(), path(faults.path())]);
        let mut of_check: Vec<String> = self.arguments.iter().map(ToString::to_string).collect();
        if let Some(settings) = &settings {
            of_check.extend(["--config".to_owned(), path(settings.path())]);
        }
        let words = |texts: &[String]| -> Vec<String> { texts.to_vec() };
        if self.others.is_empty() && self.at_once == 1 {
            let all = [words(&of_stack), words(&of_check)].concat();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            return Found::of(&check_local(&all));
        }
        let of_stack: Vec<&str> = of_stack.iter().map(String::as_str).collect();
        let of_check: Vec<&str> = of_check.iter().map(String::as_str).collect();
        let local = Local::start(&of_stack);
        // Its name is that of the template's file.
        let named = [&["--stack", local.text("/stackName")], of_check.as_slice()].concat();
        self.others.iter().for_each(|job| local.submit(job));
        std::thread::scope(|scope| {
            let checks: Vec<_> =
                (0..self.at_once).map(|_| scope.spawn(|| local.check_unnamed(&named))).collect();
            let found = checks.into_iter().map(|check| Found::of(&check.join().expect("it ends")));
            let mut found: Vec<Found> = found.collect();
            // The first that is not as expected speaks for all.
            let odd = found.iter().position(|found| !self.is_caught_by(found));
            found.swap_remove(odd.unwrap_or_default())
        })
    }
}

fn rolled_back() -> Found {
    let local = Local::start(&[]);
    local.create_stack(
        "Broken",
        &json!({"Resources": {"Taken": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": local.text("/outputs/JobsQueueName")},
        }}}),
    );
    Found::of(&local.check_unnamed(&["--stack", "Broken"]))
}

fn settings_file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".toml").expect("a file");
    file.write_all(text.as_bytes()).expect("it is written");
    file
}

impl Found {
    fn new(code: i32, checks: &[(&str, &str)]) -> Self {
        let owned = |(id, verdict): &(&str, &str)| ((*id).to_owned(), (*verdict).to_owned());
        Self { code, checks: checks.iter().map(owned).collect() }
    }

    fn of(checked: &Checked) -> Self {
        let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let none = Vec::new();
        // Without a report, the exit code says all that there is.
        let checks = checked.report["checks"].as_array().unwrap_or(&none);
        let checks = checks.iter().map(|check| (text(check, "id"), text(check, "verdict"))).filter(
            |(id, verdict)| {
                // What was not run follows from what is wrong, and convicts nobody.
                verdict != "pass" && verdict != "not-run" && !is_information(id, verdict)
            },
        );
        let mut checks: Vec<(String, String)> = checks.collect();
        let open = checks.iter().filter(|(_, verdict)| verdict == "inconclusive").count();
        if open >= MANY {
            checks.retain(|(_, verdict)| verdict != "inconclusive");
            checks.push(("the rest".to_owned(), "inconclusive".to_owned()));
        }
        Self { code: checked.code.unwrap_or(-1), checks }
    }

    /// Whether that was found of a check.
    pub(crate) fn has(&self, id: &str, verdict: &str) -> bool {
        self.checks.iter().any(|(of, found)| of == id && found == verdict)
    }

    /// In a line.
    pub(crate) fn shown(&self) -> String {
        let shown = self.checks.iter().map(|(id, verdict)| format!("{id} {verdict}"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        if shown.is_empty() { "none".to_owned() } else { shown }
    }
}
