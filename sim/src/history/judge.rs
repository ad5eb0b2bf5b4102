//! The judge: a naive sequential specification of the service (contract section 6).
//!
//! One map of znodes, one of sessions, no prediction, no cleverness, nothing shared with the core's
//! tree. It says which transaction a request must become ([`Judge::decide`]), performs transactions
//! ([`Judge::apply`]) and says what must be answered. Facts: reference/zookeeper.md sections 1.5,
//! 1.6 and 2.1 to 2.5. Access control and quotas are not judged; `/zookeeper/config` exists, but its
//! content is not compared, for its stat is each server's own.

use super::shelf::Shelf;
use super::{Answer, Body, Call, Stat, Text, Txn};
use std::collections::{BTreeMap, BTreeSet};
use zabra_core::wire::Code;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Znode {
    data: Option<Text>,
    czxid: u64,
    mzxid: u64,
    pzxid: u64,
    ctime: i64,
    mtime: i64,
    version: i32,
    aversion: i32,
    /// Raw: how many children were created.
    cversion: i32,
    owner: i64,
    children: BTreeSet<Text>,
}

/// The service's state after some transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Judge {
    znodes: Shelf<Znode>,
    /// Open sessions and what each owns.
    sessions: BTreeMap<i64, BTreeSet<Text>>,
    /// Every session that there ever was.
    known: BTreeSet<i64>,
    /// The sessions that begin as one server's alone.
    local: BTreeSet<i64>,
    zxid: u64,
}

/// A committed transaction that cannot be performed: the sentence says why.
pub type Impossible = String;

const ROOT: &str = "/";
const CONFIG: &str = "/zookeeper/config";
const UNDELETABLE: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", CONFIG];

impl Default for Judge {
    fn default() -> Self {
        Judge::new()
    }
}

impl Judge {
    /// The state of an empty ensemble: only `/zookeeper` with its two children.
    pub fn new() -> Judge {
        let mut znodes = Shelf::new();
        for path in UNDELETABLE {
            znodes.insert(Text::from(path), Znode { data: Some("".into()), ..Znode::default() });
        }
        let mut judge =
            Judge { znodes, sessions: BTreeMap::new(), known: BTreeSet::new(), local: BTreeSet::new(), zxid: 0 };
        for path in &UNDELETABLE[1..] {
            let (parent, name) = Text::from(*path).split().expect("an absolute path");
            judge.znodes.get_mut(parent.bytes()).expect("listed before its children").children.insert(name);
        }
        judge
    }

    /// These sessions begin without a transaction.
    pub fn with_local(mut self, sessions: &BTreeSet<i64>) -> Judge {
        self.local.clone_from(sessions);
        self
    }

    /// The zxid of the last transaction performed.
    pub fn zxid(&self) -> u64 {
        self.zxid
    }

    /// Lets the next transaction have any zxid, for a search that knows none.
    pub fn rewind(&mut self) {
        self.zxid = 0;
    }

    pub fn is_open(&self, session: i64) -> bool {
        self.sessions.contains_key(&session)
    }

    pub fn open_sessions(&self) -> impl Iterator<Item = i64> {
        self.sessions.keys().copied()
    }

    /// The paths of a session's ephemerals, sorted.
    pub fn ephemerals(&self, session: i64) -> Vec<Text> {
        self.sessions.get(&session).map(|paths| paths.iter().cloned().collect()).unwrap_or_default()
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Text> {
        self.znodes.paths()
    }

    /// The transaction that a write must become here; a failed one becomes an error. `None` for
    /// reads.
    pub fn decide(&self, session: i64, call: &Call) -> Option<Body> {
        let body = match call {
            Call::Create { path, data, flags, granted } => self.decide_create(session, path, data, *flags, *granted),
            Call::Delete { path, version } => self.decide_delete(session, path, *version),
            Call::SetData { path, data, version } => self.decide_set_data(session, path, data, *version),
            Call::Close => Ok(Body::CloseSession { paths: self.ephemerals(session) }),
            Call::Exists { .. }
            | Call::GetData { .. }
            | Call::GetChildren { .. }
            | Call::GetChildren2 { .. }
            | Call::Sync { .. } => return None,
        };
        Some(body.unwrap_or_else(|code| Body::Error { code: code.to_wire() }))
    }

    fn decide_create(
        &self,
        session: i64,
        path: &Text,
        data: &Option<Text>,
        flags: i32,
        granted: u32,
    ) -> Result<Body, Code> {
        let (ephemeral, sequential) = match flags {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            3 => (true, true),
            // Containers by this operation and TTL nodes without extended types.
            4..=6 => return Err(Code::Unimplemented),
            _ => return Err(Code::BadArguments),
        };
        self.check_session(session)?;
        if ephemeral && self.is_local(session) {
            return Err(Code::EphemeralOnLocalSession);
        }
        let parent = parent_of(path)?;
        if granted == 0 {
            return Err(Code::InvalidAcl);
        }
        let above = self.znode_at(parent).ok_or(Code::NoNode)?;
        let mut bytes = path.bytes().to_vec();
        if sequential {
            bytes.extend(format!("{:010}", above.cversion).into_bytes());
        }
        let path = Text::new(&bytes);
        if !is_valid(&path) {
            return Err(Code::BadArguments);
        }
        if self.znode(&path).is_some() {
            return Err(Code::NodeExists);
        }
        if above.owner != 0 {
            return Err(Code::NoChildrenForEphemerals);
        }
        let parent_cversion = above.cversion.wrapping_add(1);
        Ok(Body::Create { path, data: data.clone(), ephemeral, parent_cversion })
    }

    fn decide_delete(&self, session: i64, path: &Text, version: i32) -> Result<Body, Code> {
        self.check_session(session)?;
        let parent = parent_of(path)?;
        if UNDELETABLE.iter().any(|special| special.as_bytes() == path.bytes()) {
            return Err(Code::BadArguments);
        }
        self.znode_at(parent).ok_or(Code::NoNode)?;
        let znode = self.znode(path).ok_or(Code::NoNode)?;
        check_version(znode, version)?;
        if !znode.children.is_empty() {
            return Err(Code::NotEmpty);
        }
        Ok(Body::Delete { path: path.clone() })
    }

    fn decide_set_data(&self, session: i64, path: &Text, data: &Option<Text>, version: i32) -> Result<Body, Code> {
        self.check_session(session)?;
        if !is_valid(path) {
            return Err(Code::BadArguments);
        }
        let znode = self.znode(path).ok_or(Code::NoNode)?;
        check_version(znode, version)?;
        // −1 means "any version" in requests, so no znode has it.
        let version = match znode.version.wrapping_add(1) {
            -1 => 0,
            version => version,
        };
        Ok(Body::SetData { path: path.clone(), data: data.clone(), version })
    }

    fn check_session(&self, session: i64) -> Result<(), Code> {
        if self.is_open(session) || self.is_local(session) { Ok(()) } else { Err(Code::SessionExpired) }
    }

    /// Whether a session is one server's alone: no transaction has created it yet.
    fn is_local(&self, session: i64) -> bool {
        self.local.contains(&session) && !self.known.contains(&session)
    }

    /// Performs a committed transaction.
    pub fn apply(&mut self, txn: &Txn) -> Result<(), Impossible> {
        if txn.zxid <= self.zxid {
            return Err(format!("it follows {}", show(self.zxid)));
        }
        self.zxid = txn.zxid;
        txn.body.changes().iter().try_for_each(|body| self.change(txn, body))
    }

    fn change(&mut self, txn: &Txn, body: &Body) -> Result<(), Impossible> {
        match body {
            Body::Create { path, data, ephemeral, parent_cversion } => {
                self.create(txn, path, data, *ephemeral, *parent_cversion)
            }
            Body::Delete { path } => self.delete(txn.zxid, path),
            Body::SetData { path, data, version } => {
                let znode = self.znodes.get_mut(path.bytes()).ok_or_else(|| format!("{path} does not exist"))?;
                znode.data.clone_from(data);
                znode.version = *version;
                znode.mzxid = txn.zxid;
                znode.mtime = txn.time;
                Ok(())
            }
            Body::CreateSession { .. } => {
                if !self.known.insert(txn.session) {
                    return Err(format!("session {:#x} existed before", txn.session));
                }
                self.sessions.insert(txn.session, BTreeSet::new());
                Ok(())
            }
            Body::CloseSession { .. } => {
                for path in self.sessions.remove(&txn.session).unwrap_or_default() {
                    self.delete(txn.zxid, &path)?;
                }
                Ok(())
            }
            Body::SetAcl { path, aversion } => {
                let znode = self.znodes.get_mut(path.bytes()).ok_or_else(|| format!("{path} does not exist"))?;
                znode.aversion = *aversion;
                Ok(())
            }
            Body::Multi { .. } => Err("a multi stands in a multi".to_owned()),
            Body::Error { .. } => Ok(()),
            Body::Other { op } => Err(format!("the judge does not know transactions of type {op}")),
        }
    }

    fn create(
        &mut self,
        txn: &Txn,
        path: &Text,
        data: &Option<Text>,
        ephemeral: bool,
        parent_cversion: i32,
    ) -> Result<(), Impossible> {
        let (parent, name) = path.cut().ok_or_else(|| format!("{path} is no path"))?;
        if self.znodes.contains(path.bytes()) {
            return Err(format!("{path} exists"));
        }
        if ephemeral {
            let owned = self.sessions.get_mut(&txn.session);
            owned.ok_or_else(|| format!("session {:#x} is not open", txn.session))?.insert(path.clone());
        }
        let above = self.znodes.get_mut(parent);
        let above = above.ok_or_else(|| format!("{} does not exist", parent.escape_ascii()))?;
        above.children.insert(Text::new(name));
        if parent_cversion > above.cversion {
            above.cversion = parent_cversion;
            above.pzxid = txn.zxid;
        }
        let znode = Znode {
            data: data.clone(),
            czxid: txn.zxid,
            mzxid: txn.zxid,
            pzxid: txn.zxid,
            ctime: txn.time,
            mtime: txn.time,
            owner: if ephemeral { txn.session } else { 0 },
            ..Znode::default()
        };
        self.znodes.insert(path.clone(), znode);
        Ok(())
    }

    fn delete(&mut self, zxid: u64, path: &Text) -> Result<(), Impossible> {
        let znode = self.znodes.remove(path.bytes()).ok_or_else(|| format!("{path} does not exist"))?;
        if let Some(owned) = self.sessions.get_mut(&znode.owner) {
            owned.remove(path);
        }
        if !znode.children.is_empty() {
            return Err(format!("{path} has children"));
        }
        let (parent, name) = path.cut().ok_or_else(|| format!("{path} is no path"))?;
        if let Some(above) = self.znodes.get_mut(parent) {
            above.children.remove(name);
            above.pzxid = above.pzxid.max(zxid);
        }
        Ok(())
    }

    /// What the write that became `body` must be answered, after it was performed.
    pub fn answer(&self, body: &Body) -> Answer {
        match body {
            Body::Create { path, .. } => Answer::Created { path: path.clone() },
            Body::Delete { .. } => Answer::Deleted,
            Body::SetData { path, .. } => self.znode(path).map_or(NO_NODE, |znode| Answer::Stat(znode.stat())),
            Body::CloseSession { .. } => Answer::Closed,
            Body::Error { code } => Answer::Error(*code),
            Body::SetAcl { .. } | Body::Multi { .. } | Body::CreateSession { .. } | Body::Other { .. } => {
                Answer::Error(Code::Unimplemented.to_wire())
            }
        }
    }

    /// What a read must be answered here. `None` for writes, and for what is each server's own.
    pub fn read(&self, call: &Call) -> Option<Answer> {
        let path = call.path().filter(|path| path.bytes() != CONFIG.as_bytes())?;
        let znode = self.znode(path);
        let on_znode = |answer: fn(&Znode) -> Answer| znode.map_or(NO_NODE, answer);
        Some(match call {
            Call::Exists { path, .. } if path.bytes().contains(&0) => Answer::Error(Code::BadArguments.to_wire()),
            Call::Exists { .. } => on_znode(|znode| Answer::Stat(znode.stat())),
            Call::GetData { .. } => on_znode(|znode| Answer::Data { data: znode.data.clone(), stat: znode.stat() }),
            Call::GetChildren { .. } => on_znode(|znode| Answer::Children(znode.names())),
            Call::GetChildren2 { .. } => {
                on_znode(|znode| Answer::Children2 { children: znode.names(), stat: znode.stat() })
            }
            Call::Sync { path } => Answer::Synced { path: path.clone() },
            Call::Create { .. } | Call::Delete { .. } | Call::SetData { .. } | Call::Close => return None,
        })
    }

    /// The root has two names.
    fn znode(&self, path: &Text) -> Option<&Znode> {
        self.znode_at(path.bytes())
    }

    fn znode_at(&self, path: &[u8]) -> Option<&Znode> {
        self.znodes.get(if path.is_empty() { ROOT.as_bytes() } else { path })
    }
}

const NO_NODE: Answer = Answer::Error(Code::NoNode.to_wire());

impl Znode {
    fn names(&self) -> Vec<Text> {
        self.children.iter().cloned().collect()
    }

    fn stat(&self) -> Stat {
        let num_children = i32::try_from(self.children.len()).unwrap_or(i32::MAX);
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            pzxid: self.pzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            // Creates and deletes of children: what was created, twice, less what is there.
            cversion: self.cversion.wrapping_mul(2).wrapping_sub(num_children),
            aversion: self.aversion,
            owner: self.owner,
            data_length: self.data.as_ref().map_or(0, |data| i32::try_from(data.bytes().len()).unwrap_or(i32::MAX)),
            num_children,
        }
    }
}

fn check_version(znode: &Znode, version: i32) -> Result<(), Code> {
    if version == -1 || version == znode.version { Ok(()) } else { Err(Code::BadVersion) }
}

/// The parent of a path that need not be valid otherwise.
fn parent_of(path: &Text) -> Result<&[u8], Code> {
    if path.bytes().contains(&0) {
        return Err(Code::BadArguments);
    }
    path.cut().map(|(parent, _)| parent).ok_or(Code::BadArguments)
}

/// Section 2.3. Java checks UTF-16 units, so everything outside the first plane is refused, and
/// bytes that are no UTF-8 have become U+FFFD.
fn is_valid(path: &Text) -> bool {
    let Ok(text) = std::str::from_utf8(path.bytes()) else {
        return false;
    };
    if text == ROOT {
        return true;
    }
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !text
            .chars()
            .any(|c| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..))
}

/// A zxid, as people read it.
pub fn show(zxid: u64) -> String {
    format!("{}.{}", zxid >> 32, zxid as u32)
}

#[cfg(test)]
mod tests;
