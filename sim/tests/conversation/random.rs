//! Drawn conversations: two sessions, a few paths, one request after the other's reply.

use super::Conversation;
use super::multi::create_ttl;
use super::script::{Step, auth, create, create2, delete, enter, leave, multi, ping, read, request, set_data, sync};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use zabra_core::wire::Op;
use zabra_core::wire::records::{
    Acl, AddWatchRequest, CheckVersionRequest, Id, PathRequest, SetAclRequest, WatchesRequest,
};

/// What may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Everything,
    /// Not what 3.8 answers otherwise: stats of a multi's create2, exists where it may not be read,
    /// lasting watches and taking watches away.
    Before39,
}

/// The same conversations each time.
pub fn draw(conversations: usize, requests: usize, reach: Reach) -> Vec<Conversation> {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec((0usize..2, asked()), requests);
    let one = |number: usize| {
        let drawn = strategy.new_tree(&mut runner).expect("nothing is rejected").current();
        let top = format!("/drawn{number}");
        let opening = [Step::Frames(0, vec![create(1, top.as_bytes(), None, 0)])];
        let within = |asked: Asked| if reach == Reach::Before39 { asked.before_39() } else { asked };
        let steps = drawn.into_iter().zip(2..);
        let steps = steps.map(|((who, asked), xid)| Step::Frames(who, within(asked).frames(&top, xid)));
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
    /// Writes in one transaction.
    Multi(Vec<Asked>),
    MultiRead(Vec<&'static str>),
    Check {
        path: &'static str,
        version: i32,
    },
    SetAcl {
        path: &'static str,
        list: usize,
        version: i32,
    },
    /// getACL, getEphemerals, getAllChildrenNumber.
    On {
        op: i32,
        path: &'static str,
    },
    AddWatch {
        path: &'static str,
        mode: i32,
    },
    /// checkWatches, removeWatches.
    Watches {
        op: i32,
        path: &'static str,
        kind: i32,
    },
    Timed {
        path: &'static str,
        flags: i32,
        ttl: i64,
    },
    Auth {
        user: &'static str,
    },
    Ping,
    Leave,
    /// Written at once.
    Several(Vec<Asked>),
}

fn asked() -> impl Strategy<Value = Asked> {
    let several = prop::collection::vec(single(), 2..5).prop_map(Asked::Several);
    let multi = prop::collection::vec(prop_oneof![5 => write(), 1 => check()], 0..5).prop_map(Asked::Multi);
    let reads = prop::collection::vec(path(), 0..4).prop_map(Asked::MultiRead);
    // Apache answers it before what is under way: not among several at once.
    let auth = select(vec!["alice:1", "bob:2", "super:secret"]).prop_map(|user| Asked::Auth { user });
    // Apache's leader forgets a list that is proposed and not applied: not among several at once either.
    let set_acl =
        (path(), 0..LISTS.len(), version()).prop_map(|(path, list, version)| Asked::SetAcl { path, list, version });
    prop_oneof![14 => single(), 5 => multi, 1 => reads, 3 => several, 1 => auth, 2 => set_acl, 1 => Just(Asked::Leave)]
}

fn path() -> impl Strategy<Value = &'static str> {
    select(vec!["", "/a", "/b", "/a/c", "/a/d", "/a/c/e", "/s-", "/a/s-", "/bad/"])
}

fn version() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(-1), 3 => Just(0), 1 => 1..3]
}

fn check() -> impl Strategy<Value = Asked> {
    (path(), version()).prop_map(|(path, version)| Asked::Check { path, version })
}

/// What may stand in a multi.
fn write() -> impl Strategy<Value = Asked> {
    let data = || proptest::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..4));
    prop_oneof![
        6 => (any::<bool>(), path(), data(), 0..5)
            .prop_map(|(plain, path, data, flags)| Asked::Create { plain, path, data, flags }),
        1 => (path(), 5..7, prop_oneof![1_000_000i64..1_000_003, Just(0), Just(1 << 40)])
            .prop_map(|(path, flags, ttl)| Asked::Timed { path, flags, ttl }),
        4 => (path(), version()).prop_map(|(path, version)| Asked::Delete { path, version }),
        3 => (path(), data(), version()).prop_map(|(path, data, version)| Asked::Set { path, data, version }),
    ]
}

fn single() -> impl Strategy<Value = Asked> {
    let read = select(vec![Op::EXISTS, Op::GET_DATA, Op::GET_CHILDREN, Op::GET_CHILDREN2]);
    let on = select(vec![Op::GET_ACL, Op::GET_EPHEMERALS, Op::GET_ALL_CHILDREN_NUMBER]);
    let watches = select(vec![Op::CHECK_WATCHES, Op::REMOVE_WATCHES]);
    prop_oneof![
        // A create with the flag of a container answers alike and leaves another znode: a difference.
        14 => write().prop_filter("a container by the flag", |asked| !matches!(asked, Asked::Create { flags: 4, .. })),
        8 => (read, path(), any::<bool>()).prop_map(|(op, path, watch)| Asked::Read { op, path, watch }),
        3 => (on, path()).prop_map(|(op, path)| Asked::On { op, path }),
        2 => (path(), -1..3).prop_map(|(path, mode)| Asked::AddWatch { path, mode }),
        2 => (watches, path(), 0..7).prop_map(|(op, path, kind)| Asked::Watches { op, path, kind }),
        1 => path().prop_map(|path| Asked::Sync { path }),
        1 => Just(Asked::Ping),
    ]
}

/// Lists: permissions, scheme, id.
const LISTS: [&[(i32, &str, &str)]; 8] = [
    &[(31, "world", "anyone")],
    &[(31, "world", "anyone")],
    &[(15, "world", "anyone"), (16, "digest", "alice:RYJZyKRnEmCqOR4sJCKxzTfdXvM=")],
    &[(31, "auth", "")],
    &[(1, "world", "anyone"), (30, "auth", "")],
    &[(31, "ip", "127.0.0.0/8")],
    &[(31, "ip", "10.0.0.1"), (16, "world", "anyone")],
    &[(31, "nobody", "x")],
];

impl Asked {
    fn before_39(self) -> Asked {
        match self {
            Asked::SetAcl { .. } | Asked::Watches { .. } | Asked::AddWatch { .. } => Asked::Ping,
            Asked::Create { path, data, flags, .. } => Asked::Create { plain: true, path, data, flags },
            Asked::Multi(all) => Asked::Multi(all.into_iter().map(Asked::before_39).collect()),
            Asked::Several(all) => Asked::Several(all.into_iter().map(Asked::before_39).collect()),
            other @ (Asked::Delete { .. }
            | Asked::Set { .. }
            | Asked::Read { .. }
            | Asked::Sync { .. }
            | Asked::MultiRead(_)
            | Asked::Check { .. }
            | Asked::On { .. }
            | Asked::Timed { .. }
            | Asked::Auth { .. }
            | Asked::Ping
            | Asked::Leave) => other,
        }
    }

    fn frames(&self, top: &str, xid: i32) -> Vec<Vec<u8>> {
        let at = |path: &str| format!("{top}{path}").into_bytes();
        let frame = match self {
            Asked::Create { plain: true, path, data, flags } => create(xid, &at(path), data.as_deref(), *flags),
            Asked::Create { plain: false, path, data, flags } => create2(xid, &at(path), data.as_deref(), *flags),
            Asked::Delete { path, version } => delete(xid, &at(path), *version),
            Asked::Set { path, data, version } => set_data(xid, &at(path), data.as_deref(), *version),
            Asked::Read { op, path, watch } => read(xid, *op, &at(path), *watch),
            Asked::Sync { path } => sync(xid, &at(path)),
            Asked::Multi(all) => multi(xid, Op::MULTI, all.iter().flat_map(|asked| asked.frames(top, 0)).collect()),
            Asked::MultiRead(paths) => {
                let reads = paths.iter().zip([Op::GET_DATA, Op::GET_CHILDREN].into_iter().cycle());
                multi(xid, Op::MULTI_READ, reads.map(|(path, op)| read(0, op, &at(path), true)).collect())
            }
            Asked::Check { path, version } => {
                request(xid, Op::CHECK, &CheckVersionRequest { path: &at(path), version: *version })
            }
            Asked::SetAcl { path, list, version } => {
                let entry = |(perms, scheme, id): &(i32, &'static str, &'static str)| Acl {
                    perms: *perms,
                    id: Id { scheme: scheme.as_bytes(), id: id.as_bytes() },
                };
                let acl = Some(LISTS[*list].iter().map(entry).collect());
                request(xid, Op::SET_ACL, &SetAclRequest { path: &at(path), acl, version: *version })
            }
            Asked::On { op, path } => request(xid, *op, &PathRequest { path: &at(path) }),
            Asked::AddWatch { path, mode } => {
                request(xid, Op::ADD_WATCH, &AddWatchRequest { path: &at(path), mode: *mode })
            }
            Asked::Watches { op, path, kind } => request(xid, *op, &WatchesRequest { path: &at(path), kind: *kind }),
            Asked::Timed { path, flags, ttl } => create_ttl(xid, &at(path), *flags, *ttl),
            Asked::Auth { user } => auth(b"digest", user.as_bytes()),
            Asked::Ping => ping(),
            Asked::Leave => leave(xid),
            Asked::Several(all) => {
                return all.iter().zip(100 * xid..).flat_map(|(asked, xid)| asked.frames(top, xid)).collect();
            }
        };
        vec![frame]
    }
}
