//! Three replicas wired to one another in the simplest way there is: every message arrives in
//! order, every write is durable at once, timers fire only when nothing else is left to do.
//!
//! The real world, with its faults, is the simulator's; this shows that the core alone agrees.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, Event, Input, Origin, Timer};
use zabra_core::id::{ConnId, Epoch, ServerId, ServerSet, SessionId, Stamp, Zxid};
use zabra_core::log::{Recovered, Standing};
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::tree::Database;
use zabra_core::zab::ServerState;

struct Net {
    replicas: BTreeMap<ServerId, Replica>,
    timers: BTreeSet<(ServerId, Timer)>,
    inputs: VecDeque<(ServerId, Input<'static>)>,
    /// (server, its slot) → (peer, the peer's slot)
    wires: BTreeMap<(ServerId, ConnId), (ServerId, ConnId)>,
    next_conn: u32,
    events: Vec<(ServerId, Event)>,
}

fn ensemble(voters: u8, observers: u8) -> Arc<Ensemble> {
    let quorum = Quorum::majority((1..=voters).map(ServerId).collect()).unwrap();
    let observers: ServerSet = (voters + 1..=voters + observers).map(ServerId).collect();
    Arc::new(Ensemble { quorum, observers, version: 0, text: Arc::from(&b""[..]) })
}

impl Net {
    fn boot(voters: u8, observers: u8) -> Net {
        let ensemble = ensemble(voters, observers);
        let mut net = Net {
            replicas: BTreeMap::new(),
            timers: BTreeSet::new(),
            inputs: VecDeque::new(),
            wires: BTreeMap::new(),
            next_conn: 0,
            events: Vec::new(),
        };
        for id in 1..=voters + observers {
            let config = Arc::new(Config::new(ServerId(id), Arc::clone(&ensemble)));
            let recovered = Recovered {
                accepted: Epoch::ZERO,
                current: Epoch::ZERO,
                image: Arc::new(Database::default()),
                log: Vec::new(),
                standing: Standing::Intact,
            };
            let mut out = Actions::new();
            let base = SessionId(i64::from(id) << 56);
            net.replicas.insert(ServerId(id), Replica::restore(config, recovered, base, Stamp(1), &mut out));
            net.perform(ServerId(id), &mut out);
        }
        net
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
        assert!(self.inputs.is_empty(), "an idle ensemble comes to rest");
    }

    fn step(&mut self, server: ServerId, input: Input<'static>) {
        let mut out = Actions::new();
        self.replicas.get_mut(&server).unwrap().step(AllRules, Stamp(1), input, &mut out);
        self.perform(server, &mut out);
    }

    fn perform(&mut self, me: ServerId, out: &mut Actions) {
        self.events.extend(out.events().iter().map(|e| (me, e.clone())));
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
                Action::Sync
                | Action::Checkpoint(_)
                | Action::ReadLog { .. }
                | Action::Reply { .. }
                | Action::Watch { .. }
                | Action::Drop { .. }
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Touch { .. } => {}
            }
        }
        if writes > 0 {
            self.inputs.push_back((me, Input::Durable { count: writes }));
        }
    }

    fn dial(&mut self, me: ServerId, peer: ServerId) {
        let (mine, theirs) = (ConnId(self.next_conn), ConnId(self.next_conn + 1));
        self.next_conn += 2;
        self.wires.insert((me, mine), (peer, theirs));
        self.wires.insert((peer, theirs), (me, mine));
        self.inputs.push_back((peer, Input::Opened { conn: theirs, origin: Origin::Accepted }));
        self.inputs.push_back((me, Input::Opened { conn: mine, origin: Origin::Dialed(peer) }));
    }

    fn states(&self) -> Vec<ServerState> {
        self.replicas.values().map(|r| r.view().state()).collect()
    }

    fn all_serve(&self) -> bool {
        self.replicas.values().all(|r| r.view().serving())
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
    // The leader is gone: its connections break and it says nothing more.
    let conns: Vec<_> = net.wires.keys().filter(|(s, _)| *s == leader).copied().collect();
    for end in conns {
        if let Some((peer, slot)) = net.wires.remove(&end) {
            net.wires.remove(&(peer, slot));
            net.inputs.push_back((peer, Input::Broken { conn: slot }));
        }
    }
    net.replicas.remove(&leader);
    net.timers.retain(|(s, _)| *s != leader);
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
