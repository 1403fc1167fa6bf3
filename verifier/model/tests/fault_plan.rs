//! Which rule decides about what.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

use proptest::prelude::*;
use verifier_model::faults::{
    Caller, Commit, CountBy, Fault, FaultPlan, FaultRule, FaultRules, Happening, Nth, Stage,
};

fn plan(rules: Vec<FaultRule>) -> FaultPlan {
    FaultPlan::new(FaultRules { seed: 7, rules }).unwrap()
}

fn receive<'a>(queue: &'a str, message_id: &'a str) -> Happening<'a> {
    Happening::new("ReceiveMessage", Caller::Client)
        .on_queue(queue)
        .with_message(message_id, "a body")
}

fn deliveries(plan: &mut FaultPlan, messages: &[&str]) -> Vec<Option<Fault>> {
    let decide = |id: &&str| plan.decide(Stage::Delivery, &receive("jobs", id), 0);
    messages.iter().map(decide).collect()
}

#[test]
fn the_first_rule_that_matches_decides() {
    let on_dead = FaultRule { queue: Some("dead".to_owned()), ..FaultRule::always(Fault::Reorder) };
    let mut plan = plan(vec![
        on_dead,
        FaultRule::always(Fault::EarlyMove),
        FaultRule::always(Fault::LateMove),
    ]);
    let at = |plan: &mut FaultPlan, queue| plan.decide(Stage::Delivery, &receive(queue, "m"), 0);
    assert_eq!(at(&mut plan, "jobs"), Some(Fault::EarlyMove));
    assert_eq!(at(&mut plan, "dead"), Some(Fault::Reorder));
    let report = plan.report();
    assert_eq!(report.iter().map(|rule| rule.struck).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(report[2].matched, 0, "what was struck is not seen by those behind");
}

#[test]
fn each_boundary_has_a_decision_of_its_own() {
    let disconnect = Fault::Disconnect { commit: Commit::After };
    let mut plan =
        plan(vec![FaultRule::always(disconnect.clone()), FaultRule::always(Fault::Reorder)]);
    let happening = receive("jobs", "m");
    assert_eq!(plan.decide(Stage::Transport, &happening, 0), Some(disconnect));
    assert_eq!(plan.decide(Stage::Delivery, &happening, 0), Some(Fault::Reorder));
    assert_eq!(plan.decide(Stage::Delete, &happening, 0), None);
}

#[test]
fn a_fault_strikes_at_its_own_operations_only() {
    let mut plan = plan(vec![FaultRule::always(Fault::DelayedDelivery { milliseconds: 5 })]);
    let send = Happening::new("SendMessage", Caller::Function).on_queue("jobs");
    assert!(plan.decide(Stage::Send, &send, 0).is_some());
    let other = Happening::new("SetQueueAttributes", Caller::Function).on_queue("jobs");
    assert_eq!(plan.decide(Stage::Send, &other, 0), None);
}

#[test]
fn nth_counts_what_matches_over_all_or_by_message() {
    let second = |count_by| FaultRule {
        nth: Some(Nth::Only(2)),
        count_by,
        ..FaultRule::always(Fault::Reorder)
    };
    let struck = |count_by| {
        let decided = deliveries(&mut plan(vec![second(count_by)]), &["a", "b", "a", "b", "a"]);
        decided.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    assert_eq!(struck(CountBy::Rule), [false, true, false, false, false]);
    assert_eq!(struck(CountBy::Message), [false, false, true, true, false]);
}

#[test]
fn a_window_has_a_beginning_and_an_end() {
    let rule = FaultRule {
        from_milliseconds: Some(10),
        until_milliseconds: Some(20),
        ..FaultRule::always(Fault::Reorder)
    };
    let mut plan = plan(vec![rule]);
    let mut at = |elapsed| plan.decide(Stage::Delivery, &receive("jobs", "m"), elapsed).is_some();
    assert_eq!([9, 10, 19, 20].map(&mut at), [false, true, true, false]);
}

#[test]
fn a_rule_can_look_for_caller_function_and_text() {
    let rule = FaultRule {
        caller: Some(Caller::Mapping),
        function: Some("work*".to_owned()),
        contains: Some("poison".to_owned()),
        ..FaultRule::always(Fault::Throttle)
    };
    let mut plan = plan(vec![rule]);
    let invoke = Happening::new("Invoke", Caller::Mapping).of_function("worker");
    let mut decides =
        |happening: Happening<'_>| plan.decide(Stage::Invocation, &happening, 0).is_some();
    assert!(decides(invoke.with_text("a poison job")));
    assert!(!decides(invoke.with_text("a good job")));
    assert!(!decides(invoke));
    assert!(!decides(Happening { caller: Caller::Client, ..invoke.with_text("a poison job") }));
    assert!(!decides(invoke.with_text("poison").of_function("hello")));
}

fn chance(probability: f64) -> FaultRule {
    FaultRule { probability, ..FaultRule::always(Fault::Reorder) }
}

proptest! {
    #[test]
    fn equal_plans_decide_alike(seed: u64, probability in 0.0..=1.0_f64, length in 1..200_usize) {
        let plan = || FaultPlan::new(FaultRules { seed, rules: vec![chance(probability)] }).unwrap();
        let messages = vec!["m"; length];
        prop_assert_eq!(deliveries(&mut plan(), &messages), deliveries(&mut plan(), &messages));
    }

    #[test]
    fn a_rules_chance_does_not_depend_on_other_rules(seed: u64, length in 1..200_usize) {
        // The other rule is about another queue, so it never decides; were the chance shared, it would shift it.
        let other = FaultRule { queue: Some("other".to_owned()), ..chance(0.5) };
        let alone = FaultRules { seed, rules: vec![FaultRule { probability: 0.0, ..chance(0.0) }, chance(0.5)] };
        let with_other = FaultRules { seed, rules: vec![other, chance(0.5)] };
        let messages = vec!["m"; length];
        let decided = deliveries(&mut FaultPlan::new(alone).unwrap(), &messages);
        prop_assert_eq!(decided, deliveries(&mut FaultPlan::new(with_other).unwrap(), &messages));
    }

    #[test]
    fn chance_is_about_as_probable_as_it_says(seed: u64, probability in 0.0..=1.0_f64) {
        let mut plan = FaultPlan::new(FaultRules { seed, rules: vec![chance(probability)] }).unwrap();
        let struck = deliveries(&mut plan, &vec!["m"; 2_000]).into_iter().flatten().count();
        // Six standard deviations.
        let expected = 2_000.0 * probability;
        let tolerance = 6.0 * (expected * (1.0 - probability)).sqrt() + 1.0;
        #[allow(clippy::cast_precision_loss, reason = "it is at most 2,000")]
        let difference = (struck as f64 - expected).abs();
        prop_assert!(difference <= tolerance, "{struck} of 2000 at {probability}");
    }
}
