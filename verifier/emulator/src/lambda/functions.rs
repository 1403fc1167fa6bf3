//! The functions of a stack, each with its pool of warm execution environments.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use verifier_core::event_source_mapping::InvocationOutcome;

use super::environment::{Environment, Surroundings};
use super::process_group::ProcessGroup;
use crate::clock::{Busy, Clock};
use crate::logs::LogStore;
use crate::stack::FunctionSpec;

/// How long an invocation waits for an environment that has just answered another, before it starts a new one.
const SETTLE_PATIENCE: Duration = Duration::from_millis(200);

/// Every function of the stack by name.
pub(crate) struct Functions {
    functions: HashMap<String, Function>,
    surroundings: Surroundings,
    random: Mutex<fastrand::Rng>,
    /// Environments between an answer and the next call for an invocation.
    settling: Mutex<JoinSet<()>>,
}

struct Function {
    spec: Arc<FunctionSpec>,
    binary: PathBuf,
    warm: Mutex<Vec<Environment>>,
    /// How many environments are between an answer and the next call for an invocation.
    settling: AtomicUsize,
    /// Told when one of them is warm, or has ended.
    settled: Notify,
}

/// An invocation that has ended.
pub(crate) struct Invoked {
    pub(crate) request_id: String,
    pub(crate) outcome: InvocationOutcome,
}

impl Functions {
    pub(crate) fn new(
        functions: Vec<(FunctionSpec, PathBuf)>,
        clock: Clock,
        logs: Arc<LogStore>,
        group: ProcessGroup,
        region: String,
        endpoint: String,
        seed: u64,
    ) -> Self {
        let function = |(spec, binary): (FunctionSpec, PathBuf)| {
            let name = spec.name.clone();
            (
                name,
                Function {
                    spec: Arc::new(spec),
                    binary,
                    warm: Mutex::default(),
                    settling: AtomicUsize::new(0),
                    settled: Notify::new(),
                },
            )
        };
        Self {
            functions: functions.into_iter().map(function).collect(),
            surroundings: Surroundings { clock, logs, group, region, endpoint },
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            settling: Mutex::default(),
        }
    }

    /// Invokes a function and waits for its answer, in a warm environment if there is one.
    ///
    /// The caller is busy throughout, so stack time passes as wall time does, by which the function's own clock and
    /// its timeout go.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        _busy: &Busy,
        name: &str,
        payload: Bytes,
    ) -> Invoked {
        let request_id = self.new_id();
        let Some(function) = self.functions.get(name) else {
            let outcome = InvocationOutcome::Errored(format!("there is no function {name}"));
            return Invoked { request_id, outcome };
        };
        let mut environment = match self.environment(function).await {
            Ok(environment) => environment,
            Err(reason) => {
                tracing::warn!(function = function.spec.logical_id, "{reason}");
                return Invoked { request_id, outcome: InvocationOutcome::Errored(reason) };
            }
        };
        let outcome = environment.invoke(&request_id, payload).await;
        self.settle(name.to_owned(), environment);
        Invoked { request_id, outcome }
    }

    async fn environment(&self, function: &Function) -> Result<Environment, String> {
        loop {
            while let Some(mut environment) = lock(&function.warm).pop() {
                if environment.is_ready() {
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
        let id = self.new_id().replace('-', "");
        // The function learns its environment's id, but not this.
        let nonce = self.new_id();
        Environment::start(&self.surroundings, &function.spec, &function.binary, &id, &nonce).await
    }

    /// Lets an environment finish and keeps it warm. The clock is held until it is done.
    fn settle(self: &Arc<Self>, name: String, mut environment: Environment) {
        let busy = self.surroundings.clock.busy();
        let functions = self.clone();
        if let Some(function) = self.functions.get(&name) {
            function.settling.fetch_add(1, Ordering::SeqCst);
        }
        let mut settling = lock(&self.settling);
        while settling.try_join_next().is_some() {}
        settling.spawn(async move {
            let is_warm = environment.settle().await;
            if let Some(function) = functions.functions.get(&name) {
                if is_warm {
                    lock(&function.warm).push(environment);
                }
                function.settling.fetch_sub(1, Ordering::SeqCst);
                function.settled.notify_one();
            }
            drop(busy);
        });
    }

    /// Ends every environment and waits until its process is gone.
    pub(crate) async fn shut_down(&self) {
        let mut settling = std::mem::take(&mut *lock(&self.settling));
        settling.shutdown().await;
        for function in self.functions.values() {
            // Dropping an environment kills its process.
            lock(&function.warm).clear();
        }
        self.surroundings.group.end().await;
    }

    fn new_id(&self) -> String {
        let bits = lock(&self.random).u128(..);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
