//! Sessions: opened, opened again, refused, closed; and bytes that are no session at all.

use super::Conversation;
use super::script::{Opening, Seen, Shown, Step, Who, bare, create, enter, leave, ping, read, say};
use std::iter::once;
use zabra_core::wire::Op;

pub fn all() -> Vec<Conversation> {
    let mut told = vec![
        alone("a new session", Opening::NEW),
        alone("a client that does not know the readOnly flag", Opening { read_only: None, ..Opening::NEW }),
        alone("a client that may read only", Opening { read_only: Some(true), ..Opening::NEW }),
        alone("a short timeout is raised", Opening { timeout_ms: 1, ..Opening::NEW }),
        alone("a negative timeout is raised", Opening { timeout_ms: -7, ..Opening::NEW }),
        alone("a long timeout is lowered", Opening { timeout_ms: i32::MAX, ..Opening::NEW }),
        alone("a new session with a null password", Opening { password: Shown::Null, ..Opening::NEW }),
        alone("a client that has seen what the server has", Opening { last_zxid: Seen::Last(0), ..Opening::NEW }),
        alone("a client from the future", Opening { last_zxid: Seen::Last(1), ..Opening::NEW }),
        alone("a client with a negative zxid", Opening { last_zxid: Seen::Negative, ..Opening::NEW }),
        alone("an unknown session", Opening { session: Who::Stranger(0x0123_4567_89ab_cdef), ..Opening::again(0) }),
        alone(
            "an unknown session of a client without the flag",
            Opening { session: Who::Stranger(4711), read_only: None, ..Opening::again(0) },
        ),
        alone(
            "an unknown session with a wrong password",
            Opening { session: Who::Stranger(-5), password: Shown::Wrong, ..Opening::again(0) },
        ),
    ];
    told.extend(again());
    told.extend(garbage());
    told
}

fn alone(name: &str, opening: Opening) -> Conversation {
    Conversation::new(name, [Step::Open(0), Step::Connect(0, opening), say(0, ping())])
}

/// The same session again, after the connection ended, or beside it.
fn again() -> Vec<Conversation> {
    let back = |opening| [Step::Open(1), Step::Connect(1, opening)];
    let left = || enter(0).into_iter().chain(once(Step::Close(0)));
    let ephemeral = || say(0, create(1, b"/again", Some(b"e"), 1));
    let seen = || say(1, read(5, Op::EXISTS, b"/again", false));
    vec![
        Conversation::new("back after the end", left().chain(back(Opening::again(0))).chain([seen()])),
        Conversation::new(
            "back without the flag",
            left().chain(back(Opening { read_only: None, ..Opening::again(0) })),
        ),
        Conversation::new(
            "back with a wrong password",
            left()
                .chain(back(Opening { password: Shown::Wrong, ..Opening::again(0) }))
                .chain([Step::Open(2), Step::Connect(2, Opening::again(0))]),
        ),
        Conversation::new(
            "back with a null password",
            left().chain(back(Opening { password: Shown::Null, ..Opening::again(0) })),
        ),
        Conversation::new(
            "back beside the old connection",
            enter(0).into_iter().chain([ephemeral()]).chain(back(Opening::again(0))).chain([seen()]),
        ),
        Conversation::new(
            "a watch ends with its connection, an ephemeral does not",
            enter(0)
                .into_iter()
                .chain([ephemeral(), say(0, read(2, Op::EXISTS, b"/again-w", true)), Step::Close(0)])
                .chain(back(Opening::again(0)))
                .chain([seen(), say(1, create(6, b"/again-w", None, 1))]),
        ),
        Conversation::new(
            "a closed session cannot be opened again",
            enter(0).into_iter().chain([ephemeral(), say(0, leave(2))]).chain(back(Opening::again(0))),
        ),
        Conversation::new(
            "closing deletes ephemerals and tells watchers",
            enter(0).into_iter().chain(enter(1)).chain([
                ephemeral(),
                say(0, create(2, b"/again-too", None, 1)),
                seen(),
                say(1, read(6, Op::EXISTS, b"/again", true)),
                say(1, read(7, Op::GET_DATA, b"/again-too", true)),
                say(1, read(8, Op::GET_CHILDREN, b"/", true)),
                say(0, leave(3)),
                seen(),
            ]),
        ),
    ]
}

fn garbage() -> Vec<Conversation> {
    let raw = |name: &str, bytes: &[u8]| Conversation::new(name, [Step::Open(0), Step::Raw(0, bytes.to_vec())]);
    let inside =
        |name: &str, bytes: &[u8]| Conversation::new(name, enter(0).into_iter().chain([Step::Raw(0, bytes.to_vec())]));
    vec![
        raw("a negative length before the session", &(-1i32).to_be_bytes()),
        raw("a length beyond the limit before the session", &0x0010_0000i32.to_be_bytes()),
        raw("an empty first frame", &0i32.to_be_bytes()),
        raw("a first frame that is too short", &[0, 0, 0, 5, 0, 0, 0, 0, 1]),
        raw("a first frame that ends within the password", &[&[0, 0, 0, 32][..], &[0; 27], &[16, 1, 2, 3, 4]].concat()),
        inside("a negative length", &(-1i32).to_be_bytes()),
        inside("a length beyond the limit", &0x0010_0000i32.to_be_bytes()),
        inside("a frame without a whole header", &[0, 0, 0, 5, 0, 0, 0, 0, 1]),
        inside("an empty frame", &0i32.to_be_bytes()),
        Conversation::new(
            "a ping with a body and another xid",
            enter(0).into_iter().chain([say(0, bare(17, Op::PING, b"body")), say(0, bare(-77, Op::PING, &[]))]),
        ),
    ]
}
