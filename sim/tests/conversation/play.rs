//! Plays a script to one server and writes down what comes back, made comparable.
//!
//! After every step each connection with a session pings: what the server had to say to it before,
//! a watch event or the end, stands before the answer to the ping. So nothing depends on time.

use super::mask::{Events, Mask};
use super::script::{Opening, Step, bare, leave, ping};
use super::{Got, Server};
use std::collections::BTreeMap;
use zabra_core::wire::records::{ConnectRequest, ReplyHeader};
use zabra_core::wire::{Code, Jute, Op, Reader, ReservedXid};

pub struct Player<S> {
    server: S,
    mask: Mask,
    /// The connections of the conversation, and whether a session is attached.
    open: BTreeMap<usize, bool>,
    lines: Vec<String>,
}

/// The connection over which the last zxid is asked for, between conversations.
const CLERK: usize = 1000;

impl<S: Server> Player<S> {
    pub fn new(server: S, events: Events) -> Player<S> {
        let mut player = Player { server, mask: Mask::new(events), open: BTreeMap::new(), lines: Vec::new() };
        player.server.open(CLERK);
        player.mask.begin(0);
        player.connect(CLERK, Opening::NEW);
        assert!(player.open.remove(&CLERK) == Some(true), "a server opens a session");
        player
    }

    pub fn into_server(self) -> S {
        self.server
    }

    pub fn play(&mut self, steps: &[Step]) -> Vec<String> {
        self.lines.clear();
        let last = self.last_zxid();
        self.mask.begin(last);
        for step in steps {
            self.note(step);
            self.step(step);
            let said = self.lines.len();
            self.fence();
            if step.closes_a_session() {
                sort_events(&mut self.lines[said..]);
            }
        }
        self.lines.push("the end".to_string());
        for connection in self.open.keys().copied().collect::<Vec<_>>() {
            let said = self.lines.len();
            if self.open[&connection] {
                self.ask(connection, &[leave(99)]);
            }
            sort_events(&mut self.lines[said..]);
            self.server.close(connection);
        }
        self.open.clear();
        std::mem::take(&mut self.lines)
    }

    fn note(&mut self, step: &Step) {
        let said = match step {
            Step::Frames(connection, frames) => {
                let frames = frames.iter().map(|frame| frame.escape_ascii().to_string()).collect::<Vec<_>>();
                format!("{connection} > {}", frames.join(" | "))
            }
            Step::Open(_) | Step::Connect(..) | Step::Raw(..) | Step::Close(_) => format!("{step:?}"),
        };
        self.lines.push(said);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Open(connection) => {
                self.server.open(*connection);
                self.open.insert(*connection, false);
            }
            Step::Connect(connection, opening) => self.connect(*connection, *opening),
            Step::Frames(connection, frames) => self.ask(*connection, frames),
            Step::Raw(connection, bytes) => {
                self.server.send(*connection, bytes);
                self.answers(*connection, &[0]);
            }
            Step::Close(connection) => {
                self.open.remove(connection);
                self.server.close(*connection);
            }
        }
    }

    fn connect(&mut self, connection: usize, opening: Opening) {
        let last = if connection == CLERK { 0 } else { self.last_zxid() };
        let password = self.mask.password(opening.session, opening.password);
        let request = ConnectRequest {
            protocol: 0,
            last_zxid_seen: Mask::seen(opening.last_zxid, last),
            timeout_ms: opening.timeout_ms,
            session: self.mask.session(opening.session),
            password: password.as_deref(),
            read_only: opening.read_only,
        };
        self.server.send(connection, &framed(&[request.to_bytes()]));
        match self.server.receive(connection) {
            Got::Frame(frame) => {
                let (masked, attached) = self.mask.connected(&frame);
                self.lines.push(format!("{connection} < session {}", masked.escape_ascii()));
                self.open.insert(connection, attached);
                if !attached {
                    let end = self.server.receive(connection);
                    self.end(connection, &end);
                }
            }
            end @ (Got::Closed | Got::Silence) => self.end(connection, &end),
        }
    }

    /// Sends requests at once and waits for as many replies.
    fn ask(&mut self, connection: usize, frames: &[Vec<u8>]) {
        if !self.open.contains_key(&connection) {
            return self.lines.push(format!("{connection} has ended"));
        }
        self.server.send(connection, &framed(frames));
        let ops = frames.iter().map(|frame| op_of(frame)).collect::<Vec<_>>();
        self.answers(connection, &ops);
    }

    fn answers(&mut self, connection: usize, ops: &[i32]) {
        let mut ops = ops.iter();
        let mut op = ops.next();
        while let Some(awaited) = op {
            match self.server.receive(connection) {
                Got::Frame(frame) => {
                    let ReplyHeader { xid, err, .. } = self.write_down(connection, *awaited, &frame);
                    if xid == ReservedXid::NOTIFICATION {
                        continue;
                    }
                    op = ops.next();
                    let is_last = *awaited == Op::CLOSE_SESSION || err == Code::Unimplemented.to_wire();
                    if is_last && op.is_none() {
                        // The end comes by itself; a ping could overtake it.
                        let end = self.server.receive(connection);
                        return self.end(connection, &end);
                    }
                }
                end @ (Got::Closed | Got::Silence) => return self.end(connection, &end),
            }
        }
    }

    fn write_down(&mut self, connection: usize, op: i32, frame: &[u8]) -> ReplyHeader {
        let masked = self.mask.replied(op, frame);
        let mut r = Reader::new(&masked);
        let ReplyHeader { xid, zxid, err } = ReplyHeader::decode(&mut r).expect("a header");
        let body = r.rest().escape_ascii();
        self.lines.push(format!(
            "{connection} < xid {xid} zxid {}.{} err {err} {body}",
            zxid >> 32,
            zxid & 0xffff_ffff
        ));
        ReplyHeader { xid, zxid, err }
    }

    fn end(&mut self, connection: usize, end: &Got) {
        self.lines.push(format!("{connection} {end:?}"));
        if *end == Got::Closed {
            self.open.remove(&connection);
            self.server.close(connection);
        }
    }

    /// Hears everything that the server has said so far.
    fn fence(&mut self) {
        let attached = self.open.iter().filter(|(_, attached)| **attached).map(|(c, _)| *c).collect::<Vec<_>>();
        for connection in attached {
            self.server.send(connection, &framed(&[ping()]));
            loop {
                match self.server.receive(connection) {
                    Got::Frame(frame) => {
                        if self.write_down(connection, Op::PING, &frame).xid == ReservedXid::PING {
                            break;
                        }
                    }
                    end @ (Got::Closed | Got::Silence) => {
                        self.end(connection, &end);
                        break;
                    }
                }
            }
        }
    }

    fn last_zxid(&mut self) -> i64 {
        self.server.send(CLERK, &framed(&[bare(7, Op::PING, &[])]));
        let Got::Frame(reply) = self.server.receive(CLERK) else { panic!("a ping is answered") };
        ReplyHeader::decode(&mut Reader::new(&reply)).expect("a header").zxid
    }
}

/// The znodes of a closed session go in an order that Java takes from a hash set.
fn sort_events(lines: &mut [String]) {
    lines.chunk_by_mut(|a, b| is_event(a) && is_event(b)).for_each(<[String]>::sort);
}

fn is_event(line: &str) -> bool {
    line.contains(" < xid -1 ")
}

pub fn op_of(frame: &[u8]) -> i32 {
    frame.get(4..8).map_or(0, |op| i32::from_be_bytes(op.try_into().expect("four bytes")))
}

/// The frames with their lengths.
fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend_from_slice(&i32::try_from(frame.len()).expect("a short frame").to_be_bytes());
        bytes.extend_from_slice(frame);
    }
    bytes
}
