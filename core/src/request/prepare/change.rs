//! delete, setData, setACL, check, and the deletion of what fades by itself: their checks in
//! ZooKeeper's order (reference/zookeeper.md section 2.4).

use super::super::access::{self, Perms};
use super::super::ahead::Draft;
use super::{Asker, check_version, parent_of};
use crate::tree::{AclList, Path, stat};
use crate::wire::records::{CheckVersionRequest, DeleteRequest, SetAclRequest, SetDataRequest};
use crate::wire::txn::{CheckVersionTxn, DeleteTxn, SetAclTxn, SetDataTxn};
use crate::wire::{Code, Jute};
use alloc::vec::Vec;

pub(super) fn draft_delete(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    request: &DeleteRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let parent = deletable(request.path)?;
    let parent = draft.node(parent).ok_or(Code::NoNode)?;
    access::check(asker.access, &parent.acl, Perms::DELETE, asker.identities)?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    check_version(node.stat.version, request.version)?;
    if node.children > 0 {
        return Err(Code::NotEmpty);
    }
    draft.delete(&Path::lax(request.path));
    DeleteTxn { path: request.path }.encode(out);
    Ok(())
}

/// A container or a znode with a time to live goes if it has no children.
pub(super) fn draft_delete_faded(draft: &mut Draft<'_>, path: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    deletable(path)?;
    let node = draft.node(path).ok_or(Code::NoNode)?;
    if node.children > 0 {
        return Err(Code::NotEmpty);
    }
    if node.owner().session().is_some() {
        return Err(Code::BadVersion);
    }
    draft.delete(&Path::lax(path));
    DeleteTxn { path }.encode(out);
    Ok(())
}

/// The parent of what may be deleted: the server's own znodes may not.
fn deletable(path: &[u8]) -> Result<&[u8], Code> {
    let parent = parent_of(path)?;
    match path {
        b"/" | b"/zookeeper" | b"/zookeeper/quota" | b"/zookeeper/config" => Err(Code::BadArguments),
        _ => Ok(parent),
    }
}

pub(super) fn draft_set_data(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    request: &SetDataRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let path = Path::parse(request.path)?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    access::check(asker.access, &node.acl, Perms::WRITE, asker.identities)?;
    let grown = request.data.map_or(0, <[u8]>::len) as i64 - draft.data_len(request.path, &node) as i64;
    if asker.access.enforce_quota && draft.exceeds_quota(request.path, 0, grown) {
        return Err(Code::QuotaExceeded);
    }
    check_version(node.stat.version, request.version)?;
    let version = stat::next_version(node.stat.version);
    draft.set_data(&path, request.data, version);
    SetDataTxn { path: request.path, data: request.data, version }.encode(out);
    Ok(())
}

pub(super) fn draft_set_acl(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    request: &SetAclRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let path = Path::parse(request.path)?;
    let acl = access::resolve(asker.access, asker.identities, request.acl.as_deref())?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    access::check(asker.access, &node.acl, Perms::ADMIN, asker.identities)?;
    check_version(node.stat.aversion, request.version)?;
    let version = stat::next_version(node.stat.aversion);
    draft.set_acl(&path, AclList::new(&acl), version);
    SetAclTxn { path: request.path, acl: Some(acl), version }.encode(out);
    Ok(())
}

/// Its transaction carries the version that a change would have given, as Apache's does.
pub(super) fn draft_check(
    draft: &Draft<'_>,
    asker: &Asker<'_>,
    request: &CheckVersionRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    Path::parse(request.path)?;
    let node = draft.node(request.path).ok_or(Code::NoNode)?;
    access::check(asker.access, &node.acl, Perms::READ, asker.identities)?;
    check_version(node.stat.version, request.version)?;
    CheckVersionTxn { path: request.path, version: stat::next_version(node.stat.version) }.encode(out);
    Ok(())
}
