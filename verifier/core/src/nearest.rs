//! The name that was meant, where somebody has mistyped one.

/// How similar a name has to be to be suggested; 1 is equal.
const SIMILAR: f64 = 0.75;

/// The candidate that is most like a name, unless none is much like it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| {
        strsim::jaro_winkler(&name.to_ascii_lowercase(), &candidate.to_ascii_lowercase())
    };
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("Stack-PR12", ["Stack-PR123", "Other"]), Some("Stack-PR123"));
        assert_eq!(nearest("Stack-PR12", ["Database"]), None);
        assert_eq!(nearest("a", []), None);
    }
}
