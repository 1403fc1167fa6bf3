//! At the terminal: the question stays there, and is answered by y, n and Ctrl-C.

use verifier_testkit::run;

use crate::support::Terminal;
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
    for (typed, code, sent) in [("n\n", 0, 0), ("y\n", 0, 12), ("\u{3}", 130, 0), ("\u{4}", 0, 0)] {
        let world = World::start();
        world.fill("dead", 12);
        let mut terminal = asked(&world);
        let_it_draw(&world);
        let shown = terminal.shown();
        assert!(shown.ends_with(QUESTION), "something was drawn behind it: {shown:?}");
        terminal.type_in(typed);
        let (exit, printed) = terminal.end();
        assert_eq!(exit, Some(code), "{typed:?}: {printed}");
        assert_eq!(world.bodies("target").values().sum::<usize>(), sent, "{typed:?}");
        let there = world.queue("dead").number("ApproximateNumberOfMessages");
        assert_eq!(there, Some(12 - sent as u64), "{typed:?}");
    }
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
