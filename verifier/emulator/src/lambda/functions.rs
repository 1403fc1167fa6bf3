//! The functions, each with its pool of warm execution environments.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinSet;
use tokio::time::sleep;
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::faults::{Caller, Fault, Happening, Stage};

use super::account::AccountConcurrency;
use super::ending::unstartable;
use super::environment::{
    Environment, InitError, ProcessFault, access_key_of, beginning_of, error_payload,
    is_of_function,
};
use super::environment_context::EnvironmentContext;
use super::launch::{Launch, missing_hint};
use super::metrics::FunctionMetrics;
use super::pool::{Configuration, Pool};
use crate::client::Client;
use crate::clock::{Busy, Clock};
use crate::faults::replaced;
use crate::stack::FunctionSpec;

/// How long an invocation waits for an environment that has just answered another, before it starts a new one.
const SETTLE_PATIENCE: Duration = Duration::from_millis(200);

/// What a function is configured with now.
pub(crate) type FunctionConfiguration = Configuration<FunctionSpec>;

/// Every function by name.
///
/// Each of its locks is held for a few assignments, with no other lock taken meanwhile but the clock's own.
pub(crate) struct Functions {
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    environment_context: EnvironmentContext,
    account: AccountConcurrency,
    /// What CloudWatch shows of the invocations.
    pub(crate) metrics: FunctionMetrics,
    random: Mutex<fastrand::Rng>,
    /// What goes on behind the requests: environments between an answer and the next call for an invocation, and
    /// asynchronous invocations.
    background: Mutex<JoinSet<()>>,
}

/// A function whose program cannot be started. Lambda takes it all the same, and its invocations fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstartable {
    /// Its name.
    pub function: String,
    /// Its program.
    pub program: PathBuf,
    /// Why, and what to do.
    pub problem: String,
}

struct Function {
    launch: Launch,
    pool: Arc<Pool<Environment>>,
    /// Why it could not be started the last time.
    failure: Mutex<String>,
}

/// Tells the ids of invocations from those of messages, which are drawn by the same seed: on AWS no two are alike.
const REQUESTS: u64 = 0x6c61_6d62_6461_0001;

/// What a function is invoked with.
#[derive(Clone)]
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) payload: Bytes,
    /// On whose behalf.
    pub(crate) caller: Caller,
    /// The client that waits for it, if one does.
    pub(crate) client: Option<&'a Client>,
    /// Its id, where it has one already: a retry of an event has that of the first attempt.
    pub(crate) request_id: Option<String>,
}

/// An invocation that has ended.
pub(crate) struct Invoked {
    pub(crate) request_id: String,
    pub(crate) outcome: InvocationOutcome,
}

impl Functions {
    pub(crate) fn new(environment_context: EnvironmentContext, seed: u64) -> Self {
        Self {
            functions: Mutex::default(),
            environment_context,
            account: AccountConcurrency::default(),
            metrics: FunctionMetrics::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed ^ REQUESTS)),
            background: Mutex::default(),
        }
    }

    /// The clock by which they live.
    pub(crate) fn clock(&self) -> &Clock {
        &self.environment_context.clock
    }

    /// Adds a function, whose name no other has.
    pub(crate) fn add(&self, spec: FunctionSpec, launch: Launch) {
        let modified_at = self.environment_context.clock.now();
        let name = spec.name.clone();
        let reserved_concurrency = spec.reserved_concurrency;
        let configuration =
            FunctionConfiguration { spec: Arc::new(spec), reserved_concurrency, modified_at };
        let function = Function {
            launch,
            pool: Arc::new(Pool::new(configuration)),
            failure: Mutex::default(),
        };
        lock(&self.functions).insert(name, Arc::new(function));
    }

    /// The functions whose program cannot be started, as far as that shows before.
    pub(crate) async fn unstartable(&self) -> Vec<Unstartable> {
        let programs: Vec<(String, PathBuf)> = lock(&self.functions)
            .iter()
            .filter(|(_, function)| function.launch.is_program())
            .map(|(name, function)| (name.clone(), function.launch.executable.clone()))
            .collect();
        let mut found = Vec::new();
        for (function, program) in programs {
            let metadata = tokio::fs::metadata(&program).await;
            let is_executable =
                metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
            let head = beginning_of(&program).await.unwrap_or_default();
            let problem = unstartable(is_executable, &head);
            found.extend(problem.map(|problem| Unstartable { function, program, problem }));
        }
        found
    }

    /// Removes a function. Invocations in hand are finished.
    pub(crate) fn remove(&self, name: &str) {
        // Its environments end when it is dropped: not with the lock held.
        let removed = lock(&self.functions).remove(name);
        drop(removed);
    }

    /// What a function is configured with.
    pub(crate) fn configuration(&self, name: &str) -> Option<FunctionConfiguration> {
        self.find(name).map(|function| function.pool.configuration())
    }

    /// The function whose access key it is.
    pub(crate) fn of_access_key(&self, access_key: &str) -> Option<Arc<FunctionSpec>> {
        if !is_of_function(access_key) {
            return None;
        }
        let found = lock(&self.functions)
            .iter()
            .find(|(name, _)| access_key_of(name) == access_key)
            .map(|(_, function)| function.clone());
        found.map(|function| function.pool.configuration().spec)
    }

    /// What all functions are configured with, in the order of their names.
    pub(crate) fn configurations(&self) -> Vec<FunctionConfiguration> {
        let all: Vec<Arc<Function>> = lock(&self.functions).values().cloned().collect();
        all.iter().map(|function| function.pool.configuration()).collect()
    }

    /// Changes what a function is configured with. Where its specification changed, its warm environments end, as
    /// they were made for the old one.
    pub(crate) fn configure(
        &self,
        name: &str,
        change: impl FnOnce(&mut FunctionConfiguration),
    ) -> Option<FunctionConfiguration> {
        let function = self.find(name)?;
        let now = self.environment_context.clock.now();
        Some(function.pool.configure(|configuration| {
            change(configuration);
            configuration.modified_at = now;
        }))
    }

    /// Invokes a function and waits for its answer, in a warm environment if there is one.
    ///
    /// The caller is busy throughout, but while a fault lets time pass; so stack time passes as wall time does, by which
    /// the function's own clock and its timeout go.
    pub(crate) async fn invoke(&self, busy: Busy, invocation: Invocation<'_>) -> (Busy, Invoked) {
        let request_id = invocation.request_id.clone().unwrap_or_else(|| self.new_id());
        let (busy, outcome) = self.run_invocation(busy, &request_id, invocation.clone()).await;
        let now = self.environment_context.clock.now();
        self.metrics.record(invocation.function, &outcome, now);
        (busy, Invoked { request_id, outcome })
    }

    async fn run_invocation(
        &self,
        busy: Busy,
        request_id: &str,
        invocation: Invocation<'_>,
    ) -> (Busy, InvocationOutcome) {
        let Some(function) = self.find(invocation.function) else {
            let reason = format!("there is no function {}", invocation.function);
            let payload = error_payload("ResourceNotFoundException", &reason);
            return (busy, InvocationOutcome::Errored(payload));
        };
        let fault = self.fault(&invocation);
        // Every environment is a process, and anybody may ask the stack's HTTP API for one more.
        let Some(_of_account) = self.account.enter() else {
            return (busy, InvocationOutcome::Throttled);
        };
        let entered = function.pool.enter().filter(|_| fault != Some(Fault::Throttle));
        let Some(_in_hand) = entered else {
            return (busy, InvocationOutcome::Throttled);
        };
        let (busy, environment) = match fault {
            Some(Fault::ColdStart { milliseconds }) => {
                let busy = self.pause(busy, invocation.client, milliseconds).await;
                (busy, self.start_environment(&function).await)
            }
            _ => (busy, self.environment(&function).await),
        };
        let mut environment = match environment {
            Ok(environment) => environment,
            Err(error) => {
                function.report(&error);
                let message = format!("RequestId: {request_id} Error: {}", error.message);
                let payload = error_payload(&error.error_type, &message);
                return (busy, InvocationOutcome::Errored(payload));
            }
        };
        let (busy, process_fault) =
            self.disturb(busy, &invocation, fault.as_ref(), &environment).await;
        let outcome = environment.invoke(request_id, invocation.payload, process_fault).await;
        self.settle(&function, environment);
        (busy, replaced(fault.as_ref(), outcome))
    }

    fn fault(&self, invocation: &Invocation<'_>) -> Option<Fault> {
        let faults = &self.environment_context.faults;
        if !faults.any() {
            return None;
        }
        let text = String::from_utf8_lossy(&invocation.payload);
        let at = Happening::new("Invoke", invocation.caller)
            .of_function(invocation.function)
            .with_text(&text);
        faults.decide(Stage::Invocation, &at)
    }

    /// What a fault does to the process during an invocation. A frozen one is stopped here and now, and time passes.
    async fn disturb(
        &self,
        busy: Busy,
        invocation: &Invocation<'_>,
        fault: Option<&Fault>,
        environment: &Environment,
    ) -> (Busy, ProcessFault) {
        match fault {
            Some(Fault::Crash { at }) => (busy, ProcessFault::Crash(*at)),
            Some(Fault::Freeze { milliseconds }) => {
                environment.freeze();
                let busy = self.pause(busy, invocation.client, *milliseconds).await;
                (busy, ProcessFault::Thaw { frozen: Duration::from_millis(*milliseconds) })
            }
            _ => (busy, ProcessFault::None),
        }
    }

    async fn pause(&self, busy: Busy, client: Option<&Client>, milliseconds: u64) -> Busy {
        let clock = &self.environment_context.clock;
        let _client_waits = client.map(Client::suspend);
        clock.sleep_until(busy, clock.now() + Duration::from_millis(milliseconds)).await
    }

    /// A warm environment, or else a new one.
    ///
    /// An environment that has just answered asks for more at once, so it is worth a moment's wait: whether the next
    /// invocation is a cold start must not depend on who is scheduled first.
    async fn environment(&self, function: &Function) -> Result<Environment, InitError> {
        match function.pool.warm(sleep(SETTLE_PATIENCE)).await {
            Some(environment) => Ok(environment),
            None => self.start_environment(function).await,
        }
    }

    async fn start_environment(&self, function: &Function) -> Result<Environment, InitError> {
        let id = self.new_id().replace('-', "");
        // The function learns its environment's id, but not this.
        let nonce = self.new_id();
        let spec = function.pool.configuration().spec;
        Environment::start(&self.environment_context, &spec, &function.launch, &id, &nonce).await
    }

    /// Lets an environment finish and keeps it warm. The clock is held until it is done.
    fn settle(&self, function: &Function, mut environment: Environment) {
        let settling = function.pool.settle();
        self.run(async move |busy| {
            if environment.settle().await {
                settling.keep(environment);
            }
            drop(busy);
        });
    }

    /// Runs something in the background until it is done or the emulator ends; it is busy from now on.
    pub(crate) fn run<F>(&self, task: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut background = lock(&self.background);
        while background.try_join_next().is_some() {}
        self.clock().spawn(&mut background, task);
    }

    /// Ends what goes on behind the requests.
    pub(crate) async fn abandon(&self) {
        let mut background = std::mem::take(&mut *lock(&self.background));
        background.shutdown().await;
    }

    /// Ends every environment and waits until its process is gone.
    pub(crate) async fn shut_down(&self) {
        lock(&self.background).abort_all();
        // Together: each environment that is dropped looks for its processes by itself.
        self.environment_context.groups.end().await;
        self.clear();
    }

    /// Ends every environment, without waiting.
    pub(crate) fn abort(&self) {
        lock(&self.background).abort_all();
        self.clear();
    }

    fn clear(&self) {
        // Dropping an environment kills its process.
        let all = std::mem::take(&mut *lock(&self.functions));
        drop(all);
    }

    /// A random id, of those that AWS gives requests and mappings.
    pub(crate) fn new_id(&self) -> String {
        let bits = lock(&self.random).u128(..);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }

    fn find(&self, name: &str) -> Option<Arc<Function>> {
        lock(&self.functions).get(name).cloned()
    }
}

impl Function {
    /// Tells the developer why it cannot be started. Its invocations may be many, and fail for one reason.
    fn report(&self, error: &InitError) {
        let before = std::mem::replace(&mut *lock(&self.failure), error.message.clone());
        if before != error.message {
            let (name, kind) = (&self.pool.configuration().spec.logical_id, &error.error_type);
            let (program, message) = (self.launch.place().display(), &error.message);
            let hint = missing_hint(message).map(|hint| format!("; {hint}")).unwrap_or_default();
            tracing::error!(
                "the function {name} ({program}) cannot be started: {kind}: {message}{hint}"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::access::Access;
    use crate::clock::ClockMode;
    use crate::faults::Faults;
    use crate::lambda::ProcessGroups;
    use crate::listener::Connections;
    use crate::logs::LogStore;
    use crate::stack::InvokedBy;
    use crate::stack::Program;

    fn functions() -> Functions {
        let clock = Clock::start(ClockMode::SkipIdle);
        let faults = Faults::new(clock.clone());
        let environment_context = EnvironmentContext {
            access: Arc::new(Access::new(true, "us-local-1")),
            logs: Arc::new(LogStore::new(faults.clone())),
            groups: ProcessGroups::default(),
            connections: Connections::new(64),
            clock,
            faults,
            region: "us-local-1".to_owned(),
            endpoint: "http://127.0.0.1:9".to_owned(),
        };
        Functions::new(environment_context, 7)
    }

    fn spec(mode: &str) -> FunctionSpec {
        FunctionSpec {
            invoked_by: InvokedBy::Stack,
            logical_id: "Probe".to_owned(),
            name: "probe".to_owned(),
            arn: "arn:aws:lambda:us-local-1:000000000000:function:probe".to_owned(),
            program: Program::Binary("probe.py".to_owned()),
            timeout_seconds: 10,
            memory_mb: 128,
            environment: BTreeMap::from([("MODE".to_owned(), mode.to_owned())]),
            log_group: "probe".to_owned(),
            log_format: "JSON".to_owned(),
            application_log_level: None,
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            architectures: Vec::new(),
            description: String::new(),
            role: String::new(),
            reserved_concurrency: None,
            dead_letter_target_arn: None,
            tags: BTreeMap::new(),
        }
    }

    async fn mode(functions: &Functions) -> String {
        let payload = Bytes::from_static(br#"{"wish": "environment MODE"}"#);
        let invocation = Invocation {
            function: "probe",
            payload,
            caller: Caller::Client,
            client: None,
            request_id: None,
        };
        let (busy, invoked) = functions.invoke(functions.clock().busy(), invocation).await;
        drop(busy);
        match invoked.outcome {
            InvocationOutcome::Responded(payload) => String::from_utf8_lossy(&payload).into_owned(),
            other => format!("{other:?}"),
        }
    }

    /// An environment may be about to be kept warm at the moment at which the warm ones of its configuration end.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_warm_environment_of_an_earlier_configuration_is_not_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
        let functions = functions();
        functions.add(spec("old"), Launch::of_program(folder.join("probe.py")));
        assert_eq!(mode(&functions).await, "\"old\"");
        functions.configure("probe", |configuration| configuration.spec = Arc::new(spec("new")));
        assert_eq!(mode(&functions).await, "\"new\"");
        functions.shut_down().await;
    }
}
