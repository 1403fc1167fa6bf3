//! The parameters of a form as a tree: `Entry.2.Id=a` is the `Id` of the second `Entry`.

use std::collections::BTreeMap;

use super::Form;

/// The most parts of a name: `SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue` has six. A longer one is no
/// parameter of any operation, and is ignored as such are; the tree is never deeper than this.
const PARTS_MAX: usize = 8;

/// What stands at a name, and below it.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a> {
    /// The text at this name itself.
    pub(super) text: Option<&'a str>,
    below: BTreeMap<&'a str, Parameters<'a>>,
}

impl<'a> Parameters<'a> {
    /// The tree of a form.
    pub(super) fn of(form: &'a Form) -> Self {
        let mut tree = Self::default();
        let is_short = |name: &str| name.split('.').nth(PARTS_MAX).is_none();
        for (name, value) in form.iter().filter(|(name, _)| is_short(name)) {
            let mut at = &mut tree;
            for part in name.split('.') {
                at = at.below.entry(part).or_default();
            }
            at.text = Some(value);
        }
        tree
    }

    /// What stands below a name, such as `Value.StringValue`.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        name.split('.').try_fold(self, |at, part| at.below.get(part))
    }

    /// The entries of a list, in the order of their numbers; one that has none is the only one.
    pub(super) fn list(&self, name: &str) -> Vec<&Self> {
        let Some(list) = self.get(name) else { return Vec::new() };
        let numbered =
            |(number, entry)| <str>::parse::<u32>(number).ok().map(|number| (number, entry));
        let mut entries: Vec<(u32, &Self)> = list
            .below
            .iter()
            .map(|(number, entry)| (*number, entry))
            .filter_map(numbered)
            .collect();
        entries.sort_by_key(|(number, _)| *number);
        let alone = list.text.is_some().then_some(list);
        alone.into_iter().chain(entries.into_iter().map(|(_, entry)| entry)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_more_parts_than_any_has_is_ignored() {
        let name = |parts: usize| vec!["A"; parts].join(".");
        let form: Form =
            [PARTS_MAX, PARTS_MAX + 1, 100_000].map(|parts| (name(parts), String::new())).into();
        let tree = Parameters::of(&form);
        let deepest = tree.get(&name(PARTS_MAX)).unwrap();
        assert!(deepest.text.is_some() && deepest.below.is_empty());
    }

    #[test]
    fn entries_follow_their_numbers_and_not_the_alphabet() {
        let form: Form = ["10", "2", "1"]
            .iter()
            .map(|number| (format!("Entry.{number}.Id"), format!("id-{number}")))
            .chain([("AttributeName".to_owned(), "All".to_owned())])
            .collect();
        let tree = Parameters::of(&form);
        let ids: Vec<_> =
            tree.list("Entry").iter().map(|each| each.get("Id").unwrap().text).collect();
        assert_eq!(ids, [Some("id-1"), Some("id-2"), Some("id-10")]);
        assert_eq!(tree.list("AttributeName")[0].text, Some("All"));
        assert!(tree.list("Missing").is_empty());
        assert_eq!(tree.get("Entry.2.Id").unwrap().text, Some("id-2"));
    }
}
