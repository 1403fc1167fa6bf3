//! Everything that stacks are deployed into: the services' state of one account and region.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verifier_model::cloudwatch::Alarms;
use verifier_model::event_source_mapping::{Home, MappingConfiguration};
use verifier_model::faults::{FaultPlanError, FaultRules};

use crate::access::{Access, Asked};
use crate::code::CodeStore;
use crate::error::EmulatorError;
use crate::faults::Faults;
use crate::http_api::HttpApis;
use crate::lambda::{Functions, Launch, Mappings};
use crate::logs::LogStore;
use crate::queues::Queues;
use crate::roots::{Author, NotFollowed, is_directory_below, program};
use crate::site::Sites;
use crate::stack::{
    self, AlarmSpec, Code, FunctionSpec, InvokedBy, LogGroupSpec, NOT_NEEDED, Program, SiteContent,
    SiteSpec, Skipped, Stack,
};
use crate::template::{ACCOUNT_ID, Evaluator, Template, TemplateError};
use crate::trust::Trust;
use crate::variables::forbidden;

/// The account and region of the emulator.
pub(crate) struct World {
    /// Who may do what.
    pub(crate) access: Arc<Access>,
    pub(crate) alarms: Arc<Mutex<Alarms>>,
    pub(crate) region: String,
    /// Where AWS clients turn to.
    pub(crate) endpoint: String,
    /// The folder of the functions' binaries.
    pub(crate) binaries: PathBuf,
    /// The code of functions that have their own.
    pub(crate) code: CodeStore,
    /// What is started for the functions with code that the user's own template has.
    pub(crate) known_code: Mutex<BTreeMap<CodeKey, Launch>>,
    /// The names of the binaries that the user's own template has.
    pub(crate) known_binaries: Mutex<BTreeSet<String>>,
    /// The names of the variables that the user's own template gives to functions.
    pub(crate) known_variables: Mutex<BTreeSet<String>>,
    /// Each binary of the user's own template, with a handler that it is given there.
    pub(crate) known_handlers: Mutex<BTreeSet<(String, String)>>,
    /// Values of what templates leave to AWS to look up, by name.
    pub(crate) values: BTreeMap<String, String>,
    /// The folder that pages' folders are below.
    pub(crate) project: PathBuf,
    pub(crate) faults: Faults,
    pub(crate) sqs: Arc<Queues>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) mappings: Arc<Mappings>,
    pub(crate) logs: Arc<LogStore>,
    pub(crate) apis: HttpApis,
    pub(crate) sites: Sites,
}

/// How much stack there is for a template whose values lead to others that lead to others. A worker of tokio's has two mebibytes,
/// of which a chain of fifty takes more.
const ROOM_BYTES: usize = 32 << 20;

/// Does on a thread of its own what may nest deep; memory is only taken by what does.
fn with_room<T: Send>(
    work: impl FnOnce() -> Result<T, EmulatorError> + Send,
) -> Result<T, EmulatorError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".to_owned()).stack_size(ROOM_BYTES);
        let thread = thread.spawn_scoped(scope, work).map_err(EmulatorError::NoThread)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A function's code as a template has it: the logical id, the code and the handler.
type CodeKey = (String, Code, String);

impl World {
    /// Deploys a stack; when anything cannot be created, nothing of it stays.
    pub(crate) fn deploy(
        &self,
        template: &Template,
        name: &str,
        parameters: &BTreeMap<String, String>,
        author: Author,
    ) -> Result<Stack, EmulatorError> {
        let mut stack = with_room(|| {
            let evaluator =
                Evaluator::new(template, name, &self.region, &self.endpoint, parameters)
                    .with_values(&self.values)
                    .with_site_on_localhost(self.sites.is_empty());
            evaluator.check_parameters()?;
            template.check(parameters)?;
            Ok(stack::build(&evaluator)?)
        })?;
        stack::check_functions(&stack)?;
        let launches = self.launches(&mut stack, author)?;
        self.check_directories(&stack.sites, author)?;
        self.check_functions(&stack)?;
        self.create_queues(&stack)?;
        self.access.join(&stack.organization);
        self.access.add(&stack.roles);
        if let Err(error) = self.check_roles(&stack).and_then(|()| self.create_observers(&stack)) {
            self.access.remove(&stack.roles);
            self.remove_queues(stack.queues.iter().map(|queue| queue.name.as_str()));
            return Err(error);
        }
        for (function, launch) in launches {
            self.functions.add(function, launch);
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
        self.access.remove(&stack.roles);
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

    /// What is started for each function. A request's template gets no others, and no other environment, than the user means.
    /// One that cannot be run and is not needed goes from the stack's functions to what is skipped of it.
    fn launches(
        &self,
        stack: &mut Stack,
        author: Author,
    ) -> Result<Vec<(FunctionSpec, Launch)>, EmulatorError> {
        if author == Author::User {
            if let Some(unknown) = self.code.unknown(&stack.functions) {
                return Err(EmulatorError::UnknownCode(unknown.to_owned()));
            }
            self.learn(&stack.functions);
        }
        let mut launches = Vec::new();
        for function in std::mem::take(&mut stack.functions) {
            match self.launch_of(&function, author) {
                Ok(launch) => {
                    launches.push((function.clone(), launch));
                    stack.functions.push(function);
                }
                Err(error) if function.invoked_by == InvokedBy::Stack => return Err(error),
                Err(error) => {
                    let skipped = Skipped {
                        logical_id: function.logical_id,
                        resource_type: "AWS::Lambda::Function".to_owned(),
                        reason: format!("{NOT_NEEDED}: {error}"),
                    };
                    if function.invoked_by == InvokedBy::Clients {
                        stack.absent.push(skipped.clone());
                    }
                    stack.skipped.push(skipped);
                }
            }
        }
        Ok(launches)
    }

    fn launch_of(&self, function: &FunctionSpec, author: Author) -> Result<Launch, EmulatorError> {
        if author == Author::Request {
            self.check_variables(function)?;
        }
        match &function.program {
            Program::Binary(binary) => self.program(function, binary, author),
            Program::Code(code) => self.of_code(function, code, author),
        }
    }

    /// Takes what the user's own template has for known.
    fn learn(&self, functions: &[FunctionSpec]) {
        let mut known = self.known_binaries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut handlers = self.known_handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for function in functions {
            if let Program::Binary(binary) = &function.program {
                known.insert(binary.clone());
                handlers.insert((binary.clone(), function.handler.clone()));
            }
        }
        let names = functions.iter().flat_map(|function| function.environment.keys().cloned());
        self.known_variables().extend(names);
    }

    fn check_variables(&self, function: &FunctionSpec) -> Result<(), EmulatorError> {
        let known = self.known_variables();
        match forbidden(&function.environment, &BTreeMap::new(), &known) {
            None => Ok(()),
            Some(variable) => Err(EmulatorError::ForbiddenVariable {
                variable: variable.to_owned(),
                logical_id: function.logical_id.clone(),
            }),
        }
    }

    /// The program of that name in the folder of functions.
    fn program(
        &self,
        function: &FunctionSpec,
        binary: &str,
        author: Author,
    ) -> Result<Launch, EmulatorError> {
        let known = self.known_binaries.lock().unwrap_or_else(PoisonError::into_inner);
        let handlers = self.known_handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let (handler, logical_id) = (function.handler.clone(), function.logical_id.clone());
        let (folder, binary) = (self.binaries.clone(), binary.to_owned());
        // A runtime may run what the handler names, as a file or as a command.
        if author == Author::Request
            && !NAMES_NOTHING.contains(&handler.as_str())
            && !handlers.contains(&(binary.clone(), handler.clone()))
        {
            return Err(EmulatorError::ForbiddenHandler { handler, binary, logical_id });
        }
        match program(&folder, &binary, author, &known) {
            // The folder was named, and so its owner.
            Ok(path) => match Trust::of(&[&folder]).check(&path, &folder) {
                Ok(()) => Ok(Launch::of_program(path)),
                Err(of_another) => {
                    Err(EmulatorError::BinaryOfAnother { binary, logical_id, of_another })
                }
            },
            Err(NotFollowed::Missing) => {
                Err(EmulatorError::MissingBinary { binary, logical_id, folder })
            }
            Err(NotFollowed::Outside) => {
                Err(EmulatorError::BinaryOutside { binary, logical_id, folder })
            }
        }
    }

    /// A function's own code: the user's, or what a request repeats of it.
    fn of_code(
        &self,
        function: &FunctionSpec,
        code: &Code,
        author: Author,
    ) -> Result<Launch, EmulatorError> {
        let mut known = self.known_code.lock().unwrap_or_else(PoisonError::into_inner);
        let logical_id = function.logical_id.clone();
        let key = (logical_id.clone(), code.clone(), function.handler.clone());
        match (known.get(&key), author) {
            (Some(launch), _) => Ok(launch.clone()),
            (None, Author::Request) => Err(EmulatorError::ForbiddenCode { logical_id }),
            (None, Author::User) => {
                let launch = self.code.launch(function, code);
                let launch =
                    launch.map_err(|problem| EmulatorError::Code { logical_id, problem })?;
                known.insert(key, launch.clone());
                Ok(launch)
            }
        }
    }

    /// The names of the variables that a request may set.
    pub(crate) fn known_variables(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.known_variables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_directories(&self, sites: &[SiteSpec], author: Author) -> Result<(), EmulatorError> {
        let contents = sites.iter().flat_map(|site| &site.contents);
        for content in contents {
            let SiteContent::Directory(directory) = content else { continue };
            let problem = match author {
                Author::Request => "a template that comes by a request may not name",
                Author::User if !is_directory_below(&self.project, directory) => {
                    "is not below the project"
                }
                Author::User => {
                    let folder = self.project.join(directory);
                    let checked = self.code.trust().check(&folder, &self.project);
                    checked.map_err(EmulatorError::DirectoryOfAnother)?;
                    continue;
                }
            };
            let (directory, project) = (directory.clone(), self.project.clone());
            return Err(EmulatorError::DirectoryOutside { directory, problem, project });
        }
        Ok(())
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
        // Which of them stand first in the template decides nothing, so each is looked at when all are there.
        let refused = stack.queues.iter().find_map(|queue| {
            let checked = self.sqs.look(|sqs| sqs.check_dead_letter_queue(&queue.name));
            checked.err().map(|source| EmulatorError::Queue { name: queue.name.clone(), source })
        });
        if let Some(refused) = refused.or_else(|| self.too_short(stack)) {
            self.remove_queues(created.into_iter());
            return Err(refused);
        }
        let other = stack
            .mappings
            .iter()
            .find(|mapping| !self.sqs.look(|sqs| sqs.has_queue(&mapping.configuration.queue)));
        match other {
            None => Ok(()),
            Some(mapping) => {
                self.remove_queues(created.into_iter());
                Err(EmulatorError::OtherQueue {
                    uuid: mapping.uuid.clone(),
                    queue: mapping.configuration.queue.clone(),
                })
            }
        }
    }

    /// The refusal of a mapping whose messages would come back before its function's timeout is over.
    fn too_short(&self, stack: &Stack) -> Option<EmulatorError> {
        let visibility = |queue: &str| {
            self.sqs.look(|sqs| {
                sqs.configuration(queue).ok().map(|queue| queue.visibility_timeout_seconds.into())
            })
        };
        stack::check_mappings(stack, &visibility).err().map(EmulatorError::Template)
    }

    /// Lambda has to be able to assume the role of each function, and to read the queues of its mappings by it.
    fn check_roles(&self, stack: &Stack) -> Result<(), EmulatorError> {
        let now = self.sqs.now();
        for function in &stack.functions {
            if self
                .access
                .role(function)
                .is_some_and(|role| !self.access.may_be_assumed(&role, function, now))
            {
                return Err(refused(
                    &function.logical_id,
                    "AWS::Lambda::Function",
                    "The role defined for the function cannot be assumed by Lambda.".to_owned(),
                ));
            }
        }
        for mapping in &stack.mappings {
            let MappingConfiguration { function, queue, event_source_arn, .. } =
                &mapping.configuration;
            let Some(function) = stack.functions.iter().find(|each| each.name == *function) else {
                continue;
            };
            if let Some(action) = self.lacks(function, queue, event_source_arn) {
                let resource = stack.resources.iter().find(|each| each.physical_id == mapping.uuid);
                let logical_id = resource.map_or(&mapping.uuid, |resource| &resource.logical_id);
                let sentence = format!(
                    "The function execution role does not have permissions to call {action} on SQS"
                );
                return Err(refused(logical_id, "AWS::Lambda::EventSourceMapping", sentence));
            }
        }
        Ok(())
    }

    /// What of reading a queue a function's role does not allow.
    pub(crate) fn lacks(
        &self,
        function: &FunctionSpec,
        queue: &str,
        queue_arn: &str,
    ) -> Option<&'static str> {
        const READING: [&str; 3] = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
        let by = self.access.poller(function)?;
        let policy = self.queue_policy(queue);
        READING.into_iter().find(|action| {
            let asked = Asked::new("sqs", action, queue_arn.to_owned());
            self.access.decide(Some(&by), &asked, policy.as_deref(), self.sqs.now()).is_err()
        })
    }

    /// The ARN of the function that a mapping leads to.
    pub(crate) fn function_of_mapping(&self, uuid: &str) -> Option<String> {
        let function = self.mappings.look(|model, now| {
            model.get(uuid, now).ok().map(|mapping| mapping.configuration.function.clone())
        })?;
        self.functions.configuration(&function).map(|function| function.spec.arn.clone())
    }

    /// The tags of a queue, by the keys of conditions.
    pub(crate) fn resource_tags(&self, queue: &str) -> Vec<(String, String)> {
        let tags = self.sqs.look(|sqs| sqs.tags(queue).cloned().unwrap_or_default());
        tags.into_iter().map(|(tag, value)| (format!("aws:ResourceTag/{tag}"), value)).collect()
    }

    /// The policy of a queue, where it has one.
    pub(crate) fn queue_policy(&self, queue: &str) -> Option<String> {
        self.sqs.look(|sqs| sqs.configuration(queue).ok().and_then(|queue| queue.policy.clone()))
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
                // CloudWatch would define it again; CloudFormation does not take over what is not its own.
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

fn refused(logical_id: &str, resource_type: &str, sentence: String) -> EmulatorError {
    EmulatorError::Template(TemplateError::Refused {
        logical_id: logical_id.to_owned(),
        resource_type: resource_type.to_owned(),
        sentence,
    })
}

fn names(alarms: &[AlarmSpec]) -> Vec<String> {
    alarms.iter().map(|alarm| alarm.definition.name.clone()).collect()
}

/// Handlers that name nothing besides the function itself: none, and that of functions with a runtime of their own.
const NAMES_NOTHING: [&str; 2] = ["", "bootstrap"];
