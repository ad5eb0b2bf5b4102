//! What one client's connection has sent and received.

use super::ms_between;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::time::Instant;
use zabra_core::admin::{Connection, Latency};
use zabra_core::id::{ClientId, Stamp};
use zabra_core::wire::Op;

/// A connection's traffic. Replies come in the order of the requests, so the oldest request without
/// a reply is the one that the next reply answers.
#[derive(Debug)]
pub struct Traffic {
    from: SocketAddr,
    secure: bool,
    established: Stamp,
    has_begun: bool,
    received: u64,
    sent: u64,
    waiting: VecDeque<(Instant, i32)>,
    last_op: Option<i32>,
    last_cxid: Option<i32>,
    last_zxid: i64,
    last_response: Option<Instant>,
    latency: Latency,
}

impl Traffic {
    pub fn new(from: SocketAddr, secure: bool, established: Stamp) -> Traffic {
        Traffic {
            from,
            secure,
            established,
            has_begun: false,
            received: 0,
            sent: 0,
            waiting: VecDeque::new(),
            last_op: None,
            last_cxid: None,
            last_zxid: 0,
            last_response: None,
            latency: Latency::default(),
        }
    }

    /// Where it comes from.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// Whether nothing came yet.
    pub fn is_new(&self) -> bool {
        !self.has_begun
    }

    /// What `crst` resets.
    pub fn reset(&mut self) {
        (self.received, self.sent) = (0, 0);
        self.last_op = None;
        self.latency = Latency::default();
    }

    /// A frame came, the first of which opens a session. Returns its operation.
    pub fn on_request(&mut self, frame: &[u8], is_first: bool, now: Instant) -> i32 {
        let op = if is_first { Op::CREATE_SESSION } else { int(frame, 4).unwrap_or_default() };
        self.has_begun = true;
        self.received += 1;
        self.waiting.push_back((now, op));
        if let Some(cxid) = int(frame, 0).filter(|cxid| !is_first && *cxid >= 0) {
            self.last_cxid = Some(cxid);
        }
        op
    }

    /// A reply leaves, its length before it. Returns what it answers, and how long that took.
    pub fn on_reply(&mut self, frame: &[u8], now: Instant) -> Option<(i32, u64)> {
        self.sent += 1;
        let (since, op) = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            // A burst's room is given back.
            self.waiting.shrink_to(16);
        }
        let ms = ms_between(since, now);
        self.last_op = Some(op);
        self.last_response = Some(now);
        if op != Op::CREATE_SESSION
            && let Some(zxid) = frame.get(8..16)
        {
            let zxid = i64::from_be_bytes(zxid.try_into().expect("eight bytes"));
            self.last_zxid = self.last_zxid.max(zxid);
        }
        self.latency.add(ms);
        Some((op, ms))
    }

    pub fn on_watch(&mut self) {
        self.sent += 1;
    }

    /// As operators read it.
    pub fn connection(&self, client: Option<ClientId>, reading: bool, started: Instant) -> Connection {
        Connection {
            address: self.from,
            secure: self.secure,
            client,
            reading,
            queued: self.waiting.len() as u64,
            received: self.received,
            sent: self.sent,
            established_ms: self.established.0,
            last_op: self.last_op,
            last_cxid: self.last_cxid,
            last_zxid: self.last_zxid,
            last_response_ms: self.last_response.map_or(0, |last| ms_between(started, last)),
            latency: self.latency,
        }
    }
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4).map(|four| i32::from_be_bytes(four.try_into().expect("four bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_reply_answers_the_oldest_request() {
        let start = Instant::now();
        let mut traffic = Traffic::new(SocketAddr::from(([127, 0, 0, 1], 5)), false, Stamp(7));
        let frame = |xid: i32, op: i32| [xid.to_be_bytes(), op.to_be_bytes()].concat();
        traffic.on_request(&[0; 44], true, start);
        traffic.on_request(&frame(1, Op::SET_DATA), false, start);
        traffic.on_request(&frame(-2, Op::PING), false, start + Duration::from_millis(1));
        let reply = [&[0; 8][..], &9_i64.to_be_bytes()].concat();
        assert_eq!(traffic.on_reply(&[0; 41], start), Some((Op::CREATE_SESSION, 0)));
        assert_eq!(traffic.on_reply(&reply, start + Duration::from_millis(5)), Some((Op::SET_DATA, 5)));
        let seen = traffic.connection(None, true, start);
        assert_eq!((seen.received, seen.sent, seen.queued, seen.last_cxid, seen.last_zxid), (3, 2, 1, Some(1), 9));
        assert_eq!((seen.latency.max, seen.last_op), (5, Some(Op::SET_DATA)));
    }
}
