//! At the terminal: the question stays there, and is answered by y, n and Ctrl-C.

use serde_json::Value;
use verifier_testkit::run;

use crate::support::{Terminal, assert_valid};
use crate::world::World;

const QUESTION: &str = "Send 12 messages of dead (account 000000000000, us-local-1) to target (account 000000000000, us-local-1)? [y/N] ";

fn asked(world: &World) -> Terminal {
    let mut command = world.verifier();
    command.args(["--dlq", "dead", "--to", "target", "--no-canary"]);
    let terminal = Terminal::start(&command);
    terminal.wait_for(QUESTION);
    terminal
}

/// Lets more time pass than the progress needs to draw itself again, by running commands.
fn let_it_draw(world: &World) {
    for _ in 0..5 {
        let mut command = world.verifier_with(&["dlq", "watch", "--dlq", "target", "--for", "1s"]);
        assert!(run(&mut command).status.success());
    }
}

#[test]
fn a_question_is_not_erased_and_is_answered() {
    for (typed, code, sent) in [("n\n", 4, 0), ("y\n", 0, 12), ("\u{3}", 130, 0), ("\u{4}", 4, 0)] {
        let world = World::start();
        world.fill("dead", 12);
        let mut terminal = asked(&world);
        let_it_draw(&world);
        let shown = terminal.shown();
        assert!(shown.ends_with(QUESTION), "something was drawn behind it: {shown:?}");
        terminal.type_in(typed);
        let (exit, printed) = terminal.end();
        assert_eq!(exit, Some(code), "{typed:?}: {printed}");
        if sent == 0 {
            // The plan's document, then what came of it.
            let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
            let last = documents.last().expect("a document").expect("JSON");
            assert_valid("redrive.1", &last);
            assert!(last["journal"].is_null() && last["accounting"]["left"] == 12, "{last:#}");
        }
        assert_eq!(world.bodies("target").values().sum::<usize>(), sent, "{typed:?}");
        let there = world.queue("dead").number("ApproximateNumberOfMessages");
        assert_eq!(there, Some(12 - sent as u64), "{typed:?}");
    }
}

#[test]
fn a_plan_is_carried_out_only_when_that_is_confirmed() {
    let world = World::start();
    world.fill("dead", 12);
    let mut plan = world.verifier();
    plan.args(["--dlq", "dead", "--to", "target", "--no-canary", "--plan-only", "plan.json"]);
    assert_eq!(World::end(&mut plan).code, Some(0));
    let execute = ["--execute", "plan.json", "--to", "target", "--journal", "j.jsonl"];
    let refused = World::end(world.verifier().args(execute));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("pass --yes"), "{}", refused.stderr);
    let mut command = world.verifier();
    let mut terminal = Terminal::start(command.args(execute));
    terminal.wait_for(QUESTION);
    terminal.type_in("n\n");
    assert_eq!(terminal.end().0, Some(4));
    assert_eq!(world.queue("dead").number("ApproximateNumberOfMessages"), Some(12));
    let done = World::end(world.verifier().args(execute).arg("--yes"));
    done.assert(0, &[("replayed", 12), ("unknown", 12)]);
}

#[test]
fn a_queue_that_has_another_dead_letter_queue_is_remarked_on() {
    let world = World::start();
    let listed = World::end(
        &mut world.verifier_with(&["dlq", "list", "--dlq", "dead", "--queue", "target"]),
    );
    assert!(
        listed.stderr.contains("does not have arn:aws:sqs:us-local-1:000000000000:dead for"),
        "{}",
        listed.stderr
    );
    let listed = World::end(
        &mut world.verifier_with(&["dlq", "list", "--dlq", "dead", "--queue", "source"]),
    );
    assert!(!listed.stderr.contains("does not have"), "{}", listed.stderr);
}

#[test]
fn ctrl_c_at_the_question_of_a_purge_deletes_nothing() {
    let world = World::start();
    world.fill("dead", 12);
    let command = world.verifier_with(&["dlq", "purge", "--dlq", "dead", "--backup", "b.jsonl"]);
    let mut terminal = Terminal::start(&command);
    terminal.wait_for("Type the queue's name");
    assert!(terminal.shown().contains("dead (account 000000000000, us-local-1) holds about 12"));
    terminal.type_in("\u{3}");
    assert_eq!(terminal.end().0, Some(130));
    assert_eq!(world.bodies("dead").len(), 12);
}
