//! Three replicas in one process, for what the core itself costs: every write is durable at once,
//! every packet arrives at once, nothing fails, and the driver's own buffers are used again.
//!
//! Each step is taken inside a caller's closure, which may time it or count what it allocates.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, ClientOrigin, Input, Origin, Timer};
use zabra_core::id::{ClientId, ConnId, ServerId, ServerSet, SessionId, Stamp};
use zabra_core::log::Recovered;
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::wire::records::{Acl, CreateRequest, Id, ReadRequest, ReplyHeader, RequestHeader, SetDataRequest};
use zabra_core::wire::{Jute, Op, Reader};
use zabra_core::zab::Packet;

const SERVERS: u8 = 3;
/// The highest id wins the first election.
pub const LEADER: ServerId = ServerId(SERVERS);
/// The one client, connected to the leader.
const CLIENT: ClientId = ClientId(0);
pub const PATH: &[u8] = b"/bench/node";

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A client's write at the leader: it is prepared and proposed.
    Write,
    Read,
    Proposal,
    /// A follower's log is durable: its ACK leaves.
    Durable,
    /// The leader's own log is durable.
    OwnDurable,
    Ack,
    Commit,
    /// Everything that happens until the ensemble serves.
    Other,
}

enum Due {
    Packet(ConnId, Packet),
    Durable(u32),
    Other(Input<'static>),
}

pub struct Trio {
    replicas: Vec<Replica>,
    outs: Vec<Actions>,
    actions: Vec<Action>,
    timers: Vec<(ServerId, Timer)>,
    due: VecDeque<(ServerId, Due)>,
    /// (server, its slot) → (peer, the peer's slot)
    wires: BTreeMap<(ServerId, ConnId), (ServerId, ConnId)>,
    xid: i32,
    frame: Vec<u8>,
    /// The newest reply to the client, without its length.
    pub reply: Vec<u8>,
    /// Steps taken.
    pub steps: u64,
}

impl Trio {
    /// An ensemble that serves, with one session and one znode with so many bytes of data.
    pub fn serving(data: &[u8]) -> Trio {
        let voters = (1..=SERVERS).map(ServerId).collect();
        let quorum = Quorum::majority(voters).expect("three voters are a quorum system");
        let ensemble = Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text: Arc::from(&b""[..]) };
        let ensemble = Arc::new(ensemble);
        let mut trio = Trio {
            replicas: Vec::new(),
            outs: Vec::new(),
            actions: Vec::new(),
            timers: Vec::new(),
            due: VecDeque::new(),
            wires: BTreeMap::new(),
            xid: 0,
            frame: Vec::new(),
            reply: Vec::new(),
            steps: 0,
        };
        for id in 1..=SERVERS {
            let mut out = Actions::new();
            let config = Arc::new(Config::new(ServerId(id), Arc::clone(&ensemble)));
            let base = SessionId(i64::from(id) << 56);
            trio.replicas.push(Replica::restore(config, Recovered::empty(), base, Stamp(1), &mut out));
            trio.outs.push(out);
        }
        (1..=SERVERS).for_each(|id| trio.perform(ServerId(id)));
        trio.elect();
        trio.connect();
        trio.create(b"/bench", b"");
        trio.create(PATH, data);
        trio
    }

    fn elect(&mut self) {
        for _ in 0..10 {
            self.run(&mut |_, step| step());
            for (server, timer) in std::mem::take(&mut self.timers) {
                if matches!(timer, Timer::Notification | Timer::FinalizeWait | Timer::Redial) {
                    self.step(server, Input::Fired { timer });
                }
            }
        }
        assert!(self.replicas.iter().all(|replica| replica.view().serving()), "three servers agree");
        assert!(self.replicas[usize::from(LEADER.0) - 1].view().leader() == Some(LEADER));
        self.timers = Vec::new();
    }

    fn connect(&mut self) {
        let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
        self.step(LEADER, Input::ClientOpened { client: CLIENT, from });
        let mut frame = [0i32.to_bytes(), 0i64.to_bytes(), 9_000i32.to_bytes(), 0i64.to_bytes()].concat();
        (&[0u8; 16][..]).encode(&mut frame);
        self.step(LEADER, Input::ClientFrame { client: CLIENT, frame: &frame });
        self.run(&mut |_, step| step());
        assert!(!self.reply.is_empty(), "the session is open");
    }

    fn create(&mut self, path: &[u8], data: &[u8]) {
        let acl = vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }];
        let request = CreateRequest { path, data: Some(data), acl: Some(acl), flags: 0 };
        self.request(Kind::Write, Op::CREATE, &request, &mut |_, step| step());
    }

    /// Sets the znode's data: from the client's frame to its reply.
    pub fn write(&mut self, data: &[u8], around: &mut impl FnMut(Kind, &mut dyn FnMut())) {
        let request = SetDataRequest { path: PATH, data: Some(data), version: -1 };
        self.request(Kind::Write, Op::SET_DATA, &request, around);
    }

    pub fn read(&mut self, around: &mut impl FnMut(Kind, &mut dyn FnMut())) {
        self.request(Kind::Read, Op::GET_DATA, &ReadRequest { path: PATH, watch: false }, around);
    }

    fn request<'a>(
        &mut self,
        kind: Kind,
        op: i32,
        body: &impl Jute<'a>,
        around: &mut impl FnMut(Kind, &mut dyn FnMut()),
    ) {
        self.xid += 1;
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        RequestHeader { xid: self.xid, op }.encode(&mut frame);
        body.encode(&mut frame);
        let (replica, out) = self.server(LEADER);
        around(kind, &mut || {
            replica.step(AllRules, Stamp(1), Input::ClientFrame { client: CLIENT, frame: &frame }, out);
        });
        self.frame = frame;
        self.steps += 1;
        self.perform(LEADER);
        self.run(around);
        let header = ReplyHeader::decode(&mut Reader::new(&self.reply)).expect("a reply has a header");
        assert_eq!((header.xid, header.err), (self.xid, 0), "the request is answered");
    }

    /// Until nothing is under way.
    fn run(&mut self, around: &mut impl FnMut(Kind, &mut dyn FnMut())) {
        while let Some((server, due)) = self.due.pop_front() {
            let (kind, input) = match due {
                Due::Durable(count) => {
                    let kind = if server == LEADER { Kind::OwnDurable } else { Kind::Durable };
                    (kind, Input::Durable { count })
                }
                Due::Packet(conn, packet) => {
                    #[expect(clippy::wildcard_enum_match_arm, reason = "a bench names the packets that it measures")]
                    let kind = match &packet {
                        Packet::Proposal(_) => Kind::Proposal,
                        Packet::Ack(_) => Kind::Ack,
                        Packet::Commit(_) => Kind::Commit,
                        _ => Kind::Other,
                    };
                    (kind, Input::Packet { conn, packet })
                }
                Due::Other(input) => (Kind::Other, input),
            };
            let (replica, out) = self.server(server);
            let mut input = Some(input);
            around(kind, &mut || {
                if let Some(input) = input.take() {
                    replica.step(AllRules, Stamp(1), input, out);
                }
            });
            self.steps += 1;
            self.perform(server);
        }
    }

    fn step(&mut self, server: ServerId, input: Input<'_>) {
        let (replica, out) = self.server(server);
        replica.step(AllRules, Stamp(1), input, out);
        self.steps += 1;
        self.perform(server);
    }

    fn server(&mut self, server: ServerId) -> (&mut Replica, &mut Actions) {
        let at = usize::from(server.0) - 1;
        (&mut self.replicas[at], &mut self.outs[at])
    }

    fn perform(&mut self, me: ServerId) {
        let mut actions = std::mem::take(&mut self.actions);
        self.outs[usize::from(me.0) - 1].exchange(&mut actions);
        let mut writes = 0;
        for action in actions.drain(..) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "whatever a quiet ensemble has no use for is a mistake")]
            match action {
                Action::Notify { to, notification } => {
                    self.due.push_back((to, Due::Other(Input::Notified { from: me, notification })));
                }
                Action::Dial { peer } => self.dial(me, peer),
                Action::Send { conn, packet } => {
                    let (peer, slot) = self.wires[&(me, conn)];
                    self.due.push_back((peer, Due::Packet(slot, packet)));
                }
                Action::Append(_) | Action::SaveAccepted(_) | Action::SaveCurrent(_) => writes += 1,
                Action::Arm { timer, .. } => {
                    if !self.timers.contains(&(me, timer)) {
                        self.timers.push((me, timer));
                    }
                }
                Action::Disarm { timer } => self.timers.retain(|armed| *armed != (me, timer)),
                Action::Reply { frame, .. } => {
                    self.reply.clear();
                    self.reply.extend_from_slice(&self.outs[usize::from(me.0) - 1].bytes(frame)[4..]);
                }
                Action::Sync | Action::Touch { .. } => {}
                other => panic!("nothing calls for {other:?} here"),
            }
        }
        self.actions = actions;
        self.outs[usize::from(me.0) - 1].clear();
        if writes > 0 {
            self.due.push_back((me, Due::Durable(writes)));
        }
    }

    fn dial(&mut self, me: ServerId, peer: ServerId) {
        let next = self.wires.len() as u32;
        let (mine, theirs) = (ConnId(next), ConnId(next + 1));
        self.wires.insert((me, mine), (peer, theirs));
        self.wires.insert((peer, theirs), (me, mine));
        self.due.push_back((peer, Due::Other(Input::Opened { conn: theirs, origin: Origin::Accepted })));
        self.due.push_back((me, Due::Other(Input::Opened { conn: mine, origin: Origin::Dialed(peer) })));
    }
}
