mod lambda;

use tempfile::TempDir;
use verifier_chaos::UNDO_SCHEMA;
use verifier_core::experiment::{Field, LEASE_TAG, Lease};
use verifier_model::time::Timestamp;

use super::*;
use crate::shell::stand::Stand;

fn tag(stand: &Stand) -> ResourceRef {
    ResourceRef::QueueTag { queue_url: stand.url.clone(), key: LEASE_TAG.to_owned() }
}

fn queue(stand: &Stand) -> ResourceRef {
    ResourceRef::Queue { queue_url: stand.url.clone() }
}

/// A setting of the queue, and what makes it one.
fn parts(stand: &Stand) -> StackParts {
    StackParts {
        mapping: "m".to_owned(),
        worker: lambda::FUNCTION.to_owned(),
        submit: None,
        jobs_url: stand.url.clone(),
    }
}

static QUIET: Progress = Progress::hidden();

async fn at(stand: &Stand) -> (Aws, RunClock, &'static Progress) {
    let (aws, clock) = stand.client().await;
    (aws, clock, &QUIET)
}

const TIMEOUT: Setting = Setting::VisibilityTimeout { seconds: 77 };

/// A run with the lease that is about to change the worker's timeout, on a Lambda that does as it is told.
async fn undo_of_worker(
    stand: &Stand,
    folder: &TempDir,
) -> (Undo<'static>, std::sync::Arc<std::sync::Mutex<lambda::State>>) {
    let (url, state) = lambda::start(stand.emulator.endpoint()).await;
    let (_, clock) = stand.client().await;
    let connection = verifier_aws::Connection {
        region: Some("us-local-1".to_owned()),
        endpoint_url: Some(url),
        access_key_id: clock.client().map(str::to_owned),
        ..verifier_aws::Connection::default()
    };
    let at = (Aws::connect(&connection).await, clock, &QUIET);
    let mut undo = begun(at, stand, folder, "run", &[(worker(), WORKER_TIMEOUT)]).await;
    assert_eq!(undo.claim(&tag(stand), &value("run")).await.unwrap(), None);
    (undo, state)
}

fn worker() -> ResourceRef {
    ResourceRef::Function { function: lambda::FUNCTION.to_owned() }
}

const WORKER_TIMEOUT: Setting = Setting::WorkerTimeout { seconds: 3 };

/// A run that has saved the tag, and these parts with what it changes of them.
async fn undo(
    stand: &Stand,
    folder: &TempDir,
    name: &str,
    parts: &[(ResourceRef, Setting)],
) -> Undo<'static> {
    begun(at(stand).await, stand, folder, name, parts).await
}

async fn begun(
    at: (Aws, RunClock, &'static Progress),
    stand: &Stand,
    folder: &TempDir,
    name: &str,
    parts: &[(ResourceRef, Setting)],
) -> Undo<'static> {
    let named = parts.iter().map(|(part, _)| part.clone());
    let started = Started {
        schema: UNDO_SCHEMA.to_owned(),
        run: name.to_owned(),
        stack: "Stand".to_owned(),
        stack_id: "arn".to_owned(),
        region: "us-local-1".to_owned(),
        endpoint: None,
        parts: [tag(stand)].into_iter().chain(named).collect(),
        at: at.1.now(),
    };
    let mut undo = Undo::begin(at, &folder.path().join(name), started).await.unwrap();
    undo.save(&tag(stand), &[]).await.unwrap();
    for (part, setting) in parts {
        undo.save(part, &[*setting]).await.unwrap();
    }
    undo
}

fn value(run: &str) -> String {
    Lease { run: run.to_owned(), until: Timestamp::from_millis(5) }.value()
}

async fn read_tag(undo: &Undo<'_>, stand: &Stand) -> Option<String> {
    undo.aws.queue_tag(&stand.url, LEASE_TAG).await.unwrap()
}

/// The queue's timeout, as somebody else sets it.
async fn set_timeout(undo: &Undo<'_>, stand: &Stand, seconds: u32) {
    let wanted =
        ResourceConfig::Queue { visibility_timeout_seconds: seconds, redrive_policy: None };
    let fields = BTreeSet::from([Field::VisibilityTimeout]);
    undo.aws.configure(&queue(stand), &wanted, &fields).await.unwrap();
}

fn is_restored(back: &Back) -> bool {
    matches!(back, Back::Restored(others) if others.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_claim_at_once_one_has_it_and_the_other_leaves_it_alone() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let tag = tag(&stand);
    let mut one = undo(&stand, &folder, "one", &[]).await;
    let mut other = undo(&stand, &folder, "other", &[]).await;
    let (ours, theirs) = (value("one"), value("other"));
    let (first, second) = tokio::join!(one.claim(&tag, &ours), other.claim(&tag, &theirs));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!([&first, &second].iter().filter(|taken| taken.is_none()).count(), 1);
    let (loser, winner) = if first.is_some() { (&mut one, &theirs) } else { (&mut other, &ours) };
    assert_eq!(loser.restore_saved(None).await.len(), 0);
    assert_eq!(read_tag(loser, &stand).await.as_ref(), Some(winner));
    let mut late = undo(&stand, &folder, "late", &[]).await;
    assert!(late.claim(&tag, &value("late")).await.unwrap().is_some());
    assert_eq!(read_tag(&late, &stand).await.as_ref(), Some(winner));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_restored_between_the_look_and_the_lease_is_not_taken_for_how_it_was() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    set_timeout(&undo, &stand, 33).await;
    let refused = undo.claim(&tag(&stand), &value("run")).await.unwrap_err();
    assert!(refused.what.contains("another actor changes it"), "{refused}");
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| is_restored(back)), "{backs:?}");
    assert_eq!(read_tag(&undo, &stand).await, None);
    let now = undo.aws.configuration(&queue(&stand)).await.unwrap();
    assert_eq!(now.fields()[&Field::VisibilityTimeout], 33);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_stays_while_something_else_is_not_back() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    assert_eq!(undo.claim(&tag(&stand), &value("run")).await.unwrap(), None);
    undo.change(&parts(&stand), &queue(&stand), &[TIMEOUT]).await.unwrap();
    // The queue is none of this stack's.
    let backs = undo.restore_saved(Some(&[])).await;
    assert!(matches!(backs[..], [(_, Back::Other), (_, Back::Failed(_))]), "{backs:?}");
    assert_eq!(read_tag(&undo, &stand).await, Some(value("run")));
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| is_restored(back)), "{backs:?}");
    assert_eq!(read_tag(&undo, &stand).await, None);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_keeps_nothing_open() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    assert_eq!(undo.claim(&tag(&stand), &value("run")).await.unwrap(), None);
    let part = ResourceRef::Concurrency { function: "gone".to_owned() };
    let before = ResourceConfig::Concurrency { reserved: Some(7) };
    let settings = vec![Setting::SubmitStopped];
    undo.note(UndoEntry::Saved { part: part.clone(), before, settings }).await.unwrap();
    undo.will_tell(&part);
    let backs = undo.restore_saved(Some(&[])).await;
    assert!(matches!(backs[0], (_, Back::Gone)), "{backs:?}");
    assert!(!undo.ledger().open().iter().any(|(open, _)| *open == part));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_sets_is_left_and_its_lease_is_released() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    assert_eq!(undo.claim(&tag(&stand), &value("run")).await.unwrap(), None);
    undo.change(&parts(&stand), &queue(&stand), &[TIMEOUT]).await.unwrap();
    set_timeout(&undo, &stand, 33).await;
    let refused = undo.change(&parts(&stand), &queue(&stand), &[]).await.unwrap_err();
    assert!(refused.what.contains("another actor changes it"), "{refused}");
    let backs = undo.restore_saved(None).await;
    assert!(matches!(backs[0], (_, Back::Contested(_))), "{backs:?}");
    let now = undo.aws.configuration(&queue(&stand)).await.unwrap();
    assert_eq!(now.fields()[&Field::VisibilityTimeout], 33);
    assert_eq!(read_tag(&undo, &stand).await, None);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_as_before_is_told_to_be_so_all_the_same() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let run = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    let before = run.aws.configuration(&queue(&stand)).await.unwrap();
    drop(run);
    // Another process does not know what the first one has told.
    let mut undo = Undo::reopen(at(&stand).await, &folder.path().join("run")).unwrap();
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| is_restored(back)), "{backs:?}");
    assert_eq!(undo.aws.calls().counts()["SQS.SetQueueAttributes"], 1);
    assert_eq!(undo.aws.configuration(&queue(&stand)).await.unwrap(), before);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_told_anything_is_left_alone_by_the_run_itself() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    let backs = undo.restore_saved(None).await;
    assert_eq!(backs.len(), 2);
    let counts = undo.aws.calls().counts();
    assert!(!counts.contains_key("SQS.SetQueueAttributes"), "{counts:?}");
    assert!(!counts.contains_key("SQS.UntagQueue"), "{counts:?}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_lambda_gives_up_is_no_change() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (mut undo, state) = undo_of_worker(&stand, &folder).await;
    state.lock().unwrap().ends = vec!["Failed"];
    let refused = undo.change(&parts(&stand), &worker(), &[WORKER_TIMEOUT]).await.unwrap_err();
    assert!(refused.what.contains("SubnetOutOfIPAddresses: no subnet"), "{refused}");
    // The next one succeeds, and with that it is as it was.
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| is_restored(back)), "{backs:?}");
    assert_eq!(state.lock().unwrap().timeout, 9);
    assert_eq!(read_tag(&undo, &stand).await, None);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lambda_does_not_restored_is_not_back_and_the_tag_stays() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (mut undo, state) = undo_of_worker(&stand, &folder).await;
    undo.change(&parts(&stand), &worker(), &[WORKER_TIMEOUT]).await.unwrap();
    state.lock().unwrap().ends = vec!["Failed"; 20];
    let backs = undo.restore_saved(None).await;
    let [(_, Back::Failed(failure)), (_, Back::Failed(_))] = &backs[..] else {
        panic!("{backs:?}")
    };
    assert!(failure.what.contains("no subnet"), "{failure}");
    assert_eq!(read_tag(&undo, &stand).await, Some(value("run")));
    state.lock().unwrap().ends.clear();
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| is_restored(back)), "{backs:?}");
    assert_eq!(state.lock().unwrap().timeout, 9);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_never_ends_is_given_up_and_does_not_count_as_back() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (mut undo, state) = undo_of_worker(&stand, &folder).await;
    state.lock().unwrap().ends = vec!["InProgress"];
    let began_at = undo.clock.now();
    let refused = undo.change(&parts(&stand), &worker(), &[WORKER_TIMEOUT]).await.unwrap_err();
    assert!(refused.what.contains("still in progress"), "{refused}");
    let backs = undo.restore_saved(None).await;
    assert!(matches!(backs[0], (_, Back::Failed(_))), "{backs:?}");
    // Once each, and not again and again.
    assert!(undo.clock.now().since(began_at).as_secs() < 700);
    assert_eq!(read_tag(&undo, &stand).await, Some(value("run")));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_it_waits_for_no_change() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (mut undo, state) = undo_of_worker(&stand, &folder).await;
    state.lock().unwrap().ends = vec!["InProgress"];
    let stop = CancellationToken::new();
    undo.stop_by(stop.clone());
    stop.cancel();
    let refused = undo.change(&parts(&stand), &worker(), &[WORKER_TIMEOUT]).await.unwrap_err();
    assert!(refused.what.contains("it was interrupted"), "{refused}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_last_update_failed_is_not_broken_further() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (mut undo, state) = undo_of_worker(&stand, &folder).await;
    state.lock().unwrap().status = "Failed";
    let refused = undo.save(&worker(), &[WORKER_TIMEOUT]).await.unwrap_err();
    assert!(refused.what.contains("no subnet"), "{refused}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_lease_a_run_changes_nothing_more_and_restores_what_it_has() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    for other in [None, Some("vrf-9-9 until 99999999999999")] {
        let folder = folder.path().join(other.unwrap_or("none"));
        std::fs::create_dir(&folder).unwrap();
        let folder = tempfile::tempdir_in(folder).unwrap();
        let mut undo = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
        assert_eq!(undo.claim(&tag(&stand), &value("run")).await.unwrap(), None);
        undo.change(&parts(&stand), &queue(&stand), &[TIMEOUT]).await.unwrap();
        let theirs = ResourceConfig::QueueTag { value: other.map(str::to_owned) };
        let fields = theirs.fields().into_keys().collect();
        undo.aws.configure(&tag(&stand), &theirs, &fields).await.unwrap();
        let changes = undo.aws.calls().counts()["SQS.SetQueueAttributes"];
        let refused = undo.change(&parts(&stand), &queue(&stand), &[]).await.unwrap_err();
        assert!(refused.what.contains("the experiment lock of run was lost"), "{refused}");
        assert_eq!(undo.aws.calls().counts()["SQS.SetQueueAttributes"], changes);
        undo.restore_saved(None).await;
        let now = undo.aws.configuration(&queue(&stand)).await.unwrap();
        assert_ne!(now.fields()[&Field::VisibilityTimeout], 77);
        // What is another run's is left to it.
        assert_eq!(read_tag(&undo, &stand).await.as_deref(), other);
        let none = ResourceConfig::QueueTag { value: None };
        let fields = none.fields().into_keys().collect();
        undo.aws.configure(&tag(&stand), &none, &fields).await.unwrap();
    }
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_late_puts_nothing_back() {
    let (stand, folder) = (Stand::start().await, tempfile::tempdir().unwrap());
    let mut run = undo(&stand, &folder, "run", &[(queue(&stand), TIMEOUT)]).await;
    assert_eq!(run.claim(&tag(&stand), &value("run")).await.unwrap(), None);
    run.change(&parts(&stand), &queue(&stand), &[TIMEOUT]).await.unwrap();
    drop(run);
    let mut undo = Undo::reopen(at(&stand).await, &folder.path().join("run")).unwrap();
    undo.hold_lease();
    // Another rollback has restore all meanwhile, and another run sets the same.
    let theirs = ResourceConfig::QueueTag { value: Some("vrf-9-9 until 9".to_owned()) };
    let fields = theirs.fields().into_keys().collect();
    undo.aws.configure(&tag(&stand), &theirs, &fields).await.unwrap();
    let backs = undo.restore_saved(None).await;
    assert!(backs.iter().all(|(_, back)| matches!(back, Back::Failed(_))), "{backs:?}");
    let now = undo.aws.configuration(&queue(&stand)).await.unwrap();
    assert_eq!(now.fields()[&Field::VisibilityTimeout], 77);
    stand.emulator.shut_down().await;
}
