//! Two lives that differ in what the clocks say, and in nothing else.

use super::*;

/// So long do the clocks stand before they jump, in milliseconds.
const JUMP_MS: i64 = 5000;

/// Znodes that are of their creator only, or that fade: a container that had a child, one that has one,
/// a time to live that is over when the clocks have jumped, one that is not.
fn furnish(net: &mut Net) {
    net.request(1, -4, Op::AUTH, &AuthPacket { kind: 0, scheme: b"digest", auth: Some(b"alice:secret") });
    let hers = vec![Acl { perms: 31, id: Id { scheme: b"auth", id: b"" } }];
    net.request(1, 10, Op::CREATE, &CreateRequest { acl: Some(hers), ..create(b"/hers", 0) });
    for (xid, path, child) in [(11, "/was-used", "/was-used/c"), (12, "/is-used", "/is-used/c")] {
        net.request(1, xid, Op::CREATE_CONTAINER, &create(path.as_bytes(), 4));
        net.request(1, xid + 10, Op::CREATE, &create(child.as_bytes(), 0));
    }
    net.request(1, 30, Op::DELETE, &DeleteRequest { path: b"/was-used/c", version: -1 });
    for (xid, path, ttl) in [(31, "/short", JUMP_MS - 1), (32, "/long", JUMP_MS)] {
        let CreateRequest { data, acl, .. } = create(b"", 0);
        let request = CreateTtlRequest { path: path.as_bytes(), data, acl, flags: 5, ttl };
        net.request(1, xid, Op::CREATE_TTL, &request);
    }
    net.settle();
    net.request(2, 40, Op::GET_DATA, &ReadRequest { path: b"/hers", watch: false });
    net.settle();
}

/// The leader looks for what has faded.
fn sweep(net: &mut Net) {
    let due: Vec<_> = net.timers.iter().filter(|(_, timer)| *timer == Timer::Containers).copied().collect();
    assert!(!due.is_empty(), "something can fade");
    for (server, timer) in due {
        net.timers.remove(&(server, timer));
        net.step(server, Input::Fired { timer });
    }
    net.settle();
}

/// Three servers and their clients, whose clocks stand at `at` and then jump, through an election and
/// writes, what fades, the leader's end and more writes: every action's shape, and the times of the
/// records.
fn life_at(at: i64) -> (Vec<(ServerId, String)>, BTreeSet<[u8; 8]>) {
    let mut net = Net { at: Stamp(at), ..Net::empty() };
    for id in 1..=3 {
        net.start(id, &ensemble(3, 0), Epoch::ZERO);
    }
    net.settle();
    net.connect_everywhere();
    net.settle();
    net.request(1, 1, Op::EXISTS, &ReadRequest { path: b"/n0000000001", watch: true });
    for server in 1..=3 {
        net.request(server, 2, Op::CREATE, &create(b"/n", 3));
    }
    net.settle();
    furnish(&mut net);
    net.sent.clear();
    net.at = Stamp(at + JUMP_MS);
    sweep(&mut net);
    let names = trees(&net).pop_first().expect("a tree").2;
    assert_eq!(names, ["hers", "is-used", "long", "n0000000000", "n0000000001", "n0000000002", "zookeeper"]);
    net.lose(ServerId(3));
    net.request(1, 3, Op::SET_DATA, &SetDataRequest { path: b"/n0000000000", data: None, version: 0 });
    net.settle();
    let records = net.replicas.values().flat_map(|replica| replica.view().history());
    let times = records.map(|record| record.bytes[20..28].try_into().expect("a transaction has a header")).collect();
    (net.shapes, times)
}

/// Contract section 1: the stamp may be copied into a transaction's header, and what fades goes by the
/// difference of two; it shows nowhere else.
#[test]
fn a_clock_changes_the_times_of_transactions_and_nothing_else() {
    let (shapes, times) = life_at(1);
    assert_eq!(times, BTreeSet::from([1i64.to_be_bytes(), (1 + JUMP_MS).to_be_bytes()]));
    for at in [i64::MIN, -1, 1_763_856_000_000, i64::MAX - JUMP_MS] {
        let (others, times) = life_at(at);
        assert_eq!(times, BTreeSet::from([at.to_be_bytes(), (at + JUMP_MS).to_be_bytes()]));
        assert_eq!(shapes.len(), others.len());
        for (one, other) in shapes.iter().zip(&others) {
            assert_eq!(one, other, "at {at}");
        }
    }
}
