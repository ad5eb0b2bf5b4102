//! Quorum connections: dialling, delivering, breaking.

use super::{Cable, Effect, Inapplicable, World};
use crate::disk::Disk;
use crate::link::{End, Item, Link, Side};
use zabra_core::contract::{Input, Origin};
use zabra_core::id::{ConnId, ServerId};
use zabra_core::zab::Packet;

impl<D: Disk> World<D> {
    /// The cable and the receiving side of this direction of a pair's n-th oldest connection.
    pub fn find_cable(&self, from: ServerId, to: ServerId, nth: u8) -> Option<(u32, Side)> {
        let of_pair = self.ages.iter().copied().filter(|cable| {
            let ends = self.cables.get(*cable).map(|c| c.ends);
            ends == Some([from, to]) || ends == Some([to, from])
        });
        let cable = of_pair.into_iter().nth(usize::from(nth))?;
        let side = if self.cables.get(cable)?.ends[0] == to { Side::Dialer } else { Side::Listener };
        Some((cable, side))
    }

    /// The name of a direction in a step: from, to, and how many connections of the pair are older.
    pub fn name_cable(&self, cable: u32, to: Side) -> Option<(ServerId, ServerId, u8)> {
        let ends = self.cables.get(cable)?.ends;
        let (from, to) = (ends[to.other() as usize], ends[to as usize]);
        let older = self.ages.iter().take_while(|other| **other != cable).filter(|other| {
            let other = self.cables.get(**other).map(|c| c.ends);
            other == Some([from, to]) || other == Some([to, from])
        });
        Some((from, to, older.count() as u8))
    }

    pub(super) fn dial(&mut self, from: ServerId, peer: ServerId) {
        let cable = self.cables.insert(Cable { ends: [from, peer], link: Link::dial() });
        self.ages.push(cable);
        self.effects.push(Effect::Sent { cable, to: Side::Listener });
    }

    pub(super) fn send(&mut self, from: ServerId, conn: ConnId, packet: Packet) {
        let Some(&(cable, side)) = self.machine(from).conns.get(conn.0) else { return };
        let limit = self.machine(from).config.limits.packet_bytes;
        let packet = if self.encode { super::perform::through_bytes(&packet, side, limit) } else { packet };
        let sent = self.cables.get_mut(cable).is_some_and(|c| c.link.send(side, packet));
        if sent {
            self.effects.push(Effect::Sent { cable, to: side.other() });
        }
    }

    pub(super) fn hang(&mut self, at: ServerId, conn: ConnId) {
        if let Some((cable, side)) = self.machine_mut(at).conns.remove(conn.0) {
            self.machine_mut(at).questions.retain(|question| question.conn != conn);
            self.close_end(cable, side);
        }
    }

    /// This end is closed by its machine, which has forgotten the slot already.
    pub(super) fn close_end(&mut self, cable: u32, side: Side) {
        let Some(held) = self.cables.get_mut(cable) else { return };
        if held.link.close(side) {
            self.effects.push(Effect::Sent { cable, to: side.other() });
        }
        self.bury(cable);
    }

    fn bury(&mut self, cable: u32) {
        if self.cables.get(cable).is_some_and(|c| c.link.dead()) {
            self.cables.remove(cable);
            self.ages.retain(|other| *other != cable);
            self.effects.push(Effect::CableGone { cable });
        }
    }

    /// Whether the oldest item on its way to this side can arrive now.
    pub fn deliverable(&self, cable: u32, to: Side) -> bool {
        let Some(held) = self.cables.get(cable) else { return false };
        let (from, at) = (held.ends[to.other() as usize], held.ends[to as usize]);
        // The kernel answers for a process that is gone; a paused one takes nothing.
        let Some(first) = held.link.inbound(to).front() else { return false };
        (matches!(first, Item::Lost) || !self.is_cut(from, at)) && !self.machine(at).paused
    }

    /// The oldest item on its way to this side arrives.
    pub fn deliver(&mut self, cable: u32, to: Side) -> Result<(), Inapplicable> {
        if !self.deliverable(cable, to) {
            return Err(Inapplicable);
        }
        let held = self.cables.get_mut(cable).ok_or(Inapplicable)?;
        let (peer, at) = (held.ends[to.other() as usize], held.ends[to as usize]);
        let end = held.link.end(to);
        match held.link.take(to).ok_or(Inapplicable)? {
            Item::Syn => self.listen(cable, at),
            Item::Accept => {
                let slot = self.machine_mut(at).conns.insert((cable, to));
                self.cables.get_mut(cable).ok_or(Inapplicable)?.link.open(slot);
                self.input(at, Input::Opened { conn: ConnId(slot), origin: Origin::Dialed(peer) });
            }
            Item::Refuse => {
                self.bury(cable);
                if self.machine(at).up() {
                    self.input(at, Input::Refused { peer });
                }
            }
            Item::Carry(packet) => {
                if let End::Open { slot } = end {
                    self.input(at, Input::Packet { conn: ConnId(slot), packet });
                }
            }
            Item::Lost if end == End::Waiting => {
                self.bury(cable);
                if to == Side::Dialer && self.machine(at).up() {
                    self.input(at, Input::Refused { peer });
                }
            }
            Item::End | Item::Lost => {
                self.bury(cable);
                if let End::Open { slot } = end {
                    self.machine_mut(at).conns.remove(slot);
                    self.machine_mut(at).questions.retain(|question| question.conn.0 != slot);
                    self.input(at, Input::Broken { conn: ConnId(slot) });
                }
            }
        }
        Ok(())
    }

    /// A connection asks for a server: it is accepted, or refused because nobody listens.
    fn listen(&mut self, cable: u32, at: ServerId) {
        let up = self.machine(at).up();
        let slot = up.then(|| self.machine_mut(at).conns.insert((cable, Side::Listener)));
        let Some(held) = self.cables.get_mut(cable) else { return };
        let told = match slot {
            Some(slot) => held.link.accept(slot),
            None => held.link.refuse(),
        };
        if told {
            self.effects.push(Effect::Sent { cable, to: Side::Dialer });
        }
        match slot {
            Some(slot) => self.input(at, Input::Opened { conn: ConnId(slot), origin: Origin::Accepted }),
            None => self.bury(cable),
        }
    }

    /// The connection breaks: `keep` items per receiving end still arrive.
    pub fn sever(&mut self, cable: u32, keep: [u16; 2]) -> Result<(), Inapplicable> {
        let held = self.cables.get_mut(cable).ok_or(Inapplicable)?;
        let told = held.link.sever(keep.map(usize::from));
        for side in Side::BOTH {
            if told[side as usize] {
                self.effects.push(Effect::Sent { cable, to: side });
            }
        }
        self.bury(cable);
        Ok(())
    }

    pub(super) fn sever_pair(&mut self, a: ServerId, b: ServerId, nth: u8, keep: [u16; 2]) -> Result<(), Inapplicable> {
        let (cable, side) = self.find_cable(b, a, nth).ok_or(Inapplicable)?;
        let by_side = if side == Side::Dialer { keep } else { [keep[1], keep[0]] };
        self.sever(cable, by_side)
    }

    pub(super) fn close_pair(&mut self, at: ServerId, peer: ServerId, nth: u8) -> Result<(), Inapplicable> {
        let (cable, side) = self.find_cable(peer, at, nth).ok_or(Inapplicable)?;
        let slot = self.cables.get(cable).and_then(|c| c.link.slot(side)).ok_or(Inapplicable)?;
        self.machine_mut(at).conns.remove(slot);
        self.machine_mut(at).questions.retain(|question| question.conn.0 != slot);
        self.close_end(cable, side);
        self.input(at, Input::Broken { conn: ConnId(slot) });
        Ok(())
    }
}
