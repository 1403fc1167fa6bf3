//! Why a message failed, by the invocations that held it, or that may have held it.
//!
//! A line that names the message says so. Without one there is the time alone: a message that was received is handed to an
//! invocation soon. That forces a conclusion only where each invocation of that time which can have held the message failed,
//! all of them for one reason, and none can be missing in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::{Cause, Delivery, shape};

/// How much before a message was received the invocation may seem to begin that holds it: clocks differ.
const BEGINS_BEFORE: Duration = Duration::from_secs(2);
/// How long after it that begins at most, besides the batching window: an environment may have to start first, for which it has
/// ten seconds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
const BEGINS_AFTER: Duration = Duration::from_secs(12);

/// What is known of how an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All of its batch failed, for this reason where one is told.
    Failed(Option<String>),
    /// The function answered. With partial batch responses, messages may have failed all the same.
    Succeeded,
    /// The log does not say.
    Unknown,
}

/// An invocation that began at a known time.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// When.
    pub(super) at: Timestamp,
    /// Whether Lambda's line of its start is in the log. A log that has those lines has one for each invocation.
    pub(super) has_start: bool,
    /// How it ended.
    pub(super) ended: Ended,
    /// The messages that its lines name: those that are asked about by their ids, others by what names them.
    pub(super) names: BTreeSet<String>,
    /// The queues that those came from, as far as it is known. A batch is of one queue.
    pub(super) sources: BTreeSet<String>,
}

/// A message that a function has received, and that is dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed<'a> {
    pub(super) id: &'a str,
    /// The queue that it came from, where it says so.
    pub(super) source: Option<&'a str>,
    /// When it was received first.
    pub(super) at: Timestamp,
    /// How the function got it.
    pub(super) delivery: Delivery,
}

/// Why invocations failed.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The reason of the last one that held a message.
    by_message: BTreeMap<String, String>,
    /// The reason of the last one that mentions a message, and is not known to have held another.
    by_mention: BTreeMap<String, String>,
    /// All invocations, in the order in which they began.
    begun: Vec<Begun>,
}

impl Failures {
    /// By the reasons of messages that lines name, and by all invocations of which it is known when they began.
    pub(super) fn new(by_message: BTreeMap<String, String>, mut begun: Vec<Begun>) -> Self {
        begun.sort_by_key(|begun| begun.at);
        Self { by_message, by_mention: BTreeMap::new(), begun }
    }

    /// The same with the reasons of messages that invocations mention alone.
    pub(super) fn mentioning(self, by_mention: BTreeMap<String, String>) -> Self {
        Self { by_mention, ..self }
    }

    /// Why a message failed, because an invocation failed that held it: the last one of those.
    pub(super) fn told(&self, id: &str) -> Option<&str> {
        self.by_message.get(id).map(String::as_str)
    }

    /// Why a message may have failed, because an invocation failed that mentions it and no other.
    pub(super) fn mentioned(&self, id: &str) -> Option<&str> {
        self.by_mention.get(id).map(String::as_str)
    }

    /// What the invocations that began when a message was received first tell of it, though none of their lines names it.
    pub(super) fn by_time(&self, handed: Handed<'_>) -> Cause {
        let handed = Handed { delivery: handed.delivery.at(handed.at), ..handed };
        let until = handed.at + BEGINS_AFTER + handed.delivery.batching_window;
        let from = self.begun.partition_point(|begun| begun.at < handed.at - BEGINS_BEFORE);
        let rest = self.begun.get(from..).unwrap_or_default();
        let then = rest.iter().take_while(|begun| begun.at <= until);
        let mut reasons = BTreeMap::<String, &str>::new();
        let mut may_be_another = false;
        for begun in then.filter(|begun| begun.may_hold(handed)) {
            match &begun.ended {
                Ended::Failed(Some(reason)) => {
                    reasons.entry(shape(reason)).or_insert(reason);
                    // Where Lambda does not write starts, others may have begun and left no line.
                    may_be_another |= !begun.has_start;
                }
                Ended::Failed(None) | Ended::Succeeded | Ended::Unknown => may_be_another = true,
            }
        }
        let only = (reasons.len() == 1 && !may_be_another).then(|| reasons.values().next());
        match only.flatten() {
            Some(reason) => Cause::Inferred((*reason).to_owned()),
            None if reasons.is_empty() => Cause::Unknown,
            None => Cause::OneOf { reasons: reasons.into_keys().collect(), may_be_another },
        }
    }
}

impl Begun {
    /// Whether it can have held a message that is dead, and that none of its lines names.
    fn may_hold(&self, handed: Handed<'_>) -> bool {
        let Handed { id, source, delivery, .. } = handed;
        let is_deleted = self.ended == Ended::Succeeded && !delivery.partial_responses;
        let others = self.names.iter().filter(|name| *name != id).count();
        let is_full = delivery
            .batch_size
            .and_then(|size| usize::try_from(size).ok())
            .is_some_and(|size| others >= size);
        let is_of_another =
            source.is_some_and(|source| self.sources.iter().any(|other| other != source));
        !is_deleted && !is_full && !is_of_another
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Delivery = Delivery {
        partial_responses: false,
        batch_size: Some(10),
        batching_window: Duration::ZERO,
        since: None,
    };
    const PARTIAL: Delivery = Delivery { partial_responses: true, ..PLAIN };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn begun(seconds: u64, ended: Ended, names: &[&str]) -> Begun {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Begun { at: at(seconds), has_start: true, ended, names, sources: BTreeSet::new() }
    }

    fn failed(reason: &str) -> Ended {
        Ended::Failed(Some(reason.to_owned()))
    }

    fn of(begun: &[Begun], delivery: Delivery) -> Cause {
        let handed = Handed { id: "m-1", source: Some("a"), at: at(100), delivery };
        Failures::new(BTreeMap::new(), begun.to_vec()).by_time(handed)
    }

    fn inferred(reason: &str) -> Cause {
        Cause::Inferred(reason.to_owned())
    }

    fn one_of(reasons: &[&str], may_be_another: bool) -> Cause {
        let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        Cause::OneOf { reasons, may_be_another }
    }

    #[test]
    fn where_all_of_that_time_failed_for_one_reason_it_is_inferred() {
        let all = [
            begun(99, failed("slow after 9 s"), &["m-2"]),
            begun(105, failed("slow after 8 s"), &[]),
        ];
        for delivery in [PLAIN, PARTIAL] {
            assert_eq!(of(&all, delivery), inferred("slow after 9 s"));
        }
        // Those of another time say nothing.
        assert_eq!(of(&[begun(97, failed("slow"), &[])], PLAIN), Cause::Unknown);
        assert_eq!(of(&[begun(113, failed("slow"), &[])], PLAIN), Cause::Unknown);
        // A batch is gathered for as long as its window lasts.
        let gathered = Delivery { batching_window: Duration::from_secs(5), ..PLAIN };
        assert_eq!(of(&[begun(113, failed("slow"), &[])], gathered), inferred("slow"));
        let mixed = [begun(101, failed("slow"), &[]), begun(116, failed("full"), &[])];
        assert_eq!(of(&mixed, PLAIN), inferred("slow"));
        assert_eq!(of(&mixed, gathered), one_of(&["full", "slow"], false));
    }

    #[test]
    fn an_invocation_that_succeeded_may_have_failed_it_where_responses_may_be_partial() {
        let all = [begun(100, failed("slow"), &["m-2"]), begun(101, Ended::Succeeded, &[])];
        assert_eq!(of(&all, PARTIAL), one_of(&["slow"], true));
        // Without them its batch was deleted.
        assert_eq!(of(&all, PLAIN), inferred("slow"));
        // Before the mapping's last change they may have been.
        let since = Some(at(101));
        assert_eq!(of(&all, Delivery { since, ..PLAIN }), one_of(&["slow"], true));
        assert_eq!(of(&all, Delivery { since: Some(at(100)), ..PLAIN }), inferred("slow"));
    }

    #[test]
    fn one_whose_end_or_reason_is_not_told_may_have_failed_it_for_another_reason() {
        for ended in [Ended::Unknown, Ended::Failed(None)] {
            let all = [begun(100, failed("slow"), &[]), begun(101, ended.clone(), &[])];
            assert_eq!(of(&all, PLAIN), one_of(&["slow"], true), "{ended:?}");
            assert_eq!(of(&[begun(101, ended, &[])], PLAIN), Cause::Unknown);
        }
        // Nor is it known that it was one of these, where Lambda writes no starts.
        let alone = Begun { has_start: false, ..begun(100, failed("slow"), &[]) };
        assert_eq!(of(&[alone], PLAIN), one_of(&["slow"], true));
    }

    #[test]
    fn a_batch_that_is_full_of_others_did_not_hold_it() {
        let single = Delivery { batch_size: Some(1), ..PLAIN };
        let others = [begun(100, failed("slow"), &["m-2"]), begun(101, failed("full"), &["m-3"])];
        assert_eq!(of(&others, single), Cause::Unknown);
        assert_eq!(
            of(&others, Delivery { batch_size: Some(2), ..PLAIN }),
            one_of(&["full", "slow"], false)
        );
        assert_eq!(
            of(&others, Delivery { batch_size: None, ..PLAIN }),
            one_of(&["full", "slow"], false)
        );
        let one_left = [begun(100, failed("slow"), &[]), begun(101, failed("full"), &["m-3"])];
        assert_eq!(of(&one_left, single), inferred("slow"));
        let partial = Delivery { batch_size: Some(1), ..PARTIAL };
        let other_done = [begun(100, failed("slow"), &[]), begun(101, Ended::Succeeded, &["m-3"])];
        assert_eq!(of(&other_done, partial), inferred("slow"));
    }

    #[test]
    fn a_batch_with_a_message_of_another_queue_did_not_hold_it() {
        let of_queue =
            |name: &str, begun: Begun| Begun { sources: [name.to_owned()].into(), ..begun };
        let own = begun(100, failed("slow"), &[]);
        let done = begun(101, Ended::Succeeded, &["m-2"]);
        let all = [own.clone(), of_queue("b", done.clone())];
        assert_eq!(of(&all, PARTIAL), inferred("slow"));
        let all = [own, of_queue("a", done)];
        assert_eq!(of(&all, PARTIAL), one_of(&["slow"], true));
    }

    fn endings() -> impl Strategy<Value = Ended> {
        prop_oneof![
            Just(failed("slow")),
            Just(failed("full")),
            Just(Ended::Failed(None)),
            Just(Ended::Succeeded),
            Just(Ended::Unknown),
        ]
    }

    proptest! {
        /// Whatever invocation held the message: a reason that is inferred is that one's.
        #[test]
        fn what_is_inferred_is_the_reason_of_whichever_invocation_held_it(
            others in prop::collection::vec((95_u64..120, endings(), 0_usize..3), 0..6),
            own in endings(),
            own_at in 98_u64..=112,
            beside in 0_usize..3,
            partial_responses in any::<bool>(),
            batch_size in 1_u32..4,
        ) {
            let delivery = Delivery { partial_responses, batch_size: Some(batch_size), ..PLAIN };
            let names = |from: usize, count: usize| -> Vec<String> {
                (from..from + count.min(batch_size as usize)).map(|number| format!("other-{number}")).collect()
            };
            let one = |at, ended: &Ended, names: &[String]| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                begun(at, ended.clone(), &names)
            };
            // One that succeeds without partial responses deletes what it holds, and the message is dead.
            prop_assume!(partial_responses || own != Ended::Succeeded);
            let mut all: Vec<Begun> =
                others.iter().map(|(at, ended, count)| one(*at, ended, &names(0, *count))).collect();
            // It holds the message, which it does not name, beside those that it names.
            all.push(one(own_at, &own, &names(10, beside.min(batch_size as usize - 1))));
            match of(&all, delivery) {
                Cause::Inferred(reason) => prop_assert_eq!(Ended::Failed(Some(reason)), own),
                Cause::OneOf { reasons, may_be_another: false } => {
                    let Ended::Failed(Some(reason)) = own else {
                        return Err(TestCaseError::fail("it failed for no reason that is told"));
                    };
                    prop_assert!(reasons.contains(&reason));
                }
                Cause::OneOf { .. } | Cause::Unknown | Cause::Told(_) => {}
            }
        }
    }
}
