//! Bringing the emulator up, and taking it down.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use verifier_core::sqs::{Sqs, SqsError};

use crate::client::Client;
use crate::clock::{Clock, ClockMode};
use crate::http_api::HttpApis;
use crate::lambda::{Functions, ProcessGroup, run_mapping};
use crate::logs::LogStore;
use crate::server::Server;
use crate::services::cloudformation::CloudFormation;
use crate::services::lambda::LambdaService;
use crate::services::logs::LogsService;
use crate::services::sqs::SqsService;
use crate::services::sqs_wire::SqsWire;
use crate::site::Sites;
use crate::stack::{self, FunctionSpec, Stack};
use crate::template::{ACCOUNT_ID, Evaluator, Template, TemplateError};

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
    /// The folder of the functions' binaries: `NAME`, or `NAME/bootstrap`.
    pub functions: PathBuf,
    /// The folder that the site's folders are relative to.
    pub project: PathBuf,
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// How time passes.
    pub clock: ClockMode,
    /// How long a client of another process is taken to be at work after an answer, before time may be skipped.
    pub foreign_work: Duration,
    /// Equal seeds give equal ids.
    pub seed: u64,
}

/// Why an emulator could not be started.
#[derive(Debug, Error)]
pub enum EmulatorError {
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A function's binary is missing.
    #[error("there is no binary {binary} for the function {logical_id} in {}; build it, or name another folder with --functions", folder.display())]
    MissingBinary {
        /// The binary.
        binary: String,
        /// The function.
        logical_id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A queue could not be created as the template says.
    #[error("the queue {name} cannot be created: {source}; mend it in the template")]
    Queue {
        /// The queue.
        name: String,
        /// Why not.
        source: SqsError,
    },
    /// A mapping reads a queue that the stack does not have.
    #[error(
        "the event source mapping {uuid} reads the queue {queue}, which is not in the stack; mend its EventSourceArn"
    )]
    ForeignQueue {
        /// The mapping.
        uuid: String,
        /// The queue.
        queue: String,
    },
    /// The port could not be opened.
    #[error(
        "port {port} of 127.0.0.1 cannot be opened: {source}; choose another with --port, or 0 for any free one"
    )]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The process group could not be started.
    #[error(
        "the functions' process group cannot be started: {0}; the emulator needs `sh` on the PATH"
    )]
    ProcessGroup(io::Error),
}

/// A running emulator.
///
/// [`Emulator::shut_down`] ends it and waits until no process of it is left. Dropping it ends it too, without waiting.
pub struct Emulator {
    endpoint: String,
    stack: Stack,
    clock: Clock,
    server: Arc<Server>,
    functions: Arc<Functions>,
    tasks: JoinSet<()>,
}

impl Emulator {
    /// Starts an emulator on the present tokio runtime, which must be one of several threads.
    pub async fn start(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        let port = |source| EmulatorError::Port { port: config.port, source };
        let listener = TcpListener::bind(("127.0.0.1", config.port)).await.map_err(port)?;
        let address = listener.local_addr().map_err(port)?;
        let endpoint = format!("http://{address}");
        let stack = {
            let evaluator = Evaluator::new(
                &config.template,
                &config.stack_name,
                &config.region,
                &endpoint,
                &config.parameters,
            );
            stack::build(&evaluator)?
        };
        let binaries = binaries(&stack.functions, &config.functions)?;
        let clock = Clock::start(config.clock);
        let sqs = Arc::new(SqsService::new(clock.clone(), queues(&stack, &config, &clock)?));
        let logs = Arc::new(LogStore::default());
        for group in &stack.log_groups {
            logs.create_group(group, clock.now());
        }
        let group = ProcessGroup::start().map_err(EmulatorError::ProcessGroup)?;
        let functions = Arc::new(Functions::new(
            binaries,
            clock.clone(),
            logs.clone(),
            group,
            config.region.clone(),
            endpoint.clone(),
            config.seed,
        ));
        let server = Arc::new(Server {
            clock: clock.clone(),
            clients: Mutex::default(),
            foreign_work: config.foreign_work,
            sqs: SqsWire { sqs: sqs.clone(), endpoint: endpoint.clone() },
            cloudformation: CloudFormation { stack: stack.clone(), created_at: clock.now() },
            lambda: LambdaService {
                functions: stack.functions.clone(),
                mappings: stack.mappings.clone(),
                region: config.region.clone(),
                created_at: clock.now(),
            },
            logs: LogsService { store: logs, region: config.region.clone() },
            apis: HttpApis {
                apis: stack.apis.clone(),
                functions: functions.clone(),
                region: config.region.clone(),
            },
            sites: Sites { sites: stack.sites.clone(), project: config.project },
        });
        let mut tasks = JoinSet::new();
        for mapping in stack.mappings.iter().filter(|mapping| mapping.enabled) {
            tasks.spawn(run_mapping(
                mapping.clone(),
                config.region.clone(),
                clock.clone(),
                sqs.clone(),
                functions.clone(),
            ));
        }
        tasks.spawn(sqs.clone().run_move_tasks());
        tasks.spawn(serve(listener, server.clone()));
        Ok(Self { endpoint, stack, clock, server, functions, tasks })
    }

    /// Where AWS clients turn to: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The stack that is emulated.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// How much stack time was skipped so far.
    pub fn skipped(&self) -> Duration {
        self.clock.skipped()
    }

    /// Registers a client of this process. It is busy, and holds the clock, from now on.
    pub fn client(&self) -> Client {
        self.server.add_client()
    }

    /// Ends the emulator and waits until no process of it is left.
    pub async fn shut_down(mut self) {
        self.tasks.shutdown().await;
        self.functions.shut_down().await;
    }
}

async fn serve(listener: TcpListener, server: Arc<Server>) {
    let router = Router::new().fallback(move |request: Request| server.clone().handle(request));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the emulator stopped serving: {error}");
    }
}

fn queues(stack: &Stack, config: &EmulatorConfig, clock: &Clock) -> Result<Sqs, EmulatorError> {
    let mut sqs = Sqs::new(&config.region, ACCOUNT_ID, config.seed);
    for queue in &stack.queues {
        let failed = |source| EmulatorError::Queue { name: queue.name.clone(), source };
        sqs.create_queue(&queue.name, queue.attributes.clone(), clock.now()).map_err(failed)?;
        *sqs.tags_mut(&queue.name).map_err(failed)? = queue.tags.clone();
    }
    match stack.mappings.iter().find(|mapping| !sqs.has_queue(&mapping.queue)) {
        None => Ok(sqs),
        Some(mapping) => Err(EmulatorError::ForeignQueue {
            uuid: mapping.uuid.clone(),
            queue: mapping.queue.clone(),
        }),
    }
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
