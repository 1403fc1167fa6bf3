//! What a page's configuration sets, as data: a script's is found by running it, which the core leaves to others.

use std::collections::BTreeMap;

/// What a script sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// It came to its end, or to an error that ends it.
    Ended {
        /// The properties that `window` has by then: their paths, and their values where they are texts.
        window: Values,
        /// The same of what it declares with `let`, `const` or `class`, which is not in `window`.
        declared: Values,
        /// The error that ended it, as in `ReferenceError: a is not defined`. Of a script with an error of syntax, nothing runs.
        error: Option<String>,
    },
    /// What it sets depends on what is not known here.
    Undecided {
        /// On what, as in `it asks the browser for document`.
        why: String,
    },
}

/// Values by their paths, as in `CONFIG.jobUrl`; `None` where one is no text.
pub type Values = BTreeMap<String, Option<String>>;

impl Script {
    /// The same of a JSON document.
    pub(crate) fn of_json(document: &str) -> Self {
        fn walk(path: &str, value: &serde_json::Value, values: &mut Values) {
            match value {
                serde_json::Value::Object(members) => {
                    for (name, member) in members {
                        walk(&below(path, name), member, values);
                    }
                }
                serde_json::Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        walk(&below(path, &index.to_string()), item, values);
                    }
                }
                one => drop(values.insert(path.to_owned(), one.as_str().map(str::to_owned))),
            }
        }
        let (mut window, declared) = (Values::new(), Values::new());
        let error = match serde_json::from_str(document) {
            Ok(value) => {
                walk("", &value, &mut window);
                None
            }
            Err(error) => Some(format!("it is no JSON: {error}")),
        };
        Self::Ended { window, declared, error }
    }
}

/// The path of a member.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_json() {
        let Script::Ended { window, error, .. } = Script::of_json(r#"{"a":{"jobs":["u"]},"n":1}"#)
        else {
            panic!("undecided")
        };
        let expected = [("a.jobs.0".to_owned(), Some("u".to_owned())), ("n".to_owned(), None)];
        assert_eq!((window, error), (expected.into(), None));
        let Script::Ended { error, .. } = Script::of_json("{") else { panic!("undecided") };
        assert!(error.is_some());
    }
}
