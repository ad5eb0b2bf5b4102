use super::*;
use crate::config::Ensemble;
use crate::contract::Actions;
use crate::id::{ServerId, ServerSet, Stamp};
use crate::log::Recovered;
use crate::quorum::Quorum;
use crate::replica::Replica;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;

/// A lone server at its start: without a leader.
fn replica() -> Replica {
    let me = ServerId(1);
    let quorum = Quorum::majority([me].into_iter().collect()).unwrap();
    let ensemble = Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text: Arc::from(*b"version=0") };
    let config = Arc::new(Config::new(me, Arc::new(ensemble)));
    Replica::restore(config, Recovered::empty(), SessionId(1), Stamp(0), &mut Actions::new())
}

/// Asks this server, with one operator's connection around it.
fn asked<T>(serving: bool, question: impl FnOnce(&Server<'_>, &Surroundings<'_>) -> T) -> T {
    let replica = replica();
    let server = Server { serving, state: ServerState::Following, ..replica.view().admin() };
    let mut latency = Latency::default();
    [0, 3, 8].into_iter().for_each(|ms| latency.add(ms));
    let mut proposals = Sizes::default();
    [70, 30, 50].into_iter().for_each(|bytes| proposals.add(bytes));
    let connection = Connection {
        address: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        secure: false,
        client: None,
        reading: true,
        queued: 1,
        received: 2,
        sent: 1,
        established_ms: 1_795_432_853_000,
        last_op: None,
        last_cxid: None,
        last_zxid: 0,
        last_response_ms: 0,
        latency: Latency::default(),
    };
    let configuration = Configuration {
        client_port: Some(2181),
        data_dir: "/data/version-2".into(),
        log_dir: "/log/version-2".into(),
        connections_of_address: 60,
        ..Configuration::default()
    };
    let around = Surroundings {
        version: "3.9.5-test",
        alone: false,
        now_ms: 1_795_432_853_000,
        latency,
        received: 3,
        sent: 2,
        proposals,
        responses: Sizes::default(),
        connections: &[connection],
        configuration: &configuration,
        environment: &[("os.name".into(), "Linux".into())],
        data_bytes: 10,
        log_bytes: 20,
        trace_mask: 306,
        expiries: &[(1_795_432_853_000, SessionId(0x11)), (1_795_432_853_000, SessionId(0x12))],
        digests: &[Digest { zxid: Zxid(0x1_0000_0080), digest: 7 }],
        measures: &[("uptime".into(), Value::Integer(5)), ("avg_x".into(), Value::Average(latency.all))],
        snapshot: Some((Zxid(0x1_0000_0080), 1_795_432_853_000)),
    };
    question(&server, &around)
}

fn known(name: &str) -> Word {
    super::word(*name.as_bytes().first_chunk().unwrap(), &Whitelist::All).unwrap().unwrap()
}

fn word(name: &str, serving: bool) -> Answer {
    asked(serving, |server, around| known(name).answer(None, server, around))
}

fn text(name: &str) -> String {
    word(name, true).text
}

#[test]
fn only_words_of_the_list_are_answered_and_only_words_exist() {
    let some = Whitelist::parse("ruok, srvr");
    let ask = |letters: &[u8; 4]| super::word(*letters, &some);
    assert_eq!(ask(b"ruok"), Some(Ok(known("ruok"))));
    let refused = |name: &str| format!("{name} is not executed because it is not in the whitelist.\n");
    for name in ["mntr", "crst"] {
        let answer = ask(name.as_bytes().first_chunk().unwrap()).unwrap().unwrap_err();
        assert_eq!(answer, Answer { text: refused(name), effect: None });
    }
    assert_eq!(ask(b"what"), None);
    assert_eq!(text("ruok"), "imok");
    assert_eq!(Whitelist::parse("ruok,*"), Whitelist::All);
}

#[test]
fn a_read_only_server_answers_and_says_what_it_is() {
    let ask = |name: &str| {
        let answered = |server: &Server<'_>, around: &Surroundings<'_>| {
            let (server, around) = (Server { read_only: true, ..*server }, Surroundings { alone: false, ..*around });
            known(name).answer(None, &server, &around)
        };
        asked(true, answered).text
    };
    assert_eq!(ask("isro"), "ro");
    assert_eq!(ask("srvr").lines().nth(1), Some("READ-ONLY mode; serving only read-only clients"));
    assert!(ask("srvr").contains("\nMode: read-only\n"));
    assert!(ask("mntr").contains("\nzk_server_state\tread-only\n"));
    let some = Whitelist::parse("srvr,mntr").with("isro");
    assert!(super::word(*b"isro", &some).unwrap().is_ok() && super::word(*b"stat", &some).unwrap().is_err());
}

#[test]
fn a_server_without_a_leader_says_so() {
    let refused =
        ["conf", "cons", "crst", "dirs", "dump", "hash", "mntr", "srst", "srvr", "stat", "wchc", "wchp", "wchs"];
    for name in refused {
        let answer = word(name, false);
        assert_eq!((answer.text, answer.effect), (NOT_SERVING.to_string() + "\n", None), "{name}");
    }
    assert_eq!(word("isro", false).text, "null");
    assert_eq!(word("envi", false).text, "Environment:\nos.name=Linux\n");
}

#[test]
fn words_have_the_shapes_of_apaches() {
    insta::assert_snapshot!(text("stat"), @r#"
Zookeeper version: 3.9.5-test
Clients:
 /127.0.0.1:40000[1](queued=1,recved=2,sent=1)

Latency min/avg/max: 0/3.6667/8
Received: 3
Sent: 2
Connections: 1
Outstanding: 1
Zxid: 0x0
Mode: follower
Node count: 4
"#);
    insta::assert_snapshot!(text("conf"), @r#"
clientPort=2181
secureClientPort=-1
dataDir=/data/version-2
dataDirSize=10
dataLogDir=/log/version-2
dataLogSize=20
tickTime=2000
maxClientCnxns=60
minSessionTimeout=4000
maxSessionTimeout=40000
clientPortListenBacklog=-1
serverId=1
"#);
    insta::assert_snapshot!(text("dump"), @r#"
SessionTracker dump:
Global Sessions(0):
ephemeral nodes dump:
Sessions with Ephemerals (0):
Connections dump:
Connections Sets (1)/(1):
	ip: /127.0.0.1:40000 sessionId: 0x0
"#);
    insta::assert_snapshot!(text("mntr"), @r#"
zk_version	3.9.5-test
zk_server_state	follower
zk_peer_state	following - election
zk_avg_latency	3.6667
zk_min_latency	0
zk_max_latency	8
zk_packets_received	3
zk_packets_sent	2
zk_num_alive_connections	1
zk_outstanding_requests	1
zk_znode_count	4
zk_watch_count	0
zk_ephemerals_count	0
zk_approximate_data_size	43
zk_global_sessions	0
zk_local_sessions	0
zk_last_client_response_size	-1
zk_min_client_response_size	-1
zk_max_client_response_size	-1
zk_quorum_size	1
zk_uptime	5
zk_avg_x	3.6667
"#);
    assert_eq!(text("cons"), " /127.0.0.1:40000[1](queued=1,recved=2,sent=1)\n\n");
    assert_eq!(text("wchs"), "0 connections watching 0 paths\nTotal watches:0\n");
    assert_eq!(text("wchc"), "\n");
    assert_eq!(text("hash"), "100000080: 7\n");
    assert_eq!(text("dirs"), "datadir_size: 10\nlogdir_size: 20\n");
}

#[test]
fn a_leader_tells_the_sizes_of_proposals_too() {
    let leads = |server: &Server<'_>, around: &Surroundings<'_>| {
        let leader = Server { state: ServerState::Leading, ..*server };
        known("srvr").answer(None, &leader, around).text
    };
    assert!(asked(true, leads).ends_with("Mode: leader\nNode count: 4\nProposal sizes last/min/max: 50/30/70\n"));
}

#[test]
fn what_a_question_changes_is_said() {
    assert_eq!(word("crst", true).effect, Some(Effect::ResetConnectionStats));
    assert_eq!(word("srst", true).effect, Some(Effect::ResetServerStats));
    let mask = |server: &Server<'_>, around: &Surroundings<'_>| known("stmk").answer(Some(-2), server, around);
    assert_eq!(asked(false, mask), Answer { text: "-2".into(), effect: Some(Effect::SetTraceMask(-2)) });
}

#[test]
fn an_answer_is_the_same_without_what_it_says_not_to_need() {
    for alone in [false, true] {
        let both = |name: &str, needs: Needs, answer: &dyn Fn(&Server<'_>, &Surroundings<'_>) -> String| {
            asked(true, |server, around| {
                let around = Surroundings { alone, ..*around };
                assert_eq!(answer(server, &needs.cut(&around)), answer(server, &around), "{name}");
            });
        };
        for name in words::WORDS {
            let word = known(name);
            both(name, word.needs(), &|server, around| word.answer(None, server, around).text);
        }
        for name in Command::all() {
            let command = Command::named(name).unwrap();
            both(name, command.needs(), &|server, around| command.answer(None, server, around).body.to_json());
        }
    }
    let quiet = ["ruok", "isro", "envi", "crst", "srst", "gtmk", "stmk", "wchs"];
    assert!(quiet.iter().all(|name| known(name).needs() == Needs::default()), "what costs nothing gathers nothing");
}

#[test]
fn commands_answer_in_json() {
    let run = |name: &str, mask: Option<&str>| {
        let command = Command::named(name).unwrap();
        asked(true, |server, around| command.answer(mask, server, around)).body.to_json()
    };
    insta::assert_snapshot!(run("srvr", None), @r#"
{
  "version" : "3.9.5-test",
  "read_only" : false,
  "server_stats" : {
    "packets_sent" : 2,
    "packets_received" : 3,
    "min_latency" : 0,
    "avg_latency" : 3.6667,
    "max_latency" : 8,
    "last_processed_zxid" : 0,
    "outstanding_requests" : 1,
    "server_state" : "follower",
    "num_alive_client_connections" : 1,
    "data_dir_size" : 10,
    "log_dir_size" : 20
  },
  "client_response" : {
    "last_buffer_size" : -1,
    "min_buffer_size" : -1,
    "max_buffer_size" : -1
  },
  "node_count" : 4,
  "command" : "server_stats",
  "error" : null
}
"#);
    insta::assert_snapshot!(run("dump", None), @r#"
{
  "expiry_time_to_session_ids" : {
    "1795432853000" : [ 17, 18 ]
  },
  "session_id_to_ephemeral_paths" : { },
  "command" : "dump",
  "error" : null
}
"#);
    assert_eq!(run("ruok", None), "{\n  \"command\" : \"ruok\",\n  \"error\" : null\n}");
    assert!(run("stmk", None).contains("setTraceMask requires long traceMask argument"));
    assert!(run("stmk", Some("5")).contains("\"tracemask\" : 5"));
    let not_serving = Command::named("conf").unwrap();
    let response = asked(false, |server, around| not_serving.answer(None, server, around));
    assert_eq!(response.body.to_json(), body_of("configuration", NOT_SERVING));
    assert_eq!(Command::unknown("x").body.to_json(), body_of("x", "Unknown command: x"));
    assert!(Command::all().is_sorted());
}

fn body_of(command: &str, error: &str) -> String {
    let fields = vec![("command".into(), Value::text(command)), ("error".into(), Value::text(error))];
    Value::Map(fields).to_json()
}
