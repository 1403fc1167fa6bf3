//! A function's configuration, its concurrency and its warm environments: all that its invocations and its changes
//! share.
//!
//! All of it is behind one lock, so no two locks of a function can be taken in two orders. That lock is held for a few
//! assignments: nothing is awaited, started, ended or locked while it is held, so it may be taken with any other lock
//! held. A model checker runs this through many schedules (`tests/schedules`); hence the locks of [`crate::sync`].

use std::pin::pin;

use futures::future::{Either, select};
use tokio::sync::Notify;
use verifier_model::time::Timestamp;

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many warm environments a function keeps at most. Lambda does not say how many it keeps; here each has two processes and
/// several file descriptors, which a burst of requests would take for good.
const WARM_MAX: usize = 32;

/// An execution environment, of which a pool keeps those that are warm.
pub(crate) trait Pooled {
    /// What an environment is made for.
    type Spec;

    /// What it was made for.
    fn spec(&self) -> &Arc<Self::Spec>;

    /// Whether it can take an invocation now.
    fn is_ready(&mut self) -> bool;
}

/// What a function is configured with now.
pub(crate) struct Configuration<S> {
    pub(crate) spec: Arc<S>,
    /// The most invocations at a time; `None` if the function shares the account's.
    pub(crate) reserved_concurrency: Option<u32>,
    pub(crate) modified_at: Timestamp,
}

/// What the invocations of one function share.
pub(crate) struct Pool<E: Pooled> {
    state: Mutex<State<E>>,
    /// Evidence when an environment has settled: it is warm, or has ended.
    settled: Notify,
}

struct State<E: Pooled> {
    configuration: Configuration<E::Spec>,
    /// How many invocations it has in hand.
    in_hand: u32,
    warm: Vec<E>,
    /// How many environments are between an answer and the next call for an invocation.
    settling: u32,
}

/// An invocation that counts against a function's concurrency while this lives.
pub(crate) struct InHand<'a, E: Pooled>(&'a Pool<E>);

/// An environment that is between an answer and the next call for an invocation, while this lives.
pub(crate) struct Settling<E: Pooled>(Arc<Pool<E>>);

/// What a look for a warm environment finds.
enum Found<E> {
    Warm(E),
    /// None, but one may become warm in a moment.
    Settling,
    Nothing,
}

impl<E: Pooled> Pool<E> {
    pub(crate) fn new(configuration: Configuration<E::Spec>) -> Self {
        let state = State { configuration, in_hand: 0, warm: Vec::new(), settling: 0 };
        Self { state: Mutex::new(state), settled: Notify::new() }
    }

    pub(crate) fn configuration(&self) -> Configuration<E::Spec> {
        self.lock().configuration.clone()
    }

    /// Changes what the function is configured with. The warm environments that were made for another specification end.
    pub(crate) fn configure(
        &self,
        change: impl FnOnce(&mut Configuration<E::Spec>),
    ) -> Configuration<E::Spec> {
        let (outdated, configuration) = {
            let mut state = self.lock();
            change(&mut state.configuration);
            let spec = state.configuration.spec.clone();
            let outdated: Vec<E> = state.warm.extract_if(.., |warm| !is_for(warm, &spec)).collect();
            (outdated, state.configuration.clone())
        };
        // An environment ends when it is dropped, which is not done with the lock held.
        drop(outdated);
        configuration
    }

    /// Takes one of the function's concurrent executions; `None` if all that it has reserved are taken.
    pub(crate) fn enter(&self) -> Option<InHand<'_, E>> {
        let mut state = self.lock();
        let limit = state.configuration.reserved_concurrency;
        // In one step: an invocation that is refused must not be counted meanwhile, and cause another's refusal.
        if limit.is_some_and(|limit| state.in_hand >= limit) {
            return None;
        }
        state.in_hand += 1;
        Some(InHand(self))
    }

    /// Takes a warm environment of the present configuration. If there is none, it waits for those that are settling, as
    /// long as `patience`.
    pub(crate) async fn warm(&self, patience: impl Future<Output = ()>) -> Option<E> {
        let mut patience = pin!(patience);
        loop {
            // Before the look, so that what settles between the two is not missed.
            let settled = pin!(self.settled.notified());
            match self.find() {
                Found::Warm(mut environment) => {
                    if environment.is_ready() {
                        return Some(environment);
                    }
                }
                Found::Settling => {
                    if let Either::Right(_) = select(settled, patience.as_mut()).await {
                        return None;
                    }
                }
                Found::Nothing => return None,
            }
        }
    }

    fn find(&self) -> Found<E> {
        let mut state = self.lock();
        match state.warm.pop() {
            Some(environment) => Found::Warm(environment),
            None if state.settling > 0 => Found::Settling,
            None => Found::Nothing,
        }
    }

    /// Declares that an environment is about to settle.
    pub(crate) fn settle(self: &Arc<Self>) -> Settling<E> {
        self.lock().settling += 1;
        Settling(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // Nothing that holds the lock can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Pooled> Settling<E> {
    /// Keeps the environment warm, unless there are enough, or the configuration that it was made for was replaced meanwhile.
    pub(crate) fn keep(self, environment: E) {
        let stale = {
            let mut state = self.0.lock();
            if state.warm.len() < WARM_MAX && is_for(&environment, &state.configuration.spec) {
                state.warm.push(environment);
                None
            } else {
                Some(environment)
            }
        };
        drop(stale);
    }
}

impl<E: Pooled> Drop for Settling<E> {
    fn drop(&mut self) {
        self.0.lock().settling -= 1;
        self.0.settled.notify_waiters();
    }
}

impl<E: Pooled> Drop for InHand<'_, E> {
    fn drop(&mut self) {
        self.0.lock().in_hand -= 1;
    }
}

impl<S> Clone for Configuration<S> {
    fn clone(&self) -> Self {
        Self { spec: self.spec.clone(), ..*self }
    }
}

fn is_for<E: Pooled>(environment: &E, spec: &Arc<E::Spec>) -> bool {
    Arc::ptr_eq(environment.spec(), spec)
}
