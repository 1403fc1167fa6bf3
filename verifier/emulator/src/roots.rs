//! The folders that were given at the start, and what templates may name in them.
//!
//! The user's own template, given at the start, may name functions and folders below them. A template that comes by
//! `CreateStack` comes from whoever can send a request, so it may name functions only: entries of the folder, none of
//! which leads out of it, unless the user's own template names the same one.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Whose template it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The user's, given when the emulator was started.
    User,
    /// That of whoever asked for `CreateStack`.
    Request,
}

/// Why a name in a template is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFollowed {
    /// There is nothing of that name.
    Missing,
    /// It is no name below the folder, or leads out of it.
    Outside,
}

/// A name's parts below a folder; `None` if it is empty, absolute, or has a part such as `..`.
///
/// It is decided by the text alone, so it holds whatever lies in the folder.
fn parts(name: &str) -> Option<Vec<&str>> {
    let is_plain = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains(['\0', '\\']);
    let parts: Vec<&str> = name.split('/').collect();
    let components = Path::new(name).components();
    let is_relative = components.clone().all(|part| matches!(part, Component::Normal(_)));
    (is_relative && components.count() == parts.len() && parts.iter().all(is_plain))
        .then_some(parts)
}

/// The program of a function in the folder of functions: `NAME`, or `NAME/bootstrap`.
///
/// An entry of the folder may be a link that the user made, to wherever they want, and so may its `bootstrap`; what a
/// longer name leads to has to stay below the folder or the entry. `known` are the names that the user's own template
/// has.
pub(crate) fn program(
    folder: &Path,
    name: &str,
    author: Author,
    known: &BTreeSet<String>,
) -> Result<PathBuf, NotFollowed> {
    let parts = parts(name).ok_or(NotFollowed::Outside)?;
    if author == Author::Request && parts.len() > 1 {
        return Err(NotFollowed::Outside);
    }
    let plain = folder.join(name);
    let bundled = plain.join("bootstrap");
    let found = [plain, bundled].into_iter().find(|path| path.is_file());
    let found = found.ok_or(NotFollowed::Missing)?;
    let is_trusted = author == Author::User || known.contains(name);
    let entry = folder.join(parts.first().copied().unwrap_or_default());
    let is_inside =
        is_below(&found, folder) || is_trusted && (parts.len() == 1 || is_below(&found, &entry));
    if is_inside { Ok(found) } else { Err(NotFollowed::Outside) }
}

/// Whether a name is one of a folder below the project, or would be if it were there.
pub(crate) fn is_directory_below(project: &Path, name: &str) -> bool {
    let folder = project.join(name);
    let name = name.trim_start_matches("./").trim_end_matches('/');
    parts(name).is_some() && (!folder.exists() || is_below(&folder, project))
}

/// Whether a path leads to what lies below a folder, when all links are followed.
pub(crate) fn is_below(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path);
    real(path).and_then(|path| Ok(path.starts_with(real(folder)?))).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    /// A folder of functions with links, beside something that is none of its business.
    fn folders() -> (tempfile::TempDir, PathBuf) {
        let all = tempfile::tempdir().unwrap();
        let functions = all.path().join("functions");
        for folder in ["functions/bundled", "functions/deep/er", "elsewhere/inner"] {
            std::fs::create_dir_all(all.path().join(folder)).unwrap();
        }
        for file in [
            "functions/plain",
            "functions/bundled/bootstrap",
            "functions/deep/er/f",
            "elsewhere/shell",
            "elsewhere/inner/g",
        ] {
            std::fs::write(all.path().join(file), "").unwrap();
        }
        symlink("../elsewhere/shell", functions.join("linked")).unwrap();
        symlink("plain", functions.join("alias")).unwrap();
        symlink(all.path().join("elsewhere"), functions.join("away")).unwrap();
        symlink(all.path().join("elsewhere"), functions.join("deep/away")).unwrap();
        (all, functions)
    }

    #[test]
    fn the_users_template_names_what_is_below_the_folder_and_its_links() {
        let (_all, functions) = folders();
        let found = |name: &str| program(&functions, name, Author::User, &BTreeSet::new());
        for (name, path) in [
            ("plain", "plain"),
            ("bundled", "bundled/bootstrap"),
            ("deep/er/f", "deep/er/f"),
            ("linked", "linked"),
            ("alias", "alias"),
            ("away/shell", "away/shell"),
            ("away/inner/g", "away/inner/g"),
        ] {
            assert_eq!(found(name), Ok(functions.join(path)), "{name}");
        }
        for name in [
            "",
            "/bin/sh",
            "../elsewhere/shell",
            "deep/../../elsewhere/shell",
            "./plain",
            "plain/",
            "deep//er/f",
            "..",
            ".",
            "deep/away/shell",
        ] {
            assert_eq!(found(name), Err(NotFollowed::Outside), "{name}");
        }
        assert_eq!(found("missing"), Err(NotFollowed::Missing));
        assert_eq!(found("deep"), Err(NotFollowed::Missing), "a folder is no program");
    }

    #[test]
    fn a_requests_template_names_entries_and_of_links_out_only_known_ones() {
        let (_all, functions) = folders();
        let known = BTreeSet::from(["linked".to_owned()]);
        let found = |name: &str, known| program(&functions, name, Author::Request, known);
        for name in ["plain", "alias", "linked"] {
            assert_eq!(found(name, &known), Ok(functions.join(name)), "{name}");
        }
        assert_eq!(found("bundled", &known), Ok(functions.join("bundled/bootstrap")));
        let none = BTreeSet::new();
        assert_eq!(found("linked", &none), Err(NotFollowed::Outside));
        for name in ["deep/er/f", "away/shell", "/bin/sh", "../elsewhere/shell", ""] {
            assert_eq!(found(name, &known), Err(NotFollowed::Outside), "{name}");
        }
    }

    #[test]
    fn a_folder_of_a_page_stays_below_the_project() {
        let (all, functions) = folders();
        for name in ["deep", "deep/er", "./deep", "deep/", "not-there-yet"] {
            assert!(is_directory_below(&functions, name), "{name}");
        }
        for name in ["", "/", "..", "../elsewhere", "deep/../..", "away", "deep/away/inner"] {
            assert!(!is_directory_below(&functions, name), "{name}");
        }
        assert!(is_directory_below(all.path(), "functions/away"), "it is below this one");
    }

    proptest! {
        #[test]
        fn no_text_leads_out(name in "[a-z./]{0,16}") {
            let (_all, functions) = folders();
            if let Ok(path) = program(&functions, &name, Author::Request, &BTreeSet::new()) {
                prop_assert!(is_below(&path, &functions), "{}", path.display());
            }
            if let Some(parts) = parts(&name) {
                prop_assert!(functions.join(&name).starts_with(&functions));
                prop_assert!(parts.iter().all(|part| !part.is_empty() && *part != ".."));
            }
        }
    }
}
