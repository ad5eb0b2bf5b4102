//! What the leader predicts is what every server computes.

use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::Event;

/// A transaction carries the digest that its leader predicted for the tree after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prediction;

impl Oracle for Prediction {
    const ID: &'static str = "prediction";
    const STATES: &'static str =
        "After each transaction the tree's digest is the one that the leader predicted and sent with it.";
    const SOURCE: &'static str = "catalogue 22; ClickHouse PR 54572";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::DigestMismatch { zxid, carried, computed }) => {
                let computes = format!("server {} computes {computed:016x} after {zxid}", sight.server);
                let predicted = format!("its leader predicted {carried:016x}");
                let sentence = "a transaction did not do what its leader predicted";
                Err(sight.breaks(Self::ID, sentence, computes, predicted).at(*zxid))
            }
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, applied, record, z};
    use super::*;

    #[test]
    fn a_prediction_that_comes_true_is_legal() {
        Stage::new(Prediction).ok(1, applied(record(1, 1)));
    }

    #[test]
    fn a_mismatch_is_caught() {
        let event = Event::DigestMismatch { zxid: z(1, 1), carried: 1, computed: 2 };
        Stage::new(Prediction).caught(1, event, "predicted");
    }
}
