//! The invalidations of all distributions. None here has a cache, so each is complete as soon as it is created.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use verifier_model::sqs::md5_of_body;
use verifier_model::time::Timestamp;

/// What was created so far.
#[derive(Default)]
pub(crate) struct Invalidations(Mutex<Vec<Invalidation>>);

/// An invalidation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalidation {
    pub(crate) distribution: String,
    pub(crate) id: String,
    pub(crate) created_at: Timestamp,
    pub(crate) batch: Batch,
}

/// What is to be invalidated, as requests and answers have it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Batch {
    pub(crate) paths: Paths,
    pub(crate) caller_reference: String,
}

/// The paths, and how many the caller says that there are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Paths {
    pub(crate) quantity: usize,
    #[serde(default)]
    pub(crate) items: Items,
}

/// The paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Items {
    #[serde(default)]
    pub(crate) path: Vec<String>,
}

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It is a new invalidation.
    Created(Invalidation),
    /// The same one is there already.
    Known(Invalidation),
    /// The caller's reference is that of another one.
    OtherPaths,
}

impl Invalidations {
    /// Creates an invalidation. The same one again, by the caller's reference, is the one that there is.
    pub(crate) fn create(&self, distribution: &str, batch: Batch, now: Timestamp) -> Creation {
        let mut all = self.lock();
        let known = all.iter().find(|known| {
            known.distribution == distribution
                && known.batch.caller_reference == batch.caller_reference
        });
        match known {
            Some(known) if known.batch == batch => Creation::Known(known.clone()),
            Some(_) => Creation::OtherPaths,
            None => {
                let seed = format!("{distribution}/{}", batch.caller_reference);
                let id = format!("I{}", md5_of_body(&seed)[..13].to_ascii_uppercase());
                let distribution = distribution.to_owned();
                let created = Invalidation { distribution, id, created_at: now, batch };
                all.push(created.clone());
                Creation::Created(created)
            }
        }
    }

    /// The invalidation of that id.
    pub(crate) fn find(&self, distribution: &str, id: &str) -> Option<Invalidation> {
        let all = self.lock();
        all.iter().find(|each| each.distribution == distribution && each.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Invalidation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(path: &str) -> Batch {
        let items = Items { path: vec![path.to_owned()] };
        Batch { paths: Paths { quantity: 1, items }, caller_reference: "cli-1".to_owned() }
    }

    #[test]
    fn the_same_again_is_the_one_that_there_is() {
        let invalidations = Invalidations::default();
        let create = |path| invalidations.create("E1", batch(path), Timestamp::from_millis(1));
        let Creation::Created(first) = create("/a") else { panic!("it is the first") };
        assert_eq!(create("/a"), Creation::Known(first.clone()));
        assert_eq!(create("/b"), Creation::OtherPaths);
        assert_eq!(invalidations.find("E2", &first.id), None);
        assert_eq!(invalidations.find("E1", &first.id), Some(first));
    }
}
