//! Who may do what: auth packets, lists on every operation, what is hidden.

use super::bench::*;
use super::multi::Parts;
use crate::request::access::sasl::tests::{answer, sasl};

const ALICE: &[u8] = b"alice:secret";

fn login(bench: &mut Bench, client: u32, auth: &[u8]) -> Reply {
    bench.ask(client, Op::AUTH, &AuthPacket { kind: 0, scheme: b"digest", auth: Some(auth) })
}

fn grant(perms: i32) -> Vec<Acl<'static>> {
    vec![Acl { perms, id: Id { scheme: b"auth", id: b"" } }]
}

/// Client 1 is alice, who has these permissions on `/a` and its child; client 2 is nobody.
fn two(perms: i32) -> Bench {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.connect(2);
    assert_eq!(login(&mut bench, 1, ALICE).zxid, 0);
    bench.create(1, "/a", 0);
    bench.create(1, "/a/b", 0);
    for path in ["/a/b", "/a"] {
        let set = SetAclRequest { path: path.as_bytes(), acl: Some(grant(perms)), version: -1 };
        assert_eq!(bench.ask(1, Op::SET_ACL, &set).body::<StatReply>().stat.aversion, 1);
    }
    bench
}

/// What each operation on `/a/b` (creates and deletes: in it) answers a client.
fn answers(bench: &Bench, client: u32) -> Vec<(i32, i32)> {
    let path = PathRequest { path: b"/a/b" }.to_bytes();
    let read = read_request("/a/b").to_bytes();
    let set_acl = SetAclRequest { path: b"/a/b", acl: Some(open_acl()), version: 1 }.to_bytes();
    let create = create_request("/a/b/c", b"", 0).to_bytes();
    let check = CheckVersionRequest { path: b"/a/b", version: 0 }.to_bytes();
    let requests = [
        (Op::GET_DATA, read.clone()),
        (Op::EXISTS, read.clone()),
        (Op::GET_CHILDREN, read.clone()),
        (Op::GET_CHILDREN2, read),
        (Op::GET_ALL_CHILDREN_NUMBER, path.clone()),
        (Op::GET_ACL, path),
        (Op::SET_DATA, set_request("/a/b", b"", 0).to_bytes()),
        (Op::CREATE, create),
        (Op::DELETE, delete_request("/a/b", 0).to_bytes()),
        (Op::SET_ACL, set_acl),
        (Op::MULTI, Parts(vec![(Op::CHECK, check)]).to_bytes()),
    ];
    let ask = |(op, body): (i32, Vec<u8>)| {
        let mut bench = bench.clone();
        let reply = bench.ask(client, op, &Bytes(body));
        let failed = reply.body.len() > 13 && op == Op::MULTI && reply.body.starts_with(&(-1i32).to_be_bytes());
        (op, if failed { Code::NoAuth.to_wire() } else { reply.err })
    };
    requests.into_iter().map(ask).collect()
}

/// One step of SASL.
fn token(bench: &mut Bench, client: u32, token: &[u8]) -> Reply {
    bench.ask(client, Op::SASL, &SaslToken { token: Some(token) })
}

fn with_sasl() -> Bench {
    let mut bench = Bench::leader();
    bench.config.access.sasl = Some(Arc::new(sasl()));
    bench.connect(1);
    bench.connect(2);
    bench
}

#[test]
fn a_user_of_sasl_is_who_its_lists_name() {
    let mut bench = with_sasl();
    let challenge = token(&mut bench, 1, b"");
    let challenge = challenge.body::<SaslToken<'_>>().token.expect("a challenge").to_vec();
    let proof = token(&mut bench, 1, answer(&challenge, "alice", "secret").as_bytes());
    assert_eq!((proof.err, proof.zxid), (0, 0));
    assert!(proof.body::<SaslToken<'_>>().token.is_some_and(|token| token.starts_with(b"rspauth=")));
    bench.create(1, "/a", 0);
    let acl = vec![Acl { perms: 31, id: Id { scheme: b"sasl", id: b"alice" } }];
    let set = SetAclRequest { path: b"/a", acl: Some(acl), version: -1 };
    assert_eq!(bench.ask(1, Op::SET_ACL, &set).err, 0);
    assert_eq!(bench.ask(1, Op::GET_DATA, &read_request("/a")).err, 0);
    assert_eq!(bench.ask(2, Op::GET_DATA, &read_request("/a")).err, Code::NoAuth.to_wire());
}

#[test]
fn a_wrong_password_ends_the_connection_behind_an_empty_token() {
    let mut bench = with_sasl();
    let challenge = token(&mut bench, 1, b"");
    let challenge = challenge.body::<SaslToken<'_>>().token.expect("a challenge").to_vec();
    let guess = answer(&challenge, "alice", "guess");
    bench.send(1, 7, Op::SASL, &SaslToken { token: Some(guess.as_bytes()) });
    let [Sent::Frame(1, frame), end] = &bench.take_sent()[..] else { panic!("an answer, and the end") };
    let refused = Reply::of(frame);
    assert_eq!((refused.xid, refused.err, refused.zxid), (7, Code::AuthFailed.to_wire(), 0));
    assert_eq!(refused.body, (-1i32).to_be_bytes(), "Apache's clients read a token behind the error");
    assert_eq!(*end, Sent::Drop(1, DropReason::AuthFailed));
}

struct Bytes(Vec<u8>);

impl Jute<'_> for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, crate::wire::Malformed> {
        Ok(Bytes(r.rest().to_vec()))
    }
}

#[test]
fn each_operation_asks_for_its_permission() {
    let needed = |op| match op {
        Op::SET_DATA => 2,
        Op::CREATE => 4,
        Op::DELETE => 8,
        Op::SET_ACL => 16,
        Op::GET_ACL => 17,
        _ => 1,
    };
    for perms in [1, 2, 4, 8, 16, 31] {
        let bench = two(perms);
        for (op, err) in answers(&bench, 1) {
            let expected = if needed(op) & perms == 0 { Code::NoAuth } else { Code::Ok };
            assert_eq!(err, expected.to_wire(), "op {op} with {perms}");
        }
        for (op, err) in answers(&bench, 2) {
            assert_eq!(err, Code::NoAuth.to_wire(), "op {op} of a stranger with {perms}");
        }
    }
}

#[test]
fn who_may_only_read_sees_no_hash() {
    let mut bench = two(31);
    let path = PathRequest { path: b"/a" };
    let reply = bench.ask(1, Op::GET_ACL, &path);
    let shown = reply.body::<GetAclReply<'_>>().acl;
    assert!(shown[0].id.id.starts_with(b"alice:") && shown[0].id.id.len() > 20);
    let own = shown[0].id.id.to_vec();
    let acl =
        vec![Acl { perms: 31, id: Id { scheme: b"digest", id: &own } }, Acl { perms: 1, ..open_acl()[0].clone() }];
    bench.ask(1, Op::SET_ACL, &SetAclRequest { path: b"/a", acl: Some(acl), version: 1 });
    let reply = bench.ask(2, Op::GET_ACL, &path);
    assert_eq!(reply.body::<GetAclReply<'_>>().acl[0].id.id, b"alice:x");
    let wrong = SetAclRequest { path: b"/a", acl: Some(open_acl()), version: 1 };
    assert_eq!(bench.ask(1, Op::SET_ACL, &wrong).error(), Code::BadVersion.to_wire());
}

#[test]
fn the_superuser_may_everything_and_whoami_tells_no_secret() {
    let mut bench = two(0);
    bench.config.access.super_digest = Some(Arc::from(&b"super:lK75jTNcA+U9vtVEw5vB51mj/w4="[..]));
    login(&mut bench, 2, b"super:secret");
    assert!(answers(&bench, 2).iter().all(|(_, err)| *err == 0));
    let reply = bench.ask(2, Op::WHO_AM_I, &Nothing);
    let infos: Vec<ClientInfo<'_>> = reply.body();
    let shown: Vec<_> = infos.iter().map(|info| (info.scheme, info.user)).collect();
    assert_eq!(shown, [(&b"ip"[..], &b"127.0.0.1"[..]), (b"super", b""), (b"digest", b"super")]);
}

#[test]
fn a_failed_auth_packet_is_answered_and_ends_the_connection() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.take_sent();
    bench.send(1, -4, Op::AUTH, &AuthPacket { kind: 0, scheme: b"nobody", auth: None });
    let sent = bench.take_sent();
    let [Sent::Frame(1, frame), Sent::Drop(1, DropReason::AuthFailed)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((Reply::of(frame).err, Reply::of(frame).zxid), (Code::AuthFailed.to_wire(), 0));
}

#[test]
fn a_connection_has_not_more_identities_than_the_limit() {
    let mut bench = Bench::leader();
    bench.config.limits.identities = 3;
    bench.connect(1);
    for _ in 0..3 {
        assert_eq!(login(&mut bench, 1, b"a:1").err, 0, "the same again is one");
    }
    assert_eq!(login(&mut bench, 1, b"b:2").err, 0);
    bench.take_sent();
    bench.send(1, 1, Op::AUTH, &AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"c:3") });
    assert!(matches!(bench.take_sent()[..], [Sent::Frame(..), Sent::Drop(1, DropReason::LimitReached)]));
}

#[test]
fn a_read_does_not_know_what_was_said_after_it() {
    let mut bench = two(31);
    bench.connect(3);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.send(3, 1, Op::CREATE, &create_request("/z", b"", 0));
    bench.send(3, 2, Op::GET_DATA, &read_request("/a"));
    bench.send(3, 3, Op::AUTH, &AuthPacket { kind: 0, scheme: b"digest", auth: Some(ALICE) });
    bench.send(3, 4, Op::GET_DATA, &read_request("/a"));
    bench.commit_all();
    let sent = bench.take_sent();
    let errs: Vec<i32> = sent.iter().map(|s| if let Sent::Frame(3, f) = s { Reply::of(f).err } else { 1 }).collect();
    assert_eq!(errs, [0, Code::NoAuth.to_wire(), 0, 0]);
}

#[test]
fn events_go_to_those_who_may_read() {
    let mut bench = two(31);
    for client in [1, 2] {
        for mode in [0, 1] {
            bench.ask(client, Op::ADD_WATCH, &AddWatchRequest { path: b"/a", mode });
        }
    }
    bench.take_sent();
    let heard = |bench: &mut Bench| -> Vec<Vec<u32>> {
        let sent = bench.take_sent();
        sent.iter().filter_map(|s| if let Sent::Watch(to, _) = s { Some(to.clone()) } else { None }).collect()
    };
    bench.send(1, 1, Op::SET_DATA, &set_request("/a", b"", -1));
    assert_eq!(heard(&mut bench), [[1]]);
    bench.send(1, 2, Op::CREATE, &create_request("/a/open", b"", 0));
    assert_eq!(heard(&mut bench), [vec![1, 2], vec![1]], "the new znode is open, its parent is not");
    bench.send(1, 3, Op::DELETE, &delete_request("/a/b", -1));
    assert_eq!(heard(&mut bench), [[1], [1]], "the list that it had");
}

#[test]
fn who_has_to_be_known_by_a_scheme_and_is_not_is_answered_so_and_nothing_else() {
    let mut bench = Bench::leader();
    bench.config.access.required = [Arc::from("digest")].into_iter().collect();
    let packet = |auth: &'static [u8]| AuthPacket { kind: 0, scheme: b"digest", auth: Some(auth) };
    bench.connect(1);
    bench.take_sent();
    bench.send(1, -4, Op::AUTH, &packet(b"me:secret"));
    bench.send(1, 1, Op::CREATE, &create_request("/a", b"", 0));
    let replies = bench.take_sent();
    let [Sent::Frame(1, first), Sent::Frame(1, second)] = &replies[..] else { panic!("two replies, not {replies:?}") };
    let told = [first, second].map(|frame| (Reply::of(frame).xid, Reply::of(frame).err));
    assert_eq!(told, [(-4, 0), (1, 0)]);
    for (op, xid) in [(Op::CREATE, 7), (Op::GET_DATA, 7), (Op::PING, -2), (Op::SYNC, 7), (Op::CLOSE_SESSION, 7)] {
        let session = bench.connect(2);
        bench.take_sent();
        bench.send(2, xid, op, &Nothing);
        let refused = ReplyHeader { xid, zxid: 0, err: Code::SessionClosedRequireSaslAuth.to_wire() }.to_bytes();
        assert_eq!(bench.take_sent(), [Sent::Frame(2, refused), Sent::Drop(2, DropReason::AuthFailed)]);
        assert!(bench.service.database().session_timeout(SessionId(session)).is_some(), "the session goes on");
    }
}
