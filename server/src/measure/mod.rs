//! What a server counts: totals, each connection's traffic, and the metrics that Apache's servers
//! have under the same names (reference/zookeeper.md section 5.4). Counting decides nothing.

#[cfg(not(madsim))]
mod prometheus;
mod summary;
mod traffic;

#[cfg(not(madsim))]
pub use prometheus::exposition;
pub use summary::{Detail, Summary};
pub use traffic::Traffic;

use std::collections::VecDeque;
use tokio::time::Instant;
use zabra_core::admin::{Average, Digest, Latency, Sizes, Value};
use zabra_core::contract::{DropReason, Event, LineTurn, LocalTurn, SyncMode};
use zabra_core::wire::Op;
use zabra_core::zab::ServerState;

/// Every how many transactions the tree's digest is kept, and how many digests are.
const DIGEST_INTERVAL: u64 = 128;
const DIGESTS: usize = 1024;

/// The counters, with Apache's names.
macro_rules! counters {
    ($($name:ident)*) => {
        /// Counters since the start.
        #[derive(Clone, Debug, Default)]
        pub struct Counters {
            $(pub $name: u64,)*
        }

        impl Counters {
            /// Names and counts.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    auth_failed_count bytes_received_count commit_count connection_drop_count connection_rejected
    connection_request_count diff_count digest_mismatches_count learner_commit_received_count
    large_requests_rejected learner_proposal_received_count looking_count op_count_add_watch op_count_auth op_count_check_watches
    op_count_close_session op_count_create op_count_create_session op_count_delete op_count_exists
    op_count_get_acl op_count_get_all_children_number op_count_get_children op_count_get_data
    op_count_get_ephemerals op_count_multi op_count_multi_read op_count_ping op_count_remove_watches
    op_count_set_acl op_count_set_data op_count_set_watches op_count_sync op_count_total op_count_who_am_i
    proposal_count request_throttle_wait_count response_bytes sessionless_connections_expired snap_count
    stale_requests stale_requests_dropped stale_sessions_expired throttled_ops unread_connections_dropped
    unrecoverable_error_count unsuccessful_handshake watch_bytes
}

/// Everything that is counted for a server.
#[derive(Debug)]
pub struct Stats {
    pub received: u64,
    pub sent: u64,
    pub latency: Latency,
    pub proposals: Sizes,
    pub responses: Sizes,
    pub counters: Counters,
    pub digests: VecDeque<Digest>,
    pub trace_mask: i64,
    /// What the system says of the process, as it was last asked.
    pub process: Vec<(&'static str, u64)>,
    started: Instant,
    looking_since: Option<Instant>,
    leading_since: Option<Instant>,
    read_latency: Summary,
    update_latency: Summary,
    election_time: Summary,
    flush_time: Summary,
    token_deficit: Summary,
    throttle_time: Summary,
}

impl Stats {
    pub fn new(now: Instant) -> Stats {
        Stats {
            received: 0,
            sent: 0,
            latency: Latency::default(),
            proposals: Sizes::default(),
            responses: Sizes::default(),
            counters: Counters::default(),
            digests: VecDeque::new(),
            // What Apache's servers begin with.
            trace_mask: 306,
            process: Vec::new(),
            started: now,
            looking_since: None,
            leading_since: None,
            read_latency: Summary::new(Detail::Advanced, now),
            update_latency: Summary::new(Detail::Advanced, now),
            election_time: Summary::new(Detail::Basic, now),
            flush_time: Summary::new(Detail::Advanced, now),
            token_deficit: Summary::new(Detail::Basic, now),
            throttle_time: Summary::new(Detail::Advanced, now),
        }
    }

    /// What `srst` resets.
    pub fn reset(&mut self) {
        (self.received, self.sent) = (0, 0);
        self.latency = Latency::default();
        self.proposals = Sizes::default();
    }

    /// A request came in.
    pub fn on_request(&mut self, op: i32, bytes: usize) {
        self.received += 1;
        self.counters.bytes_received_count += bytes as u64;
        self.counters.op_count_total += 1;
        if let Some(counter) = self.counters.of_op(op) {
            *counter += 1;
        }
    }

    /// A reply leaves; `answered` is the request's operation and how long it took.
    pub fn on_reply(&mut self, bytes: usize, answered: Option<(i32, u64)>, now: Instant) {
        self.sent += 1;
        self.responses.add(bytes);
        self.counters.response_bytes += bytes as u64;
        let Some((op, ms)) = answered else { return };
        self.latency.add(ms);
        if is_update(op) {
            self.update_latency.add(ms, now);
        } else if op != Op::PING {
            self.read_latency.add(ms, now);
        }
    }

    /// An event leaves for a watcher.
    pub fn on_watch(&mut self, bytes: usize) {
        self.sent += 1;
        self.counters.watch_bytes += bytes as u64;
    }

    /// Records that waited since `since` are durable.
    pub fn on_flushed(&mut self, since: Instant, now: Instant) {
        self.flush_time.add(ms_between(since, now), now);
    }

    /// A client may ask for a session, when so many tokens are out.
    pub fn on_admitted(&mut self, deficit: u64, now: Instant) {
        self.token_deficit.add(deficit, now);
    }

    pub fn on_drop(&mut self, reason: DropReason) {
        self.counters.connection_drop_count += 1;
        self.counters.auth_failed_count += u64::from(reason == DropReason::AuthFailed);
    }

    /// Counts what the core reports.
    pub fn on_event(&mut self, event: &Event, now: Instant) {
        let counters = &mut self.counters;
        match event {
            Event::Role { state: ServerState::Looking, .. } => {
                counters.looking_count += 1;
                (self.looking_since, self.leading_since) = (Some(now), None);
            }
            Event::Elected { .. } => {
                if let Some(since) = self.looking_since.take() {
                    self.election_time.add(ms_between(since, now), now);
                }
            }
            Event::SyncPlanned { mode: SyncMode::Snap, .. } => counters.snap_count += 1,
            Event::SyncPlanned { .. } => counters.diff_count += 1,
            Event::Established { .. } => self.leading_since = Some(now),
            Event::Proposed { record } => {
                counters.proposal_count += 1;
                self.proposals.add(record.bytes.len());
            }
            Event::Accepted { .. } => counters.learner_proposal_received_count += 1,
            Event::Committed { .. } => counters.commit_count += 1,
            Event::DigestMismatch { .. } => counters.digest_mismatches_count += 1,
            Event::SessionExpiring { .. } | Event::LocalSession { turn: LocalTurn::Expires, .. } => {
                counters.stale_sessions_expired += 1
            }
            Event::Stopped { .. } => counters.unrecoverable_error_count += 1,
            Event::LargeRequestRefused { .. } => counters.large_requests_rejected += 1,
            Event::Throttled { turn, waited_ms, .. } => self.on_throttled(*turn, *waited_ms, now),
            Event::Applied { .. } if self.leading_since.is_none() => counters.learner_commit_received_count += 1,
            Event::Role { .. }
            | Event::Voted { .. }
            | Event::EpochProposed { .. }
            | Event::EpochAccepted { .. }
            | Event::EpochAcked { .. }
            | Event::NewLeaderAcked { .. }
            | Event::UpToDate { .. }
            | Event::Acked { .. }
            | Event::Applied { .. }
            | Event::Truncated { .. }
            | Event::ImageInstalled { .. }
            | Event::SyncAborted { .. }
            | Event::Configured { .. }
            | Event::LearnerLost { .. }
            | Event::Resigned { .. }
            | Event::PacketIgnored { .. }
            | Event::PeerRefused { .. }
            | Event::SessionOwned { .. }
            | Event::LocalSession { .. }
            | Event::Prepared { .. }
            | Event::SessionAttached { .. }
            | Event::SessionRefused { .. }
            | Event::Requested { .. }
            | Event::Replied { .. }
            | Event::ReadOnly { .. }
            | Event::SyncAnswered { .. } => {}
        }
    }

    fn on_throttled(&mut self, turn: LineTurn, waited_ms: u64, now: Instant) {
        match turn {
            LineTurn::Waits => return self.counters.request_throttle_wait_count += 1,
            LineTurn::Taken => {}
            LineTurn::Late => self.counters.throttled_ops += 1,
            LineTurn::Stale => {
                self.counters.stale_requests += 1;
                self.counters.stale_requests_dropped += 1;
            }
        }
        self.throttle_time.add(waited_ms, now);
    }

    /// Whether a digest is due to be kept at this zxid.
    pub fn wants_digest(&self, zxid: u64) -> bool {
        self.digests.back().map_or(0, |newest| newest.zxid.0) / DIGEST_INTERVAL != zxid / DIGEST_INTERVAL
    }

    pub fn keep_digest(&mut self, digest: Digest) {
        if self.digests.len() == DIGESTS {
            self.digests.pop_front();
        }
        self.digests.push_back(digest);
    }

    /// Gauges that are the process's.
    pub fn gauges(&self, now: Instant) -> Vec<(&'static str, u64)> {
        let mut gauges = vec![("uptime", ms_between(self.started, now))];
        if let Some(since) = self.leading_since {
            gauges.push(("leader_uptime", ms_between(since, now)));
        }
        gauges.extend_from_slice(&self.process);
        gauges
    }

    /// The summaries, with Apache's names.
    pub fn summaries(&self) -> [(&'static str, &Summary); 6] {
        [
            ("readlatency", &self.read_latency),
            ("updatelatency", &self.update_latency),
            ("election_time", &self.election_time),
            ("sync_processor_queue_and_flush_time_ms", &self.flush_time),
            ("connection_token_deficit", &self.token_deficit),
            ("request_throttle_queue_time_ms", &self.throttle_time),
        ]
    }

    /// All but what the core counts itself, as `mntr` has it.
    pub fn measures(&self, now: Instant) -> Vec<(String, Value)> {
        let numbers = self.gauges(now).into_iter().chain(self.counters.list());
        let mut measures: Vec<(String, Value)> =
            numbers.map(|(name, value)| (name.into(), Value::count(value))).collect();
        for (name, summary) in self.summaries() {
            let all = Average { sum: summary.sum(), count: summary.count() };
            measures.push((format!("avg_{name}"), Value::Average(all)));
            let mut add = |part: &str, value| measures.push((format!("{part}_{name}"), Value::count(value)));
            add("min", summary.min());
            add("max", summary.max());
            add("cnt", summary.count());
            add("sum", summary.sum());
            for (part, quantile) in summary.percentiles(now) {
                add(part, quantile);
            }
        }
        measures
    }
}

impl Counters {
    fn of_op(&mut self, op: i32) -> Option<&mut u64> {
        Some(match op {
            Op::CREATE | Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL => &mut self.op_count_create,
            Op::DELETE => &mut self.op_count_delete,
            Op::EXISTS => &mut self.op_count_exists,
            Op::GET_DATA => &mut self.op_count_get_data,
            Op::SET_DATA => &mut self.op_count_set_data,
            Op::GET_ACL => &mut self.op_count_get_acl,
            Op::SET_ACL => &mut self.op_count_set_acl,
            Op::GET_CHILDREN | Op::GET_CHILDREN2 => &mut self.op_count_get_children,
            Op::GET_ALL_CHILDREN_NUMBER => &mut self.op_count_get_all_children_number,
            Op::GET_EPHEMERALS => &mut self.op_count_get_ephemerals,
            Op::SYNC => &mut self.op_count_sync,
            Op::PING => &mut self.op_count_ping,
            Op::MULTI => &mut self.op_count_multi,
            Op::MULTI_READ => &mut self.op_count_multi_read,
            Op::CHECK_WATCHES => &mut self.op_count_check_watches,
            Op::REMOVE_WATCHES => &mut self.op_count_remove_watches,
            Op::ADD_WATCH => &mut self.op_count_add_watch,
            Op::SET_WATCHES | Op::SET_WATCHES2 => &mut self.op_count_set_watches,
            Op::WHO_AM_I => &mut self.op_count_who_am_i,
            Op::AUTH => &mut self.op_count_auth,
            Op::CREATE_SESSION => &mut self.op_count_create_session,
            Op::CLOSE_SESSION => &mut self.op_count_close_session,
            _ => return None,
        })
    }
}

/// Whether an operation is answered after a transaction.
fn is_update(op: i32) -> bool {
    matches!(
        op,
        Op::CREATE
            | Op::CREATE2
            | Op::CREATE_CONTAINER
            | Op::CREATE_TTL
            | Op::DELETE
            | Op::SET_DATA
            | Op::SET_ACL
            | Op::MULTI
            | Op::CREATE_SESSION
            | Op::CLOSE_SESSION
    )
}

fn ms_between(since: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX)
}
