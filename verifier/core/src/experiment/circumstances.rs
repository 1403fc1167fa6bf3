//! What decides how a stack's messages fare, besides what an experiment changes of it.

use std::collections::BTreeMap;
use std::fmt;

/// Everything that decides it, by name: `DelaySeconds of Stack-Jobs` with `0`.
pub type Circumstances = BTreeMap<String, String>;

/// One that is otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What it is called.
    pub name: String,
    /// What it was; `None` where there was no such thing.
    pub before: Option<String>,
    /// What it is now; `None` where there is no such thing any more.
    pub now: Option<String>,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| match value.as_deref() {
            None => "nothing".to_owned(),
            Some("") => "empty".to_owned(),
            Some(value) => value.to_owned(),
        };
        write!(f, "{} is {}, and was {} before", self.name, word(&self.now), word(&self.before))
    }
}

/// What is otherwise than before, in the order of the names.
pub fn changed(before: &Circumstances, now: &Circumstances) -> Vec<Changed> {
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    differing
        .map(|name| Changed {
            name: name.clone(),
            before: before.get(name).cloned(),
            now: now.get(name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Circumstances {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_new_gone_or_otherwise_is_named_and_nothing_else() {
        let before = of(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let now = of(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let said: Vec<String> = changed(&before, &now).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "a is nothing, and was 1 before",
                "c is 4, and was 3 before",
                "d is 5, and was nothing before"
            ]
        );
        assert!(changed(&before, &before).is_empty());
    }

    proptest! {
        /// Nobody changes anything without being named, and whoever changes nothing is not.
        #[test]
        fn there_is_a_difference_exactly_where_there_is_one(
            before in prop::collection::btree_map("[a-e]", "[0-2]", 0..5),
            now in prop::collection::btree_map("[a-e]", "[0-2]", 0..5),
        ) {
            let found = changed(&before, &now);
            prop_assert_eq!(found.is_empty(), before == now);
            for one in &found {
                prop_assert_eq!(&one.before, &before.get(&one.name).cloned());
                prop_assert_eq!(&one.now, &now.get(&one.name).cloned());
                prop_assert_ne!(&one.before, &one.now);
            }
            let mut applied = before;
            for one in found {
                match one.now {
                    Some(value) => applied.insert(one.name, value),
                    None => applied.remove(&one.name),
                };
            }
            prop_assert_eq!(applied, now);
        }
    }
}
