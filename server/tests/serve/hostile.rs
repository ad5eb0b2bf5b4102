//! Connections that mean no good: each is ended, or costs a bounded amount; others are served, and a
//! line says why.

use crate::client::Client;
use crate::process::{PATIENCE, Scratch, Server, free_ports};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use zabra_client::CreateMode;

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

/// `ZABRA_CONNECTIONS=1000000` for more of them.
#[test]
fn very_many_short_connections_leave_nothing_behind() {
    let scratch = Scratch::new("tiny");
    let (server, mut client) = open_house(&scratch, "maxClientCnxns=0\n");
    let asked = std::env::var("ZABRA_CONNECTIONS").map_or(10_000, |text| text.parse().unwrap());
    let short = |n: u32| {
        let mut stream = TcpStream::connect(server.client).unwrap();
        if n.is_multiple_of(2) {
            stream.write_all(b"ruok").unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    };
    (0..1000).for_each(short);
    let before = server.resident_kib();
    for n in 0..asked {
        short(n);
        if n % 1000 == 0 {
            client.demand(Client::set("/h", b"others are served"));
        }
    }
    let grown = server.resident_kib().saturating_sub(before);
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
