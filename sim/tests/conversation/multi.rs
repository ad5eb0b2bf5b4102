//! multi and multiRead: results, failures, watches.

use super::Conversation;
use super::script::{Step, bare, create, delete, enter, everyone, multi, part, read, request, say, set_data};
use zabra_core::wire::records::{Acl, CheckVersionRequest, CreateRequest, CreateTtlRequest, Id, ReadRequest};
use zabra_core::wire::{Jute, Op};

pub fn all() -> Vec<Conversation> {
    let mut told = writing();
    told.extend(failing());
    told.extend(reading());
    told.extend(modes());
    told
}

fn talk(name: &str, frames: Vec<Vec<u8>>) -> Conversation {
    Conversation::new(name, enter(0).into_iter().chain(frames.into_iter().map(|frame| say(0, frame))))
}

fn check(path: &[u8], version: i32) -> Vec<u8> {
    request(0, Op::CHECK, &CheckVersionRequest { path, version })
}

fn create_as(op: i32, path: &[u8], flags: i32) -> Vec<u8> {
    request(0, op, &CreateRequest { path, data: Some(b"x"), acl: Some(everyone()), flags })
}

pub fn create_ttl(xid: i32, path: &[u8], flags: i32, ttl: i64) -> Vec<u8> {
    request(xid, Op::CREATE_TTL, &CreateTtlRequest { path, data: Some(b"x"), acl: Some(everyone()), flags, ttl })
}

fn writing() -> Vec<Conversation> {
    vec![
        talk(
            "multi of everything",
            vec![
                multi(
                    1,
                    Op::MULTI,
                    vec![
                        create(0, b"/multi", Some(b"m"), 0),
                        create_as(Op::CREATE2, b"/multi/two", 0),
                        create_as(Op::CREATE_CONTAINER, b"/multi/container", 4),
                        create_ttl(0, b"/multi/ttl", 5, 1_000_000_000),
                        create(0, b"/multi/s-", None, 2),
                        create(0, b"/multi/es-", None, 3),
                        set_data(0, b"/multi", Some(b"n"), 0),
                        check(b"/multi", 1),
                        delete(0, b"/multi/two", 0),
                    ],
                ),
                read(2, Op::GET_CHILDREN2, b"/multi", false),
                read(3, Op::EXISTS, b"/multi/container", false),
                read(4, Op::EXISTS, b"/multi/ttl", false),
            ],
        ),
        talk("an empty multi", vec![multi(1, Op::MULTI, vec![]), multi(2, Op::MULTI_READ, vec![])]),
        Conversation::new(
            "watches hear of each operation of a multi",
            enter(0).into_iter().chain([
                say(0, read(1, Op::EXISTS, b"/multi-watch", true)),
                say(0, read(2, Op::GET_CHILDREN, b"/", true)),
                say(
                    0,
                    multi(
                        3,
                        Op::MULTI,
                        vec![
                            create(0, b"/multi-watch", None, 0),
                            set_data(0, b"/multi-watch", None, 0),
                            delete(0, b"/multi-watch", 1),
                        ],
                    ),
                ),
            ]),
        ),
        Conversation::new(
            "multis written at once see each other",
            enter(0).into_iter().chain([Step::Frames(
                0,
                vec![
                    create(1, b"/multi-q", None, 0),
                    multi(2, Op::MULTI, vec![create(0, b"/multi-q/s-", None, 2), delete(0, b"/none", -1)]),
                    multi(3, Op::MULTI, vec![create(0, b"/multi-q/s-", None, 2), create(0, b"/multi-q/x", None, 0)]),
                    create(4, b"/multi-q/s-", None, 2),
                    create(5, b"/multi-q/x/y", None, 0),
                    read(6, Op::GET_CHILDREN2, b"/multi-q", false),
                ],
            )]),
        ),
    ]
}

fn failing() -> Vec<Conversation> {
    let fails = |xid, parts| multi(xid, Op::MULTI, parts);
    vec![
        talk(
            "multis that fail",
            vec![
                create(1, b"/fail", None, 0),
                fails(2, vec![create(0, b"/fail/a", None, 0), create(0, b"/fail/a", None, 0), delete(0, b"/fail", -1)]),
                fails(3, vec![check(b"/fail", 7), set_data(0, b"/fail", None, -1)]),
                fails(4, vec![set_data(0, b"/fail", None, -1), check(b"/fail", 0)]),
                fails(5, vec![delete(0, b"/none", -1)]),
                fails(6, vec![create(0, b"/fail/e", None, 1), create(0, b"/fail/e/c", None, 0)]),
                fails(7, vec![create(0, b"bad", None, 0), create(0, b"/fail/b", None, 0)]),
                fails(8, vec![check(b"bad", 0)]),
                fails(9, vec![check(b"/none", 0)]),
                fails(10, vec![check(b"/fail", 0), check(b"/fail", -1), delete(0, b"/fail", 9)]),
                read(11, Op::GET_CHILDREN2, b"/fail", false),
            ],
        ),
        talk(
            "what is no multi",
            vec![multi(1, Op::MULTI, vec![part(Op::SYNC, b"/")]), bare(2, Op::MULTI_READ, b"abc")],
        ),
    ]
}

fn reading() -> Vec<Conversation> {
    let get = |op, path: &[u8], watch| request(0, op, &ReadRequest { path, watch });
    vec![talk(
        "multiRead",
        vec![
            create(1, b"/reads", Some(b"data"), 0),
            create(2, b"/reads/c", None, 0),
            multi(
                3,
                Op::MULTI_READ,
                vec![
                    get(Op::GET_DATA, b"/reads", true),
                    get(Op::GET_CHILDREN, b"/reads", true),
                    get(Op::GET_DATA, b"/none", true),
                    get(Op::GET_CHILDREN, b"/none", true),
                    get(Op::GET_DATA, b"/reads/c", false),
                ],
            ),
            set_data(4, b"/reads", None, -1),
            delete(5, b"/reads/c", -1),
        ],
    )]
}

/// Containers and znodes with a time to live, alone.
fn modes() -> Vec<Conversation> {
    let container = |xid, path: &[u8], flags| {
        request(xid, Op::CREATE_CONTAINER, &CreateRequest { path, data: None, acl: Some(everyone()), flags })
    };
    let list = vec![Acl { perms: 31, id: Id { scheme: b"nobody", id: b"" } }];
    vec![
        talk(
            "containers",
            vec![
                container(1, b"/container", 4),
                container(2, b"/container", 4),
                create(3, b"/container/e", None, 1),
                container(4, b"/container/c", 4),
                read(5, Op::GET_DATA, b"/container", false),
                read(6, Op::GET_CHILDREN2, b"/container", false),
                delete(7, b"/container/c", 0),
                bare(
                    8,
                    Op::CREATE_CONTAINER,
                    &CreateRequest { path: b"/x", data: None, acl: Some(list), flags: 4 }.to_bytes(),
                ),
            ],
        ),
        talk(
            "znodes with a time to live",
            vec![
                create_ttl(1, b"/ttl", 5, 100_000_000),
                create_ttl(2, b"/ttl/s-", 6, 100_000_000),
                create_ttl(3, b"/ttl/max", 5, (1 << 40) - 1),
                create_ttl(4, b"/ttl/over", 5, 1 << 40),
                create_ttl(5, b"/ttl/zero", 5, 0),
                create_ttl(6, b"/ttl/negative", 5, -1),
                create_ttl(7, b"/ttl/plain", 0, 100),
                create_ttl(8, b"/ttl/flags", 9, 100),
                create(9, b"/ttl/create", None, 5),
                create(10, b"/ttl/e", None, 1),
                set_data(11, b"/ttl", Some(b"y"), 0),
                read(12, Op::GET_DATA, b"/ttl", false),
                read(13, Op::GET_CHILDREN2, b"/ttl", false),
            ],
        ),
    ]
}
