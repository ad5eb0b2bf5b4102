//! The order of votes (ZOOKEEPER-1419: it must be total).

use crate::contract::Cx;
use crate::rule::{Rule, Rules};
use crate::zab::Vote;

/// Whether `new` is better than `old`: higher epoch, then higher zxid, then higher server id; a
/// server of weight 0 never is.
pub fn is_better<R: Rules>(cx: &Cx<'_, R>, new: Vote, old: Vote) -> bool {
    if cx.config.ensemble.quorum.weight(new.leader) == 0 {
        return false;
    }
    if cx.enforces(Rule::VoteOrder) {
        return new > old;
    }
    new.epoch > old.epoch
        || (new.epoch == old.epoch && new.zxid > old.zxid)
        || (new.zxid == old.zxid && new.leader > old.leader)
}
