//! The commands of the admin server: Apache's names, and the fields of its answers.

use super::text::Shown;
use super::value::Value;
use super::words::{by_expiry, outstanding, watcher};
use super::{Connection, Effect, NOT_SERVING, Needs, Phase, Server, Surroundings, mode, operation};
use crate::zab::ServerState;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// A question of the admin server.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The first is the one that answers carry.
    names: &'static [&'static str],
    pub need: Need,
    run: Run,
}

type Fields = Vec<(String, Value)>;
type Run = fn(&Server<'_>, &Surroundings<'_>) -> Fields;

/// What has to be there for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// A server that serves.
    Serving,
    /// Who may do everything with the root, and a server that serves.
    Root,
}

/// An answer: its HTTP status, its JSON, and what asking has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: Value,
    pub effect: Option<Effect>,
}

/// Why a command that wants authority is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is named.
    NobodyNamed,
    /// It exists, and this server does not offer it.
    NotOffered,
}

const COMMANDS: &[Command] = &[
    Command { names: &["configuration", "conf", "config"], need: Need::Serving, run: configuration },
    Command { names: &["connection_stat_reset", "crst"], need: Need::Serving, run: nothing },
    Command { names: &["connections", "cons"], need: Need::Serving, run: connections },
    Command { names: &["dirs"], need: Need::Serving, run: dirs },
    Command { names: &["dump"], need: Need::Serving, run: dump },
    Command { names: &["environment", "env", "envi"], need: Need::Nothing, run: environment },
    Command { names: &["get_trace_mask", "gtmk"], need: Need::Nothing, run: trace_mask },
    Command { names: &["hash"], need: Need::Serving, run: hash },
    Command { names: &["initial_configuration", "icfg"], need: Need::Serving, run: initial_configuration },
    Command { names: &["is_read_only", "isro"], need: Need::Serving, run: is_read_only },
    Command { names: &["last_snapshot", "lsnp"], need: Need::Serving, run: last_snapshot },
    Command { names: &["leader", "lead"], need: Need::Serving, run: leader },
    Command { names: &["monitor", "mntr"], need: Need::Nothing, run: monitor },
    Command { names: &["observer_connection_stat_reset", "orst"], need: Need::Serving, run: nothing },
    Command { names: &["observers", "obsr"], need: Need::Serving, run: observers },
    Command { names: &["restore", "rest"], need: Need::Root, run: nothing },
    Command { names: &["ruok"], need: Need::Serving, run: nothing },
    Command { names: &["server_stats", "srvr"], need: Need::Serving, run: server_stats },
    Command { names: &["set_trace_mask", "stmk"], need: Need::Nothing, run: nothing },
    Command { names: &["shed_connections", "shed"], need: Need::Root, run: nothing },
    Command { names: &["snapshot", "snap"], need: Need::Root, run: nothing },
    Command { names: &["stat_reset", "srst"], need: Need::Serving, run: nothing },
    Command { names: &["stats", "stat"], need: Need::Serving, run: stats },
    Command { names: &["system_properties", "sysp"], need: Need::Nothing, run: environment },
    Command { names: &["voting_view"], need: Need::Serving, run: voting_view },
    Command { names: &["watch_summary", "wchs"], need: Need::Serving, run: watch_summary },
    Command { names: &["watches", "wchc"], need: Need::Serving, run: watches },
    Command { names: &["watches_by_path", "wchp"], need: Need::Serving, run: watches_by_path },
    Command { names: &["zabstate"], need: Need::Nothing, run: zabstate },
];

impl Command {
    pub fn named(name: &str) -> Option<&'static Command> {
        COMMANDS.iter().find(|command| command.names.contains(&name))
    }

    /// Every command's first name, sorted.
    pub fn all() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|command| command.names[0])
    }

    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// What has to be gathered before it is answered.
    pub fn needs(&self) -> Needs {
        Needs::of(self.name())
    }

    /// Runs a command that needs no authority; `mask` is the argument `traceMask`.
    pub fn answer(&self, mask: Option<&str>, server: &Server<'_>, around: &Surroundings<'_>) -> Response {
        if self.need != Need::Nothing && !server.serving {
            return failed(200, self.name(), NOT_SERVING);
        }
        let (mut fields, mut effect) = ((self.run)(server, around), None);
        match self.name() {
            "connection_stat_reset" => effect = Some(Effect::ResetConnectionStats),
            "stat_reset" => effect = Some(Effect::ResetServerStats),
            "set_trace_mask" => match mask.map(|mask| (mask, mask.parse::<i64>())) {
                Some((_, Ok(mask))) => {
                    fields.push(field("tracemask", Value::Integer(mask)));
                    effect = Some(Effect::SetTraceMask(mask));
                }
                Some((other, Err(_))) => {
                    let text = format!("setTraceMask requires long traceMask argument, got {other}");
                    return failed(200, self.name(), &text);
                }
                None => return failed(200, self.name(), "setTraceMask requires long traceMask argument"),
            },
            _ => {}
        }
        Response { status: 200, body: body(self.name(), None, fields), effect }
    }

    /// The answer to who may not, or to what cannot be done.
    pub fn refuse(&self, why: Refusal) -> Response {
        match why {
            Refusal::NobodyNamed => failed(401, self.name(), "Auth info is missing for the command"),
            Refusal::NotOffered => failed(501, self.name(), "This server does not offer the command"),
        }
    }

    /// The answer to a name that is no command's.
    pub fn unknown(name: &str) -> Response {
        failed(200, name, &format!("Unknown command: {name}"))
    }
}

fn failed(status: u16, name: &str, error: &str) -> Response {
    Response { status, body: body(name, Some(error), Vec::new()), effect: None }
}

/// An answer's own field `error` stands for the error.
fn body(name: &str, error: Option<&str>, fields: Fields) -> Value {
    let has_error = fields.iter().any(|(name, _)| name == "error");
    let mut entries = fields;
    entries.push(field("command", Value::text(name)));
    if !has_error {
        entries.push(field("error", error.map_or(Value::Null, Value::text)));
    }
    Value::Map(entries)
}

fn field(name: &str, value: Value) -> (String, Value) {
    (name.into(), value)
}

fn nothing(_: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    Vec::new()
}

fn configuration(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let (settings, config) = (around.configuration, server.config);
    let port = settings.client_port.map_or(-1, i64::from);
    let id = if around.alone { 0 } else { i64::from(config.me.0) };
    let mut fields = vec![
        field("client_port", Value::Integer(port)),
        field("data_dir", Value::text(&*settings.data_dir)),
        field("data_log_dir", Value::text(&*settings.log_dir)),
        field("tick_time", Value::Integer(config.tick_ms.into())),
        field("max_client_cnxns", Value::Integer(settings.connections_of_address.into())),
        field("min_session_timeout", Value::Integer(config.session_timeout_min_ms.into())),
        field("max_session_timeout", Value::Integer(config.session_timeout_max_ms.into())),
        field("server_id", Value::Integer(id)),
        field("client_port_listen_backlog", Value::Integer(-1)),
    ];
    let Some(member) = &settings.member else { return fields };
    let first = |hosts: &[(String, u16)]| hosts.first().map_or(-1, |(_, port)| i64::from(*port));
    fields.extend([
        field("init_limit", Value::Integer(config.init_limit.into())),
        field("sync_limit", Value::Integer(config.sync_limit.into())),
        field("election_alg", Value::Integer(3)),
        field("election_port", Value::Integer(first(&member.election))),
        field("quorum_port", Value::Integer(first(&member.quorum))),
        field("peer_type", Value::Integer(i64::from(!config.is_voter()))),
    ]);
    fields
}

fn connections(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    listed(server, around, false)
}

/// The clients' connections, those over TLS apart.
fn listed(server: &Server<'_>, around: &Surroundings<'_>, brief: bool) -> Fields {
    let of = |secure| {
        let those = around.connections.iter().filter(|connection| connection.secure == secure);
        Value::List(those.map(|connection| connection_fields(server, connection, brief)).collect())
    };
    vec![field("connections", of(false)), field("secure_connections", of(true))]
}

fn connection_fields(server: &Server<'_>, connection: &Connection, brief: bool) -> Value {
    let session = connection.client.and_then(|client| server.service.session(client));
    let mut fields = vec![
        field("remote_socket_address", Value::Text(format!("/{}", connection.address))),
        field("interest_ops", Value::Integer(connection.reading.into())),
        field("outstanding_requests", Value::count(connection.queued)),
        field("packets_received", Value::count(connection.received)),
        field("packets_sent", Value::count(connection.sent)),
    ];
    if !brief {
        let latency = &connection.latency;
        let average = latency.all.sum.checked_div(latency.all.count).unwrap_or(0);
        fields.extend([
            field("session_id", Value::Integer(session.map_or(0, |(session, _)| session.0))),
            field("last_operation", Value::text(operation(connection.last_op))),
            field("established", Value::Integer(connection.established_ms)),
            field("session_timeout", Value::Integer(session.map_or(0, |(_, timeout_ms)| timeout_ms.into()))),
            field("last_cxid", Value::Integer(connection.last_cxid.map_or(-1, i64::from))),
            field("last_zxid", Value::Integer(connection.last_zxid)),
            field("last_response_time", Value::count(connection.last_response_ms)),
            field("last_latency", Value::count(latency.last)),
            field("min_latency", Value::count(latency.min)),
            field("avg_latency", Value::count(average)),
            field("max_latency", Value::count(latency.max)),
        ]);
    }
    Value::Map(fields)
}

fn dirs(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    vec![field("datadir_size", Value::count(around.data_bytes)), field("logdir_size", Value::count(around.log_bytes))]
}

fn dump(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let expiries = by_expiry(around).into_iter().map(|(at, sessions)| {
        let sessions = sessions.iter().map(|session| Value::Integer(session.0)).collect();
        (at.to_string(), Value::List(sessions))
    });
    let tree = server.service.database().tree();
    let ephemerals = tree.ephemeral_owners().map(|owner| {
        let paths = tree.ephemerals(owner).map(|path| Value::Text(Shown(path.as_bytes()).to_string())).collect();
        (owner.0.to_string(), Value::List(paths))
    });
    vec![
        field("expiry_time_to_session_ids", Value::Map(expiries.collect())),
        field("session_id_to_ephemeral_paths", Value::Map(ephemerals.collect())),
    ]
}

fn environment(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    around.environment.iter().map(|(name, value)| field(name, Value::text(&**value))).collect()
}

fn trace_mask(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    vec![field("tracemask", Value::Integer(around.trace_mask))]
}

fn hash(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let digests = around.digests.iter().map(|digest| {
        Value::Map(vec![
            field("zxid", Value::Integer(digest.zxid.0.cast_signed())),
            field("digest", Value::Integer(digest.digest.cast_signed())),
            field("digest_version", Value::Integer(2)),
        ])
    });
    vec![field("digests", Value::List(digests.collect()))]
}

fn initial_configuration(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    vec![field("initial_configuration", Value::text(&*around.configuration.initial))]
}

fn is_read_only(server: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    vec![field("read_only", Value::Bool(server.read_only))]
}

fn last_snapshot(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let (zxid, at) = around.snapshot.map_or((u64::MAX, -1), |(zxid, at)| (zxid.0, at));
    vec![field("zxid", Value::Text(format!("{zxid:x}"))), field("timestamp", Value::Integer(at))]
}

fn leader(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    if around.alone {
        return vec![field("error", Value::text("server is not initialized"))];
    }
    let voters = around.configuration.member.iter().flat_map(|member| &member.voters);
    let address = server.leader.and_then(|leader| voters.clone().find(|voter| voter.id == leader)?.quorum.first());
    let host = address.and_then(|address| Some(address.rsplit_once(':')?.0)).unwrap_or_default();
    vec![
        field("is_leader", Value::Bool(server.state == ServerState::Leading)),
        field("leader_id", Value::Integer(server.leader.map_or(-1, |leader| leader.0.into()))),
        field("leader_ip", Value::text(host)),
    ]
}

fn monitor(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let mut fields =
        vec![field("version", Value::text(around.version)), field("server_state", Value::text(mode(server, around)))];
    if !around.alone {
        fields.push(field("peer_state", Value::Text(peer_state(server))));
    }
    fields.extend(gauges(server, around));
    fields.extend(around.measures.iter().cloned());
    fields
}

fn observers(server: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    vec![
        field("synced_observers", Value::count(server.learners.synced_observers)),
        field("observers", Value::List(Vec::new())),
    ]
}

fn sizes(sizes: super::Sizes) -> Value {
    let [last, min, max] = sizes.get();
    Value::Map(vec![
        field("last_buffer_size", Value::Integer(last)),
        field("min_buffer_size", Value::Integer(min)),
        field("max_buffer_size", Value::Integer(max)),
    ])
}

fn server_stats(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let stats = vec![
        field("packets_sent", Value::count(around.sent)),
        field("packets_received", Value::count(around.received)),
        field("min_latency", Value::count(around.latency.min)),
        field("avg_latency", Value::Average(around.latency.all)),
        field("max_latency", Value::count(around.latency.max)),
        field("last_processed_zxid", Value::Integer(server.service.applied().0.cast_signed())),
        field("outstanding_requests", Value::count(outstanding(around))),
        field("server_state", Value::text(mode(server, around))),
        field("num_alive_client_connections", Value::count(around.connections.len() as u64)),
        field("data_dir_size", Value::count(around.data_bytes)),
        field("log_dir_size", Value::count(around.log_bytes)),
    ];
    let mut fields = vec![
        field("version", Value::text(around.version)),
        field("read_only", Value::Bool(server.read_only)),
        field("server_stats", Value::Map(stats)),
        field("client_response", sizes(around.responses)),
    ];
    if mode(server, around) == "leader" {
        fields.push(field("proposal_stats", sizes(around.proposals)));
    }
    fields.push(field("node_count", Value::count(server.service.database().tree().len() as u64)));
    fields
}

fn stats(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let mut fields = server_stats(server, around);
    fields.extend(listed(server, around, true));
    fields
}

fn voting_view(_: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let list = |addresses: &[String]| Value::List(addresses.iter().map(|address| Value::text(&**address)).collect());
    let voters = around.configuration.member.iter().flat_map(|member| &member.voters).map(|voter| {
        let fields = vec![
            field("server_addresses", list(&voter.quorum)),
            field("election_addresses", list(&voter.election)),
            field("client_address", Value::text(&*voter.client)),
            field("learner_type", Value::text("participant")),
        ];
        (voter.id.0.to_string(), Value::Map(fields))
    });
    vec![field("current_config", Value::Map(voters.collect()))]
}

fn watch_summary(server: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    let (connections, paths, watches) = server.service.watched();
    vec![
        field("num_connections", Value::count(connections as u64)),
        field("num_paths", Value::count(paths as u64)),
        field("num_total_watches", Value::count(watches as u64)),
    ]
}

fn watches(server: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    let mut by_session: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for (client, paths) in server.service.watches_by_client() {
        let paths = paths.map(|path| Value::Text(Shown(path).to_string()));
        by_session.entry(watcher(server, client).0).or_default().extend(paths);
    }
    let entries = by_session.into_iter().map(|(session, paths)| (session.to_string(), Value::List(paths)));
    vec![field("session_id_to_watched_paths", Value::Map(entries.collect()))]
}

fn watches_by_path(server: &Server<'_>, _: &Surroundings<'_>) -> Fields {
    let entries = server.service.watches_by_path().map(|(path, clients)| {
        let sessions = clients.map(|client| Value::Integer(watcher(server, client).0)).collect();
        (Shown(path).to_string(), Value::List(sessions))
    });
    vec![field("path_to_session_ids", Value::Map(entries.collect()))]
}

fn zabstate(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let Some(member) = around.configuration.member.as_ref().filter(|_| !around.alone) else {
        return vec![field("voting", Value::Bool(false)), field("zabstate", Value::text(""))];
    };
    let zxid = server.service.applied();
    let address = |hosts: &[(String, u16)]| {
        let addresses: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        Value::Text(addresses.join("|"))
    };
    vec![
        field("myid", Value::Integer(server.config.me.0.into())),
        field("is_leader", Value::Bool(server.state == ServerState::Leading)),
        field("quorum_address", address(&member.quorum)),
        field("election_address", address(&member.election)),
        field("client_address", Value::text(&*member.client)),
        field("voting", Value::Bool(server.config.is_voter())),
        field("last_zxid", Value::Text(format!("0x{:x}", zxid.0))),
        field("zab_epoch", Value::count(zxid.0 >> 32)),
        field("zab_counter", Value::count(zxid.0 & 0xffff_ffff)),
        field("zabstate", Value::text(phase(server))),
    ]
}

fn phase(server: &Server<'_>) -> &'static str {
    match server.phase {
        Phase::Election => "election",
        Phase::Discovery => "discovery",
        Phase::Synchronization => "synchronization",
        Phase::Broadcast => "broadcast",
    }
}

/// Role and phase, as `mntr` has them.
pub(super) fn peer_state(server: &Server<'_>) -> String {
    let role = match server.state {
        ServerState::Looking => return "looking".into(),
        ServerState::Following => "following",
        ServerState::Leading => "leading",
        ServerState::Observing => "observing",
    };
    format!("{role} - {}", phase(server))
}

/// What the server itself counts, under the names of Apache's metrics.
pub fn gauges(server: &Server<'_>, around: &Surroundings<'_>) -> Fields {
    let (database, service) = (server.service.database(), server.service);
    let tree = database.tree();
    let ephemerals: usize = tree.ephemeral_owners().map(|owner| tree.ephemerals(owner).count()).sum();
    let [last, min, max] = around.responses.get();
    let mut fields = vec![
        field("avg_latency", Value::Average(around.latency.all)),
        field("min_latency", Value::count(around.latency.min)),
        field("max_latency", Value::count(around.latency.max)),
        field("packets_received", Value::count(around.received)),
        field("packets_sent", Value::count(around.sent)),
        field("num_alive_connections", Value::count(around.connections.len() as u64)),
        field("outstanding_requests", Value::count(outstanding(around))),
        field("znode_count", Value::count(tree.len() as u64)),
        field("watch_count", Value::count(service.watches_len() as u64)),
        field("ephemerals_count", Value::count(ephemerals as u64)),
        field("approximate_data_size", Value::count(tree.approximate_bytes())),
        field("global_sessions", Value::count(database.sessions().len() as u64)),
        field("local_sessions", Value::count(service.local_sessions().count() as u64)),
        field("last_client_response_size", Value::Integer(last)),
        field("min_client_response_size", Value::Integer(min)),
        field("max_client_response_size", Value::Integer(max)),
    ];
    if !around.alone {
        fields.push(field("quorum_size", Value::count(server.config.ensemble.voters().len().into())));
    }
    if mode(server, around) == "leader" {
        let [last, min, max] = around.proposals.get();
        fields.extend([
            field("learners", Value::count(server.learners.all)),
            field("synced_followers", Value::count(server.learners.synced_followers)),
            field("synced_non_voting_followers", Value::Integer(0)),
            field("synced_observers", Value::count(server.learners.synced_observers)),
            field("pending_syncs", Value::count(server.learners.pending_syncs)),
            field("last_proposal_size", Value::Integer(last)),
            field("min_proposal_size", Value::Integer(min)),
            field("max_proposal_size", Value::Integer(max)),
        ]);
    }
    fields
}
