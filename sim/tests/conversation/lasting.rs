//! Watches that stay, their removal, and the smaller requests.

use super::Conversation;
use super::script::{Step, bare, create, delete, enter, leave, read, request, say, set_data};
use zabra_core::wire::Op;
use zabra_core::wire::records::{AddWatchRequest, PathRequest, SetWatches2, WatchesRequest};

pub fn all() -> Vec<Conversation> {
    vec![persistent(), recursive(), removed(), again(), counted(), ephemerals()]
}

fn add(xid: i32, path: &[u8], mode: i32) -> Vec<u8> {
    request(xid, Op::ADD_WATCH, &AddWatchRequest { path, mode })
}

fn watches(xid: i32, op: i32, path: &[u8], kind: i32) -> Vec<u8> {
    request(xid, op, &WatchesRequest { path, kind })
}

fn on(xid: i32, op: i32, path: &[u8]) -> Vec<u8> {
    request(xid, op, &PathRequest { path })
}

fn talk(name: &str, frames: Vec<Vec<u8>>) -> Conversation {
    Conversation::new(name, enter(0).into_iter().chain(frames.into_iter().map(|frame| say(0, frame))))
}

/// Changes at and below a path.
fn changes(top: &str, first: i32) -> Vec<Vec<u8>> {
    let at = |rest: &str| format!("{top}{rest}").into_bytes();
    vec![
        create(first, &at(""), None, 0),
        set_data(first + 1, &at(""), None, -1),
        create(first + 2, &at("/a"), None, 0),
        create(first + 3, &at("/a/b"), None, 0),
        set_data(first + 4, &at("/a/b"), None, -1),
        delete(first + 5, &at("/a/b"), -1),
        delete(first + 6, &at("/a"), -1),
        delete(first + 7, &at(""), -1),
        create(first + 8, &[&at("")[..], b"-beside"].concat(), None, 1),
    ]
}

fn persistent() -> Conversation {
    let mut frames = vec![add(1, b"/persistent", 0)];
    frames.extend(changes("/persistent", 10));
    frames.extend([
        read(30, Op::EXISTS, b"/persistent", true),
        create(31, b"/persistent", None, 0),
        add(32, b"/persistent", 2),
    ]);
    frames.extend([add(33, b"/persistent", -1), delete(34, b"/persistent", -1), add(35, b"", 0)]);
    talk("persistent watches", frames)
}

fn recursive() -> Conversation {
    let mut frames = vec![add(1, b"/recursive", 1)];
    frames.extend(changes("/recursive", 10));
    frames.extend([add(30, b"/recursive", 0), add(31, b"/", 1)]);
    frames.extend(changes("/recursive", 40)[..8].to_vec());
    talk("recursive watches", frames)
}

/// Every kind of watch, every kind of removal.
fn removed() -> Conversation {
    let path = b"/removing";
    let mut frames = vec![create(1, path, None, 0)];
    for kind in 1..=5 {
        let first = 100 * kind;
        frames.extend([
            read(first, Op::GET_DATA, path, true),
            read(first + 1, Op::GET_CHILDREN, path, true),
            add(first + 2, path, 0),
            add(first + 3, path, 1),
        ]);
        frames.extend((1..=5).map(|asked| watches(first + 10 + asked, Op::CHECK_WATCHES, path, asked)));
        frames.push(watches(first + 20, Op::REMOVE_WATCHES, path, kind));
        frames.push(watches(first + 21, Op::REMOVE_WATCHES, path, kind));
        frames.extend((1..=5).map(|asked| watches(first + 30 + asked, Op::CHECK_WATCHES, path, asked)));
        frames.push(set_data(first + 40, path, None, -1));
        frames.push(create(first + 41, b"/removing/c", None, 0));
        frames.push(delete(first + 42, b"/removing/c", -1));
        frames.push(watches(first + 43, Op::REMOVE_WATCHES, path, 3));
    }
    frames.extend([
        watches(900, Op::REMOVE_WATCHES, path, 0),
        watches(901, Op::CHECK_WATCHES, path, 6),
        watches(902, Op::CHECK_WATCHES, b"/none", 3),
        bare(903, Op::CHECK_WATCHES, b""),
    ]);
    talk("watches looked for and taken away", frames)
}

fn again() -> Conversation {
    let rearm = |xid, seen| {
        let none: Vec<&[u8]> = vec![b"/again/none"];
        let some: Vec<&[u8]> = vec![b"/again"];
        let set = SetWatches2 {
            relative_zxid: seen,
            data: [none.clone(), some.clone()].concat(),
            exist: none.clone(),
            child: some.clone(),
            persistent: [none, some].concat(),
            persistent_recursive: vec![b"/again/deep"],
        };
        request(xid, Op::SET_WATCHES2, &set)
    };
    let steps = [
        say(0, create(1, b"/again", None, 0)),
        say(0, rearm(-8, 0)),
        say(0, rearm(-8, i64::MAX)),
        say(0, set_data(2, b"/again", None, -1)),
        say(0, create(3, b"/again/none", None, 0)),
        say(0, create(4, b"/again/deep", None, 0)),
        say(0, create(5, b"/again/deep/er", None, 0)),
        say(0, delete(6, b"/again/none", -1)),
    ];
    Conversation::new("setWatches2", enter(0).into_iter().chain(steps))
}

fn counted() -> Conversation {
    talk(
        "getAllChildrenNumber",
        vec![
            create(1, b"/count", None, 0),
            on(2, Op::GET_ALL_CHILDREN_NUMBER, b"/count"),
            create(3, b"/count/a", None, 0),
            create(4, b"/count/a/b", None, 0),
            create(5, b"/counting", None, 1),
            on(6, Op::GET_ALL_CHILDREN_NUMBER, b"/count"),
            on(7, Op::GET_ALL_CHILDREN_NUMBER, b"/count/a/b"),
            on(8, Op::GET_ALL_CHILDREN_NUMBER, b"/none"),
            on(9, Op::GET_ALL_CHILDREN_NUMBER, b"/"),
        ],
    )
}

fn ephemerals() -> Conversation {
    let mut steps: Vec<Step> = enter(0).into_iter().chain(enter(1)).collect();
    steps.extend([
        say(0, create(1, b"/eph", None, 0)),
        say(0, create(2, b"/eph/one", None, 1)),
        say(0, create(3, b"/eph/two", None, 1)),
        say(0, create(4, b"/ephem", None, 1)),
        say(1, create(5, b"/eph/other", None, 1)),
    ]);
    let prefixes: [&[u8]; 8] = [b"", b"/", b" / ", b"/eph", b"/eph/", b"/eph/o", b"/none", b"eph"];
    let asked = prefixes.into_iter().zip(10..).flat_map(|(prefix, xid)| {
        [say(0, on(xid, Op::GET_EPHEMERALS, prefix)), say(1, on(xid, Op::GET_EPHEMERALS, prefix))]
    });
    steps.extend(asked);
    steps.push(say(0, bare(50, Op::GET_EPHEMERALS, &[255, 255, 255, 255])));
    steps.push(say(0, leave(51)));
    steps.push(say(1, on(52, Op::GET_EPHEMERALS, b"/eph")));
    Conversation::new("getEphemerals", steps)
}
