//! Connections that mean no good: each is ended, or costs a bounded amount; others are served, and a
//! line says why.

use crate::client::Client;
use crate::process::{PATIENCE, Scratch, Server, free_ports};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use zabra_client::{CreateMode, Outcome};
use zabra_core::wire::records::{AddWatchRequest, ConnectRequest, ReadRequest, RequestHeader};
use zabra_core::wire::{Jute, Op};

/// A lone server that takes any number of connections, and a client of it.
fn open_house(scratch: &Scratch, more: &str) -> (Server, Client) {
    let server = Server::start(scratch, "alone", free_ports(1)[0], more);
    let mut client = Client::connect(&[server.client]);
    client.create("/h", b"", CreateMode::Persistent);
    (server, client)
}

fn log(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.join("alone.log")).unwrap()
}

#[test]
fn connections_that_say_too_little_end_and_cost_little() {
    let scratch = Scratch::new("slow");
    let (server, mut client) = open_house(&scratch, "maxClientCnxns=0\n");
    let before = server.resident_kib();
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(server.client).unwrap()).collect();
    // A byte now and then: the beginning of a frame of 16 bytes that never comes.
    for byte in [0, 0, 0, 16, 0, 0] {
        for stream in &mut slow {
            stream.write_all(&[byte]).unwrap();
        }
        client.demand(Client::set("/h", b"others are served"));
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more for 500 connections that said nothing");
    for mut stream in slow {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "the server ends it");
    }
    assert!(began.elapsed() >= Duration::from_secs(9), "it was given its time");
    assert!(log(&scratch).contains("no session was asked for"), "{}", log(&scratch));
    client.demand(Client::set("/h", b"still"));
    assert_eq!(client.attached, 1);
}

#[test]
fn a_length_of_two_gibibytes_takes_no_memory() {
    let scratch = Scratch::new("length");
    let (server, mut client) = open_house(&scratch, "maxClientCnxns=0\n");
    let before = server.resident_kib();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.client).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[0x7f, 0xff, 0xff, 0xff, 0, 0]).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "the server ends it");
    }
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
    assert!(log(&scratch).contains("frame length"), "{}", log(&scratch));
    client.demand(Client::set("/h", b"x"));
}

/// Requests of one client that reads no answer: a session, and its reads.
fn greedy(path: &str, reads: i32) -> Vec<u8> {
    let password = Some(&[0; 16][..]);
    let hello = ConnectRequest {
        protocol: 0,
        last_zxid_seen: 0,
        timeout_ms: 60_000,
        session: 0,
        password,
        read_only: Some(false),
    };
    let mut frames = vec![hello.to_bytes()];
    for xid in 1..=reads {
        let mut frame = RequestHeader { xid, op: Op::GET_DATA }.to_bytes();
        ReadRequest { path: path.as_bytes(), watch: false }.encode(&mut frame);
        frames.push(frame);
    }
    frames.iter().flat_map(|frame| [&u32::try_from(frame.len()).unwrap().to_be_bytes()[..], frame].concat()).collect()
}

/// More of them than the flusher writes to in one turn.
#[test]
fn clients_that_never_read_cost_a_bounded_amount_and_no_time() {
    const CLIENTS: u64 = 300;
    let scratch = Scratch::new("deaf");
    let more = "maxClientCnxns=0\nmaxSessionTimeout=120000\nzabra.refusalsLoggedPerSecond=1000\n";
    let (server, mut client) = open_house(&scratch, more);
    client.create("/large", &[7; 200_000], CreateMode::Persistent);
    let before = server.resident_kib();
    let requests = greedy("/large", 100);
    let mut deaf = Vec::new();
    for n in 0..CLIENTS {
        let mut stream = TcpStream::connect(server.client).unwrap();
        stream.write_all(&requests).unwrap();
        deaf.push(stream);
        if n.is_multiple_of(10) {
            client.demand(Client::set("/h", b"others are served"));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while log(&scratch).matches("a client does not read: its requests wait").count() < CLIENTS as usize {
        assert!(Instant::now() < deadline, "{}", log(&scratch));
        std::thread::sleep(Duration::from_millis(50));
    }
    let grown = server.resident_kib().saturating_sub(before);
    // So much waits for each, and one answer more; the turn of a buffer takes as much again.
    assert!(grown < CLIENTS * 2 * (1200 + 200), "{grown} KiB more for {CLIENTS} clients");
    let spent = server.cpu_ticks();
    std::thread::sleep(Duration::from_secs(2));
    let spent = server.cpu_ticks() - spent;
    assert!(spent < 40, "{spent} hundredths of a second for clients that wait");
    client.demand(Client::set("/h", b"still"));
    drop(deaf);
    assert_eq!(client.attached, 1);
}

/// Each lets no more wait than it may; all of them together would be three times as much as may be.
#[test]
fn what_waits_for_all_clients_together_is_bounded() {
    const BOUND: u64 = 64 << 20;
    let scratch = Scratch::new("sum");
    let more = format!("maxClientCnxns=0\nmaxSessionTimeout=120000\nzabra.repliesMaxBytes={BOUND}\n");
    let (server, mut client) = open_house(&scratch, &more);
    client.create("/large", &[7; 1_000_000], CreateMode::Persistent);
    let before = server.resident_kib();
    let requests = greedy("/large", 10);
    let mut deaf = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(server.client).unwrap();
        stream.write_all(&requests).unwrap();
        deaf.push(stream);
        if n % 10 == 0 {
            client.demand(Client::set("/h", b"others are served"));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while !log(&scratch).contains("(zabra.repliesMaxBytes)") {
        assert!(Instant::now() < deadline, "{}", log(&scratch));
        std::thread::sleep(Duration::from_millis(50));
    }
    let grown = server.resident_kib().saturating_sub(before) << 10;
    assert!(grown < 3 * BOUND, "{grown} bytes more");
    let given_up =
        server.ask("mntr").lines().find(|line| line.starts_with("zk_unread_connections_dropped")).map(str::to_owned);
    assert!(given_up.as_ref().is_some_and(|line| !line.ends_with("\t0")), "{given_up:?}");
    client.demand(Client::set("/h", b"still"));
    drop(deaf);
    assert_eq!(client.attached, 1);
}

/// Frames that are begun and never end, of sessions that are alive: each is as long as may be.
#[test]
fn what_is_begun_of_all_clients_together_is_bounded() {
    const BOUND: u64 = 64 << 20;
    let scratch = Scratch::new("begun");
    let more = format!("maxClientCnxns=0\nmaxSessionTimeout=120000\nzabra.requestsMaxBytes={BOUND}\n");
    let (server, mut client) = open_house(&scratch, &more);
    let before = server.resident_kib();
    let begun = [&greedy("/h", 0)[..], &1_000_000_u32.to_be_bytes(), &[7; 900_000]].concat();
    let mut slow = Vec::new();
    for n in 0..150 {
        let mut stream = TcpStream::connect(server.client).unwrap();
        // Until it is given up, which the last of them may see.
        drop(stream.write_all(&begun));
        slow.push(stream);
        if n % 10 == 0 {
            client.demand(Client::set("/h", b"others are served"));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while !log(&scratch).contains("(zabra.requestsMaxBytes)") {
        assert!(Instant::now() < deadline, "{}", log(&scratch));
        std::thread::sleep(Duration::from_millis(50));
    }
    let grown = server.resident_kib().saturating_sub(before) << 10;
    assert!(grown < 3 * BOUND, "{grown} bytes more");
    client.demand(Client::set("/h", b"still"));
    drop(slow);
    assert_eq!(client.attached, 1);
}

/// A client that reads as fast as it asks, but always lets something wait, is sent all from a buffer that stays small.
#[test]
fn a_client_that_is_never_done_reading_takes_no_more_and_more_memory() {
    let scratch = Scratch::new("endless");
    let (server, mut client) = open_house(&scratch, "maxSessionTimeout=120000\n");
    client.create("/large", &[7; 200_000], CreateMode::Persistent);
    let mut stream = TcpStream::connect(server.client).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let requests = greedy("/large", 2000);
    let before = server.resident_kib();
    let mut ahead = stream.try_clone().unwrap();
    let asks = std::thread::spawn(move || ahead.write_all(&requests).unwrap());
    let (mut buffer, mut read, mut grown) = (vec![0; 100_000], 0, 0);
    for turn in 0.. {
        if read >= 2000 * 200_000 {
            break;
        }
        read += stream.read(&mut buffer).unwrap();
        if turn % 64 == 0 {
            grown = grown.max(server.resident_kib().saturating_sub(before));
        }
    }
    asks.join().unwrap();
    assert!(grown < 32 << 10, "{grown} KiB more for 400 MB of answers");
    client.demand(Client::set("/h", b"still"));
}

/// The log names some of those who are refused, and counts the others.
#[test]
fn the_log_is_not_filled_with_the_names_of_the_refused() {
    let scratch = Scratch::new("flood");
    let (server, mut client) = open_house(&scratch, "maxClientCnxns=1\nzabra.refusalsLoggedPerSecond=3\n");
    let began = Instant::now();
    let crowd: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(server.client).unwrap()).collect();
    let deadline = Instant::now() + PATIENCE;
    while !log(&scratch).contains("(zabra.refusalsLoggedPerSecond)") {
        assert!(Instant::now() < deadline, "{}", log(&scratch));
        std::thread::sleep(Duration::from_millis(50));
    }
    let named = log(&scratch).matches("(maxClientCnxns)").count() as u64;
    assert!((1..=3 * (began.elapsed().as_secs() + 1)).contains(&named), "{}", log(&scratch));
    client.demand(Client::set("/h", b"x"));
    drop(crowd);
}

/// What others are told of goes to a client that does not read as well, and is not asked for by it.
#[test]
fn a_client_that_reads_no_event_is_given_up() {
    let scratch = Scratch::new("events");
    let (server, _) = open_house(&scratch, "maxClientCnxns=0\nmaxSessionTimeout=120000\n");
    let mut client = Client::with_timeout(&[server.client], 100_000);
    // Each event carries the path, which is as long as may be.
    let path = format!("/{}", "x".repeat(700_000));
    let mut deaf = TcpStream::connect(server.client).unwrap();
    let mut frames = greedy("/h", 1);
    let mut watch = RequestHeader { xid: 2, op: Op::ADD_WATCH }.to_bytes();
    AddWatchRequest { path: path.as_bytes(), mode: 0 }.encode(&mut watch);
    frames.extend_from_slice(&u32::try_from(watch.len()).unwrap().to_be_bytes());
    frames.extend_from_slice(&watch);
    deaf.write_all(&frames).unwrap();
    client.create(&path, b"", CreateMode::Persistent);
    let deadline = Instant::now() + 3 * PATIENCE;
    while !log(&scratch).contains("a client that does not read is given up") {
        assert!(Instant::now() < deadline, "{}", log(&scratch));
        let sets: Vec<_> = (0..4).map(|_| client.submit(Client::set(&path, b"another event"))).collect();
        for set in sets {
            assert!(matches!(client.outcome(set), Outcome::Done(_)));
        }
    }
    assert!(server.resident_kib() < 400 << 10, "{} KiB", server.resident_kib());
    assert_eq!(client.attached, 1);
}

#[test]
fn a_server_that_listens_everywhere_is_reached_by_ipv4_and_by_ipv6() {
    let scratch = Scratch::new("both");
    let (server, mut client) = open_house(&scratch, "clientPortAddress=0.0.0.0\n");
    client.demand(Client::set("/h", b"by IPv4"));
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let mut stream = TcpStream::connect(("::1", server.client.port())).unwrap();
    stream.write_all(b"ruok").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "imok");
}

/// `ZABRA_CONNECTIONS=1000000` for more of them: to several addresses of the loopback, for one has too few ports.
#[test]
fn very_many_short_connections_leave_nothing_behind() {
    let scratch = Scratch::new("tiny");
    let more = "maxClientCnxns=0\nclientPortAddress=0.0.0.0\nmaxSessionTimeout=120000\n";
    let (server, _) = open_house(&scratch, more);
    // It says nothing for as long as a thousand connections take.
    let mut client = Client::with_timeout(&[server.client], 100_000);
    let port = server.client.port();
    let asked = std::env::var("ZABRA_CONNECTIONS").map_or(10_000, |text| text.parse().unwrap());
    let short = |n: u32| {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1 + (n / 2 % 32) as u8], port))).unwrap();
        if n.is_multiple_of(2) {
            stream.write_all(b"ruok").unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    };
    (0..1000).for_each(short);
    let before = server.resident_kib();
    let (mut peak, mut slowest, began) = (before, Duration::ZERO, Instant::now());
    for n in 0..asked {
        short(n);
        if n % 1000 == 0 {
            let asked = Instant::now();
            client.demand(Client::set("/h", b"others are served"));
            slowest = slowest.max(asked.elapsed());
            peak = peak.max(server.resident_kib());
        }
        if n % 100_000 == 99_999 {
            println!("{} connections in {:?}: {peak} KiB at most, slowest {slowest:?}", n + 1, began.elapsed());
        }
    }
    let grown = server.resident_kib().saturating_sub(before);
    println!(
        "{asked} connections in {:?}: {before} KiB before, {peak} at most; others' slowest write {slowest:?}",
        began.elapsed()
    );
    assert!(grown < 16 << 10, "{grown} KiB more after {asked} connections");
    assert_eq!(client.attached, 1);
}

#[test]
fn an_address_and_all_of_them_have_a_number_of_connections() {
    for (limit, line) in
        [("maxClientCnxns=10\n", "(maxClientCnxns)"), ("maxClientCnxns=0\nmaxCnxns=10\n", "(maxCnxns)")]
    {
        let scratch = Scratch::new("crowd");
        let (server, mut client) = open_house(&scratch, limit);
        let crowd: Vec<TcpStream> = (0..30).map(|_| TcpStream::connect(server.client).unwrap()).collect();
        let is_ended = |mut stream: TcpStream| {
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            // Nothing to read, and no end, is a connection that was let in.
            !stream.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        };
        let ended = crowd.iter().filter(|stream| is_ended(stream.try_clone().unwrap())).count();
        assert_eq!(ended, 21, "the client has one of ten");
        assert!(log(&scratch).contains(line), "{}", log(&scratch));
        client.demand(Client::set("/h", b"x"));
        drop(crowd);
    }
}
