//! What a page of Markdown holds for a test: fenced blocks, sections, and pointers to files.

/// What is to happen to a block's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They are run.
    Run,
    /// The one that starts the emulator.
    Background,
    /// They need a deployed stack.
    Aws,
    /// They run this test.
    Ci,
}

/// A fenced block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) commands: Vec<Written>,
}

/// A command as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The line of the page.
    pub(crate) line: usize,
    pub(crate) text: String,
    /// What is said to be printed, where it is said.
    pub(crate) output: Option<String>,
}

/// The blocks of commands in a page; an error, with its line, where a block is not marked or not understood.
pub(crate) fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let body: Vec<(usize, &str)> =
            lines.by_ref().take_while(|(_, line)| line.trim_start() != "```").collect();
        let kind = match info.trim() {
            "console" => Kind::Run,
            "console background" => Kind::Background,
            "console aws" => Kind::Aws,
            "console ci" => Kind::Ci,
            "text" | "json" => continue,
            other => return Err(format!("{number}: a block is marked {other:?}, which says nothing to the test")),
        };
        blocks.push(Block { kind, commands: written(&body)? });
    }
    Ok(blocks)
}

/// A command follows `$ ` and goes on while a line ends in a backslash; its output follows it.
fn written(body: &[(usize, &str)]) -> Result<Vec<Written>, String> {
    let mut commands = Vec::<Written>::new();
    for (number, line) in body {
        if let Some(text) = line.strip_prefix("$ ") {
            commands.push(Written { line: *number, text: text.to_owned(), output: None });
            continue;
        }
        let Some(command) = commands.last_mut() else {
            return Err(format!("{number}: a block begins with something else than `$ ` and a command"));
        };
        if command.output.is_none() && command.text.ends_with('\\') {
            command.text.push('\n');
            command.text.push_str(line);
        } else {
            let output = command.output.get_or_insert_default();
            output.push_str(line);
            output.push('\n');
        }
    }
    Ok(commands)
}

/// The sections of second order: title, and text up to the next.
pub(crate) fn sections(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("\n## ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap_or((part, ""))).collect()
}

/// The files that a page points to: by links, and by naming a path of the repository as code.
pub(crate) fn targets(page: &str) -> Vec<String> {
    let links = page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .map(|target| target.split('#').next().unwrap_or_default());
    // In a page without blocks, code stands between every first and second backtick.
    let prose = without_blocks(page);
    let code = prose.split('`').skip(1).step_by(2).filter(|code| {
        const FOLDERS: [&str; 7] =
            ["verifier/", "lambdas/", "stack/", "site/", "xtask/", ".ci/", ".github/"];
        FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains(['*', ' ', '{', '<'])
    });
    links.chain(code).filter(|target| !target.is_empty()).map(str::to_owned).collect()
}

fn without_blocks(page: &str) -> String {
    page.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_block_is_split_into_commands_and_their_output() {
    let page = "# T\n\n```console\n$ one \\\n    more\n$ two\nprinted\n\nlast\n```\ntext\n```console aws\n$ three\n```\n";
    let command = |line, text: &str, output: Option<&str>| Written {
        line,
        text: text.to_owned(),
        output: output.map(str::to_owned),
    };
    assert_eq!(
        blocks(page).unwrap(),
        [
            Block {
                kind: Kind::Run,
                commands: vec![
                    command(4, "one \\\n    more", None),
                    command(6, "two", Some("printed\n\nlast\n")),
                ],
            },
            Block { kind: Kind::Aws, commands: vec![command(13, "three", None)] },
        ]
    );
}

#[test]
fn what_is_not_marked_is_an_error() {
    for info in ["", "sh", "bash", "console quietly", "consol"] {
        let problem = blocks(&format!("text\n```{info}\n$ one\n```\n")).unwrap_err();
        assert!(problem.starts_with("2: "), "{problem}");
    }
    assert_eq!(
        blocks("```console\none\n```\n").unwrap_err(),
        "2: a block begins with something else than `$ ` and a command"
    );
    assert_eq!(blocks("```text\n$ one\n```\n").unwrap(), []);
}

#[test]
fn sections_and_targets_are_found() {
    let page = "# T\n\n## a.b\n\nText [x](y.md#z), [w](https://w) and `verifier/core/src`.\n\n```text\n`xtask/no`\n```\n\n## Two\n";
    assert_eq!(sections(page).iter().map(|(title, _)| *title).collect::<Vec<_>>(), ["a.b", "Two"]);
    assert_eq!(targets(page), ["y.md", "verifier/core/src"]);
}
