//! The page in a headless browser, against the stack on this machine.

use std::io::Write;

use crate::build;
use crate::chromium::{self, Chromium};
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::npm::install_node_modules;
use crate::project::Project;
use crate::server::{Server, until_stdin_ends};

/// The origin of a page that may ask AWS's services; the browser is told where its name leads.
const ALLY: &str = "http://ally.example";

/// Brings the stack up, and lets a browser use its page; pictures of it are left below the target folder.
pub(crate) fn check(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let browser = match chromium::find_or_install(project, out)? {
        Chromium::Found(path) => path,
        Chromium::Impossible(why) => return Ok(writeln!(out, "skipped: {why}")?),
    };
    install_node_modules(project, out)?;
    let verifier = build::program(project, "verifier")?;
    let folder = project.target()?.join("browser");
    let pictures = folder.join("pictures");
    // Those of a test that no longer exists would be taken for new ones.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&pictures).map_err(|error| {
        Failure::new(format!("the folder {} cannot be made: {error}", pictures.display()))
    })?;
    let ready = folder.join("ready.json");
    let mut local = until_stdin_ends(project, &verifier);
    local.args(["local", "--clock", "skip-idle", "--allow-origin", ALLY, "--ready-file"]);
    local.arg(&ready);
    let _stack = Server::start("verifier local", &mut local, announced)?;
    out.flush()?;
    program("npm", &project.stack())
        .args(["run", "--silent", "test:browser"])
        .env("VERIFIER_BROWSER", &browser)
        .env("VERIFIER_BROWSER_READY", &ready)
        .env("VERIFIER_BROWSER_ALLY", ALLY)
        .env("VERIFIER_BROWSER_PICTURES", &pictures)
        .run()?;
    Ok(writeln!(out, "pictures of the page are in {}", pictures.display())?)
}

/// It says so when everything is up, after it has written the file.
fn announced(line: &str) -> Option<&str> {
    let (_, url) = line.split_once(" is up at ")?;
    Some(url.trim()).filter(|url| url.starts_with("http://127.0.0.1:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_from_the_announcement() {
        let line = "Stack-PR123 is up at http://127.0.0.1:40001";
        assert_eq!(announced(line), Some("http://127.0.0.1:40001"));
        for other in ["building the functions", "it is up at night", "Stack is up at http://x:1"] {
            assert_eq!(announced(other), None, "{other}");
        }
    }
}
