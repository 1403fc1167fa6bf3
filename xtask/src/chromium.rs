//! A browser of Chromium's family: the machine's own, or Debian's.

use std::io::Write;
use std::path::PathBuf;

use crate::debian;
use crate::failure::Failure;
use crate::project::Project;

/// What it is called, by those who package it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// What Debian has it in; without a font, the page would be empty boxes.
const PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// The browser, or why there can be none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chromium {
    /// Where it is.
    Found(PathBuf),
    /// The system is of a kind on which nobody here knows how to install it.
    Impossible(String),
}

/// Finds the browser, or installs it from Debian where this process may. An error says how it is had.
pub(crate) fn find_or_install(project: &Project, out: &mut dyn Write) -> Result<Chromium, Failure> {
    if let Some(found) = on_path() {
        return Ok(Chromium::Found(found));
    }
    if !debian::is_here() {
        return Ok(Chromium::Impossible(format!(
            "there is no {} on the PATH, and this is no Debian-like system on which it could be installed",
            NAMES.join(", ")
        )));
    }
    debian::install(project, &PACKAGES, "Chromium is needed for the tests of the page", out)?;
    on_path().map(Chromium::Found).ok_or_else(|| {
        Failure::new(format!(
            "the packages {} were installed and there is no Chromium",
            PACKAGES.join(" ")
        ))
    })
}

/// The first of its names that is a program on the PATH.
fn on_path() -> Option<PathBuf> {
    first(&std::env::split_paths(&std::env::var_os("PATH")?).collect::<Vec<_>>())
}

fn first(folders: &[PathBuf]) -> Option<PathBuf> {
    let named = |name| folders.iter().map(move |folder: &PathBuf| folder.join(name));
    NAMES.iter().flat_map(named).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_in_any_folder_is_taken() {
        let folder = std::env::temp_dir().join(format!("xtask-chromium-{}", std::process::id()));
        let (one, other) = (folder.join("one"), folder.join("other"));
        for folder in [&one, &other] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let folders = [one.clone(), other.clone()];
        assert_eq!(first(&folders), None);
        std::fs::write(one.join("google-chrome"), "").unwrap();
        assert_eq!(first(&folders), Some(one.join("google-chrome")));
        std::fs::write(other.join("chromium"), "").unwrap();
        assert_eq!(first(&folders), Some(other.join("chromium")));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
