//! What is on its way: messages between servers from the moment they are sent to the moment they
//! arrive or are lost.

use super::{Event, Fate, Kind, Lane, Message};
use std::collections::{BTreeMap, VecDeque};
use zabra_core::id::ServerId;
use zabra_core::zab::Packet;
use zabra_sim::link::{Item, Side};
use zabra_sim::step::Step;
use zabra_sim::trace::print::{notification_text, packet_text};
use zabra_sim::world::{Effect, World};

struct Sent {
    at: u64,
    from: ServerId,
    to: ServerId,
    kind: Kind,
    text: String,
}

impl Sent {
    fn event(self, at: u64, fate: Fate) -> Event {
        let message = Some(Message { from: self.from.0, sent: self.at, fate });
        Event { at, kind: self.kind, lane: Lane::Server(self.to.0), text: self.text, message }
    }
}

/// Messages on their way, by connection and receiving side; of elections, by pair.
#[derive(Default)]
pub struct Flight {
    cables: BTreeMap<(u32, Side), VecDeque<Sent>>,
    notes: BTreeMap<(ServerId, ServerId), Sent>,
    /// What the step that is about to be taken delivers.
    arriving: Option<Arriving>,
    pub pings: u64,
}

#[derive(Clone, Copy)]
enum Arriving {
    Cable(u32, Side),
    Note(ServerId, ServerId),
}

impl Flight {
    pub fn before(&mut self, world: &World, step: &Step) {
        self.arriving = match step {
            Step::Deliver { from, to, nth } => {
                world.find_cable(*from, *to, *nth).map(|(cable, side)| Arriving::Cable(cable, side))
            }
            Step::Notify { from, to } => Some(Arriving::Note(*from, *to)),
            Step::Meet { .. }
            | Step::Part { .. }
            | Step::Break { .. }
            | Step::Close { .. }
            | Step::Fire { .. }
            | Step::Complete { .. }
            | Step::Advance { .. }
            | Step::Fail { .. }
            | Step::Crash { .. }
            | Step::Restart { .. }
            | Step::Falter { .. }
            | Step::Wipe { .. }
            | Step::Pause { .. }
            | Step::Resume { .. }
            | Step::Cut { .. }
            | Step::Heal { .. }
            | Step::Client { .. }
            | Step::Stamp { .. } => None,
        };
    }

    /// What arrived or was lost by the step; what it sent is on its way from now on.
    pub fn after(&mut self, now: u64, world: &World) -> Vec<Event> {
        let mut events = Vec::new();
        let arrived = match self.arriving.take() {
            Some(Arriving::Cable(cable, side)) => self.cables.get_mut(&(cable, side)).and_then(VecDeque::pop_front),
            Some(Arriving::Note(from, to)) => self.notes.remove(&(from, to)),
            None => None,
        };
        if let Some(sent) = arrived {
            self.tell(sent, now, Fate::Arrived, &mut events);
        }
        let mut sent: BTreeMap<(u32, Side), usize> = BTreeMap::new();
        for effect in &world.effects {
            if let Effect::Sent { cable, to } = effect {
                *sent.entry((*cable, *to)).or_default() += 1;
            }
            if let Effect::CableGone { cable } = effect {
                sent.retain(|(other, _), _| other != cable);
                self.gone(*cable, now, &mut events);
            }
            if let Effect::Noted { from, to } = effect {
                self.noted(now, world, *from, *to, &mut events);
            }
        }
        for ((cable, to), count) in sent {
            self.depart(now, world, cable, to, count);
        }
        self.lose(now, world, &mut events);
        events
    }

    fn depart(&mut self, now: u64, world: &World, cable: u32, to: Side, count: usize) {
        let Some(held) = world.cables.get(cable) else { return };
        let (from, at) = (held.ends[to.other() as usize], held.ends[to as usize]);
        let items = held.link.inbound(to);
        let queue = self.cables.entry((cable, to)).or_default();
        for item in items.iter().skip(items.len().saturating_sub(count)) {
            let (kind, text) = told(item);
            queue.push_back(Sent { at: now, from, to: at, kind, text });
        }
    }

    fn noted(&mut self, now: u64, world: &World, from: ServerId, to: ServerId, events: &mut Vec<Event>) {
        let Some(notification) = world.pair(from, to).and_then(|pair| pair.flying(from)) else { return };
        let sent = Sent { at: now, from, to, kind: Kind::Election, text: notification_text(notification) };
        if let Some(before) = self.notes.insert((from, to), sent) {
            self.tell(before, now, Fate::Lost, events);
        }
    }

    /// A connection is no more, and what was on its way through it.
    fn gone(&mut self, cable: u32, now: u64, events: &mut Vec<Event>) {
        for side in Side::BOTH {
            for sent in self.cables.remove(&(cable, side)).unwrap_or_default() {
                self.tell(sent, now, Fate::Lost, events);
            }
        }
    }

    /// What a break or a crash took from links that are still there.
    fn lose(&mut self, now: u64, world: &World, events: &mut Vec<Event>) {
        let mut lost = Vec::new();
        for ((cable, side), queue) in &mut self.cables {
            let left = world.cables.get(*cable).map_or(0, |held| held.link.inbound(*side).len());
            lost.extend(queue.drain(left.min(queue.len())..));
        }
        let gone: Vec<_> = self.notes.keys().copied().filter(|(from, to)| !flies(world, *from, *to)).collect();
        lost.extend(gone.iter().filter_map(|pair| self.notes.remove(pair)));
        for sent in lost {
            self.tell(sent, now, Fate::Lost, events);
        }
    }

    /// What is still on its way when all is over.
    pub fn rest(&mut self, now: u64) -> Vec<Event> {
        let queues = std::mem::take(&mut self.cables).into_values().flatten();
        let rest: Vec<Sent> = queues.chain(std::mem::take(&mut self.notes).into_values()).collect();
        let mut events = Vec::new();
        rest.into_iter().for_each(|sent| self.tell(sent, now, Fate::Travels, &mut events));
        events
    }

    fn tell(&mut self, sent: Sent, at: u64, fate: Fate, events: &mut Vec<Event>) {
        if sent.text.is_empty() {
            self.pings += 1;
        } else {
            events.push(sent.event(at, fate));
        }
    }
}

fn flies(world: &World, from: ServerId, to: ServerId) -> bool {
    world.pair(from, to).is_some_and(|pair| pair.flying(from).is_some())
}

/// An item's class and words; none for a ping.
fn told(item: &Item<Packet>) -> (Kind, String) {
    match item {
        Item::Syn => (Kind::Connection, "connects".to_owned()),
        Item::Accept => (Kind::Connection, "accepts the connection".to_owned()),
        Item::Refuse => (Kind::Connection, "refuses the connection".to_owned()),
        Item::End => (Kind::Connection, "ends the connection".to_owned()),
        Item::Lost => (Kind::Connection, "is not heard of any more".to_owned()),
        Item::Carry(Packet::Ping { .. }) => (Kind::Connection, String::new()),
        Item::Carry(packet) => (class(packet), packet_text(packet)),
    }
}

fn class(packet: &Packet) -> Kind {
    match packet {
        Packet::Proposal(_)
        | Packet::Inform(_)
        | Packet::Ack(_)
        | Packet::Commit(_)
        | Packet::CommitAndActivate { .. }
        | Packet::InformAndActivate { .. } => Kind::Broadcast,
        Packet::Request(_) | Packet::Sync | Packet::Revalidate { .. } | Packet::Revalidated { .. } => Kind::Request,
        Packet::Ping { .. } => Kind::Connection,
        Packet::FollowerInfo(_)
        | Packet::ObserverInfo(_)
        | Packet::LeaderInfo { .. }
        | Packet::AckEpoch { .. }
        | Packet::Diff(_)
        | Packet::Trunc(_)
        | Packet::Snap { .. }
        | Packet::NewLeader { .. }
        | Packet::UpToDate => Kind::Sync,
    }
}
