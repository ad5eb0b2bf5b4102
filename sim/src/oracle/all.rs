//! All white-box oracles together: what a world shows its facts to.
//!
//! The order matters to the reader of a report only: of several oracles that object to the same fact
//! the first is named, so those that see a broken rule most directly stand first.

use super::{Facts, Oracle, Sight, Verdict, Violation};
use super::{
    ack_durability::AckDurability, atomic::Atomic, commit_matching::CommitMatching, commit_safety::CommitSafety,
    contiguity::Contiguity, digest::OneState, early_expiry::EarlyExpiry, election::Election, epochs::Epochs,
    exactly_once::ExactlyOnce, fifo::Fifo, fresh_sync::FreshSync, leader_completeness::LeaderCompleteness,
    log_matching::LogMatching, ownership::Ownership, prediction::Prediction, primary::OnePrimary, quorum::QuorumIsReal,
    quotas::Quotas, read_only::ReadOnly, session_order::SessionOrder, sessions::Sessions, step_down::StepDown,
    stops::Stops, storage_order::StorageOrder, vote::VoteIsTrue, zxid::FreshZxids,
};
use crate::time::Micros;
use zabra_core::config::Ensemble;
use zabra_core::id::{ServerId, SessionId};

/// What the catalogue says of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleEntry {
    pub id: &'static str,
    pub states: &'static str,
    pub source: &'static str,
}

macro_rules! oracles {
    ($($field:ident: $oracle:ident = $new:expr;)*) => {
        /// Every white-box oracle, as one value.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct Oracles {
            /// Only these are heeded; none: all are.
            heeded: Vec<&'static str>,
            $($field: $oracle,)*
        }

        const CATALOGUE: &[OracleEntry] = &[
            $(OracleEntry { id: <$oracle>::ID, states: <$oracle>::STATES, source: <$oracle>::SOURCE },)*
        ];

        /// One of them, alone.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum OneOracle {
            $($oracle($oracle),)*
        }

        impl OneOracle {
            /// Shows a fact to this one only.
            pub fn see(&mut self, sight: &Sight<'_>) -> Verdict {
                match self {
                    $(OneOracle::$oracle(oracle) => oracle.see(sight),)*
                }
            }
        }

        impl OneOracle {
            /// See [`VoteIsTrue::forget_rounds`].
            pub fn forget_rounds(&mut self) {
                if let OneOracle::VoteIsTrue(vote) = self {
                    vote.forget_rounds();
                }
            }

            /// Whether it remembers a round.
            pub fn remembers_rounds(&self) -> bool {
                matches!(self, OneOracle::VoteIsTrue(vote) if vote.remembers_rounds())
            }
        }

        impl Oracles {
            /// Each alone, in order.
            pub fn apart(&self) -> Vec<OneOracle> {
                vec![$(OneOracle::$oracle(self.$field.clone()),)*]
            }

            /// Puts one in its place.
            pub fn put(&mut self, one: OneOracle) {
                match one {
                    $(OneOracle::$oracle(oracle) => self.$field = oracle,)*
                }
            }
        }

        impl Oracles {
            pub fn new(ensemble: &Ensemble) -> Self {
                Oracles { heeded: Vec::new(), $($field: $new(ensemble),)* }
            }

            /// Shows a fact to each; the first objection is returned.
            pub fn see(&mut self, sight: &Sight<'_>) -> Verdict {
                $(if let Err(violation) = self.$field.see(sight) {
                    self.heed(violation)?;
                })*
                Ok(())
            }

            /// The end of a run (contract section 7, clause 4).
            pub fn end(&mut self, facts: &dyn Facts) -> Verdict {
                $(if let Err(violation) = self.$field.end(facts) {
                    self.heed(violation)?;
                })*
                Ok(())
            }
        }
    };
}

fn plain<O: Default>(_: &Ensemble) -> O {
    O::default()
}

oracles! {
    ack_durability: AckDurability = plain;
    vote: VoteIsTrue = VoteIsTrue::new;
    quorum: QuorumIsReal = QuorumIsReal::new;
    election: Election = plain;
    primary: OnePrimary = plain;
    epochs: Epochs = plain;
    storage_order: StorageOrder = plain;
    zxid: FreshZxids = plain;
    contiguity: Contiguity = plain;
    log_matching: LogMatching = plain;
    commit_safety: CommitSafety = plain;
    leader_completeness: LeaderCompleteness = plain;
    step_down: StepDown = StepDown::new;
    commit_matching: CommitMatching = plain;
    stops: Stops = plain;
    ownership: Ownership = plain;
    sessions: Sessions = plain;
    read_only: ReadOnly = plain;
    early_expiry: EarlyExpiry = plain;
    exactly_once: ExactlyOnce = plain;
    fresh_sync: FreshSync = plain;
    fifo: Fifo = plain;
    session_order: SessionOrder = plain;
    prediction: Prediction = plain;
    atomic: Atomic = plain;
    quotas: Quotas = plain;
    digest: OneState = plain;
}

impl Oracles {
    /// Only these oracles are heeded from here on: what the others say is lost. For the question what
    /// a rule adds beside another one, whose own oracle would speak first.
    pub fn heeding(mut self, ids: &[String]) -> Self {
        self.heeded = CATALOGUE.iter().map(|oracle| oracle.id).filter(|id| ids.iter().any(|i| i == id)).collect();
        self
    }

    /// In a world whose zxids have less room.
    pub fn counting_to(mut self, counter_end: u32) -> Self {
        self.zxid = self.zxid.with_counter_end(counter_end);
        self
    }

    /// In a world whose time is true time.
    pub fn with_clock(mut self) -> Self {
        self.early_expiry = self.early_expiry.with_clock();
        self
    }

    /// A server's clock is this fast, in parts per million, from now on.
    pub fn drifts(&mut self, server: ServerId, ppm: i32) {
        self.early_expiry.drifts(server, ppm);
    }

    /// A learner's word of this session arrives at a server.
    pub fn heard(&mut self, now: Micros, server: ServerId, session: SessionId) {
        self.early_expiry.heard(now, server, session);
    }

    /// In a world whose unused containers go after so many milliseconds; 0: never.
    pub fn sparing(mut self, never_used_ms: u32) -> Self {
        self.atomic = self.atomic.sparing(never_used_ms);
        self
    }

    /// A violation only, for a verdict is too large to be moved at every fact.
    #[cold]
    fn heed(&self, violation: Violation) -> Verdict {
        if self.heeded.is_empty() || self.heeded.contains(&violation.oracle) { Err(violation) } else { Ok(()) }
    }

    pub fn catalogue() -> &'static [OracleEntry] {
        CATALOGUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zabra_core::rule::Rule;

    #[test]
    fn every_rule_names_an_oracle_that_exists() {
        for rule in Rule::ALL {
            let entry = rule.entry();
            // What never comes is not seen while it does not come: a run's end, and the checker's graph tell.
            let known = entry.oracle == "liveness" || CATALOGUE.iter().any(|oracle| oracle.id == entry.oracle);
            assert!(known, "{} is said to die by `{}`, which does not exist", entry.name, entry.oracle);
        }
    }

    #[test]
    fn oracles_taken_apart_are_the_same_together() {
        let ensemble = super::super::stage::ensemble(3, 0);
        let oracles = Oracles::new(&ensemble);
        let mut again = Oracles::new(&ensemble);
        assert_eq!(oracles.apart().len(), CATALOGUE.len());
        oracles.apart().into_iter().for_each(|one| again.put(one));
        assert_eq!(oracles, again);
    }

    #[test]
    fn ids_are_distinct_and_every_oracle_says_what_it_states() {
        for (i, oracle) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..i].iter().all(|other| other.id != oracle.id), "{} twice", oracle.id);
            assert!(oracle.states.ends_with('.') && !oracle.source.is_empty(), "{}", oracle.id);
        }
    }
}
