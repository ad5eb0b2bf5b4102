//! create, delete, setData: results, checks and their order.

use super::Conversation;
use super::script::{Step, create, create2, delete, enter, everyone, read, request, say, set_data};
use zabra_core::wire::Op;
use zabra_core::wire::records::{Acl, CreateRequest, Id};

pub fn all() -> Vec<Conversation> {
    let mut told = creating();
    told.extend(paths());
    told.extend(lists());
    told.extend(deleting());
    told.extend(setting());
    told.extend(trailing());
    told
}

fn talk(name: &str, frames: Vec<Vec<u8>>) -> Conversation {
    Conversation::new(name, enter(0).into_iter().chain(frames.into_iter().map(|frame| say(0, frame))))
}

/// [`create`] or [`create2`].
type Creating = fn(i32, &[u8], Option<&[u8]>, i32) -> Vec<u8>;

fn creating() -> Vec<Conversation> {
    let each = |parent: &str, op: Creating| {
        let path = |name: &str| format!("{parent}/{name}").into_bytes();
        vec![
            op(1, parent.as_bytes(), Some(b""), 0),
            op(2, &path("p"), Some(b"data"), 0),
            op(3, &path("e"), Some(b"data"), 1),
            op(4, &path("s"), Some(b"data"), 2),
            op(5, &path("es"), None, 3),
            op(6, &path("s"), None, 2),
            op(7, &path(""), None, 2),
            op(8, &path("p"), None, 0),
            op(9, &path("e"), None, 0),
            op(10, &path("e/child"), None, 0),
            op(11, &path("e/child-"), None, 3),
            op(12, &path("none/child"), None, 0),
            op(13, &path("none/child-"), None, 2),
            op(14, &path("p/below"), Some(&[0, 255, 128]), 1),
            read(15, Op::GET_CHILDREN2, parent.as_bytes(), false),
            read(16, Op::GET_DATA, &path("e"), false),
            read(17, Op::EXISTS, &path("p"), false),
            read(18, Op::GET_DATA, &path("p/below"), false),
        ]
    };
    let flags = [-1, 7, 8, i32::MIN, i32::MAX].into_iter().zip(1..);
    vec![
        talk("create in the four modes", each("/create", create)),
        talk("create2 in the four modes", each("/create2", create2)),
        talk("flags that are none", flags.map(|(flag, xid)| create(xid, b"/flags", None, flag)).collect()),
        talk(
            "the root and /zookeeper exist",
            vec![create(1, b"/", None, 0), create(2, b"/zookeeper", None, 0), create(3, b"/zookeeper/quota", None, 0)],
        ),
        talk(
            "sequence numbers count creates, not deletes",
            vec![
                create(1, b"/seq", None, 0),
                create(2, b"/seq/a", None, 2),
                create(3, b"/seq/plain", None, 0),
                delete(4, b"/seq/plain", -1),
                create(5, b"/seq/a", None, 3),
                create2(6, b"/seq/b", None, 2),
                read(7, Op::GET_CHILDREN2, b"/seq", false),
            ],
        ),
        Conversation::new(
            "requests written at once",
            enter(0).into_iter().chain([Step::Frames(
                0,
                vec![
                    create(1, b"/at-once", Some(b"1"), 0),
                    read(2, Op::GET_DATA, b"/at-once", true),
                    set_data(3, b"/at-once", Some(b"2"), 0),
                    set_data(4, b"/at-once", Some(b"3"), 0),
                    read(5, Op::GET_DATA, b"/at-once", false),
                    create(6, b"/at-once/child", None, 3),
                    delete(7, b"/at-once", 1),
                    read(8, Op::GET_CHILDREN2, b"/at-once", false),
                ],
            )]),
        ),
    ]
}

/// Odd paths, for every request that has one.
fn paths() -> Vec<Conversation> {
    let odd: [&[u8]; 23] = [
        b"",
        b"relative",
        b"rel/ative",
        b"/",
        b"//",
        b"/trailing/",
        b"/zookeeper/",
        b"//double",
        b"/dou//ble",
        b"/.",
        b"/..",
        b"/./a",
        b"/../zookeeper",
        b"/zookeeper/../a",
        b"/zookeeper/.",
        b"/nul\0",
        b"/nul\0/b",
        b"/tab\t",
        b"/del\x7f",
        "/\u{85}".as_bytes(),
        "/\u{e000}".as_bytes(),
        "/\u{fff0}".as_bytes(),
        "/\u{1f600}".as_bytes(),
    ];
    let fine: [&[u8]; 3] = ["/\u{e9}\u{4e16}".as_bytes(), b"/a b", b"/..."];
    let each = |name: &str, op: &dyn Fn(i32, &[u8]) -> Vec<u8>| {
        talk(name, odd.iter().chain(&fine).zip(1..).map(|(path, xid)| op(xid, path)).collect())
    };
    let reads = |op: i32| move |xid: i32, path: &[u8]| read(xid, op, path, false);
    vec![
        each("create at odd paths", &|xid, path| create(xid, path, None, 1)),
        each("sequential create at odd paths", &|xid, path| create(xid, path, None, 3)),
        each("delete at odd paths", &|xid, path| delete(xid, path, -1)),
        each("setData at odd paths", &|xid, path| set_data(xid, path, None, 7)),
        each("exists at odd paths", &reads(Op::EXISTS)),
        each("getData at odd paths", &reads(Op::GET_DATA)),
        each("getChildren at odd paths", &reads(Op::GET_CHILDREN)),
        each("getChildren2 at odd paths", &reads(Op::GET_CHILDREN2)),
    ]
}

fn lists() -> Vec<Conversation> {
    let with = |xid: i32, path: &[u8], acl: Option<Vec<Acl<'_>>>| {
        request(xid, Op::CREATE, &CreateRequest { path, data: None, acl, flags: 0 })
    };
    let twice = [everyone(), everyone()].concat();
    let reader = vec![Acl { perms: 1, id: Id { scheme: b"world", id: b"anyone" } }];
    vec![talk(
        "lists: null, empty, with a repeated entry, of readers",
        vec![
            with(1, b"/list", None),
            with(2, b"/list", Some(vec![])),
            with(3, b"/none/list", Some(vec![])),
            with(4, b"/list//", Some(vec![])),
            with(5, b"/list-twice", Some(twice)),
            with(6, b"/list-reader", Some(reader)),
            read(7, Op::GET_DATA, b"/list-reader", false),
        ],
    )]
}

fn deleting() -> Vec<Conversation> {
    vec![
        talk(
            "delete with versions, children and without",
            vec![
                create(1, b"/delete", None, 0),
                create(2, b"/delete/child", None, 0),
                delete(3, b"/delete", -1),
                delete(4, b"/delete", 5),
                set_data(5, b"/delete/child", None, -1),
                delete(6, b"/delete/child", 0),
                delete(7, b"/delete/child", -2),
                delete(8, b"/delete/child", 1),
                delete(9, b"/delete/child", 1),
                delete(10, b"/delete/none/below", -1),
                read(11, Op::EXISTS, b"/delete", false),
                delete(12, b"/delete", 0),
                read(13, Op::EXISTS, b"/delete", false),
            ],
        ),
        talk(
            "the server's own znodes stay",
            vec![
                delete(1, b"/", -1),
                delete(2, b"/zookeeper", -1),
                delete(3, b"/zookeeper/quota", -1),
                delete(4, b"/zookeeper/config", -1),
                delete(5, b"/zookeeper/none", -1),
                delete(6, b"/zookeeper/quota/none", -1),
            ],
        ),
    ]
}

fn setting() -> Vec<Conversation> {
    vec![
        talk(
            "setData with versions, null, empty and many bytes",
            vec![
                create(1, b"/set", Some(b"0"), 0),
                set_data(2, b"/set", Some(b"1"), 0),
                set_data(3, b"/set", Some(b"2"), 0),
                set_data(4, b"/set", Some(b"2"), -2),
                set_data(5, b"/set", None, 1),
                read(6, Op::GET_DATA, b"/set", false),
                set_data(7, b"/set", Some(b""), -1),
                read(8, Op::GET_DATA, b"/set", false),
                set_data(9, b"/set", Some(&[7; 100_000]), 3),
                read(10, Op::GET_DATA, b"/set", false),
                set_data(11, b"/none", Some(b""), 0),
                set_data(12, b"/", Some(b"root"), 0),
                read(13, Op::GET_DATA, b"/", false),
                set_data(14, b"/", None, -1),
            ],
        ),
        talk(
            "create keeps null and empty apart",
            vec![
                create(1, b"/set-null", None, 1),
                create(2, b"/set-empty", Some(b""), 1),
                read(3, Op::GET_DATA, b"/set-null", false),
                read(4, Op::GET_DATA, b"/set-empty", false),
            ],
        ),
    ]
}

/// Bodies that cannot be read are among the differences.
fn trailing() -> Vec<Conversation> {
    let whole = create(1, b"/more", None, 1);
    vec![talk("bytes behind a request", vec![[&whole[..], b"more"].concat(), read(2, Op::EXISTS, b"/more", false)])]
}
