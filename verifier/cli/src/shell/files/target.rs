//! A file that is written, and whether links at its name are followed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Place, Readers, Staged, check_at, check_name, place};

/// A file to write to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    path: PathBuf,
    /// Whether its name is one of ours, in a folder that somebody has named.
    is_ours: bool,
}

impl Target {
    /// One that somebody has named, who may have meant a link.
    pub(crate) fn named(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), is_ours: false }
    }

    /// One with a name of ours in a folder. Others may write there, too, and know the name: a link is not followed, and what
    /// is no regular file is not written to.
    pub(crate) fn inside(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), is_ours: true }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it could be written, before anything has taken its time. Nothing is changed.
    pub(crate) fn check(&self) -> io::Result<()> {
        check_at(self.place()?)
    }

    /// Writes a report.
    pub(crate) fn write_report(&self, content: &[u8]) -> io::Result<()> {
        self.stage_report(content)?.commit()
    }

    /// Gets a report ready to take its place.
    pub(crate) fn stage_report(&self, content: &[u8]) -> io::Result<Staged> {
        Staged::new(self.place()?, content, Readers::AsBefore)
    }

    /// Gets what nobody else may read ready to take its place.
    pub(crate) fn stage_private(&self, content: &[u8]) -> io::Result<Staged> {
        Staged::new(self.place()?, content, Readers::User)
    }

    fn place(&self) -> io::Result<Place> {
        if self.is_ours { place_inside(&self.path) } else { place(&self.path) }
    }
}

/// Follows no link. One that is seeded after this is replaced by the rename, and not followed either.
fn place_inside(path: &Path) -> io::Result<Place> {
    check_name(path)?;
    let existing = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Some(found),
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) => {
            let problem = if found.is_symlink() {
                "it is a link, and links in a folder of results are not followed; remove it, or name another folder"
            } else {
                "it is no regular file; remove it, or name another folder"
            };
            return Err(io::Error::other(problem));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(Place::Whole { target: path.to_owned(), existing })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_followed_where_somebody_has_named_it_and_refused_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        symlink("precious", folder.path().join("link")).unwrap();
        symlink("nothing", folder.path().join("dangling")).unwrap();
        for name in ["link", "dangling"] {
            let inside = Target::inside(folder.path(), name);
            assert!(inside.check().unwrap_err().to_string().contains("link"));
            assert!(inside.write_report(b"new").is_err() && inside.stage_private(b"new").is_err());
            Target::named(folder.path().join(name)).check().unwrap();
        }
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert!(!folder.path().join("nothing").exists());
        Target::named(folder.path().join("link")).write_report(b"new").unwrap();
        let inside = Target::inside(folder.path(), "precious");
        assert_eq!(fs::read(inside.path()).unwrap(), b"new");
        inside.check().unwrap();
        inside.write_report(b"newer").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"newer");
    }
}
