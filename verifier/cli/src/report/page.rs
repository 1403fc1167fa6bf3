//! What every HTML page has: its stylesheet, and the policy that lets nothing else in.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// How it looks.
pub(crate) const STYLE: &str = include_str!("../../templates/report.css");

/// The policy of a page whose only style is that one. Nothing is loaded, run, sent or framed, whatever a text in it may become.
///
/// Source: <https://www.w3.org/TR/CSP3/#directives>.
pub(crate) fn policy(style: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// Fails unless a page has the policy before anything else that it could be about, and the policy is of its style.
#[cfg(test)]
pub(crate) fn assert_policy(page: &str) {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (style, body) = rest.split_once("</style>").unwrap();
    let meta =
        format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">", policy(style));
    assert!(head.contains(&meta), "{head}");
    assert!(head.find(&meta) < head.find("<title>"), "{head}");
    for inline in [" style=", "<script", "<style", " onload", " onclick", "javascript:"] {
        assert!(!body.contains(inline), "{inline}");
    }
}
