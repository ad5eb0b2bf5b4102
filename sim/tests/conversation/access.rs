//! Identities, lists, and what they permit.

use super::Conversation;
use super::script::{Step, auth, bare, create, delete, enter, everyone, multi, read, request, say, set_data, sync};
use zabra_core::wire::Op;
use zabra_core::wire::records::{Acl, CheckVersionRequest, CreateRequest, Id, PathRequest, SetAclRequest};

pub fn all() -> Vec<Conversation> {
    let mut told = vec![identities(), refused(), superuser()];
    told.extend(lists());
    told.push(every_operation());
    told.push(events());
    told.extend(quotas());
    told
}

fn entry<'a>(perms: i32, scheme: &'a [u8], id: &'a [u8]) -> Acl<'a> {
    Acl { perms, id: Id { scheme, id } }
}

fn with(xid: i32, path: &[u8], acl: Vec<Acl<'_>>) -> Vec<u8> {
    request(xid, Op::CREATE, &CreateRequest { path, data: Some(b"data"), acl: Some(acl), flags: 0 })
}

fn set_acl(xid: i32, path: &[u8], acl: Vec<Acl<'_>>, version: i32) -> Vec<u8> {
    request(xid, Op::SET_ACL, &SetAclRequest { path, acl: Some(acl), version })
}

fn on(xid: i32, op: i32, path: &[u8]) -> Vec<u8> {
    request(xid, op, &PathRequest { path })
}

fn who(xid: i32) -> Vec<u8> {
    bare(xid, Op::WHO_AM_I, &[])
}

fn talk(name: &str, frames: Vec<Vec<u8>>) -> Conversation {
    Conversation::new(name, enter(0).into_iter().chain(frames.into_iter().map(|frame| say(0, frame))))
}

fn identities() -> Conversation {
    talk(
        "who a connection is",
        vec![
            auth(b"digest", b"alice:secret"),
            auth(b"digest", b"bob"),
            auth(b"digest", b"alice:secret"),
            auth(b"ip", b""),
            with(1, b"/who", vec![entry(31, b"auth", b"")]),
            on(2, Op::GET_ACL, b"/who"),
            who(4),
            delete(3, b"/who", -1),
        ],
    )
}

fn refused() -> Conversation {
    let attempt = |n: usize, scheme: &'static [u8]| {
        enter(n).into_iter().chain([say(n, auth(scheme, b"alice:secret"))]).collect::<Vec<Step>>()
    };
    let schemes: [&[u8]; 4] = [b"nobody", b"world", b"super", b""];
    let steps = schemes.into_iter().zip(0..).flat_map(|(scheme, n)| attempt(n, scheme));
    Conversation::new("auth packets that show nothing", steps)
}

fn superuser() -> Conversation {
    talk(
        "the superuser",
        vec![
            with(1, b"/closed", vec![entry(0, b"world", b"anyone")]),
            read(2, Op::GET_DATA, b"/closed", false),
            set_acl(3, b"/closed", everyone(), -1),
            auth(b"digest", b"super:secret"),
            read(4, Op::GET_DATA, b"/closed", false),
            on(5, Op::GET_ACL, b"/closed"),
            set_acl(6, b"/closed", vec![entry(31, b"super", b"")], -1),
            set_acl(7, b"/closed", vec![entry(1, b"auth", b"")], 0),
            on(8, Op::GET_ACL, b"/closed"),
            delete(9, b"/closed", -1),
        ],
    )
}

fn lists() -> Vec<Conversation> {
    let ids: [(&[u8], &[u8]); 24] = [
        (b"world", b"anyone"),
        (b"world", b"all"),
        (b"auth", b""),
        (b"digest", b"a:b"),
        (b"digest", b"a"),
        (b"digest", b"a:"),
        (b"digest", b":b"),
        (b"digest", b"a:b:c"),
        (b"digest", b""),
        (b"ip", b"127.0.0.1"),
        (b"ip", b"10.0.0.0/8"),
        (b"ip", b"10.0.0.0/33"),
        (b"ip", b"10.0.0.0/-1"),
        (b"ip", b"10.0.0"),
        (b"ip", b"10.0.0.256"),
        (b"ip", b"host"),
        (b"ip", b"10.0.0.0/8/8"),
        (b"sasl", b"a"),
        (b"x509", b"CN=a"),
        (b"super", b""),
        (b"", b""),
        (b"nobody", b"x"),
        (b"digest", b"a:b:"),
        (b"ip", b""),
    ];
    let each = ids.into_iter().zip(1..).map(|((scheme, id), xid)| {
        set_acl(xid, b"/lists", vec![entry(31, b"world", b"anyone"), entry(3, scheme, id)], -1)
    });
    let mut frames = vec![create(100, b"/lists", None, 0)];
    frames.extend(each);
    frames.extend([
        set_acl(50, b"/lists", vec![], -1),
        request(51, Op::SET_ACL, &SetAclRequest { path: b"/lists", acl: None, version: -1 }),
        set_acl(52, b"/lists", everyone(), 0),
        set_acl(53, b"/none", everyone(), -1),
        set_acl(54, b"bad", everyone(), -1),
        set_acl(55, b"bad", vec![], -1),
        set_acl(56, b"/none", vec![], -1),
        set_acl(57, b"/lists", vec![entry(31, b"world", b"anyone"), entry(31, b"world", b"anyone")], -1),
        on(58, Op::GET_ACL, b"/lists"),
        on(59, Op::GET_ACL, b"/none"),
        on(60, Op::GET_ACL, b"/"),
        on(61, Op::GET_ACL, b"/zookeeper"),
        on(62, Op::GET_ACL, b"/zookeeper/config"),
        set_data(63, b"/zookeeper/config", None, -1),
        read(64, Op::EXISTS, b"/lists", false),
    ]);
    vec![talk("lists that may be given, and not", frames)]
}

/// One znode that only alice may use, and a stranger who tries everything.
fn every_operation() -> Conversation {
    let mut steps: Vec<Step> = enter(0).into_iter().chain(enter(1)).collect();
    let own = || vec![entry(31, b"auth", b"")];
    steps.extend([
        say(0, auth(b"digest", b"alice:secret")),
        say(0, with(1, b"/hers", own())),
        say(0, with(2, b"/hers/below", own())),
    ]);
    let attempts = |first: i32| {
        vec![
            read(first, Op::EXISTS, b"/hers", false),
            read(first + 1, Op::GET_DATA, b"/hers", false),
            read(first + 2, Op::GET_CHILDREN, b"/hers", false),
            read(first + 3, Op::GET_CHILDREN2, b"/hers", false),
            on(first + 4, Op::GET_ACL, b"/hers"),
            on(first + 5, Op::GET_ALL_CHILDREN_NUMBER, b"/hers"),
            set_data(first + 6, b"/hers", None, -1),
            set_data(first + 7, b"/hers", None, 99),
            set_acl(first + 8, b"/hers", own(), -1),
            set_acl(first + 9, b"/hers", vec![entry(31, b"digest", b"a:b"), entry(31, b"world", b"anyone")], 99),
            create(first + 10, b"/hers/new", None, 0),
            create(first + 11, b"/hers/below", None, 0),
            create(first + 12, b"/hers/../x", None, 0),
            delete(first + 13, b"/hers/below", 99),
            delete(first + 14, b"/hers/none", -1),
            multi(
                first + 15,
                Op::MULTI,
                vec![request(0, Op::CHECK, &CheckVersionRequest { path: b"/hers", version: -1 })],
            ),
            multi(
                first + 16,
                Op::MULTI_READ,
                vec![read(0, Op::GET_DATA, b"/hers", false), read(0, Op::GET_CHILDREN, b"/", false)],
            ),
            sync(first + 17, b"/hers"),
            read(first + 18, Op::GET_DATA, b"/hers/below", false),
        ]
    };
    for connection in [1, 0] {
        steps.extend(attempts(100).into_iter().map(|frame| say(connection, frame)));
    }
    steps.extend([
        say(0, set_acl(200, b"/hers", vec![entry(31, b"auth", b""), entry(1, b"world", b"anyone")], -1)),
        say(1, on(201, Op::GET_ACL, b"/hers")),
        say(1, auth(b"digest", b"alice:secret")),
        say(1, on(202, Op::GET_ACL, b"/hers")),
        say(1, delete(203, b"/hers/below", -1)),
    ]);
    Conversation::new("a znode that one client may use", steps)
}

/// Who may not read hears nothing, and its one-shot watch is gone all the same.
fn events() -> Conversation {
    let mut steps: Vec<Step> = enter(0).into_iter().chain(enter(1)).collect();
    steps.extend([
        say(0, auth(b"digest", b"alice:secret")),
        say(0, create(1, b"/heard", None, 0)),
        say(1, read(2, Op::GET_DATA, b"/heard", true)),
        say(1, read(3, Op::GET_CHILDREN, b"/heard", true)),
        say(1, read(4, Op::EXISTS, b"/heard/later", true)),
        say(0, set_acl(5, b"/heard", vec![entry(31, b"auth", b"")], -1)),
        say(0, set_data(6, b"/heard", None, -1)),
        say(0, with(7, b"/heard/later", vec![entry(31, b"auth", b"")])),
        say(0, with(8, b"/heard/open", everyone())),
        say(0, set_acl(9, b"/heard", everyone(), -1)),
        say(0, set_data(10, b"/heard", None, -1)),
        say(0, delete(11, b"/heard/later", -1)),
    ]);
    Conversation::new("events that a client may not hear", steps)
}

/// Limits and stats, soft and hard (`enforceQuota`).
fn quotas() -> Vec<Conversation> {
    let stats =
        |xid, path: &str| read(xid, Op::GET_DATA, format!("/zookeeper/quota{path}/zookeeper_stats").as_bytes(), false);
    let quota = |first: i32, path: &str, limits: &str| {
        let top = format!("/zookeeper/quota{path}");
        vec![
            create(first, path.as_bytes(), Some(b"1234"), 0),
            create(first + 1, format!("{path}/before").as_bytes(), Some(b"56"), 0),
            create(first + 2, top.as_bytes(), None, 0),
            create(first + 3, format!("{top}/zookeeper_limits").as_bytes(), Some(limits.as_bytes()), 0),
            create(first + 4, format!("{top}/zookeeper_stats").as_bytes(), Some(b"count=0,bytes=0"), 0),
            stats(first + 5, path),
        ]
    };
    let change = |first: i32, path: &str| {
        let at = |name: &str| format!("{path}/{name}").into_bytes();
        vec![
            create(first, &at("a"), Some(b"789"), 0),
            stats(first + 1, path),
            set_data(first + 2, &at("a"), Some(b"7890123456"), -1),
            stats(first + 3, path),
            set_data(first + 4, &at("a"), None, -1),
            create(first + 5, &at("a/b"), Some(b"x"), 0),
            create(first + 6, &at("c"), None, 1),
            stats(first + 7, path),
            multi(first + 8, Op::MULTI, vec![create(0, &at("d"), Some(b"y"), 0), create(0, &at("e"), Some(b"z"), 0)]),
            delete(first + 9, &at("a/b"), -1),
            delete(first + 10, &at("a"), -1),
            stats(first + 11, path),
            create(first + 12, format!("{path}-beside").as_bytes(), Some(b"much more than that"), 0),
            stats(first + 13, path),
        ]
    };
    let told = |name: &str, path: &str, limits: &str| talk(name, [quota(1, path, limits), change(20, path)].concat());
    vec![
        told("a soft quota", "/soft", "count=2,bytes=3"),
        told("a hard quota of znodes", "/hard-count", "count=2,bytes=3=;countHardLimit=4"),
        told("a hard quota of bytes", "/hard-bytes", "count=-1,bytes=-1=;byteHardLimit=12"),
        talk(
            "a quota below another",
            [
                quota(1, "/outer", "count=-1,bytes=-1"),
                quota(10, "/outer/inner", "count=-1,bytes=-1"),
                vec![
                    create(20, b"/outer/inner/x", Some(b"12"), 0),
                    create(21, b"/outer/y", Some(b"3"), 0),
                    stats(22, "/outer"),
                    stats(23, "/outer/inner"),
                ],
            ]
            .concat(),
        ),
    ]
}
