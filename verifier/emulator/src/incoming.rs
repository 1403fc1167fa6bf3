//! A request whose body was read, and how its parts are read.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

use crate::admission::Admitted;

/// A request, its body read.
pub(crate) struct Incoming<'a> {
    /// What it is for.
    pub(crate) admitted: &'a Admitted,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// The value of a header, if it is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The most parameters of a form: batches of SQS, with all their attributes, have some hundred.
pub(crate) const PARAMETERS_MAX: usize = 10_000;

/// Whether a form has more parameters than are read.
pub(crate) fn is_too_long(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'&').nth(PARAMETERS_MAX).is_some()
}

/// The names and values of a query or a form; none of one that is too long.
pub(crate) fn form(text: &[u8]) -> BTreeMap<String, String> {
    if is_too_long(text) {
        return BTreeMap::new();
    }
    serde_urlencoded::from_bytes(text).unwrap_or_default()
}
