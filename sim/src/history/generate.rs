//! Legal histories, made up: the negative control of the checks, and input for benchmarks.
//!
//! A leader appends to one log, a few servers apply it at their own pace, clients send requests,
//! lose connections and come back. Nothing of the core runs here; the judge plays each server's
//! tree. A mutation of such a history that a check accepts shows a hole in the check.

use super::{Body, Call, Change, Event, History, Judge, Kind, Text, Txn};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is made up.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub servers: usize,
    pub clients: usize,
    pub steps: usize,
}

/// A legal history: the same plan gives the same one.
pub fn generate(plan: Plan) -> History {
    let mut made = Made {
        dice: Dice(plan.seed),
        now: 0,
        zxid: 1 << 32,
        leader: Judge::new(),
        servers: vec![Server { judge: Judge::new(), applied: 0 }; plan.servers],
        clients: (0..plan.clients).map(|_| Client::default()).collect(),
        next_session: 0x0100_0000_0000_0001,
        history: History::default(),
    };
    for _ in 0..plan.steps {
        made.step();
    }
    made.history
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll() % 100 < percent
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

#[derive(Clone)]
struct Server {
    judge: Judge,
    /// How much of the log it has applied.
    applied: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Data,
    Child,
}

/// A request at the client's server.
struct Pending {
    xid: i32,
    call: Call,
    /// How much of the log must be applied before it is answered, once that is known.
    after: Option<usize>,
}

#[derive(Default)]
struct Client {
    session: i64,
    /// `None` while disconnected.
    server: Option<usize>,
    last_xid: i32,
    closing: bool,
    queue: VecDeque<Pending>,
    /// A request that a server left behind still has; it comes to the leader too late.
    late: Option<i32>,
    /// On the way to the client.
    stream: VecDeque<Kind>,
    /// The server's tables for this connection.
    registered: BTreeSet<(Table, Text)>,
    /// The client's own, and whether the node was missing.
    watches: BTreeMap<(Table, Text), bool>,
    relative: u64,
    seen: u64,
}

struct Made {
    dice: Dice,
    now: u64,
    zxid: u64,
    leader: Judge,
    servers: Vec<Server>,
    clients: Vec<Client>,
    next_session: i64,
    history: History,
}

impl Made {
    fn step(&mut self) {
        self.now += self.dice.roll() % 3000;
        let client = self.dice.below(self.clients.len());
        match self.dice.below(100) {
            0..25 => self.act(client),
            25..50 => {
                let server = self.dice.below(self.servers.len());
                self.apply_next(server);
            }
            50..70 => self.serve(client),
            70..95 => self.deliver(client),
            95 | 96 if self.dice.chance(30) => self.disconnect(client),
            95 | 96 => self.deliver(client),
            97 => self.expire(client),
            98 => self.arrive_late(client),
            _ => self.zxid = ((self.zxid >> 32) + 1) << 32,
        }
    }

    fn record(&mut self, client: usize, kind: Kind) {
        let session = self.clients[client].session;
        self.history.events.push(Event { at: self.now, client: client as u32, session, kind });
    }

    fn append(&mut self, session: i64, cxid: i32, body: Body) -> usize {
        self.zxid += 1;
        let txn = Txn { zxid: self.zxid, session, cxid, time: (self.now / 1000) as i64, body };
        self.leader.apply(&txn).expect("the leader decided it");
        self.history.log.push(txn);
        self.history.log.len()
    }

    fn act(&mut self, client: usize) {
        let Client { session, server, closing, .. } = self.clients[client];
        if session == 0 {
            self.open(client);
        } else if server.is_none() {
            self.attach_again(client);
        } else if !closing {
            let call = self.call();
            let it = &mut self.clients[client];
            it.last_xid += 1;
            it.closing = call == Call::Close;
            let xid = it.last_xid;
            it.queue.push_back(Pending { xid, call: call.clone(), after: None });
            self.record(client, Kind::Invoke { xid, call });
        }
    }

    fn open(&mut self, client: usize) {
        let session = self.next_session;
        self.next_session += 1;
        self.append(session, 0, Body::CreateSession { timeout_ms: 4000 });
        let server = self.dice.below(self.servers.len());
        while self.servers[server].applied < self.history.log.len() {
            self.apply_next(server);
        }
        self.clients[client] = Client { session, server: Some(server), ..Client::default() };
        self.record(client, Kind::Attached { fresh: true });
    }

    fn attach_again(&mut self, client: usize) {
        let server = self.dice.below(self.servers.len());
        let state = &self.servers[server].judge;
        let it = &mut self.clients[client];
        // A server behind what the client saw refuses it; so does one that knows of the end.
        if state.zxid() < it.seen || !self.leader.is_open(it.session) || !state.is_open(it.session) {
            return;
        }
        it.server = Some(server);
        it.registered.clear();
        for ((table, path), was_missing) in it.watches.clone() {
            match missed(state, table, &path, was_missing, it.relative) {
                Some(kind) => it.stream.push_back(Kind::Watch { path, kind, zxid: None }),
                None => drop(it.registered.insert((table, path))),
            }
        }
        if !it.watches.is_empty() {
            it.stream.push_back(Kind::Rearmed { zxid: state.zxid(), last: true });
        }
        self.record(client, Kind::Attached { fresh: false });
    }

    fn call(&mut self) -> Call {
        const PATHS: [&str; 8] = ["/a", "/b", "/a", "/a/x", "/a/y", "/b/x", "/none/x", "/"];
        let mut path = Text::from(*self.dice.pick(&PATHS));
        if self.dice.chance(50) {
            let all: Vec<Text> = self.leader.paths().cloned().collect();
            path = self.dice.pick(&all).clone();
        }
        let watch = self.dice.chance(60);
        let data = self.dice.chance(80).then(|| Text::from(format!("d{}", self.dice.0 % 1000).as_str()));
        let version = if self.dice.chance(70) { -1 } else { self.dice.below(3) as i32 };
        match self.dice.below(16) {
            0..4 => {
                let modes = if self.dice.chance(2) { 9 } else { 4 };
                let flags = self.dice.below(modes) as i32;
                let granted = u32::from(self.dice.chance(97));
                Call::Create { path, data, flags, granted }
            }
            4 | 5 => Call::Delete { path, version },
            6..9 => Call::SetData { path, data, version },
            9 | 10 => Call::Exists { path, watch },
            11 | 12 => Call::GetData { path, watch },
            13 => Call::GetChildren { path, watch },
            14 => Call::GetChildren2 { path, watch },
            _ if self.dice.chance(10) => Call::Close,
            _ => Call::Sync { path },
        }
    }

    /// A server takes the next transaction: events for its connections come first.
    fn apply_next(&mut self, server: usize) {
        let Some(txn) = self.history.log.get(self.servers[server].applied).cloned() else {
            return;
        };
        self.servers[server].judge.apply(&txn).expect("the leader applied it");
        self.servers[server].applied += 1;
        for it in self.clients.iter_mut().filter(|it| it.server == Some(server)) {
            match &txn.body {
                Body::Create { path, .. } => {
                    it.fire(path, Change::Created, &[Table::Data], txn.zxid);
                    it.fire_parent(path, txn.zxid);
                }
                Body::SetData { path, .. } => it.fire(path, Change::Data, &[Table::Data], txn.zxid),
                Body::Delete { path } => it.fire_delete(path, txn.zxid),
                Body::CloseSession { paths } => paths.iter().for_each(|path| it.fire_delete(path, txn.zxid)),
                Body::SetAcl { .. }
                | Body::Multi { .. }
                | Body::CreateSession { .. }
                | Body::Error { .. }
                | Body::Other { .. } => {}
            }
        }
        self.answer_writes(server, txn.zxid);
        if matches!(txn.body, Body::CloseSession { .. }) && txn.cxid == 0 {
            let on_this = |it: &Client| it.session == txn.session && it.server == Some(server);
            if let Some(client) = self.clients.iter().position(on_this) {
                self.disconnect(client);
            }
        }
    }

    /// The events of the transaction are on their way; the reply of the write follows.
    fn answer_writes(&mut self, server: usize, zxid: u64) {
        let Server { judge, applied } = &self.servers[server];
        for it in self.clients.iter_mut().filter(|it| it.server == Some(server)) {
            let is_this = |head: &mut Pending| head.call.is_write() && head.after == Some(*applied);
            if let Some(head) = it.queue.pop_front_if(is_this) {
                let answer = judge.answer(&self.history.log[applied - 1].body);
                it.stream.push_back(Kind::Return { xid: head.xid, zxid, answer });
                if head.call == Call::Close {
                    it.registered.clear();
                }
            }
        }
    }

    /// The oldest request of a connection takes its next step.
    fn serve(&mut self, client: usize) {
        let it = &self.clients[client];
        let (Some(server), Some(head)) = (it.server, it.queue.front()) else {
            return;
        };
        let (session, xid, call) = (it.session, head.xid, head.call.clone());
        let Some(after) = head.after else {
            let after = match self.leader.decide(session, &call) {
                Some(body) => self.append(session, xid, body),
                None if matches!(call, Call::Sync { .. }) => self.history.log.len(),
                None => 0,
            };
            self.clients[client].queue[0].after = Some(after);
            return;
        };
        let state = &self.servers[server];
        // A write is answered when it is applied.
        let Some(answer) = state.judge.read(&call).filter(|_| state.applied >= after) else {
            return;
        };
        let zxid = state.judge.zxid();
        let it = &mut self.clients[client];
        it.queue.pop_front();
        if let Some(key) = watched(&call, &answer) {
            it.registered.insert(key);
        }
        it.stream.push_back(Kind::Return { xid, zxid, answer });
    }

    fn deliver(&mut self, client: usize) {
        let Some(kind) = self.clients[client].stream.pop_front() else {
            return;
        };
        self.record(client, kind.clone());
        let it = &mut self.clients[client];
        match kind {
            Kind::Watch { path, kind, zxid } => {
                it.seen = it.seen.max(zxid.unwrap_or(0));
                let tables: &[Table] = match kind {
                    Change::Created | Change::Data => &[Table::Data],
                    Change::Children => &[Table::Child],
                    Change::Deleted => &[Table::Data, Table::Child],
                };
                for table in tables {
                    it.watches.remove(&(*table, path.clone()));
                }
            }
            Kind::Rearmed { zxid, .. } => {
                it.seen = it.seen.max(zxid);
                it.relative = zxid;
            }
            Kind::Return { xid, zxid, answer } => {
                it.seen = it.seen.max(zxid);
                it.relative = zxid;
                let session = it.session;
                let asked = self.history.events.iter().rev().find_map(|event| match &event.kind {
                    Kind::Invoke { xid: asked, call } if *asked == xid && event.session == session => Some(call),
                    Kind::Attached { .. }
                    | Kind::Rearmed { .. }
                    | Kind::Disconnected
                    | Kind::Invoke { .. }
                    | Kind::Return { .. }
                    | Kind::Watch { .. }
                    | Kind::Expired
                    | Kind::Wronged { .. } => None,
                });
                let call = asked.expect("it was invoked").clone();
                if let Some(key) = watched(&call, &answer) {
                    let missing = matches!(answer, super::Answer::Error(_));
                    self.clients[client].watches.insert(key, missing);
                }
                if call == Call::Close {
                    self.clients[client] = Client::default();
                }
            }
            Kind::Attached { .. } | Kind::Disconnected | Kind::Invoke { .. } | Kind::Expired | Kind::Wronged { .. } => {
            }
        }
    }

    /// Replies on the way are lost. Some of the requests still reach the leader, in order.
    fn disconnect(&mut self, client: usize) {
        if self.clients[client].server.take().is_none() {
            return;
        }
        self.record(client, Kind::Disconnected);
        let it = &mut self.clients[client];
        it.stream.clear();
        it.registered.clear();
        let (session, closing) = (it.session, it.closing);
        let queue = std::mem::take(&mut it.queue);
        let mut reaches = true;
        for Pending { xid, call, after } in queue {
            if after.is_some() || !call.is_write() {
                continue;
            }
            reaches &= self.dice.chance(50);
            if reaches {
                let body = self.leader.decide(session, &call).expect("it is a write");
                self.append(session, xid, body);
            } else if call != Call::Close {
                self.clients[client].late.get_or_insert(xid);
            }
        }
        if closing {
            self.clients[client] = Client::default();
        }
    }

    /// A server that the client has left sends its request: it is refused, by the log.
    fn arrive_late(&mut self, client: usize) {
        let it = &mut self.clients[client];
        if it.server.is_some()
            && let Some(xid) = it.late.take()
        {
            let (session, open) = (it.session, self.leader.is_open(it.session));
            self.append(session, xid, Body::Error { code: if open { -118 } else { -112 } });
        }
    }

    fn expire(&mut self, client: usize) {
        let Client { session, server, late, .. } = self.clients[client];
        if session == 0 || server.is_some() {
            return;
        }
        if self.leader.is_open(session) {
            let paths = self.leader.ephemerals(session);
            self.append(session, 0, Body::CloseSession { paths });
        }
        if let Some(xid) = late {
            self.append(session, xid, Body::Error { code: -112 });
        }
        self.record(client, Kind::Expired);
        self.clients[client] = Client::default();
    }
}

impl Client {
    fn fire(&mut self, path: &Text, kind: Change, tables: &[Table], zxid: u64) {
        let before = self.registered.len();
        for table in tables {
            self.registered.remove(&(*table, path.clone()));
        }
        if self.registered.len() < before {
            self.stream.push_back(Kind::Watch { path: path.clone(), kind, zxid: Some(zxid) });
        }
    }

    fn fire_delete(&mut self, path: &Text, zxid: u64) {
        self.fire(path, Change::Deleted, &[Table::Data, Table::Child], zxid);
        self.fire_parent(path, zxid);
    }

    fn fire_parent(&mut self, path: &Text, zxid: u64) {
        let (parent, _) = path.split().expect("a znode's path");
        self.fire(&parent, Change::Children, &[Table::Child], zxid);
    }
}

/// Where a read registers its watch.
fn watched(call: &Call, answer: &super::Answer) -> Option<(Table, Text)> {
    let error = if let super::Answer::Error(code) = answer { Some(*code) } else { None };
    match (call, error) {
        (Call::Exists { path, watch: true }, None | Some(-101)) => Some((Table::Data, path.clone())),
        (Call::GetData { path, watch: true }, None) => Some((Table::Data, path.clone())),
        (Call::GetChildren { path, watch: true } | Call::GetChildren2 { path, watch: true }, None) => {
            Some((Table::Child, path.clone()))
        }
        _ => None,
    }
}

/// What setWatches makes of a watch (reference/zookeeper.md section 1.9).
fn missed(state: &Judge, table: Table, path: &Text, was_missing: bool, relative: u64) -> Option<Change> {
    let read = state.read(&Call::Exists { path: path.clone(), watch: false });
    let stat = if let Some(super::Answer::Stat(stat)) = read { Some(stat) } else { None };
    match (table, stat) {
        (Table::Data, stat) if was_missing => stat.map(|_| Change::Created),
        (_, None) => Some(Change::Deleted),
        (Table::Data, Some(stat)) => (stat.mzxid > relative).then_some(Change::Data),
        (Table::Child, Some(stat)) => (stat.pzxid > relative).then_some(Change::Children),
    }
}
