//! Rules switched off: what the kill matrix and the mutants of the protocol are made of.

use zabra_core::rule::{Rule, Rules};

/// A set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleSet(u64);

impl RuleSet {
    pub const EMPTY: RuleSet = RuleSet(0);

    pub fn with(self, rule: Rule) -> RuleSet {
        RuleSet(self.0 | 1 << rule as u64)
    }

    pub fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u64) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |rule| self.contains(*rule))
    }
}

impl FromIterator<Rule> for RuleSet {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        rules.into_iter().fold(RuleSet::EMPTY, RuleSet::with)
    }
}

/// Every rule but these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Without(pub RuleSet);

impl Rules for Without {
    fn enforces(self, rule: Rule) -> bool {
        !self.0.contains(rule)
    }
}
