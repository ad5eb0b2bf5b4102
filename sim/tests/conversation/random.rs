//! Drawn conversations: two sessions, a few paths, one request after the other's reply.

use super::Conversation;
use super::script::{Step, create, create2, delete, enter, leave, ping, read, set_data, sync};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use zabra_core::wire::Op;

/// The same conversations each time.
pub fn draw(conversations: usize, requests: usize) -> Vec<Conversation> {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec((0usize..2, asked()), requests);
    let one = |number: usize| {
        let drawn = strategy.new_tree(&mut runner).expect("nothing is rejected").current();
        let top = format!("/drawn{number}");
        let opening = [Step::Frames(0, vec![create(1, top.as_bytes(), None, 0)])];
        let steps = drawn.into_iter().zip(2..).map(|((who, asked), xid)| Step::Frames(who, asked.frames(&top, xid)));
        Conversation::new(&top, enter(0).into_iter().chain(enter(1)).chain(opening).chain(steps))
    };
    (0..conversations).map(one).collect()
}

#[derive(Clone, Debug)]
enum Asked {
    Create {
        plain: bool,
        path: &'static str,
        data: Option<Vec<u8>>,
        flags: i32,
    },
    Delete {
        path: &'static str,
        version: i32,
    },
    Set {
        path: &'static str,
        data: Option<Vec<u8>>,
        version: i32,
    },
    Read {
        op: i32,
        path: &'static str,
        watch: bool,
    },
    Sync {
        path: &'static str,
    },
    Ping,
    Leave,
    /// Written at once.
    Several(Vec<Asked>),
}

fn asked() -> impl Strategy<Value = Asked> {
    let several = prop::collection::vec(single(), 2..5).prop_map(Asked::Several);
    prop_oneof![12 => single(), 2 => several, 1 => Just(Asked::Leave)]
}

fn single() -> impl Strategy<Value = Asked> {
    let path = || select(vec!["", "/a", "/b", "/a/c", "/a/d", "/a/c/e", "/s-", "/a/s-", "/bad/"]);
    let version = || prop_oneof![4 => Just(-1), 3 => Just(0), 1 => 1..3];
    let data = || proptest::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..4));
    prop_oneof![
        6 => (any::<bool>(), path(), data(), 0..4)
            .prop_map(|(plain, path, data, flags)| Asked::Create { plain, path, data, flags }),
        4 => (path(), version()).prop_map(|(path, version)| Asked::Delete { path, version }),
        3 => (path(), data(), version()).prop_map(|(path, data, version)| Asked::Set { path, data, version }),
        8 => (select(vec![Op::EXISTS, Op::GET_DATA, Op::GET_CHILDREN, Op::GET_CHILDREN2]), path(), any::<bool>())
            .prop_map(|(op, path, watch)| Asked::Read { op, path, watch }),
        1 => path().prop_map(|path| Asked::Sync { path }),
        1 => Just(Asked::Ping),
    ]
}

impl Asked {
    fn frames(&self, top: &str, xid: i32) -> Vec<Vec<u8>> {
        let at = |path: &str| format!("{top}{path}").into_bytes();
        let frame = match self {
            Asked::Create { plain: true, path, data, flags } => create(xid, &at(path), data.as_deref(), *flags),
            Asked::Create { plain: false, path, data, flags } => create2(xid, &at(path), data.as_deref(), *flags),
            Asked::Delete { path, version } => delete(xid, &at(path), *version),
            Asked::Set { path, data, version } => set_data(xid, &at(path), data.as_deref(), *version),
            Asked::Read { op, path, watch } => read(xid, *op, &at(path), *watch),
            Asked::Sync { path } => sync(xid, &at(path)),
            Asked::Ping => ping(),
            Asked::Leave => leave(xid),
            Asked::Several(all) => {
                return all.iter().zip(100 * xid..).flat_map(|(asked, xid)| asked.frames(top, xid)).collect();
            }
        };
        vec![frame]
    }
}
