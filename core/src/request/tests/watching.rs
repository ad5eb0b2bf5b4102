//! Watches: which changes fire them, what the event says, and re-arming after a reconnect.

use super::*;

/// Events as `who kind path zxid`.
fn events(bench: &mut Bench) -> Vec<String> {
    let sent = bench.take_sent();
    let lines = sent.iter().filter_map(|sent| match sent {
        Sent::Watch(clients, frame) => {
            let Reply { xid, zxid, err, body } = Reply::of(frame);
            let WatcherEvent { kind, state, path } = WatcherEvent::from_bytes(&body).expect("an event");
            assert_eq!((xid, err, state), (-1, 0, 3));
            let zxid = if zxid == -1 { "-1".to_string() } else { Zxid::from_wire(zxid).to_string() };
            Some(format!("{clients:?} {kind} {} {zxid}", path.escape_ascii()))
        }
        Sent::Frame(..) | Sent::Drop(..) | Sent::Other(_) => None,
    });
    lines.collect()
}

/// Client 1 writes; clients 2 and 3 watch. Zxids so far: 1.1 to 1.3.
fn audience() -> Bench {
    let mut bench = Bench::leader();
    for client in 1..=3 {
        bench.connect(client);
    }
    bench.take_sent();
    bench
}

#[test]
fn a_creation_fires_exists_watches_and_the_parents_children() {
    let mut bench = audience();
    for client in [3, 2] {
        bench.send(client, 1, Op::EXISTS, &watch_request("/a"));
        bench.send(client, 2, Op::EXISTS, &watch_request("/a"));
    }
    bench.send(2, 3, Op::GET_CHILDREN, &watch_request("/"));
    bench.send(1, 1, Op::CREATE, &create_request("/b", b"", 0));
    assert_eq!(events(&mut bench), ["[2] 4 / 1.4"]);
    bench.send(2, 3, Op::GET_CHILDREN2, &watch_request("/"));
    bench.send(1, 1, Op::CREATE, &create_request("/a", b"", 0));
    assert_eq!(events(&mut bench), ["[2, 3] 1 /a 1.5", "[2] 4 / 1.5"]);
    bench.send(1, 2, Op::SET_DATA, &set_request("/a", b"", -1));
    assert_eq!(events(&mut bench), [""; 0], "one-shot");
    assert_eq!(bench.service.watches_len(), 0);
}

#[test]
fn data_and_deletion_fire_once_per_connection() {
    let mut bench = audience();
    bench.create(1, "/p", 0);
    bench.create(1, "/p/a", 0);
    bench.send(2, 1, Op::GET_DATA, &watch_request("/p/a"));
    bench.send(1, 1, Op::SET_DATA, &set_request("/p/a", b"", -1));
    assert_eq!(events(&mut bench), ["[2] 3 /p/a 1.6"]);
    bench.send(2, 1, Op::GET_DATA, &watch_request("/p/a"));
    bench.send(2, 2, Op::GET_CHILDREN, &watch_request("/p/a"));
    bench.send(3, 1, Op::GET_CHILDREN, &watch_request("/p/a"));
    bench.send(3, 2, Op::GET_CHILDREN, &watch_request("/p"));
    bench.send(1, 2, Op::DELETE, &delete_request("/p/a", -1));
    assert_eq!(events(&mut bench), ["[2, 3] 2 /p/a 1.7", "[3] 4 /p 1.7"]);
}

#[test]
fn only_exists_watches_what_is_not_there() {
    let mut bench = audience();
    for op in [Op::GET_DATA, Op::GET_CHILDREN, Op::GET_CHILDREN2] {
        assert_eq!(bench.ask(2, op, &watch_request("/a")).error(), Code::NoNode.to_wire());
    }
    assert_eq!(bench.service.watches_len(), 0);
    assert_eq!(bench.ask(2, Op::EXISTS, &watch_request("/a")).error(), Code::NoNode.to_wire());
    assert_eq!(bench.service.watches_len(), 1);
    assert_eq!(bench.ask(2, Op::EXISTS, &watch_request("/a\0")).error(), Code::BadArguments.to_wire());
    for op in [Op::GET_DATA, Op::GET_CHILDREN, Op::GET_CHILDREN2] {
        assert_eq!(bench.ask(2, op, &watch_request("/a\0")).error(), Code::NoNode.to_wire(), "op {op}");
    }
    assert_eq!(bench.service.watches_len(), 1);
    assert_eq!(bench.ask(2, Op::EXISTS, &watch_request("no path")).error(), Code::NoNode.to_wire());
}

#[test]
fn the_end_of_a_session_fires_for_each_znode_with_one_zxid() {
    let mut bench = audience();
    bench.create(1, "/e1", 1);
    bench.create(1, "/e2", 1);
    bench.send(2, 1, Op::EXISTS, &watch_request("/e2"));
    bench.send(2, 2, Op::GET_CHILDREN, &watch_request("/"));
    bench.take_sent();
    bench.send(1, 1, Op::CLOSE_SESSION, &Nothing);
    assert_eq!(events(&mut bench), ["[2] 4 / 1.6", "[2] 2 /e2 1.6"]);
}

#[test]
fn watches_die_with_their_connection() {
    let mut bench = audience();
    bench.send(2, 1, Op::EXISTS, &watch_request("/a"));
    bench.call(|service, cx, _| service.client_closed(cx, ClientId(2)));
    assert_eq!(bench.service.watches_len(), 0);
    bench.take_sent();
    bench.create(1, "/a", 0);
}

#[test]
fn children_are_listed_sorted_with_their_parents_stat() {
    let mut bench = audience();
    for path in ["/b", "/a", "/c"] {
        bench.create(1, path, 0);
    }
    let children = [&b"a"[..], b"b", b"c", b"zookeeper"];
    let reply = bench.ask(1, Op::GET_CHILDREN, &read_request("/"));
    assert_eq!(reply.body::<GetChildrenReply<'_>>().children, children);
    let reply = bench.ask(1, Op::GET_CHILDREN2, &read_request("/"));
    let GetChildren2Reply { children: again, stat } = reply.body();
    assert_eq!((again, stat.num_children), (children.to_vec(), 4));
}

fn rearm(bench: &mut Bench, relative_zxid: i64, data: &[&str], exist: &[&str], child: &[&str]) -> Vec<String> {
    let list = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect::<Vec<_>>();
    let (data, exist, child) = (list(data), list(exist), list(child));
    let lists = SetWatches {
        relative_zxid,
        data: data.iter().map(|path| &path[..]).collect(),
        exist: exist.iter().map(|path| &path[..]).collect(),
        child: child.iter().map(|path| &path[..]).collect(),
    };
    bench.take_sent();
    bench.send(2, -8, Op::SET_WATCHES, &lists);
    let Some(Sent::Frame(2, reply)) = bench.sent.iter().rfind(|sent| matches!(sent, Sent::Frame(..))) else {
        panic!("a reply")
    };
    assert_eq!((Reply::of(reply).xid, Reply::of(reply).err, &Reply::of(reply).body[..]), (-8, 0, &[][..]));
    events(bench)
}

/// Which event a re-armed watch gives at once, for each history since the zxid that the client has
/// seen (ZOOKEEPER-1667).
#[test]
fn rearming_tells_what_was_missed_and_keeps_the_rest() {
    let mut bench = audience();
    for path in ["/same", "/changed", "/recreated", "/deleted", "/parent"] {
        bench.create(1, path, 0);
    }
    let seen = bench.service.applied().to_wire();
    bench.ask(1, Op::SET_DATA, &set_request("/changed", b"", -1));
    bench.ask(1, Op::DELETE, &delete_request("/recreated", -1));
    bench.create(1, "/recreated", 0);
    bench.ask(1, Op::DELETE, &delete_request("/deleted", -1));
    bench.create(1, "/parent/child", 0);
    let all = ["/same", "/changed", "/recreated", "/deleted", "/parent"];
    let data = rearm(&mut bench, seen, &all, &[], &[]);
    assert_eq!(data, ["[2] 3 /changed -1", "[2] 3 /recreated -1", "[2] 2 /deleted -1"]);
    assert_eq!(bench.service.watches_len(), 2, "/same and /parent");
    let exist = rearm(&mut bench, seen, &[], &["/recreated", "/deleted"], &[]);
    assert_eq!(exist, ["[2] 1 /recreated -1"]);
    let child = rearm(&mut bench, seen, &[], &[], &all);
    assert_eq!(child, ["[2] 4 /recreated -1", "[2] 2 /deleted -1", "[2] 4 /parent -1"]);
    assert_eq!(bench.service.watches_len(), 5, "a later request adds to the earlier ones (ZOOKEEPER-706)");
    bench.take_sent();
    bench.send(1, 1, Op::SET_DATA, &set_request("/same", b"", -1));
    bench.send(1, 2, Op::CREATE, &create_request("/deleted", b"", 0));
    let zxid = bench.service.applied();
    assert_eq!(events(&mut bench)[1], format!("[2] 1 /deleted {zxid}"));
}

#[test]
fn rearming_tells_nothing_of_a_znode_that_may_not_be_read() {
    let mut bench = audience();
    let secret = AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"alice:secret") };
    bench.ask(1, Op::AUTH, &secret);
    bench.create(1, "/hers", 0);
    let hers = vec![Acl { perms: 31, id: Id { scheme: b"auth", id: b"" } }];
    bench.ask(1, Op::SET_ACL, &SetAclRequest { path: b"/hers", acl: Some(hers), version: -1 });
    assert_eq!(rearm(&mut bench, 0, &["/hers"], &["/hers"], &["/hers"]), [""; 0]);
    bench.ask(2, Op::AUTH, &secret);
    assert_eq!(rearm(&mut bench, 0, &["/hers"], &[], &[]), ["[2] 3 /hers -1"], "now it may be read");
}
