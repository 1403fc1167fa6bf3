//! A function's pool, with what happens to it at the same time.

use std::future::pending;

use shuttle::future::{JoinHandle, block_on, spawn};
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::thread;
use verifier_model::time::Timestamp;

use crate::check;
use crate::pool::{Configuration, Pool, Pooled};
use crate::sync::{Arc, Mutex};

/// An environment that is made for a number.
struct Environment {
    spec: Arc<u32>,
}

impl Pooled for Environment {
    type Spec = u32;

    fn spec(&self) -> &Arc<u32> {
        &self.spec
    }

    fn is_ready(&mut self) -> bool {
        true
    }
}

fn pool(reserved_concurrency: Option<u32>) -> Arc<Pool<Environment>> {
    let modified_at = Timestamp::default();
    Arc::new(Pool::new(Configuration { spec: Arc::new(0), reserved_concurrency, modified_at }))
}

/// An invocation, as `Functions` carries it out, with the task in which its environment settles; `None` if it is throttled.
/// Its patience is endless: where a wake-up is lost, nobody goes on.
async fn invoke(
    pool: &Arc<Pool<Environment>>,
    running: &AtomicU32,
    most: u32,
) -> Option<JoinHandle<()>> {
    let in_hand = pool.enter()?;
    assert!(running.fetch_add(1, Ordering::SeqCst) < most, "more than are reserved");
    let environment = match pool.warm(pending()).await {
        Some(environment) => environment,
        None => Environment { spec: pool.configuration().spec },
    };
    let settling = pool.settle();
    running.fetch_sub(1, Ordering::SeqCst);
    drop(in_hand);
    Some(spawn(async move { settling.keep(environment) }))
}

#[test]
fn of_a_burst_no_more_environments_stay_warm_than_may() {
    check(|| {
        let pool = pool(None);
        let spec = pool.configuration().spec;
        let others = Arc::strong_count(&spec);
        let settling = (0..2).map(|_| {
            let (pool, spec) = (pool.clone(), spec.clone());
            thread::spawn(move || {
                for _ in 0..20 {
                    pool.settle().keep(Environment { spec: spec.clone() });
                }
            })
        });
        for thread in settling.collect::<Vec<_>>() {
            thread.join().unwrap();
        }
        // The others ended at once.
        assert_eq!(Arc::strong_count(&spec) - others, 32);
    });
}

fn configure(pool: &Pool<Environment>, value: u32) {
    let changed = pool.configure(|configuration| configuration.spec = Arc::new(value));
    assert_eq!(*changed.spec, value);
}

#[test]
fn invocations_changes_and_a_removal_at_once_all_come_to_their_end() {
    check(|| {
        let pool = pool(None);
        let running = Arc::new(AtomicU32::new(0));
        let invokers: Vec<_> = (0..3)
            .map(|_| {
                let (pool, running) = (pool.clone(), running.clone());
                thread::spawn(move || {
                    block_on(async {
                        let first = invoke(&pool, &running, 3).await.unwrap();
                        let second = invoke(&pool, &running, 3).await.unwrap();
                        first.await.unwrap();
                        second.await.unwrap();
                    });
                })
            })
            .collect();
        configure(&pool, 1);
        configure(&pool, 2);
        // As when the function is deleted: who holds it goes on.
        drop(pool);
        for invoker in invokers {
            invoker.join().unwrap();
        }
    });
}

#[test]
fn only_environments_of_the_present_configuration_are_kept() {
    check(|| {
        let pool = pool(None);
        let running = Arc::new(AtomicU32::new(0));
        let other = {
            let pool = pool.clone();
            thread::spawn(move || configure(&pool, 1))
        };
        block_on(async {
            let settled = invoke(&pool, &running, 1).await.unwrap();
            settled.await.unwrap();
        });
        other.join().unwrap();
        if let Some(environment) = block_on(pool.warm(pending())) {
            assert_eq!(*environment.spec, 1);
        }
    });
}

#[test]
fn a_settling_environment_is_waited_for_and_used() {
    check(|| {
        let pool = pool(None);
        let environment = Environment { spec: pool.configuration().spec };
        let settling = pool.settle();
        let settled = thread::spawn(move || settling.keep(environment));
        assert!(block_on(pool.warm(pending())).is_some());
        settled.join().unwrap();
    });
}

#[test]
fn reserved_concurrency_is_never_exceeded_and_is_free_again() {
    check(|| {
        let pool = pool(Some(1));
        let running = Arc::new(AtomicU32::new(0));
        let invokers: Vec<_> = (0..3)
            .map(|_| {
                let (pool, running) = (pool.clone(), running.clone());
                thread::spawn(move || {
                    block_on(async {
                        let settled = invoke(&pool, &running, 1).await;
                        let was_invoked = settled.is_some();
                        if let Some(settled) = settled {
                            settled.await.unwrap();
                        }
                        was_invoked
                    })
                })
            })
            .collect();
        let was_invoked: Vec<bool> = invokers.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(was_invoked.contains(&true));
        assert!(pool.enter().is_some());
    });
}

/// The order in which the pool's predecessor took two locks: the warm environments and then the configuration where a
/// function was invoked, and the other way round where it was configured. So the checker sees what it is here for.
#[test]
#[should_panic(expected = "deadlock")]
fn two_locks_in_two_orders_are_found() {
    check(|| {
        let warm = Arc::new(Mutex::new(vec![Arc::new(0)]));
        let configuration = Arc::new(Mutex::new(Arc::new(0)));
        let invoker = {
            let (warm, configuration) = (warm.clone(), configuration.clone());
            thread::spawn(move || {
                // The guard lives as long as the loop's body.
                while let Some(environment) = warm.lock().unwrap().pop() {
                    let _ = Arc::ptr_eq(&environment, &configuration.lock().unwrap());
                }
            })
        };
        {
            let mut configuration = configuration.lock().unwrap();
            *configuration = Arc::new(1);
            warm.lock().unwrap().clear();
        }
        invoker.join().unwrap();
    });
}
