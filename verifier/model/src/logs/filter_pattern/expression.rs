//! Conditions joined by `&&` and `||`, with parentheses.

use super::reason::Reason;
use super::scan::Scan;

/// Conditions, and how they are joined: `&&` binds closer than `||`.
#[derive(Clone, Debug)]
pub(super) enum Expression<T> {
    Condition(T),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl<T> Expression<T> {
    /// Reads an expression, whose single conditions are read by `condition`.
    pub(super) fn parse(
        scan: &mut Scan<'_>,
        condition: &dyn Fn(&mut Scan<'_>) -> Result<T, Reason>,
    ) -> Result<Self, Reason> {
        let first = Self::single(scan, condition)?;
        Self::joined(first, scan, condition)
    }

    /// Reads what follows a first part that was read already.
    pub(super) fn joined(
        first: Self,
        scan: &mut Scan<'_>,
        condition: &dyn Fn(&mut Scan<'_>) -> Result<T, Reason>,
    ) -> Result<Self, Reason> {
        let mut any = Vec::new();
        let mut all = vec![first];
        loop {
            if scan.takes("&&") {
                all.push(Self::single(scan, condition)?);
            } else if scan.takes("||") {
                let done = std::mem::replace(&mut all, vec![Self::single(scan, condition)?]);
                any.push(one_or(done, Self::All));
            } else {
                any.push(one_or(all, Self::All));
                return Ok(one_or(any, Self::Any));
            }
        }
    }

    fn single(
        scan: &mut Scan<'_>,
        condition: &dyn Fn(&mut Scan<'_>) -> Result<T, Reason>,
    ) -> Result<Self, Reason> {
        if !scan.takes("(") {
            return condition(scan).map(Self::Condition);
        }
        scan.enter()?;
        let inner = Self::parse(scan, condition)?;
        scan.leave();
        if scan.takes(")") { Ok(inner) } else { Err("a parenthesis is not closed") }
    }

    /// Whether it holds, where `condition` says so of single conditions.
    pub(super) fn holds(&self, condition: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::Condition(single) => condition(single),
            Self::All(all) => all.iter().all(|each| each.holds(condition)),
            Self::Any(any) => any.iter().any(|each| each.holds(condition)),
        }
    }
}

fn one_or<T>(
    mut several: Vec<Expression<T>>,
    join: impl FnOnce(Vec<Expression<T>>) -> Expression<T>,
) -> Expression<T> {
    match (several.len(), several.pop()) {
        (1, Some(only)) => only,
        (_, last) => join(several.into_iter().chain(last).collect()),
    }
}
