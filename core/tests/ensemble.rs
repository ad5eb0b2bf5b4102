//! Three replicas wired to one another in the simplest way there is: every message arrives in
//! order, every write is durable at once, timers fire only when nothing else is left to do.
//!
//! The real world, with its faults, is the simulator's; this shows that the core alone agrees.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, ClientOrigin, Event, Input, Origin, Resigned, Timer};
use zabra_core::id::{ClientId, ConnId, Epoch, ServerId, ServerSet, SessionId, Stamp, Zxid};
use zabra_core::log::{Recovered, Standing};
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::tree::Database;
use zabra_core::wire::records::{
    Acl, AuthPacket, CreateRequest, CreateTtlRequest, DeleteRequest, Id, PathRequest, ReadRequest, ReplyHeader,
    RequestHeader, SetDataRequest,
};
use zabra_core::wire::{Jute, Op, Reader};
use zabra_core::zab::{LearnerInfo, Notification, Packet, ServerState, Vote};

#[path = "ensemble/clock.rs"]
mod clock;
#[path = "ensemble/read_only.rs"]
mod read_only;
#[path = "ensemble/reconfig.rs"]
mod reconfig;
#[path = "ensemble/strangers.rs"]
mod strangers;

/// The one client of each server.
const CLIENT: ClientId = ClientId(0);

struct Net {
    replicas: BTreeMap<ServerId, Replica>,
    timers: BTreeSet<(ServerId, Timer)>,
    inputs: VecDeque<(ServerId, Input<'static>)>,
    /// (server, its slot) → (peer, the peer's slot)
    wires: BTreeMap<(ServerId, ConnId), (ServerId, ConnId)>,
    next_conn: u32,
    events: Vec<(ServerId, Event)>,
    /// What clients got: replies and watch events, without their length.
    sent: Vec<(ServerId, ClientId, Vec<u8>)>,
    /// What every server's clock says.
    at: Stamp,
    /// Every action, but for the times in it and what is made of them.
    shapes: Vec<(ServerId, String)>,
    /// Whether servers answer reads without a quorum.
    read_only: bool,
    /// How many syncs of a learner may wait.
    syncs: usize,
    /// Whether the ensemble may be changed, by anybody.
    reconfig: bool,
}

fn ensemble(voters: u8, observers: u8) -> Arc<Ensemble> {
    let quorum = Quorum::majority((1..=voters).map(ServerId).collect()).unwrap();
    let observers: ServerSet = (voters + 1..=voters + observers).map(ServerId).collect();
    Arc::new(Ensemble { quorum, observers, version: 0, text: Arc::from(&b""[..]) })
}

impl Net {
    fn boot(voters: u8, observers: u8) -> Net {
        let mut net = Net::empty();
        for id in 1..=voters + observers {
            net.start(id, &ensemble(voters, observers), Epoch::ZERO);
        }
        net
    }

    fn empty() -> Net {
        Net {
            replicas: BTreeMap::new(),
            timers: BTreeSet::new(),
            inputs: VecDeque::new(),
            wires: BTreeMap::new(),
            next_conn: 0,
            events: Vec::new(),
            sent: Vec::new(),
            at: Stamp(1),
            shapes: Vec::new(),
            read_only: false,
            syncs: 1000,
            reconfig: false,
        }
    }

    /// A server starts whose disk holds no record, and this accepted epoch.
    fn start(&mut self, id: u8, ensemble: &Arc<Ensemble>, accepted: Epoch) {
        let config = Config::new(ServerId(id), Arc::clone(ensemble));
        let mut config = Config { read_only: self.read_only, ..config };
        config.limits.syncs = self.syncs;
        config.reconfig.enabled = self.reconfig;
        config.access.skip_acl = self.reconfig;
        let config = Arc::new(config);
        let recovered = Recovered {
            accepted,
            current: Epoch::ZERO,
            image: Arc::new(Database::default()),
            log: Vec::new(),
            standing: Standing::Intact,
        };
        let mut out = Actions::new();
        let base = SessionId(i64::from(id) << 56);
        self.replicas.insert(ServerId(id), Replica::restore(config, recovered, base, self.at, &mut out));
        self.perform(ServerId(id), &mut out);
    }

    /// Runs until nothing is in flight; then fires the timers that an idle ensemble has, and again.
    fn settle(&mut self) {
        for _ in 0..10 {
            while let Some((server, input)) = self.inputs.pop_front() {
                self.step(server, input);
            }
            let due: Vec<_> = self
                .timers
                .iter()
                .filter(|(_, t)| matches!(t, Timer::Notification | Timer::FinalizeWait | Timer::Redial))
                .copied()
                .collect();
            for (server, timer) in due {
                self.timers.remove(&(server, timer));
                self.step(server, Input::Fired { timer });
            }
        }
        assert!(self.inputs.is_empty(), "an idle ensemble comes to rest: {:?}", self.states());
    }

    fn step(&mut self, server: ServerId, input: Input<'static>) {
        let mut out = Actions::new();
        // A server that was lost takes no part.
        if let Some(replica) = self.replicas.get_mut(&server) {
            replica.step(AllRules, self.at, input, &mut out);
            self.perform(server, &mut out);
        }
    }

    fn perform(&mut self, me: ServerId, out: &mut Actions) {
        self.events.extend(out.events().iter().map(|e| (me, e.clone())));
        self.shapes.extend(out.list().iter().map(|action| (me, shape(action, out))));
        let mut writes = 0;
        for action in out.drain().collect::<Vec<_>>() {
            match action {
                Action::Notify { to, notification } => {
                    self.inputs.push_back((to, Input::Notified { from: me, notification }));
                }
                Action::Dial { peer } => self.dial(me, peer),
                Action::Hang { conn } => {
                    if let Some((peer, slot)) = self.wires.remove(&(me, conn)) {
                        self.wires.remove(&(peer, slot));
                        self.inputs.push_back((peer, Input::Broken { conn: slot }));
                    }
                }
                Action::Send { conn, packet } => {
                    if let Some((peer, slot)) = self.wires.get(&(me, conn)).copied() {
                        self.inputs.push_back((peer, Input::Packet { conn: slot, packet }));
                    }
                }
                Action::Append(_)
                | Action::Truncate { .. }
                | Action::SaveAccepted(_)
                | Action::SaveCurrent(_)
                | Action::Install(_) => writes += 1,
                Action::Arm { timer, .. } => drop(self.timers.insert((me, timer))),
                Action::Disarm { timer } => drop(self.timers.remove(&(me, timer))),
                Action::Stop { fault } => panic!("server {me} stopped: {fault:?}"),
                Action::Reply { client, frame } => self.sent.push((me, client, out.bytes(frame)[4..].to_vec())),
                Action::Watch { clients, frame } => {
                    let to = |client: &ClientId| (me, *client, out.bytes(frame)[4..].to_vec());
                    self.sent.extend(out.watchers(clients).iter().map(to));
                }
                Action::Sync
                | Action::Checkpoint(_)
                | Action::ReadLog { .. }
                | Action::Drop { .. }
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Configure { .. }
                | Action::Touch { .. } => {}
            }
        }
        if writes > 0 {
            self.inputs.push_back((me, Input::Durable { count: writes }));
        }
    }

    fn dial(&mut self, me: ServerId, peer: ServerId) {
        if !self.replicas.contains_key(&peer) {
            return self.inputs.push_back((me, Input::Refused { peer }));
        }
        let (mine, theirs) = (ConnId(self.next_conn), ConnId(self.next_conn + 1));
        self.next_conn += 2;
        self.wires.insert((me, mine), (peer, theirs));
        self.wires.insert((peer, theirs), (me, mine));
        self.inputs.push_back((peer, Input::Opened { conn: theirs, origin: Origin::Accepted }));
        self.inputs.push_back((me, Input::Opened { conn: mine, origin: Origin::Dialed(peer) }));
    }

    /// A server is gone: its connections break and it says nothing more.
    fn lose(&mut self, lost: ServerId) {
        let conns: Vec<_> = self.wires.keys().filter(|(server, _)| *server == lost).copied().collect();
        for end in conns {
            if let Some((peer, slot)) = self.wires.remove(&end) {
                self.wires.remove(&(peer, slot));
                self.inputs.push_back((peer, Input::Broken { conn: slot }));
            }
        }
        self.replicas.remove(&lost);
        self.timers.retain(|(server, _)| *server != lost);
    }

    /// A client of its own at each server, with a session.
    fn connect_everywhere(&mut self) {
        let mut frame = [0i32.to_bytes(), 0i64.to_bytes(), 9_000i32.to_bytes(), 0i64.to_bytes()].concat();
        (&[0u8; 16][..]).encode(&mut frame);
        for server in self.replicas.keys().copied().collect::<Vec<_>>() {
            let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
            self.inputs.push_back((server, Input::ClientOpened { client: CLIENT, from }));
            self.inputs.push_back((server, Input::ClientFrame { client: CLIENT, frame: frame.clone().leak() }));
        }
    }

    fn request<'a>(&mut self, server: u8, xid: i32, op: i32, body: &impl Jute<'a>) {
        let mut frame = RequestHeader { xid, op }.to_bytes();
        body.encode(&mut frame);
        self.inputs.push_back((ServerId(server), Input::ClientFrame { client: CLIENT, frame: frame.leak() }));
    }

    /// The (xid, err) of what the client of this server got since the last call.
    fn answers(&mut self, server: u8) -> Vec<(i32, i32)> {
        let (got, rest) = core::mem::take(&mut self.sent).into_iter().partition(|(to, ..)| *to == ServerId(server));
        self.sent = rest;
        let header = |(_, _, frame): (_, _, Vec<u8>)| ReplyHeader::decode(&mut Reader::new(&frame)).unwrap();
        got.into_iter().map(header).map(|header| (header.xid, header.err)).collect()
    }

    fn states(&self) -> Vec<ServerState> {
        self.replicas.values().map(|r| r.view().state()).collect()
    }

    fn all_serve(&self) -> bool {
        self.replicas.values().all(|r| r.view().serving())
    }
}

/// An action without the times that it carries, and without the digests that are made of them.
fn shape(action: &Action, out: &Actions) -> String {
    match action {
        Action::Append(record) => format!("Append({}, {} bytes)", record.zxid, record.bytes.len()),
        Action::Install(image) | Action::Checkpoint(image) => format!("Image({})", image.zxid()),
        Action::Send { conn, packet: Packet::Proposal(record) | Packet::Inform(record) } => {
            format!("Send({conn:?}, {}, {} bytes)", record.zxid, record.bytes.len())
        }
        Action::Send { conn, packet: Packet::Snap { image, .. } } => format!("Send({conn:?}, {})", image.zxid()),
        Action::Reply { client, frame } => {
            let bytes = out.bytes(*frame);
            format!("Reply({client:?}, {:?}, {} bytes)", &bytes[..20], bytes.len())
        }
        Action::Watch { frame, .. } => format!("{action:?} {:?}", out.bytes(*frame)),
        Action::Notify { .. }
        | Action::Dial { .. }
        | Action::Hang { .. }
        | Action::Send { .. }
        | Action::Truncate { .. }
        | Action::SaveAccepted(_)
        | Action::SaveCurrent(_)
        | Action::Sync
        | Action::ReadLog { .. }
        | Action::Drop { .. }
        | Action::Pause { .. }
        | Action::Resume { .. }
        | Action::Configure { .. }
        | Action::Arm { .. }
        | Action::Disarm { .. }
        | Action::Touch { .. }
        | Action::Stop { .. } => format!("{action:?}"),
    }
}

#[test]
fn a_server_alone_leads_itself_in_epoch_one() {
    let mut net = Net::boot(1, 0);
    net.settle();
    let view = net.replicas[&ServerId(1)].view();
    assert_eq!((view.state(), view.serving(), view.current_epoch()), (ServerState::Leading, true, Epoch(1)));
}

#[test]
fn three_servers_elect_the_highest_id_and_all_serve() {
    let mut net = Net::boot(3, 0);
    net.settle();
    assert_eq!(net.states(), [ServerState::Following, ServerState::Following, ServerState::Leading]);
    assert!(net.all_serve());
    assert!(net.replicas.values().all(|r| r.view().current_epoch() == Epoch(1)));
}

#[test]
fn an_observer_joins_a_running_ensemble() {
    let mut net = Net::boot(3, 2);
    net.settle();
    let states = net.states();
    assert_eq!(states[3..], [ServerState::Observing, ServerState::Observing]);
    assert!(net.all_serve());
}

#[test]
fn a_follower_that_loses_its_leader_elects_again_in_a_higher_epoch() {
    let mut net = Net::boot(3, 0);
    net.settle();
    let leader = ServerId(3);
    net.lose(leader);
    for _ in 0..20 {
        net.inputs.retain(|(s, _)| *s != leader);
        let Some((server, input)) = net.inputs.pop_front() else { break };
        net.step(server, input);
    }
    net.inputs.retain(|(s, _)| *s != leader);
    let due: Vec<_> = net.timers.iter().filter(|(_, t)| *t == Timer::FinalizeWait).copied().collect();
    for (server, timer) in due {
        net.step(server, Input::Fired { timer });
    }
    while let Some((server, input)) = net.inputs.pop_front() {
        if server != leader {
            net.step(server, input);
        }
    }
    assert_eq!(net.states(), [ServerState::Following, ServerState::Leading]);
    assert!(net.replicas.values().all(|r| r.view().current_epoch() == Epoch(2) && r.view().serving()));
    assert_eq!(net.replicas[&ServerId(1)].view().history_end(), Zxid::ZERO);
}

#[test]
fn nobody_waits_for_the_vote_of_a_server_that_is_not_there() {
    for told in [false, true] {
        let mut net = Net::boot(3, 0);
        net.settle();
        net.lose(ServerId(3));
        for server in [1, 2] {
            while let Some((server, input)) = net.inputs.pop_front() {
                net.step(server, input);
            }
            if told {
                net.step(ServerId(server), Input::Unreachable { peer: ServerId(3) });
            }
            net.step(ServerId(server), Input::Fired { timer: Timer::Notification });
        }
        while let Some((server, input)) = net.inputs.pop_front() {
            net.step(server, input);
        }
        let waits = net.timers.iter().any(|(_, timer)| *timer == Timer::FinalizeWait);
        assert_eq!((waits, net.all_serve()), (!told, told));
    }
}

/// Servers 1 and 2 serve; then server 3 comes, a voter or an observer, that had accepted `late` of a
/// leader that was lost before its reign began.
fn late_comer(voters: u8, observers: u8, late: Epoch) -> Net {
    let ensemble = ensemble(voters, observers);
    let mut net = Net::empty();
    net.start(1, &ensemble, Epoch::ZERO);
    net.start(2, &ensemble, Epoch::ZERO);
    net.settle();
    assert_eq!(net.states(), [ServerState::Following, ServerState::Leading]);
    net.start(3, &ensemble, late);
    net
}

#[test]
fn a_reign_ends_for_a_learner_that_accepted_a_later_epoch() {
    for (voters, observers) in [(3, 0), (2, 1)] {
        let mut net = late_comer(voters, observers, Epoch(9));
        net.settle();
        let passed = |(_, event): &&(_, Event)| matches!(event, Event::Resigned { why: Resigned::EpochPassed, .. });
        assert_eq!(net.events.iter().filter(passed).count(), 1);
        assert!(net.all_serve(), "{:?}", net.states());
        assert!(net.replicas.values().all(|r| r.view().current_epoch() == Epoch(10)));
    }
}

#[test]
fn a_learner_whose_accepted_epoch_no_reign_can_follow_is_turned_away() {
    let mut net = late_comer(3, 0, Epoch(u32::MAX - 1));
    net.step(ServerId(3), Input::Fired { timer: Timer::Notification });
    // It comes again and again, so the net never rests.
    for _ in 0..200 {
        let Some((server, input)) = net.inputs.pop_front() else { break };
        net.step(server, input);
    }
    let refused = net.events.iter().any(|(server, event)| {
        *server == ServerId(2) && matches!(event, Event::PeerRefused { why } if why.contains("no reign can follow"))
    });
    assert!(refused);
    assert!(net.replicas[&ServerId(1)].view().serving() && net.replicas[&ServerId(2)].view().serving());
}

fn create(path: &[u8], flags: i32) -> CreateRequest<'_> {
    let acl = vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }];
    CreateRequest { path, data: Some(b"data"), acl: Some(acl), flags }
}

/// Every server's tree: (applied, ZooKeeper's digest, the names below the root).
fn trees(net: &Net) -> BTreeSet<(Zxid, u64, Vec<String>)> {
    let tree = |replica: &Replica| {
        let (database, applied) = (replica.view().database(), replica.view().applied());
        let names = database.tree().children(b"/").map(|name| name.escape_ascii().to_string());
        (applied, database.digests().apache, names.collect())
    };
    net.replicas.values().map(tree).collect()
}

#[test]
fn clients_of_every_server_write_to_one_tree() {
    let mut net = Net::boot(3, 1);
    net.settle();
    net.connect_everywhere();
    net.settle();
    assert_eq!(net.sent.len(), 4, "every client has a session");
    net.sent.clear();
    for server in 1..=4 {
        net.request(server, 1, Op::EXISTS, &ReadRequest { path: b"/n0000000003", watch: true });
        net.request(server, 2, Op::CREATE, &create(b"/n", 3));
        net.request(server, 3, Op::SYNC, &PathRequest { path: b"/" });
        net.request(server, 4, Op::SET_DATA, &SetDataRequest { path: b"/none", data: None, version: -1 });
        net.request(server, 5, Op::PING, &0i32);
    }
    net.settle();
    let ping: Vec<_> = net.timers.iter().filter(|(_, timer)| *timer == Timer::Ping).copied().collect();
    for (server, timer) in ping {
        net.step(server, Input::Fired { timer });
    }
    net.settle();
    for server in 1..=4 {
        let mut answers = net.answers(server);
        let event = answers.iter().position(|(xid, _)| *xid == -1).expect("the fourth znode appears to everyone");
        answers.remove(event);
        assert_eq!(answers, [(1, -101), (2, 0), (3, 0), (4, -101), (-2, 0)], "server {server}");
    }
    let trees = trees(&net);
    assert_eq!(trees.len(), 1, "{trees:?}");
    let names: Vec<_> = (0..4).map(|n| format!("n000000000{n}")).chain(["zookeeper".to_string()]).collect();
    assert!(trees.iter().all(|(_, _, found)| *found == names), "{trees:?}");
    assert!(!net.events.iter().any(|(_, event)| matches!(event, Event::DigestMismatch { .. })));
}

#[test]
fn connections_outlive_the_leader_and_their_writes_happen_once() {
    let mut net = Net::boot(3, 0);
    net.settle();
    net.connect_everywhere();
    net.settle();
    net.sent.clear();
    net.request(1, 1, Op::CREATE, &create(b"/first-", 3));
    net.settle();
    assert_eq!(net.answers(1), [(1, 0)]);
    net.lose(ServerId(3));
    // The write is forwarded to a leader that is not there any more, or waits for the next one.
    net.request(1, 2, Op::CREATE, &create(b"/second-", 3));
    net.request(2, 2, Op::CREATE, &create(b"/second-", 3));
    net.settle();
    assert_eq!((net.answers(1), net.answers(2)), (vec![(2, 0)], vec![(2, 0)]));
    let trees = trees(&net);
    assert_eq!(trees.len(), 1, "{trees:?}");
    let expected = ["first-0000000000", "second-0000000001", "second-0000000002", "zookeeper"];
    assert!(trees.iter().all(|(_, _, found)| *found == expected), "{trees:?}");
}

/// The quorum that a `sync` waits for need not be of those who served when it came: here the only
/// follower of then is gone before it answers, and another has come.
#[test]
fn a_sync_is_answered_by_a_quorum_that_came_later() {
    let mut net = Net::empty();
    let everyone = ensemble(3, 0);
    for id in [1, 3] {
        net.start(id, &everyone, Epoch::ZERO);
    }
    net.settle();
    net.connect_everywhere();
    net.settle();
    net.sent.clear();
    net.request(3, 1, Op::SYNC, &PathRequest { path: b"/" });
    let (server, input) = net.inputs.pop_front().expect("the request");
    net.step(server, input);
    let pinged: Vec<_> = net.inputs.drain(..).map(|(to, _)| to).collect();
    assert_eq!(pinged, [ServerId(1)], "and it will never hear of that");
    net.start(2, &everyone, Epoch::ZERO);
    net.settle();
    assert!(net.all_serve());
    net.lose(ServerId(1));
    net.settle();
    net.request(3, 2, Op::SYNC, &PathRequest { path: b"/" });
    net.settle();
    let ping: Vec<_> = net.timers.iter().filter(|(_, timer)| *timer == Timer::Ping).copied().collect();
    assert!(!ping.is_empty(), "the reign goes on");
    assert!(net.answers(3).is_empty(), "whoever came later has answered no PING of later yet");
    for (server, timer) in ping {
        net.step(server, Input::Fired { timer });
    }
    net.settle();
    assert_eq!(net.answers(3), [(1, 0), (2, 0)]);
}
