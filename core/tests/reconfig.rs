//! Ensembles that change while everything goes wrong: servers crash and lose what they had not synced, connections break,
//! election messages overtake one another, and a client keeps asking for other members (the simulator does not yet).
//!
//! Small: one client, no time, four properties. What is committed has a quorum of the newest configuration committed before it,
//! and a reconfiguration one of its own too; nobody applies anything else in its place; a new leader has all of it; and an
//! ensemble that is left in peace agrees.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some of many")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, ClientOrigin, Event, Input, Origin, Timer};
use zabra_core::id::{ClientId, ConnId, Epoch, ServerId, ServerSet, SessionId, Stamp, Zxid};
use zabra_core::log::{Record, Recovered};
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::wire::records::{Acl, CreateRequest, Id, ReconfigRequest, RequestHeader};
use zabra_core::wire::{Jute, Op};
use zabra_core::zab::{Notification, Packet, ServerState};

/// Servers that there are; three vote at first, the others observe.
const SERVERS: u8 = 5;
/// The end of a connection that was hung up.
const NOBODY: (u8, ConnId) = (0, ConnId(u32::MAX));
const CLIENT: ClientId = ClientId(0);

struct Draws(u64);

impl Draws {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

struct Server {
    replica: Option<Replica>,
    disk: Recovered,
    /// What was commanded of the disk and is not durable.
    writes: VecDeque<Action>,
    timers: BTreeSet<Timer>,
    connected: bool,
}

/// One connection: its ends, and what is on its way to each.
struct Wire {
    ends: [(u8, ConnId); 2],
    queues: [VecDeque<Input<'static>>; 2],
}

struct World {
    draws: Draws,
    servers: BTreeMap<u8, Server>,
    notes: BTreeMap<(u8, u8), Arc<Notification>>,
    wires: Vec<Wire>,
    conns: u32,
    lives: i64,
    xid: i32,
    chosen: BTreeMap<Zxid, Arc<[u8]>>,
    /// Configurations by version, and those of them that are committed.
    proposed: BTreeMap<u64, Quorum>,
    committed: BTreeMap<u64, Quorum>,
    reigns: BTreeMap<Epoch, u8>,
    /// Commits that needed two configurations that were not the same.
    joint: u32,
    /// The newest events, for who wants to know why.
    told: Vec<(u8, String)>,
}

fn line(id: u8, role: &str) -> String {
    format!("server.{id}=h{id}:2888:3888:{role};0.0.0.0:2181")
}

fn first() -> Ensemble {
    let mut text: String =
        (1..=SERVERS).map(|id| line(id, if id <= 3 { "participant" } else { "observer" }) + "\n").collect();
    text.push_str("version=0");
    Ensemble::parse(text.as_bytes()).expect("a configuration")
}

impl World {
    fn new(seed: u64) -> World {
        let server = || Server {
            replica: None,
            disk: Recovered::empty(),
            writes: VecDeque::new(),
            timers: BTreeSet::new(),
            connected: false,
        };
        let mut world = World {
            draws: Draws(seed),
            servers: (1..=SERVERS).map(|id| (id, server())).collect(),
            notes: BTreeMap::new(),
            wires: Vec::new(),
            conns: 0,
            lives: 0,
            xid: 0,
            chosen: BTreeMap::new(),
            proposed: BTreeMap::new(),
            committed: BTreeMap::from([(0, first().quorum)]),
            reigns: BTreeMap::new(),
            joint: 0,
            told: Vec::new(),
        };
        (1..=SERVERS).for_each(|id| world.start(id));
        world
    }

    fn start(&mut self, id: u8) {
        let mut config = Config::new(ServerId(id), Arc::new(first()));
        config.reconfig.enabled = true;
        config.access.skip_acl = true;
        config.limits.checkpoint_records = 20;
        self.lives += 1;
        let base = SessionId((i64::from(id) << 56) + (self.lives << 20));
        let mut out = Actions::new();
        let server = self.servers.get_mut(&id).expect("a server");
        let replica = Replica::restore(Arc::new(config), server.disk.clone(), base, Stamp(1), &mut out);
        (server.replica, server.connected) = (Some(replica), false);
        self.perform(id, &mut out);
    }

    fn crash(&mut self, id: u8) {
        let kept = self.draws.below(self.servers[&id].writes.len() + 1);
        let server = self.servers.get_mut(&id).expect("a server");
        server.replica = None;
        server.timers.clear();
        let writes = std::mem::take(&mut server.writes);
        writes.into_iter().take(kept).for_each(|write| write_to(&mut server.disk, write));
        self.notes.retain(|(_, to), _| *to != id);
        while let Some(index) = self.wires.iter().position(|wire| wire.ends.iter().any(|(end, _)| *end == id)) {
            self.cut(index);
        }
    }

    /// A connection ends: each direction delivers some of what was on its way.
    fn cut(&mut self, index: usize) {
        let Wire { ends, queues } = self.wires.remove(index);
        for ((end, conn), queue) in ends.into_iter().zip(queues) {
            let kept = self.draws.below(queue.len() + 1);
            for input in queue.into_iter().take(kept) {
                self.step(end, input);
            }
            self.step(end, Input::Broken { conn });
        }
    }

    fn step(&mut self, id: u8, input: Input<'_>) {
        let Some(replica) = self.servers.get_mut(&id).and_then(|server| server.replica.as_mut()) else { return };
        let mut out = Actions::new();
        replica.step(AllRules, Stamp(1), input, &mut out);
        self.perform(id, &mut out);
    }

    fn perform(&mut self, id: u8, out: &mut Actions) {
        for event in out.events().to_vec() {
            self.judge(id, &event);
        }
        let mut stopped = None;
        for action in out.drain().collect::<Vec<_>>() {
            match action {
                Action::Notify { to, notification } => drop(self.notes.insert((id, to.0), notification)),
                Action::Dial { peer } => self.dial(id, peer.0),
                Action::Hang { conn } => self.hang(id, conn),
                Action::Send { conn, packet } => self.send(id, conn, packet),
                Action::ReadLog { conn, after, until } => self.read_log(id, conn, after, until),
                Action::Append(_)
                | Action::Truncate { .. }
                | Action::SaveAccepted(_)
                | Action::SaveCurrent(_)
                | Action::Install(_)
                | Action::Checkpoint(_)
                | Action::Sync => self.server(id).writes.push_back(action),
                Action::Arm { timer, .. } => drop(self.server(id).timers.insert(timer)),
                Action::Disarm { timer } => drop(self.server(id).timers.remove(&timer)),
                Action::Drop { .. } => self.server(id).connected = false,
                Action::Stop { fault } => stopped = Some(fault),
                Action::Reply { .. }
                | Action::Watch { .. }
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Configure { .. }
                | Action::Touch { .. } => {}
            }
        }
        assert_eq!(stopped, None, "server {id} stopped");
    }

    fn server(&mut self, id: u8) -> &mut Server {
        self.servers.get_mut(&id).expect("a server")
    }

    fn dial(&mut self, from: u8, to: u8) {
        let runs = self.servers.get(&to).is_some_and(|server| server.replica.is_some());
        if !runs {
            return self.step(from, Input::Refused { peer: ServerId(to) });
        }
        let (mine, theirs) = (ConnId(self.conns), ConnId(self.conns + 1));
        self.conns += 2;
        let opened = Input::Opened { conn: mine, origin: Origin::Dialed(ServerId(to)) };
        let accepted = Input::Opened { conn: theirs, origin: Origin::Accepted };
        let queues = [VecDeque::from([opened]), VecDeque::from([accepted])];
        self.wires.push(Wire { ends: [(from, mine), (to, theirs)], queues });
    }

    fn hang(&mut self, id: u8, conn: ConnId) {
        let Some(index) = self.wires.iter().position(|wire| wire.ends.contains(&(id, conn))) else { return };
        // What is on its way still arrives; then the other end learns of it.
        let wire = &mut self.wires[index];
        let other = usize::from(wire.ends[0] == (id, conn));
        let broken = Input::Broken { conn: wire.ends[other].1 };
        wire.queues[other].push_back(broken);
        wire.queues[1 - other].clear();
        wire.ends[1 - other] = NOBODY;
    }

    fn send(&mut self, id: u8, conn: ConnId, packet: Packet) {
        if let Some(wire) = self.wires.iter_mut().find(|wire| wire.ends.contains(&(id, conn))) {
            let other = usize::from(wire.ends[0] == (id, conn));
            let conn = wire.ends[other].1;
            wire.queues[other].push_back(Input::Packet { conn, packet });
        }
    }

    fn read_log(&mut self, id: u8, conn: ConnId, after: Zxid, until: Zxid) {
        let disk = &self.servers[&id].disk;
        let records: Vec<Record> =
            disk.log.iter().filter(|record| (after..=until).contains(&record.zxid)).cloned().collect();
        let holds = records.first().is_some_and(|record| record.zxid == after);
        self.step(id, Input::LogRead { conn, records: if holds { records } else { Vec::new() } });
    }

    /// The disk finishes what stands before the next barrier.
    fn write(&mut self, id: u8) {
        let (mut count, mut saved) = (0, None);
        let server = self.server(id);
        while let Some(write) = server.writes.pop_front() {
            match &write {
                Action::Sync => break,
                Action::Checkpoint(image) => saved = Some(image.zxid()),
                _ => count += 1,
            }
            write_to(&mut server.disk, write);
        }
        if count > 0 {
            self.step(id, Input::Durable { count });
        }
        if let Some(zxid) = saved {
            self.step(id, Input::Checkpointed { zxid, bytes: 1 });
        }
    }

    fn deliver(&mut self, index: usize, side: usize) {
        let wire = &mut self.wires[index];
        let end = wire.ends[side].0;
        let Some(input) = wire.queues[side].pop_front() else { return };
        if matches!(input, Input::Broken { .. }) {
            self.wires.remove(index);
        }
        self.step(end, input);
    }

    fn note(&mut self, from: u8, to: u8) {
        if let Some(notification) = self.notes.remove(&(from, to)) {
            self.step(to, Input::Notified { from: ServerId(from), notification });
        }
    }

    fn fire(&mut self, id: u8, timer: Timer) {
        if self.server(id).timers.remove(&timer) {
            self.step(id, Input::Fired { timer });
        }
    }

    /// A client of this server, or a request of it.
    fn ask(&mut self, id: u8) {
        let server = self.server(id);
        let Some(replica) = &server.replica else { return };
        if !replica.view().serving() {
            return;
        }
        let connected = std::mem::replace(&mut server.connected, true);
        if !connected {
            let mut frame = [0i32.to_bytes(), 0i64.to_bytes(), 9_000i32.to_bytes(), 0i64.to_bytes()].concat();
            (&[0u8; 16][..]).encode(&mut frame);
            let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), subject: None };
            self.step(id, Input::ClientOpened { client: CLIENT, from });
            return self.step(id, Input::ClientFrame { client: CLIENT, frame: &frame });
        }
        self.xid += 1;
        let xid = self.xid;
        if self.draws.below(3) > 0 {
            let path = format!("/n{xid}");
            let acl = Some(vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }]);
            let create = CreateRequest { path: path.as_bytes(), data: None, acl, flags: 0 };
            return self.request(id, RequestHeader { xid, op: Op::CREATE }, &create);
        }
        let member = 1 + self.draws.below(usize::from(SERVERS)) as u8;
        let (joining, leaving) = match self.draws.below(5) {
            0 => (String::new(), member.to_string()),
            1 => (line(member, "observer"), String::new()),
            _ => (line(member, "participant"), String::new()),
        };
        let some = |text: &'_ str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let (joining, leaving) = (some(&joining), some(&leaving));
        let reconfig = ReconfigRequest {
            joining: joining.as_deref(),
            leaving: leaving.as_deref(),
            new_members: None,
            config_id: -1,
        };
        self.request(id, RequestHeader { xid, op: Op::RECONFIG }, &reconfig);
    }

    fn request<'a>(&mut self, id: u8, header: RequestHeader, body: &impl Jute<'a>) {
        let mut frame = header.to_bytes();
        body.encode(&mut frame);
        self.step(id, Input::ClientFrame { client: CLIENT, frame: &frame });
    }

    fn judge(&mut self, id: u8, event: &Event) {
        if self.told.len() > 400 {
            self.told.drain(..200);
        }
        self.told.push((id, format!("{event:?}").chars().take(160).collect()));
        match event {
            Event::Configured { version, proposed: Some(next), .. } => {
                self.proposed.entry(*version).or_insert_with(|| next.clone());
            }
            Event::Configured { version, voters, proposed: None } => {
                assert!(
                    *version == 0 || self.committed.contains_key(version),
                    "server {id} goes by {version:x}, which is not committed: {voters:?}"
                );
            }
            Event::Committed { zxid, acked } => self.commits(id, *zxid, *acked),
            Event::Established { epoch, acked, initial_end } => {
                assert_eq!(*self.reigns.entry(*epoch).or_insert(id), id, "two leaders of epoch {epoch}");
                let newest = self.chosen.keys().rev().find(|zxid| zxid.epoch() < *epoch).copied();
                assert!(newest <= Some(*initial_end), "leader {id} of {epoch} lacks {newest:?}");
                // Its history is committed with it.
                let open = |version: &u64| *version <= initial_end.0 && !self.committed.contains_key(version);
                let due: Vec<u64> = self.proposed.keys().copied().filter(open).collect();
                let has = |zxid: u64| {
                    let view = self.servers[&id].replica.as_ref().map(Replica::view);
                    view.is_some_and(|view| view.history().any(|record| record.zxid.0 == zxid))
                };
                let due: Vec<u64> = due.into_iter().filter(|version| has(*version)).collect();
                due.into_iter().for_each(|version| self.commits(id, Zxid(version), *acked));
            }
            Event::Applied { record, .. } => {
                let bytes = self.chosen.entry(record.zxid).or_insert_with(|| Arc::clone(&record.bytes));
                assert_eq!(*bytes, record.bytes, "server {id} applies something else at {}", record.zxid);
            }
            _ => {}
        }
    }

    fn commits(&mut self, id: u8, zxid: Zxid, acked: ServerSet) {
        let (version, quorum) = self.committed.range(..zxid.0).next_back().expect("the first one");
        assert!(quorum.contains(acked), "{id} commits {zxid} with {acked}: no quorum of {version:x} {quorum:?}");
        if let Some(next) = self.proposed.get(&zxid.0) {
            assert!(next.contains(acked), "{id} commits {zxid} with {acked}: no quorum of its own {next:?}");
            self.joint += u32::from(next.voters() != quorum.voters());
            self.committed.insert(zxid.0, next.clone());
        }
    }

    /// One thing happens. Timers and faults are rarer than messages.
    fn happen(&mut self) {
        let id = 1 + self.draws.below(usize::from(SERVERS)) as u8;
        match self.draws.below(100) {
            0..=44 => {
                let ready: Vec<(usize, usize)> = self.ready();
                if !ready.is_empty() {
                    let (index, side) = ready[self.draws.below(ready.len())];
                    self.deliver(index, side);
                }
            }
            45..=64 => {
                let waiting: Vec<(u8, u8)> = self.notes.keys().copied().collect();
                if !waiting.is_empty() {
                    let (from, to) = waiting[self.draws.below(waiting.len())];
                    self.note(from, to);
                }
            }
            65..=81 => self.write(id),
            82..=91 => self.ask(id),
            92..=96 => {
                let timers: Vec<Timer> = self.server(id).timers.iter().copied().collect();
                if !timers.is_empty() {
                    let timer = timers[self.draws.below(timers.len())];
                    let rare = matches!(timer, Timer::InitLimit | Timer::SyncLimit | Timer::Learner(_));
                    if !rare || self.draws.below(20) == 0 {
                        self.fire(id, timer);
                    }
                }
            }
            97 if self.draws.below(4) == 0 => self.crash(id),
            98 if !self.wires.is_empty() && self.draws.below(4) == 0 => {
                let index = self.draws.below(self.wires.len());
                self.cut(index);
            }
            97..=99 => {
                if self.servers[&id].replica.is_none() {
                    self.start(id);
                }
            }
            _ => unreachable!("below 100"),
        }
    }

    fn ready(&self) -> Vec<(usize, usize)> {
        let sides = self.wires.iter().enumerate().flat_map(|(index, _)| [(index, 0), (index, 1)]);
        sides.filter(|(index, side)| !self.wires[*index].queues[*side].is_empty()).collect()
    }

    /// Nothing goes wrong any more: everything in flight arrives, and timers fire when nothing else is left.
    fn rest(&mut self) {
        for round in 0..400 {
            for step in 0.. {
                assert!(step < 200_000, "messages without end: {}", self.told());
                if let Some((index, side)) = self.ready().first().copied() {
                    self.deliver(index, side);
                } else if let Some((from, to)) = self.notes.keys().next().copied() {
                    self.note(from, to);
                } else if let Some(id) = (1..=SERVERS).find(|id| !self.servers[id].writes.is_empty()) {
                    self.write(id);
                } else {
                    break;
                }
            }
            if self.agrees() {
                return;
            }
            // Whoever waits for a leader that does not come gives up, one now, another then: servers that all
            // start anew at once, again and again, may need different quorums for ever, and never meet.
            let tired = 1 + self.draws.below(usize::from(SERVERS)) as u8;
            for id in 1..=SERVERS {
                let patient = round % 5 < 4 || id != tired;
                let is_due = |timer: &Timer| match timer {
                    Timer::Notification | Timer::FinalizeWait | Timer::Redial | Timer::Ping => true,
                    Timer::InitLimit => !patient,
                    _ => false,
                };
                let due: Vec<Timer> = self.servers[&id].timers.iter().copied().filter(is_due).collect();
                due.into_iter().for_each(|timer| self.fire(id, timer));
            }
        }
        panic!("no agreement: {}", self.told());
    }

    /// One leader, and every voter of the newest configuration in step with it.
    fn agrees(&self) -> bool {
        let (version, quorum) = self.committed.iter().next_back().expect("one");
        let mut end = None;
        quorum.voters().iter().all(|id| {
            let Some(view) = self.servers[&id.0].replica.as_ref().map(Replica::view) else { return false };
            let same = end.replace(view.applied()).is_none_or(|applied| applied == view.applied());
            same && view.serving() && view.applied().0 >= *version
        }) && quorum
            .voters()
            .iter()
            .any(|id| self.servers[&id.0].replica.as_ref().is_some_and(|r| r.view().state() == ServerState::Leading))
    }

    fn told(&self) -> String {
        let of = |(id, server): (&u8, &Server)| {
            let view = server.replica.as_ref().map(Replica::view);
            let told =
                view.map(|view| (view.state(), view.leader(), view.serving(), view.applied(), view.history_end()));
            let newest = self.told.iter().rev().filter(|(from, _)| from == id).take(6).map(|(_, event)| event.as_str());
            format!("{id}: {told:?} {:?}\n", newest.collect::<Vec<_>>())
        };
        let servers: Vec<String> = self.servers.iter().map(of).collect();
        format!("{}; proposed {:x?}; committed {:x?}", servers.join("; "), self.proposed, self.committed)
    }
}

fn write_to(disk: &mut Recovered, write: Action) {
    match write {
        Action::Append(record) => disk.log.push(record),
        Action::Truncate { after } => disk.log.retain(|record| record.zxid <= after),
        Action::SaveAccepted(epoch) => disk.accepted = epoch,
        Action::SaveCurrent(epoch) => disk.current = epoch,
        Action::Install(image) => (disk.image, disk.log) = (image, Vec::new()),
        Action::Checkpoint(image) => {
            disk.log.retain(|record| record.zxid > image.zxid());
            disk.image = image;
        }
        other => assert_eq!(other, Action::Sync, "a barrier is the only other thing"),
    }
}

/// Runs one seed; how many commits needed two configurations.
fn run(seed: u64, steps: usize) -> u32 {
    let mut world = World::new(seed);
    world.rest();
    (0..steps).for_each(|_| world.happen());
    for id in 1..=SERVERS {
        if world.servers[&id].replica.is_none() {
            world.start(id);
        }
    }
    world.rest();
    world.joint
}

#[test]
fn an_ensemble_that_changes_under_faults_keeps_what_it_has_committed() {
    let run = |seed| std::panic::catch_unwind(|| run(seed, 3000)).unwrap_or_else(|_| panic!("seed {seed}"));
    let joint: u32 = (0..40).map(run).sum();
    assert!(joint > 0, "no reconfiguration was committed: nothing was tested");
}
