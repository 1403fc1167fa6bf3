//! Whether a rollback may change anything: by its journal, by whose the lease is, and by which stack is there.

use verifier_core::experiment::{Lease, ResourceRef};

use super::journal::UndoLedger;

/// Whose the lease is, by the tag of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This run's.
    Ours,
    /// Nobody's: there is no such tag.
    Free,
    /// Somebody else's. Holds what the tag says.
    Others(String),
    /// There is no such queue.
    Gone,
}

impl Standing {
    /// By what a tag says.
    pub fn of(value: Option<&str>, run: &str) -> Self {
        match value {
            None => Self::Free,
            Some(value) if Lease::read(value).is_some_and(|lease| lease.run == run) => Self::Ours,
            Some(value) => Self::Others(value.to_owned()),
        }
    }
}

/// What was found where the rollback looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose the lease is.
    pub standing: Standing,
    /// Whether it is the stack that the journal is of, by its id, its region and its endpoint.
    pub is_same_stack: bool,
}

/// What a rollback does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It restores what is open.
    Restore,
    /// There is nothing to do: nothing was changed, or all of it is restored.
    Nothing,
}

/// Why a rollback changes nothing, although something may have been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The journal lacks lines: the run had the lease, which it claims when all of these were saved. Holds what is missing.
    Cut(Vec<ResourceRef>),
    /// By the journal all is restored, and yet the tag names the run: another copy of it tells more.
    UsedUp,
    /// The tag does not name the run any more, although something is open.
    Unleased,
    /// The lease is another run's by now. Holds what the tag says.
    Taken(String),
    /// It is another stack, or another one of its name.
    Elsewhere,
}

/// What a rollback has to do.
///
/// The lease is what proves that a stack is the one that was changed, and is restored last. Names prove nothing: each emulator,
/// region and account may have a stack of the same.
///
/// # Errors
///
/// Why it must not change anything.
pub fn way(ledger: &UndoLedger, found: &Found) -> Result<Way, Refusal> {
    let open = ledger.open();
    let is_all_back = ledger.is_complete() && open.is_empty();
    if found.standing == Standing::Ours {
        return if !ledger.is_complete() {
            let parts = ledger.started().map(|started| started.parts.clone()).unwrap_or_default();
            Err(Refusal::Cut(
                parts.into_iter().filter(|part| ledger.saved(part).is_none()).collect(),
            ))
        } else if is_all_back {
            Err(Refusal::UsedUp)
        } else {
            Ok(Way::Restore)
        };
    }
    if is_all_back {
        return Ok(Way::Nothing);
    }
    if !found.is_same_stack {
        return Err(Refusal::Elsewhere);
    }
    // Without the lease, nothing was changed.
    if ledger.lease().is_none() {
        return Ok(Way::Nothing);
    }
    let is_lease_alone = open.iter().all(|(part, _)| matches!(part, ResourceRef::QueueTag { .. }));
    match &found.standing {
        // A rollback that was killed between its last change and the line of it.
        _ if is_lease_alone => Ok(Way::Restore),
        // The queue is gone, and the stack is still the one.
        Standing::Gone | Standing::Ours => Ok(Way::Restore),
        Standing::Free => Err(Refusal::Unleased),
        Standing::Others(value) => Err(Refusal::Taken(value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::undo::{Started, UNDO_SCHEMA, UndoEntry};
    use verifier_core::experiment::{LEASE_TAG, ResourceConfig};
    use verifier_model::time::Timestamp;

    const AT: Timestamp = Timestamp::from_millis(0);

    fn tag() -> ResourceRef {
        ResourceRef::QueueTag { queue_url: "q".to_owned(), key: LEASE_TAG.to_owned() }
    }

    fn worker() -> ResourceRef {
        ResourceRef::Concurrency { function: "w".to_owned() }
    }

    /// What was written down up to so many lines.
    fn ledger(lines: usize) -> UndoLedger {
        let saved = |part, before| UndoEntry::Saved { part, before, settings: Vec::new() };
        let entries = [
            UndoEntry::Started(Started {
                schema: UNDO_SCHEMA.to_owned(),
                run: "r".to_owned(),
                stack: "s".to_owned(),
                stack_id: "arn".to_owned(),
                region: "eu-central-1".to_owned(),
                endpoint: None,
                parts: vec![tag(), worker()],
                at: AT,
            }),
            saved(tag(), ResourceConfig::QueueTag { value: None }),
            saved(worker(), ResourceConfig::Concurrency { reserved: None }),
            UndoEntry::Claimed { lease: "r until 5".to_owned(), at: AT },
            UndoEntry::Restored { part: worker(), at: AT },
            UndoEntry::Restored { part: tag(), at: AT },
        ];
        let mut ledger = UndoLedger::default();
        entries.iter().take(lines).for_each(|entry| ledger.apply(entry));
        ledger
    }

    fn ways(standing: &Standing, is_same_stack: bool) -> Vec<Result<Way, Refusal>> {
        let found = Found { standing: standing.clone(), is_same_stack };
        (1..=6).map(|lines| way(&ledger(lines), &found)).collect()
    }

    const NOTHING: Result<Way, Refusal> = Ok(Way::Nothing);
    const RESTORE: Result<Way, Refusal> = Ok(Way::Restore);

    #[test]
    fn a_tag_says_whose_the_lease_is() {
        let of = |value| Standing::of(value, "r");
        assert_eq!(of(None), Standing::Free);
        assert_eq!(of(Some("r until 5")), Standing::Ours);
        for other in ["r2 until 5", "r", ""] {
            assert_eq!(of(Some(other)), Standing::Others(other.to_owned()));
        }
    }

    #[test]
    fn with_its_lease_a_run_restores_and_a_journal_without_all_parts_is_cut() {
        for is_same_stack in [true, false] {
            let missing = |parts: &[ResourceRef]| Err(Refusal::Cut(parts.to_vec()));
            assert_eq!(
                ways(&Standing::Ours, is_same_stack),
                [
                    missing(&[tag(), worker()]),
                    missing(&[worker()]),
                    RESTORE,
                    RESTORE,
                    RESTORE,
                    Err(Refusal::UsedUp)
                ]
            );
        }
    }

    #[test]
    fn without_its_lease_it_changes_nothing() {
        let unleased = Err(Refusal::Unleased);
        assert_eq!(
            ways(&Standing::Free, true),
            [NOTHING, NOTHING, NOTHING, unleased, RESTORE, NOTHING]
        );
        let others = Standing::Others("x until 9".to_owned());
        let taken = Err(Refusal::Taken("x until 9".to_owned()));
        assert_eq!(ways(&others, true), [NOTHING, NOTHING, NOTHING, taken, RESTORE, NOTHING]);
    }

    #[test]
    fn another_stack_of_that_name_is_left_alone() {
        let elsewhere = || Err(Refusal::Elsewhere);
        for standing in [Standing::Free, Standing::Gone, Standing::Others("x".to_owned())] {
            let [first @ .., last] = &ways(&standing, false)[..] else { panic!() };
            assert!(first.iter().all(|way| *way == elsewhere()), "{first:?}");
            assert_eq!(*last, NOTHING);
        }
    }

    #[test]
    fn where_only_the_queue_is_gone_the_rest_is_restored() {
        assert_eq!(
            ways(&Standing::Gone, true),
            [NOTHING, NOTHING, NOTHING, RESTORE, RESTORE, NOTHING]
        );
    }
}
