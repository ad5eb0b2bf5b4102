//! Creates: the seven modes, sequence numbers, and what each kind of znode asks of its parent
//! (reference/zookeeper.md sections 1.6, 2.2 and 2.4).

use super::super::access::{self, Perms};
use super::super::ahead::Draft;
use super::{Asker, parent_of};
use crate::tree::{AclList, Owner, Path, stat};
use crate::wire::multi::AnyCreate;
use crate::wire::txn::{CreateContainerTxn, CreateTtlTxn, CreateTxn};
use crate::wire::{Code, Jute, Op};
use alloc::format;
use alloc::vec::Vec;

/// What a create makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    lasts: Lasts,
    is_sequential: bool,
}

/// How long a znode stays when nobody deletes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasts {
    Persistent,
    Ephemeral,
    Container,
    Ttl { ms: i64 },
}

impl Kind {
    /// By operation, flags and time to live. createContainer makes containers and nothing else, and
    /// so does the flag; Apache's server logs some mixtures so that digest and znode disagree.
    pub(super) fn of(create: &AnyCreate<'_>) -> Result<Kind, Code> {
        let AnyCreate { op, flags, ttl, .. } = *create;
        let (lasts, is_sequential) = match flags {
            0 => (Lasts::Persistent, false),
            1 => (Lasts::Ephemeral, false),
            2 => (Lasts::Persistent, true),
            3 => (Lasts::Ephemeral, true),
            4 => (Lasts::Container, false),
            5 | 6 if op == Op::CREATE_TTL && (1..=Owner::TTL_MAX).contains(&ttl) => {
                (Lasts::Ttl { ms: ttl }, flags == 6)
            }
            _ => return Err(Code::BadArguments),
        };
        let is_timed = matches!(lasts, Lasts::Ttl { .. });
        if ttl >= 0 && !is_timed || op == Op::CREATE_TTL && !is_timed && flags != 0 {
            return Err(Code::BadArguments);
        }
        let lasts = if op == Op::CREATE_CONTAINER { Lasts::Container } else { lasts };
        Ok(Kind { lasts, is_sequential })
    }

    pub(super) fn is_ephemeral(self) -> bool {
        self.lasts == Lasts::Ephemeral
    }

    /// The type of the transaction that a request with this operation code becomes.
    pub(super) fn txn_op(self, op: i32) -> i32 {
        match self.lasts {
            Lasts::Container => Op::CREATE_CONTAINER,
            Lasts::Ttl { .. } => Op::CREATE_TTL,
            Lasts::Persistent | Lasts::Ephemeral if op == Op::CREATE_TTL => Op::CREATE2,
            Lasts::Persistent | Lasts::Ephemeral => op,
        }
    }
}

/// Checks a create and appends its transaction's body.
pub(super) fn draft(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    create: &AnyCreate<'_>,
    kind: Kind,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let Asker { session, identities, access, is_local } = *asker;
    if is_local && kind.is_ephemeral() {
        return Err(Code::EphemeralOnLocalSession);
    }
    let data = create.data;
    let parent_path = parent_of(create.path)?;
    let acl = access::resolve(access, identities, create.acl.as_deref())?;
    let parent = draft.node(parent_path).ok_or(Code::NoNode)?;
    access::check(access, &parent.acl, Perms::CREATE, identities)?;
    let path = match kind.is_sequential {
        true => sequential(create.path, parent.stat.cversion)?,
        false => Path::parse(create.path)?,
    };
    if draft.node(path.as_bytes()).is_some() {
        return Err(Code::NodeExists);
    }
    if parent.owner().session().is_some() {
        return Err(Code::NoChildrenForEphemerals);
    }
    let len = data.map_or(0, <[u8]>::len) as i64;
    if access.enforce_quota && draft.exceeds_quota(path.as_bytes(), 1, len) {
        return Err(Code::QuotaExceeded);
    }
    let owner = match kind.lasts {
        Lasts::Persistent => Owner::Nobody,
        Lasts::Ephemeral => Owner::Session(session),
        Lasts::Container => Owner::Container,
        Lasts::Ttl { ms } => Owner::Ttl { ms },
    };
    let parent_cversion = stat::next_cversion(&parent.stat);
    draft.create(&path, data, AclList::new(&acl), owner, parent_cversion);
    let (path, acl) = (path.as_bytes(), Some(acl));
    match owner {
        Owner::Nobody | Owner::Session(_) => {
            CreateTxn { path, data, acl, ephemeral: kind.lasts == Lasts::Ephemeral, parent_cversion }.encode(out);
        }
        Owner::Container => CreateContainerTxn { path, data, acl, parent_cversion }.encode(out),
        Owner::Ttl { ms } => CreateTtlTxn { path, data, acl, parent_cversion, ttl: ms }.encode(out),
    }
    Ok(())
}

/// The path of a sequential znode: the parent's raw cversion before this create, signed, with at
/// least ten digits (section 2.2).
fn sequential(prefix: &[u8], parent_cversion: i32) -> Result<Path, Code> {
    let mut bytes = prefix.to_vec();
    bytes.extend_from_slice(format!("{parent_cversion:010}").as_bytes());
    Path::parse(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(op: i32, flags: i32, ttl: i64) -> Result<Kind, Code> {
        Kind::of(&AnyCreate { op, path: b"/a", data: None, acl: None, flags, ttl })
    }

    #[test]
    fn sequence_numbers_have_ten_digits_and_go_negative() {
        let golden = [(0, "/a0000000000"), (7, "/a0000000007"), (i32::MAX, "/a2147483647"), (-5, "/a-000000005")];
        for (cversion, expected) in golden {
            assert_eq!(sequential(b"/a", cversion), Ok(Path::lax(expected.as_bytes())));
        }
        assert_eq!(sequential(b"/a/", i32::MIN), Ok(Path::lax(b"/a/-2147483648")));
    }

    #[test]
    fn flags_say_what_is_created() {
        let lasts = |op, flags, ttl| kind(op, flags, ttl).map(|kind| kind.lasts);
        assert_eq!(lasts(Op::CREATE, 3, -1), Ok(Lasts::Ephemeral));
        assert_eq!(lasts(Op::CREATE2, 4, -1), Ok(Lasts::Container));
        assert_eq!(lasts(Op::CREATE_CONTAINER, 0, -1), Ok(Lasts::Container));
        assert_eq!(lasts(Op::CREATE_TTL, 5, 7), Ok(Lasts::Ttl { ms: 7 }));
        assert_eq!(lasts(Op::CREATE_TTL, 6, Owner::TTL_MAX), Ok(Lasts::Ttl { ms: Owner::TTL_MAX }));
        for (op, flags, ttl) in [
            (Op::CREATE, 5, -1),
            (Op::CREATE, 7, -1),
            (Op::CREATE, -1, -1),
            (Op::CREATE_TTL, 5, 0),
            (Op::CREATE_TTL, 5, -1),
            (Op::CREATE_TTL, 6, Owner::TTL_MAX + 1),
            (Op::CREATE_TTL, 0, 7),
            (Op::CREATE_TTL, 1, -1),
            (Op::CREATE, i32::MIN, -1),
        ] {
            assert_eq!(kind(op, flags, ttl), Err(Code::BadArguments), "{op} {flags} {ttl}");
        }
    }
}
