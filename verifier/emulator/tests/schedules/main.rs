//! The emulator's locks and hand-overs under a model checker, which runs them through many schedules.
//!
//! The files are the program's own, compiled once more with the checker's locks for [`sync`]. A schedule in which nobody
//! can go on is a failure, and so is one in which an assertion does not hold. A failure prints its schedule; see
//! <https://docs.rs/shuttle> for how to replay it.

// What the checked files offer to the rest of the program is not used here.
#![allow(dead_code, unreachable_pub)]

#[path = "../../src/clock/parking.rs"]
mod clock;
mod clock_schedules;
#[path = "../../src/lambda/pool.rs"]
mod pool;
mod pool_schedules;
mod sync;

/// How many schedules of a test are run.
const SCHEDULES: usize = 500;
/// At how many places a schedule of the second kind turns away from the thread that should go on. Most faults of this sort
/// need no more than three.
///
/// Source: <https://www.microsoft.com/en-us/research/wp-content/uploads/2016/02/asplos277-pct.pdf>.
const TURNS: usize = 3;

/// Runs a test through schedules of two kinds: at random, and by priorities that change in a few places.
fn check(test: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(test.clone(), SCHEDULES);
    shuttle::check_pct(test, SCHEDULES, TURNS);
}
