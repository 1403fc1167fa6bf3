//! How durations are said to people.

use std::time::Duration;

/// A duration in the unit that says something about it: `37 ms`, `0.4 s`, `180.0 s`.
///
/// Below a tenth of a second, tenths would all be the same.
pub fn in_words(duration: Duration) -> String {
    if duration < Duration::from_millis(100) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// A duration in whole seconds, rounded: of 179.98 s nobody says that they are 179.
pub fn whole_seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(500)).as_secs()
}

/// An age or a time to come, in its two largest units: `13 d 4 h`, `2 h 5 min`, `14 d`.
pub fn age_in_words(duration: Duration) -> String {
    let seconds = whole_seconds(duration);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (large, small) = if days > 0 {
        ((days, "d"), (hours % 24, "h"))
    } else if hours > 0 {
        ((hours, "h"), (minutes % 60, "min"))
    } else if minutes > 0 {
        ((minutes, "min"), (seconds % 60, "s"))
    } else {
        ((seconds, "s"), (0, ""))
    };
    match small {
        (0, _) => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

/// How many of many ids are named.
const NAMED_MAX: usize = 10;

/// Ids in a text: all of a few, and otherwise the first of them and how many there are besides.
pub fn ids_in_words<T: AsRef<str>>(ids: &[T]) -> String {
    let named = ids.iter().take(NAMED_MAX).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_ids_the_first_are_named() {
        let words = |count: usize| {
            ids_in_words(&(0..count).map(|number| number.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(words(2), "0, 1");
        assert!(words(10).ends_with("8, 9"), "{}", words(10));
        assert!(words(12).ends_with("8, 9 and 2 more"), "{}", words(12));
    }

    #[test]
    fn short_times_are_said_in_milliseconds() {
        assert_eq!(in_words(Duration::ZERO), "0 ms");
        assert_eq!(in_words(Duration::from_millis(99)), "99 ms");
        assert_eq!(in_words(Duration::from_millis(100)), "0.1 s");
        assert_eq!(in_words(Duration::from_millis(180_040)), "180.0 s");
    }

    #[test]
    fn whole_seconds_are_rounded() {
        assert_eq!(whole_seconds(Duration::from_millis(179_980)), 180);
        assert_eq!(whole_seconds(Duration::from_millis(180_020)), 180);
        assert_eq!(whole_seconds(Duration::from_millis(499)), 0);
    }

    #[test]
    fn ages_are_said_in_two_units() {
        assert_eq!(age_in_words(Duration::from_secs(40)), "40 s");
        assert_eq!(age_in_words(Duration::ZERO), "0 s");
        assert_eq!(age_in_words(Duration::from_secs(61)), "1 min 1 s");
        assert_eq!(age_in_words(Duration::from_hours(14 * 24)), "14 d");
        assert_eq!(age_in_words(Duration::from_mins(125)), "2 h 5 min");
        assert_eq!(age_in_words(Duration::from_hours(13 * 24 + 4)), "13 d 4 h");
    }
}
