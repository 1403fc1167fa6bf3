//! The organisation that a template means by its own.
//!
//! A perimeter, such as "deny who is not of `o-…`", is sound in the account that it was written for, and would deny everything in one
//! that is in no organisation. So the account here is in the one that the template's policies name. Where they name several, none
//! of them is more its own than the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use verifier_model::iam::Keys;

use super::build::Builder;

/// The keys whose values are ids of organisations, without their service.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
const OF_IDS: [&str; 3] = ["PrincipalOrgID", "ResourceOrgID", "SourceOrgID"];
/// Those whose values are paths in one: `o-ID/r-ROOT/ou-UNIT/`.
const OF_PATHS: [&str; 3] = ["PrincipalOrgPaths", "ResourceOrgPaths", "SourceOrgPaths"];

/// What a template's policies say of organisations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// The ids that they name.
    pub ids: BTreeSet<String>,
    /// The paths that they name, as they name them.
    pub paths: BTreeSet<String>,
}

impl Organization {
    /// The organisation that the account is in: the only one that is named.
    pub fn id(&self) -> Option<&str> {
        only(&self.ids)
    }

    /// Where the account is in it: at the only place that is named, or at its beginning where that is a pattern.
    pub fn path(&self) -> Option<String> {
        let path = only(&self.paths)?;
        let fixed = path.split(['*', '?']).next().unwrap_or_default();
        // Of a pattern such as `o-a/r-b/ou-c-*`, the unit's id is unknown.
        let whole = fixed.rfind('/').map_or(fixed, |end| &fixed[..=end]);
        self.id().is_some().then(|| whole.to_owned())
    }

    /// What the user has to know of it, if anything.
    pub fn note(&self) -> Option<String> {
        match (self.id(), self.ids.is_empty()) {
            (Some(id), _) if self.paths.len() > 1 => Some(format!(
                "the account here is in the organisation {id}, which the template's policies name; of its paths they name several ({}), and the account is at none",
                listed(&self.paths)
            )),
            (Some(id), _) => Some(format!(
                "the account here is in the organisation {id}, which the template's policies name"
            )),
            (None, true) => None,
            (None, false) => Some(format!(
                "the template's policies name several organisations ({}), and the account here is in none of them: what they allow to members is denied; name one, or start with --no-iam",
                listed(&self.ids)
            )),
        }
    }

    fn read(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            Value::Object(fields) => self.read_fields(fields),
            _ => {}
        }
    }

    fn read_fields(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            let key = name.rsplit(':').next().unwrap_or_default();
            let is_one = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
            if is_one(&OF_IDS) {
                self.ids.extend(texts(value).filter(|text| is_id(text)).map(str::to_owned));
            } else if is_one(&OF_PATHS) {
                for path in texts(value) {
                    let id = path.split('/').next().unwrap_or_default();
                    if is_id(id) {
                        self.ids.insert(id.to_owned());
                        self.paths.insert(path.to_owned());
                    }
                }
            } else {
                self.read(value);
            }
        }
    }
}

impl Builder<'_> {
    /// What the policies of all resources say of organisations.
    pub(super) fn organization(&self) -> Organization {
        let mut organization = Organization::default();
        for properties in self.all_properties() {
            organization.read_fields(properties);
        }
        organization
    }
}

/// What is known of who makes a request, and of what it is for: both are of the account.
pub(crate) fn of_principal(keys: Keys, organization: &Organization) -> Keys {
    with(of_resource(keys, organization), organization, "aws:PrincipalOrg")
}

/// What is known of whom a service makes a request for, and of what it is for.
pub(crate) fn of_source(keys: Keys, organization: &Organization) -> Keys {
    with(of_resource(keys, organization), organization, "aws:SourceOrg")
}

/// What is known of what a request is for.
pub(crate) fn of_resource(keys: Keys, organization: &Organization) -> Keys {
    with(keys, organization, "aws:ResourceOrg")
}

fn with(keys: Keys, organization: &Organization, whose: &str) -> Keys {
    let Some(id) = organization.id() else { return keys };
    let keys = keys.with(&format!("{whose}ID"), id);
    match organization.path() {
        Some(path) => keys.with_all(&format!("{whose}Paths"), [path]),
        None => keys,
    }
}

fn only(named: &BTreeSet<String>) -> Option<&str> {
    match named.iter().collect::<Vec<_>>()[..] {
        [one] => Some(one),
        _ => None,
    }
}

fn listed(named: &BTreeSet<String>) -> String {
    named.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

/// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>.
fn is_id(text: &str) -> bool {
    let id = text.strip_prefix("o-").unwrap_or_default();
    (10..=32).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(conditions: &Value) -> Organization {
        let mut organization = Organization::default();
        organization.read(&json!({"Statement": [{"Condition": conditions}]}));
        organization
    }

    #[test]
    fn the_only_organisation_that_is_named_is_the_accounts() {
        for conditions in [
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
            json!({"StringNotEqualsIfExists": {"aws:ResourceOrgId": ["o-a1b2c3d4e5"]}}),
            json!({"StringEquals": {"AWS:SourceOrgID": "o-a1b2c3d4e5", "aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        ] {
            let organization = of(&conditions);
            assert_eq!(organization.id(), Some("o-a1b2c3d4e5"), "{conditions}");
            assert!(organization.note().unwrap().contains("o-a1b2c3d4e5"));
        }
        let named = json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a1b2c3d4e5/r-ab12/ou-ab12-1/*"]}});
        assert_eq!(of(&named).id(), Some("o-a1b2c3d4e5"));
        assert_eq!(of(&named).path().as_deref(), Some("o-a1b2c3d4e5/r-ab12/ou-ab12-1/"));
    }

    #[test]
    fn none_is_guessed_of_several_or_of_what_is_no_id() {
        let two =
            of(&json!({"StringEquals": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "o-b1b2c3d4e5"]}}));
        assert_eq!((two.id(), two.path()), (None, None));
        assert!(two.note().unwrap().contains("o-a1b2c3d4e5, o-b1b2c3d4e5"), "{two:?}");
        for value in ["o-*", "${aws:PrincipalOrgID}", "o-short", "a1b2c3d4e5f6", ""] {
            let none = of(&json!({"StringLike": {"aws:PrincipalOrgID": value}}));
            assert_eq!((none.id(), none.note()), (None, None), "{value}");
        }
        let paths = of(&json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [
            "o-a1b2c3d4e5/r-ab12/ou-ab12-1/*", "o-a1b2c3d4e5/r-ab12/ou-ab12-2/*",
        ]}}));
        assert_eq!((paths.id(), paths.path()), (Some("o-a1b2c3d4e5"), None));
        assert!(paths.note().unwrap().contains("ou-ab12-2"));
    }
}
