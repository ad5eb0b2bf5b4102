//! Access control lists as the tree stores them: the bytes that the transaction carried.
//!
//! Nothing here decides who may do what; that is the service's part.

use crate::wire::jute::{Jute, Malformed, Reader};
use crate::wire::records::{Acl, Id};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A shared access control list: the jute encoding of `vector<ACL>`, byte for byte as it came.
///
/// Null is a value of its own: Java stores it as ACL id −1 and reads it as world:anyone with every
/// permission (reference/zookeeper.md section 2.8). Equality is of the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclList(Arc<[u8]>);

const NULL: [u8; 4] = (-1i32).to_be_bytes();
const WORLD_ALL: Acl<'static> = Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } };

impl AclList {
    /// The null list: everyone may do everything.
    pub fn open() -> AclList {
        AclList(Arc::from(NULL))
    }

    /// world:anyone may read: the list of `/zookeeper/config` (ZOOKEEPER-2014).
    pub fn world_read() -> AclList {
        AclList::new(&[Acl { perms: 1, ..WORLD_ALL }])
    }

    pub fn new(entries: &[Acl<'_>]) -> AclList {
        let mut bytes = Vec::new();
        crate::wire::jute::encode_length(entries.len(), &mut bytes);
        for entry in entries {
            entry.encode(&mut bytes);
        }
        AclList(Arc::from(bytes))
    }

    /// Reads a list, null included, from where `r` stands.
    pub fn decode(r: &mut Reader<'_>) -> Result<AclList, Malformed> {
        Ok(AclList::from(RawAcl::decode(r)?))
    }

    /// The list's jute encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn raw(&self) -> RawAcl<'_> {
        RawAcl(&self.0)
    }

    /// Whether this is the null list, which snapshots know as ACL id −1.
    pub fn is_null(&self) -> bool {
        *self.0 == NULL
    }

    /// The entries, in the list's order; the null list has the one of world:anyone.
    pub fn entries(&self) -> impl Iterator<Item = Acl<'_>> {
        let mut r = Reader::new(&self.0);
        let count = r.length("ACL count").expect("a list was checked when it was made");
        let open = count.is_none().then_some(WORLD_ALL);
        let entries = (0..count.unwrap_or(0)).map(move |_| Acl::decode(&mut r).expect("as above"));
        entries.chain(open)
    }
}

impl core::borrow::Borrow<[u8]> for AclList {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for AclList {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.is_null() {
            return f.write_str("null");
        }
        let mut list = f.debug_list();
        for Acl { perms, id } in self.entries() {
            list.entry(&format_args!("{perms:#x} {}:{}", id.scheme.escape_ascii(), id.id.escape_ascii()));
        }
        list.finish()
    }
}

/// A list's encoding inside a transaction, checked but not taken apart: the common list is
/// interned by its bytes, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawAcl<'a>(pub(super) &'a [u8]);

impl From<RawAcl<'_>> for AclList {
    fn from(raw: RawAcl<'_>) -> Self {
        AclList(Arc::from(raw.0))
    }
}

impl<'a> Jute<'a> for RawAcl<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }

    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let (bytes, start) = (r.rest(), r.at());
        let count = r.length("ACL count")?.unwrap_or(0);
        for _ in 0..count {
            Acl::decode(r)?;
        }
        Ok(RawAcl(&bytes[..r.at() - start]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_bytes() {
        let list = AclList::new(&[WORLD_ALL, Acl { perms: 5, id: Id { scheme: b"digest", id: b"a:b" } }]);
        let mut bytes = list.as_bytes().to_vec();
        bytes.push(7);
        let mut r = Reader::new(&bytes);
        assert_eq!(AclList::decode(&mut r), Ok(list.clone()));
        assert_eq!(r.rest(), [7]);
        let entries: Vec<_> = list.entries().collect();
        assert_eq!((entries.len(), entries[1].id.id), (2, &b"a:b"[..]));
    }

    #[test]
    fn null_and_empty_differ() {
        assert_ne!(AclList::open(), AclList::new(&[]));
        assert_eq!(AclList::open().entries().collect::<Vec<_>>(), [WORLD_ALL]);
        assert_eq!(AclList::new(&[]).entries().count(), 0);
    }

    #[test]
    fn a_list_that_lies_about_its_length_is_malformed() {
        assert!(RawAcl::from_bytes(&[0x7f, 0xff, 0xff, 0xff]).is_err());
        assert!(RawAcl::from_bytes(&[0xff, 0xff, 0xff, 0xfe]).is_err());
    }
}
