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

#[cfg(test)]
mod tests {
    use super::*;

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
