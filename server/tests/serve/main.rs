//! The binary, on loopback with real files, driven by a client: what the explorers cannot see is the
//! shell itself.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test of the real thing uses real sockets, files and processes"
)]

mod client;
mod directory;
mod hostile;
#[path = "../../../sim/tests/storage/java.rs"]
#[expect(dead_code, reason = "the simulator's tests use all of it")]
mod java;
mod notify;
mod process;
mod raw;
mod shell;
mod tls;

use client::Client;
use process::{PATIENCE, Scratch, Server, ensemble, free_ports, leader};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use zabra_client::{Code, CreateMode, Operation, Outcome, WatchKind};

fn alone(scratch: &Scratch) -> Server {
    Server::start(scratch, "alone", free_ports(1)[0], "")
}

#[test]
fn a_lone_server_serves_and_keeps_its_data_over_a_restart() {
    let scratch = Scratch::new("alone");
    let mut server = alone(&scratch);
    let mut client = Client::connect(&[server.client]);
    client.create("/a", b"1", CreateMode::Persistent);
    assert_eq!(client.create("/a/s-", b"", CreateMode::PersistentSequential), "/a/s-0000000000");
    client.create("/a/e", b"", CreateMode::Ephemeral);
    client.demand(Client::set("/a", b"2"));
    assert_eq!(client.run(Operation::create("/a", b"", CreateMode::Persistent)), Outcome::Failed(Code::NodeExists));
    assert_eq!(client.children("/a"), ["e", "s-0000000000"]);
    assert_eq!(server.ask("ruok"), "imok");
    assert_eq!(server.mode(), "standalone");
    assert_eq!(server.stop().code(), Some(0));

    server.restart();
    assert_eq!(client.data("/a"), b"2", "the session goes on");
    assert_eq!((client.attached, client.children("/a").len()), (2, 2));
    client.demand(Operation::Close);
    assert_eq!(
        Client::connect(&[server.client]).children("/a"),
        ["s-0000000000"],
        "the ephemeral went with its session"
    );
}

#[test]
fn a_watch_tells_one_client_of_anothers_write() {
    let scratch = Scratch::new("watch");
    let server = alone(&scratch);
    let (mut one, mut other) = (Client::connect(&[server.client]), Client::connect(&[server.client]));
    one.create("/w", b"", CreateMode::Persistent);
    other.demand(Operation::GetData { path: b"/w".to_vec(), watch: true });
    one.demand(Client::set("/w", b"x"));
    other.until("the event", |client| !client.events.is_empty());
    assert_eq!((other.events[0].kind, other.events[0].path.as_slice()), (WatchKind::DataChanged, &b"/w"[..]));
}

#[test]
fn a_killed_server_has_lost_no_acknowledged_write() {
    let scratch = Scratch::new("killed");
    let mut server = alone(&scratch);
    let mut client = Client::connect(&[server.client]);
    client.create("/n", b"0", CreateMode::Persistent);
    for round in 0..3u32 {
        let handles: Vec<_> =
            (0..200u32).map(|i| client.submit(Client::set("/n", format!("{}", round * 200 + i).as_bytes()))).collect();
        // Some are acknowledged when the process is gone, some are on their way.
        client.outcome(handles[50]);
        server.kill();
        let acknowledged = handles[51..].iter().take_while(|h| matches!(client.outcome(**h), Outcome::Done(_))).count();
        server.restart();
        let least = round * 200 + 50 + acknowledged as u32;
        let data = String::from_utf8(client.data("/n")).unwrap();
        assert!(data.parse::<u32>().unwrap() >= least, "{least} was acknowledged, {data} is there");
    }
}

#[test]
fn three_servers_lose_their_leader_and_no_acknowledged_write() {
    let scratch = Scratch::new("three");
    let mut servers = ensemble(&scratch, "");
    let mut client = Client::connect(&servers.iter().map(|server| server.client).collect::<Vec<_>>());
    client.create("/q", b"", CreateMode::Persistent);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let at = leader(&servers);
        let handles: Vec<_> = (0..100)
            .map(|i| client.submit(Operation::create(&format!("/q/{round}-{i}"), b"v", CreateMode::Persistent)))
            .collect();
        client.outcome(handles[30]);
        acknowledged.push(format!("{round}-30"));
        servers[at].kill();
        for (i, handle) in handles.iter().enumerate().skip(31) {
            if let Outcome::Done(_) = client.outcome(*handle) {
                acknowledged.push(format!("{round}-{i}"));
            }
        }
        // The others elect, and serve a write before the dead one is back.
        let probe = format!("/q/probe-{round}");
        let deadline = Instant::now() + PATIENCE;
        while !matches!(
            client.run(Operation::create(&probe, b"", CreateMode::Persistent)),
            Outcome::Done(_) | Outcome::Failed(Code::NodeExists)
        ) {
            assert!(Instant::now() < deadline, "nobody serves after the leader's death");
        }
        servers[at].restart();
    }
    leader(&servers);
    for server in &servers {
        let mut reader = Client::connect(&[server.client]);
        reader.demand(Operation::Sync { path: b"/q".to_vec() });
        let children = reader.children("/q");
        let lost: Vec<_> = acknowledged.iter().filter(|name| !children.contains(name)).collect();
        assert!(lost.is_empty(), "server {} has lost {lost:?}", server.client);
    }
}

#[test]
fn a_server_whose_disk_is_empty_takes_the_tree_from_its_leader() {
    let scratch = Scratch::new("empty");
    // So many snapshots that the others' logs do not reach back to the beginning.
    let mut servers = ensemble(&scratch, "snapCount=8\nautopurge.purgeInterval=1\n");
    let mut client = Client::connect(&[servers[0].client, servers[1].client]);
    client.create("/t", b"kept", CreateMode::Persistent);
    let names: Vec<String> = (0..120).map(|i| client.create(&format!("/t/{i}"), b"", CreateMode::Persistent)).collect();
    servers[2].kill();
    drop(fs::remove_dir_all(scratch.join("3").join("version-2")));
    for server in &mut servers[..2] {
        server.stop();
        server.restart();
    }
    servers[2].restart();
    let mut reader = Client::connect(&[servers[2].client]);
    assert_eq!(reader.data("/t"), b"kept");
    assert_eq!(reader.children("/t").len(), names.len());
    let log = fs::read_to_string(scratch.join("3.log")).unwrap();
    assert!(log.contains("the leader's tree installed"), "{log}");
}

#[test]
fn what_is_no_request_closes_its_connection_and_nobody_elses() {
    let scratch = Scratch::new("hostile");
    let server = alone(&scratch);
    let mut client = Client::connect(&[server.client]);
    let read_to_end = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.client).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer.len()).ok()
    };
    assert_eq!(read_to_end(&[0x7f, 0xff, 0xff, 0xff]), Some(0), "a length of 2 GiB");
    assert_eq!(read_to_end(&[0xff, 0xff, 0xff, 0xff]), Some(0), "a negative length");
    assert_eq!(read_to_end(&[0, 0, 0, 3, 1, 2, 3]), Some(0), "a frame that is no ConnectRequest");
    assert_eq!(read_to_end(b"what"), Some(0), "a word that is none");
    client.create("/h", b"", CreateMode::Persistent);
}

#[test]
fn strangers_at_the_servers_ports_disturb_no_ensemble() {
    let scratch = Scratch::new("strangers");
    let servers = ensemble(&scratch, "");
    let mut client = Client::connect(&[servers[0].client]);
    client.create("/s", b"", CreateMode::Persistent);
    let config = fs::read_to_string(scratch.join("1.cfg")).unwrap();
    let ports = config.lines().filter_map(|line| line.strip_prefix("server.")?.split_once("127.0.0.1:"));
    for port in ports.flat_map(|(_, ports)| ports.split(':')) {
        for bytes in
            [&[0xff; 64][..], &[0; 64], b"GET / HTTP/1.0\r\n\r\n", b"\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\x07"]
        {
            let mut stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
            stream.write_all(bytes).unwrap();
        }
    }
    client.demand(Client::set("/s", b"x"));
    assert_eq!(client.attached, 1, "nobody's connection was lost");
}

#[test]
fn a_silent_sessions_ephemerals_go_and_a_pinging_ones_stay() {
    let scratch = Scratch::new("expiry");
    let server = alone(&scratch);
    let mut silent = Client::with_timeout(&[server.client], 2000);
    let mut pinging = Client::with_timeout(&[server.client], 2000);
    silent.create("/silent", b"", CreateMode::Ephemeral);
    pinging.create("/pinging", b"", CreateMode::Ephemeral);
    let began = Instant::now();
    // It keeps its connection and says nothing.
    while pinging.children("/").contains(&"silent".to_string()) {
        assert!(began.elapsed() < PATIENCE, "the session never expires");
        (0..20).for_each(|_| pinging.turn());
    }
    assert!(began.elapsed() >= Duration::from_millis(2000), "the session has its whole timeout");
    assert_eq!((pinging.attached, pinging.children("/")), (1, vec!["pinging".to_string(), "zookeeper".to_string()]));
}

#[test]
fn a_client_that_never_reads_costs_bounded_memory_and_no_one_elses_time() {
    let scratch = Scratch::new("deaf");
    let server = alone(&scratch);
    let mut client = Client::connect(&[server.client]);
    client.create("/big", &vec![7; 500_000], CreateMode::Persistent);
    let mut deaf = Client::connect(&[server.client]);
    let before = server.resident_kib();
    for _ in 0..900 {
        deaf.submit(Operation::GetData { path: b"/big".to_vec(), watch: false });
    }
    for _ in 0..20 {
        client.demand(Client::set("/big", b"small"));
        client.demand(Client::set("/big", &vec![7; 500_000]));
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 150 << 10, "{grown} KiB more, of 450 MB that were asked for");
    let began = Instant::now();
    while !fs::read_to_string(scratch.join("alone.log")).unwrap().contains("a client does not read") {
        assert!(began.elapsed() < PATIENCE, "no line says why");
        client.demand(Client::set("/big", b"others are served"));
    }
}

#[test]
fn a_disk_that_fails_stops_the_server_without_an_acknowledgement() {
    let scratch = Scratch::new("disk");
    let mut server = alone(&scratch);
    let mut client = Client::connect(&[server.client]);
    client.create("/d", b"", CreateMode::Persistent);
    fs::remove_dir_all(scratch.join("alone").join("version-2")).unwrap();
    // The log has room for some; the next segment cannot be made.
    let handles: Vec<_> = (0..100).map(|_| client.submit(Client::set("/d", &[1; 4000]))).collect();
    assert_eq!(server.wait(), Some(1));
    let last = client.outcome(*handles.last().unwrap());
    assert_eq!(last, Outcome::Unknown);
}

#[test]
fn the_exit_code_says_what_an_operator_has_to_look_at() {
    let scratch = Scratch::new("exit");
    let wrong = scratch.join("wrong.cfg");
    fs::write(&wrong, "tickTime=0\nclientPrt=1\n").unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_zabra")).args(["config", "check"]).arg(&wrong).output().unwrap();
    assert_eq!(check.status.code(), Some(2));
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(said.contains("wrong.cfg:1: error: tickTime") && said.contains("wrong.cfg:2: warning"), "{said}");

    let first = alone(&scratch);
    drop(Client::connect(&[first.client]));
    let mut second = Server::start(&scratch, "alone", free_ports(1)[0], "");
    assert_eq!(second.wait(), Some(3), "the data directory is in use");
    let mut third = Server::start(&scratch, "third", first.client.port(), "");
    assert_eq!(third.wait(), Some(1), "the client port is in use");
    fs::write(scratch.join("alone").join("version-2").join("currentEpoch"), "what").unwrap();
    drop(first);
    let mut fourth = Server::start(&scratch, "alone", free_ports(1)[0], "");
    assert_eq!(fourth.wait(), Some(3), "an epoch that is no number");
}
