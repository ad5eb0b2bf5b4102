//! Reads, watches and their events, sync, and requests that do not exist.

use super::Conversation;
use super::script::{Step, bare, create, delete, enter, leave, ping, read, request, say, set_data, sync};
use zabra_core::wire::Op;
use zabra_core::wire::records::SetWatches;

pub fn all() -> Vec<Conversation> {
    let mut told = vec![
        Conversation::new("the server's own znodes", enter(0).into_iter().chain(own())),
        Conversation::new("reads of nothing", enter(0).into_iter().chain(every_read(1, b"/none", true))),
        Conversation::new(
            "sync, of any path",
            enter(0).into_iter().chain([
                say(0, sync(1, b"/")),
                say(0, sync(2, b"/none")),
                say(0, sync(3, b"")),
                say(0, sync(4, b"no path\0")),
            ]),
        ),
        Conversation::new("ping", enter(0).into_iter().chain([say(0, ping()), say(0, ping())])),
    ];
    told.extend(watches());
    told.extend(set_watches());
    told.extend(unknown());
    told.extend(truncated());
    told
}

const READS: [i32; 4] = [Op::EXISTS, Op::GET_DATA, Op::GET_CHILDREN, Op::GET_CHILDREN2];

fn every_read(first_xid: i32, path: &[u8], watch: bool) -> Vec<Step> {
    READS.iter().zip(first_xid..).map(|(op, xid)| say(0, read(xid, *op, path, watch))).collect()
}

/// The data of /zookeeper/config is the ensemble's configuration, which differs.
fn own() -> Vec<Step> {
    let paths: [&[u8]; 4] = [b"/zookeeper", b"/zookeeper/quota", b"/zookeeper/none", b"/zookeeper/quota/none"];
    let mut steps: Vec<Step> = paths.iter().zip(1..).flat_map(|(path, n)| every_read(n * 10, path, false)).collect();
    steps.push(say(0, read(60, Op::GET_CHILDREN, b"/zookeeper/config", false)));
    steps
}

/// Session 0 watches, session 1 changes.
fn watches() -> Vec<Conversation> {
    let watching = |op: i32, paths: [&[u8]; 3]| {
        let watch = move |xid: i32, path: &[u8]| say(0, read(xid, op, path, true));
        let [parent, node, child] = paths;
        let mut steps: Vec<Step> = enter(0).into_iter().chain(enter(1)).collect();
        steps.extend([
            say(1, create(1, parent, None, 0)),
            watch(1, node),
            watch(2, parent),
            say(1, create(2, node, None, 0)),
            watch(3, node),
            watch(4, node),
            watch(5, parent),
            say(1, set_data(3, node, Some(b"1"), -1)),
            say(1, set_data(4, node, Some(b"2"), -1)),
            watch(6, node),
            watch(7, child),
            say(1, create(5, child, None, 1)),
            watch(8, node),
            watch(9, child),
            say(1, delete(6, child, -1)),
            watch(10, node),
            watch(11, parent),
            say(1, delete(7, node, -1)),
            watch(12, node),
            watch(13, parent),
            say(1, create(8, node, None, 2)),
            say(1, create(9, node, None, 1)),
            say(0, read(14, op, node, false)),
            say(1, leave(10)),
        ]);
        steps
    };
    vec![
        Conversation::new("watches of exists", watching(Op::EXISTS, [b"/we", b"/we/n", b"/we/n/c"])),
        Conversation::new("watches of getData", watching(Op::GET_DATA, [b"/wd", b"/wd/n", b"/wd/n/c"])),
        Conversation::new("watches of getChildren", watching(Op::GET_CHILDREN, [b"/wc", b"/wc/n", b"/wc/n/c"])),
        Conversation::new("watches of getChildren2", watching(Op::GET_CHILDREN2, [b"/wc2", b"/wc2/n", b"/wc2/n/c"])),
        Conversation::new(
            "one change, every kind of watch, in two sessions",
            enter(0).into_iter().chain(enter(1)).chain([
                say(0, create(1, b"/kinds", None, 0)),
                say(0, read(2, Op::EXISTS, b"/kinds", true)),
                say(0, read(3, Op::GET_DATA, b"/kinds", true)),
                say(0, read(4, Op::GET_CHILDREN, b"/kinds", true)),
                say(1, read(5, Op::GET_CHILDREN2, b"/kinds", true)),
                say(1, read(6, Op::GET_CHILDREN, b"/", true)),
                say(0, delete(7, b"/kinds", -1)),
                say(1, read(8, Op::EXISTS, b"/kinds", true)),
                say(1, create(9, b"/kinds", None, 1)),
            ]),
        ),
        Conversation::new(
            "a failed write fires nothing",
            enter(0).into_iter().chain([
                say(0, create(1, b"/failed", None, 1)),
                say(0, read(2, Op::EXISTS, b"/failed", true)),
                say(0, create(3, b"/failed", None, 0)),
                say(0, set_data(4, b"/failed", None, 9)),
                say(0, delete(5, b"/failed", 9)),
                say(0, delete(6, b"/failed", 0)),
            ]),
        ),
    ]
}

fn set_watches() -> Vec<Conversation> {
    let body = |zxid: i64| SetWatches {
        relative_zxid: zxid,
        data: vec![b"/sw", b"/sw-none"],
        exist: vec![b"/sw", b"/sw-later"],
        child: vec![b"/sw", b"/sw-none"],
    };
    let around = |zxid: i64| {
        enter(0).into_iter().chain([
            say(0, create(1, b"/sw", None, 1)),
            say(0, request(-8, Op::SET_WATCHES, &body(zxid))),
            say(0, create(2, b"/sw-later", None, 1)),
            say(0, set_data(3, b"/sw", None, -1)),
            say(0, delete(4, b"/sw", -1)),
        ])
    };
    vec![
        Conversation::new("setWatches of a client that saw nothing", around(0)),
        Conversation::new("setWatches of a client that saw everything", around(i64::MAX)),
    ]
}

fn unknown() -> Vec<Conversation> {
    let ops = [0, -1, -2, 10, 23, 99, 108, 1000, i32::MAX, i32::MIN];
    let one = |op: i32| {
        let steps = [say(0, bare(5, op, &[])), say(0, ping())];
        Conversation::new(&format!("the unknown operation {op}"), enter(0).into_iter().chain(steps))
    };
    ops.into_iter().map(one).collect()
}

/// Reads whose bodies end too early, cut everywhere.
fn truncated() -> Vec<Conversation> {
    let cut = |op: i32| {
        let whole = read(0, op, b"/cut", false);
        let frames = (8..whole.len()).zip(1..).map(|(end, xid)| say(0, bare(xid, op, &whole[8..end])));
        Conversation::new(&format!("cut bodies of operation {op}"), enter(0).into_iter().chain(frames))
    };
    READS.into_iter().chain([Op::SYNC]).map(cut).collect()
}
