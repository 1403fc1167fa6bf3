//! Whose log tells of a message: that of the functions which read the queue that it came from.
//!
//! Several queues may share a dead-letter queue. What the function of one does says nothing of messages of another.

use std::collections::{BTreeMap, BTreeSet};

use super::{DeadLetter, Delivery};

/// A function that reads a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its ARN.
    pub function: String,
    /// Where its output goes.
    pub log_group: String,
    /// How it gets messages.
    pub delivery: Delivery,
}

/// The functions that read the queues which share a dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumers {
    /// By the ARN of the queue. Those of a queue that is absent are not known.
    pub by_source: BTreeMap<String, Vec<Consumer>>,
    /// Whether several queues share the dead-letter queue, or may do so.
    pub may_be_shared: bool,
    /// The log group that the user has named. Then no other is read.
    pub named: Option<String>,
}

/// A message that a log is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The message, or its head.
    pub message: &'a DeadLetter,
    /// Whether lines with its job's id are about it. Those of another queue's function may be about another job of that id.
    pub by_job: bool,
    /// How the function of the log got it, where that function alone reads its queue.
    pub delivery: Option<Delivery>,
}

/// A log, and what it is asked about.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// The log group.
    pub log_group: String,
    /// The messages.
    pub asked: Vec<Asked<'a>>,
}

impl Consumers {
    /// Which logs are asked about which messages, in the order of their names.
    pub fn inquiries<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a DeadLetter>,
    ) -> Vec<Inquiry<'a>> {
        let mut inquiries: BTreeMap<String, Vec<Asked<'a>>> = BTreeMap::new();
        for message in messages {
            for (log_group, asked) in self.of(message) {
                inquiries.entry(log_group).or_default().push(asked);
            }
        }
        let inquiry = |(log_group, asked)| Inquiry { log_group, asked };
        inquiries.into_iter().map(inquiry).collect()
    }

    fn of<'a>(&self, message: &'a DeadLetter) -> Vec<(String, Asked<'a>)> {
        let own = message.source_arn.as_ref().and_then(|arn| self.by_source.get(arn));
        if let Some(named) = &self.named {
            let is_of_another = self.reads_another(message, named);
            let delivery = self.delivery_of_named(message, named, is_of_another);
            let by_job = !is_of_another && !self.is_shared(message, named);
            return vec![(named.clone(), Asked { message, by_job, delivery })];
        }
        let of_group = |group: &str, delivery| {
            let by_job = !self.is_shared(message, group);
            (group.to_owned(), Asked { message, by_job, delivery })
        };
        match own.map(Vec::as_slice) {
            Some([only]) => vec![of_group(&only.log_group, Some(only.delivery))],
            Some([]) => Vec::new(),
            // Of several it is not known which of them held it.
            Some(several) => {
                groups(several).into_iter().map(|group| of_group(group, None)).collect()
            }
            // One that does not say where it came from may be named by any of them.
            None if message.source_arn.is_none() => {
                let all = groups(self.by_source.values().flatten());
                all.into_iter().map(|group| of_group(group, None)).collect()
            }
            None => Vec::new(),
        }
    }

    /// Whether functions write to a log that do not read the message's queue, where it is known which do.
    fn is_shared(&self, message: &DeadLetter, log_group: &str) -> bool {
        let own = message.source_arn.as_ref().and_then(|source| self.by_source.get(source));
        let Some(own) = own.filter(|own| !own.is_empty()) else { return false };
        let is_own = |other: &Consumer| own.iter().any(|each| each.function == other.function);
        let all = self.by_source.values().flatten();
        all.filter(|each| each.log_group == log_group).any(|each| !is_own(each))
    }

    /// Whether a log is known to be of another queue's function, and not of the message's own.
    fn reads_another(&self, message: &DeadLetter, log_group: &str) -> bool {
        let writes =
            |consumers: &Vec<Consumer>| consumers.iter().any(|each| each.log_group == log_group);
        let Some(source) = &message.source_arn else { return false };
        if self.by_source.get(source).is_some_and(writes) {
            return false;
        }
        self.by_source.values().any(writes)
    }

    /// How the function of the log that was named got a message, where it is known to be the only one that reads its queue. Where
    /// the functions of its only source are not known, the user says that it is this one.
    fn delivery_of_named(
        &self,
        message: &DeadLetter,
        named: &str,
        is_of_another: bool,
    ) -> Option<Delivery> {
        let source = message.source_arn.as_ref()?;
        match self.by_source.get(source).map(Vec::as_slice) {
            Some([only]) if only.log_group == named => Some(only.delivery),
            Some([]) | None => {
                let is_only = !self.may_be_shared && !is_of_another;
                is_only.then_some(Delivery::UNKNOWN)
            }
            Some(_) => None,
        }
    }
}

fn groups<'a>(consumers: impl IntoIterator<Item = &'a Consumer>) -> BTreeSet<&'a str> {
    consumers.into_iter().map(|consumer| consumer.log_group.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(log_group: &str) -> Consumer {
        writing("f", log_group)
    }

    fn writing(function: &str, log_group: &str) -> Consumer {
        let (function, log_group) = (function.to_owned(), log_group.to_owned());
        Consumer { function, log_group, delivery: DELIVERY }
    }

    const DELIVERY: Delivery = Delivery { partial_responses: false, ..Delivery::UNKNOWN };

    fn shared(named: Option<&str>) -> Consumers {
        let by_source = BTreeMap::from([
            ("a".to_owned(), vec![consumer("/a")]),
            ("b".to_owned(), vec![consumer("/b")]),
            ("several".to_owned(), vec![consumer("/s1"), consumer("/s2")]),
            ("none".to_owned(), Vec::new()),
        ]);
        Consumers { by_source, may_be_shared: true, named: named.map(str::to_owned) }
    }

    fn from(source: Option<&str>) -> DeadLetter {
        DeadLetter { source_arn: source.map(str::to_owned), ..DeadLetter::default() }
    }

    /// Which logs are asked about a message of a source: by its job, and with which delivery.
    fn asked(consumers: &Consumers, source: Option<&str>) -> Vec<(String, bool, Option<Delivery>)> {
        let message = from(source);
        let inquiries = consumers.inquiries([&message]);
        let of = |inquiry: &Inquiry<'_>| {
            (inquiry.log_group.clone(), inquiry.asked[0].by_job, inquiry.asked[0].delivery)
        };
        inquiries.iter().map(of).collect()
    }

    #[test]
    fn each_queues_own_functions_are_asked() {
        let consumers = shared(None);
        assert_eq!(asked(&consumers, Some("a")), [("/a".to_owned(), true, Some(DELIVERY))]);
        let of_several = ["/s1", "/s2"].map(|group| (group.to_owned(), true, None));
        assert_eq!(asked(&consumers, Some("several")), of_several);
        assert!(asked(&consumers, Some("none")).is_empty());
        assert!(asked(&consumers, Some("elsewhere")).is_empty());
        // It is looked for in all, and nothing is concluded from the time.
        let all = asked(&consumers, None);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|(_, _, delivery)| delivery.is_none()));
    }

    #[test]
    fn a_log_that_functions_of_other_queues_share_tells_nothing_by_jobs() {
        let by_job = |functions: [&str; 2], named: Option<&str>, source| {
            let [a, b] = functions.map(|function| vec![writing(function, "/all")]);
            let by_source = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
            let named = named.map(str::to_owned);
            asked(&Consumers { by_source, may_be_shared: true, named }, source)[0].1
        };
        for named in [None, Some("/all")] {
            assert!(!by_job(["f", "g"], named, Some("a")));
            // One function that reads both queues has its own log.
            assert!(by_job(["f", "f"], named, Some("a")));
            // Of which function a message is that does not say its source, is not known.
            assert!(by_job(["f", "g"], named, None));
        }
    }

    #[test]
    fn the_log_of_one_queues_function_infers_nothing_of_another_queues_messages() {
        let consumers = shared(Some("/a"));
        assert_eq!(asked(&consumers, Some("a")), [("/a".to_owned(), true, Some(DELIVERY))]);
        assert_eq!(asked(&consumers, Some("b")), [("/a".to_owned(), false, None)]);
        assert_eq!(asked(&consumers, None), [("/a".to_owned(), true, None)]);
        // A log of no known function may be of any of them, and names messages.
        assert_eq!(asked(&shared(Some("/all")), Some("b")), [("/all".to_owned(), true, None)]);
    }

    #[test]
    fn of_the_only_queue_the_log_that_is_named_is_its_functions_where_that_is_not_known() {
        let named = Some("/a".to_owned());
        let of = |by_source: &BTreeMap<String, Vec<Consumer>>, may_be_shared| Consumers {
            by_source: by_source.clone(),
            may_be_shared,
            named: named.clone(),
        };
        let expected = [("/a".to_owned(), true, Some(Delivery::UNKNOWN))];
        let none_reads = BTreeMap::from([("a".to_owned(), Vec::new())]);
        for by_source in [&BTreeMap::new(), &none_reads] {
            assert_eq!(asked(&of(by_source, false), Some("a")), expected);
            // Of several queues it may be any one's.
            assert_eq!(asked(&of(by_source, true), Some("a")), [("/a".to_owned(), true, None)]);
        }
    }
}
