use proptest::prelude::*;

use super::*;

fn part(number: usize) -> ResourceRef {
    ResourceRef::Concurrency { function: number.to_string() }
}

fn reserved(limit: u32) -> ResourceConfig {
    ResourceConfig::Concurrency { reserved: Some(limit) }
}

fn started(parts: usize) -> UndoEntry {
    UndoEntry::Started(Started {
        schema: UNDO_SCHEMA.to_owned(),
        run: "r".to_owned(),
        stack: "s".to_owned(),
        stack_id: "arn".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        parts: (0..parts).map(part).collect(),
        at: Timestamp::default(),
    })
}

fn saved(number: usize) -> UndoEntry {
    let settings = vec![Setting::SubmitStopped];
    UndoEntry::Saved { part: part(number), before: reserved(7), settings }
}

fn claimed() -> UndoEntry {
    UndoEntry::Claimed { lease: "r until 5".to_owned(), at: Timestamp::default() }
}

fn restored(number: usize) -> UndoEntry {
    UndoEntry::Restored { part: part(number), at: Timestamp::default() }
}

fn text(entries: &[UndoEntry]) -> String {
    entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect()
}

fn open(ledger: &UndoLedger) -> Vec<ResourceRef> {
    ledger.open().into_iter().map(|(part, _)| part).collect()
}

#[test]
fn what_was_saved_last_is_restored_first_and_once() {
    let left =
        UndoEntry::Left { part: part(0), why: "it is gone".to_owned(), at: Timestamp::default() };
    let journal =
        text(&[started(4), saved(0), saved(1), saved(2), saved(3), claimed(), restored(2), left]);
    let ledger = UndoLedger::read(&journal).unwrap();
    assert_eq!(open(&ledger), [part(3), part(1)]);
    assert_eq!(ledger.left()[&part(0)], "it is gone");
    assert_eq!(ledger.lease(), Some("r until 5"));
    assert!(ledger.is_complete() && !ledger.is_torn());
}

#[test]
fn what_is_no_journal_is_refused() {
    for text in ["{}\n", "{\"event\":\"started\"}\n", "no JSON\n", "{}", "no JSON"] {
        assert_eq!(UndoLedger::read(text).unwrap_err(), UndoError::NoJournal, "{text}");
    }
}

#[test]
fn before_its_first_line_is_whole_nothing_was_done() {
    let whole = text(&[started(1)]);
    for end in 0..whole.len() - 1 {
        let read = UndoLedger::read(&whole[..end]);
        assert_eq!(read.unwrap_err(), UndoError::NotBegun, "{end}");
    }
    assert!(UndoLedger::read(whole.trim_end()).is_ok());
    assert!(UndoLedger::read(&(whole + "\n")).is_ok(), "a blank line says nothing");
}

#[test]
fn a_last_line_counts_without_its_end_and_a_torn_one_is_told_of() {
    let journal = text(&[started(2), saved(0), saved(1)]);
    let ledger = UndoLedger::read(journal.trim_end()).unwrap();
    assert_eq!(open(&ledger), [part(1), part(0)]);
    assert!(!ledger.is_torn());
    let torn = UndoLedger::read(&journal[..journal.len() - 3]).unwrap();
    assert_eq!(open(&torn), [part(0)]);
    assert!(torn.is_torn() && !torn.is_complete());
}

#[test]
fn what_was_cut_out_or_put_together_is_refused_with_what_it_covers() {
    let other = UndoEntry::Saved {
        part: part(0),
        before: ResourceConfig::QueueTag { value: None },
        settings: Vec::new(),
    };
    let refused = [
        vec![started(2), saved(0), claimed()],
        vec![started(2), saved(0), restored(1)],
        vec![started(2), saved(0), saved(0)],
        vec![started(2), saved(0), saved(2)],
        vec![started(2), saved(0), started(2)],
    ];
    for entries in refused {
        let UndoError::Malformed { line, covered, .. } =
            UndoLedger::read(&text(&entries)).unwrap_err()
        else {
            panic!("{entries:?}");
        };
        assert_eq!((line, covered), (3, vec![part(0)]), "{entries:?}");
    }
    let error = UndoLedger::read(&text(&[started(2), other])).unwrap_err();
    assert!(matches!(error, UndoError::Malformed { line: 2, .. }));
    let error = UndoLedger::read(&(text(&[started(1), saved(0)]) + "{}\n")).unwrap_err();
    assert!(matches!(error, UndoError::Malformed { line: 3, .. }));
    // A line in the middle is no torn one.
    let whole = text(&[started(1), saved(0)]);
    let error = UndoLedger::read(&(whole[..whole.len() - 3].to_owned() + "\n")).unwrap_err();
    assert!(matches!(error, UndoError::Malformed { line: 2, .. }));
}

proptest! {
    /// Wherever the journal ends: either everything that may have been changed is open, or it says itself that it is not
    /// complete, and whoever cuts it cannot make it claim that all is done.
    #[test]
    fn a_journal_that_was_cut_off_forgets_no_change(parts in 1..6_usize, cut in any::<prop::sample::Index>()) {
        let mut entries = vec![started(parts)];
        entries.extend((0..parts).map(saved));
        entries.push(claimed());
        let whole = text(&entries);
        let cut = cut.index(whole.len()) + 1;
        match UndoLedger::read(&whole[..cut]) {
            Ok(ledger) => {
                let all = open(&ledger).len() == parts;
                prop_assert_eq!(ledger.is_complete(), all);
                prop_assert!(ledger.lease().is_none() || all);
            }
            Err(error) => {
                prop_assert_eq!(error, UndoError::NotBegun);
                prop_assert!(cut < text(&[started(parts)]).len());
            }
        }
    }
}
