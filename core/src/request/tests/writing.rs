//! Writes: their replies, the Stat rules, the order of checks, sequence numbers.

use super::*;

#[test]
fn what_is_created_can_be_read() {
    let mut bench = Bench::leader();
    bench.connect(1);
    assert_eq!(bench.create(1, "/a", 0).path(), "/a");
    let reply = bench.ask(1, Op::GET_DATA, &read_request("/a"));
    let GetDataReply { data, stat } = reply.body();
    let zxid = bench.service.applied().to_wire();
    assert_eq!(data, Some(&b"data"[..]));
    let expected = Stat {
        czxid: zxid,
        mzxid: zxid,
        ctime: 1_000,
        mtime: 1_000,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeral_owner: 0,
        data_length: 4,
        num_children: 0,
        pzxid: zxid,
    };
    assert_eq!((stat, reply.zxid), (expected, zxid));
}
