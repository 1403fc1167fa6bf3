//! From the command line to the letters that are meant.

use verifier_core::dead_letters::Filter;

use crate::args::FilterArgs;
use crate::failure::Failure;

/// Which letters are meant, and how many at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: Filter,
    pub(crate) max: Option<usize>,
}

impl Selection {
    /// What the command line says.
    pub(crate) fn new(args: FilterArgs) -> Result<Self, Failure> {
        let mut filter = Filter::default();
        filter.older_than = args.older_than;
        filter.newer_than = args.newer_than;
        filter.receives = args.receives;
        filter.reason = args.reason;
        let filter = match &args.filter {
            None => filter,
            Some(expression) => filter.with_expression(expression).map_err(|error| Failure {
                next: Some("https://jmespath.org/tutorial.html tells how they are written".into()),
                ..Failure::usage(error.to_string())
            })?,
        };
        let max = args.max.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        Ok(Self { filter, max })
    }

    /// How many letters have to be looked at, at most: all, where a filter has to see them.
    pub(crate) fn looked_at_most(&self) -> usize {
        self.max.filter(|_| self.filter.is_everything()).unwrap_or(usize::MAX)
    }

    /// How many letters are wanted at most.
    pub(crate) fn wanted_most(&self) -> usize {
        self.max.unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_to_see_all() {
        let args = || FilterArgs { max: Some(5), ..FilterArgs::default() };
        assert_eq!(Selection::new(args()).unwrap().looked_at_most(), 5);
        let filtered = FilterArgs { reason: Some("slow".to_owned()), ..args() };
        let selection = Selection::new(filtered).unwrap();
        assert_eq!((selection.looked_at_most(), selection.wanted_most()), (usize::MAX, 5));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_what_it_was() {
        let args = FilterArgs { filter: Some("body.".to_owned()), ..FilterArgs::default() };
        let failure = Selection::new(args).unwrap_err();
        assert!(failure.what.contains("the filter body. cannot be read"), "{failure}");
    }
}
