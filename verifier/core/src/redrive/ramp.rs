//! How many messages are sent before one looks what became of them.

use thiserror::Error;

/// The steps unless somebody says otherwise.
const STEPS: [u64; 6] = [1, 2, 5, 20, 50, 100];
/// The largest step that the ramp takes by itself.
const STEP_MAX: u64 = 10_000;

/// The sizes of steps. After the last one that was given, each is twice as large as the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp(Vec<u64>);

/// Sizes that make no ramp.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no ramp; expected sizes from 1 upwards, each at least as large as the one before"
)]
pub struct RampError(Vec<u64>);

impl Default for Ramp {
    fn default() -> Self {
        Self(STEPS.to_vec())
    }
}

impl Ramp {
    /// A ramp of those sizes.
    pub fn new(steps: Vec<u64>) -> Result<Self, RampError> {
        let is_one = !steps.is_empty() && steps[0] > 0 && steps.is_sorted();
        if is_one { Ok(Self(steps)) } else { Err(RampError(steps)) }
    }

    /// The sizes that it was made of.
    pub fn steps(&self) -> &[u64] {
        &self.0
    }

    /// The size of a step, from number 0.
    pub fn size(&self, number: usize) -> u64 {
        if let Some(size) = self.0.get(number) {
            return *size;
        }
        let last = self.0.last().copied().unwrap_or(1);
        let doublings = u32::try_from(number + 1 - self.0.len()).unwrap_or(u32::MAX);
        let size = last.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
        size.min(STEP_MAX.max(last))
    }
}

/// Whether a ramp goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The next step may start.
    GoOn,
    /// It may not.
    Stop {
        /// Why.
        why: String,
    },
}

impl Decision {
    /// After a step of which so many messages bounced and of so many nothing is known, and `bounced_before` in the steps
    /// before it.
    pub fn after(bounced_before: u64, bounced: u64, unknown: u64, stop_after: u64) -> Self {
        if bounced_before + bounced >= stop_after.max(1) {
            let count = bounced_before + bounced;
            let why = format!("{count} replayed messages failed again (--stop-after {stop_after})");
            Self::Stop { why }
        } else if unknown > 0 {
            let why = format!("of {unknown} replayed messages it is not known what became of them");
            Self::Stop { why }
        } else {
            Self::GoOn
        }
    }
}

/// How far a ramp has gone. Its size grows by success alone: a step that sent nothing, whose messages failed again, or that
/// was cut off, says nothing of what a larger one would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Climb {
    rung: usize,
    /// Whether a step has begun that has neither been evaluated nor cut off.
    is_under_way: bool,
}

impl Climb {
    /// The number of the next step's size, from 0.
    pub fn rung(&self) -> usize {
        self.rung
    }

    /// A step begins.
    pub fn begin(&mut self) {
        self.is_under_way = true;
    }

    /// The redrive ended, or was killed, and is taken up again.
    pub fn cut_off(&mut self) {
        self.is_under_way = false;
    }

    /// It is known what became of a step's messages.
    pub fn evaluated(&mut self, succeeded: u64, decision: &Decision) {
        let is_whole = std::mem::take(&mut self.is_under_way);
        if is_whole && succeeded > 0 && *decision == Decision::GoOn {
            self.rung += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One thing that happens to a ramp.
    #[derive(Clone, Debug)]
    enum Happens {
        Begins,
        IsCutOff,
        IsEvaluated { succeeded: u64, bounced: u64, unknown: u64 },
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            Just(Happens::Begins),
            Just(Happens::IsCutOff),
            (0..3_u64, 0..3_u64, 0..2_u64).prop_map(|(succeeded, bounced, unknown)| {
                Happens::IsEvaluated { succeeded, bounced, unknown }
            }),
        ]
    }

    proptest! {
        #[test]
        fn the_size_grows_only_after_a_step_with_successes_and_no_stop(
            all in prop::collection::vec(happens(), 0..30),
            stop_after in 1..4_u64,
        ) {
            let mut climb = Climb::default();
            let mut began = false;
            for each in all {
                let before = climb.rung();
                match each {
                    Happens::Begins => {
                        climb.begin();
                        began = true;
                        prop_assert_eq!(climb.rung(), before);
                    }
                    Happens::IsCutOff => {
                        climb.cut_off();
                        began = false;
                        prop_assert_eq!(climb.rung(), before);
                    }
                    Happens::IsEvaluated { succeeded, bounced, unknown } => {
                        let goes_on = bounced < stop_after && unknown == 0;
                        climb.evaluated(succeeded, &Decision::after(0, bounced, unknown, stop_after));
                        let grows = began && succeeded > 0 && goes_on;
                        prop_assert_eq!(climb.rung(), before + usize::from(grows));
                        began = false;
                    }
                }
            }
        }
    }

    #[test]
    fn steps_grow_and_have_an_end() {
        let sizes: Vec<u64> = (0..10).map(|number| Ramp::default().size(number)).collect();
        assert_eq!(sizes, [1, 2, 5, 20, 50, 100, 200, 400, 800, 1600]);
        assert_eq!(Ramp::default().size(1000), STEP_MAX);
        assert_eq!(Ramp::new(vec![20_000]).unwrap().size(9), 20_000);
        for steps in [vec![], vec![0, 1], vec![5, 2]] {
            assert!(Ramp::new(steps).is_err());
        }
    }

    #[test]
    fn bounces_and_the_unknown_stop_it() {
        assert_eq!(Decision::after(0, 0, 0, 1), Decision::GoOn);
        assert_eq!(Decision::after(1, 1, 0, 3), Decision::GoOn);
        assert!(matches!(Decision::after(2, 1, 0, 3), Decision::Stop { .. }));
        assert!(matches!(Decision::after(0, 1, 0, 1), Decision::Stop { .. }));
        assert!(matches!(Decision::after(0, 0, 1, 9), Decision::Stop { .. }));
    }
}
