//! A configuration that a server can start with.

use super::secure::Secure;
use super::throttling::Throttling;
use super::{Host, Member};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use zabra_core::admin::Whitelist;
use zabra_core::config::{Access, Config, Ensemble, Fading, Limits, LocalSessions, Reconfig, RequestThrottle};
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::log::StoreLimits;
use zabra_core::quorum::{Members, Quorum};

/// The admin server: where it listens, and the path of its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub host: Host,
    pub url: String,
}

/// Everything that the file says, valid.
#[derive(Clone, Debug)]
pub struct Settings {
    pub me: ServerId,
    /// Empty when the server is alone.
    pub members: BTreeMap<ServerId, Member>,
    /// The lines of groups and of weights, which `quorum` was made of.
    pub groups: BTreeMap<u64, Vec<u64>>,
    pub weights: BTreeMap<u64, u32>,
    pub quorum: Quorum,
    pub observers: ServerSet,
    pub data_dir: PathBuf,
    pub log_dir: PathBuf,
    /// Where clients are served, if at all.
    pub client: Option<Host>,
    /// Where clients are served by TLS, and how.
    pub secure: Option<Secure>,
    pub tick_ms: u32,
    pub init_limit: u32,
    pub sync_limit: u32,
    pub session_min_ms: u32,
    pub session_max_ms: u32,
    /// Connections of one address; 0 is no limit.
    pub client_connections: u32,
    /// Connections of all clients; 0 is no limit.
    pub all_connections: u32,
    pub access: Access,
    pub fading: Fading,
    pub read_only: bool,
    pub local_sessions: LocalSessions,
    pub reconfig: Reconfig,
    /// The version of the members' configuration: 0 until the ensemble was changed.
    pub version: u64,
    /// The file that all this stands in: it is written anew when the ensemble changes.
    pub file: Option<PathBuf>,
    pub throttling: Throttling,
    /// Requests of all connections that wait at once.
    pub outstanding: u32,
    pub requests: RequestThrottle,
    /// Which requests are large, and how many bytes of them may wait at once.
    pub large: (Option<u32>, u32),
    /// Bytes of replies that may wait for all clients together.
    pub replies_bytes: usize,
    /// Bytes that may be kept of requests that are not whole, of all clients together.
    pub begun_bytes: usize,
    /// Refused connections that are named in the log in a second.
    pub refusals_logged: u32,
    /// `snapCount`, where it is set.
    pub snap_count: Option<u32>,
    /// How many snapshots are kept, where purging is on.
    pub purge: Option<usize>,
    pub segment_bytes: u64,
    pub frame_bytes: u32,
    /// Whether a directory without a database is a new server's.
    pub autocreate: bool,
    pub listen_everywhere: bool,
    pub connect_timeout_ms: u32,
    pub words: Whitelist,
    /// The file's text, for operators who ask.
    pub initial: String,
    pub admin: Option<Admin>,
    /// Where Prometheus finds the metrics.
    pub metrics: Option<Host>,
}

impl Settings {
    /// A lone server on the loopback, with its data under the current directory: what `serve` starts
    /// without a file. Nobody is kept out of a server without ACLs, so it does not listen wider.
    pub fn alone() -> Settings {
        let me = ServerId(1);
        Settings {
            me,
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            weights: BTreeMap::new(),
            quorum: Quorum::majority([me].into_iter().collect()).expect("one voter is a majority of itself"),
            observers: ServerSet::EMPTY,
            data_dir: PathBuf::from("zabra-data"),
            log_dir: PathBuf::from("zabra-data"),
            client: Some(Host { name: "127.0.0.1".into(), port: 2181 }),
            secure: None,
            tick_ms: 2000,
            init_limit: 10,
            sync_limit: 5,
            session_min_ms: 4000,
            session_max_ms: 40_000,
            client_connections: 60,
            all_connections: 0,
            access: Access::default(),
            fading: Fading::default(),
            read_only: false,
            local_sessions: LocalSessions::Off,
            reconfig: Reconfig::default(),
            version: 0,
            file: None,
            throttling: Throttling::default(),
            outstanding: Limits::default().outstanding_of_all,
            requests: RequestThrottle::default(),
            large: (None, Limits::default().large_request_bytes_of_all),
            replies_bytes: 512 << 20,
            begun_bytes: 512 << 20,
            refusals_logged: 10,
            snap_count: None,
            purge: None,
            segment_bytes: StoreLimits::default().segment_bytes,
            frame_bytes: Limits::default().frame_bytes,
            autocreate: true,
            listen_everywhere: false,
            connect_timeout_ms: 5000,
            words: Whitelist::parse("srvr"),
            initial: String::new(),
            admin: None,
            metrics: None,
        }
    }

    pub fn is_alone(&self) -> bool {
        self.members.is_empty()
    }

    /// What the core has to know.
    pub fn core(&self) -> Config {
        let ensemble = Ensemble {
            quorum: self.quorum.clone(),
            observers: self.observers,
            version: self.version,
            text: Arc::from(self.ensemble_text().as_bytes()),
        };
        let mut config = Config::new(self.me, Arc::new(ensemble)).with_tick_ms(self.tick_ms);
        config.init_limit = self.init_limit;
        config.sync_limit = self.sync_limit;
        config.session_timeout_min_ms = self.session_min_ms;
        config.session_timeout_max_ms = self.session_max_ms;
        config.limits.frame_bytes = self.frame_bytes;
        config.limits.packet_bytes = config.limits.packet_bytes.max(self.frame_bytes.saturating_mul(4));
        config.access = self.access.clone();
        config.fading = self.fading.clone();
        config.read_only = self.read_only;
        config.local_sessions = self.local_sessions;
        config.reconfig = self.reconfig;
        config.limits.outstanding_of_all = self.outstanding;
        config.throttle = self.requests.clone();
        (config.limits.large_request_bytes, config.limits.large_request_bytes_of_all) = self.large;
        if let Some(count) = self.snap_count {
            config.limits.checkpoint_records = count;
        }
        config
    }

    /// The members as a dynamic configuration's text has them (section 3.10).
    fn ensemble_text(&self) -> String {
        let servers = self.members.iter().map(|(id, member)| (id.0.into(), member.clone())).collect();
        let (groups, weights) = (self.groups.clone(), self.weights.clone());
        Members { servers, groups, weights, version: self.version }.text()
    }

    pub fn store(&self) -> StoreLimits {
        // A record is no longer than a packet: what was written has to be believed when it is read.
        let plain = StoreLimits::default();
        let record_bytes = plain.record_bytes.max(self.core().limits.packet_bytes);
        StoreLimits { segment_bytes: self.segment_bytes, record_bytes, ..plain }
    }
}
