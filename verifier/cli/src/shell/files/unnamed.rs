//! Files without a name, for what may not fit into memory: they are gone with the process, however it ends.

use std::path::Path;

use tempfile::SpooledTempFile;

/// How many bytes are kept in memory before there is a file.
pub(crate) const MEMORY_BYTES: usize = 8 * 1_048_576;

/// What is in memory while it is small, and else in such a file, which the user alone can read.
pub(crate) type Unnamed = SpooledTempFile;

/// An empty one, whose file would be in that folder.
pub(crate) fn unnamed(folder: &Path) -> Unnamed {
    tempfile::spooled_tempfile_in(MEMORY_BYTES, folder)
}
