//! Writes: their replies, the Stat rules, the order of checks, sequence numbers.

use super::*;

#[test]
fn what_is_created_can_be_read() {
    let mut bench = Bench::leader();
    bench.connect(1);
    assert_eq!(bench.create(1, "/a", 0).path(), "/a");
    let reply = bench.ask(1, Op::GET_DATA, &read_request("/a"));
    let GetDataReply { data, stat } = reply.body();
    let zxid = bench.service.applied().to_wire();
    assert_eq!(data, Some(&b"data"[..]));
    let expected = Stat {
        czxid: zxid,
        mzxid: zxid,
        ctime: 1_000,
        mtime: 1_000,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeral_owner: 0,
        data_length: 4,
        num_children: 0,
        pzxid: zxid,
    };
    assert_eq!((stat, reply.zxid), (expected, zxid));
}

fn stat(bench: &mut Bench, path: &str) -> Stat {
    bench.ask(1, Op::EXISTS, &read_request(path)).body::<StatReply>().stat
}

#[test]
fn stats_follow_zookeepers_rules() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/p", 0);
    let created = bench.service.applied().to_wire();
    bench.at = 2_000;
    bench.create(1, "/p/c", 0);
    bench.create(1, "/p/d", 0);
    let second_child = bench.service.applied().to_wire();
    let p = stat(&mut bench, "/p");
    assert_eq!((p.cversion, p.num_children, p.pzxid), (2, 2, second_child));
    assert_eq!((p.version, p.mzxid, p.mtime, p.ctime), (0, created, 1_000, 1_000));

    assert_eq!(bench.ask(1, Op::DELETE, &delete_request("/p/c", 0)).body, []);
    let deleted = bench.service.applied().to_wire();
    let p = stat(&mut bench, "/p");
    assert_eq!((p.cversion, p.num_children, p.pzxid), (3, 1, deleted), "creates and deletes both count");

    bench.at = 3_000;
    let set = bench.ask(1, Op::SET_DATA, &set_request("/p", b"", 0)).body::<StatReply>().stat;
    let p = stat(&mut bench, "/p");
    assert_eq!(set, p);
    assert_eq!((p.version, p.mzxid, p.mtime, p.ctime), (1, bench.service.applied().to_wire(), 3_000, 1_000));
    assert_eq!((p.pzxid, p.cversion, p.data_length), (deleted, 3, 0));
}

#[test]
fn create2_answers_the_stat_and_an_ephemeral_names_its_owner() {
    let mut bench = Bench::leader();
    let session = bench.connect(1);
    let reply = bench.ask(1, Op::CREATE2, &create_request("/e", b"xyz", 1));
    let Create2Reply { path, stat } = reply.body();
    assert_eq!(path, b"/e");
    assert_eq!((stat.ephemeral_owner, stat.data_length, stat.czxid), (session, 3, reply.zxid));
}

#[test]
fn null_data_and_acl_entries_come_back_as_they_were() {
    let mut bench = Bench::leader();
    bench.connect(1);
    let entry = |perms, scheme, id| Acl { perms, id: Id { scheme, id } };
    let digest = entry(5, &b"digest"[..], &b"b:x"[..]);
    let acl = vec![digest.clone(), entry(1, b"world", b"anyone"), digest];
    let request = CreateRequest { path: b"/n", data: None, acl: Some(acl.clone()), flags: 0 };
    bench.ask(1, Op::CREATE, &request);
    let reply = bench.ask(1, Op::GET_DATA, &read_request("/n"));
    assert_eq!(reply.body::<GetDataReply<'_>>().data, None);
    let znode = bench.service.database().tree().get(b"/n").expect("a znode");
    assert_eq!(znode.acl().entries().collect::<Vec<_>>(), acl[..2], "without the repeated one, in their order");
}

#[test]
fn sequence_numbers_count_every_child_ever_created() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/q", 0);
    assert_eq!(bench.create(1, "/q/n-", 2).path(), "/q/n-0000000000");
    bench.create(1, "/q/plain", 0);
    bench.ask(1, Op::DELETE, &delete_request("/q/plain", -1));
    assert_eq!(bench.create(1, "/q/", 3).path(), "/q/0000000002");
    assert_eq!(bench.create(1, "/q/plain/no", 2).error(), Code::NoNode.to_wire());
    assert_eq!(bench.create(1, "/q/m-", 3).path(), "/q/m-0000000003", "a failed create takes no number");
}

#[test]
fn pipelined_sequential_creates_see_each_other() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/q", 0);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    for xid in 1..=3 {
        bench.send(1, xid, Op::CREATE, &create_request("/q/n-", b"", 2));
    }
    bench.commit_all();
    let paths: Vec<String> = bench.take_sent().iter().map(|sent| frame_of(sent).path()).collect();
    assert_eq!(paths, ["/q/n-0000000000", "/q/n-0000000001", "/q/n-0000000002"]);
}

fn frame_of(sent: &Sent) -> Reply {
    let Sent::Frame(1, frame) = sent else { panic!("expected a reply, got {sent:?}") };
    Reply::of(frame)
}

/// A tree with a znode, an ephemeral one and a parent with a child.
fn furnished() -> Bench {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/a", 0);
    bench.create(1, "/e", 1);
    bench.create(1, "/p", 0);
    bench.create(1, "/p/c", 0);
    bench
}

#[track_caller]
fn check<'a>(op: i32, body: &impl Jute<'a>, expected: Code) {
    let mut bench = furnished();
    let before = bench.service.applied();
    let reply = bench.ask(1, op, body);
    assert_eq!(reply.error(), expected.to_wire());
    assert_eq!(bench.service.applied(), before.next().expect("a counter"), "a failed write takes a zxid");
    assert_eq!(reply.zxid, bench.service.applied().to_wire());
}

#[test]
fn the_order_of_checks_of_create() {
    let no_acl = |path: &'static str, flags| CreateRequest { path: path.as_bytes(), data: None, acl: None, flags };
    let empty_acl = |path: &'static str| CreateRequest { acl: Some(vec![]), ..no_acl(path, 0) };
    check(Op::CREATE, &no_acl("bad", 9), Code::BadArguments);
    check(Op::CREATE, &no_acl("bad", 5), Code::BadArguments);
    check(Op::CREATE, &no_acl("bad", 0), Code::BadArguments);
    check(Op::CREATE, &no_acl("/missing/x", 0), Code::InvalidAcl);
    check(Op::CREATE, &empty_acl("/a"), Code::InvalidAcl);
    check(Op::CREATE, &create_request("/missing/..", b"", 0), Code::NoNode);
    check(Op::CREATE, &create_request("/a/..", b"", 0), Code::BadArguments);
    check(Op::CREATE, &create_request("/a/", b"", 0), Code::BadArguments);
    check(Op::CREATE, &create_request("/a", b"", 0), Code::NodeExists);
    check(Op::CREATE, &create_request("/", b"", 0), Code::NodeExists);
    check(Op::CREATE, &create_request("/e/x", b"", 0), Code::NoChildrenForEphemerals);
}

#[test]
fn the_order_of_checks_of_delete() {
    check(Op::DELETE, &delete_request("bad", 9), Code::BadArguments);
    check(Op::DELETE, &delete_request("", 9), Code::BadArguments);
    for fixed in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        check(Op::DELETE, &delete_request(fixed, -1), Code::BadArguments);
    }
    check(Op::DELETE, &delete_request("/missing/x", 9), Code::NoNode);
    check(Op::DELETE, &delete_request("/missing", 9), Code::NoNode);
    check(Op::DELETE, &delete_request("/a/", 9), Code::NoNode);
    check(Op::DELETE, &delete_request("/p", 9), Code::BadVersion);
    check(Op::DELETE, &delete_request("/p", 0), Code::NotEmpty);
}

#[test]
fn the_order_of_checks_of_set_data() {
    check(Op::SET_DATA, &set_request("bad", b"", 9), Code::BadArguments);
    check(Op::SET_DATA, &set_request("/a/", b"", 9), Code::BadArguments);
    check(Op::SET_DATA, &set_request("/missing", b"", 9), Code::NoNode);
    check(Op::SET_DATA, &set_request("/a", b"", 1), Code::BadVersion);
}

#[test]
fn a_write_that_cannot_be_read_fails_with_a_fresh_zxid() {
    check(Op::CREATE, &Nothing, Code::MarshallingError);
    check(Op::DELETE, &Nothing, Code::MarshallingError);
    check(Op::SET_DATA, &0x7fff_ffffi32, Code::MarshallingError);
}

#[test]
fn an_error_transaction_has_a_header_a_code_and_nothing_else() {
    let mut bench = furnished();
    bench.commits = Commits::WhenTold;
    bench.send(1, 5, Op::DELETE, &delete_request("/missing", -1));
    let bytes = &bench.proposed[0].bytes;
    let header = TxnHeader { session: BASE + 1, cxid: 5, zxid: bench.proposed[0].zxid.to_wire(), time: 1_000, op: -1 };
    let mut expected = header.to_bytes();
    ErrorTxn { err: -101 }.encode(&mut expected);
    assert_eq!(**bytes, *expected);
}

#[test]
fn closing_lists_the_sessions_znodes_sorted_those_that_are_only_proposed_included() {
    let mut bench = furnished();
    bench.commits = Commits::WhenTold;
    bench.send(1, 5, Op::CREATE, &create_request("/z", b"", 1));
    bench.send(1, 6, Op::DELETE, &delete_request("/e", -1));
    bench.send(1, 7, Op::CREATE, &create_request("/b", b"", 1));
    bench.send(1, 8, Op::CLOSE_SESSION, &Nothing);
    let bytes = Arc::clone(&bench.proposed[3].bytes);
    let mut r = Reader::new(&bytes);
    TxnHeader::decode(&mut r).expect("a header");
    assert_eq!(CloseSessionTxn::decode(&mut r).expect("the body").paths, [&b"/b"[..], b"/z"]);
    bench.commit_all();
    assert_eq!(bench.service.database().tree().children(b"/").collect::<Vec<_>>(), [&b"a"[..], b"p", b"zookeeper"]);
    assert!(!bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. })));
}

/// ZOOKEEPER-4306: a record that no follower takes would end every reign.
#[test]
fn the_end_of_a_session_fits_a_packet_whatever_the_session_owns() {
    let mut bench = furnished();
    bench.config.limits.packet_bytes = 2_000;
    for number in 0..9 {
        assert_eq!(bench.create(1, &format!("/{number}{}", "x".repeat(300)), 1).err, 0);
    }
    bench.commits = Commits::WhenTold;
    bench.send(1, 8, Op::CLOSE_SESSION, &Nothing);
    assert!(bench.proposed[0].bytes.len() < 200, "{}", bench.proposed[0].bytes.len());
    bench.commit_all();
    assert_eq!(bench.service.database().tree().children(b"/").collect::<Vec<_>>(), [&b"a"[..], b"p", b"zookeeper"]);
    assert!(!bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. })), "as it was predicted");
}
