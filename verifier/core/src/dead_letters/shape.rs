//! The shape of a reason: what stays of it when ids, numbers, times and traces are taken out, so that failures of one cause are
//! one group.

use std::sync::LazyLock;

use regex::Regex;

/// What is replaced, in this order, and by what. A part that is replaced is not looked at again, since `<` and `>` are in none.
const PARTS: [(&str, &str); 8] = [
    // X-Ray: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    (r"\b(?:Root|Parent|Self)=[0-9A-Za-z-]+(?:;[A-Za-z]+=[0-9A-Za-z-]+)*", "<trace>"),
    (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (
        r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?",
        "<time>",
    ),
    (r"\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b", "<time>"),
    (r"\b0x[0-9A-Fa-f]+\b", "<id>"),
    // Hashes and ids in hexadecimal digits, and other long words that mix letters and digits.
    (r"\b(?:[0-9a-f]*\d[0-9a-f]*[a-f][0-9a-f]*|[0-9a-f]*[a-f][0-9a-f]*\d[0-9a-f]*)\b", "<hex>"),
    (r"\b[A-Za-z0-9_]*[0-9][A-Za-z_]+[0-9][A-Za-z0-9_]*\b", "<id>"),
    (r"[-+]?\d+(?:[.,]\d+)*", "<n>"),
];
/// A word in hexadecimal digits that is shorter than this is left to the rules behind.
const HEX_MIN: usize = 7;

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    PARTS.iter().filter_map(|(part, name)| Some((Regex::new(part).ok()?, *name))).collect()
});

/// The shape of a reason: its first line with placeholders.
pub fn shape(reason: &str) -> String {
    let line = reason.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut text = line.to_owned();
    for (rule, name) in RULES.iter() {
        text = rule
            .replace_all(&text, |found: &regex::Captures<'_>| match *name {
                "<hex>" if found[0].len() < HEX_MIN => found[0].to_owned(),
                "<hex>" => "<id>".to_owned(),
                name => name.to_owned(),
            })
            .into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_rule_can_be_read() {
        assert_eq!(RULES.len(), PARTS.len());
    }

    #[test]
    fn ids_numbers_times_and_traces_become_placeholders() {
        for (reason, expected) in [
            ("the job asked to fail", "the job asked to fail"),
            ("order 4711 has no customer", "order <n> has no customer"),
            ("took 1.5 s, not 30", "took <n> s, not <n>"),
            ("no row 0b9c2a5e-8f1d-4d6e-9a3b-2f6b1c0d4e5f", "no row <id>"),
            ("at 2026-11-28T03:14:15.123Z it broke", "at <time> it broke"),
            ("at 2026-11-28 03:14:15 it broke", "at <time> it broke"),
            ("03:14:15 timed out", "<time> timed out"),
            ("commit 1a2b3c4d5e6f is gone", "commit <id> is gone"),
            ("key 9f8e7d6 is gone", "key <id> is gone"),
            (
                "trace Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1 failed",
                "trace <trace> failed",
            ),
            ("job j-17 failed", "job j<n> failed"),
            ("null at 0x7fff5fbff8a0", "null at <id>"),
            ("token ab12cd34_x9 refused", "token <id> refused"),
            (
                "TypeError: x is undefined\n    at handler (index.js:10:5)",
                "TypeError: x is undefined",
            ),
            ("the cafe was facade", "the cafe was facade"),
            ("HTTP 503 from api", "HTTP <n> from api"),
        ] {
            assert_eq!(shape(reason), expected, "{reason}");
        }
    }

    #[test]
    fn causes_that_differ_in_words_stay_apart() {
        assert_ne!(shape("disk 7 is full"), shape("disk 7 is broken"));
        assert_eq!(shape("disk 7 is full"), shape("disk 12 is full"));
    }

    proptest! {
        #[test]
        fn numbers_make_no_difference(a in 0_u64..1_000_000, b in 0_u64..1_000_000) {
            prop_assert_eq!(shape(&format!("order {a} is late")), shape(&format!("order {b} is late")));
        }

        #[test]
        fn a_shape_has_its_own_shape(text in "[a-zA-Z0-9 :=./-]{0,40}") {
            let once = shape(&text);
            prop_assert_eq!(shape(&once), once.clone());
        }
    }
}
