//! That no output takes another's place, or an input's.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Place, folder_of, place};
use crate::shell::failure::Failure;

/// A file of a command line, with the word for it: an option, or what it is.
pub(crate) type Named<'a> = (&'a str, &'a Path);

/// Where the bytes of a file are.
#[derive(Debug)]
struct Spot {
    /// Its name without links, `.` and `..`.
    name: PathBuf,
    /// Device and inode, where the file is there and has no other name: a file with two is not replaced under the other.
    inode: Option<(u64, u64)>,
    /// Whether it is open already, and is appended to.
    is_open: bool,
    /// Whether it is a folder, all of which is read.
    is_folder: bool,
}

impl Spot {
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            || (self.inode.is_some() && self.inode == other.inode)
            || (other.is_folder && self.name.starts_with(&other.name))
    }
}

/// Fails where an output would overwrite another or an input, through links, too, or would be in a folder that is one. stdout and
/// stderr are outputs and stdin is an input, where they lead to files. What can be appended to by many (a pipe, a device) has no
/// content to lose.
pub(crate) fn check_apart(outputs: &[Named<'_>], inputs: &[Named<'_>]) -> Result<(), Failure> {
    let standard = [("stdout", Path::new("/dev/fd/1")), ("stderr", Path::new("/dev/fd/2"))];
    let all = standard.iter().chain(outputs).map(|(what, path)| (*what, *path));
    let outputs: Vec<(Named<'_>, Spot)> =
        all.filter_map(|named| Some((named, spot(named.1).ok()??))).collect();
    let stdin = [("stdin", Path::new("/dev/fd/0"))];
    let inputs: Vec<(Named<'_>, Spot)> = inputs
        .iter()
        .chain(&stdin)
        .filter_map(|named| Some((*named, input_spot(named.1).ok()??)))
        .collect();
    for (index, (output, at)) in outputs.iter().enumerate() {
        let earlier = outputs.iter().take(index);
        let overwritten = earlier.filter(|(_, other)| !(at.is_open && other.is_open));
        if let Some((other, there)) =
            overwritten.chain(&inputs).find(|(_, other)| at.is_same(other))
        {
            return Err(same(*other, *output, there.is_folder));
        }
    }
    Ok(())
}

/// That two of the files are one, or that the second is in the first.
fn same(one: Named<'_>, other: Named<'_>, is_folder: bool) -> Failure {
    let shown = |(what, path): Named<'_>| {
        if what.starts_with("std") { what.to_owned() } else { format!("{what} {}", path.display()) }
    };
    let (one, other) = (shown(one), shown(other));
    let problem = if is_folder {
        format!("{other} would be a file of {one}, which is read")
    } else {
        format!("{one} and {other} are the same file, which one would overwrite")
    };
    Failure {
        next: Some("name another file for one of them; nothing was written".to_owned()),
        ..Failure::usage(problem)
    }
}

/// Where an input is, which may be a folder.
fn input_spot(path: &Path) -> io::Result<Option<Spot>> {
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        let name = fs::canonicalize(path)?;
        return Ok(Some(Spot { name, inode: None, is_open: false, is_folder: true }));
    }
    spot(path)
}

/// Where a file is or would be; `None` for what has no content of its own.
fn spot(path: &Path) -> io::Result<Option<Spot>> {
    let (target, is_open) = match place(path)? {
        Place::Whole { target, .. } => (target, false),
        Place::Standard(number) => (PathBuf::from(format!("/dev/fd/{number}")), true),
        Place::Descriptor(path) => (path, true),
        Place::Special(_) => return Ok(None),
    };
    let Ok(found) = fs::metadata(&target) else {
        let name = target.file_name().unwrap_or_default();
        return Ok(Some(Spot {
            name: fs::canonicalize(folder_of(&target))?.join(name),
            inode: None,
            is_open,
            is_folder: false,
        }));
    };
    if !found.is_file() {
        return Ok(None);
    }
    let inode = (found.nlink() == 1).then(|| (found.dev(), found.ino()));
    // A file that is open may have no name any more.
    let name = fs::canonicalize(&target).unwrap_or(target);
    Ok(Some(Spot { name, inode, is_open, is_folder: false }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_file_is_found_by_every_name_and_two_are_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        for file in ["a", "b", "two"] {
            fs::write(path(file), "").unwrap();
        }
        fs::hard_link(path("two"), path("names")).unwrap();
        symlink("a", path("link")).unwrap();
        symlink("new", path("to-new")).unwrap();
        symlink(".", path("here")).unwrap();
        for (one, other, is_same) in [
            ("a", "a", true),
            ("a", "link", true),
            ("a", "sub/../a", true),
            ("a", "here/a", true),
            ("new", "to-new", true),
            ("new", "here/new", true),
            ("a", "b", false),
            ("a", "new", false),
            ("new", "newer", false),
            ("two", "names", false),
        ] {
            let (one, other) = (path(one), path(other));
            let (first, second) = (("--report", one.as_path()), ("--history", other.as_path()));
            let of_outputs = check_apart(&[first, second], &[]);
            assert_eq!(of_outputs.is_err(), is_same, "{} {}", one.display(), other.display());
            assert_eq!(check_apart(&[first], &[second]).is_err(), is_same);
            // Inputs may be read twice.
            check_apart(&[], &[first, second]).unwrap();
            if let Err(failure) = of_outputs {
                let both = [&one, &other].map(|path| path.display().to_string());
                assert!(both.iter().all(|path| failure.what.contains(path)), "{failure}");
            }
        }
        let (sub, inside) = (path("sub"), path("sub/new"));
        check_apart(&[("--report", &inside)], &[("the page", &sub)]).unwrap_err();
        let beside = path("sub-new");
        check_apart(&[("--report", &beside)], &[("the page", &sub)]).unwrap();
        let null = Path::new("/dev/null");
        check_apart(&[("--report", null), ("--history", null)], &[("--config", null)]).unwrap();
    }
}
