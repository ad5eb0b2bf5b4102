//! The order of votes (ZOOKEEPER-1419: it must be total).

use crate::contract::Cx;
use crate::rule::{Rule, Rules};
use crate::zab::Vote;

/// Whether `new` is better than `old`: higher epoch, then higher zxid, then higher server id; a
/// server of weight 0 never is.
///
/// While a configuration is logged here and not known to be committed, of two with the same history the one
/// that votes in the configuration in force comes first: servers without the record know no other candidates.
pub fn is_better<R: Rules>(cx: &Cx<'_, R>, new: Vote, old: Vote) -> bool {
    if cx.config.weight(new.leader) == 0 {
        return false;
    }
    if cx.enforces(Rule::VoteOrder) {
        let in_force = |leader| cx.config.proposed.is_none() || cx.config.ensemble.quorum.weight(leader) > 0;
        let rank = |vote: Vote| (vote.epoch, vote.zxid, in_force(vote.leader), vote.leader);
        return rank(new) > rank(old);
    }
    new.epoch > old.epoch
        || (new.epoch == old.epoch && new.zxid > old.zxid)
        || (new.zxid == old.zxid && new.leader > old.leader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Ensemble};
    use crate::contract::Actions;
    use crate::id::{Epoch, ServerId, Stamp, Zxid};
    use crate::quorum::Quorum;
    use crate::rule::AllRules;
    use alloc::sync::Arc;
    use proptest::prelude::*;

    #[derive(Clone, Copy)]
    struct WithoutVoteOrder;

    impl Rules for WithoutVoteOrder {
        fn enforces(self, rule: Rule) -> bool {
            rule != Rule::VoteOrder
        }
    }

    fn better_under<R: Rules>(rules: R, new: Vote, old: Vote) -> bool {
        let quorum = Quorum::majority((1..=5).map(ServerId).collect()).expect("five voters");
        let ensemble = Ensemble { quorum, observers: Default::default(), version: 0, text: Arc::from(&b""[..]) };
        let config = Config::new(ServerId(1), Arc::new(ensemble));
        is_better(&Cx { rules, config: &config, at: Stamp(1), out: &mut Actions::new() }, new, old)
    }

    fn vote() -> impl Strategy<Value = Vote> {
        (0u32..3, 0u32..3, 0u32..3, 1u8..=5).prop_map(|(epoch, zxid_epoch, counter, leader)| Vote {
            epoch: Epoch(epoch),
            zxid: Zxid::new(Epoch(zxid_epoch), counter),
            leader: ServerId(leader),
        })
    }

    proptest! {
        #[test]
        fn the_order_of_votes_is_total(a in vote(), b in vote(), c in vote()) {
            let better = |new, old| better_under(AllRules, new, old);
            prop_assert!(!better(a, a));
            prop_assert!(a == b || better(a, b) != better(b, a));
            prop_assert!(!(better(a, b) && better(b, c)) || better(a, c));
        }
    }

    #[test]
    fn without_the_rule_two_votes_are_each_better_than_the_other_1419() {
        let zxid = Zxid::new(Epoch(1), 1);
        let a = Vote { epoch: Epoch(2), zxid, leader: ServerId(1) };
        let b = Vote { epoch: Epoch(1), zxid, leader: ServerId(2) };
        assert!(better_under(WithoutVoteOrder, a, b) && better_under(WithoutVoteOrder, b, a));
        assert!(better_under(AllRules, a, b) && !better_under(AllRules, b, a));
    }
}
