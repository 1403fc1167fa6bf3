//! Files that others read.

use std::fs;
use std::io;
use std::path::Path;

/// Writes a file. Whoever waits for it must never see a part of it, so it is renamed into place.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, text)?;
    fs::rename(&partial, path)
}
