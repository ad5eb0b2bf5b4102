//! Makes the replies of two servers comparable, byte for byte. What is masked, and nothing else:
//!
//! * zxids: each becomes (conversation, distance from the last zxid before that conversation), for
//!   Zabra counts from epoch 1 and a standalone server of Apache's from 0;
//! * session ids become their number in the order of appearance; a password becomes ones if it is
//!   the one that belongs to the id, and stays otherwise;
//! * `ctime` and `mtime` become 1 unless they are 0;
//! * the names that getChildren answers are sorted, for Java gives them in the order of a hash map;
//!   so are the events that one closeSession causes (`play.rs`);
//! * the paths that getEphemerals answers and the identities that whoAmI tells are sorted, for the same
//!   reason;
//! * the zxid of events, only against a server that does not tell it ([`Events::Without`]).

use super::script::{Seen, Shown, Who};
use zabra_core::id::SessionId;
use zabra_core::session::password;
use zabra_core::wire::records::{ClientInfo, ConnectResponse, GetChildrenReply, MultiHeader, ReplyHeader, Stat};
use zabra_core::wire::{Jute, Op, Reader, ReservedXid};

pub struct Mask {
    events: Events,
    /// The last zxid before each conversation.
    bases: Vec<i64>,
    /// Session ids in the order of appearance.
    sessions: Vec<i64>,
}

/// Whether an event's header says which transaction caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    WithZxid,
    /// Before 3.9.0 it says −1 (ZOOKEEPER-4655).
    Without,
}

const STAT: usize = 68;

impl Mask {
    pub fn new(events: Events) -> Mask {
        Mask { events, bases: Vec::new(), sessions: Vec::new() }
    }

    /// A conversation begins; this is the server's last zxid.
    pub fn begin(&mut self, base: i64) {
        self.bases.push(base);
        self.sessions.clear();
    }

    /// The session that a script names.
    pub fn session(&self, who: Who) -> i64 {
        match who {
            Who::New => 0,
            Who::Session(number) => self.sessions[number],
            Who::Stranger(id) => id,
        }
    }

    pub fn password(&self, who: Who, shown: Shown) -> Option<Vec<u8>> {
        let right = password(SessionId(self.session(who)));
        match shown {
            Shown::Right => Some(right.to_vec()),
            Shown::Wrong => Some(right.iter().map(|byte| !byte).collect()),
            Shown::Empty => Some(vec![0; 16]),
            Shown::Null => None,
        }
    }

    pub fn seen(seen: Seen, last: i64) -> i64 {
        match seen {
            Seen::Nothing => 0,
            Seen::Last(more) => last + more,
            Seen::Negative => -1,
        }
    }

    fn zxid(&self, zxid: i64) -> i64 {
        if zxid <= 0 {
            return zxid;
        }
        match self.bases.partition_point(|base| *base <= zxid) {
            0 => zxid & 0xffff_ffff,
            n => (n as i64) << 32 | (zxid - self.bases[n - 1]),
        }
    }

    fn session_number(&mut self, id: i64) -> i64 {
        if id == 0 {
            return 0;
        }
        let known = self.sessions.iter().position(|known| *known == id);
        let number = known.unwrap_or_else(|| {
            self.sessions.push(id);
            self.sessions.len() - 1
        });
        number as i64 + 1
    }

    /// The answer to a ConnectRequest. Returns also whether a session was attached.
    pub fn connected(&mut self, frame: &[u8]) -> (Vec<u8>, bool) {
        let mut response = ConnectResponse::from_bytes(frame).expect("a ConnectResponse");
        let (id, ones) = (response.session, [1; 16]);
        if id != 0 && response.password == Some(&password(SessionId(id))) {
            response.password = Some(&ones);
        }
        response.session = self.session_number(id);
        (response.to_bytes(), response.timeout_ms > 0)
    }

    /// A reply to a request with this operation code, or a watch event.
    pub fn replied(&mut self, op: i32, frame: &[u8]) -> Vec<u8> {
        let mut r = Reader::new(frame);
        let header = ReplyHeader::decode(&mut r).expect("a reply begins with its header");
        let is_event = header.xid == ReservedXid::NOTIFICATION;
        let zxid = if is_event && self.events == Events::Without { -1 } else { self.zxid(header.zxid) };
        let mut masked = ReplyHeader { zxid, ..header }.to_bytes();
        if header.err != 0 || is_event {
            masked.extend_from_slice(r.rest());
            return masked;
        }
        if matches!(op, Op::MULTI | Op::MULTI_READ) {
            self.results(r.rest(), &mut masked);
            return masked;
        }
        if op == Op::WHO_AM_I {
            let mut infos = Vec::<ClientInfo<'_>>::decode(&mut r).expect("identities");
            infos.sort_by_key(|info| (info.scheme, info.user));
            infos.encode(&mut masked);
        }
        if matches!(op, Op::GET_CHILDREN | Op::GET_CHILDREN2 | Op::GET_EPHEMERALS) {
            let mut children = GetChildrenReply::decode(&mut r).expect("names of children");
            children.children.sort_unstable();
            children.encode(&mut masked);
        }
        let has_stat = matches!(
            op,
            Op::EXISTS
                | Op::GET_DATA
                | Op::SET_DATA
                | Op::GET_CHILDREN2
                | Op::CREATE2
                | Op::CREATE_CONTAINER
                | Op::CREATE_TTL
                | Op::GET_ACL
                | Op::SET_ACL
        );
        let (before, stat) = r.rest().split_at(r.left().saturating_sub(if has_stat { STAT } else { 0 }));
        masked.extend_from_slice(before);
        match Stat::from_bytes(stat) {
            Ok(stat) if has_stat => self.stat(&stat).encode(&mut masked),
            Ok(_) | Err(_) => masked.extend_from_slice(stat),
        }
        masked
    }

    /// The results of a multi: each header with its body.
    fn results(&mut self, body: &[u8], masked: &mut Vec<u8>) {
        let mut r = Reader::new(body);
        loop {
            let header = MultiHeader::decode(&mut r).expect("a result or the end");
            header.encode(masked);
            if header.done {
                return masked.extend_from_slice(r.rest());
            }
            match header.op {
                Op::CREATE => <&[u8]>::decode(&mut r).expect("a path").encode(masked),
                Op::CREATE2 => {
                    <&[u8]>::decode(&mut r).expect("a path").encode(masked);
                    let stat = Stat::decode(&mut r).expect("a stat");
                    self.stat(&stat).encode(masked);
                }
                Op::SET_DATA | Op::GET_DATA => {
                    if header.op == Op::GET_DATA {
                        Option::<&[u8]>::decode(&mut r).expect("data").encode(masked);
                    }
                    let stat = Stat::decode(&mut r).expect("a stat");
                    self.stat(&stat).encode(masked);
                }
                Op::GET_CHILDREN => {
                    let mut children = GetChildrenReply::decode(&mut r).expect("names of children");
                    children.children.sort_unstable();
                    children.encode(masked);
                }
                Op::ERROR => i32::decode(&mut r).expect("a code").encode(masked),
                _ => {}
            }
        }
    }

    fn stat(&mut self, stat: &Stat) -> Stat {
        let time = |at: i64| i64::from(at != 0);
        Stat {
            czxid: self.zxid(stat.czxid),
            mzxid: self.zxid(stat.mzxid),
            pzxid: self.zxid(stat.pzxid),
            ctime: time(stat.ctime),
            mtime: time(stat.mtime),
            ephemeral_owner: self.session_number(stat.ephemeral_owner),
            ..stat.clone()
        }
    }
}
