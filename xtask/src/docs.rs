//! `cargo xtask docs`: the documentation as a book.

use std::io::Write;

use crate::cargo_tool::Tool;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;

/// Without its own server, which would double what is to be built.
const MDBOOK: Tool = Tool {
    name: "mdbook",
    version: "0.5.4",
    options: &["--no-default-features", "--features", "search"],
};

/// Builds the book in `docs` into `target/book`.
pub(crate) fn build(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let mdbook = MDBOOK.install(project, out)?;
    let book = project.root.join("target/book");
    program(mdbook, &project.root).args(["build", "docs", "--dest-dir"]).arg(&book).run()?;
    Ok(writeln!(out, "the book is {}", book.join("index.html").display())?)
}
