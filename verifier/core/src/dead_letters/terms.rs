//! How people write durations and counts of receives.

use std::time::Duration;

/// Reads a duration: a whole number and its unit, as in `90s`, `15m`, `6h` and `2d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a duration like 90s, 15m, 6h or 2d, found {text:?}");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// Reads how often a message was received: `4`, or from the least to the most, as in `3-5`.
pub fn parse_receives(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("expected a number like 4, or two like 3-5, found {text:?}");
    let number = |part: &str| part.trim().parse::<u32>().map_err(|_| wrong());
    let (least, most) = match text.split_once('-') {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(text)?, number(text)?),
    };
    if least > most {
        return Err(format!("{least} is more than {most}: write {most}-{least}"));
    }
    Ok((least, most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("6h", 21_600), ("2d", 172_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "15",
            "1.5h",
            "-1s",
            "+1s",
            "1 h",
            "2w",
            "15min",
            "9999999999999999999d",
            "5²",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn receives_are_one_number_or_two() {
        assert_eq!(parse_receives("4"), Ok((4, 4)));
        assert_eq!(parse_receives("3-5"), Ok((3, 5)));
        assert!(parse_receives("5-3").unwrap_err().contains("write 3-5"));
        for text in ["", "-", "3-", "-3", "x", "1-2-3"] {
            assert!(parse_receives(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".*") {
            let _ = parse_duration(&text);
            let _ = parse_receives(&text);
        }

        #[test]
        fn what_was_written_is_read(seconds in 0_u64..1_000_000, least in 0_u32..1000, more in 0_u32..1000) {
            prop_assert_eq!(parse_duration(&format!("{seconds}s")), Ok(Duration::from_secs(seconds)));
            let most = least + more;
            prop_assert_eq!(parse_receives(&format!("{least}-{most}")), Ok((least, most)));
        }
    }
}
