//! Bringing the emulator up, and taking it down.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use verifier_model::cloudwatch::Alarms;
use verifier_model::faults::{FaultPlanError, FaultRules, RuleReport};
use verifier_model::iam::Policy;
use verifier_model::sqs::Sqs;

use crate::access::{Access, RoleGrants};
use crate::admin::Admin;
use crate::client::Client;
use crate::clients::Clients;
use crate::clock::{Clock, ClockMode};
use crate::code::{CodeConfig, CodeStore};
use crate::descriptors;
use crate::error::EmulatorError;
use crate::faults::Faults;
use crate::grace::Grace;
use crate::http_api::HttpApis;
use crate::lambda::{EnvironmentContext, Functions, Mappings, ProcessGroups, Unstartable};
use crate::listener::Connections;
use crate::logs::LogStore;
use crate::port::serve;
use crate::queues::Queues;
use crate::roots::Author;
use crate::server::{BodiesOfAll, Server};
use crate::services::cloudformation::{CloudFormation, CreateStack, Stacks};
use crate::services::cloudwatch::CloudWatchService;
use crate::services::lambda::LambdaService;
use crate::services::logs::LogsService;
use crate::services::sqs_wire::SqsWire;
use crate::site::Sites;
use crate::stack::Stack;
use crate::template::{ACCOUNT_ID, Evaluator, Template};
use crate::world::World;

/// What an emulator is started with.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    /// The stack's template.
    pub template: Template,
    /// The stack's name.
    pub stack_name: String,
    /// The region that ARNs name.
    pub region: String,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// Values of what the template leaves to AWS to look up, by name: dynamic references, parameters of SSM and imports.
    pub values: BTreeMap<String, String>,
    /// The folder of the functions' binaries: `NAME`, or `NAME/bootstrap`.
    pub functions: PathBuf,
    /// Where the functions' own code is looked for, and what runs it.
    pub code: CodeConfig,
    /// The folder that the site's folders are relative to.
    pub project: PathBuf,
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// How time passes.
    pub clock: ClockMode,
    /// How long a client of another process is taken to be at work after an answer to a signed request, before time may be skipped.
    pub other_work: Duration,
    /// Equal seeds give equal ids.
    pub seed: u64,
    /// The origins of pages in a browser that may use AWS's services here, as browsers write them: `https://a.example`,
    /// in small letters, without a path.
    pub allowed_origins: Vec<String>,
    /// Whether functions may do only what their roles allow, and who asks what policies of queues do not deny.
    pub iam: bool,
    /// Who everybody is that is no function; the account's root user where there is none.
    pub callers: Option<Callers>,
}

/// Who asks AWS's services, besides functions.
#[derive(Clone, Debug, PartialEq)]
pub enum Callers {
    /// Somebody whose only policy this is.
    Policy(Value),
    /// Somebody who assumed a role of the template, by its logical id, name or ARN.
    Role(String),
}

/// How long a client of another process is best taken to be at work after an answer, if such clients are expected: see
/// [`EmulatorConfig::other_work`].
pub const OTHER_WORK: Duration = Duration::from_millis(250);

/// How long each part of an emulator may take to end, in real time.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A running emulator.
///
/// [`Emulator::shut_down`] ends it and waits until no process of it is left. Dropping it ends it too, without waiting.
pub struct Emulator {
    stack: Stack,
    clock: Clock,
    server: Arc<Server>,
    world: Arc<World>,
    tasks: JoinSet<()>,
}

impl Emulator {
    /// Starts an emulator on the present tokio runtime, which must be one of several threads.
    pub async fn start(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        let port = |source| EmulatorError::Port { port: config.port, source };
        let listener = TcpListener::bind(("127.0.0.1", config.port)).await.map_err(port)?;
        let address = listener.local_addr().map_err(port)?;
        let token = token()?;
        let clock = Clock::start(config.clock);
        let groups = ProcessGroups::default();
        // Without a shell no function can start, which is better said now.
        drop(groups.start().map_err(EmulatorError::ProcessGroup)?);
        let connections = Connections::new(descriptors::connections_max());
        let places = connections.port(descriptors::connections_of_stack_max());
        let endpoint = format!("http://{address}");
        let world = Arc::new(world(&config, &clock, groups, connections, endpoint));
        let mut stacks = Stacks::default();
        let stack = match stacks.create(&world, stack_of(&config, &world)) {
            Ok(stack) => stack,
            Err(error) => {
                world.functions.shut_down().await;
                return Err(error);
            }
        };
        if let Err(error) = limit_callers(&config, &world) {
            world.functions.shut_down().await;
            return Err(error);
        }
        let clients = Arc::new(Clients::new(clock.clone()));
        let server = Arc::new(Server {
            clock: clock.clone(),
            clients: clients.clone(),
            admin: Admin { clock: clock.clone(), clients, world: world.clone() },
            token,
            allowed_origins: config.allowed_origins.clone(),
            grace: Grace::new(config.other_work),
            bodies: BodiesOfAll::default(),
            sqs: SqsWire { sqs: world.sqs.clone(), endpoint: world.endpoint.clone() },
            cloudformation: CloudFormation { world: world.clone(), stacks: Mutex::new(stacks) },
            lambda: LambdaService { world: world.clone() },
            logs: LogsService { store: world.logs.clone(), region: config.region.clone() },
            cloudwatch: CloudWatchService {
                alarms: world.alarms.clone(),
                sqs: world.sqs.clone(),
                functions: world.functions.clone(),
            },
            world: world.clone(),
        });
        let mut tasks = JoinSet::new();
        clock.spawn(&mut tasks, |busy| world.sqs.clone().run_move_tasks(busy));
        tasks.spawn(serve(listener, places, server.clone()));
        Ok(Self { stack, clock, server, world, tasks })
    }

    /// Where AWS clients turn to: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.world.endpoint
    }

    /// The secret that the emulator's own endpoint needs, in the header [`TOKEN_HEADER`](crate::TOKEN_HEADER): 32
    /// hexadecimal digits.
    pub fn token(&self) -> &str {
        &self.server.token
    }

    /// What IAM denied so far, in AWS's words and with what decided it, and how often.
    pub fn denials(&self) -> Vec<(String, u64)> {
        self.world.access.denials()
    }

    /// What the roles of the template grant, and what of that was used so far; nothing where IAM is off.
    pub fn grants(&self) -> Vec<RoleGrants> {
        self.world.access.grants()
    }

    /// The stack that it was started with.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// What is to be known of what is missing in the stack, and of the interpreters that run functions: a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let absent = self.stack.absent.iter().map(|absent| {
            format!("{} ({}) {}", absent.logical_id, absent.resource_type, absent.reason)
        });
        absent.chain(self.world.code.warnings()).collect()
    }

    /// The functions whose program cannot be started, as far as that shows before.
    pub async fn unstartable(&self) -> Vec<Unstartable> {
        self.world.functions.unstartable().await
    }

    /// Lets things go wrong on purpose, from now on; without rules, nothing does.
    pub fn set_faults(&self, rules: FaultRules) -> Result<(), FaultPlanError> {
        self.world.set_faults(rules)
    }

    /// What the fault rules did so far.
    pub fn fault_report(&self) -> Vec<RuleReport> {
        self.world.faults.report()
    }

    /// The logs, to change how they are delivered.
    pub fn logs(&self) -> &LogStore {
        &self.world.logs
    }

    /// How much stack time was skipped so far.
    pub fn skipped(&self) -> Duration {
        self.clock.skipped()
    }

    /// Registers a client of this process. It is busy, and holds the clock, from now on.
    pub fn client(&self) -> Client {
        self.server.clients.add()
    }

    /// Ends the emulator and waits until no process of it is left, for a bounded time: what has not ended by then is named in a
    /// warning.
    pub async fn shut_down(mut self) {
        bounded("its connections", self.tasks.shutdown()).await;
        bounded("the workers of its mappings", self.world.mappings.shut_down()).await;
        bounded("its invocations", self.world.functions.abandon()).await;
        // Its waits are bounded themselves, each for the process that it names.
        self.world.functions.shut_down().await;
        self.world.code.remove();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Its tasks hold what they work on, so they would keep each other alive.
        self.world.mappings.abort();
        self.world.functions.abort();
        self.world.code.remove();
    }
}

/// Waits for a part of the emulator to end.
async fn bounded(what: &str, end: impl Future<Output = ()>) {
    if tokio::time::timeout(END_TIMEOUT, end).await.is_err() {
        let seconds = END_TIMEOUT.as_secs();
        tracing::warn!("the emulator ends, and {what} had not ended after {seconds} s");
    }
}

/// 128 bits that nobody can guess, unlike the ids that a seed gives.
fn token() -> Result<String, EmulatorError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| EmulatorError::Token(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// An account and region without any stack.
fn world(
    config: &EmulatorConfig,
    clock: &Clock,
    groups: ProcessGroups,
    connections: Arc<Connections>,
    endpoint: String,
) -> World {
    let region = config.region.clone();
    let model = Sqs::new(&region, ACCOUNT_ID, config.seed);
    let faults = Faults::new(clock.clone());
    let sqs = Arc::new(Queues::new(clock.clone(), faults.clone(), model));
    let logs = Arc::new(LogStore::new(faults.clone()));
    let access = Arc::new(Access::new(config.iam, &region));
    let environment_context = EnvironmentContext {
        access: access.clone(),
        clock: clock.clone(),
        faults: faults.clone(),
        logs: logs.clone(),
        connections,
        groups,
        region: region.clone(),
        endpoint: endpoint.clone(),
    };
    let functions = Arc::new(Functions::new(environment_context, config.seed));
    let mappings = Mappings::new(clock.clone(), sqs.clone(), functions.clone(), region.clone());
    World {
        access: access.clone(),
        alarms: Arc::new(Mutex::new(Alarms::new(&region, ACCOUNT_ID))),
        endpoint,
        binaries: config.functions.clone(),
        code: CodeStore::new(config.code.clone()),
        known_code: Mutex::default(),
        known_binaries: Mutex::default(),
        known_variables: Mutex::default(),
        known_handlers: Mutex::default(),
        values: config.values.clone(),
        project: config.project.clone(),
        faults,
        sqs,
        mappings: Arc::new(mappings),
        logs,
        apis: HttpApis::new(functions.clone(), access.clone(), region.clone()),
        functions,
        sites: Sites::new(config.project.clone(), config.code.trust.clone(), clock.now()),
        region,
    }
}

/// Has everybody who is no function be who the configuration says.
fn limit_callers(config: &EmulatorConfig, world: &World) -> Result<(), EmulatorError> {
    match &config.callers {
        None => Ok(()),
        Some(Callers::Policy(document)) => {
            let policy = Policy::of_identity(document).map_err(EmulatorError::CallerPolicy)?;
            world.access.limit_callers(policy);
            Ok(())
        }
        Some(Callers::Role(name)) => {
            let given = world.access.give_callers(name);
            given.map_err(|known| EmulatorError::UnknownRole {
                name: name.clone(),
                known: known.join(", "),
            })
        }
    }
}

/// The stack that an emulator is started with.
fn stack_of(config: &EmulatorConfig, world: &World) -> CreateStack {
    let id = Evaluator::new(
        &config.template,
        &config.stack_name,
        &config.region,
        &world.endpoint,
        &config.parameters,
    )
    .stack_id();
    CreateStack {
        name: config.stack_name.clone(),
        id,
        template: config.template.clone(),
        template_body: config.template.text().to_owned(),
        parameters: config.parameters.clone(),
        tags: BTreeMap::new(),
        author: Author::User,
    }
}
