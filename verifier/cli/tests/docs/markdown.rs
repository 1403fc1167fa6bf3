//! What a page of Markdown holds for a test: fenced blocks, sections, and pointers to files.

/// What is to happen to a block's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They are run.
    Run,
    /// They are run; on a deployed stack they would do the same.
    RunLocal,
    /// They need a deployed stack.
    Aws,
}

/// A fenced block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// The line of the page.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The blocks of commands in a page; an error, with its line, where a block is not marked or not closed.
pub(crate) fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    let mut is_after_text = false;
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            // Indented so far, and no part of a paragraph: code that nothing could be said about.
            if line.starts_with("    ") && !line.trim().is_empty() && !is_after_text {
                return Err(format!("{}: an indented block is not marked; fence it", index + 1));
            }
            is_after_text = !line.trim().is_empty();
            continue;
        };
        is_after_text = false;
        let line = index + 1;
        let body: Option<Vec<&str>> = std::iter::from_fn(|| match lines.next() {
            None => Some(None),
            Some((_, text)) if text.trim() == "```" => None,
            Some((_, text)) => Some(Some(text)),
        })
        .collect();
        let text = body.ok_or_else(|| format!("{line}: a block is not closed"))?.join("\n");
        let kind = match info.trim() {
            "sh" => Kind::Run,
            "sh local" => Kind::RunLocal,
            "sh aws" => Kind::Aws,
            "text" | "json" | "toml" | "diff" => continue,
            other => {
                return Err(format!(
                    "{line}: a block is marked {other:?}, which says nothing to the test"
                ));
            }
        };
        blocks.push(Block { kind, line, text });
    }
    Ok(blocks)
}

/// The sections, of second or third order: title, without code's backticks, and text up to the next.
pub(crate) fn sections(page: &str) -> Vec<(&str, &str)> {
    let is_heading = |line: &str| line.starts_with("## ") || line.starts_with("### ");
    let mut starts: Vec<usize> = Vec::new();
    let mut position = 0;
    for line in page.split_inclusive('\n') {
        if is_heading(line) {
            starts.push(position);
        }
        position += line.len();
    }
    let mut ends = starts.iter().copied().chain([page.len()]);
    let section = |(start, end): (&usize, usize)| {
        let (title, text) = page[*start..end].split_once('\n').unwrap_or((&page[*start..end], ""));
        (title.trim_start_matches('#').trim().trim_matches('`'), text)
    };
    // Each ends where the next one starts.
    ends.next();
    starts.iter().zip(ends).map(section).collect()
}

/// The files that a page links to.
pub(crate) fn links(page: &str) -> Vec<String> {
    let prose = without_blocks(page);
    let mut after_names = prose.split("](");
    // Before the first link there is none.
    after_names.next();
    let links = after_names
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .map(|target| target.split('#').next().unwrap_or_default());
    links.filter(|target| !target.is_empty()).map(str::to_owned).collect()
}

/// The paths of the repository that a page names as code.
pub(crate) fn paths(page: &str) -> Vec<String> {
    let prose = without_blocks(page);
    // Without blocks, code stands between every first and second backtick.
    let mut between_backticks = prose.split('`');
    between_backticks.next();
    let code = between_backticks.step_by(2).filter(|code| {
        const FOLDERS: [&str; 8] =
            ["verifier/", "lambdas/", "stack/", "site/", "xtask/", "docs/", ".ci/", ".github/"];
        FOLDERS.iter().any(|folder| code.starts_with(folder))
            && !code.contains(['*', ' ', '{', '<', '…'])
    });
    code.map(str::to_owned).collect()
}

fn without_blocks(page: &str) -> String {
    page.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_block_of_commands_is_found_with_what_is_to_happen_to_it() {
    let page = "# T\n\n```sh\none \\\n  more\n\ntwo\n```\ntext\n```sh aws\nthree\n```\n```text\nno\n```\n```sh local\n```\n";
    let block = |kind, line, text: &str| Block { kind, line, text: text.to_owned() };
    assert_eq!(
        blocks(page).unwrap(),
        [
            block(Kind::Run, 3, "one \\\n  more\n\ntwo"),
            block(Kind::Aws, 10, "three"),
            block(Kind::RunLocal, 16, ""),
        ]
    );
}

#[test]
fn what_is_not_marked_is_an_error() {
    for info in ["", "bash", "console", "sh quietly", "shh"] {
        let problem = blocks(&format!("text\n```{info}\none\n```\n")).unwrap_err();
        assert!(problem.starts_with("2: a block is marked"), "{problem}");
    }
    assert_eq!(blocks("```sh\none\n").unwrap_err(), "1: a block is not closed");
    let indented = "text\n\n    one\n";
    assert_eq!(blocks(indented).unwrap_err(), "3: an indented block is not marked; fence it");
    assert_eq!(blocks("* text\n    that goes on\n").unwrap(), []);
}

#[test]
fn sections_links_and_paths_are_found() {
    let page = "# T\n\n## `a.b`\n\nText [x](y.md#z), [w](https://w) and `verifier/core/src`.\n\n```text\n`xtask/no`\n```\n\n### Two\nend";
    assert_eq!(sections(page).iter().map(|(title, _)| *title).collect::<Vec<_>>(), ["a.b", "Two"]);
    assert_eq!(
        (links(page), paths(page)),
        (vec!["y.md".to_owned()], vec!["verifier/core/src".to_owned()])
    );
}
