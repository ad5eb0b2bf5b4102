//! Reads: run against this server's tree at the moment when they reach the head of their
//! connection's queue (reference/zookeeper.md sections 1.5 and 1.10).
//!
//! Each is permitted by the znode's list, or not; some leave watches. Those about watches alone stand
//! in `watching`, several at once in `many`.

use super::Service;
use super::access::{self, Perms};
use super::reply::{Address, reply};
use crate::config::Config;
use crate::contract::{Cx, DropReason};
use crate::id::ClientId;
use crate::rule::Rules;
use crate::tree::Znode;
use crate::watch::{Kind, Mode};
use crate::wire::jute::encode_length;
use crate::wire::records::{
    AllChildrenNumberReply, ClientInfo, GetDataReply, Id, PathRequest, ReadRequest, Stat, StatReply,
};
use crate::wire::{Code, Jute, Op, Reader};
use crate::zab::Identity;
use alloc::borrow::Cow;
use alloc::vec::Vec;

impl Service {
    /// `known`: how many of the connection's identities count.
    pub(super) fn read<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8], known: usize) {
        // Very many large answers at once, behind one write or one election: memory is bounded.
        if cx.out.arena_len() > cx.config.limits.step_bytes {
            return self.drop_client(cx, to.client, DropReason::LimitReached);
        }
        let result = match to.op {
            Op::PING => {
                reply(cx, to, self.applied(), 0, |_| {});
                Ok(())
            }
            Op::GET_ACL => self.get_acl(cx, to, body, known),
            Op::GET_EPHEMERALS => self.get_ephemerals(cx, to, body),
            Op::GET_ALL_CHILDREN_NUMBER => self.count_below(cx, to, body, known),
            Op::WHO_AM_I => {
                self.who_am_i(cx, to, known);
                Ok(())
            }
            Op::MULTI_READ => self.read_many(cx, to, body, known),
            Op::SET_WATCHES | Op::SET_WATCHES2 | Op::ADD_WATCH | Op::CHECK_WATCHES | Op::REMOVE_WATCHES => {
                self.on_watches(cx, to, body, known)
            }
            _ => self.look_up(cx, to, body, known),
        };
        if let Err(code) = result {
            reply(cx, to, self.applied(), code.to_wire(), |_| {});
        }
    }

    /// Watches are bounded by the connection that left them.
    pub(super) fn bound_watches<R: Rules>(&mut self, cx: &mut Cx<'_, R>, client: ClientId) {
        if self.watches.bytes(client) > cx.config.limits.watch_bytes {
            self.drop_client(cx, client, DropReason::LimitReached);
        }
    }

    pub(super) fn identities(&self, to: Address, known: usize) -> &[Identity] {
        let auth = self.clients.get(&to.client).map_or(&[][..], |connection| &connection.auth);
        auth.get(..known).unwrap_or(auth)
    }

    /// The znode, if it is there and may be read.
    pub(super) fn readable<R>(
        &self,
        cx: &Cx<'_, R>,
        to: Address,
        known: usize,
        path: &[u8],
        perms: Perms,
    ) -> Result<Znode<'_>, Code> {
        let znode = self.database.tree().get(path).ok_or(Code::NoNode)?;
        access::check(&cx.config.access, znode.acl(), perms, self.identities(to, known))?;
        Ok(znode)
    }

    /// exists, getData, getChildren, getChildren2. exists leaves its watch also where nothing is;
    /// the others only where they succeed. Only exists minds a NUL: for the others such a path is one
    /// more where nothing is.
    fn look_up<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8], known: usize) -> Result<(), Code> {
        let ReadRequest { path, watch } = ReadRequest::decode(&mut Reader::new(body))?;
        if to.op == Op::EXISTS && path.contains(&0) {
            return Err(Code::BadArguments);
        }
        let found = self.readable(cx, to, known, path, Perms::READ).map(|_| ());
        let leaves = found.is_ok() || (to.op == Op::EXISTS && found == Err(Code::NoNode));
        if watch && leaves {
            let table = match to.op {
                Op::GET_CHILDREN | Op::GET_CHILDREN2 => Kind::Child,
                _ => Kind::Data,
            };
            self.watches.add(table, path, to.client, Mode::OneShot);
        }
        found?;
        let (tree, applied, config) = (self.database.tree(), self.applied(), cx.config);
        let znode = tree.get(path).ok_or(Code::NoNode)?;
        reply(cx, to, applied, 0, |out| match to.op {
            Op::EXISTS => StatReply { stat: znode.stat() }.encode(out),
            Op::GET_DATA => {
                let data = data_of(config, path, &znode);
                let stat = Stat { data_length: data.map_or(0, <[u8]>::len) as i32, ..znode.stat() };
                GetDataReply { data, stat }.encode(out);
            }
            _ => {
                self.encode_children(path, &znode, out);
                if to.op == Op::GET_CHILDREN2 {
                    znode.stat().encode(out);
                }
            }
        });
        if watch {
            self.bound_watches(cx, to.client);
        }
        Ok(())
    }

    pub(super) fn encode_children(&self, path: &[u8], znode: &Znode<'_>, out: &mut Vec<u8>) {
        encode_length(znode.children_len() as usize, out);
        self.database.tree().children(path).for_each(|name| name.encode(out));
    }

    /// Who may not administer the znode does not see the hashes of the scheme `digest`.
    fn get_acl<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8], known: usize) -> Result<(), Code> {
        let PathRequest { path } = PathRequest::decode(&mut Reader::new(body))?;
        let znode = self.readable(cx, to, known, path, Perms::READ_OR_ADMIN)?;
        let administers = self.readable(cx, to, known, path, Perms::ADMIN).is_ok();
        let applied = self.applied();
        reply(cx, to, applied, 0, |out| {
            let start = out.len();
            0i32.encode(out);
            let mut count = 0i32;
            for entry in znode.acl().entries() {
                let id = match entry.id.scheme {
                    b"digest" if !administers => Cow::Owned(access::redacted(entry.id.id)),
                    _ => Cow::Borrowed(entry.id.id),
                };
                entry.perms.encode(out);
                Id { scheme: entry.id.scheme, id: &id }.encode(out);
                count += 1;
            }
            out[start..start + 4].copy_from_slice(&count.to_be_bytes());
            znode.stat().encode(out);
        });
        Ok(())
    }

    /// The caller's own ephemeral znodes whose paths begin so, by bytes; nothing and `/` are all.
    fn get_ephemerals<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, body: &[u8]) -> Result<(), Code> {
        let PathRequest { path } = PathRequest::decode(&mut Reader::new(body))?;
        let is_all = matches!(trimmed(path), b"" | b"/");
        let all = self.database.tree().ephemerals(to.session).map(|path| path.as_bytes());
        let paths: Vec<&[u8]> = all.filter(|own| is_all || own.starts_with(path)).collect();
        reply(cx, to, self.applied(), 0, |out| paths.encode(out));
        Ok(())
    }

    fn count_below<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Address,
        body: &[u8],
        known: usize,
    ) -> Result<(), Code> {
        let PathRequest { path } = PathRequest::decode(&mut Reader::new(body))?;
        self.readable(cx, to, known, path, Perms::READ)?;
        let total = i32::try_from(self.database.tree().descendants_len(path)).unwrap_or(i32::MAX);
        reply(cx, to, self.applied(), 0, |out| AllChildrenNumberReply { total }.encode(out));
        Ok(())
    }

    fn who_am_i<R: Rules>(&mut self, cx: &mut Cx<'_, R>, to: Address, known: usize) {
        let applied = self.applied();
        let access = &cx.config.access;
        let identities = self.identities(to, known).iter();
        let infos: Vec<ClientInfo<'_>> =
            identities.map(|i| ClientInfo { scheme: &i.scheme, user: access::user(access, i) }).collect();
        reply(cx, to, applied, 0, |out| infos.encode(out));
    }
}

/// A znode's data. As long as nobody has changed the ensemble, the servers' own files say what it is: Apache's
/// write that into the tree, where here only transactions do.
fn data_of<'a>(config: &'a Config, path: &[u8], znode: &Znode<'a>) -> Option<&'a [u8]> {
    match znode.data() {
        Some([]) if path == b"/zookeeper/config" && config.ensemble.text.starts_with(b"server.") => {
            Some(&config.ensemble.text)
        }
        data => data,
    }
}

/// Without blanks around it, as Java trims.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte <= b' ';
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}
