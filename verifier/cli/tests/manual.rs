//! The manual and the completions, read by those whom they are for.
#![allow(clippy::expect_used)]

use std::process::{Command, Output};

use verifier_testkit::{run, scrubbed};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

fn printed(arguments: &[&str]) -> String {
    let output = run(scrubbed(VERIFIER).args(arguments));
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What bash offers after a line, once it has read the completions.
fn offered(line: &str) -> String {
    let completions = printed(&["completions", "bash"]);
    let script = format!(
        "{completions}\nCOMP_WORDS=({line})\n[[ {line:?} == *' ' ]] && COMP_WORDS+=('')\n\
         COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         _verifier verifier \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
    );
    let Output { stdout, stderr, status } = run(Command::new("bash").arg("-c").arg(script));
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

#[test]
fn bash_completes_commands_options_and_values() {
    for (line, wanted) in [
        ("verifier ", "check"),
        ("verifier ", "completions"),
        ("verifier red", "redrive"),
        ("verifier dlq ", "explain"),
        ("verifier check --st", "--strict"),
        ("verifier check --format ", "junit"),
    ] {
        let offered = offered(line);
        assert!(offered.lines().any(|word| word == wanted), "{line}: {offered}");
    }
    assert_eq!(offered("verifier check --stri").trim(), "--strict");
}

#[test]
fn each_shell_has_completions() {
    for (shell, beginning) in
        [("bash", "_verifier() {"), ("zsh", "#compdef verifier"), ("fish", "# Print an optspec")]
    {
        let script = printed(&["completions", shell]);
        assert!(script.starts_with(beginning), "{shell}: {script:.80}");
        assert!(script.contains("redrive"), "{shell}");
    }
    assert_eq!(run(scrubbed(VERIFIER).args(["completions", "tcsh"])).status.code(), Some(2));
}

#[test]
fn the_manual_goes_to_stdout_or_to_a_folder() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH verifier 1"), "{page:.200}");
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    let directory = pages.to_str().expect("a path");
    assert_eq!(printed(&["man", "--directory", directory]), "");
    let page = std::fs::read_to_string(pages.join("verifier-dlq-list.1")).expect("a page");
    assert!(page.contains(r"\-\-older\-than"), "{page}");
    let taken = pages.join("verifier.1");
    let output = run(scrubbed(VERIFIER).args(["man", "--directory"]).arg(taken));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"), "{output:?}");
}
