//! reconfig: a new configuration from the one in force, by ZooKeeper's rules and in its order of checks
//! (reference/zookeeper.md section 3.10). What a configuration is and when it counts is `zab`'s.

use super::super::access::{self, Perms};
use super::super::ahead::Draft;
use super::Asker;
use crate::config::Config;
use crate::id::{ServerSet, Zxid};
use crate::quorum::{Member, Members, Unreadable};
use crate::tree::Path;
use crate::wire::records::ReconfigRequest;
use crate::wire::txn::SetDataTxn;
use crate::wire::{Code, Jute};
use alloc::vec::Vec;

const CONFIG: &[u8] = b"/zookeeper/config";
/// Sets the data of `/zookeeper/config` whatever its version is, and is its version then.
const ANY_VERSION: i32 = -1;

impl From<Unreadable> for Code {
    /// Apache's servers take what is no number where there should be one for a malformed request.
    fn from(why: Unreadable) -> Code {
        match why {
            Unreadable::Number => Code::MarshallingError,
            Unreadable::Line | Unreadable::Member(_) | Unreadable::Id(_) | Unreadable::Quorum(_) => Code::BadArguments,
        }
    }
}

/// Before anything else of a request is looked at, its session included.
pub(super) fn check_enabled(config: &Config) -> Result<(), Code> {
    if config.reconfig.enabled { Ok(()) } else { Err(Code::ReconfigDisabled) }
}

/// What the leader has to say to it.
pub(super) struct Leader {
    pub zxid: Zxid,
    /// The followers in step with it, and itself.
    pub synced: ServerSet,
    /// Whether the configuration before is committed.
    pub is_free: bool,
}

pub(super) fn draft_reconfig(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    config: &Config,
    leader: &Leader,
    request: &ReconfigRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let current = Members::parse(&config.ensemble.text)?;
    if current.servers.is_empty() {
        // A server alone has nobody to become an ensemble with.
        return Err(Code::Unimplemented);
    }
    if !leader.is_free {
        return Err(Code::ReconfigInProgress);
    }
    if request.config_id != -1 && request.config_id as u64 != config.ensemble.version {
        return Err(Code::BadVersion);
    }
    let mut next = match request.new_members {
        Some(members) => whole(members)?,
        None => changed(current, request)?,
    };
    if next.voters_len() < usize::from(config.reconfig.voters_min).max(1) {
        return Err(Code::BadArguments);
    }
    if !next.quorum().is_ok_and(|quorum| quorum.contains(leader.synced)) {
        return Err(Code::NewConfigNoQuorum);
    }
    let node = draft.node(CONFIG).ok_or(Code::NoNode)?;
    access::check(asker.access, &node.acl, Perms::WRITE, asker.identities)?;
    // Apache's servers have ids of any size; a set of servers here has not.
    if next.uncountable().is_some() {
        return Err(Code::BadArguments);
    }
    next.version = leader.zxid.0;
    let text = next.text();
    // Whoever logs it has to be able to read it.
    if Members::parse(text.as_bytes()).as_ref() != Ok(&next) {
        return Err(Code::BadArguments);
    }
    draft.set_data(&Path::lax(CONFIG), Some(text.as_bytes()), ANY_VERSION);
    SetDataTxn { path: CONFIG, data: Some(text.as_bytes()), version: ANY_VERSION }.encode(out);
    Ok(())
}

/// All members of the new configuration, separated by commas or line ends.
fn whole(members: &[u8]) -> Result<Members, Code> {
    let lines: Vec<u8> = members.iter().map(|byte| if *byte == b',' { b'\n' } else { *byte }).collect();
    Ok(Members::parse(&lines)?)
}

/// Who leaves goes, who joins comes, or is somewhere else from now on. Only where a majority decides.
fn changed(mut members: Members, request: &ReconfigRequest<'_>) -> Result<Members, Code> {
    if !members.groups.is_empty() {
        return Err(Code::BadArguments);
    }
    for leaving in listed(request.leaving)? {
        members.servers.remove(&id(leaving)?);
    }
    for joining in listed(request.joining)? {
        let mut parts = joining.split('=').map(str::trim).filter(|part| !part.is_empty());
        let (Some(name), Some(spec), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Code::BadArguments);
        };
        let id = id(name.rsplit('.').next().unwrap_or_default())?;
        let member = Member::parse(spec).map_err(Unreadable::Member)?;
        if member.client.is_none() && member.secure.is_none() {
            return Err(Code::BadArguments);
        }
        let mut others = members.servers.iter().filter(|(other, _)| **other != id);
        if others.any(|(_, other)| member.collides(other)) {
            return Err(Code::BadArguments);
        }
        members.servers.insert(id, member);
    }
    Ok(members)
}

fn listed(list: Option<&[u8]>) -> Result<impl Iterator<Item = &str>, Code> {
    let text = core::str::from_utf8(list.unwrap_or_default()).map_err(|_| Code::BadArguments)?;
    Ok(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()))
}

fn id(text: &str) -> Result<u64, Code> {
    text.parse().map_err(|_| Code::MarshallingError)
}
