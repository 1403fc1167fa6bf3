//! Commands, as people type them again. They go to reports and logs, so what is a secret is not in them.

use std::ffi::OsString;

use verifier_core::command::{SecretValues, without_secrets};

use crate::shell::clean;

/// The options whose values may be secrets.
const VALUES: [&str; 2] = ["--parameter", "--value"];

/// The command that repeats this one, as it was typed, but for the options that say where its results go.
pub(crate) fn reproduce(
    typed: impl Iterator<Item = OsString>,
    results: &[&str],
    secrets: &SecretValues,
) -> String {
    again_with(typed, results, &[], secrets)
}

/// The same, with options that were not typed, and have come from the environment: another shell may have another one.
pub(crate) fn again_with(
    typed: impl Iterator<Item = OsString>,
    results: &[&str],
    options: &[(&str, Option<String>)],
    secrets: &SecretValues,
) -> String {
    let mut said = Vec::new();
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
            said.push(name.to_owned());
            match (VALUES.contains(&name), value) {
                (true, Some(value)) => {
                    words.push(clean::word(&format!("{name}={}", secrets.shown(name, value))));
                }
                (true, None) => {
                    words.push(name.to_owned());
                    let value = typed.next().unwrap_or_default();
                    words.push(clean::word(&secrets.shown(name, &value)));
                }
                (false, _) => words.push(clean::word(&without_secrets(&word))),
            }
        }
    }
    for (option, value) in options {
        if let (Some(value), false) = (value, said.iter().any(|said| said == option)) {
            words.extend([(*option).to_owned(), clean::word(&without_secrets(value))]);
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
        let again = reproduce(
            typed.into_iter().map(OsString::from),
            &["--out", "--format"],
            &SecretValues::default(),
        );
        assert_eq!(again, "verifier chaos run 'a b' --seed 1");
    }

    #[test]
    fn what_is_a_secret_is_left_out() {
        let typed = [
            "v",
            "check",
            "--endpoint-url",
            "http://u:abc@h:1",
            "--api=https://h/x?k=abc",
            "--parameter",
            "P=abc",
            "--value=s=abc",
        ];
        let again = reproduce(typed.into_iter().map(OsString::from), &[], &SecretValues::default());
        let expected = "verifier check --endpoint-url 'http://***@h:1' '--api=https://h/x?k=***' --parameter 'P=<the value of P>' '--value=s=<the value of s>'";
        assert_eq!(again, expected);
    }

    #[test]
    fn what_comes_from_the_environment_is_said_unless_it_was_typed() {
        let options = [("--profile", Some("p q".to_owned())), ("--region", None)];
        let again = |typed: &[&str]| {
            again_with(
                typed.iter().map(OsString::from),
                &["--journal"],
                &options,
                &SecretValues::default(),
            )
        };
        assert_eq!(again(&["v", "run", "--journal", "j"]), "verifier run --profile 'p q'");
        assert_eq!(again(&["v", "run", "--profile=x"]), "verifier run '--profile=x'");
        assert_eq!(again(&["v", "--profile", "x"]), "verifier --profile x");
    }
}
