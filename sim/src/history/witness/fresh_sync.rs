//! sync is strict: what follows it sees everything that was known to anyone when it was invoked.

use super::{About, Check, Index, Judged};
use crate::history::{Call, Kind};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "fresh_sync",
    states: "a sync is answered at a zxid not below any that a client had been shown when the sync was invoked",
    source: "catalogue 30 (strict mode); ZOOKEEPER-1675",
    run,
};

fn run(index: &Index<'_>) -> Judged {
    let mut floor: Option<(usize, u64)> = None;
    let mut at_invocation = BTreeMap::new();
    for (at, event) in index.history.events.iter().enumerate() {
        match &event.kind {
            Kind::Invoke { xid, call: Call::Sync { .. } } => {
                at_invocation.insert((event.session, *xid), floor);
            }
            Kind::Return { xid, zxid, answer } if !answer.is_throttled() => {
                if let Some(Some((shown, floor))) = at_invocation.remove(&(event.session, *xid))
                    && *zxid < floor
                {
                    let facts = [index.tell(shown), index.tell(at)];
                    let violation = CHECK.violation("a sync did not bring what was known before it", facts);
                    return Err(violation.zxid(floor).session(event.session));
                }
            }
            Kind::Attached { .. }
            | Kind::Rearmed { .. }
            | Kind::Disconnected
            | Kind::Invoke { .. }
            | Kind::Return { .. }
            | Kind::Watch { .. }
            | Kind::Expired
            | Kind::Wronged { .. } => {}
        }
        if let Some(zxid) = Index::zxid_shown(event)
            && floor.is_none_or(|(_, floor)| zxid > floor)
        {
            floor = Some((at, zxid));
        }
    }
    Ok(())
}
