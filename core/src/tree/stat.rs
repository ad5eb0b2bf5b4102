//! A znode's metadata: its rules of change and its form on the wire (reference/zookeeper.md
//! section 2.1).
//!
//! ZooKeeper's 32-bit counters wrap. The sites:
//! * `wire`: 2·raw − children, computed in 32 bits;
//! * `next_cversion`: the parent's raw cversion after a create that does not name one.
//!
//! `version` and `aversion` come ready-made in the transaction; their successor is chosen by the
//! leader, in [`next_version`]. The running digests wrap too, in [`super::digest`].

use crate::id::{SessionId, Zxid};
use crate::wire::records::{Stat, StatPersisted};

/// The stat of the znodes that every tree begins with.
pub const ZERO: StatPersisted = StatPersisted {
    czxid: 0,
    mzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeral_owner: 0,
    pzxid: 0,
};

/// The stat of a new znode.
pub fn created(zxid: Zxid, time: i64, owner: Owner) -> StatPersisted {
    let zxid = zxid.to_wire();
    StatPersisted {
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: time,
        mtime: time,
        ephemeral_owner: owner.to_stored(),
        ..ZERO
    }
}

/// The parent's stat after a child was created. Only a larger cversion counts, for a snapshot may
/// already hold what a replayed transaction did (section 4.4); `−1` names the next one.
pub fn child_created(parent: &mut StatPersisted, parent_cversion: i32, zxid: Zxid) {
    let cversion = if parent_cversion == -1 { next_cversion(parent) } else { parent_cversion };
    if cversion > parent.cversion {
        parent.cversion = cversion;
        parent.pzxid = zxid.to_wire();
    }
}

/// The parent's stat after a child was deleted.
pub fn child_deleted(parent: &mut StatPersisted, zxid: Zxid) {
    parent.pzxid = parent.pzxid.max(zxid.to_wire());
}

/// The stat after the data was set.
pub fn data_set(stat: &mut StatPersisted, version: i32, zxid: Zxid, time: i64) {
    stat.version = version;
    stat.mtime = time;
    stat.mzxid = zxid.to_wire();
}

/// What clients see. Owners of containers and TTL znodes are shown as 0.
pub fn wire(stat: &StatPersisted, data_len: usize, children: u32) -> Stat {
    let num_children = children as i32;
    Stat {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        ctime: stat.ctime,
        mtime: stat.mtime,
        version: stat.version,
        cversion: stat.cversion.wrapping_mul(2).wrapping_sub(num_children),
        aversion: stat.aversion,
        ephemeral_owner: Owner::from_stored(stat.ephemeral_owner).session().map_or(0, |session| session.0),
        data_length: i32::try_from(data_len).unwrap_or(i32::MAX),
        num_children,
        pzxid: stat.pzxid,
    }
}

/// The version after `current`. −1 means "any" in requests, so it is left out.
pub fn next_version(current: i32) -> i32 {
    match current.wrapping_add(1) {
        -1 => 0,
        next => next,
    }
}

/// The raw cversion after one more child, wrapping: sequence numbers go negative.
pub fn next_cversion(parent: &StatPersisted) -> i32 {
    parent.cversion.wrapping_add(1)
}

/// Whom a znode belongs to: the decoded `ephemeralOwner` (section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Persistent.
    Nobody,
    /// Ephemeral.
    Session(SessionId),
    Container,
    /// Deleted when it has no children and was not set for so long, at most [`Owner::TTL_MAX`].
    Ttl {
        ms: i64,
    },
}

impl Owner {
    /// The longest time to live: 2^40 − 1 ms.
    pub const TTL_MAX: i64 = (1 << 40) - 1;
    const CONTAINER: i64 = i64::MIN;
    const TTL: i64 = 0xff << 56;

    /// As it stands in the stored stat. A TTL out of range keeps its lower 40 bits.
    pub fn to_stored(self) -> i64 {
        match self {
            Owner::Nobody => 0,
            Owner::Session(session) => session.0,
            Owner::Container => Owner::CONTAINER,
            Owner::Ttl { ms } => Owner::TTL | (ms & Owner::TTL_MAX),
        }
    }

    /// Extended types are always read as such: server ids end at 127, so no session of this
    /// ensemble has the top byte of a TTL.
    pub fn from_stored(stored: i64) -> Owner {
        match stored {
            0 => Owner::Nobody,
            Owner::CONTAINER => Owner::Container,
            _ if stored & !Owner::TTL_MAX == Owner::TTL => Owner::Ttl { ms: stored & Owner::TTL_MAX },
            _ => Owner::Session(SessionId(stored)),
        }
    }

    pub fn session(self) -> Option<SessionId> {
        match self {
            Owner::Session(session) => Some(session),
            Owner::Nobody | Owner::Container | Owner::Ttl { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_survive_their_stored_form() {
        let owners = [
            Owner::Nobody,
            Owner::Session(SessionId(0x0100_0000_0000_0001)),
            Owner::Session(SessionId(-5)),
            Owner::Container,
            Owner::Ttl { ms: 1 },
            Owner::Ttl { ms: Owner::TTL_MAX },
        ];
        for owner in owners {
            assert_eq!(Owner::from_stored(owner.to_stored()), owner);
        }
    }

    #[test]
    fn clients_see_the_count_of_changes_and_only_sessions_as_owners() {
        let container = StatPersisted { cversion: 3, ephemeral_owner: i64::MIN, ..ZERO };
        let seen = wire(&container, 7, 2);
        assert_eq!((seen.cversion, seen.ephemeral_owner, seen.data_length, seen.num_children), (4, 0, 7, 2));
        let wrapped = StatPersisted { cversion: i32::MIN, ephemeral_owner: 9, ..ZERO };
        assert_eq!((wire(&wrapped, 0, 1).cversion, wire(&wrapped, 0, 1).ephemeral_owner), (-1, 9));
    }

    #[test]
    fn only_a_larger_cversion_changes_the_parent() {
        let mut parent = StatPersisted { cversion: 5, pzxid: 50, ..ZERO };
        child_created(&mut parent, 5, Zxid(60));
        assert_eq!((parent.cversion, parent.pzxid), (5, 50));
        child_created(&mut parent, 6, Zxid(60));
        assert_eq!((parent.cversion, parent.pzxid), (6, 60));
        child_created(&mut parent, -1, Zxid(70));
        assert_eq!((parent.cversion, parent.pzxid), (7, 70));
        child_deleted(&mut parent, Zxid(10));
        assert_eq!(parent.pzxid, 70);
    }

    #[test]
    fn the_version_after_minus_two_is_zero() {
        assert_eq!(next_version(-2), 0);
        assert_eq!(next_version(i32::MAX), i32::MIN);
    }
}
