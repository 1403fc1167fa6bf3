//! What is in the buckets of the sites beyond what stacks deployed there: uploads and deletions since.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use md5::{Digest, Md5};
use verifier_model::time::Timestamp;

/// An object of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: String,
    /// What caches may do with it; nothing was said without one.
    pub(crate) cache_control: Option<String>,
    /// In quotes, as its header has it.
    pub(crate) entity_tag: String,
    pub(crate) modified_at: Timestamp,
}

/// What became of a key since the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An object was put there.
    Uploaded(Object),
    /// What was there was deleted.
    Deleted,
}

/// The objects of one bucket that were changed, by key; `None` for those that were deleted.
pub(crate) type Changes = BTreeMap<String, Option<Object>>;

/// The changes of all buckets.
#[derive(Default)]
pub(crate) struct ChangedObjects(Mutex<BTreeMap<String, Changes>>);

impl ChangedObjects {
    /// Puts an object into a bucket, or deletes what is there.
    pub(crate) fn set(&self, bucket: &str, key: &str, object: Option<Object>) {
        self.lock().entry(bucket.to_owned()).or_default().insert(key.to_owned(), object);
    }

    /// What became of a key; `None` when nothing did.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Option<Change> {
        let changed = self.lock().get(bucket)?.get(key).cloned()?;
        Some(changed.map_or(Change::Deleted, Change::Uploaded))
    }

    /// All changes of a bucket.
    pub(crate) fn of(&self, bucket: &str) -> Changes {
        self.lock().get(bucket).cloned().unwrap_or_default()
    }

    /// Forgets a bucket that is gone.
    pub(crate) fn forget(&self, bucket: &str) {
        self.lock().remove(bucket);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Changes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entity tag of an object that was uploaded in one piece, and is encrypted with S3's own keys.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>.
pub(crate) fn entity_tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(&Md5::digest(bytes)))
}

/// Bytes in hexadecimal digits, in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_is_the_md5_of_the_object_in_quotes() {
        assert_eq!(entity_tag(b"abc"), "\"900150983cd24fb0d6963f7d28e17f72\"");
    }
}
