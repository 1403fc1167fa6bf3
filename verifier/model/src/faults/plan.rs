//! Rules at work: counting, chance, and what they decided so far.

use std::collections::HashMap;

use super::fault::{Fault, Stage};
use super::happening::Happening;
use super::rule::{CountBy, FaultPlanError, FaultRule, FaultRules};

/// A list of rules with what they have seen so far.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    rules: Vec<RuleState>,
}

#[derive(Clone, Debug)]
struct RuleState {
    rule: FaultRule,
    /// A stream of its own, so that no rule's chance depends on another rule's.
    random: fastrand::Rng,
    matched: u64,
    matched_by_message: HashMap<String, u64>,
    struck: u64,
}

/// What a rule did so far.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleReport {
    /// The rule.
    pub rule: FaultRule,
    /// How many happenings were of its kind.
    pub matched: u64,
    /// How many of them it struck.
    pub struck: u64,
}

impl FaultPlan {
    /// A plan that begins now.
    pub fn new(rules: FaultRules) -> Result<Self, FaultPlanError> {
        rules.check()?;
        let seed = rules.seed;
        let state = |(index, rule): (usize, FaultRule)| RuleState {
            rule,
            random: fastrand::Rng::with_seed(seed.wrapping_add(stream(index))),
            matched: 0,
            matched_by_message: HashMap::new(),
            struck: 0,
        };
        Ok(Self { rules: rules.rules.into_iter().enumerate().map(state).collect() })
    }

    /// Whether it has any rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What goes wrong with what is about to happen at a boundary, if anything: the fault of the first rule that strikes.
    ///
    /// Rules behind it do not see, and so do not count, what it struck.
    pub fn decide(
        &mut self,
        stage: Stage,
        happening: &Happening<'_>,
        elapsed_milliseconds: u64,
    ) -> Option<Fault> {
        self.decide_by_rule(stage, happening, elapsed_milliseconds).map(|(_, fault)| fault)
    }

    /// The same, with the rule that strikes, counted from 1.
    pub fn decide_by_rule(
        &mut self,
        stage: Stage,
        happening: &Happening<'_>,
        elapsed_milliseconds: u64,
    ) -> Option<(u32, Fault)> {
        let rules = (1..).zip(self.rules.iter_mut());
        let mut rules = rules.filter(|(_, state)| state.rule.fault.stage() == stage);
        rules.find_map(|(number, state)| {
            let strikes = state.strikes(happening, elapsed_milliseconds);
            strikes.then(|| (number, state.rule.fault.clone()))
        })
    }

    /// What its rules did so far, in their order.
    pub fn report(&self) -> Vec<RuleReport> {
        let report = |state: &RuleState| RuleReport {
            rule: state.rule.clone(),
            matched: state.matched,
            struck: state.struck,
        };
        self.rules.iter().map(report).collect()
    }
}

impl RuleState {
    fn strikes(&mut self, happening: &Happening<'_>, elapsed_milliseconds: u64) -> bool {
        if !self.rule.is_about(happening, elapsed_milliseconds) {
            return false;
        }
        self.matched += 1;
        let number = match (self.rule.count_by, happening.message_id) {
            (CountBy::Message, Some(id)) => {
                let count = self.matched_by_message.entry(id.to_owned()).or_default();
                *count += 1;
                *count
            }
            _ => self.matched,
        };
        let is_selected = self.rule.nth.is_none_or(|nth| nth.range().contains(&number));
        // A certain fault does not draw, so that a probability of 1 is what it says for every generator.
        let strikes = is_selected
            && (self.rule.probability >= 1.0 || self.random.f64() < self.rule.probability);
        self.struck += u64::from(strikes);
        strikes
    }
}

/// Far apart for neighbouring indices.
fn stream(index: usize) -> u64 {
    (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
