//! Tests of quotas, alone and against a count of everything.

use super::super::acl::{AclList, RawAcl};
use super::super::data_tree::Create;
use super::super::stat::Owner;
use super::*;
use crate::id::Zxid;
use crate::wire::Code;
use alloc::string::ToString;
use proptest::prelude::*;

fn create(tree: &mut DataTree, path: &str, data: &[u8]) -> Result<(), Code> {
    let acl = AclList::open();
    let acl: RawAcl<'_> = acl.raw();
    let (path, data) = (path.as_bytes(), Some(data));
    let create = Create { path, data, acl, owner: Owner::Nobody, parent_cversion: -1, zxid: Zxid(1), time: 1 };
    tree.create(&create).map(|_| ())
}

/// A quota of `/a`, with these limits.
fn limited(limits: &str) -> DataTree {
    let mut tree = DataTree::new();
    create(&mut tree, "/a", b"12").unwrap();
    create(&mut tree, "/a/b", b"345").unwrap();
    create(&mut tree, "/zookeeper/quota/a", b"").unwrap();
    create(&mut tree, "/zookeeper/quota/a/zookeeper_limits", limits.as_bytes()).unwrap();
    create(&mut tree, "/zookeeper/quota/a/zookeeper_stats", b"count=0,bytes=0").unwrap();
    tree
}

fn stats(tree: &DataTree) -> &[u8] {
    tree.get(b"/zookeeper/quota/a/zookeeper_stats").expect("the stats").data().expect("data")
}

#[test]
fn limits_are_written_and_read_as_apaches_clients_do() {
    let track = Track { count: 5, bytes: 10, count_hard: 7, bytes_hard: 20 };
    assert_eq!(track.to_string(), "count=5,bytes=10=;byteHardLimit=20;countHardLimit=7");
    assert_eq!(Track::parse(track.to_string().as_bytes()), Some(track));
    assert_eq!(Track::parse(b""), Some(Track::NOTHING));
    assert_eq!(Track::NOTHING.to_string(), "count=-1,bytes=-1");
    assert_eq!(Track::parse(b"count=,,;bytes=4").map(|track| (track.count, track.bytes)), Some((-1, 4)));
    for bad in [&b"count"[..], b"count=x", b"count=99999999999999999999", b"\xff"] {
        assert_eq!(Track::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn stats_begin_with_a_count_and_follow_what_happens() {
    let mut tree = limited("count=-1,bytes=-1");
    assert_eq!(stats(&tree), b"count=2,bytes=5");
    create(&mut tree, "/a/b/c", b"6").unwrap();
    create(&mut tree, "/ab", b"beside").unwrap();
    assert_eq!(stats(&tree), b"count=3,bytes=6");
    tree.set_data(b"/a/b", None, 1, Zxid(2), 2).unwrap();
    assert_eq!(stats(&tree), b"count=3,bytes=3");
    tree.delete(b"/a/b/c", Zxid(3), |_, _| {}).unwrap();
    assert_eq!(stats(&tree), b"count=2,bytes=2");
    tree.delete(b"/zookeeper/quota/a/zookeeper_limits", Zxid(4), |_, _| {}).unwrap();
    create(&mut tree, "/a/x", b"").unwrap();
    assert_eq!(stats(&tree), b"count=2,bytes=2", "without a limit nothing is counted");
}

#[test]
fn hard_limits_refuse_and_soft_ones_do_not() {
    let tree = limited("count=1,bytes=1=;byteHardLimit=6;countHardLimit=3");
    assert!(!tree.exceeds_quota(b"/a/x", 1, 1));
    assert!(tree.exceeds_quota(b"/a/x", 1, 2));
    assert!(tree.exceeds_quota(b"/a/x", 2, 0));
    assert!(!tree.exceeds_quota(b"/a", 0, 0));
    assert!(!tree.exceeds_quota(b"/ab", 100, 100));
    assert!(!limited("count=1,bytes=1").exceeds_quota(b"/a/x", 100, 100));
    assert!(!limited("nonsense").exceeds_quota(b"/a/x", 100, 100));
}

#[test]
fn stats_that_a_client_has_spoilt_are_counted_anew() {
    let mut tree = limited("count=9,bytes=9");
    tree.set_data(b"/zookeeper/quota/a/zookeeper_stats", Some(b"spoilt"), 1, Zxid(2), 2).unwrap();
    create(&mut tree, "/a/x", b"7").unwrap();
    assert_eq!(stats(&tree), b"count=3,bytes=6");
}

proptest! {
    #[test]
    fn stats_say_what_a_count_gives(steps in proptest::collection::vec((0..3u8, 0..6usize, 0..5usize), 0..40)) {
        let paths = ["/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/c"];
        let mut tree = limited("count=9,bytes=9");
        for (what, path, len) in steps {
            let data = [b'x'; 5];
            let path = paths[path];
            let _ = match what {
                0 => create(&mut tree, path, &data[..len]),
                1 => tree.set_data(path.as_bytes(), Some(&data[..len]), 1, Zxid(2), 2).map(|_| ()),
                _ => tree.delete(path.as_bytes(), Zxid(3), |_, _| {}).map(|_| ()),
            };
            let (said, counted) = tree.quota_stats(b"/a").expect("a quota");
            prop_assert_eq!(said, counted);
        }
    }
}
