//! A server's configuration: parsed, never invalid.

use crate::id::{ServerId, ServerSet};
use crate::quorum::{Members, Quorum, Unreadable};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::fmt;

/// What one server knows of itself and of its ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub me: ServerId,
    /// The configuration in force: the newest one that is known to be committed.
    pub ensemble: Arc<Ensemble>,
    /// One that is logged here and not known to be committed: until then both count (section 3.10).
    pub proposed: Option<Arc<Ensemble>>,
    pub reconfig: Reconfig,
    /// Milliseconds of a tick.
    pub tick_ms: u32,
    /// Ticks that discovery and synchronization may take.
    pub init_limit: u32,
    /// Ticks after which a silent peer is given up.
    pub sync_limit: u32,
    pub session_timeout_min_ms: u32,
    pub session_timeout_max_ms: u32,
    /// How long LOOKING waits for a better vote after a quorum (upper bound).
    pub finalize_wait_ms: u32,
    /// First and longest interval between repeated notifications.
    pub notification_min_ms: u32,
    pub notification_max_ms: u32,
    pub redial_min_ms: u32,
    pub redial_max_ms: u32,
    pub limits: Limits,
    pub access: Access,
    pub fading: Fading,
    /// Whether a server without a quorum answers the reads of clients that allow for it
    /// (`readonlymode.enabled`).
    pub read_only: bool,
    pub local_sessions: LocalSessions,
    pub throttle: RequestThrottle,
}

/// The line in which requests wait to be taken, and how long they may (reference/zookeeper.md section 1.11).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestThrottle {
    /// So many requests of all connections are served at once, the others wait in the line; 0: there is no line
    /// (`request_throttle_max_requests`).
    pub max_requests: u32,
    /// How often the line is looked at, which is how ages are counted (`request_throttle_stall_time`).
    pub stall_ms: u32,
    /// Whether a request that has waited longer than its session's timeout is dropped, with its connection
    /// (`request_throttle_drop_stale` and `request_stale_latency_check`).
    pub drops_stale: bool,
    /// A request that has waited longer is answered −127; 0: however long (`throttled_op_wait_time`).
    pub wait_ms: u32,
}

impl Default for RequestThrottle {
    fn default() -> Self {
        RequestThrottle { max_requests: 0, stall_ms: 100, drops_stale: false, wait_ms: 0 }
    }
}

/// Whether new sessions are of their server alone (reference/zookeeper.md section 1.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LocalSessions {
    /// Every session is the ensemble's.
    #[default]
    Off,
    /// New sessions are their server's, and remain so: they own no ephemerals (`localSessionsEnabled`).
    Kept,
    /// New sessions are their server's until they ask for an ephemeral: then a transaction makes them the
    /// ensemble's (`localSessionsUpgradingEnabled` too).
    Upgraded,
}

/// Whether and how far the ensemble may be changed while it runs (section 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reconfig {
    /// `reconfigEnabled`. Without it what stands in the servers' own files counts, whatever the log says
    /// (ZOOKEEPER-2819, ZOOKEEPER-3829).
    pub enabled: bool,
    /// Fewest voters of a new configuration: two, or one where `standaloneEnabled` is off.
    pub voters_min: u8,
}

impl Default for Reconfig {
    fn default() -> Self {
        Reconfig { enabled: false, voters_min: 2 }
    }
}

/// Who may do what, as far as the configuration says it (reference/zookeeper.md section 1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// The digest id that is the superuser: `super:` and the hash of its password.
    pub super_digest: Option<Arc<[u8]>>,
    /// Whether clients may be known by their certificates.
    pub x509: bool,
    /// The certificate's subject that is the superuser.
    pub x509_super: Option<Arc<[u8]>>,
    /// Whether access control lists are kept but not looked at (`zookeeper.skipACL`).
    pub skip_acl: bool,
    /// Whether hard quotas refuse writes (`enforceQuota`).
    pub enforce_quota: bool,
    /// The schemes of which a client has to be known by one, if there are any: nobody else's requests are
    /// served (`enforce.auth.schemes`, `sessionRequireClientSASLAuth`).
    pub required: BTreeSet<Arc<str>>,
    /// Who may be known by SASL; nobody, and the scheme is not there, without it.
    pub sasl: Option<Arc<Sasl>>,
}

/// SASL by DIGEST-MD5 (reference/zookeeper.md section 1.10).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sasl {
    pub users: BTreeMap<Arc<str>, Password>,
    /// The users that are the superuser (`superUser`, `superUser.N`).
    pub superusers: BTreeSet<Arc<str>>,
    /// Whether a connection may go on, as nobody, whose client could not show who it is
    /// (`allowSaslFailedClients`).
    pub lets_failed_stay: bool,
    /// Random, and of one life of the server: challenges are made with it.
    pub secret: [u8; 32],
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("users", &self.users.keys()).finish_non_exhaustive()
    }
}

/// A password, which no message shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Password(Arc<str>);

impl Password {
    pub fn new(text: &str) -> Password {
        Password(Arc::from(text))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// When containers and znodes with a time to live are deleted (reference/zookeeper.md section 2.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fading {
    /// How often the leader looks (`znode.container.checkIntervalMs`).
    pub check_ms: u32,
    /// Deletions in a minute (`znode.container.maxPerMinute`).
    pub per_minute: u32,
    /// A container that never had a child goes after this time; 0: it stays
    /// (`znode.container.maxNeverUsedIntervalMs`, as Apache's next version has it).
    pub never_used_ms: u32,
}

impl Default for Fading {
    fn default() -> Self {
        Fading { check_ms: 60_000, per_minute: 10_000, never_used_ms: 300_000 }
    }
}

/// The members of an ensemble and what a quorum of them is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ensemble {
    pub quorum: Quorum,
    pub observers: ServerSet,
    /// The configuration's version: the zxid that committed it.
    pub version: u64,
    /// The dynamic configuration's text, as notifications and NEWLEADER carry it.
    pub text: Arc<[u8]>,
}

impl Ensemble {
    /// The ensemble that a dynamic configuration's text describes.
    pub fn parse(text: &[u8]) -> Result<Ensemble, Unreadable> {
        let members = Members::parse(text)?;
        Ok(Ensemble {
            quorum: members.quorum()?,
            observers: members.observers(),
            version: members.version,
            text: Arc::from(text),
        })
    }

    pub fn voters(&self) -> ServerSet {
        self.quorum.voters()
    }

    pub fn members(&self) -> ServerSet {
        self.voters().union(self.observers)
    }
}

/// Everything has a limit; each is named, and its reason stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Longest client frame: Apache's default `jute.maxbuffer`, one byte under 1 MiB.
    pub frame_bytes: u32,
    /// Longest packet between servers: a transaction adds headers, ids and the paths of a closed
    /// session to the longest frame; Apache allows two frames' worth for each buffer in it.
    pub packet_bytes: u32,
    /// Requests of one connection that wait at once; beyond it reading is switched off.
    pub outstanding: u32,
    /// Requests of all connections that wait at once (`globalOutstandingLimit`): beyond it nothing more is
    /// read of a connection whose requests wait. A learner has a part of it: see [`Config::waiting_limit`].
    pub outstanding_of_all: u32,
    /// Bytes of requests of one connection that wait at once, as above: a thousand of the longest frames
    /// would be a gigabyte, before anybody has said who he is.
    pub outstanding_bytes: usize,
    /// The same of all connections; beyond it, those whose requests wait are not read from.
    pub outstanding_bytes_of_all: usize,
    /// A longer request is a large one (`largeRequestThreshold`); without a bound none is.
    pub large_request_bytes: Option<u32>,
    /// Bytes of the large requests of all connections that wait at once; who sends one more is given up
    /// (`largeRequestMaxBytes`).
    pub large_request_bytes_of_all: u32,
    /// Bytes of frames of one connection that wait for its session; beyond it reading is switched off.
    pub held_bytes: usize,
    /// Identities of one connection: each request carries all of them.
    pub identities: usize,
    /// Bytes of the paths that one connection watches, with 64 for each watch.
    pub watch_bytes: usize,
    /// Bytes of replies that one connection gets at once, behind one write or one election. A client that
    /// wants more before it reads is given up, as a driver gives up who does not read so much.
    pub burst_bytes: usize,
    /// The same of all connections in one step; whose read would come on top is not served any more.
    pub step_bytes: usize,
    /// Longest answer to a multiRead: it may name one large znode as often as its frame has room for.
    pub reply_bytes: usize,
    /// Connections of learners that may wait until a server knows that it leads: each of 64 servers, and
    /// once more after a connection whose end is not known yet.
    pub lobby: usize,
    /// Syncs of one learner that wait at its leader; a connection of a client waits for one at a time. A
    /// learner that asks for more is given up.
    pub syncs: usize,
    /// Bytes of committed records kept in memory for synchronization (contract section 2).
    pub window_bytes: u64,
    /// Records (or bytes) of log after which a checkpoint is taken (contract section 3).
    pub checkpoint_records: u32,
    pub checkpoint_bytes: u64,
    /// The counter that no transaction has: it ends the epoch (ZOOKEEPER-1277). A zxid has room for
    /// 32 bits; the explorers give it fewer, so that epochs end within a run.
    pub counter_end: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame_bytes: 0xf_ffff,
            packet_bytes: 4 << 20,
            outstanding: 1000,
            outstanding_of_all: 1000,
            outstanding_bytes: 16 << 20,
            outstanding_bytes_of_all: 512 << 20,
            large_request_bytes: None,
            large_request_bytes_of_all: 100 << 20,
            held_bytes: 128 << 10,
            identities: 100,
            watch_bytes: 128 << 20,
            burst_bytes: 64 << 20,
            step_bytes: 512 << 20,
            reply_bytes: 16 << 20,
            lobby: 128,
            syncs: 1 << 16,
            window_bytes: 16 << 20,
            checkpoint_records: 200_000,
            checkpoint_bytes: 64 << 20,
            counter_end: u32::MAX,
        }
    }
}

impl Limits {
    /// Whether a request of so many bytes is a large one.
    pub fn is_large(&self, bytes: usize) -> bool {
        self.large_request_bytes.is_some_and(|most| bytes > most as usize)
    }
}

impl Config {
    /// A configuration with Apache's sample timing (tick 2000 ms, initLimit 10, syncLimit 5).
    pub fn new(me: ServerId, ensemble: Arc<Ensemble>) -> Self {
        Config {
            me,
            ensemble,
            proposed: None,
            reconfig: Reconfig::default(),
            tick_ms: 2000,
            init_limit: 10,
            sync_limit: 5,
            session_timeout_min_ms: 4000,
            session_timeout_max_ms: 40_000,
            finalize_wait_ms: 200,
            notification_min_ms: 200,
            notification_max_ms: 60_000,
            redial_min_ms: 5,
            redial_max_ms: 100,
            limits: Limits::default(),
            access: Access::default(),
            fading: Fading::default(),
            read_only: false,
            local_sessions: LocalSessions::Off,
            throttle: RequestThrottle::default(),
        }
    }

    /// Sets the tick, and with it the bounds of session timeouts (2 and 20 ticks).
    pub fn with_tick_ms(mut self, tick_ms: u32) -> Self {
        self.tick_ms = tick_ms;
        self.session_timeout_min_ms = tick_ms.saturating_mul(2);
        self.session_timeout_max_ms = tick_ms.saturating_mul(20);
        self
    }

    /// How many requests may wait at a server that leads, or does not. What the learners of three servers
    /// or more let wait adds up at the leader, so each has its share, as Apache's have.
    pub fn waiting_limit(&self, leads: bool) -> usize {
        let voters = self.ensemble.voters().len();
        let share = if leads || voters <= 2 { 1 } else { voters - 1 };
        (self.limits.outstanding_of_all / share) as usize
    }

    /// How long LOOKING lasts before reads are answered without a quorum: as Apache's server waits.
    pub fn read_only_grace_ms(&self) -> u32 {
        self.tick_ms.max(2000)
    }

    /// Whether this server votes in a configuration that counts.
    pub fn is_voter(&self) -> bool {
        self.voters().contains(self.me)
    }

    /// The voters of the configurations that count.
    pub fn voters(&self) -> ServerSet {
        let proposed = self.proposed.as_ref().map_or(ServerSet::EMPTY, |proposed| proposed.voters());
        self.ensemble.voters().union(proposed)
    }

    /// Whether these servers are a quorum of every configuration that counts.
    pub fn has_quorum(&self, servers: ServerSet) -> bool {
        self.ensemble.quorum.contains(servers)
            && self.proposed.as_ref().is_none_or(|proposed| proposed.quorum.contains(servers))
    }

    /// A server's weight: 0 only where it has none in any configuration that counts.
    pub fn weight(&self, server: ServerId) -> u32 {
        let proposed = self.proposed.as_ref().map_or(0, |proposed| proposed.quorum.weight(server));
        self.ensemble.quorum.weight(server).max(proposed)
    }

    /// The newest configuration that this server has logged.
    pub fn newest(&self) -> &Arc<Ensemble> {
        self.proposed.as_ref().unwrap_or(&self.ensemble)
    }
}
