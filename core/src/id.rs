//! Identifiers: the newtypes for every quantity that crosses a function boundary in the core.
//!
//! Nothing here does IO or arithmetic beyond what the protocol defines for the quantity itself.

use alloc::vec::Vec;
use core::fmt;

/// A server of the ensemble (`myid`). Server sets are 128-bit sets, so ids are 1 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u8);

impl ServerId {
    /// The largest id that a [`ServerSet`] can hold.
    pub const MAX: ServerId = ServerId(127);
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A set of servers, as a 128-bit set; iteration is in ascending order of id.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerSet(u128);

impl ServerSet {
    pub const EMPTY: ServerSet = ServerSet(0);

    pub fn insert(&mut self, server: ServerId) {
        assert!(server <= ServerId::MAX, "a server id is at most 127");
        self.0 |= 1 << server.0;
    }

    pub fn remove(&mut self, server: ServerId) {
        self.0 &= !(1u128.checked_shl(u32::from(server.0)).unwrap_or(0));
    }

    pub fn contains(self, server: ServerId) -> bool {
        server <= ServerId::MAX && self.0 & (1 << server.0) != 0
    }

    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn union(self, other: ServerSet) -> ServerSet {
        ServerSet(self.0 | other.0)
    }

    pub fn intersection(self, other: ServerSet) -> ServerSet {
        ServerSet(self.0 & other.0)
    }

    pub fn difference(self, other: ServerSet) -> ServerSet {
        ServerSet(self.0 & !other.0)
    }

    pub fn is_subset(self, other: ServerSet) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = ServerId> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let lowest = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(ServerId(lowest as u8))
        })
    }
}

impl FromIterator<ServerId> for ServerSet {
    fn from_iter<I: IntoIterator<Item = ServerId>>(servers: I) -> Self {
        let mut set = ServerSet::EMPTY;
        for server in servers {
            set.insert(server);
        }
        set
    }
}

impl fmt::Debug for ServerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|s| s.0)).finish()
    }
}

impl fmt::Display for ServerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.iter().collect();
        write!(f, "{{")?;
        for (i, id) in ids.iter().enumerate() {
            write!(f, "{}{id}", if i == 0 { "" } else { "," })?;
        }
        write!(f, "}}")
    }
}

/// A leader's reign: the upper half of a zxid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    pub const ZERO: Epoch = Epoch(0);
    /// No epoch is above it, so nobody may accept it: no reign could follow.
    pub const LAST: Epoch = Epoch(u32::MAX);

    /// Whether a reign may follow one of this epoch: the next is not the last of all.
    pub fn can_be_followed(self) -> bool {
        self.0 < u32::MAX - 1
    }

    /// The epoch after this one. Panics after [`Epoch::LAST`].
    pub fn next(self) -> Epoch {
        Epoch(self.0.checked_add(1).expect("the epoch counter is exhausted"))
    }

    /// The zxid of this epoch's NEWLEADER: counter 0.
    pub fn start(self) -> Zxid {
        Zxid::new(self, 0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A transaction id: epoch in the upper 32 bits, counter in the lower; printed `3.17`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub u64);

impl Zxid {
    pub const ZERO: Zxid = Zxid(0);

    pub const fn new(epoch: Epoch, counter: u32) -> Zxid {
        Zxid(((epoch.0 as u64) << 32) | counter as u64)
    }

    pub fn epoch(self) -> Epoch {
        Epoch((self.0 >> 32) as u32)
    }

    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The zxid that must follow this one within its epoch; `None` when the counter is exhausted
    /// (ZOOKEEPER-1277).
    pub fn next(self) -> Option<Zxid> {
        (self.counter() != u32::MAX).then(|| Zxid(self.0 + 1))
    }

    /// Whether `next` may directly follow `self` in a log: the next counter of the same epoch, or
    /// the first transaction of a later one (oracle 4).
    pub fn is_followed_by(self, next: Zxid) -> bool {
        self.next() == Some(next) || (next.epoch() > self.epoch() && next.counter() == 1)
    }

    /// As it stands on the wire and in files: a signed 64-bit integer.
    pub fn to_wire(self) -> i64 {
        self.0 as i64
    }

    pub fn from_wire(wire: i64) -> Zxid {
        Zxid(wire as u64)
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch().0, self.counter())
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A client's session. The top byte is the id of the server that created it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

impl SessionId {
    /// No session: what a first ConnectRequest carries.
    pub const NONE: SessionId = SessionId(0);
    /// Marks the sessions of read-only servers. Ids of servers are at most 127, so no other session's
    /// id has this bit.
    const READ_ONLY: i64 = i64::MIN;

    /// This id, as that of a session of a read-only server.
    pub fn marked_read_only(self) -> SessionId {
        SessionId(self.0 | Self::READ_ONLY)
    }

    /// Whether a read-only server gave this session: no transaction knows of it.
    pub fn is_read_only(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A client's request number, echoed by its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid(pub i32);

/// A connection between servers (quorum port): a small slot given by the driver.
///
/// After `Broken` or `Hang` nothing more of that connection is delivered and the slot may be used
/// again (contract section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// A client's connection (client port): a small slot given by the driver, like [`ConnId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// A server's wall clock in milliseconds since 1970.
///
/// May be copied into a transaction's header and used for the age of containers and TTL nodes, and
/// nowhere else (contract section 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);
