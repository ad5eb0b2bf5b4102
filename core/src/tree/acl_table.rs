//! The access control lists that a tree's znodes use, each kept once and counted.

use super::acl::{AclList, RawAcl};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A list's number inside one tree. Numbers are not part of the content: equal trees may number
/// their lists differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AclId(pub u32);

/// Lists by number and by content. A number is free again when no znode uses its list.
#[derive(Clone, Debug, Default)]
pub(super) struct AclTable {
    slots: Vec<Slot>,
    ids: BTreeMap<AclList, AclId>,
    free: Vec<AclId>,
}

#[derive(Clone, Debug)]
struct Slot {
    list: AclList,
    uses: u64,
}

impl AclTable {
    /// The number of a list, for one more znode.
    pub(super) fn acquire(&mut self, list: RawAcl<'_>) -> AclId {
        if let Some(&id) = self.ids.get(list.0) {
            self.slots[id.0 as usize].uses += 1;
            return id;
        }
        let slot = Slot { list: AclList::from(list), uses: 1 };
        let id = self.free.pop().unwrap_or(AclId(self.slots.len() as u32));
        self.ids.insert(slot.list.clone(), id);
        match self.slots.get_mut(id.0 as usize) {
            Some(reused) => *reused = slot,
            None => self.slots.push(slot),
        }
        id
    }

    /// One znode fewer uses this list.
    pub(super) fn release(&mut self, id: AclId) {
        let slot = &mut self.slots[id.0 as usize];
        assert!(slot.uses > 0, "a list that no znode uses is not released");
        slot.uses -= 1;
        if slot.uses == 0 {
            self.ids.remove(slot.list.as_bytes());
            self.free.push(id);
        }
    }

    pub(super) fn list(&self, id: AclId) -> &AclList {
        &self.slots[id.0 as usize].list
    }

    /// The lists in use, ordered by their bytes.
    pub(super) fn lists(&self) -> impl Iterator<Item = &AclList> {
        self.ids.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_list_is_kept_once_and_forgotten_with_its_last_znode() {
        let mut table = AclTable::default();
        let (open, read) = (AclList::open(), AclList::world_read());
        let raw = |list: &'static [u8]| RawAcl(list);
        let open_bytes: &'static [u8] = open.as_bytes().to_vec().leak();
        let read_bytes: &'static [u8] = read.as_bytes().to_vec().leak();
        let one = table.acquire(raw(open_bytes));
        let two = table.acquire(raw(read_bytes));
        assert_eq!(table.acquire(raw(open_bytes)), one);
        assert_ne!(one, two);
        table.release(one);
        assert_eq!(table.list(one), &open);
        table.release(one);
        assert_eq!(table.lists().collect::<Vec<_>>(), vec![&read]);
        assert_eq!(table.acquire(RawAcl(&[0, 0, 0, 0])), one, "the free number is used again");
    }
}
