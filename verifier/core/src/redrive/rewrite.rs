//! Changing a body on its way.

use serde_json::Value;
use thiserror::Error;

use crate::dead_letters::Letter;

/// A body that cannot be patched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("its body is no JSON, so that it cannot be patched: {0}")]
pub struct RewriteError(String);

/// The letter with a JSON merge patch applied to its body.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc7396>.
pub fn rewrite(letter: &Letter, patch: &Value) -> Result<Letter, RewriteError> {
    let mut body: Value =
        serde_json::from_str(&letter.body).map_err(|error| RewriteError(error.to_string()))?;
    json_patch::merge(&mut body, patch);
    Ok(Letter { body: body.to_string(), ..letter.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_the_body_and_nothing_else() {
        let letter = Letter {
            message_id: "m".to_owned(),
            body: r#"{"a":1,"b":{"c":2}}"#.to_owned(),
            group_id: Some("g".to_owned()),
            ..Letter::default()
        };
        let changed = rewrite(&letter, &json!({"a": null, "b": {"d": 3}})).unwrap();
        assert_eq!(changed.body, r#"{"b":{"c":2,"d":3}}"#);
        assert_eq!(Letter { body: letter.body.clone(), ..changed }, letter);
        let text = Letter { body: "text".to_owned(), ..letter };
        assert!(rewrite(&text, &json!({"a": 1})).is_err());
    }
}
