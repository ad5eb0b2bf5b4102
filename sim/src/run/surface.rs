//! Clients that use everything the service offers: multis, lists and identities, containers and times
//! to live, lasting watches, quotas. They speak in frames, like raw clients, and are as foreign to the
//! history; what they do is judged by the oracles, and by the well-behaved clients that see it.
//!
//! Every other one is alice. What only she may read holds words that nobody else must ever receive: they stand in data,
//! and below a znode of hers in names, so that lists of children and events are looked through as well as replies.

use crate::oracle::Violation;
use crate::random::Draws;
use zabra_core::id::ServerSet;
use zabra_core::wire::multi::encode_request;
use zabra_core::wire::records::{
    Acl, AddWatchRequest, AuthPacket, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, Id,
    PathRequest, ReadRequest, RequestHeader, SetAclRequest, SetDataRequest, WatchesRequest,
};
use zabra_core::wire::{Jute, Op};

#[derive(Clone, Debug)]
pub(super) struct Surface {
    is_alice: bool,
}

/// Below here everything happens; the quota stands on it (`oracle::quotas`).
const TOP: &str = "/surface";
const SECRET: &[u8] = b"for alice's eyes only";
/// What is alice's alone, and below it a name that nobody else must hear.
const HERS: &str = "/surface/hers";

impl Surface {
    pub(super) fn new(at: u16) -> Surface {
        Surface { is_alice: at.is_multiple_of(2) }
    }

    /// Some requests, in one write.
    pub(super) fn write(&mut self, draws: &mut Draws, xid: &mut i32) -> Vec<u8> {
        let mut out = Vec::new();
        if self.is_alice && draws.chance(300_000) {
            let packet = AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"alice:secret") };
            frame(-4, Op::AUTH, &packet.to_bytes(), &mut out);
        }
        for _ in 0..=draws.below(4) {
            *xid += 1;
            let (op, body) = self.request(draws);
            frame(*xid, op, &body, &mut out);
        }
        out
    }

    fn request(&self, draws: &mut Draws) -> (i32, Vec<u8>) {
        let path = self.path(draws);
        let path = path.as_bytes();
        match draws.below(20) {
            0..6 => {
                let parts: Vec<(i32, Vec<u8>)> = (0..=draws.below(4)).map(|_| self.change(draws)).collect();
                let mut body = Vec::new();
                encode_request(parts.iter().map(|(op, body)| (*op, &body[..])), &mut body);
                (Op::MULTI, body)
            }
            6..10 => self.change(draws),
            10 => {
                let (op, body) = furnish(draws);
                (op, body)
            }
            11 => {
                let version = draws.below(3) as i32 - 1;
                // Alice does not give away what was hers.
                let acl = Some(if self.is_alice { hers() } else { self.list(draws) });
                (Op::SET_ACL, SetAclRequest { path, acl, version }.to_bytes())
            }
            12 if draws.chance(500_000) => {
                (Op::ADD_WATCH, AddWatchRequest { path: TOP.as_bytes(), mode: 1 }.to_bytes())
            }
            12 => (Op::ADD_WATCH, AddWatchRequest { path, mode: draws.below(2) as i32 }.to_bytes()),
            13 => {
                let kind = 1 + draws.below(5) as i32;
                (Op::REMOVE_WATCHES, WatchesRequest { path, kind }.to_bytes())
            }
            14 => (Op::GET_ACL, PathRequest { path }.to_bytes()),
            15 => (Op::GET_EPHEMERALS, PathRequest { path: b"" }.to_bytes()),
            16 => (Op::GET_ALL_CHILDREN_NUMBER, PathRequest { path: TOP.as_bytes() }.to_bytes()),
            17 => {
                let read = ReadRequest { path, watch: false }.to_bytes();
                let mut body = Vec::new();
                encode_request([(Op::GET_DATA, &read[..]), (Op::GET_CHILDREN, &read[..])], &mut body);
                (Op::MULTI_READ, body)
            }
            _ => {
                let op = [Op::GET_DATA, Op::EXISTS, Op::GET_CHILDREN2][draws.below(3) as usize];
                (op, ReadRequest { path, watch: draws.chance(500_000) }.to_bytes())
            }
        }
    }

    /// What may stand in a multi.
    fn change(&self, draws: &mut Draws) -> (i32, Vec<u8>) {
        let path = self.path(draws);
        let is_private = path.starts_with(HERS);
        let path = path.as_bytes();
        let list = self.list(draws);
        let acl = Some(if is_private { hers() } else { list });
        let is_hers = acl.as_ref().is_some_and(|list| list.iter().all(|entry| entry.id.scheme == b"auth"));
        // A secret stands only where only she may read, and she does not loosen the list.
        let data: &[u8] = if is_hers { SECRET } else { &b"everybody's"[..draws.below(11) as usize] };
        let data = Some(data);
        match draws.below(10) {
            0..3 => {
                let flags = draws.below(4) as i32;
                (Op::CREATE, CreateRequest { path, data, acl, flags }.to_bytes())
            }
            3 => (Op::CREATE_CONTAINER, CreateRequest { path, data, acl, flags: 4 }.to_bytes()),
            4 => {
                let (flags, ttl) = (5 + draws.below(2) as i32, i64::from(1 + draws.below(3000)));
                (Op::CREATE_TTL, CreateTtlRequest { path, data, acl, flags, ttl }.to_bytes())
            }
            5 | 6 => (Op::DELETE, DeleteRequest { path, version: -1 }.to_bytes()),
            7 => (Op::CHECK, CheckVersionRequest { path, version: draws.below(2) as i32 - 1 }.to_bytes()),
            _ => {
                let data = Some(&b"anew"[..draws.below(5) as usize]);
                (Op::SET_DATA, SetDataRequest { path, data, version: -1 }.to_bytes())
            }
        }
    }

    fn path(&self, draws: &mut Draws) -> String {
        if self.is_alice && draws.chance(200_000) {
            let names = ["", "/a", "/for alice's eyes only", "/for alice's eyes only/b", "/for alice's eyes only-"];
            return format!("{HERS}{}", names[draws.below(names.len() as u32) as usize]);
        }
        path(draws)
    }

    fn list(&self, draws: &mut Draws) -> Vec<Acl<'static>> {
        let everybody = Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } };
        match draws.below(4) {
            // Refused to those who are nobody.
            0 => hers(),
            1 => vec![Acl { perms: 31, id: Id { scheme: b"ip", id: b"0.0.0.0/0" } }],
            _ => vec![everybody],
        }
    }

    /// Whether somebody else received what is for alice only.
    pub(super) fn leak(&self, bytes: &[u8]) -> Option<Violation> {
        if self.is_alice || !bytes.windows(SECRET.len()).any(|window| window == SECRET) {
            return None;
        }
        Some(Violation {
            oracle: "leak",
            sentence: "a client received what its identities may not read".to_owned(),
            facts: [
                format!("it received {}", bytes.escape_ascii()),
                "only alice may read what holds these words, and it never was alice".to_owned(),
            ],
            servers: ServerSet::EMPTY,
            zxid: None,
            session: None,
            path: None,
        })
    }
}

fn hers() -> Vec<Acl<'static>> {
    vec![Acl { perms: 31, id: Id { scheme: b"auth", id: b"" } }]
}

/// The ground on which everything stands, and its quota.
fn furnish(draws: &mut Draws) -> (i32, Vec<u8>) {
    let open = || Some(vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }]);
    let paths = [
        TOP.to_owned(),
        format!("/zookeeper/quota{TOP}"),
        format!("/zookeeper/quota{TOP}/zookeeper_limits"),
        format!("/zookeeper/quota{TOP}/zookeeper_stats"),
    ];
    let path = &paths[draws.below(4) as usize];
    let data = Some(&b"count=5,bytes=100"[..]);
    (Op::CREATE, CreateRequest { path: path.as_bytes(), data, acl: open(), flags: 0 }.to_bytes())
}

fn path(draws: &mut Draws) -> String {
    let names = ["/a", "/b", "/a/c", "/a/s-", "/s-", "", "/b/d"];
    format!("{TOP}{}", names[draws.below(names.len() as u32) as usize])
}

fn frame(xid: i32, op: i32, body: &[u8], out: &mut Vec<u8>) {
    let length = i32::try_from(8 + body.len()).expect("a short request");
    length.encode(out);
    RequestHeader { xid, op }.encode(out);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_for_alice_only() {
        let heard = [&b"data: "[..], SECRET, b" and more"].concat();
        assert!(Surface::new(0).leak(&heard).is_none(), "she is alice");
        assert!(Surface::new(1).leak(b"everybody's").is_none());
        assert_eq!(Surface::new(1).leak(&heard).map(|violation| violation.oracle), Some("leak"));
    }
}
