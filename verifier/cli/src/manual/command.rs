//! `verifier man` and `verifier completions`: what clap knows of the command line, for `man`, for shells and for docs/cli.md.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;

use crate::manual::args::{CompletionsArgs, ManArgs, ManFormat};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Target};
use crate::shell::print::print_raw;

/// The width of the help in the reference, in columns.
const WIDTH: usize = 110;

/// Prints the manual of a command line, or writes its pages to a folder.
pub(crate) fn man(args: &ManArgs, command: Command) -> Result<Exit, Failure> {
    match (&args.directory, args.format) {
        (Some(directory), _) => write_pages(described(command), directory)?,
        (None, ManFormat::Roff) => {
            let mut page = Vec::new();
            // Writing to memory cannot fail.
            let _ = clap_mangen::Man::new(described(command)).render(&mut page);
            print_raw(&page)?;
        }
        (None, ManFormat::Markdown) => print_raw(reference(command).as_bytes())?,
    }
    Ok(Exit::Passed)
}

/// Prints the completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs, command: Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut described(command), "verifier", &mut script);
    print_raw(&script)?;
    Ok(Exit::Passed)
}

/// A page for each command, as `man` looks for them.
fn write_pages(command: Command, directory: &Path) -> Result<(), Failure> {
    fn pages(command: &Command, all: &mut Vec<(String, Vec<u8>)>) {
        for below in command.get_subcommands().filter(|each| !each.is_hide_set()) {
            pages(below, all);
        }
        let (man, mut page) = (clap_mangen::Man::new(command.clone()), Vec::new());
        // Writing to memory cannot fail.
        let _ = man.render(&mut page);
        all.push((man.get_filename(), page));
    }
    let made = files::make_folder(directory);
    made.map_err(|error| files::failed("folder", directory, &error))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut all = Vec::new();
    pages(&command, &mut all);
    let all: Vec<(Target, Vec<u8>)> =
        all.into_iter().map(|(name, page)| (Target::inside(directory, &name), page)).collect();
    let failed = |target: &Target, error| files::failed("page", target.path(), &error);
    for (target, _) in &all {
        target.check().map_err(|error| failed(target, error))?;
    }
    let staged = all.iter().map(|(target, page)| {
        Ok((target, target.stage_report(page).map_err(|error| failed(target, error))?))
    });
    let staged = staged.collect::<Result<Vec<_>, Failure>>()?;
    staged
        .into_iter()
        .try_for_each(|(target, page)| page.commit().map_err(|error| failed(target, error)))
}

/// The command line as it is anywhere, whatever the environment here holds.
fn described(command: Command) -> Command {
    fn without_values(command: Command) -> Command {
        command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values)
    }
    without_values(command)
}

/// The help of every command, one section each.
fn reference(command: Command) -> String {
    let mut command = described(command).term_width(WIDTH);
    command.build();
    let mut text = "# The command line\n\n\
        The help of every command, as `verifier COMMAND --help` prints it. `cargo xtask gen` writes this page.\n"
        .to_owned();
    sections(&mut command, 2, &mut text);
    text
}

fn sections(command: &mut Command, level: usize, text: &mut String) {
    let title = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let marks = "#".repeat(level);
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{marks} `{title}`\n\n```text\n{}\n```\n", help.join("\n").trim());
    let subcommands = command.get_subcommands_mut().filter(|each| each.get_name() != "help");
    for subcommand in subcommands {
        sections(subcommand, level + 1, text);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::VerifierArgs;

    /// The names of all commands with those that lead to them, such as `verifier dlq list`.
    fn all(command: &Command, before: &str) -> Vec<String> {
        let name = format!("{before}{}", command.get_name());
        let below = command.get_subcommands().flat_map(|each| all(each, &format!("{name} ")));
        below.chain([name.clone()]).collect()
    }

    #[test]
    fn the_reference_has_a_section_for_each_command() {
        let reference = reference(VerifierArgs::command());
        let commands = all(&VerifierArgs::command(), "");
        assert!(commands.len() > 10);
        for command in commands {
            assert!(reference.contains(&format!("# `{command}`\n")), "{command}");
        }
    }

    #[test]
    fn there_is_a_page_for_each_command() {
        let folder = tempfile::tempdir().unwrap();
        write_pages(VerifierArgs::command(), folder.path()).unwrap();
        for command in all(&VerifierArgs::command(), "") {
            let page = folder.path().join(command.replace(' ', "-")).with_extension("1");
            let text = std::fs::read_to_string(&page).unwrap();
            assert!(text.contains(".SH NAME"), "{}", page.display());
        }
    }
}
