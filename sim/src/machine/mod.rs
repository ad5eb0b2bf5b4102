//! A server and its disk, as a value (contract section 6).
//!
//! [`Machine::step`] is the one place that chooses between the instance of the core that obeys
//! every rule and the one without some. Connections, election messages and clients belong to the
//! [`crate::world::World`]; a machine knows only the slots that they have here.

mod storage;

pub use storage::Storage;

use storage::Choice;

use crate::disk::Disk;
use crate::link::Side;
use crate::oracle::DurableState;
use crate::rules::Without;
use crate::step::Survivors;
use std::collections::VecDeque;
use std::sync::Arc;
use zabra_core::config::Config;
use zabra_core::contract::{Actions, Fault, Input, Timer};
use zabra_core::id::{ConnId, ServerId, SessionId, Stamp, Zxid};
use zabra_core::log::Recovered;
use zabra_core::replica::{Replica, View};
use zabra_core::rule::AllRules;
use zabra_core::tree::DataTree;

/// Where a slot of this machine leads: the world's link and this machine's side of it.
pub type Socket = (u32, Side);

/// A question of the core to its log that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogQuestion {
    pub conn: ConnId,
    pub after: Zxid,
    pub until: Zxid,
}

/// One server with its disk. Over a [`crate::disk::RecordDisk`] it can be compared and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine<D = Storage> {
    pub config: Arc<Config>,
    pub without: Option<Without>,
    /// `None` while the machine is down.
    pub replica: Option<Replica>,
    pub storage: D,
    /// How often the machine was started.
    pub incarnation: u32,
    /// Announced by `Arm` and not yet fired or disarmed, in order.
    pub armed: Vec<(Timer, u32)>,
    pub conns: Slots<Socket>,
    pub clients: Slots<Socket>,
    pub questions: VecDeque<LogQuestion>,
    pub paused: bool,
    /// What this server's wall clock shows.
    pub at: Stamp,
    /// Why the server stopped itself, until it is started again.
    pub fault: Option<Fault>,
    /// The size of its tree's pages, which nobody can tell from what it says or writes.
    pub page_bytes: usize,
    /// What stood in the configuration file before it was written in this life: a crash may have come before that,
    /// though the log has what it says.
    file_before: Option<Arc<Config>>,
}

impl<D: Disk> Machine<D> {
    pub fn new(config: Arc<Config>, without: Option<Without>, storage: D) -> Self {
        Machine {
            config,
            without,
            replica: None,
            storage,
            incarnation: 0,
            armed: Vec::new(),
            conns: Slots::default(),
            clients: Slots::default(),
            questions: VecDeque::new(),
            paused: false,
            at: Stamp(1),
            fault: None,
            page_bytes: DataTree::PAGE_BYTES,
            file_before: None,
        }
    }

    pub fn me(&self) -> ServerId {
        self.config.me
    }

    pub fn up(&self) -> bool {
        self.replica.is_some()
    }

    /// Up and able to take an input.
    pub fn runs(&self) -> bool {
        self.replica.is_some() && !self.paused
    }

    pub fn view(&self) -> Option<View<'_>> {
        self.replica.as_ref().map(Replica::view)
    }

    pub fn durable(&self) -> DurableState {
        self.storage.durable()
    }

    /// Gives the server one input. The caller performs the actions.
    pub fn step(&mut self, input: Input<'_>, out: &mut Actions) {
        let replica = self.replica.as_mut().expect("only a machine that is up takes inputs");
        match self.without {
            None => replica.step(AllRules, self.at, input, out),
            Some(without) => replica.step(without, self.at, input, out),
        }
    }

    /// Starts the server from what its disk holds, which is returned for the oracles; or says why
    /// the store refuses. What a process left un-synced when it ended on its own is all there.
    pub fn start(&mut self, out: &mut Actions) -> Result<Recovered, String> {
        assert!(self.replica.is_none(), "a machine is started when it is down");
        self.lose(Survivors::Everything);
        let mut recovered = self.storage.recover()?;
        if recovered.image.tree().page_bytes() != self.page_bytes {
            recovered.image = Arc::new(recovered.image.in_pages_of(self.page_bytes));
        }
        self.incarnation += 1;
        self.fault = None;
        self.paused = false;
        let base = SessionId(i64::from(self.me().0) << 56 | i64::from(self.incarnation) << 24);
        self.replica = Some(Replica::restore(Arc::clone(&self.config), recovered.clone(), base, self.at, out));
        Ok(recovered)
    }

    /// Starts the server on a machine that loses power before the recovery is complete: of what the
    /// recovery did and did not sync, a chosen part remains. Or says why the store refuses.
    pub fn falter(&mut self, survivors: Survivors) -> Result<(), String> {
        assert!(self.replica.is_none(), "a machine is started when it is down");
        self.lose(Survivors::Everything);
        self.fault = None;
        let mut choice = Choice::of(survivors);
        self.storage.falter(&mut |bound| choice.below(bound))
    }

    /// The process is gone, with everything that lived in it. The disk is what it is.
    pub fn halt(&mut self) {
        self.replica = None;
        self.armed.clear();
        self.conns = Slots::default();
        self.clients = Slots::default();
        self.questions.clear();
        self.paused = false;
    }

    /// Power is gone: of what was not synced, a chosen part remains. Whether the configuration file is older than
    /// what it held last.
    pub fn lose(&mut self, survivors: Survivors) -> bool {
        let mut choice = Choice::of(survivors);
        self.storage.crash(&mut |bound| choice.below(bound));
        let before = self.file_before.take().filter(|_| choice.below(2) == 0);
        let is_behind = before.is_some();
        self.config = before.unwrap_or_else(|| Arc::clone(&self.config));
        is_behind
    }

    /// Writes the configuration file.
    pub fn keep(&mut self, config: Config) {
        let before = std::mem::replace(&mut self.config, Arc::new(config));
        self.file_before.get_or_insert(before);
    }

    pub fn arm(&mut self, timer: Timer, after_ms: u32) {
        match self.armed.binary_search_by_key(&timer, |armed| armed.0) {
            Ok(at) => self.armed[at].1 = after_ms,
            Err(at) => self.armed.insert(at, (timer, after_ms)),
        }
    }

    /// Whether it was armed.
    pub fn disarm(&mut self, timer: Timer) -> bool {
        match self.armed.binary_search_by_key(&timer, |armed| armed.0) {
            Ok(at) => {
                self.armed.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    pub fn armed(&self, timer: Timer) -> Option<u32> {
        self.armed.binary_search_by_key(&timer, |armed| armed.0).ok().map(|at| self.armed[at].1)
    }
}

/// A table whose keys are the lowest free numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slots<T>(Vec<Option<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots(Vec::new())
    }
}

impl<T> Slots<T> {
    pub fn insert(&mut self, value: T) -> u32 {
        let free = self.0.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            self.0.push(None);
            self.0.len() - 1
        });
        self.0[slot] = Some(value);
        slot as u32
    }

    pub fn get(&self, slot: u32) -> Option<&T> {
        self.0.get(slot as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.0.get_mut(slot as usize)?.as_mut()
    }

    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.0.get_mut(slot as usize)?.take();
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
        value
    }

    /// Slot and value, in order of slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.0.iter().enumerate().filter_map(|(slot, value)| Some((slot as u32, value.as_ref()?)))
    }

    pub fn len(&self) -> usize {
        self.iter().count()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_the_lowest_free_numbers() {
        let mut slots = Slots::default();
        assert_eq!((slots.insert('a'), slots.insert('b'), slots.insert('c')), (0, 1, 2));
        assert_eq!(slots.remove(1), Some('b'));
        assert_eq!(slots.insert('d'), 1);
        slots.remove(2);
        slots.remove(1);
        let mut other = Slots::default();
        other.insert('a');
        assert_eq!(slots, other, "a freed tail leaves no trace");
    }
}
