//! multi and multiRead: replies, logged forms, atomicity, prediction.

use super::bench::*;
use crate::wire::multi::{PartResult, decode_results, encode_request};

/// The operations of a multi or a multiRead, as its body.
pub(super) struct Parts(pub(super) Vec<(i32, Vec<u8>)>);

impl Jute<'_> for Parts {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_request(self.0.iter().map(|(op, body)| (*op, &body[..])), out);
    }

    fn decode(_: &mut Reader<'_>) -> Result<Self, crate::wire::Malformed> {
        Ok(Parts(Vec::new()))
    }
}

fn create(path: &str, flags: i32) -> (i32, Vec<u8>) {
    (Op::CREATE, create_request(path, b"data", flags).to_bytes())
}

fn delete(path: &str, version: i32) -> (i32, Vec<u8>) {
    (Op::DELETE, delete_request(path, version).to_bytes())
}

fn set(path: &str, version: i32) -> (i32, Vec<u8>) {
    (Op::SET_DATA, set_request(path, b"set", version).to_bytes())
}

fn check(path: &str, version: i32) -> (i32, Vec<u8>) {
    (Op::CHECK, CheckVersionRequest { path: path.as_bytes(), version }.to_bytes())
}

/// The code of each result.
fn codes(reply: &Reply) -> Vec<i32> {
    let results = decode_results(&reply.body).expect("results");
    results.iter().map(|result| if let PartResult::Failed(err) = result { *err } else { 1 }).collect()
}

#[test]
fn every_operation_sees_what_those_before_it_did() {
    let mut bench = Bench::leader();
    bench.connect(1);
    let parts = Parts(vec![
        create("/m", 0),
        create("/m/s-", 2),
        create("/m/s-", 2),
        set("/m", 0),
        check("/m", 1),
        delete("/m/s-0000000000", 0),
        (Op::CREATE2, create_request("/m/two", b"", 0).to_bytes()),
    ]);
    let reply = bench.ask(1, Op::MULTI, &parts);
    let results = decode_results(&reply.body).expect("results");
    let PartResult::Created { path, stat: None } = results[2] else { panic!("{results:?}") };
    assert_eq!(path, b"/m/s-0000000001");
    let PartResult::Created { stat: Some(stat), .. } = &results[6] else { panic!("{results:?}") };
    assert_eq!((stat.czxid, reply.err), (reply.zxid, 0));
    let root = bench.service.database().tree().get(b"/m").expect("a znode");
    assert_eq!((root.children_len(), root.persisted().cversion, root.persisted().version), (2, 3, 1));
    assert!(!bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. })));
}

#[test]
fn a_multi_that_fails_changes_nothing_and_says_where() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/a", 0);
    let before = bench.service.database().tree().clone();
    let parts = Parts(vec![create("/b", 0), set("/a", 0), check("/a", 0), delete("/a", -1)]);
    let reply = bench.ask(1, Op::MULTI, &parts);
    assert_eq!(
        (reply.err, codes(&reply)),
        (0, vec![0, 0, Code::BadVersion.to_wire(), Code::RuntimeInconsistency.to_wire()])
    );
    assert_eq!(*bench.service.database().tree(), before);
    assert!(bench.service.ahead.is_empty());
}

#[test]
fn the_transaction_of_a_failed_multi_keeps_what_came_before_the_failure() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.commits = Commits::WhenTold;
    bench.send(1, 1, Op::MULTI, &Parts(vec![create("/b", 0), delete("/none", -1), set("/b", -1)]));
    let record = bench.proposed[0].bytes.clone();
    let mut r = Reader::new(&record);
    let header = TxnHeader::decode(&mut r).expect("a header");
    let MultiTxn { txns } = MultiTxn::decode(&mut r).expect("a multi");
    assert_eq!(header.op, Op::MULTI);
    assert_eq!(txns.iter().map(|txn| txn.op).collect::<Vec<_>>(), [Op::CREATE, Op::ERROR, Op::ERROR]);
    assert_eq!(txns[1].data, Some(&Code::NoNode.to_wire().to_be_bytes()[..]));
    assert_eq!(txns[2].data, Some(&Code::RuntimeInconsistency.to_wire().to_be_bytes()[..]));
    assert!(TxnDigest::decode(&mut r).is_ok(), "the digest of the unchanged tree");
    bench.commit_all();
    assert!(!bench.events.iter().any(|event| matches!(event, Event::DigestMismatch { .. })));
}

#[test]
fn requests_behind_a_multi_that_is_not_applied_see_it_and_none_that_failed() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/q", 0);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.send(1, 1, Op::MULTI, &Parts(vec![create("/q/s-", 2), delete("/none", -1)]));
    bench.send(1, 2, Op::MULTI, &Parts(vec![create("/q/s-", 2), create("/x", 0)]));
    bench.send(1, 3, Op::CREATE, &create_request("/q/s-", b"", 2));
    bench.send(1, 4, Op::CREATE, &create_request("/x/y", b"", 0));
    bench.commit_all();
    let sent = bench.take_sent();
    let path = |at: usize| if let Sent::Frame(1, frame) = &sent[at] { Reply::of(frame).path() } else { panic!() };
    assert_eq!((path(2), path(3)), ("/q/s-0000000001".to_string(), "/x/y".to_string()));
    assert!(bench.service.ahead.is_empty());
}

#[test]
fn what_is_no_multi_fails_as_a_whole() {
    let mut bench = Bench::leader();
    bench.connect(1);
    let reads = Parts(vec![(Op::GET_DATA, read_request("/").to_bytes())]);
    let wrong = Code::MarshallingError.to_wire();
    assert_eq!(bench.ask(1, Op::MULTI, &reads).error(), wrong);
    assert_eq!(bench.ask(1, Op::MULTI, &Nothing).error(), wrong);
    assert_eq!(bench.ask(1, Op::MULTI, &Parts(vec![(Op::SYNC, vec![])])).error(), wrong);
    assert_eq!(bench.ask(1, Op::MULTI_READ, &Parts(vec![delete("/", 0)])).error(), wrong);
    assert_eq!(codes(&bench.ask(1, Op::MULTI, &Parts(vec![]))), [0; 0]);
}

#[test]
fn the_reads_of_a_multi_read_fail_one_by_one_and_leave_no_watch() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.create(1, "/a", 0);
    let parts = Parts(vec![
        (Op::GET_DATA, watch_request("/a").to_bytes()),
        (Op::GET_DATA, watch_request("/none").to_bytes()),
        (Op::GET_CHILDREN, watch_request("/").to_bytes()),
    ]);
    let reply = bench.ask(1, Op::MULTI_READ, &parts);
    let results = decode_results(&reply.body).expect("results");
    assert!(matches!(&results[0], PartResult::Data { data: Some(b"data"), .. }));
    assert_eq!(results[1], PartResult::Failed(Code::NoNode.to_wire()));
    assert_eq!(results[2], PartResult::Children(vec![b"a", b"zookeeper"]));
    assert_eq!(bench.service.watches_len(), 0);
    bench.config.limits.reply_bytes = 50;
    assert_eq!(bench.ask(1, Op::MULTI_READ, &parts).error(), Code::BadArguments.to_wire());
}

#[test]
fn reads_that_are_released_together_do_not_fill_memory() {
    let mut bench = Bench::leader();
    bench.config.limits.step_bytes = 1000;
    let sent = read_at_once(bench);
    let answered = sent.iter().filter(|sent| matches!(sent, Sent::Frame(..))).count();
    assert_eq!(
        (answered, sent.last()),
        (3, Some(&Sent::Drop(1, DropReason::LimitReached))),
        "the create and two reads"
    );
}

/// What client 1 is sent that asks for a large znode seven times while its creation is not committed.
fn read_at_once(mut bench: Bench) -> Vec<Sent> {
    bench.connect(1);
    bench.commits = Commits::WhenTold;
    bench.take_sent();
    bench.send(1, 1, Op::CREATE, &create_request("/large", &[7; 400], 0));
    for xid in 2..9 {
        bench.send(1, xid, Op::GET_DATA, &read_request("/large"));
    }
    bench.commit_all();
    bench.take_sent()
}

#[test]
fn who_asks_for_too_much_at_once_is_given_up_before_others_are() {
    let mut bench = Bench::leader();
    bench.config.limits.burst_bytes = 1000;
    let sent = read_at_once(bench);
    let answered = sent.iter().filter(|sent| matches!(sent, Sent::Frame(..))).count();
    assert_eq!((answered, sent.last()), (3, Some(&Sent::Drop(1, DropReason::LimitReached))), "{sent:?}");
}

#[test]
fn a_watch_of_what_a_multi_made_hears_of_it_before_the_reply() {
    let mut bench = Bench::leader();
    bench.connect(1);
    bench.send(1, 1, Op::EXISTS, &watch_request("/m"));
    bench.take_sent();
    bench.send(1, 2, Op::MULTI, &Parts(vec![create("/m", 0), delete("/m", -1)]));
    let sent = bench.take_sent();
    assert!(matches!(&sent[..], [Sent::Watch(..), Sent::Frame(..)]), "{sent:?}");
}
