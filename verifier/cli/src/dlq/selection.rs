//! From the command line to the messages that are meant.

use std::time::Duration;

use verifier_core::dead_letters::{Filter, NotEvaluable};
use verifier_core::redrive::FilterTerms;

use crate::dlq::args::FilterArgs;
use crate::shell::failure::Failure;

/// Which messages are meant, and how many at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: Filter,
    pub(crate) max: Option<usize>,
    /// How long messages that others hold are waited for.
    pub(crate) wait: Duration,
}

impl Selection {
    /// What the command line says.
    pub(crate) fn new(args: &FilterArgs) -> Result<Self, Failure> {
        let filter = filter_terms(args).filter().map_err(|error| Failure {
            next: Some("https://jmespath.org/tutorial.html tells how they are written".to_owned()),
            ..Failure::usage(error.to_string())
        })?;
        let max = args.max.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        Ok(Self { filter, max, wait: args.wait.unwrap_or_default() })
    }

    /// How many messages have to be looked at, at most: all, where a filter has to see them.
    pub(crate) fn looked_at_most(&self) -> usize {
        self.max.filter(|_| self.filter.is_everything()).unwrap_or(usize::MAX)
    }

    /// How many messages are wanted at most.
    pub(crate) fn wanted_most(&self) -> usize {
        self.max.unwrap_or(usize::MAX)
    }
}

/// A filter that cannot be evaluated on a message.
pub(crate) fn not_evaluable(error: &NotEvaluable) -> Failure {
    let next = if error.is_unreadable {
        "choose messages by messageId, attributes or --reason instead; it was not selected"
    } else {
        "say for which messages it is meant: type(body.x) == 'string' && starts_with(body.x, 'a')"
    };
    Failure { next: Some(next.to_owned()), ..Failure::usage(error.to_string()) }
}

/// The filter of the command line, as it is written down.
pub(crate) fn filter_terms(args: &FilterArgs) -> FilterTerms {
    // `max` and `wait` are no terms: they do not say which messages are meant.
    let FilterArgs { filter, older_than, newer_than, receives, reason, max: _, wait: _ } = args;
    FilterTerms {
        expression: filter.clone(),
        older_than_seconds: older_than.map(|duration| duration.as_secs()),
        newer_than_seconds: newer_than.map(|duration| duration.as_secs()),
        receives: *receives,
        reason: reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_to_see_all() {
        let args = || FilterArgs { max: Some(5), ..FilterArgs::default() };
        assert_eq!(Selection::new(&args()).unwrap().looked_at_most(), 5);
        let filtered = FilterArgs { reason: Some("slow".to_owned()), ..args() };
        let selection = Selection::new(&filtered).unwrap();
        assert_eq!((selection.looked_at_most(), selection.wanted_most()), (usize::MAX, 5));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_what_it_was() {
        let args = FilterArgs { filter: Some("body.".to_owned()), ..FilterArgs::default() };
        let failure = Selection::new(&args).unwrap_err();
        assert!(failure.what.contains("the filter body. cannot be read"), "{failure}");
    }
}
