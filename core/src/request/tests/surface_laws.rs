//! Laws of the whole surface: what is proposed and not applied is as good as applied, and no bytes of
//! a client break anything.

use super::bench::*;
use super::multi::Parts;
use proptest::prelude::*;

/// A write: what, which path, which variety.
type Drawn = (u8, usize, u8);

const PATHS: [&str; 6] = ["/a", "/a/b", "/a/b/c", "/d", "/d/s-", "/e"];

fn request((what, path, variety): Drawn) -> (i32, Vec<u8>) {
    let path = PATHS[path];
    let version = i32::from(variety % 3) - 1;
    let hers = vec![Acl { perms: 31, id: Id { scheme: b"auth", id: b"" } }];
    let acl = || if variety % 4 == 0 { hers.clone() } else { open_acl() };
    let bytes = path.as_bytes();
    match what {
        0..3 => {
            let flags = i32::from(variety % 5);
            (Op::CREATE, CreateRequest { path: bytes, data: Some(b"x"), acl: Some(acl()), flags }.to_bytes())
        }
        3 => {
            let ttl = i64::from(variety);
            let create = CreateTtlRequest { path: bytes, data: None, acl: Some(acl()), flags: 5, ttl };
            (Op::CREATE_TTL, create.to_bytes())
        }
        4 | 5 => (Op::DELETE, delete_request(path, version).to_bytes()),
        6 => (Op::SET_DATA, set_request(path, &[variety], version).to_bytes()),
        _ => (Op::CHECK, CheckVersionRequest { path: bytes, version }.to_bytes()),
    }
}

/// One request of a client: a setACL, or a multi of writes.
fn asked(client: u32, writes: &[Drawn], set_acl: bool) -> (u32, i32, Vec<u8>) {
    let first = writes[0];
    if set_acl {
        let acl =
            vec![Acl { perms: i32::from(first.2) % 32, id: Id { scheme: b"auth", id: b"" } }, open_acl()[0].clone()];
        let set = SetAclRequest { path: PATHS[first.1].as_bytes(), acl: Some(acl), version: -1 };
        return (client, Op::SET_ACL, set.to_bytes());
    }
    let (op, body) = request(first);
    match writes.len() == 1 && op != Op::CHECK {
        true => (client, op, body),
        false => (client, Op::MULTI, Parts(writes.iter().map(|write| request(*write)).collect()).to_bytes()),
    }
}

/// Two clients, the first of them somebody.
fn two() -> Bench {
    let mut bench = Bench::leader();
    bench.config.access.enforce_quota = true;
    bench.connect(1);
    bench.connect(2);
    bench.send(1, 1, Op::AUTH, &AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"alice:secret") });
    bench.create(1, "/e", 1);
    bench.take_sent();
    bench
}

fn send(bench: &mut Bench, xid: i32, (client, op, body): &(u32, i32, Vec<u8>)) {
    let mut frame = RequestHeader { xid, op: *op }.to_bytes();
    frame.extend_from_slice(body);
    bench.frame(*client, &frame);
}

/// The replies, by client.
fn replies(bench: &mut Bench) -> Vec<(u32, Reply)> {
    let frames = bench.take_sent().into_iter().filter_map(|sent| match sent {
        Sent::Frame(to, frame) => Some((to, Reply::of(&frame))),
        Sent::Watch(..) | Sent::Drop(..) | Sent::Other(_) => None,
    });
    let mut replies: Vec<_> = frames.collect();
    replies.sort_by_key(|(to, reply)| (*to, reply.xid));
    replies
}

proptest! {
    #[test]
    fn requests_that_are_proposed_together_end_as_one_after_the_other(
        drawn in prop::collection::vec(
            (1..3u32, prop::collection::vec((0..8u8, 0..6usize, any::<u8>()), 1..4), prop::bool::weighted(0.15), any::<bool>()),
            1..25,
        ),
    ) {
        let (mut together, mut apart) = (two(), two());
        together.commits = Commits::WhenTold;
        for ((client, writes, set_acl, commits), xid) in drawn.iter().zip(2..) {
            let asked = asked(*client, writes, *set_acl);
            send(&mut together, xid, &asked);
            send(&mut apart, xid, &asked);
            if *commits && !together.proposed.is_empty() {
                together.commit();
            }
        }
        together.commit_all();
        prop_assert!(together.service.ahead.is_empty());
        prop_assert_eq!(together.service.database(), apart.service.database());
        prop_assert_eq!(replies(&mut together), replies(&mut apart));
        for bench in [&together, &apart] {
            let is_wrong = bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. }));
            prop_assert!(!is_wrong, "a prediction was wrong");
        }
    }

    #[test]
    fn no_bytes_of_a_client_break_anything(
        frames in prop::collection::vec((-12..110i32, prop::collection::vec(any::<u8>(), 0..60)), 1..12),
        bare in any::<bool>(),
    ) {
        let mut bench = two();
        for ((op, body), xid) in frames.into_iter().zip(2..) {
            let mut frame = if bare { Vec::new() } else { RequestHeader { xid, op }.to_bytes() };
            frame.extend_from_slice(&body);
            bench.frame(1, &frame);
        }
        bench.commit_all();
        prop_assert!(bench.service.ahead.is_empty());
        bench.take_sent();
        prop_assert_eq!(bench.ask(2, Op::EXISTS, &read_request("/")).err, 0);
    }
}
