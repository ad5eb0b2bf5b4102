//! What the store keeps of one znode, as a borrowed view.

use super::acl_table::AclId;
use crate::wire::records::StatPersisted;

/// One znode. `children` is how many it has; the store does not check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub stat: StatPersisted,
    pub data: Option<&'a [u8]>,
    pub acl: AclId,
    pub children: u32,
}
