//! A data directory that Apache ZooKeeper wrote, opened in place, and given back.
//!
//! `ZABRA_APACHE_JARS` says where its jars are, or the test is skipped; `ZABRA_DIRECTORY_ZNODES` how
//! many znodes there are besides the special ones.

use crate::java::{DataDirectory, Java};
use crate::process::{Scratch, Server, free_ports};
use crate::raw::Raw;
use std::collections::BTreeMap;
use zabra_core::wire::multi::encode_request;
use zabra_core::wire::records::{
    Acl, CreateRequest, CreateTtlRequest, DeleteRequest, GetChildrenReply, Id, PathRequest, ReadRequest, SetAclRequest,
    SetDataRequest,
};
use zabra_core::wire::{Jute, Op, Reader};

type Request = (i32, Vec<u8>);

/// What clients can see of a tree: by path, the bodies of getData and getACL (data, stat, list).
type Seen = BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>;

#[test]
fn apaches_data_directory_is_opened_in_place_and_given_back() {
    for java in Java::all() {
        there_and_back(&java);
    }
}

fn there_and_back(java: &Java) {
    let scratch = Scratch::new("directory");
    let data = DataDirectory::at(scratch.join("1"));

    // Apache fills it: a log, then (at its next start) a snapshot of it and a log behind that.
    let apache = java.serve(&data);
    let mut owner = Raw::enter(apache.port);
    owner.identify(b"digest", b"alice:secret");
    owner.demand(&many(znodes()));
    owner.demand(&special("/first"));
    drop(apache);
    let apache = java.serve(&data);
    let mut owner = owner.again(apache.port).expect("Apache knows its session");
    owner.identify(b"digest", b"alice:secret");
    owner.demand(&special("/second"));
    owner.demand(&changes("/first"));
    let left = seen(apache.port);
    drop(apache);

    let config = format!("enforceQuota=true\nDigestAuthenticationProvider.superDigest={}\n", crate::java::SUPER);
    let mut zabra = Server::start(&scratch, "1", free_ports(1)[0], &config);
    zabra.until_it_serves();
    same(&left, &seen(zabra.client.port()), &format!("what Zabra finds in a directory of {}", java.from));
    let mut owner = owner.again(zabra.client.port()).expect("Zabra knows Apache's session");
    owner.identify(b"digest", b"alice:secret");
    owner.demand(&changes("/second"));
    owner.demand(&special("/third"));
    let left = seen(zabra.client.port());
    assert_eq!(zabra.stop().code(), Some(0));

    let apache = java.serve(&data);
    same(&left, &seen(apache.port), &format!("what {} finds in a directory of Zabra's", java.from));
    let words = apache.answer("mntr").expect("it answers");
    let mismatches = words.lines().find(|line| line.starts_with("zk_digest_mismatches_count"));
    assert!(mismatches.is_none_or(|line| line.ends_with("\t0")), "{}: {mismatches:?}", java.from);
    let mut owner = owner.again(apache.port).expect("the session came back");
    owner.demand(&[(Op::CLOSE_SESSION, Vec::new())]);
    for top in ["/first", "/second", "/third"] {
        let path = format!("{top}/fleeting").into_bytes();
        assert!(left.contains_key(&path), "{top}: its owner was there");
        let (err, _) = &Raw::enter(apache.port).ask(&[read(Op::EXISTS, &path)])[0];
        assert_eq!(*err, -101, "{top}: it went with its session");
    }
}

fn znodes() -> usize {
    let told = std::env::var("ZABRA_DIRECTORY_ZNODES").ok();
    told.map_or(3_000, |count| count.parse().expect("ZABRA_DIRECTORY_ZNODES is a number"))
}

/// So many znodes of 100 bytes, a thousand below each of their parents.
fn many(count: usize) -> Vec<Request> {
    let parents = (0..count.div_ceil(1000)).map(|at| create(&format!("/many-{at}"), b"", world(31), 0));
    let znodes = (0..count).map(|at| {
        let data = format!("{at:0100}");
        create(&format!("/many-{}/{at}", at / 1000), data.as_bytes(), world(31), 0)
    });
    parents.chain(znodes).collect()
}

/// One of each kind: lists, modes, quotas, a multi.
fn special(top: &str) -> Vec<Request> {
    let at = |name: &str| format!("{top}/{name}");
    let quota = format!("/zookeeper/quota{top}/held");
    let mine = || vec![Acl { perms: 31, id: Id { scheme: b"auth", id: b"" } }];
    let mut requests = vec![
        create(top, b"", world(31), 0),
        create(&at("mine"), b"1", mine(), 0),
        create(&at("read-only"), b"2", world(1), 0),
        create(&at("local"), b"3", vec![Acl { perms: 31, id: Id { scheme: b"ip", id: b"127.0.0.0/8" } }], 0),
        create(&at("fleeting"), b"4", world(31), 1),
        create(&at("row-"), b"5", world(31), 2),
        create(&at("row-"), b"6", world(31), 2),
        create(&at("fleeting-row-"), b"7", mine(), 3),
        container(&at("container")),
        create(&at("container/in"), b"8", world(31), 0),
        timed(&at("timed"), 5, 400_000_000),
        timed(&at("timed-row-"), 6, 500_000_000),
        create(&at("held"), b"9", world(31), 0),
        create(&at("none"), b"", world(31), 0),
        multi(&[create(&at("in-one"), b"10", world(31), 0), set(&at("none"), b"11"), delete(&at("in-one"))]),
    ];
    // The parents of a quota's znodes, which the second of one prefix finds.
    requests.push(create(&format!("/zookeeper/quota{top}"), b"", world(31), 0));
    requests.extend([
        create(&quota, b"", world(31), 0),
        create(&format!("{quota}/zookeeper_limits"), b"count=10,bytes=100=;countHardLimit=20", world(31), 0),
        create(&format!("{quota}/zookeeper_stats"), b"count=0,bytes=0", world(31), 0),
        create(&at("held/a"), b"123456", world(31), 0),
        create(&at("held/b"), b"1234", world(31), 0),
        delete(&at("held/b")),
    ]);
    requests
}

/// What becomes of those later, under another server.
fn changes(top: &str) -> Vec<Request> {
    let at = |name: &str| format!("{top}/{name}");
    let list = Some(vec![Acl { perms: 3, id: Id { scheme: b"world", id: b"anyone" } }]);
    vec![
        set(&at("mine"), b"changed"),
        create(&at("row-"), b"next", world(31), 2),
        set(&at("held/a"), b"12"),
        create(&at("held/c"), b"123", world(31), 0),
        delete(&at("container/in")),
        create(&at("container/again"), b"8", world(31), 0),
        set(&at("timed"), b"later"),
        (Op::SET_ACL, SetAclRequest { path: at("local").as_bytes(), acl: list, version: 0 }.to_bytes()),
        multi(&[delete(&at("none")), create(&at("none"), b"anew", world(31), 0)]),
    ]
}

/// The whole tree, to the superuser.
fn seen(port: u16) -> Seen {
    let mut raw = Raw::enter(port);
    raw.identify(b"digest", b"super:secret");
    let mut seen = Seen::new();
    let mut level = vec![b"/".to_vec()];
    while !level.is_empty() {
        let asked: Vec<Request> = level.iter().flat_map(|path| each(path)).collect();
        let answers = raw.ask(&asked);
        let mut next = Vec::new();
        for (path, answers) in level.iter().zip(answers.chunks(3)) {
            for (err, _) in answers {
                assert_eq!(*err, 0, "{}", path.escape_ascii());
            }
            let children = GetChildrenReply::decode(&mut Reader::new(&answers[2].1)).unwrap().children;
            let parent = if path == b"/" { b"" } else { path.as_slice() };
            next.extend(children.iter().map(|name| [parent, b"/", name].concat()));
            seen.insert(path.clone(), (answers[0].1.clone(), answers[1].1.clone()));
        }
        level = next;
    }
    seen
}

fn each(path: &[u8]) -> [Request; 3] {
    [read(Op::GET_DATA, path), (Op::GET_ACL, PathRequest { path }.to_bytes()), read(Op::GET_CHILDREN, path)]
}

#[track_caller]
fn same(left: &Seen, found: &Seen, what: &str) {
    for (path, was) in left {
        let shown = path.escape_ascii();
        let is = found.get(path).unwrap_or_else(|| panic!("{what}: {shown} is gone"));
        assert_eq!(was, is, "{what}: {shown} (getData, getACL)");
    }
    let new: Vec<_> = found.keys().filter(|path| !left.contains_key(*path)).map(|path| path.escape_ascii()).collect();
    assert!(new.is_empty(), "{what}: there is more than was left: {}", new[0]);
}

fn world(perms: i32) -> Vec<Acl<'static>> {
    vec![Acl { perms, id: Id { scheme: b"world", id: b"anyone" } }]
}

fn create(path: &str, data: &[u8], acl: Vec<Acl<'_>>, flags: i32) -> Request {
    (Op::CREATE, CreateRequest { path: path.as_bytes(), data: Some(data), acl: Some(acl), flags }.to_bytes())
}

fn container(path: &str) -> Request {
    let request = CreateRequest { path: path.as_bytes(), data: None, acl: Some(world(31)), flags: 4 };
    (Op::CREATE_CONTAINER, request.to_bytes())
}

fn timed(path: &str, flags: i32, ttl: i64) -> Request {
    let request = CreateTtlRequest { path: path.as_bytes(), data: Some(b"t"), acl: Some(world(31)), flags, ttl };
    (Op::CREATE_TTL, request.to_bytes())
}

fn set(path: &str, data: &[u8]) -> Request {
    (Op::SET_DATA, SetDataRequest { path: path.as_bytes(), data: Some(data), version: -1 }.to_bytes())
}

fn delete(path: &str) -> Request {
    (Op::DELETE, DeleteRequest { path: path.as_bytes(), version: -1 }.to_bytes())
}

fn read(op: i32, path: &[u8]) -> Request {
    (op, ReadRequest { path, watch: false }.to_bytes())
}

fn multi(parts: &[Request]) -> Request {
    let mut body = Vec::new();
    encode_request(parts.iter().map(|(op, body)| (*op, body.as_slice())), &mut body);
    (Op::MULTI, body)
}
