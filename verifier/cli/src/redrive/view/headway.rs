//! How far a redrive is: the line beside its bar.

use std::time::Duration;

use verifier_core::check::age_in_words;
use verifier_core::redrive::{Accounting, Headway};

/// What has become of the messages so far, how fast it goes, and how long it will take. Of what is being evaluated, nothing is
/// known yet.
pub(crate) fn headway(so_far: &Accounting, headway: &Headway) -> String {
    let Accounting { succeeded, bounced, unknown, .. } = so_far;
    let left = headway.of.map(|of| of.saturating_sub(headway.done));
    let left = left.map_or_else(String::new, |left| format!(", {left} left"));
    let speed = speed(headway.rate(), headway.remaining().filter(|left| !left.is_zero()));
    format!("{succeeded} succeeded, {bounced} bounced, {unknown} unknown{left}{speed}")
}

/// `, 8.1/s, about 2 min to go`, as far as it is known.
pub(super) fn speed(rate: Option<f64>, remaining: Option<Duration>) -> String {
    let rate = rate.map_or_else(String::new, |rate| format!(", {rate:.1}/s"));
    let remaining = remaining.map(|remaining| format!(", about {} to go", age_in_words(remaining)));
    rate + &remaining.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_that_is_known() {
        let so_far = Accounting { succeeded: 40, bounced: 1, unknown: 9, ..Accounting::default() };
        let elapsed = Duration::from_secs(10);
        let known = Headway { done: 50, of: Some(550), elapsed, limit: None };
        assert_eq!(
            headway(&so_far, &known),
            "40 succeeded, 1 bounced, 9 unknown, 500 left, 5.0/s, about 1 min 40 s to go"
        );
        let done = Headway { of: Some(50), ..known };
        assert_eq!(headway(&so_far, &done), "40 succeeded, 1 bounced, 9 unknown, 0 left, 5.0/s");
        let unknown = Headway { done: 50, of: None, elapsed: Duration::ZERO, limit: None };
        assert_eq!(headway(&so_far, &unknown), "40 succeeded, 1 bounced, 9 unknown");
    }
}
