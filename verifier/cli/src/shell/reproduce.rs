//! Commands, as people type them again.

use std::ffi::OsString;

use crate::shell::clean;

/// The command that repeats this one, as it was typed, but for the options that say where its results go.
pub(crate) fn again(typed: impl Iterator<Item = OsString>, results: &[&str]) -> String {
    let mut words = vec!["verifier".to_owned()];
    // The first is what the program was called by.
    let mut typed = typed.map(|word| word.to_string_lossy().into_owned());
    typed.next();
    while let Some(word) = typed.next() {
        let (name, value) =
            word.split_once('=').map_or((&*word, None), |(name, v)| (name, Some(v)));
        if results.contains(&name) {
            if value.is_none() {
                typed.next();
            }
        } else {
            words.push(clean::word(&word));
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_results_go_is_left_out() {
        let typed = ["/bin/v", "chaos", "run", "a b", "--out", "d", "--format=json", "--seed", "1"];
        let again = again(typed.into_iter().map(OsString::from), &["--out", "--format"]);
        assert_eq!(again, "verifier chaos run 'a b' --seed 1");
    }
}
