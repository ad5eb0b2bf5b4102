//! What a quorum is: a majority of the voters, or a majority of the weight in a majority of the
//! groups (reference/zookeeper.md section 3.9).

mod member;
mod members;

pub use member::{Address, Expected, Host, Malformed, Member};
pub use members::{Members, Unreadable};

use crate::id::{ServerId, ServerSet};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A quorum system over a non-empty set of voters. Two quorums always meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Quorum {
    Majority(ServerSet),
    Hierarchical(Hierarchy),
}

/// Groups of weighted servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hierarchy {
    groups: Vec<ServerSet>,
    weights: BTreeMap<ServerId, u32>,
}

/// Why a quorum system cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuorumError {
    NoVoters,
    /// A server stands in two groups.
    TwoGroups(ServerId),
    /// A server with a weight stands in no group.
    NoGroup(ServerId),
    /// Every weight is zero.
    NoWeight,
}

impl Quorum {
    pub fn majority(voters: ServerSet) -> Result<Quorum, QuorumError> {
        if voters.is_empty() {
            return Err(QuorumError::NoVoters);
        }
        Ok(Quorum::Majority(voters))
    }

    /// Groups of servers; a server without a weight weighs 1.
    pub fn hierarchical(groups: Vec<ServerSet>, weights: BTreeMap<ServerId, u32>) -> Result<Quorum, QuorumError> {
        let mut all = ServerSet::EMPTY;
        for group in &groups {
            if let Some(twice) = all.intersection(*group).iter().next() {
                return Err(QuorumError::TwoGroups(twice));
            }
            all = all.union(*group);
        }
        if all.is_empty() {
            return Err(QuorumError::NoVoters);
        }
        if let Some(stray) = weights.keys().find(|s| !all.contains(**s)) {
            return Err(QuorumError::NoGroup(*stray));
        }
        let hierarchy = Hierarchy { groups, weights };
        if all.iter().all(|s| hierarchy.weight(s) == 0) {
            return Err(QuorumError::NoWeight);
        }
        Ok(Quorum::Hierarchical(hierarchy))
    }

    pub fn voters(&self) -> ServerSet {
        match self {
            Quorum::Majority(voters) => *voters,
            Quorum::Hierarchical(h) => h.groups.iter().fold(ServerSet::EMPTY, |all, g| all.union(*g)),
        }
    }

    /// Whether these servers are a quorum. Servers that are no voters do not count.
    pub fn contains(&self, servers: ServerSet) -> bool {
        match self {
            Quorum::Majority(voters) => servers.intersection(*voters).len() > voters.len() / 2,
            Quorum::Hierarchical(h) => h.contains(servers),
        }
    }

    /// A server of weight 0 never becomes leader.
    pub fn weight(&self, server: ServerId) -> u32 {
        match self {
            Quorum::Majority(voters) => u32::from(voters.contains(server)),
            Quorum::Hierarchical(h) => h.weight(server),
        }
    }
}

impl Hierarchy {
    fn weight(&self, server: ServerId) -> u32 {
        if !self.groups.iter().any(|g| g.contains(server)) {
            return 0;
        }
        self.weights.get(&server).copied().unwrap_or(1)
    }

    fn weight_of(&self, servers: ServerSet) -> u64 {
        servers.iter().map(|s| u64::from(self.weight(s))).sum()
    }

    fn contains(&self, servers: ServerSet) -> bool {
        let weighty = self.groups.iter().filter(|g| self.weight_of(**g) > 0);
        let (mut groups, mut won) = (0u32, 0u32);
        for group in weighty {
            groups += 1;
            if self.weight_of(servers.intersection(*group)) > self.weight_of(*group) / 2 {
                won += 1;
            }
        }
        won > groups / 2
    }
}

#[cfg(test)]
mod tests;
