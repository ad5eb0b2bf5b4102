//! The session: one input in, outputs appended.
//!
//! Responsible for connecting and reconnecting, matching replies to requests in order, pings and
//! timeouts, re-arming watches, and for saying honestly what became of each operation. Not
//! responsible for retrying operations or choosing servers: the caller gives the order of the list.
//!
//! | timer | armed | firing |
//! |---|---|---|
//! | `Connect` | when a server is dialled; disarmed when attached or lost | the server is given up |
//! | `Ping` | at attachment and at every send (a third of the timeout, at most 10 s) | a ping is sent |
//! | `Read` | at attachment and whenever bytes arrive (two thirds of the timeout) | the connection is given up |
//! | `Retry` | when every server of the list was tried in vain | the list is tried again |

use crate::contract::{Config, Ended, Handle, Input, Outcome, Output, SessionEvent, Timer, Wrong};
use crate::deframe::{Deframer, frame};
use crate::handshake::{Answer, PASSWORD_LEN, Welcome, read_answer};
use crate::memory::Memory;
use crate::operation::{Code, Operation, code_from_wire};
use crate::watches::{WatchEvent, WatchKind, WatchTable};
use std::collections::VecDeque;
use std::sync::Arc;
use zabra_core::id::{SessionId, Zxid};
use zabra_core::wire::records::{ConnectRequest, ReplyHeader, RequestHeader, WatcherEvent};
use zabra_core::wire::{Jute, Op, Reader, ReservedXid};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Dialling,
    Handshake,
    Attached,
    Waiting,
    Ended,
}

/// A packet that was sent and has to be answered, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Sent {
    SetWatches,
    /// With the body of its packet.
    Auth(Vec<u8>),
    Request {
        handle: Handle,
        xid: i32,
        operation: Operation,
    },
}

impl Sent {
    fn xid(&self) -> i32 {
        match self {
            Sent::SetWatches => ReservedXid::SET_WATCHES,
            Sent::Auth(_) => ReservedXid::AUTH,
            Sent::Request { xid, .. } => *xid,
        }
    }
}

/// A client session, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    config: Arc<Config>,
    phase: Phase,
    /// The place in the list of the server that is connected or tried.
    server: usize,
    /// Servers tried since the last attachment or pause.
    tried: usize,
    id: SessionId,
    password: [u8; PASSWORD_LEN],
    /// The negotiated timeout.
    timeout_ms: u32,
    /// The zxid of the last reply: everything up to it was seen, its events included. What
    /// setWatches is relative to: an event's own zxid would be too high, for one transaction may
    /// cause two events and the connection may break between them.
    last_zxid: i64,
    /// The highest zxid seen in replies and events: no server behind it is accepted.
    seen_zxid: i64,
    next_xid: i32,
    /// Submitted and not yet sent.
    waiting: VecDeque<(Handle, Operation)>,
    sent: VecDeque<Sent>,
    closing: bool,
    watches: WatchTable,
    memory: Memory,
    bytes: Deframer,
}

impl Session {
    pub fn new(config: Arc<Config>) -> Session {
        assert!(!config.servers.is_empty(), "a client knows at least one server");
        Session {
            config,
            phase: Phase::Idle,
            server: 0,
            tried: 0,
            id: SessionId::NONE,
            password: [0; PASSWORD_LEN],
            timeout_ms: 0,
            last_zxid: 0,
            seen_zxid: 0,
            next_xid: 1,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            closing: false,
            watches: WatchTable::default(),
            memory: Memory::default(),
            bytes: Deframer::default(),
        }
    }

    pub fn step(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Start => self.on_start(out),
            Input::Connected => self.on_connected(out),
            Input::Received(bytes) => self.on_received(bytes, out),
            Input::Disconnected => self.on_disconnected(out),
            Input::Fired(timer) => self.on_fired(timer, out),
            Input::Submit { handle, operation } => self.on_submit(handle, operation, out),
        }
    }

    /// The session's id; [`SessionId::NONE`] before the first attachment.
    pub fn id(&self) -> SessionId {
        self.id
    }

    pub fn is_attached(&self) -> bool {
        self.phase == Phase::Attached
    }

    /// Whether the session ended (or never began): only `Start` does anything.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Ended)
    }

    /// Whether every server was tried in vain: `Retry` tries them again.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting
    }

    /// Operations submitted and not yet completed.
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.sent.iter().filter(|sent| matches!(sent, Sent::Request { .. })).count()
    }

    pub fn watches(&self) -> &WatchTable {
        &self.watches
    }

    /// The highest zxid that this session was shown.
    pub fn seen_zxid(&self) -> Zxid {
        Zxid::from_wire(self.seen_zxid)
    }

    fn on_start(&mut self, out: &mut Vec<Output>) {
        if !self.is_over() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let server = self.server;
        *self = Session { server, waiting, ..Session::new(Arc::clone(&self.config)) };
        self.dial(out);
    }

    fn on_submit(&mut self, handle: Handle, operation: Operation, out: &mut Vec<Output>) {
        if self.phase == Phase::Ended || self.closing {
            out.push(Output::Completed { handle, session: self.id, xid: None, zxid: None, outcome: Outcome::NotSent });
            return;
        }
        self.closing = operation == Operation::Close;
        self.waiting.push_back((handle, operation));
        self.send_waiting(out);
    }

    fn on_connected(&mut self, out: &mut Vec<Output>) {
        if self.phase != Phase::Dialling {
            return;
        }
        self.phase = Phase::Handshake;
        let request = ConnectRequest {
            protocol: 0,
            last_zxid_seen: self.seen_zxid,
            timeout_ms: i32::try_from(self.config.timeout_ms).unwrap_or(i32::MAX),
            session: self.id.0,
            password: Some(&self.password),
            read_only: self.config.read_only,
        };
        out.push(Output::Send(frame(|bytes| request.encode(bytes))));
    }

    fn on_received(&mut self, bytes: &[u8], out: &mut Vec<Output>) {
        if !self.is_connected() || bytes.is_empty() {
            return;
        }
        self.bytes.push(bytes);
        // Out of the session while its frames are read in place; a lost connection drops the rest.
        let mut stream = std::mem::take(&mut self.bytes);
        let mut at = 0;
        while self.is_connected() {
            let frame = match stream.frame_at(&mut at, self.config.frame_bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    stream.forget(at);
                    self.bytes = stream;
                    break;
                }
                Err(length) => return self.server_wrong(Wrong::FrameLength(length.0), out),
            };
            let read = match self.phase {
                Phase::Handshake => self.on_connect_response(frame, out),
                Phase::Attached => self.on_reply(frame, out),
                Phase::Idle | Phase::Dialling | Phase::Waiting | Phase::Ended => break,
            };
            if let Err(wrong) = read {
                return self.server_wrong(wrong, out);
            }
        }
        if self.phase == Phase::Attached {
            out.push(Output::Arm { timer: Timer::Read, after_ms: self.read_ms() });
        }
    }

    fn on_disconnected(&mut self, out: &mut Vec<Output>) {
        if self.is_connected() || self.phase == Phase::Dialling {
            self.lose_connection(out);
        }
    }

    fn on_fired(&mut self, timer: Timer, out: &mut Vec<Output>) {
        match (timer, self.phase) {
            (Timer::Retry, Phase::Waiting) => self.dial(out),
            (Timer::Ping, Phase::Attached) => {
                let ping = frame(|bytes| RequestHeader { xid: ReservedXid::PING, op: Op::PING }.encode(bytes));
                self.send(ping, out);
            }
            (Timer::Connect, Phase::Dialling | Phase::Handshake) | (Timer::Read, Phase::Attached) => {
                out.push(Output::Hang);
                self.lose_connection(out);
            }
            // Fired just before it was disarmed.
            (Timer::Retry | Timer::Ping | Timer::Connect | Timer::Read, _) => {}
        }
    }

    fn on_connect_response(&mut self, frame: &[u8], out: &mut Vec<Output>) -> Result<(), Wrong> {
        let Answer::Welcome(Welcome { timeout_ms, session, password, read_only }) = read_answer(frame)? else {
            out.push(Output::Hang);
            self.end(Ended::Expired, out);
            return Ok(());
        };
        let fresh = self.id == SessionId::NONE;
        if session == SessionId::NONE || (!fresh && session != self.id) {
            return Err(Wrong::OtherSession(session));
        }
        self.id = session;
        self.password = password;
        self.timeout_ms = timeout_ms;
        self.phase = Phase::Attached;
        self.tried = 0;
        out.push(Output::Disarm { timer: Timer::Connect });
        out.push(Output::Session(SessionEvent::Attached {
            session: self.id,
            server: self.config.servers[self.server],
            timeout_ms,
            read_only,
            fresh,
        }));
        out.push(Output::Arm { timer: Timer::Ping, after_ms: self.ping_ms() });
        for (packet, body) in self.memory.packets() {
            self.sent.push_back(Sent::Auth(body));
            self.send(packet, out);
        }
        for rearm in self.watches.rearm(self.last_zxid) {
            self.sent.push_back(Sent::SetWatches);
            self.send(rearm, out);
        }
        self.send_waiting(out);
        Ok(())
    }

    fn on_reply(&mut self, frame: &[u8], out: &mut Vec<Output>) -> Result<(), Wrong> {
        let mut r = Reader::new(frame);
        let header = ReplyHeader::decode(&mut r)?;
        let body = r.rest();
        match header.xid {
            ReservedXid::NOTIFICATION => self.on_notification(&header, body, out),
            ReservedXid::PING => Ok(()),
            xid => {
                let expected = self.sent.front().map(Sent::xid);
                if expected != Some(xid) {
                    return Err(Wrong::Xid { expected, got: xid });
                }
                self.on_answer(&header, body, out)
            }
        }
    }

    fn on_notification(&mut self, header: &ReplyHeader, body: &[u8], out: &mut Vec<Output>) -> Result<(), Wrong> {
        let event = WatcherEvent::from_bytes(body)?;
        let kind = WatchKind::from_wire(event.kind).ok_or(Wrong::EventKind(event.kind))?;
        self.seen_zxid = self.seen_zxid.max(header.zxid);
        let zxid = (header.zxid > 0).then(|| Zxid::from_wire(header.zxid));
        let event = WatchEvent { path: event.path.to_vec(), kind, zxid };
        self.watches.fired(&event);
        out.push(Output::Watch(event));
        Ok(())
    }

    /// The answer to the oldest request. The request leaves the queue only when the answer could
    /// be read: otherwise its outcome is unknown.
    fn on_answer(&mut self, header: &ReplyHeader, body: &[u8], out: &mut Vec<Output>) -> Result<(), Wrong> {
        let code = code_from_wire(header.err).ok_or(Wrong::ErrorCode(header.err))?;
        let answer = match (self.sent.front(), code) {
            (Some(Sent::Request { operation, .. }), Code::Ok) => Some(operation.decode_reply(body)?),
            (Some(Sent::SetWatches), Code::Ok) | (Some(Sent::Auth(_)) | None, _) => None,
            (Some(Sent::SetWatches), _) => return Err(Wrong::ErrorCode(header.err)),
            (Some(Sent::Request { .. }), _) => None,
        };
        let answered = self.sent.pop_front();
        self.seen_zxid = self.seen_zxid.max(header.zxid);
        // While a batch of setWatches is unanswered, the events of its watches may still be missing:
        // if the connection broke now, the next setWatches must reach back to before all of them.
        let last = self.sent.front() != Some(&Sent::SetWatches);
        if header.zxid > 0 && last {
            self.last_zxid = header.zxid;
        }
        if answered == Some(Sent::SetWatches) {
            let zxid = Zxid::from_wire(header.zxid);
            out.push(Output::Session(SessionEvent::WatchesRearmed { zxid, last }));
        }
        if let Some(Sent::Auth(body)) = &answered
            && code != Code::Ok
        {
            self.memory.forget(body);
        }
        let Some(Sent::Request { handle, xid, operation }) = answered else {
            return Ok(());
        };
        self.register(&operation, code);
        if self.config.remembers {
            self.memory.note(&operation, code, &mut self.watches);
        }
        out.push(Output::Completed {
            handle,
            session: self.id,
            xid: Some(xid),
            zxid: Some(Zxid::from_wire(header.zxid)),
            outcome: answer.map_or(Outcome::Failed(code), Outcome::Done),
        });
        if operation == Operation::Close {
            out.push(Output::Hang);
            self.end(Ended::Closed, out);
        }
        Ok(())
    }

    /// A read's reply says where its watch was registered (section 1.9).
    fn register(&mut self, operation: &Operation, code: Code) {
        let table = match operation {
            Operation::Exists { path, watch: true } if code == Code::NoNode => (&mut self.watches.exist, path),
            Operation::Exists { path, watch: true } | Operation::GetData { path, watch: true } if code == Code::Ok => {
                (&mut self.watches.data, path)
            }
            Operation::GetChildren { path, watch: true } | Operation::GetChildren2 { path, watch: true }
                if code == Code::Ok =>
            {
                (&mut self.watches.child, path)
            }
            Operation::Exists { .. }
            | Operation::GetData { .. }
            | Operation::GetChildren { .. }
            | Operation::GetChildren2 { .. }
            | Operation::Create { .. }
            | Operation::Delete { .. }
            | Operation::SetData { .. }
            | Operation::Sync { .. }
            | Operation::Raw { .. }
            | Operation::Close => return,
        };
        table.0.insert(table.1.clone());
    }

    fn send_waiting(&mut self, out: &mut Vec<Output>) {
        if self.phase != Phase::Attached {
            return;
        }
        while let Some((handle, operation)) = self.waiting.pop_front() {
            let xid = self.next_xid;
            // Xids stay positive: the negative ones are reserved.
            self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
            out.push(Output::Sent { handle, session: self.id, xid });
            self.send(operation.frame(xid), out);
            self.sent.push_back(Sent::Request { handle, xid, operation });
        }
    }

    fn send(&mut self, bytes: Vec<u8>, out: &mut Vec<Output>) {
        out.push(Output::Send(bytes));
        out.push(Output::Arm { timer: Timer::Ping, after_ms: self.ping_ms() });
    }

    fn dial(&mut self, out: &mut Vec<Output>) {
        self.phase = Phase::Dialling;
        self.server %= self.config.servers.len();
        out.push(Output::Connect { server: self.config.servers[self.server] });
        out.push(Output::Arm { timer: Timer::Connect, after_ms: self.connect_ms() });
    }

    fn server_wrong(&mut self, wrong: Wrong, out: &mut Vec<Output>) {
        out.push(Output::Session(SessionEvent::ServerWrong(wrong)));
        out.push(Output::Hang);
        self.lose_connection(out);
    }

    /// The connection is gone: what was sent has an unknown outcome, and the next server is tried.
    fn lose_connection(&mut self, out: &mut Vec<Output>) {
        if self.phase == Phase::Attached {
            out.push(Output::Session(SessionEvent::Disconnected));
        }
        let close_was_sent = self.forget_connection(out);
        if close_was_sent {
            return self.end(Ended::Abandoned, out);
        }
        self.server = (self.server + 1) % self.config.servers.len();
        self.tried += 1;
        if self.tried < self.config.servers.len() {
            return self.dial(out);
        }
        self.tried = 0;
        self.phase = Phase::Waiting;
        out.push(Output::Arm { timer: Timer::Retry, after_ms: self.config.retry_ms.max(1) });
    }

    /// Completes what was sent as unknown; says whether the close was among it.
    fn forget_connection(&mut self, out: &mut Vec<Output>) -> bool {
        self.bytes.clear();
        for timer in [Timer::Connect, Timer::Ping, Timer::Read] {
            out.push(Output::Disarm { timer });
        }
        let mut close_was_sent = false;
        for sent in self.sent.drain(..) {
            let Sent::Request { handle, xid, operation } = sent else { continue };
            close_was_sent |= operation == Operation::Close;
            let (session, xid) = (self.id, Some(xid));
            out.push(Output::Completed { handle, session, xid, zxid: None, outcome: Outcome::Unknown });
        }
        close_was_sent
    }

    fn end(&mut self, why: Ended, out: &mut Vec<Output>) {
        self.forget_connection(out);
        for (handle, _) in self.waiting.drain(..) {
            out.push(Output::Completed { handle, session: self.id, xid: None, zxid: None, outcome: Outcome::NotSent });
        }
        self.phase = Phase::Ended;
        self.watches = WatchTable::default();
        self.memory = Memory::default();
        out.push(Output::Session(SessionEvent::Ended(why)));
    }

    fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Handshake | Phase::Attached)
    }

    /// Each server of the list gets its share of the session timeout.
    fn connect_ms(&self) -> u32 {
        let timeout_ms = if self.timeout_ms == 0 { self.config.timeout_ms } else { self.timeout_ms };
        let servers = u32::try_from(self.config.servers.len()).unwrap_or(u32::MAX);
        (timeout_ms / servers).max(1)
    }

    fn ping_ms(&self) -> u32 {
        (self.timeout_ms / 3).clamp(1, 10_000)
    }

    fn read_ms(&self) -> u32 {
        (self.timeout_ms - self.timeout_ms / 3).max(1)
    }
}

#[cfg(test)]
mod tests;
