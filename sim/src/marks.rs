//! Marks: what a run reached. A hunt in which a mark that its file demands stays at zero fails, for
//! it did not test what it claims to test.
//!
//! A mark is a predicate over the events of the servers and the steps of the world; counting one
//! changes nothing.

use std::collections::BTreeMap;
use zabra_core::contract::{Event, Joined, LineTurn, LocalTurn, Resigned, SyncMode};
use zabra_core::id::{ServerId, ServerSet, SessionId};
use zabra_core::zab::{ServerState, Vote};

macro_rules! marks {
    ($($mark:ident $name:literal: $sentence:literal;)*) => {
        /// Something worth reaching.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark { $(#[doc = $sentence] $mark,)* }

        impl Mark {
            pub const ALL: &'static [Mark] = &[$(Mark::$mark,)*];

            /// Its name in scenario files and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Mark::$mark => $name,)* }
            }

            pub const fn sentence(self) -> &'static str {
                match self { $(Mark::$mark => $sentence,)* }
            }

            pub fn named(name: &str) -> Option<Mark> {
                Mark::ALL.iter().copied().find(|mark| mark.name() == name)
            }
        }
    };
}

marks! {
    Election "election": "a server left LOOKING by a quorum of votes";
    ElectionTie "election-tie": "a vote went to an equally recent candidate with a larger id";
    JoinedRunning "joined-running": "a server joined an ensemble that already had a leader";
    Established "established": "a leader was established";
    SyncDiff "sync-diff": "a learner was synchronized by DIFF";
    SyncTrunc "sync-trunc": "a learner was synchronized by TRUNC";
    SyncTruncDiff "sync-trunc-diff": "a learner was synchronized by TRUNC and DIFF";
    SyncSnap "sync-snap": "a learner was synchronized by SNAP";
    SyncLogDiff "sync-log-diff": "a learner was synchronized by a DIFF that was read from the log";
    Truncated "truncated": "records were cut from a history";
    ImageInstalled "image-installed": "a leader's image replaced a database";
    ImageAborted "image-aborted": "a synchronization by SNAP ended before NEWLEADER was acknowledged";
    SyncAborted "sync-aborted": "a synchronization ended before NEWLEADER was acknowledged";
    Rollover "rollover": "an epoch ended because its counter did";
    QuorumLost "quorum-lost": "a leader stepped down because it heard no quorum";
    FollowerAhead "follower-ahead": "a leadership ended because a follower was more recent";
    EpochPassed "epoch-passed": "a leadership ended because a learner had accepted a later epoch";
    InitLimit "init-limit": "a leadership ended because it was not established in time";
    RoleChange "role-change": "a role ended without a crash";
    Committed "committed": "a transaction was committed";
    PacketIgnored "packet-ignored": "a packet of another connection, epoch or phase was dropped";
    PeerRefused "peer-refused": "a peer was refused for what it sent";
    SessionExpired "session-expired": "a session's silence ended it";
    ExpiryWhileCut "expiry-while-cut": "a session expired while servers were cut from one another";
    SessionMoved "session-moved": "a session was attached again";
    SessionRefused "session-refused": "a session was refused";
    StrictSync "strict-sync": "a sync was answered by a fresh quorum";
    LocalSession "local-session": "a session began that is one server's alone";
    LocalUpgraded "local-upgraded": "a session that was one server's alone became the ensemble's";
    LocalExpired "local-expired": "a session's silence ended it at the one server whose it was";
    LocalMoved "local-moved": "a session that is one server's alone was refused at another";
    ReadOnly "read-only": "a client was served without a quorum";
    Throttled "throttled": "a request waited in the line of those that are to be taken";
    ThrottledOp "throttled-op": "a request that had waited too long was answered so";
    StaleRequest "stale-request": "a connection was closed because a request of it had waited too long";
    Crash "crash": "a server crashed";
    CrashWhileWriting "crash-while-writing": "a server crashed while writes were pending";
    TornTail "torn-tail": "a start found less than what had been written, and went on";
    TornBatch "torn-batch": "a start cut a batch that a crash had torn in the middle";
    Restart "restart": "a server started again";
    Wiped "wiped": "a server lost its disk";
    DiskFailed "disk-failed": "a storage operation failed and the server stopped";
    ConfigurationProposed "configuration-proposed": "a configuration was logged: the old one and the new one count";
    ConfigurationInForce "configuration-in-force": "a new configuration came into force";
    ConfigurationForgotten "configuration-forgotten": "a configuration that was logged was cut off again";
    ConfigurationBehind "configuration-behind": "a crash left a configuration file behind what had come into force";
    VoterJoined "voter-joined": "a configuration with a new voter came into force";
    RemovedUncounted "removed-uncounted": "a leader committed without the voters that a configuration had removed";
    LeaderLostPending "leader-lost-pending": "a leader was lost while a configuration was pending";
    LeaderRemoved "leader-removed": "a leader ended with the configuration that it led";
    ServerStopped "server-stopped": "a server stopped itself";
    Encoded "encoded": "the peers' packets were encoded and decoded on every hop";
    Checkpoint "checkpoint": "a snapshot was completed";
    Purged "purged": "old snapshots and logs were removed behind a checkpoint";
    CrashInCheckpoint "crash-in-checkpoint": "a crash came between two storage operations of a checkpoint";
    CrashInPurge "crash-in-purge": "a crash came between two removals of a purge";
    CrashInPreparation "crash-in-preparation": "a crash came between two storage operations that prepare a segment";
    CrashInRecovery "crash-in-recovery": "a crash came between two storage operations of a recovery";
    UnknownOutcome "unknown-outcome": "a client never learned what became of an operation";
}

/// How often each mark was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    counts: Vec<u64>,
    /// The last vote of each server: a tie shows where it changes to an equally recent candidate.
    votes: BTreeMap<ServerId, Vote>,
    /// The sessions that are one server's alone.
    locals: BTreeMap<SessionId, ServerId>,
    /// What each server goes by.
    members: BTreeMap<ServerId, Standing>,
    leaders: ServerSet,
}

/// A server's configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// Of the newer one.
    version: u64,
    pending: bool,
    /// The voters of the one in force.
    voters: ServerSet,
    /// The voters that it had before, while nothing was committed without them.
    removed: ServerSet,
}

impl Default for Marks {
    fn default() -> Self {
        Marks {
            counts: vec![0; Mark::ALL.len()],
            votes: BTreeMap::new(),
            locals: BTreeMap::new(),
            members: BTreeMap::new(),
            leaders: ServerSet::EMPTY,
        }
    }
}

impl Marks {
    pub fn hit(&mut self, mark: Mark) {
        self.counts[mark as usize] += 1;
    }

    pub fn count(&self, mark: Mark) -> u64 {
        self.counts[mark as usize]
    }

    pub fn add(&mut self, other: &Marks) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// Name and count of every mark, in order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (Mark, u64)> {
        Mark::ALL.iter().map(|mark| (*mark, self.count(*mark)))
    }

    /// A server reported this; `cut`: some path between servers is cut.
    pub fn see(&mut self, server: ServerId, event: &Event, cut: bool) {
        match event {
            Event::Elected { joined, .. } => match joined {
                Joined::Election => self.hit(Mark::Election),
                Joined::RunningEnsemble => self.hit(Mark::JoinedRunning),
            },
            Event::Established { .. } => {
                self.hit(Mark::Established);
                self.leaders.insert(server);
            }
            Event::SyncPlanned { mode, .. } => self.hit(sync_mark(*mode)),
            Event::Truncated { .. } => self.hit(Mark::Truncated),
            Event::ImageInstalled { .. } => self.hit(Mark::ImageInstalled),
            Event::SyncAborted { mode } => self.see_aborted(*mode),
            Event::Resigned { why, .. } => {
                self.hit(Mark::RoleChange);
                self.hit(resigned_mark(*why));
            }
            Event::Committed { .. } => {
                self.hit(Mark::Committed);
                self.see_uncounted(server);
            }
            Event::PacketIgnored { .. } => self.hit(Mark::PacketIgnored),
            Event::PeerRefused { .. } => self.hit(Mark::PeerRefused),
            Event::SessionExpiring { .. } => {
                self.hit(Mark::SessionExpired);
                if cut {
                    self.hit(Mark::ExpiryWhileCut);
                }
            }
            Event::SessionAttached { session, .. } if session.is_read_only() => self.hit(Mark::ReadOnly),
            Event::SessionAttached { .. } => self.hit(Mark::SessionMoved),
            Event::SessionRefused { session } => {
                self.hit(Mark::SessionRefused);
                if self.locals.get(session).is_some_and(|home| *home != server) {
                    self.hit(Mark::LocalMoved);
                }
            }
            Event::LocalSession { session, turn } => self.see_local(server, *session, *turn),
            Event::Throttled { turn, .. } => self.see_line(*turn),
            Event::SyncAnswered { .. } => self.hit(Mark::StrictSync),
            Event::Configured { version, voters, proposed } => {
                self.see_configured(server, *version, voters.voters(), proposed.is_some());
            }
            Event::Stopped { .. } => {
                self.hit(Mark::ServerStopped);
                self.gone(server);
            }
            Event::Role { state: ServerState::Looking, .. } => self.gone(server),
            Event::Voted { vote, .. } => self.see_vote(server, *vote),
            Event::Role { .. }
            | Event::EpochProposed { .. }
            | Event::EpochAccepted { .. }
            | Event::EpochAcked { .. }
            | Event::NewLeaderAcked { .. }
            | Event::UpToDate { .. }
            | Event::Proposed { .. }
            | Event::Accepted { .. }
            | Event::Acked { .. }
            | Event::Applied { .. }
            | Event::DigestMismatch { .. }
            | Event::LearnerLost { .. }
            | Event::SessionOwned { .. }
            | Event::Prepared { .. }
            | Event::ReadOnly { .. }
            | Event::LargeRequestRefused { .. }
            | Event::Requested { .. }
            | Event::Replied { .. } => {}
        }
    }
}

impl Marks {
    fn see_aborted(&mut self, mode: SyncMode) {
        self.hit(Mark::SyncAborted);
        if mode == SyncMode::Snap {
            self.hit(Mark::ImageAborted);
        }
    }

    fn see_vote(&mut self, server: ServerId, vote: Vote) {
        let before = self.votes.insert(server, vote);
        let tied = |old: Vote| (old.epoch, old.zxid) == (vote.epoch, vote.zxid) && old.leader != vote.leader;
        if before.is_some_and(tied) {
            self.hit(Mark::ElectionTie);
        }
    }

    fn see_line(&mut self, turn: LineTurn) {
        match turn {
            LineTurn::Waits => self.hit(Mark::Throttled),
            LineTurn::Taken => {}
            LineTurn::Late => self.hit(Mark::ThrottledOp),
            LineTurn::Stale => self.hit(Mark::StaleRequest),
        }
    }

    /// A server leads no longer, if it did.
    pub fn gone(&mut self, server: ServerId) {
        if !self.leaders.contains(server) {
            return;
        }
        self.leaders.remove(server);
        if let Some(standing) = self.members.get_mut(&server) {
            standing.removed = ServerSet::EMPTY;
            if standing.pending {
                self.hit(Mark::LeaderLostPending);
            }
        }
    }

    fn see_configured(&mut self, server: ServerId, version: u64, voters: ServerSet, pending: bool) {
        let known = self.members.contains_key(&server);
        let before = self.members.get(&server).cloned().unwrap_or_default();
        let mut now = Standing { version, pending, voters, removed: before.removed };
        match (before.pending, pending) {
            (_, true) if version > before.version => self.hit(Mark::ConfigurationProposed),
            (true, false) if version < before.version => self.hit(Mark::ConfigurationForgotten),
            (was, false) if known && (was || version > before.version) => {
                self.hit(Mark::ConfigurationInForce);
                if !voters.is_subset(before.voters) {
                    self.hit(Mark::VoterJoined);
                }
                if self.leaders.contains(server) {
                    now.removed = before.voters.difference(voters);
                }
            }
            (true | false, true | false) => {}
        }
        self.members.insert(server, now);
    }

    /// A leader commits: by the configuration in force, without whom it has removed.
    fn see_uncounted(&mut self, server: ServerId) {
        let Some(standing) = self.members.get_mut(&server) else { return };
        if !std::mem::take(&mut standing.removed).is_empty() {
            self.hit(Mark::RemovedUncounted);
        }
    }

    fn see_local(&mut self, server: ServerId, session: SessionId, turn: LocalTurn) {
        match turn {
            LocalTurn::Begins => {
                self.hit(Mark::LocalSession);
                self.locals.insert(session, server);
            }
            LocalTurn::Upgrades => {
                self.hit(Mark::LocalUpgraded);
                self.locals.remove(&session);
            }
            LocalTurn::Expires => {
                self.hit(Mark::LocalExpired);
                self.locals.remove(&session);
            }
            LocalTurn::Ends => {
                self.locals.remove(&session);
            }
        }
    }
}

fn resigned_mark(why: Resigned) -> Mark {
    match why {
        Resigned::QuorumLost => Mark::QuorumLost,
        Resigned::InitLimit => Mark::InitLimit,
        Resigned::FollowerAhead => Mark::FollowerAhead,
        Resigned::EpochPassed => Mark::EpochPassed,
        Resigned::CounterExhausted => Mark::Rollover,
        Resigned::Reconfigured => Mark::LeaderRemoved,
    }
}

fn sync_mark(mode: SyncMode) -> Mark {
    match mode {
        SyncMode::Diff => Mark::SyncDiff,
        SyncMode::Trunc => Mark::SyncTrunc,
        SyncMode::TruncDiff => Mark::SyncTruncDiff,
        SyncMode::Snap => Mark::SyncSnap,
        SyncMode::LogDiff => Mark::SyncLogDiff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_found_by_its_name() {
        for mark in Mark::ALL {
            assert_eq!(Mark::named(mark.name()), Some(*mark));
        }
        assert_eq!(Mark::named("no such mark"), None);
    }
}
