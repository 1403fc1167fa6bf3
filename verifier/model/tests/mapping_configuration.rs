//! Creating, changing and deleting event source mappings: recordings of AWS, and what they leave out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod comparison;

use comparison::{Comparison, recording};
use serde_json::{Value, json};
use verifier_model::event_source_mapping::{
    Ends, EventSourceMappings, Home, Mapping, MappingChanges, MappingError, MappingState,
    TRANSITION, describe_mapping,
};
use verifier_model::time::Timestamp;

const HOME: Home<'static> = Home { region: "eu-central-1", account_id: "000000000000" };
const QUEUE: &str = "arn:aws:sqs:eu-central-1:000000000000:jobs";
const UUID: &str = "6f1c6a0e-0000-4000-8000-000000000001";

struct Lambda {
    mappings: EventSourceMappings,
    now: Timestamp,
    recorded: Value,
    comparison: Comparison,
}

fn lambda(case: &str) -> Lambda {
    let recordings = recording(include_str!("recordings/mapping_configuration.json"));
    Lambda {
        mappings: EventSourceMappings::default(),
        now: Timestamp::from_millis(1_700_000_000_000),
        recorded: recordings[case].clone(),
        comparison: Comparison::default(),
    }
}

fn ends() -> Ends {
    Ends {
        function_arn: HOME.lambda_arn("function:worker"),
        visibility_timeout_seconds: Some(30),
        function_timeout_seconds: Some(3),
    }
}

fn to_worker() -> MappingChanges {
    MappingChanges { function: Some("worker".to_owned()), ..MappingChanges::default() }
}

impl Lambda {
    fn create(&mut self, uuid: &str, changes: &MappingChanges) -> Result<Mapping, MappingError> {
        self.mappings.create(uuid, QUEUE, changes, &ends(), self.now)
    }

    fn update(&mut self, changes: &MappingChanges) -> Result<Mapping, MappingError> {
        self.mappings.update(UUID, changes, &ends(), self.now)
    }

    fn state(&self) -> MappingState {
        self.mappings.get(UUID, self.now).unwrap().state(self.now)
    }

    fn settle(&mut self) {
        self.now = self.now + TRANSITION;
    }

    fn check(&mut self, recorded: &str, mapping: &Mapping) {
        let mut ours = describe_mapping(mapping, HOME, self.now);
        // Its date was recorded as a placeholder for text; in the protocol it is a number.
        assert!(ours["LastModified"].is_u64());
        ours["LastModified"] = "a date".into();
        self.comparison.check(&self.recorded[recorded].clone(), &ours, recorded);
    }

    fn check_error(&mut self, recorded: &str, error: &MappingError) {
        let ours =
            json!({"code": error.code(), "message": error.to_string(), "status": error.status()});
        self.comparison.check(&self.recorded[recorded].clone(), &ours, recorded);
    }
}

#[test]
fn a_mapping_is_created_with_the_recorded_defaults_and_refuses_large_batches_without_a_window() {
    let mut lambda = lambda("default_batch_size");
    let created = lambda.create(UUID, &to_worker()).unwrap();
    lambda.check("create", &created);
    lambda.settle();
    let large = MappingChanges { batch_size: Some(15), ..to_worker() };
    let refused = lambda.create("another", &large).unwrap_err();
    lambda.check_error("invalid_create", &refused);
    let refused = lambda.update(&large).unwrap_err();
    lambda.check_error("invalid_update", &refused);
    assert_eq!(lambda.mappings.get(UUID, lambda.now).unwrap().configuration.batch_size, 10);
}

#[test]
fn a_queue_has_one_mapping_to_a_function() {
    let mut lambda = lambda("duplicate");
    let created = lambda.create(UUID, &to_worker()).unwrap();
    lambda.check("create", &created);
    let refused = lambda.create("another", &to_worker()).unwrap_err();
    lambda.check_error("error", &refused);
    let other = MappingChanges { function: Some("other".to_owned()), ..MappingChanges::default() };
    assert!(lambda.create("another", &other).is_ok());
    // Nor can a change make two of the same.
    lambda.settle();
    let refused = lambda.update(&other).unwrap_err();
    assert_eq!(refused.code(), "ResourceConflictException");
}

#[test]
fn a_queue_and_a_function_must_exist() {
    let mut lambda = lambda("no_such_queue");
    let no_queue = Ends { visibility_timeout_seconds: None, ..ends() };
    let refused =
        lambda.mappings.create(UUID, QUEUE, &to_worker(), &no_queue, lambda.now).unwrap_err();
    lambda.check_error("error", &refused);
    let no_function = Ends { function_timeout_seconds: None, ..ends() };
    let refused =
        lambda.mappings.create(UUID, QUEUE, &to_worker(), &no_function, lambda.now).unwrap_err();
    assert_eq!((refused.code(), refused.status()), ("ResourceNotFoundException", 404));
    assert_eq!(lambda.mappings.list(lambda.now).count(), 0);
}

#[test]
fn a_function_may_not_take_longer_than_its_messages_stay_invisible() {
    let mut lambda = lambda("no_such_queue");
    let too_slow = Ends { function_timeout_seconds: Some(31), ..ends() };
    let refused =
        lambda.mappings.create(UUID, QUEUE, &to_worker(), &too_slow, lambda.now).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"
    );
    let equal = Ends { function_timeout_seconds: Some(30), ..ends() };
    assert!(lambda.mappings.create(UUID, QUEUE, &to_worker(), &equal, lambda.now).is_ok());
}

#[test]
fn an_update_passes_through_updating() {
    let mut lambda = lambda("update");
    let one_second = MappingChanges { maximum_batching_window_seconds: Some(1), ..to_worker() };
    let created = lambda.create(UUID, &one_second).unwrap();
    lambda.check("create", &created);
    lambda.settle();
    let other = MappingChanges { function: Some("other".to_owned()), ..MappingChanges::default() };
    let updated = lambda.update(&other).unwrap();
    lambda.check("updated", &updated);
    assert!(lambda.state().polls());
    lambda.settle();
    let settled = lambda.mappings.get(UUID, lambda.now).unwrap().clone();
    lambda.check("settled", &settled);
}

#[test]
fn a_mapping_that_was_created_switched_off_can_be_switched_on() {
    let mut lambda = lambda("disabled");
    let off = MappingChanges { batch_size: Some(1), enabled: Some(false), ..to_worker() };
    let created = lambda.create(UUID, &off).unwrap();
    lambda.check("create", &created);
    let on = MappingChanges { enabled: Some(true), ..MappingChanges::default() };
    let enabling = lambda.update(&on).unwrap();
    lambda.check("enabling", &enabling);
    assert!(!lambda.state().polls());
    lambda.settle();
    let enabled = lambda.mappings.get(UUID, lambda.now).unwrap().clone();
    lambda.check("enabled", &enabled);
    assert!(lambda.state().polls());
}

#[test]
fn between_two_states_a_mapping_is_in_use() {
    let mut lambda = lambda("disabled");
    lambda.create(UUID, &to_worker()).unwrap();
    assert_eq!(lambda.state(), MappingState::Creating);
    let off = MappingChanges { enabled: Some(false), ..MappingChanges::default() };
    assert_eq!(lambda.update(&off).unwrap_err().code(), "ResourceInUseException");
    assert_eq!(
        lambda.mappings.delete(UUID, lambda.now).unwrap_err().to_string(),
        "Cannot delete the event source mapping because it is in use."
    );
    lambda.settle();
    lambda.update(&off).unwrap();
    assert_eq!(lambda.state(), MappingState::Disabling);
    lambda.settle();
    assert_eq!(lambda.state(), MappingState::Disabled);
}

#[test]
fn a_deleted_mapping_is_seen_for_a_while_and_does_not_poll() {
    let mut lambda = lambda("disabled");
    lambda.create(UUID, &to_worker()).unwrap();
    lambda.settle();
    let deleted = lambda.mappings.delete(UUID, lambda.now).unwrap();
    assert_eq!(deleted.state(lambda.now), MappingState::Deleting);
    assert!(!lambda.state().polls());
    lambda.settle();
    assert_eq!(lambda.mappings.get(UUID, lambda.now), Err(MappingError::ResourceNotFound));
    assert_eq!(lambda.mappings.list(lambda.now).count(), 0);
    // Its place is free again.
    assert!(lambda.create("another", &to_worker()).is_ok());
}

#[test]
fn the_place_of_a_deleted_mapping_is_free_for_one_that_is_changed() {
    let mut lambda = lambda("disabled");
    let to_other = MappingChanges { function: Some("other".to_owned()), ..to_worker() };
    lambda.create("another", &to_worker()).unwrap();
    lambda.create(UUID, &to_other).unwrap();
    lambda.settle();
    assert!(matches!(lambda.update(&to_worker()), Err(MappingError::ResourceConflict { .. })));
    lambda.mappings.delete("another", lambda.now).unwrap();
    lambda.settle();
    assert!(lambda.update(&to_worker()).is_ok());
}
