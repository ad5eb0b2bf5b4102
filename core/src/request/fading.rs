//! What goes by itself: containers that have become empty, and znodes that were not set for longer
//! than their time to live (reference/zookeeper.md section 2.6).
//!
//! The established leader looks from time to time, and proposes a deletion for each. Age is the
//! stamp of the step less the time of the last change: the one use of the clock besides a
//! transaction's header. What is proposed and not applied counts, so a znode that was just set stays.

use super::ahead::{Draft, Predicted};
use super::{Service, Want};
use crate::config::Config;
use crate::contract::{Cx, Timer};
use crate::id::{SessionId, Xid, Zxid};
use crate::rule::{Rule, Rules};
use crate::tree::{Owner, Path};
use crate::wire::txn::DeleteTxn;
use crate::wire::{Jute, Op};
use crate::zab::Request;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Where the leader is with looking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sweep {
    /// The timer is armed only while there is something that can fade.
    is_armed: bool,
    /// The last path that was looked at, if not all were.
    after: Option<Path>,
}

/// So many znodes are looked at in one step.
const LOOKED_AT: usize = 10_000;

impl Service {
    /// As leader: there may be something that fades.
    pub(super) fn arm_sweep<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        let has_work = self.database.tree().fading(None).next().is_some();
        if self.is_leader() && !self.sweep.is_armed && has_work {
            self.sweep.is_armed = true;
            cx.arm(Timer::Containers, cx.config.fading.check_ms);
        }
    }

    /// Leadership ended.
    pub(super) fn stop_sweep<R: Rules>(&mut self, cx: &mut Cx<'_, R>) {
        if core::mem::take(&mut self.sweep).is_armed {
            cx.disarm(Timer::Containers);
        }
    }

    /// As leader: proposes to delete what has faded. Not all at once: so many a minute.
    pub fn sweep_fired<R: Rules>(&mut self, cx: &mut Cx<'_, R>, wants: &mut Vec<Want>) {
        if !self.sweep.is_armed || !self.is_leader() {
            return;
        }
        self.sweep.is_armed = false;
        let fading = &cx.config.fading;
        let room = (fading.per_minute / 100).max(1);
        let after = self.sweep.after.take();
        let draft = Draft::new(self.database.tree(), &self.ahead, Zxid::ZERO, cx.at.0);
        let mut found = 0;
        let mut last = None;
        let mut paths = self.database.tree().fading(after.as_ref());
        for path in paths.by_ref().take(LOOKED_AT) {
            last = Some(path.clone());
            if draft.node(path.as_bytes()).is_some_and(|node| {
                node.children == 0 && (has_faded(&node, cx.at.0, cx.config) || !cx.enforces(Rule::FadesInTime))
            }) {
                wants.push(Want::Propose(deletion(path)));
                found += 1;
                if found == room {
                    break;
                }
            }
        }
        let is_through = paths.next().is_none();
        drop(paths);
        if is_through {
            self.arm_sweep(cx);
        } else {
            self.sweep = Sweep { is_armed: true, after: last };
            let pause = u64::from(found.max(1)) * 60_000 / u64::from(fading.per_minute.max(1));
            cx.arm(Timer::Containers, u32::try_from(pause.max(1)).unwrap_or(u32::MAX));
        }
    }
}

fn has_faded(node: &Predicted, now: i64, config: &Config) -> bool {
    let age = now.saturating_sub(node.stat.mtime);
    let never_used = i64::from(config.fading.never_used_ms);
    match node.owner() {
        Owner::Container => node.stat.cversion > 0 || (never_used > 0 && age > never_used),
        Owner::Ttl { ms } => age > ms,
        Owner::Nobody | Owner::Session(_) => false,
    }
}

/// The leader's own request: of no session.
fn deletion(path: &Path) -> Request {
    let body = Arc::from(DeleteTxn { path: path.as_bytes() }.to_bytes());
    Request {
        session: SessionId::NONE,
        cxid: Xid(0),
        op: Op::DELETE_CONTAINER,
        body,
        auth: Vec::new(),
        is_local: false,
    }
}
