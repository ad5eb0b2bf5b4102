//! The bench that the tests work on.

pub(super) use super::super::{RequestOrigin, Service, Want};
pub(super) use crate::config::{Config, Ensemble};
pub(super) use crate::contract::{Action, Actions, ClientOrigin, Cx, DropReason, Event, LineTurn, Timer};
pub(super) use crate::id::{ClientId, ConnId, Epoch, ServerId, ServerSet, SessionId, Stamp, Xid, Zxid};
pub(super) use crate::log::Record;
use crate::quorum::Quorum;
pub(super) use crate::rule::{Rule, Rules};
pub(super) use crate::session::password;
pub(super) use crate::tree::Database;
pub(super) use crate::wire::records::*;
pub(super) use crate::wire::txn::*;
pub(super) use crate::wire::{Code, Jute, Op, Reader};
pub(super) use crate::zab::Request;
pub(super) use alloc::collections::VecDeque;
pub(super) use alloc::format;
pub(super) use alloc::string::{String, ToString};
pub(super) use alloc::sync::Arc;
pub(super) use alloc::vec;
pub(super) use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

/// Every rule but one, or every rule.
#[derive(Clone, Copy)]
pub(super) struct Without(pub(super) Option<Rule>);

impl Rules for Without {
    fn enforces(self, rule: Rule) -> bool {
        self.0 != Some(rule)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Commits {
    AtOnce,
    WhenTold,
}

pub(super) const BASE: i64 = 0x0100_0000_0000_0000;

/// A service, the proposals that wait for their commit, and what has come out of it.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) service: Service,
    pub(super) config: Config,
    pub(super) commits: Commits,
    pub(super) rules: Without,
    pub(super) at: i64,
    pub(super) epoch: u32,
    pub(super) counter: u32,
    pub(super) proposed: VecDeque<Record>,
    /// This server and the followers in step with it.
    pub(super) synced: ServerSet,
    pub(super) syncs: usize,
    /// Wants of a learner: nobody acts on them but the test.
    pub(super) forwarded: Vec<Want>,
    /// What each client has got, and everything else, in order.
    pub(super) sent: Vec<Sent>,
    pub(super) events: Vec<Event>,
}

/// One thing that came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Frame(u32, Vec<u8>),
    Watch(Vec<u32>, Vec<u8>),
    Drop(u32, DropReason),
    Other(Action),
}

/// A reply, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) xid: i32,
    pub(super) zxid: i64,
    pub(super) err: i32,
    pub(super) body: Vec<u8>,
}

impl Sent {
    fn of(out: &Actions, action: &Action) -> Sent {
        if let Action::Reply { client, frame } = action {
            return Sent::Frame(client.0, payload(out.bytes(*frame)));
        }
        if let Action::Watch { clients, frame } = action {
            let clients = out.watchers(*clients).iter().map(|client| client.0).collect();
            return Sent::Watch(clients, payload(out.bytes(*frame)));
        }
        if let Action::Drop { client, reason } = action {
            return Sent::Drop(client.0, *reason);
        }
        Sent::Other(action.clone())
    }
}

impl Bench {
    /// An established leader.
    pub(super) fn leader() -> Bench {
        let mut bench = Bench::looking();
        bench.lead();
        bench
    }

    pub(super) fn looking() -> Bench {
        let me = ServerId(1);
        let quorum = Quorum::majority([me].into_iter().collect()).expect("one voter is a quorum system");
        let ensemble = Ensemble { quorum, observers: Default::default(), version: 0, text: Arc::from(*b"") };
        let config = Config::new(me, Arc::new(ensemble));
        let service = Service::restore(&config, Arc::new(Database::new()), SessionId(BASE));
        Bench {
            service,
            config,
            commits: Commits::AtOnce,
            rules: Without(None),
            at: 1_000,
            epoch: 0,
            counter: 0,
            proposed: VecDeque::new(),
            synced: [me].into_iter().collect(),
            syncs: 0,
            forwarded: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Calls the service, then does what it asks for.
    pub(super) fn call(&mut self, f: impl FnOnce(&mut Service, &mut Cx<'_, Without>, &mut Vec<Want>)) {
        let mut wants = Vec::new();
        self.call_for_wants(&mut wants, |service, cx, wants| {
            f(service, cx, wants);
            service.take_from_line(cx, wants, &mut 0);
        });
        for want in wants {
            self.act_on(want);
        }
        if self.commits == Commits::AtOnce {
            self.commit_all();
        }
    }

    pub(super) fn call_for_wants(
        &mut self,
        wants: &mut Vec<Want>,
        f: impl FnOnce(&mut Service, &mut Cx<'_, Without>, &mut Vec<Want>),
    ) {
        let mut out = Actions::new();
        let mut cx = Cx { rules: self.rules, config: &self.config, at: Stamp(self.at), out: &mut out };
        f(&mut self.service, &mut cx, wants);
        self.events.extend(out.events().iter().cloned());
        for action in out.list() {
            self.sent.push(Sent::of(&out, action));
        }
    }

    fn act_on(&mut self, want: Want) {
        if !self.service.is_leader() {
            return self.forwarded.push(want);
        }
        match want {
            Want::Propose(request) => self.propose(RequestOrigin::Local, &request),
            Want::Sync(_) => self.syncs += 1,
            Want::Revalidate { .. } => panic!("a leader asks nobody"),
        }
    }

    pub(super) fn propose(&mut self, origin: RequestOrigin, request: &Request) {
        self.counter += 1;
        let zxid = Zxid::new(Epoch(self.epoch), self.counter);
        let (mut bytes, synced) = (None, self.synced);
        self.call_for_wants(&mut Vec::new(), |service, cx, _| {
            bytes = Some(service.prepare(cx, zxid, origin, request, synced));
        });
        self.proposed.push_back(Record { zxid, bytes: bytes.expect("a transaction") });
    }

    pub(super) fn commit(&mut self) {
        let record = self.proposed.pop_front().expect("a proposal");
        self.call(|service, cx, wants| service.apply(cx, &record, wants));
    }

    pub(super) fn commit_all(&mut self) {
        while !self.proposed.is_empty() {
            self.commit();
        }
        while self.syncs > 0 && self.commits == Commits::AtOnce {
            self.synced();
        }
    }

    pub(super) fn synced(&mut self) {
        self.syncs -= 1;
        self.call(|service, cx, wants| service.synced(cx, wants));
    }

    pub(super) fn look(&mut self) {
        self.syncs = 0;
        self.call(|service, cx, _| service.look(cx));
    }

    pub(super) fn lead(&mut self) {
        (self.epoch, self.counter) = (self.epoch + 1, 0);
        let tail: Vec<Record> = self.proposed.iter().cloned().collect();
        self.call(|service, cx, wants| service.lead(cx, &tail, wants));
    }

    pub(super) fn learn(&mut self) {
        let tail: Vec<Record> = self.proposed.iter().cloned().collect();
        self.call(|service, cx, wants| service.learn(cx, &tail, wants));
    }

    pub(super) fn open(&mut self, client: u32) {
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
        self.call(|service, cx, _| service.client_opened(cx, ClientId(client), from));
    }

    pub(super) fn frame(&mut self, client: u32, frame: &[u8]) {
        self.call(|service, cx, wants| service.client_frame(cx, ClientId(client), frame, wants));
    }

    pub(super) fn send<'a>(&mut self, client: u32, xid: i32, op: i32, body: &impl Jute<'a>) {
        let mut frame = RequestHeader { xid, op }.to_bytes();
        body.encode(&mut frame);
        self.frame(client, &frame);
    }

    /// Sends a request and returns its reply, which must be the only thing that comes.
    pub(super) fn ask<'a>(&mut self, client: u32, op: i32, body: &impl Jute<'a>) -> Reply {
        self.take_sent();
        self.send(client, 77, op, body);
        match &self.take_sent()[..] {
            [Sent::Frame(to, frame)] if *to == client => {
                let reply = Reply::of(frame);
                assert_eq!(reply.xid, 77);
                reply
            }
            other => panic!("expected one reply, got {other:?}"),
        }
    }

    /// What came out since the last call, without the upkeep of timers.
    pub(super) fn take_sent(&mut self) -> Vec<Sent> {
        let sent = core::mem::take(&mut self.sent);
        sent.into_iter().filter(|sent| !matches!(sent, Sent::Other(Action::Touch { .. }))).collect()
    }

    /// Opens a connection with a new session of 10 s; returns the session.
    pub(super) fn connect(&mut self, client: u32) -> i64 {
        self.open(client);
        self.frame(client, &connect_request(0, 10_000, 0, &[0; 16], Some(false)));
        let session = self.service.clients[&ClientId(client)].session().expect("the session has an id");
        session.0
    }

    pub(super) fn create(&mut self, client: u32, path: &str, flags: i32) -> Reply {
        self.ask(client, Op::CREATE, &create_request(path, b"data", flags))
    }
}

fn payload(frame: &[u8]) -> Vec<u8> {
    let (length, payload) = frame.split_at(4);
    assert_eq!(i32::from_bytes(length), Ok(payload.len() as i32), "a frame's length is that of its payload");
    payload.to_vec()
}

impl Reply {
    pub(super) fn of(frame: &[u8]) -> Reply {
        let mut r = Reader::new(frame);
        let ReplyHeader { xid, zxid, err } = ReplyHeader::decode(&mut r).expect("a reply header");
        Reply { xid, zxid, err, body: r.rest().to_vec() }
    }

    /// The body of a success.
    pub(super) fn body<'a, T: Jute<'a>>(&'a self) -> T {
        assert_eq!(self.err, 0, "a reply with a body has no error");
        T::from_bytes(&self.body).expect("the body")
    }

    pub(super) fn path(&self) -> String {
        String::from_utf8(self.body::<PathReply<'_>>().path.to_vec()).expect("text")
    }

    /// The error of a failure, which has no body.
    pub(super) fn error(&self) -> i32 {
        assert_eq!(self.body, [], "a failure has no body");
        assert_ne!(self.err, 0, "a failure has an error");
        self.err
    }
}

pub(super) fn connect_request(
    last_seen: i64,
    timeout_ms: i32,
    session: i64,
    password: &[u8],
    read_only: Option<bool>,
) -> Vec<u8> {
    let mut frame = 0i32.to_bytes();
    last_seen.encode(&mut frame);
    timeout_ms.encode(&mut frame);
    session.encode(&mut frame);
    password.encode(&mut frame);
    read_only.into_iter().for_each(|flag| flag.encode(&mut frame));
    frame
}

pub(super) fn connect_response(timeout_ms: i32, session: i64, password: &[u8], read_only: Option<bool>) -> Vec<u8> {
    let mut frame = 0i32.to_bytes();
    timeout_ms.encode(&mut frame);
    session.encode(&mut frame);
    password.encode(&mut frame);
    read_only.into_iter().for_each(|flag| flag.encode(&mut frame));
    frame
}

pub(super) fn open_acl() -> Vec<Acl<'static>> {
    vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }]
}

pub(super) fn create_request<'a>(path: &'a str, data: &'a [u8], flags: i32) -> CreateRequest<'a> {
    CreateRequest { path: path.as_bytes(), data: Some(data), acl: Some(open_acl()), flags }
}

pub(super) fn delete_request(path: &str, version: i32) -> DeleteRequest<'_> {
    DeleteRequest { path: path.as_bytes(), version }
}

pub(super) fn set_request<'a>(path: &'a str, data: &'a [u8], version: i32) -> SetDataRequest<'a> {
    SetDataRequest { path: path.as_bytes(), data: Some(data), version }
}

pub(super) fn read_request(path: &str) -> ReadRequest<'_> {
    ReadRequest { path: path.as_bytes(), watch: false }
}

pub(super) fn watch_request(path: &str) -> ReadRequest<'_> {
    ReadRequest { path: path.as_bytes(), watch: true }
}

/// An empty body.
pub(super) struct Nothing;

impl Jute<'_> for Nothing {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut Reader<'_>) -> Result<Self, crate::wire::Malformed> {
        Ok(Nothing)
    }
}
