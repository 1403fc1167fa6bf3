//! What is said of an emulator that is up: `verifier.local/1`.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, remove_file, rename};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

/// What whoever waits for the emulator wants to know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    pub(crate) schema: &'static str,
    pub(crate) endpoint: String,
    /// The secret that the emulator's own endpoint needs; only the user is to have it.
    pub(crate) token: String,
    pub(crate) region: &'static str,
    pub(crate) stack_name: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What points any AWS client at the emulator.
    pub(crate) environment: BTreeMap<&'static str, String>,
    /// What the emulator does not stand in for.
    pub(crate) skipped: Vec<String>,
}

/// Writes a file that nobody but the user can read. Whoever waits for it never sees a part of it: it is renamed into
/// place from a new file beside it.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{:016x}.partial", fastrand::u64(..)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| rename(&partial, path));
    if written.is_err() {
        // It holds a secret, and nobody will look for it.
        let _ = remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_can_read_it_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_private(&folder.path().join("no/ready.json"), "new").is_err());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
