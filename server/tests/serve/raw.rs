//! A connection that speaks in frames: for what has to reach two servers in the same words.

use crate::process::PATIENCE;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use zabra_core::wire::records::{AuthPacket, ConnectRequest, ConnectResponse, ReplyHeader, RequestHeader};
use zabra_core::wire::{Jute, Op, Reader, ReservedXid};

/// So many requests are on their way at once.
const WINDOW: usize = 200;

/// What frames go over.
pub trait Duplex: Read + Write {}

impl<T: Read + Write> Duplex for T {}

pub struct Raw {
    stream: BufReader<Box<dyn Duplex>>,
    pub session: i64,
    password: Vec<u8>,
}

/// What came back: an error code, and a body if there is none.
pub type Answer = (i32, Vec<u8>);

impl Raw {
    /// A new session.
    pub fn enter(port: u16) -> Raw {
        Raw::attach(port, 0, &[0; 16]).expect("a session")
    }

    /// The same session at another server; `None` if that one does not know it.
    pub fn again(&self, port: u16) -> Option<Raw> {
        Raw::attach(port, self.session, &self.password)
    }

    fn attach(port: u16, session: i64, password: &[u8]) -> Option<Raw> {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw::over(Box::new(stream), session, password)
    }

    /// A session over this stream; `None` if the server does not know it.
    pub fn over(stream: Box<dyn Duplex>, session: i64, password: &[u8]) -> Option<Raw> {
        let mut raw = Raw { stream: BufReader::new(stream), session, password: password.to_vec() };
        let timeout_ms = 200_000;
        let password = Some(password);
        let hello =
            ConnectRequest { protocol: 0, last_zxid_seen: 0, timeout_ms, session, password, read_only: Some(false) };
        raw.send(&hello.to_bytes());
        let frame = raw.receive();
        let response = ConnectResponse::decode(&mut Reader::new(&frame)).unwrap();
        raw.session = response.session;
        raw.password = response.password.unwrap_or_default().to_vec();
        (response.timeout_ms > 0).then_some(raw)
    }

    pub fn identify(&mut self, scheme: &[u8], auth: &[u8]) {
        let mut frame = RequestHeader { xid: ReservedXid::AUTH, op: Op::AUTH }.to_bytes();
        AuthPacket { kind: 0, scheme, auth: Some(auth) }.encode(&mut frame);
        self.send(&frame);
        assert_eq!(self.answer().0, 0, "an identity is taken");
    }

    /// Asks all of it, many at once, and returns the answers in the order of the requests.
    pub fn ask(&mut self, requests: &[(i32, Vec<u8>)]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (at, (op, body)) in requests.iter().enumerate() {
            if at >= WINDOW {
                answers.push(self.answer());
            }
            self.send(&[RequestHeader { xid: at as i32 + 1, op: *op }.to_bytes(), body.clone()].concat());
        }
        while answers.len() < requests.len() {
            answers.push(self.answer());
        }
        answers
    }

    /// Asks all of it; everything must succeed.
    pub fn demand(&mut self, requests: &[(i32, Vec<u8>)]) {
        for ((op, body), (err, _)) in requests.iter().zip(self.ask(requests)) {
            assert_eq!(err, 0, "operation {op}: {}", body.escape_ascii());
        }
    }

    fn answer(&mut self) -> Answer {
        loop {
            let frame = self.receive();
            let mut r = Reader::new(&frame);
            let header = ReplyHeader::decode(&mut r).unwrap();
            if header.xid != ReservedXid::NOTIFICATION {
                return (header.err, frame[16..].to_vec());
            }
        }
    }

    fn send(&mut self, frame: &[u8]) {
        let length = i32::try_from(frame.len()).unwrap().to_be_bytes();
        let stream = self.stream.get_mut();
        stream.write_all(&[&length, frame].concat()).unwrap();
        stream.flush().unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut frame).unwrap();
        frame
    }
}
