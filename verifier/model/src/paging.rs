//! Pages of a sorted list, as several AWS APIs hand them out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A page of a list, and the token of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The page.
    pub items: Vec<T>,
    /// Where to go on; absent on the last page.
    pub next_token: Option<String>,
}

/// A token that no page ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadToken;

/// The page of a list that follows a token.
///
/// A token says which key was last, and not how many items were, so what is created or deleted between two pages
/// makes no other item appear twice or never.
pub(crate) fn page<T>(
    mut items: Vec<(String, T)>,
    descending: bool,
    token: Option<&str>,
    limit: usize,
) -> Result<Listed<T>, BadToken> {
    items.sort_by(|(left, _), (right, _)| left.cmp(right));
    if descending {
        items.reverse();
    }
    if let Some(token) = token {
        let last = decode(token)?;
        items.retain(|(key, _)| if descending { *key < last } else { *key > last });
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next_token = items.last().filter(|_| more).map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
    Ok(Listed { items: items.into_iter().map(|(_, item)| item).collect(), next_token })
}

fn decode(token: &str) -> Result<String, BadToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
    String::from_utf8(bytes).map_err(|_| BadToken)
}
