//! reconfig: what a leader makes of the request, and in which order it looks at it.

use super::bench::*;
use crate::config::Reconfig;

const TEXT: &str = "server.1=a:2:3:participant;0.0.0.0:4\nserver.2=b:2:3:participant;0.0.0.0:4\n\
    server.3=c:2:3:participant;0.0.0.0:4\nversion=0";

fn servers(ids: &[u8]) -> ServerSet {
    ids.iter().copied().map(ServerId).collect()
}

/// A leader of three, with two followers in step, whose only client may do everything.
fn leader() -> Bench {
    let mut bench = Bench::leader();
    bench.config.ensemble = Arc::new(Ensemble::parse(TEXT.as_bytes()).expect("a configuration"));
    bench.config.reconfig = Reconfig { enabled: true, voters_min: 2 };
    bench.config.access.skip_acl = true;
    bench.synced = servers(&[1, 2, 3]);
    bench.connect(1);
    bench
}

fn change<'a>(joining: &'a str, leaving: &'a str) -> ReconfigRequest<'a> {
    let some = |text: &'a str| (!text.is_empty()).then_some(text.as_bytes());
    ReconfigRequest { joining: some(joining), leaving: some(leaving), new_members: None, config_id: -1 }
}

fn whole(members: &str) -> ReconfigRequest<'_> {
    ReconfigRequest { joining: None, leaving: None, new_members: Some(members.as_bytes()), config_id: -1 }
}

fn error(bench: &Bench, request: &ReconfigRequest<'_>) -> i32 {
    bench.clone().ask(1, Op::RECONFIG, request).error()
}

#[test]
fn the_answer_is_the_new_configuration_and_its_znodes_stat() {
    let mut bench = leader();
    bench.take_sent();
    bench.send(1, 1, Op::GET_DATA, &watch_request("/zookeeper/config"));
    let before = bench.take_sent();
    let [Sent::Frame(1, frame)] = &before[..] else { panic!("one reply, got {before:?}") };
    assert_eq!(Reply::of(frame).body::<GetDataReply<'_>>().data, Some(TEXT.as_bytes()), "nobody has changed it yet");
    bench.send(1, 2, Op::RECONFIG, &change("server.100=h:5:6:observer;7", "3"));
    let sent = bench.take_sent();
    let [Sent::Watch(to, _), Sent::Frame(1, frame)] = &sent[..] else { panic!("an event, then a reply: {sent:?}") };
    assert_eq!(to[..], [1]);
    let reply = Reply::of(frame);
    let GetDataReply { data, stat } = reply.body();
    let text = "server.1=a:2:3:participant;0.0.0.0:4\nserver.2=b:2:3:participant;0.0.0.0:4\n\
        server.100=h:5:6:observer;0.0.0.0:7\nversion=100000002";
    assert_eq!(core::str::from_utf8(data.expect("a text")), Ok(text));
    assert_eq!((stat.mzxid, stat.version, reply.zxid), (0x1_0000_0002, -1, 0x1_0000_0002));
    let reread = bench.ask(1, Op::GET_DATA, &read_request("/zookeeper/config"));
    assert_eq!(reread.body::<GetDataReply<'_>>().data, data);
}

#[test]
fn the_transaction_is_apaches() {
    let mut bench = leader();
    bench.commits = Commits::WhenTold;
    bench.send(1, 9, Op::RECONFIG, &change("", "3"));
    let record = bench.proposed.front().expect("a proposal");
    let mut r = Reader::new(&record.bytes);
    let header = TxnHeader::decode(&mut r).expect("a header");
    assert_eq!((header.op, header.cxid), (Op::RECONFIG, 9));
    let txn = SetDataTxn::decode(&mut r).expect("a setData");
    assert_eq!((txn.path, txn.version), (&b"/zookeeper/config"[..], -1));
    assert!(TxnDigest::decode(&mut r).is_ok());
}

#[test]
fn checks_come_in_apaches_order() {
    let bad = change("some thing", "");
    let mut bench = leader();
    bench.config.access.skip_acl = false;
    let mut proposed = (*bench.config.ensemble).clone();
    proposed.version = 7;
    bench.config.proposed = Some(Arc::new(proposed));
    bench.config.reconfig.enabled = false;
    bench.synced = servers(&[1]);
    let stale = ReconfigRequest { config_id: 5, ..bad.clone() };
    assert_eq!(error(&bench, &stale), Code::ReconfigDisabled.to_wire());
    bench.config.reconfig.enabled = true;
    assert_eq!(error(&bench, &stale), Code::ReconfigInProgress.to_wire());
    bench.config.proposed = None;
    assert_eq!(error(&bench, &stale), Code::BadVersion.to_wire());
    assert_eq!(error(&bench, &bad), Code::BadArguments.to_wire());
    assert_eq!(error(&bench, &change("", "2,3")), Code::BadArguments.to_wire(), "one voter is too few");
    assert_eq!(error(&bench, &change("", "3")), Code::NewConfigNoQuorum.to_wire());
    bench.synced = servers(&[1, 2]);
    assert_eq!(error(&bench, &change("", "3")), Code::NoAuth.to_wire(), "who may do it comes last");
    assert_eq!(error(&bench, &change("server.999=h:5:6:observer;7", "")), Code::NoAuth.to_wire());
    bench.config.access.skip_acl = true;
    assert_eq!(error(&bench, &change("server.999=h:5:6:observer;7", "")), Code::BadArguments.to_wire());
    assert_eq!(bench.clone().ask(1, Op::RECONFIG, &change("", "3")).err, 0);
}

#[test]
fn what_does_not_describe_members_is_refused() {
    let bench = leader();
    for (joining, code) in [
        ("server.4=h:5", Code::BadArguments),
        ("server.4=h:5:6", Code::BadArguments),
        ("server.4=h:5:6;7=8", Code::BadArguments),
        ("server.4=b:9:2;7", Code::BadArguments),
        ("server.x=h:5:6;7", Code::MarshallingError),
    ] {
        assert_eq!(error(&bench, &change(joining, "")), code.to_wire(), "{joining}");
    }
    assert_eq!(error(&bench, &change("", "two")), Code::MarshallingError.to_wire());
    assert_eq!(error(&bench, &whole("server.1=a:2:3;4,tickTime=5")), Code::BadArguments.to_wire());
    assert_eq!(bench.clone().ask(1, Op::RECONFIG, &change("server.2=b2:2:3;4", "")).err, 0, "a server may move");
}

#[test]
fn all_members_at_once_come_with_commas_or_lines() {
    let bench = leader();
    let of = |members: &str| {
        let reply = bench.clone().ask(1, Op::RECONFIG, &whole(members));
        String::from_utf8(reply.body::<GetDataReply<'_>>().data.expect("a text").to_vec()).expect("text")
    };
    let commas = of("server.1=a:2:3;4,server.2=b:2:3;4");
    assert_eq!(commas, of("server.2=b:2:3;4\nserver.1=a:2:3;4\nversion=99"));
    assert!(commas.starts_with("server.1=a:2:3:participant;0.0.0.0:4\n") && commas.ends_with("\nversion=100000002"));
}

#[test]
fn a_server_alone_has_no_ensemble_to_change() {
    let mut bench = Bench::leader();
    bench.config.reconfig.enabled = true;
    bench.connect(1);
    assert_eq!(error(&bench, &change("server.2=b:2:3;4", "")), Code::Unimplemented.to_wire());
}
