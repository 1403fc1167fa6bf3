//! The functions, each with its pool of warm execution environments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use verifier_core::event_source_mapping::InvocationOutcome;
use verifier_core::faults::{Caller, Fault, Happening, Stage};
use verifier_core::time::Timestamp;

use super::environment::{Disturbance, Environment, Surroundings, error_payload};
use super::metrics::FunctionMetrics;
use crate::client::Client;
use crate::clock::{Busy, Clock};
use crate::faults::replaced;
use crate::stack::FunctionSpec;

/// How long an invocation waits for an environment that has just answered another, before it starts a new one.
const SETTLE_PATIENCE: Duration = Duration::from_millis(200);

/// Every function by name.
pub(crate) struct Functions {
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    surroundings: Surroundings,
    /// What CloudWatch shows of the invocations.
    pub(crate) metrics: FunctionMetrics,
    random: Mutex<fastrand::Rng>,
    /// What goes on behind the requests: environments between an answer and the next call for an invocation, and
    /// asynchronous invocations.
    background: Mutex<JoinSet<()>>,
}

struct Function {
    binary: PathBuf,
    configuration: Mutex<FunctionConfiguration>,
    /// How many invocations it has in hand.
    in_hand: AtomicUsize,
    warm: Mutex<Vec<Environment>>,
    /// How many environments are between an answer and the next call for an invocation.
    settling: AtomicUsize,
    /// Told when one of them is warm, or has ended.
    settled: Notify,
}

/// What a function is configured with now.
#[derive(Clone)]
pub(crate) struct FunctionConfiguration {
    pub(crate) spec: Arc<FunctionSpec>,
    /// The most invocations at a time; `None` if the function shares the account's.
    pub(crate) reserved_concurrency: Option<u32>,
    pub(crate) modified_at: Timestamp,
}

/// What a function is invoked with.
#[derive(Clone)]
pub(crate) struct Invocation<'a> {
    pub(crate) function: &'a str,
    pub(crate) payload: Bytes,
    /// On whose behalf.
    pub(crate) caller: Caller,
    /// The client that waits for it, if one does.
    pub(crate) client: Option<&'a Client>,
}

/// An invocation that has ended.
pub(crate) struct Invoked {
    pub(crate) request_id: String,
    pub(crate) outcome: InvocationOutcome,
}

impl Functions {
    pub(crate) fn new(surroundings: Surroundings, seed: u64) -> Self {
        Self {
            functions: Mutex::default(),
            surroundings,
            metrics: FunctionMetrics::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            background: Mutex::default(),
        }
    }

    /// The clock by which they live.
    pub(crate) fn clock(&self) -> &Clock {
        &self.surroundings.clock
    }

    /// Adds a function, whose name no other has.
    pub(crate) fn add(&self, spec: FunctionSpec, binary: PathBuf) {
        let modified_at = self.surroundings.clock.now();
        let name = spec.name.clone();
        let reserved_concurrency = spec.reserved_concurrency;
        let configuration =
            FunctionConfiguration { spec: Arc::new(spec), reserved_concurrency, modified_at };
        let function = Function {
            binary,
            configuration: Mutex::new(configuration),
            in_hand: AtomicUsize::new(0),
            warm: Mutex::default(),
            settling: AtomicUsize::new(0),
            settled: Notify::new(),
        };
        lock(&self.functions).insert(name, Arc::new(function));
    }

    /// Removes a function. Invocations in hand are finished.
    pub(crate) fn remove(&self, name: &str) {
        lock(&self.functions).remove(name);
    }

    /// What a function is configured with.
    pub(crate) fn configuration(&self, name: &str) -> Option<FunctionConfiguration> {
        self.find(name).map(|function| function.configuration())
    }

    /// What all functions are configured with, in the order of their names.
    pub(crate) fn configurations(&self) -> Vec<FunctionConfiguration> {
        lock(&self.functions).values().map(|function| function.configuration()).collect()
    }

    /// Changes what a function is configured with. Where its specification changed, its warm environments end, as
    /// they were made for the old one.
    pub(crate) fn configure(
        &self,
        name: &str,
        change: impl FnOnce(&mut FunctionConfiguration),
    ) -> Option<FunctionConfiguration> {
        let function = self.find(name)?;
        let mut configuration = lock(&function.configuration);
        let before = configuration.spec.clone();
        change(&mut configuration);
        configuration.modified_at = self.surroundings.clock.now();
        if !Arc::ptr_eq(&before, &configuration.spec) {
            lock(&function.warm).clear();
        }
        Some(configuration.clone())
    }

    /// Invokes a function and waits for its answer, in a warm environment if there is one.
    ///
    /// The caller is busy throughout, but while a fault lets time pass; so stack time passes as wall time does, by which
    /// the function's own clock and its timeout go.
    pub(crate) async fn invoke(&self, busy: Busy, invocation: Invocation<'_>) -> (Busy, Invoked) {
        let request_id = self.new_id();
        let (busy, outcome) = self.run_invocation(busy, &request_id, invocation.clone()).await;
        let now = self.surroundings.clock.now();
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
        let entered = function.enter().filter(|_| fault != Some(Fault::Throttle));
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
                let logical_id = &function.configuration().spec.logical_id;
                tracing::warn!(function = logical_id, "{}", error.message);
                let payload = error_payload(&error.error_type, &error.message);
                return (busy, InvocationOutcome::Errored(payload));
            }
        };
        let (busy, disturbance) =
            self.disturb(busy, &invocation, fault.as_ref(), &environment).await;
        let outcome = environment.invoke(request_id, invocation.payload, disturbance).await;
        self.settle(function.clone(), environment);
        (busy, replaced(fault.as_ref(), outcome))
    }

    fn fault(&self, invocation: &Invocation<'_>) -> Option<Fault> {
        let faults = &self.surroundings.faults;
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
    ) -> (Busy, Disturbance) {
        match fault {
            Some(Fault::Crash { at }) => (busy, Disturbance::Crash(*at)),
            Some(Fault::Freeze { milliseconds }) => {
                environment.freeze();
                let busy = self.pause(busy, invocation.client, *milliseconds).await;
                (busy, Disturbance::Thaw { frozen: Duration::from_millis(*milliseconds) })
            }
            _ => (busy, Disturbance::None),
        }
    }

    async fn pause(&self, busy: Busy, client: Option<&Client>, milliseconds: u64) -> Busy {
        let clock = &self.surroundings.clock;
        let _client_waits = client.map(Client::suspend);
        clock.sleep_until(busy, clock.now() + Duration::from_millis(milliseconds)).await
    }

    async fn environment(&self, function: &Function) -> Result<Environment, super::InitError> {
        loop {
            while let Some(mut environment) = lock(&function.warm).pop() {
                // One may have become warm while its configuration was replaced.
                if environment.is_ready() && environment.is_for(&function.configuration().spec) {
                    return Ok(environment);
                }
            }
            // An environment that has just answered asks for more at once, so it is worth a moment's wait: whether
            // the next invocation is a cold start must not depend on who is scheduled first.
            let settling = function.settling.load(Ordering::SeqCst) > 0;
            if !settling || timeout(SETTLE_PATIENCE, function.settled.notified()).await.is_err() {
                break;
            }
        }
        self.start_environment(function).await
    }

    async fn start_environment(
        &self,
        function: &Function,
    ) -> Result<Environment, super::InitError> {
        let id = self.new_id().replace('-', "");
        // The function learns its environment's id, but not this.
        let nonce = self.new_id();
        let spec = function.configuration().spec;
        Environment::start(&self.surroundings, &spec, &function.binary, &id, &nonce).await
    }

    /// Lets an environment finish and keeps it warm. The clock is held until it is done.
    fn settle(&self, function: Arc<Function>, mut environment: Environment) {
        function.settling.fetch_add(1, Ordering::SeqCst);
        self.run(async move |busy| {
            let is_warm = environment.settle().await;
            if is_warm && environment.is_for(&function.configuration().spec) {
                lock(&function.warm).push(environment);
            }
            function.settling.fetch_sub(1, Ordering::SeqCst);
            function.settled.notify_one();
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

    /// Ends every environment and waits until its process is gone.
    pub(crate) async fn shut_down(&self) {
        let mut background = std::mem::take(&mut *lock(&self.background));
        background.shutdown().await;
        // Dropping an environment kills its process.
        lock(&self.functions).clear();
        self.surroundings.group.end().await;
    }

    /// Ends every environment, without waiting.
    pub(crate) fn abort(&self) {
        lock(&self.background).abort_all();
        lock(&self.functions).clear();
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

/// An invocation that counts against a function's concurrency while this lives.
struct InHand<'a>(&'a AtomicUsize);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Function {
    fn configuration(&self) -> FunctionConfiguration {
        lock(&self.configuration).clone()
    }

    /// Takes one of the function's concurrent executions; `None` if all that it has reserved are taken.
    fn enter(&self) -> Option<InHand<'_>> {
        let limit = lock(&self.configuration).reserved_concurrency;
        // In one step: an invocation that is refused must not be counted meanwhile, and cause another's refusal.
        let one_more = |in_hand: usize| {
            limit.is_none_or(|limit| in_hand < limit as usize).then_some(in_hand + 1)
        };
        self.in_hand.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok()?;
        Some(InHand(&self.in_hand))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::ClockMode;
    use crate::faults::Faults;
    use crate::lambda::ProcessGroup;
    use crate::logs::LogStore;

    fn functions() -> Functions {
        let clock = Clock::start(ClockMode::SkipIdle);
        let faults = Faults::new(clock.clone());
        let surroundings = Surroundings {
            logs: Arc::new(LogStore::new(faults.clone())),
            group: ProcessGroup::start().expect("a group"),
            clock,
            faults,
            region: "us-local-1".to_owned(),
            endpoint: "http://127.0.0.1:9".to_owned(),
        };
        Functions::new(surroundings, 7)
    }

    fn spec(mode: &str) -> FunctionSpec {
        FunctionSpec {
            logical_id: "Probe".to_owned(),
            name: "probe".to_owned(),
            arn: "arn:aws:lambda:us-local-1:000000000000:function:probe".to_owned(),
            binary: "probe.py".to_owned(),
            timeout_seconds: 10,
            memory_mb: 128,
            environment: BTreeMap::from([("MODE".to_owned(), mode.to_owned())]),
            log_group: "probe".to_owned(),
            log_format: "JSON".to_owned(),
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
        let invocation =
            Invocation { function: "probe", payload, caller: Caller::Client, client: None };
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
        functions.add(spec("old"), folder.join("probe.py"));
        assert_eq!(mode(&functions).await, "\"old\"");
        let function = functions.find("probe").expect("a function");
        while function.settling.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        let stale = lock(&function.warm).pop().expect("a warm environment");
        functions.configure("probe", |configuration| configuration.spec = Arc::new(spec("new")));
        lock(&function.warm).push(stale);
        assert_eq!(mode(&functions).await, "\"new\"");
        functions.shut_down().await;
    }
}
