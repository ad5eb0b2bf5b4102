//! Reads: run against this server's tree at the moment when they reach the head of their
//! connection's queue. They leave watches (reference/zookeeper.md section 1.9).

use super::Service;
use super::reply::{Address, NO_ZXID, notify, reply};
use crate::contract::Cx;
use crate::id::ClientId;
use crate::rule::Rules;
use crate::watch::{EventKind, Kind, Mode};
use crate::wire::jute::encode_length;
use crate::wire::records::{GetDataReply, ReadRequest, SetWatches, StatReply};
use crate::wire::{Code, Jute, Op, Reader};
use alloc::vec::Vec;

impl Service {
    pub(super) fn read<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8]) {
        let result = match to.op {
            Op::PING => {
                reply(cx, to, self.applied(), 0, |_| {});
                Ok(())
            }
            Op::SET_WATCHES => self.set_watches(cx, to, body),
            _ => self.look_up(cx, to, body),
        };
        if let Err(code) = result {
            reply(cx, to, self.applied(), code.to_wire(), |_| {});
        }
    }

    /// exists, getData, getChildren, getChildren2. exists leaves its watch also where nothing is;
    /// the others only where they succeed. Only exists minds a NUL: for the others such a path is one
    /// more where nothing is.
    fn look_up<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8]) -> Result<(), Code> {
        let ReadRequest { path, watch } = ReadRequest::decode(&mut Reader::new(body))?;
        if to.op == Op::EXISTS && path.contains(&0) {
            return Err(Code::BadArguments);
        }
        let (tree, applied) = (self.database.tree(), self.applied());
        let znode = tree.get(path);
        let table = match to.op {
            Op::GET_CHILDREN | Op::GET_CHILDREN2 => Kind::Child,
            _ => Kind::Data,
        };
        if watch && (znode.is_some() || to.op == Op::EXISTS) {
            self.watches.add(table, path, to.client, Mode::OneShot);
        }
        let znode = znode.ok_or(Code::NoNode)?;
        reply(cx, to, applied, 0, |out| match to.op {
            Op::EXISTS => StatReply { stat: znode.stat() }.encode(out),
            Op::GET_DATA => GetDataReply { data: znode.data(), stat: znode.stat() }.encode(out),
            _ => {
                encode_length(znode.children_len() as usize, out);
                tree.children(path).for_each(|name| name.encode(out));
                if to.op == Op::GET_CHILDREN2 {
                    znode.stat().encode(out);
                }
            }
        });
        Ok(())
    }

    /// A client re-arms the one-shot watches of its lost connection: what changed meanwhile fires
    /// at once, the rest stands again (section 1.9). Several requests add up (ZOOKEEPER-706).
    fn set_watches<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8]) -> Result<(), Code> {
        let SetWatches { relative_zxid, data, exist, child } = SetWatches::decode(&mut Reader::new(body))?;
        let lists = [(Rearm::Data, data), (Rearm::Exist, exist), (Rearm::Child, child)];
        for (kind, paths) in lists {
            for path in paths {
                self.rearm(cx, to.client, kind, path, relative_zxid);
            }
        }
        reply(cx, to, self.applied(), 0, |_| {});
        Ok(())
    }

    fn rearm<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId, kind: Rearm, path: &[u8], seen: i64) {
        let znode = self.database.tree().get(path);
        let stat = znode.as_ref().map(|znode| znode.persisted());
        let missed = match (kind, stat) {
            (Rearm::Data | Rearm::Child, None) => Some(EventKind::NodeDeleted),
            (Rearm::Data, Some(stat)) => (stat.mzxid > seen).then_some(EventKind::NodeDataChanged),
            (Rearm::Child, Some(stat)) => (stat.pzxid > seen).then_some(EventKind::NodeChildrenChanged),
            (Rearm::Exist, Some(_)) => Some(EventKind::NodeCreated),
            (Rearm::Exist, None) => None,
        };
        match missed {
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
