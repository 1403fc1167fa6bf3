//! Everything that stacks are deployed into: the services' state of one account and region.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verifier_core::cloudwatch::Alarms;
use verifier_core::event_source_mapping::Home;
use verifier_core::faults::{FaultPlanError, FaultRules};

use crate::emulator::EmulatorError;
use crate::faults::Faults;
use crate::http_api::HttpApis;
use crate::lambda::{Functions, Mappings};
use crate::logs::LogStore;
use crate::services::sqs::SqsService;
use crate::site::Sites;
use crate::stack::{self, AlarmSpec, FunctionSpec, LogGroupSpec, Stack};
use crate::template::{ACCOUNT_ID, Evaluator, Template};

/// The account and region of the emulator.
pub(crate) struct World {
    pub(crate) alarms: Arc<Mutex<Alarms>>,
    pub(crate) region: String,
    /// Where AWS clients turn to.
    pub(crate) endpoint: String,
    /// The folder of the functions' binaries.
    pub(crate) binaries: PathBuf,
    pub(crate) faults: Faults,
    pub(crate) sqs: Arc<SqsService>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) mappings: Arc<Mappings>,
    pub(crate) logs: Arc<LogStore>,
    pub(crate) apis: HttpApis,
    pub(crate) sites: Sites,
}

impl World {
    /// Deploys a stack; when anything cannot be created, nothing of it stays.
    pub(crate) fn deploy(
        &self,
        template: &Template,
        name: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Stack, EmulatorError> {
        let evaluator = Evaluator::new(template, name, &self.region, &self.endpoint, parameters)
            .with_site_on_localhost(self.sites.is_empty());
        let stack = stack::build(&evaluator)?;
        let binaries = binaries(&stack.functions, &self.binaries)?;
        self.check_functions(&stack)?;
        self.create_queues(&stack)?;
        if let Err(error) = self.create_observers(&stack) {
            self.remove_queues(stack.queues.iter().map(|queue| queue.name.as_str()));
            return Err(error);
        }
        for (function, binary) in binaries {
            self.functions.add(function, binary);
        }
        self.apis.add(&stack.apis);
        self.sites.add(&stack.sites);
        for mapping in &stack.mappings {
            self.mappings.deploy(&mapping.uuid, mapping.configuration.clone());
        }
        Ok(stack)
    }

    /// Removes what a stack created.
    pub(crate) fn remove(&self, stack: &Stack) {
        for mapping in &stack.mappings {
            self.mappings.change(|model, _| model.forget(&mapping.uuid));
        }
        for function in &stack.functions {
            self.functions.remove(&function.name);
        }
        self.apis.remove(&stack.apis);
        self.sites.remove(&stack.sites);
        self.remove_queues(stack.queues.iter().map(|queue| queue.name.as_str()));
        self.remove_log_groups(stack.log_groups.iter());
        // Somebody may have deleted one already; then the others are deleted one by one.
        for name in names(&stack.alarms) {
            let _ = self.alarms().delete(&[name]);
        }
    }

    /// Lets things go wrong on purpose, from now on.
    pub(crate) fn set_faults(&self, rules: FaultRules) -> Result<(), FaultPlanError> {
        let counts = self.sqs.perform(|sqs, now| {
            let names: Vec<String> = sqs.queue_names().map(str::to_owned).collect();
            let count = |name: String| sqs.counts(&name, now).ok().map(|counts| (name, counts));
            names.into_iter().filter_map(count).collect()
        });
        self.faults.install(rules, counts)
    }

    /// The account and region, for ARNs.
    pub(crate) fn home(&self) -> Home<'_> {
        Home { region: &self.region, account_id: ACCOUNT_ID }
    }

    fn check_functions(&self, stack: &Stack) -> Result<(), EmulatorError> {
        let there = |name: &str| self.functions.configuration(name).is_some();
        match stack.functions.iter().find(|function| there(&function.name)) {
            None => Ok(()),
            Some(function) => {
                Err(EmulatorError::AlreadyExists { kind: "function", name: function.name.clone() })
            }
        }
    }

    fn create_queues(&self, stack: &Stack) -> Result<(), EmulatorError> {
        let mut created = Vec::new();
        for queue in &stack.queues {
            if let Err(source) = self.sqs.deploy(queue) {
                self.remove_queues(created.into_iter());
                return Err(EmulatorError::Queue { name: queue.name.clone(), source });
            }
            created.push(queue.name.as_str());
        }
        let foreign = stack
            .mappings
            .iter()
            .find(|mapping| !self.sqs.look(|sqs| sqs.has_queue(&mapping.configuration.queue)));
        match foreign {
            None => Ok(()),
            Some(mapping) => {
                self.remove_queues(created.into_iter());
                Err(EmulatorError::ForeignQueue {
                    uuid: mapping.uuid.clone(),
                    queue: mapping.configuration.queue.clone(),
                })
            }
        }
    }

    fn create_observers(&self, stack: &Stack) -> Result<(), EmulatorError> {
        self.create_log_groups(stack)?;
        let created = self.create_alarms(stack);
        if created.is_err() {
            self.remove_log_groups(stack.log_groups.iter());
        }
        created
    }

    fn create_alarms(&self, stack: &Stack) -> Result<(), EmulatorError> {
        let now = self.sqs.now();
        let mut alarms = self.alarms();
        for (index, alarm) in stack.alarms.iter().enumerate() {
            let name = alarm.definition.name.clone();
            let put = if alarms.has(&name) {
                // CloudWatch would define it anew; CloudFormation does not take over what is not its own.
                Err(EmulatorError::AlreadyExists { kind: "alarm", name })
            } else {
                let put = alarms.put(alarm.definition.clone(), alarm.tags.clone(), now);
                put.map_err(|source| EmulatorError::Alarm { name, source })
            };
            if put.is_err() {
                let created: Vec<String> = names(&stack.alarms[..index]);
                // They were made just now, so they are there.
                let _ = alarms.delete(&created);
                return put;
            }
        }
        Ok(())
    }

    fn create_log_groups(&self, stack: &Stack) -> Result<(), EmulatorError> {
        for (index, group) in stack.log_groups.iter().enumerate() {
            let (name, tags) = (group.name.clone(), group.tags.clone());
            let now = self.sqs.now();
            if let Err(source) = self.logs.create_group(&name, group.retention_days, tags, now) {
                self.remove_log_groups(stack.log_groups.iter().take(index));
                return Err(EmulatorError::LogGroup { name, source });
            }
        }
        Ok(())
    }

    fn remove_log_groups<'a>(&self, groups: impl Iterator<Item = &'a LogGroupSpec>) {
        for group in groups {
            // Somebody may have deleted it already.
            let _ = self.logs.lock().delete_group(&group.name);
        }
    }

    fn alarms(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_queues<'a>(&self, queues: impl Iterator<Item = &'a str>) {
        for queue in queues {
            // Somebody may have deleted it already.
            let _ = self.sqs.perform(|sqs, now| sqs.delete_queue(queue, now));
        }
    }
}

fn names(alarms: &[AlarmSpec]) -> Vec<String> {
    alarms.iter().map(|alarm| alarm.definition.name.clone()).collect()
}

fn binaries(
    functions: &[FunctionSpec],
    folder: &Path,
) -> Result<Vec<(FunctionSpec, PathBuf)>, EmulatorError> {
    let find = |function: &FunctionSpec| {
        let plain = folder.join(&function.binary);
        let bundled = plain.join("bootstrap");
        let found = [plain, bundled].into_iter().find(|path| path.is_file());
        let binary = found.ok_or_else(|| EmulatorError::MissingBinary {
            binary: function.binary.clone(),
            logical_id: function.logical_id.clone(),
            folder: folder.to_path_buf(),
        })?;
        Ok((function.clone(), binary))
    };
    functions.iter().map(find).collect()
}
