//! Election connections: one per pair of servers, one message on its way and one waiting in each
//! direction, the newest wins; the last message is sent again on a new connection. What is sent when
//! is decided by the core's [`Outbox`]; here it travels.

use super::{Effect, Inapplicable, World};
use crate::disk::Disk;
use std::sync::Arc;
use zabra_core::contract::Input;
use zabra_core::id::ServerId;
use zabra_core::zab::Notification;
use zabra_core::zab::election::links::{LinkState, Outbox};

/// The election connection of two servers; `a < b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    pub a: ServerId,
    pub b: ServerId,
    pub up: bool,
    /// From `a` to `b`, and from `b` to `a`.
    outboxes: [Outbox; 2],
    flying: [Option<Arc<Notification>>; 2],
}

impl Pair {
    /// The pairs of so many servers, in order.
    pub(super) fn all(count: usize) -> Vec<Pair> {
        let ids = || (1..=count as u8).map(ServerId);
        let pairs = ids().flat_map(|a| ids().filter(move |b| a < *b).map(move |b| (a, b)));
        pairs.map(|(a, b)| Pair { a, b, up: false, outboxes: Default::default(), flying: Default::default() }).collect()
    }

    fn way(&self, from: ServerId) -> usize {
        usize::from(from != self.a)
    }

    fn state(&self) -> LinkState {
        if self.up { LinkState::Up } else { LinkState::Down }
    }

    /// Puts a message on its way, if there is one.
    fn launch(&mut self, from: ServerId, message: Option<Arc<Notification>>) -> bool {
        let way = self.way(from);
        let launched = message.is_some();
        if launched {
            assert!(self.flying[way].is_none(), "one message is on its way at a time");
            self.flying[way] = message;
        }
        launched
    }

    /// The message on its way from this end.
    pub fn flying(&self, from: ServerId) -> Option<&Arc<Notification>> {
        self.flying[self.way(from)].as_ref()
    }

    /// The message that waits at this end.
    pub fn waiting(&self, from: ServerId) -> Option<&Arc<Notification>> {
        self.outboxes[self.way(from)].waiting()
    }

    /// For an adversary that reorders: what waits at this end goes before what is on its way.
    pub fn overtake(&mut self, from: ServerId) {
        let way = self.way(from);
        if self.outboxes[way].waiting().is_some()
            && let Some(flying) = self.flying[way].take()
        {
            self.flying[way] = self.outboxes[way].overtake(flying);
        }
    }

    /// Whether either end has something to say that it could not.
    pub fn wants(&self) -> bool {
        !self.up && self.outboxes.iter().any(Outbox::wants_link)
    }

    /// Whether a new connection would carry anything.
    pub fn speaks(&self) -> bool {
        !self.up && self.outboxes.iter().any(Outbox::has_spoken)
    }

    /// An end says something. Whether it is on its way now; else it waits.
    pub fn say(&mut self, from: ServerId, notification: Arc<Notification>) -> bool {
        let (way, state) = (self.way(from), self.state());
        let message = self.outboxes[way].send(notification, state);
        self.up && self.launch(from, message)
    }

    /// What is on its way from this end arrives; and whether the next one is on its way now.
    pub fn arrive(&mut self, from: ServerId) -> Option<(Arc<Notification>, bool)> {
        let way = self.way(from);
        let notification = self.flying[way].take()?;
        let next = self.outboxes[way].sent();
        Some((notification, self.launch(from, next)))
    }

    /// The connection comes up: whether each end, `a` first, says its last message again.
    pub fn connect(&mut self) -> [bool; 2] {
        self.up = true;
        [self.a, self.b].map(|from| {
            let way = self.way(from);
            let message = self.outboxes[way].connected();
            self.launch(from, message)
        })
    }

    /// A server is gone: the connection, and what it had to say with it.
    pub fn end(&mut self, gone: ServerId) {
        if self.a == gone || self.b == gone {
            self.disconnect();
            let way = self.way(gone);
            self.outboxes[way] = Outbox::default();
        }
    }

    /// For explorers: nothing was ever said here.
    pub fn silence(&mut self) {
        *self = Pair { up: false, ..self.quiet() };
    }

    /// For explorers: forgets last messages that nothing will ask for again; where no connection
    /// `ends` any more, those are all of one that is up.
    pub fn forget_last(&mut self, ends: bool) {
        let stays = self.up && !ends;
        self.outboxes.iter_mut().for_each(|outbox| outbox.forget_last(stays));
    }

    /// For explorers: what one end says is replaced by what the other cannot tell from it.
    pub fn replace(&mut self, from: ServerId, with: impl Fn(&Arc<Notification>) -> Arc<Notification>) {
        let way = self.way(from);
        self.flying[way] = self.flying[way].as_ref().map(&with);
        self.outboxes[way].replace(&with);
    }

    /// For explorers: the connection of two who have nothing to say that either heeds.
    pub fn quiet(&self) -> Pair {
        Pair { a: self.a, b: self.b, up: true, outboxes: Default::default(), flying: Default::default() }
    }

    /// The connection ends; what was on its way is lost.
    pub fn disconnect(&mut self) {
        self.up = false;
        self.flying = Default::default();
        for outbox in &mut self.outboxes {
            outbox.broken();
        }
    }
}

impl<D: Disk> World<D> {
    fn pair_index(&self, a: ServerId, b: ServerId) -> Option<usize> {
        let (low, high) = (a.min(b), a.max(b));
        // Rows of an upper triangle: (1,2) (1,3) … (2,3) …
        let (low, high, count) = (usize::from(low.0), usize::from(high.0), self.machines.len());
        if low == 0 || low == high || high > count {
            return None;
        }
        Some((low - 1) * count - (low - 1) * low / 2 + (high - low) - 1)
    }

    pub fn pair(&self, a: ServerId, b: ServerId) -> Option<&Pair> {
        self.pairs.get(self.pair_index(a, b)?)
    }

    pub(super) fn say(&mut self, from: ServerId, to: ServerId, notification: Arc<Notification>) {
        let Some(at) = self.pair_index(from, to) else { return };
        let notification = if self.encode {
            Arc::new(super::perform::notification_through_bytes(&notification))
        } else {
            notification
        };
        let pair = &mut self.pairs[at];
        let launched = pair.say(from, notification);
        if !pair.up {
            self.effects.push(Effect::Apart { a: from.min(to), b: from.max(to) });
        } else if launched {
            self.effects.push(Effect::Noted { from, to });
        }
    }

    /// Whether the election message from one server to the other can arrive now.
    pub fn notifiable(&self, from: ServerId, to: ServerId) -> bool {
        self.pair(from, to).is_some_and(|pair| pair.flying(from).is_some())
            && !self.is_cut(from, to)
            && self.machine(to).runs()
    }

    /// The election message from one server to the other arrives.
    pub fn notify(&mut self, from: ServerId, to: ServerId) -> Result<(), Inapplicable> {
        if !self.notifiable(from, to) {
            return Err(Inapplicable);
        }
        let at = self.pair_index(from, to).ok_or(Inapplicable)?;
        let (notification, launched) = self.pairs[at].arrive(from).ok_or(Inapplicable)?;
        if launched {
            self.effects.push(Effect::Noted { from, to });
        }
        self.input(to, Input::Notified { from, notification });
        Ok(())
    }

    /// For an adversary that duplicates: the message arrives, and is still on its way.
    pub fn echo(&mut self, from: ServerId, to: ServerId) -> Result<(), Inapplicable> {
        self.begin();
        if !self.notifiable(from, to) {
            return Err(Inapplicable);
        }
        let notification = self.pair(from, to).and_then(|pair| pair.flying(from)).ok_or(Inapplicable)?;
        let notification = Arc::clone(notification);
        self.input(to, Input::Notified { from, notification });
        Ok(())
    }

    /// Whether a connection between the two can open.
    pub fn can_meet(&self, a: ServerId, b: ServerId) -> bool {
        self.pair(a, b).is_some_and(|pair| !pair.up)
            && !self.is_cut(a, b)
            && !self.is_cut(b, a)
            && self.machine(a).up()
            && self.machine(b).up()
    }

    /// Which of the two, if it dialled the other now, would hear that nothing is there: a host
    /// answers for a process that is gone, a cut path for nobody.
    pub fn would_refuse(&self, a: ServerId, b: ServerId) -> Option<ServerId> {
        let apart = self.pair(a, b).is_some_and(|pair| !pair.up) && !self.is_cut(a, b) && !self.is_cut(b, a);
        match (apart, self.machine(a).up(), self.machine(b).up()) {
            (true, true, false) if self.machine(a).runs() => Some(a),
            (true, false, true) if self.machine(b).runs() => Some(b),
            (true | false, _, _) => None,
        }
    }

    /// The election connection comes up: each end says its last message again. Or one dials, and
    /// learns that the other is not there.
    pub fn meet(&mut self, a: ServerId, b: ServerId) -> Result<(), Inapplicable> {
        if let Some(dialer) = self.would_refuse(a, b) {
            let peer = if dialer == a { b } else { a };
            self.input(dialer, Input::Unreachable { peer });
            return Ok(());
        }
        if !self.can_meet(a, b) {
            return Err(Inapplicable);
        }
        let at = self.pair_index(a, b).ok_or(Inapplicable)?;
        let (a, b) = (a.min(b), a.max(b));
        let launched = self.pairs[at].connect();
        for ((from, to), launched) in [(a, b), (b, a)].into_iter().zip(launched) {
            if launched {
                self.effects.push(Effect::Noted { from, to });
            }
        }
        Ok(())
    }

    /// The election connection breaks; what was on its way is lost, and said again on the next.
    pub fn part(&mut self, a: ServerId, b: ServerId) -> Result<(), Inapplicable> {
        let at = self.pair_index(a, b).ok_or(Inapplicable)?;
        if !self.pairs[at].up {
            return Err(Inapplicable);
        }
        self.pairs[at].disconnect();
        // Both ends notice and dial again, whether or not they have something new to say.
        self.effects.push(Effect::Apart { a: a.min(b), b: a.max(b) });
        Ok(())
    }

    /// A server is gone: its connections and what it had to say with it.
    pub(super) fn part_all(&mut self, gone: ServerId) {
        for pair in &mut self.pairs {
            pair.end(gone);
        }
    }
}
