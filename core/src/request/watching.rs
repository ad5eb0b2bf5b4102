//! Requests about watches alone: setWatches and setWatches2, addWatch, checkWatches, removeWatches
//! (reference/zookeeper.md section 1.9). They need no znode, and no permission: who may not read a
//! znode hears no event of it.

use super::Service;
use super::access::{self, Perms};
use super::reply::{Address, NO_ZXID, notify, reply};
use crate::contract::Cx;
use crate::id::ClientId;
use crate::rule::Rules;
use crate::watch::{EventKind, Kind, Mode, Selection};
use crate::wire::records::{AddWatchRequest, ErrorReply, SetWatches, SetWatches2, WatchesRequest};
use crate::wire::{Code, Jute, Op, Reader};
use crate::zab::Identity;
use alloc::vec::Vec;

impl Service {
    pub(super) fn on_watches<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Address,
        body: &[u8],
        known: usize,
    ) -> Result<(), Code> {
        let r = &mut Reader::new(body);
        match to.op {
            Op::SET_WATCHES => {
                let SetWatches { relative_zxid, data, exist, child } = SetWatches::decode(r)?;
                self.rearm_all(cx, to, known, relative_zxid, [data, exist, child]);
            }
            Op::SET_WATCHES2 => {
                let SetWatches2 { relative_zxid, data, exist, child, persistent, persistent_recursive } =
                    SetWatches2::decode(r)?;
                self.rearm_all(cx, to, known, relative_zxid, [data, exist, child]);
                // What happened meanwhile is not told again.
                for (mode, paths) in [(Mode::Persistent, persistent), (Mode::Recursive, persistent_recursive)] {
                    paths.iter().for_each(|path| self.watches.add_lasting(path, to.client, mode));
                }
            }
            Op::ADD_WATCH => {
                let AddWatchRequest { path, mode } = AddWatchRequest::decode(r)?;
                let mode = match mode {
                    0 => Mode::Persistent,
                    1 => Mode::Recursive,
                    _ => return Err(Code::MarshallingError),
                };
                self.watches.add_lasting(path, to.client, mode);
                reply(cx, to, self.applied(), 0, |out| ErrorReply { err: 0 }.encode(out));
                self.bound_watches(cx, to.client);
                return Ok(());
            }
            op => {
                let WatchesRequest { path, kind } = WatchesRequest::decode(r)?;
                let selection = Selection::from_wire(kind).ok_or(Code::MarshallingError)?;
                let found = match op {
                    Op::REMOVE_WATCHES => self.watches.remove(path, to.client, selection),
                    _ => self.watches.contains(path, to.client, selection),
                };
                if !found {
                    return Err(Code::NoWatcher);
                }
            }
        }
        reply(cx, to, self.applied(), 0, |_| {});
        self.bound_watches(cx, to.client);
        Ok(())
    }

    /// A client re-arms the one-shot watches of its lost connection: what changed meanwhile fires
    /// at once, the rest stands again. Several requests add up (ZOOKEEPER-706).
    fn rearm_all<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Address,
        known: usize,
        seen: i64,
        lists: [Vec<&[u8]>; 3],
    ) {
        let known = self.identities(to, known).to_vec();
        for (kind, paths) in [Rearm::Data, Rearm::Exist, Rearm::Child].into_iter().zip(lists) {
            for path in paths {
                self.rearm(cx, to.client, &known, kind, path, seen);
            }
        }
    }

    /// What has become of a znode that the client may not read it is not told: its watch stands, and is as
    /// silent as it would have been.
    fn rearm<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        client: ClientId,
        known: &[Identity],
        kind: Rearm,
        path: &[u8],
        seen: i64,
    ) {
        let znode = self.database.tree().get(path);
        let is_hidden =
            znode.as_ref().is_some_and(|znode| !access::permits(&cx.config.access, znode.acl(), Perms::READ, known));
        let stat = znode.as_ref().map(|znode| znode.persisted());
        let missed = match (kind, stat) {
            (Rearm::Data | Rearm::Child, None) => Some(EventKind::NodeDeleted),
            (Rearm::Data, Some(stat)) => (stat.mzxid > seen).then_some(EventKind::NodeDataChanged),
            (Rearm::Child, Some(stat)) => (stat.pzxid > seen).then_some(EventKind::NodeChildrenChanged),
            (Rearm::Exist, Some(_)) => Some(EventKind::NodeCreated),
            (Rearm::Exist, None) => None,
        };
        match missed.filter(|_| !is_hidden) {
            Some(event) => notify(cx, Vec::from([client]), event, path, NO_ZXID),
            None => self.watches.add(kind.table(), path, client, Mode::OneShot),
        }
    }
}

/// The lists of setWatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rearm {
    Data,
    /// Left by exists on a znode that was not there.
    Exist,
    Child,
}

impl Rearm {
    fn table(self) -> Kind {
        match self {
            Rearm::Data | Rearm::Exist => Kind::Data,
            Rearm::Child => Kind::Child,
        }
    }
}
