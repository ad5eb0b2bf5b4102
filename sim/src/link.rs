//! A connection as a value: two FIFO directions, one life (contract section 6).
//!
//! A link knows nothing of machines, latency or names: the world puts items in and takes them out.
//! A break lets each direction deliver a prefix, then each end learns of the end independently.
//!
//! ```text
//!   dialer ── Syn ──► listener          the listener's end opens
//!   dialer ◄── Accept ── listener       the dialer's end opens
//!   dialer ── Carry(p) … End ──►        after End the receiving end is closed
//! ```

use std::collections::VecDeque;

/// The two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Dialer,
    Listener,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Dialer, Side::Listener];

    pub fn other(self) -> Side {
        match self {
            Side::Dialer => Side::Listener,
            Side::Listener => Side::Dialer,
        }
    }
}

/// One end's knowledge of the connection. `slot` is its name for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Has not heard of the connection (a listener before `Syn`, a dialer before `Accept`).
    Waiting,
    Open {
        slot: u32,
    },
    /// Has learned of the end, or ended it: nothing more is delivered here.
    Closed,
}

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item<P> {
    Syn,
    Accept,
    Refuse,
    Carry(P),
    /// The other end closed.
    End,
    /// Nobody heard of the other end for too long: known here, without anything having arrived.
    Lost,
}

/// One connection. The directions are named by their receiving end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link<P> {
    ends: [End; 2],
    inbound: [VecDeque<Item<P>>; 2],
}

impl<P> Link<P> {
    /// A dialled connection: `Syn` is on its way.
    pub fn dial() -> Self {
        let mut link = Link { ends: [End::Waiting; 2], inbound: [VecDeque::new(), VecDeque::new()] };
        link.inbound[Side::Listener as usize].push_back(Item::Syn);
        link
    }

    pub fn end(&self, side: Side) -> End {
        self.ends[side as usize]
    }

    pub fn slot(&self, side: Side) -> Option<u32> {
        match self.ends[side as usize] {
            End::Open { slot } => Some(slot),
            End::Waiting | End::Closed => None,
        }
    }

    /// What is on its way to this end, oldest first.
    pub fn inbound(&self, side: Side) -> &VecDeque<Item<P>> {
        &self.inbound[side as usize]
    }

    /// Puts a payload on its way to the other end. False if nothing will be delivered there.
    pub fn send(&mut self, from: Side, payload: P) -> bool {
        let to = from.other();
        if self.ends[to as usize] == End::Closed || self.inbound[to as usize].back().is_some_and(Item::is_last) {
            return false;
        }
        self.inbound[to as usize].push_back(Item::Carry(payload));
        true
    }

    /// Takes the oldest item on its way to this end.
    pub fn take(&mut self, to: Side) -> Option<Item<P>> {
        let item = self.inbound[to as usize].pop_front()?;
        if item.is_last() {
            self.ends[to as usize] = End::Closed;
            self.inbound[to as usize].clear();
        }
        Some(item)
    }

    /// Puts what was taken back at the head (a stream that was read in part).
    pub fn put_back(&mut self, to: Side, payload: P) {
        self.inbound[to as usize].push_front(Item::Carry(payload));
    }

    /// The listener answers `Syn`: its end is open under this slot, the dialer will hear of it.
    /// False if the dialer is gone.
    pub fn accept(&mut self, slot: u32) -> bool {
        assert_eq!(self.end(Side::Listener), End::Waiting, "a listener accepts once");
        self.ends[Side::Listener as usize] = End::Open { slot };
        self.push_to(Side::Dialer, Item::Accept)
    }

    /// The dialer's end opens under this slot.
    pub fn open(&mut self, slot: u32) {
        assert_eq!(self.end(Side::Dialer), End::Waiting, "a dialer is accepted once");
        self.ends[Side::Dialer as usize] = End::Open { slot };
    }

    /// The listener's machine is down or does not want the connection.
    pub fn refuse(&mut self) -> bool {
        self.ends[Side::Listener as usize] = End::Closed;
        self.inbound[Side::Listener as usize].clear();
        self.push_to(Side::Dialer, Item::Refuse)
    }

    /// This end ends the connection: nothing more is delivered to it; the other end learns after
    /// everything sent so far. False if the other end will learn nothing.
    pub fn close(&mut self, side: Side) -> bool {
        let unborn = self.ends[side as usize] == End::Waiting && side == Side::Listener;
        self.ends[side as usize] = End::Closed;
        self.inbound[side as usize].clear();
        let last = if unborn { Item::Refuse } else { Item::End };
        self.push_to(side.other(), last)
    }

    /// The connection breaks: to each end a prefix of what is on its way is delivered, then the
    /// end. `keep` counts items per receiving end. Tells which ends have something new to hear.
    pub fn sever(&mut self, keep: [usize; 2]) -> [bool; 2] {
        let mut told = [false; 2];
        for side in Side::BOTH {
            let at = side as usize;
            if self.ends[at] == End::Closed {
                continue;
            }
            let syn_lost = side == Side::Listener && self.ends[at] == End::Waiting && keep[at] == 0;
            self.inbound[at].truncate(keep[at]);
            if syn_lost {
                self.ends[at] = End::Closed;
                continue;
            }
            told[at] = self.push_to(side, Item::Lost);
        }
        told
    }

    /// Both ends know: the link is gone.
    pub fn dead(&self) -> bool {
        self.ends == [End::Closed; 2]
    }

    fn push_to(&mut self, to: Side, item: Item<P>) -> bool {
        let queue = &mut self.inbound[to as usize];
        if self.ends[to as usize] == End::Closed || queue.back().is_some_and(Item::is_last) {
            return false;
        }
        // A listener that has not heard `Syn` yet hears nothing of a connection that ends before.
        queue.push_back(item);
        true
    }
}

impl<P> Item<P> {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self, Item::End | Item::Refuse | Item::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Link<u8> {
        let mut link = Link::dial();
        assert_eq!(link.take(Side::Listener), Some(Item::Syn));
        assert!(link.accept(4));
        assert_eq!(link.take(Side::Dialer), Some(Item::Accept));
        link.open(9);
        link
    }

    #[test]
    fn a_direction_is_first_in_first_out() {
        let mut link = opened();
        assert!(link.send(Side::Dialer, 1));
        assert!(link.send(Side::Dialer, 2));
        assert_eq!(link.take(Side::Listener), Some(Item::Carry(1)));
        assert_eq!(link.take(Side::Listener), Some(Item::Carry(2)));
        assert_eq!(link.take(Side::Listener), None);
    }

    #[test]
    fn a_closed_end_hears_nothing_and_the_other_hears_everything_sent_before() {
        let mut link = opened();
        link.send(Side::Listener, 7);
        link.send(Side::Dialer, 8);
        assert!(link.close(Side::Listener));
        assert_eq!(link.take(Side::Listener), None);
        assert!(!link.send(Side::Dialer, 9), "nobody listens");
        assert_eq!(link.take(Side::Dialer), Some(Item::Carry(7)));
        assert_eq!(link.take(Side::Dialer), Some(Item::End));
        assert!(link.dead());
    }

    #[test]
    fn a_break_delivers_a_prefix_of_each_direction_and_each_end_learns_alone() {
        let mut link = opened();
        for payload in 1..4 {
            link.send(Side::Dialer, payload);
        }
        link.send(Side::Listener, 5);
        assert_eq!(link.sever([0, 2]), [true, true]);
        assert_eq!(link.take(Side::Dialer), Some(Item::Lost));
        assert!(!link.dead());
        assert!(!link.send(Side::Listener, 6));
        let rest: Vec<_> = std::iter::from_fn(|| link.take(Side::Listener)).collect();
        assert_eq!(rest, [Item::Carry(1), Item::Carry(2), Item::Lost]);
        assert!(link.dead());
    }

    #[test]
    fn a_lost_dial_is_known_to_the_dialer_alone() {
        let mut link = Link::<u8>::dial();
        assert_eq!(link.sever([0, 0]), [true, false]);
        assert_eq!(link.take(Side::Dialer), Some(Item::Lost));
        assert!(link.dead());
    }
}
