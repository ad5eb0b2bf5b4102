//! The four-letter words, of one server with two clients and of an ensemble.

use crate::client::Client;
use crate::process::{Scratch, Server, ensemble, free_ports, leader};
use std::io::{Read, Write};
use std::net::TcpStream;
use zabra_client::{CreateMode, Operation};

/// The text with the numbers out of it that differ from run to run.
fn shape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('9') {
            out.push('9');
        }
    }
    out
}

#[test]
fn a_lone_server_answers_every_word_as_apaches_does() {
    let scratch = Scratch::new("words");
    let server = Server::start(&scratch, "alone", free_ports(1)[0], "");
    let (mut one, mut two) = (Client::connect(&[server.client]), Client::connect(&[server.client]));
    one.create("/a", b"", CreateMode::Persistent);
    one.create("/a/e", b"1", CreateMode::Ephemeral);
    for client in [&mut one, &mut two] {
        client.demand(Operation::GetData { path: b"/a".to_vec(), watch: true });
    }
    two.demand(Operation::GetChildren { path: b"/a".to_vec(), watch: true });
    let stat = shape(&server.ask("stat"));
    assert!(stat.contains("Clients:\n /9.9.9.9:9[9](queued=9,recved=9,sent=9)\n /9.9.9.9:9[9](queued=9"), "{stat}");
    let numbers = "\n\nLatency min/avg/max: 9/9.9/9\nReceived: 9\nSent: 9\nConnections: 9\nOutstanding: 9\nZxid: 9x9\n";
    assert!(stat.ends_with(&format!("{numbers}Mode: standalone\nNode count: 9\n")), "{stat}");
    let cons = server.ask("cons");
    assert!(shape(&cons).contains("sent=9,sid=9x9"), "{cons}");
    assert!(cons.contains(",lop=GETC,") && cons.contains(",to=10000,lcxid=0x"), "{cons}");
    let dump = server.ask("dump");
    assert!(dump.starts_with("SessionTracker dump:\nSession Sets (") && dump.contains(" expire at "), "{dump}");
    assert!(dump.contains("\nephemeral nodes dump:\nSessions with Ephemerals (1):\n0x"), "{dump}");
    assert!(dump.contains(":\n\t/a/e\nConnections dump:\nConnections Sets (1)/(3):\n\tip: /127.0.0.1:"), "{dump}");
    let by_client = server.ask("wchc");
    assert_eq!(by_client.lines().filter(|line| *line == "\t/a").count(), 2, "{by_client}");
    assert!(server.ask("wchp").starts_with("/a\n\t0x"));
    assert_eq!(server.ask("wchs"), "2 connections watching 1 paths\nTotal watches:2\n");
    assert_eq!([server.ask("ruok"), server.ask("isro"), server.ask("gtmk")], ["imok", "rw", "306"]);
    assert_eq!(server.ask("stmk\0\0\0\0\0\0\0\u{9}"), "9");
    assert_eq!(server.ask("gtmk"), "9");
    assert!(server.ask("envi").starts_with("Environment:\nzookeeper.version=3.9.5-zabra-"));
    assert!(server.ask("conf").contains("\ntickTime=500\nmaxClientCnxns=60\nminSessionTimeout=1000\n"));
    assert!(server.ask("dirs").starts_with("datadir_size: "));
    assert!(server.ask("hash").starts_with("100000001: "), "the first of the epoch");
    assert_eq!(server.ask("quux"), "", "no word: the connection is closed");
}

#[test]
fn statistics_are_reset_by_word() {
    let scratch = Scratch::new("resets");
    let server = Server::start(&scratch, "alone", free_ports(1)[0], "");
    let mut client = Client::connect(&[server.client]);
    (0..10).for_each(|_| drop(client.demand(Client::set("/", b"x"))));
    let number = |text: String, key: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(key).map(str::to_string));
        line.expect("the key is there").trim().parse().unwrap()
    };
    assert!(number(server.ask("srvr"), "Received: ") >= 11);
    assert_eq!(number(server.ask("mntr"), "zk_cnt_updatelatency\t"), 11, "the session, and ten writes");
    assert_eq!(server.ask("srst"), "Server stats reset.\n");
    assert!(number(server.ask("srvr"), "Received: ") < 5);
    assert!(server.ask("cons").contains("lop=SETD"));
    assert_eq!(server.ask("crst"), "Connection stats reset.\n");
    assert!(server.ask("cons").contains("lop=NA"));
}

#[test]
fn a_mask_may_come_late_and_a_word_is_answered_only_if_it_is_in_the_list() {
    let scratch = Scratch::new("whitelist");
    let server = Server::start(&scratch, "alone", free_ports(1)[0], "4lw.commands.whitelist=ruok,stmk\n");
    drop(Client::connect(&[server.client]));
    assert_eq!(server.ask("ruok"), "imok");
    assert_eq!(server.ask("stat"), "stat is not executed because it is not in the whitelist.\n");
    let mut stream = TcpStream::connect(server.client).unwrap();
    for piece in [&b"stmk"[..], b"\0\0\0\0", b"\0\0\x01\0"] {
        stream.write_all(piece).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "256");
}

#[test]
fn the_members_of_an_ensemble_tell_their_roles() {
    let scratch = Scratch::new("roles");
    let servers = ensemble(&scratch, "");
    let addresses: Vec<_> = servers.iter().map(|server| server.client).collect();
    let mut client = Client::connect(&addresses);
    client.create("/x", b"", CreateMode::Persistent);
    let leads = leader(&servers);
    let follows = (leads + 1) % 3;
    client.until("three servers that serve", |_| servers.iter().all(|server| !server.mode().is_empty()));
    let text = servers[leads].ask("mntr");
    for line in ["zk_server_state\tleader", "zk_peer_state\tleading - broadcast", "zk_quorum_size\t3", "zk_learners\t2"]
    {
        assert!(text.lines().any(|has| has == line), "{line} is missing in\n{text}");
    }
    assert!(servers[leads].ask("srvr").contains("\nProposal sizes last/min/max: "));
    assert!(servers[leads].ask("dump").contains("Session Sets (1)/(1):"));
    assert!(servers[follows].ask("mntr").contains("zk_peer_state\tfollowing - broadcast\n"));
    assert!(servers[follows].ask("dump").contains("Global Sessions(1):\n0x"));
    let conf = servers[follows].ask("conf");
    assert!(conf.contains("\npeerType=0\nmembership: \nserver.1=127.0.0.1:"), "{conf}");
}
