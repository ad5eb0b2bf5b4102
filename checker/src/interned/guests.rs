//! Clients and their connections in an interned state: what the world does with them
//! (`zabra_sim::world::clients`, `sessions`), done on numbers.
//!
//! Between two moves nothing is on its way to a client, and to a server at most the news that a client
//! is gone; so a connection is one word. Within a move the rest flies.

use super::index::Id;
use super::parts::{Known, Noted, Parts, SeatOp, SeatOut};
use super::react::Stimulus;
use super::walk::{Act, Now};
use crate::service::Notes;
use crate::state::State;
use zabra_core::id::ServerId;
use zabra_sim::client::Client;
use zabra_sim::link::{self, Link, Side};

pub const SEATS_MAX: usize = 2;
pub const LINES_MAX: usize = 10;
/// More than two clients are sent by one move.
const FLIGHT_MAX: usize = 24;
/// Words of connections begin above those of cables.
pub const LINE_TAG: u32 = 1 << 31;

/// The clients of a state.
#[derive(Clone, Copy, Debug)]
pub struct Guests {
    pub seats: [Id; SEATS_MAX],
    /// The connection in use, by its name, plus one.
    using: [u8; SEATS_MAX],
    pub notes: Id,
    lines: [Line; LINES_MAX],
    count: usize,
    flight: [Flight; FLIGHT_MAX],
    flying: usize,
}

/// A client's connection. The first end is the client's.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub name: u8,
    pub client: u8,
    pub server: ServerId,
    ends: [Mouth; 2],
    /// The end is on its way to the server.
    pub last: Option<Item>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mouth {
    Waiting,
    Open(u8),
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Syn,
    Accept,
    Refuse,
    Carry(Id),
    End,
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    name: u8,
    to: Side,
    item: Item,
}

const NO_LINE: Line = Line { name: 0, client: 0, server: ServerId(0), ends: [Mouth::Closed; 2], last: None };

impl Guests {
    pub const NONE: Guests = Guests {
        seats: [0; SEATS_MAX],
        using: [0; SEATS_MAX],
        notes: 0,
        lines: [NO_LINE; LINES_MAX],
        count: 0,
        flight: [Flight { name: 0, to: Side::Dialer, item: Item::Syn }; FLIGHT_MAX],
        flying: 0,
    };

    /// Oldest first.
    pub fn lines(&self) -> &[Line] {
        &self.lines[..self.count]
    }

    pub fn using(&self, client: usize) -> Option<u8> {
        self.using[client].checked_sub(1)
    }

    pub fn use_line(&mut self, client: usize, name: Option<u8>) {
        self.using[client] = name.map_or(0, |name| name + 1);
    }

    /// A connection behind the others: open at both ends, or only the server has not heard of its end.
    pub fn put(&mut self, name: u8, client: u8, server: ServerId, slot: u8, last: Option<Item>) {
        let dialer = if last.is_some() { Mouth::Closed } else { Mouth::Open(client) };
        self.push(Line { name, client, server, ends: [dialer, Mouth::Open(slot)], last });
    }

    fn push(&mut self, line: Line) {
        assert!(self.count < LINES_MAX, "a state has more clients' connections than fit");
        self.lines[self.count] = line;
        self.count += 1;
    }

    /// Words for a packed state: of clients, then of connections.
    pub fn words(&self) -> impl Iterator<Item = u32> + '_ {
        assert_eq!(self.flying, 0, "nothing flies between two moves");
        self.lines().iter().map(Line::word)
    }

    pub fn put_word(&mut self, word: u32) {
        let at = |shift: u32, bits: u32| (word >> shift & ((1 << bits) - 1)) as u8;
        let last = [None, Some(Item::End), Some(Item::Lost)][usize::from(at(0, 2))];
        self.put(at(16, 5), at(2, 2), ServerId(at(4, 4)), at(8, 6), last);
    }

    fn at(&self, name: u8) -> Option<usize> {
        self.lines().iter().position(|line| line.name == name)
    }

    fn bury(&mut self, name: u8) {
        let Some(at) = self.at(name).filter(|at| self.lines[*at].ends == [Mouth::Closed; 2]) else { return };
        self.lines.copy_within(at + 1..self.count, at);
        self.count -= 1;
    }

    /// Puts something on its way, unless nothing will be heard there.
    fn fly(&mut self, name: u8, to: Side, item: Item) {
        let Some(at) = self.at(name) else { return };
        let is_last = |item: Item| matches!(item, Item::End | Item::Lost | Item::Refuse);
        let ended = self.flights(name, to).any(is_last);
        let ended = ended || (to == Side::Listener && self.lines[at].last.is_some());
        if ended || self.lines[at].ends[to as usize] == Mouth::Closed {
            return;
        }
        if to == Side::Listener && is_last(item) {
            self.lines[at].last = Some(item);
            return;
        }
        assert!(self.flying < FLIGHT_MAX, "one move sends clients more than fits");
        self.flight[self.flying] = Flight { name, to, item };
        self.flying += 1;
    }

    fn flights(&self, name: u8, to: Side) -> impl Iterator<Item = Item> + '_ {
        self.flight[..self.flying].iter().filter(move |f| (f.name, f.to) == (name, to)).map(|f| f.item)
    }

    /// This end closes, or has heard that it is closed.
    fn shut(&mut self, name: u8, side: Side) {
        let Some(at) = self.at(name) else { return };
        self.lines[at].ends[side as usize] = Mouth::Closed;
        if side == Side::Listener {
            self.lines[at].last = None;
        }
        let mut kept = 0;
        for n in 0..self.flying {
            if (self.flight[n].name, self.flight[n].to) != (name, side) {
                self.flight[kept] = self.flight[n];
                kept += 1;
            }
        }
        self.flying = kept;
    }

    /// An end is closed by its owner.
    fn close(&mut self, name: u8, side: Side) {
        self.shut(name, side);
        self.fly(name, side.other(), Item::End);
        self.bury(name);
    }

    /// What arrives next: of the oldest connection, at the client first.
    fn take(&mut self) -> Option<(u8, Side, Item)> {
        let found = self.lines().iter().find_map(|line| {
            let first = |to| self.flight[..self.flying].iter().position(|f| (f.name, f.to) == (line.name, to));
            first(Side::Dialer).or_else(|| first(Side::Listener))
        })?;
        let Flight { name, to, item } = self.flight[found];
        self.flight.copy_within(found + 1..self.flying, found);
        self.flying -= 1;
        Some((name, to, item))
    }

    /// A server says something to a client.
    pub fn tell(&mut self, name: u8, frame: Id) {
        self.fly(name, Side::Dialer, Item::Carry(frame));
    }

    /// A server closes its end.
    pub fn leave(&mut self, name: u8) {
        self.close(name, Side::Listener);
    }

    /// The process of this server is gone.
    pub fn end_lines(&mut self, server: ServerId) {
        let lines = self.lines;
        for line in lines[..self.count].iter().filter(|line| line.server == server) {
            self.leave(line.name);
        }
    }
}

impl Line {
    pub fn is_open(&self) -> bool {
        self.ends.iter().all(|end| matches!(end, Mouth::Open(_)))
    }

    /// The server's name of it.
    pub fn slot(&self) -> Option<u8> {
        match self.ends[Side::Listener as usize] {
            Mouth::Open(slot) => Some(slot),
            Mouth::Waiting | Mouth::Closed => None,
        }
    }

    /// The connection as a whole.
    pub fn link(&self) -> Link<Vec<u8>> {
        let mut link = Link::dial();
        link.take(Side::Listener);
        link.accept(u32::from(self.slot().unwrap_or(0)));
        link.take(Side::Dialer);
        link.open(u32::from(self.client));
        match self.last {
            None => {}
            Some(Item::Lost) => {
                link.sever([0, 0]);
                link.take(Side::Dialer);
            }
            Some(Item::End | Item::Syn | Item::Accept | Item::Refuse | Item::Carry(_)) => {
                link.close(Side::Dialer);
            }
        }
        link
    }

    fn word(&self) -> u32 {
        let slot = self.slot().expect("a connection lasts while its server knows it");
        let last = match self.last {
            None => 0,
            Some(Item::End) => 1,
            Some(Item::Lost) => 2,
            Some(Item::Syn | Item::Accept | Item::Refuse | Item::Carry(_)) => unreachable!("only ends last"),
        };
        assert!(self.is_open() || last > 0, "a connection is open, or its end is on its way");
        let fields = [(self.name, 16), (slot, 8), (self.server.0, 4), (self.client, 2), (last, 0)];
        fields.iter().fold(LINE_TAG, |word, (field, shift)| word | u32::from(*field) << shift)
    }
}

/// The numbers of a plain state's clients, their connections and what they saw.
pub fn intern(now: &mut Now, state: &State, notes: &Notes, parts: &mut Parts) {
    now.guests.notes = parts.intern_notes(notes.clone());
    for (at, client) in state.world.clients.iter().enumerate() {
        now.guests.seats[at] = parts.intern_seat(Client { line: None, ..client.clone() });
        now.guests.use_line(at, client.line.map(|line| line as u8));
    }
    for name in &state.world.line_ages {
        let line = state.world.lines.get(*name).expect("a connection of an age is there");
        let slot = line.link.slot(Side::Listener).expect("a server knows it");
        let last = line.link.inbound(Side::Listener).front().map(|item| match item {
            link::Item::End => Item::End,
            link::Item::Lost => Item::Lost,
            link::Item::Syn | link::Item::Accept | link::Item::Refuse | link::Item::Carry(_) => {
                unreachable!("it has arrived")
            }
        });
        now.guests.put(*name as u8, line.client as u8, line.server, slot as u8, last);
    }
}

impl Now {
    /// A client does something, and what it puts out is carried out. False if it does nothing.
    pub(super) fn seat<K: Known>(&mut self, client: u8, op: SeatOp, known: &mut K) {
        let at = usize::from(client);
        let seated = known.seat(self.guests.seats[at], op);
        self.guests.seats[at] = known.parts().seated(seated).seat;
        for n in 0..known.parts().seated(seated).outs.len() {
            match known.parts().seated(seated).outs[n] {
                SeatOut::Connect(server) => {
                    let name = (0..).find(|name| self.guests.at(*name).is_none()).expect("a name is free");
                    self.guests.push(Line { name, client, server, ends: [Mouth::Waiting; 2], last: None });
                    self.guests.fly(name, Side::Listener, Item::Syn);
                    self.guests.use_line(at, Some(name));
                }
                SeatOut::Send(frame) => {
                    if let Some(name) = self.guests.using(at) {
                        self.guests.fly(name, Side::Listener, Item::Carry(frame));
                    }
                }
                SeatOut::Hang => {
                    if let Some(name) = self.guests.using(at) {
                        self.guests.use_line(at, None);
                        self.guests.close(name, Side::Dialer);
                    }
                }
            }
        }
        if known.parts().seated(seated).notable {
            self.guests.notes = known.note(self.guests.notes, Noted::Heard { client, seated });
        }
    }

    /// Whatever is on its way between clients and servers arrives.
    pub(super) fn deliver_lines<K: Known>(&mut self, known: &mut K) {
        while let Some((name, to, item)) = self.guests.take() {
            let line = self.guests.lines[self.guests.at(name).expect("what flies has a connection")];
            match to {
                Side::Dialer => self.arrive_down(line, item, known),
                Side::Listener => self.arrive_up(line, item, known),
            }
        }
    }

    fn arrive_down<K: Known>(&mut self, line: Line, item: Item, known: &mut K) {
        let in_use = self.guests.using(usize::from(line.client)) == Some(line.name);
        match item {
            Item::Syn => unreachable!("servers dial no clients"),
            Item::Accept => {
                let at = self.guests.at(line.name).expect("it was found");
                self.guests.lines[at].ends[Side::Dialer as usize] = Mouth::Open(line.client);
                if in_use {
                    self.seat(line.client, SeatOp::Connected, known);
                }
            }
            Item::Carry(frame) => {
                if in_use {
                    self.seat(line.client, SeatOp::Received(frame), known);
                }
            }
            Item::Refuse | Item::End | Item::Lost => {
                self.guests.shut(line.name, Side::Dialer);
                self.guests.bury(line.name);
                if in_use {
                    self.guests.use_line(usize::from(line.client), None);
                    self.seat(line.client, SeatOp::Disconnected, known);
                }
            }
        }
    }

    fn arrive_up<K: Known>(&mut self, line: Line, item: Item, known: &mut K) {
        match item {
            Item::Syn if known.parts().machine(self.machine(line.server)).up => {
                let stimulus = Stimulus::GuestOpened { line: line.name, client: line.client };
                let reaction = known.react(self.machine(line.server), stimulus);
                let slot = known.parts().reaction(reaction).slot as u8;
                let at = self.guests.at(line.name).expect("it was found");
                self.guests.lines[at].ends[Side::Listener as usize] = Mouth::Open(slot);
                self.guests.fly(line.name, Side::Dialer, Item::Accept);
                self.stimulate(line.server, stimulus, known);
            }
            Item::Syn => {
                self.guests.shut(line.name, Side::Listener);
                self.guests.fly(line.name, Side::Dialer, Item::Refuse);
                self.guests.bury(line.name);
            }
            Item::Carry(frame) => {
                if let Some(slot) = line.slot() {
                    self.stimulate(line.server, Stimulus::GuestFrame { slot, frame }, known);
                }
            }
            Item::Accept | Item::Refuse | Item::End | Item::Lost => unreachable!("ends are moves of their own"),
        }
    }

    /// A client submits, or tries again; a server learns that one is gone; a connection breaks.
    pub(super) fn make_guest<K: Known>(&mut self, act: Act, known: &mut K) {
        if let Act::Submit(client) = act {
            self.seat(client, SeatOp::Submit(client), known);
        } else if let Act::Retry(client) = act {
            self.seat(client, SeatOp::Retry, known);
        } else if let Act::Learn(line) = act {
            self.learn_end(usize::from(line), known);
        } else if let Act::BreakLine(line) = act {
            self.budget.breaks -= 1;
            self.break_line(usize::from(line));
        }
    }

    /// A server learns that a client is gone.
    fn learn_end<K: Known>(&mut self, at: usize, known: &mut K) {
        let line = self.guests.lines()[at];
        self.guests.shut(line.name, Side::Listener);
        self.guests.bury(line.name);
        if let Some(slot) = line.slot() {
            self.stimulate(line.server, Stimulus::GuestClosed { slot }, known);
        }
    }

    /// A client's connection breaks, with nothing on its way.
    fn break_line(&mut self, at: usize) {
        let line = self.guests.lines()[at];
        Side::BOTH.into_iter().for_each(|side| self.guests.fly(line.name, side, Item::Lost));
    }
}
