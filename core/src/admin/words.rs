//! The four-letter words: Apache's names, and the shapes of its answers.

use super::date::date;
use super::text::{Lines, Shown};
use super::{Connection, Effect, NOT_SERVING, Needs, Server, Surroundings, mode, operation};
use crate::config::LocalSessions;
use crate::id::{ClientId, SessionId};
use crate::zab::ServerState;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Which words are answered (`4lw.commands.whitelist`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whitelist {
    All,
    Some(BTreeSet<String>),
}

impl Whitelist {
    /// Words between commas; a `*` among them stands for all.
    pub fn parse(text: &str) -> Whitelist {
        let words: BTreeSet<String> = text.split(',').map(|word| word.trim().to_string()).collect();
        if words.contains("*") { Whitelist::All } else { Whitelist::Some(words) }
    }

    /// With one word more.
    pub fn with(self, word: &str) -> Whitelist {
        match self {
            Whitelist::All => Whitelist::All,
            Whitelist::Some(mut words) => {
                words.insert(word.to_string());
                Whitelist::Some(words)
            }
        }
    }

    pub fn allows(&self, word: &str) -> bool {
        match self {
            Whitelist::All => true,
            Whitelist::Some(words) => words.contains(word),
        }
    }
}

/// What a word is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    pub effect: Option<Effect>,
}

/// The words that exist.
pub(super) const WORDS: &[&str] = &[
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs",
];

/// A word that exists, and that may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word(&'static str);

/// What four letters ask for: a word, or the answer that it is not in the list; none where no word is. Nothing has to
/// be known for it, for anybody may send letters.
pub fn word(letters: [u8; 4], whitelist: &Whitelist) -> Option<Result<Word, Answer>> {
    let word = WORDS.iter().find(|known| known.as_bytes() == letters)?;
    if whitelist.allows(word) {
        return Some(Ok(Word(word)));
    }
    let text = format!("{word} is not executed because it is not in the whitelist.\n");
    Some(Err(Answer { text, effect: None }))
}

impl Word {
    /// What has to be gathered before it is answered.
    pub fn needs(self) -> Needs {
        Needs::of(self.0)
    }

    /// `mask` follows the word `stmk`.
    pub fn answer(self, mask: Option<i64>, server: &Server<'_>, around: &Surroundings<'_>) -> Answer {
        let text = text(self.0, mask, server, around);
        Answer { text, effect: effect(self.0, mask, server.serving) }
    }
}

fn text(word: &str, mask: Option<i64>, server: &Server<'_>, around: &Surroundings<'_>) -> String {
    let mut lines = Lines::default();
    match word {
        "ruok" => lines.add(format_args!("imok")),
        "gtmk" => lines.add(format_args!("{}", around.trace_mask)),
        "stmk" => lines.add(format_args!("{}", mask.unwrap_or(around.trace_mask))),
        "isro" => lines.add(format_args!("{}", access(server))),
        "envi" => envi(&mut lines, around),
        _ if !server.serving => lines.line(format_args!("{NOT_SERVING}")),
        "conf" => conf(&mut lines, server, around),
        "cons" => cons(&mut lines, server, around),
        "crst" => lines.line(format_args!("Connection stats reset.")),
        "srst" => lines.line(format_args!("Server stats reset.")),
        "dirs" => {
            lines.line(format_args!("datadir_size: {}", around.data_bytes));
            lines.line(format_args!("logdir_size: {}", around.log_bytes));
        }
        "dump" => dump(&mut lines, server, around),
        "hash" => {
            for digest in around.digests {
                lines.line(format_args!("{:x}: {}", digest.zxid.0, digest.digest.cast_signed()));
            }
        }
        "mntr" => mntr(&mut lines, server, around),
        "stat" => stat(&mut lines, server, around, true),
        "srvr" => stat(&mut lines, server, around, false),
        "wchs" => {
            let (connections, paths, watches) = server.service.watched();
            lines.line(format_args!("{connections} connections watching {paths} paths\nTotal watches:{watches}"));
        }
        "wchc" => wchc(&mut lines, server),
        "wchp" => wchp(&mut lines, server),
        other => unreachable!("{other} is in the list"),
    }
    lines.finish()
}

/// What clients may do here.
fn access(server: &Server<'_>) -> &'static str {
    match (server.serving, server.read_only) {
        (_, true) => "ro",
        (true, false) => "rw",
        (false, false) => "null",
    }
}

fn effect(word: &str, mask: Option<i64>, serving: bool) -> Option<Effect> {
    match word {
        "crst" if serving => Some(Effect::ResetConnectionStats),
        "srst" if serving => Some(Effect::ResetServerStats),
        "stmk" => mask.map(Effect::SetTraceMask),
        _ => None,
    }
}

fn envi(lines: &mut Lines, around: &Surroundings<'_>) {
    lines.line(format_args!("Environment:"));
    for (name, value) in around.environment {
        lines.line(format_args!("{name}={value}"));
    }
}

fn conf(lines: &mut Lines, server: &Server<'_>, around: &Surroundings<'_>) {
    let (settings, config) = (around.configuration, server.config);
    let port = |port: Option<u16>| port.map_or("-1".into(), |port| port.to_string());
    lines.line(format_args!("clientPort={}", port(settings.client_port)));
    lines.line(format_args!("secureClientPort={}", port(settings.secure_client_port)));
    lines.line(format_args!("dataDir={}\ndataDirSize={}", settings.data_dir, around.data_bytes));
    lines.line(format_args!("dataLogDir={}\ndataLogSize={}", settings.log_dir, around.log_bytes));
    lines.line(format_args!("tickTime={}", config.tick_ms));
    lines.line(format_args!("maxClientCnxns={}", settings.connections_of_address));
    lines.line(format_args!("minSessionTimeout={}", config.session_timeout_min_ms));
    lines.line(format_args!("maxSessionTimeout={}", config.session_timeout_max_ms));
    lines.line(format_args!("clientPortListenBacklog=-1"));
    lines.line(format_args!("serverId={}", if around.alone { 0 } else { config.me.0 }));
    let Some(member) = &settings.member else { return };
    lines.line(format_args!("initLimit={}\nsyncLimit={}\nelectionAlg=3", config.init_limit, config.sync_limit));
    let ports = |hosts: &[(String, u16)]| {
        let ports: Vec<String> = hosts.iter().map(|(_, port)| port.to_string()).collect();
        ports.join("|")
    };
    lines.line(format_args!("electionPort={}", ports(&member.election)));
    lines.line(format_args!("quorumPort={}", ports(&member.quorum)));
    lines.line(format_args!("peerType={}", u8::from(!config.is_voter())));
    lines.add(format_args!("membership: \n{}", Shown(&config.ensemble.text)));
}

fn cons(lines: &mut Lines, server: &Server<'_>, around: &Surroundings<'_>) {
    for connection in around.connections {
        connection_line(lines, server, connection, false);
    }
    lines.line(format_args!(""));
}

/// The brief form is that of `stat`.
fn connection_line(lines: &mut Lines, server: &Server<'_>, connection: &Connection, brief: bool) {
    let Connection { address, queued, received, sent, .. } = connection;
    let ops = u8::from(connection.reading);
    lines.add(format_args!(" /{address}[{ops}](queued={queued},recved={received},sent={sent}"));
    let session = connection.client.and_then(|client| server.service.session(client));
    if let (false, Some((session, timeout_ms))) = (brief, session) {
        let (lop, est) = (operation(connection.last_op), connection.established_ms);
        lines.add(format_args!(",sid=0x{:x},lop={lop},est={est},to={timeout_ms}", session.0));
        if let Some(cxid) = connection.last_cxid.filter(|cxid| *cxid >= 0) {
            lines.add(format_args!(",lcxid=0x{cxid:x}"));
        }
        let latency = &connection.latency;
        let average = latency.all.sum.checked_div(latency.all.count).unwrap_or(0);
        lines.add(format_args!(",lzxid=0x{:x},lresp={}", connection.last_zxid, connection.last_response_ms));
        lines
            .add(format_args!(",llat={},minlat={},avglat={average},maxlat={}", latency.last, latency.min, latency.max));
    }
    lines.line(format_args!(")"));
}

fn stat(lines: &mut Lines, server: &Server<'_>, around: &Surroundings<'_>, with_clients: bool) {
    lines.line(format_args!("Zookeeper version: {}", around.version));
    if server.read_only {
        lines.line(format_args!("READ-ONLY mode; serving only read-only clients"));
    }
    if with_clients {
        lines.line(format_args!("Clients:"));
        for connection in around.connections {
            connection_line(lines, server, connection, true);
        }
        lines.line(format_args!(""));
    }
    let latency = &around.latency;
    lines.line(format_args!("Latency min/avg/max: {}/{}/{}", latency.min, latency.all, latency.max));
    lines.line(format_args!("Received: {}\nSent: {}", around.received, around.sent));
    lines.line(format_args!("Connections: {}", around.connections.len()));
    lines.line(format_args!("Outstanding: {}", outstanding(around)));
    lines.line(format_args!("Zxid: 0x{:x}", server.service.applied().0));
    lines.line(format_args!("Mode: {}", mode(server, around)));
    lines.line(format_args!("Node count: {}", server.service.database().tree().len()));
    if mode(server, around) == "leader" {
        let [last, min, max] = around.proposals.get();
        lines.line(format_args!("Proposal sizes last/min/max: {last}/{min}/{max}"));
    }
}

pub(super) fn outstanding(around: &Surroundings<'_>) -> u64 {
    around.connections.iter().map(|connection| connection.queued).sum()
}

fn mntr(lines: &mut Lines, server: &Server<'_>, around: &Surroundings<'_>) {
    lines.line(format_args!("zk_version\t{}", around.version));
    lines.line(format_args!("zk_server_state\t{}", mode(server, around)));
    if !around.alone {
        lines.line(format_args!("zk_peer_state\t{}", super::commands::peer_state(server)));
    }
    for (name, value) in super::commands::gauges(server, around).iter().chain(around.measures) {
        lines.line(format_args!("zk_{name}\t{}", value.plain()));
    }
}

fn dump(lines: &mut Lines, server: &Server<'_>, around: &Surroundings<'_>) {
    let database = server.service.database();
    lines.line(format_args!("SessionTracker dump:"));
    let locals: BTreeSet<SessionId> = server.service.local_sessions().collect();
    let has_locals = server.config.local_sessions != LocalSessions::Off;
    if has_locals {
        lines.add(format_args!("Local "));
        dump_by_expiry(lines, around, |session| locals.contains(&session));
    }
    if around.alone || server.state == ServerState::Leading {
        lines.add(format_args!("{}", if has_locals { "Global " } else { "" }));
        dump_by_expiry(lines, around, |session| !locals.contains(&session));
    } else {
        lines.line(format_args!("Global Sessions({}):", database.sessions().len()));
        for (session, timeout_ms) in database.sessions() {
            lines.line(format_args!("0x{:x}\t{timeout_ms}ms", session.0));
        }
    }
    let owners: BTreeSet<SessionId> = database.tree().ephemeral_owners().collect();
    lines.line(format_args!("ephemeral nodes dump:\nSessions with Ephemerals ({}):", owners.len()));
    for owner in owners {
        lines.line(format_args!("0x{:x}:", owner.0));
        for path in database.tree().ephemerals(owner) {
            lines.line(format_args!("\t{}", Shown(path.as_bytes())));
        }
    }
    lines.line(format_args!("Connections dump:"));
    lines.line(format_args!("Connections Sets (1)/({}):", around.connections.len()));
    for connection in around.connections {
        let session = connection.client.and_then(|client| server.service.session(client));
        let session = session.map_or(0, |(session, _)| session.0);
        lines.line(format_args!("\tip: /{} sessionId: 0x{session:x}", connection.address));
    }
}

fn dump_by_expiry(lines: &mut Lines, around: &Surroundings<'_>, is_meant: impl Fn(SessionId) -> bool) {
    let mut by_time = by_expiry(around);
    by_time.values_mut().for_each(|sessions| sessions.retain(|session| is_meant(*session)));
    by_time.retain(|_, sessions| !sessions.is_empty());
    let count: usize = by_time.values().map(Vec::len).sum();
    lines.line(format_args!("Session Sets ({})/({count}):", by_time.len()));
    for (at, sessions) in by_time {
        lines.line(format_args!("{} expire at {}:", sessions.len(), date(at)));
        sessions.iter().for_each(|session| lines.line(format_args!("\t0x{:x}", session.0)));
    }
}

pub(super) fn by_expiry(around: &Surroundings<'_>) -> BTreeMap<i64, Vec<SessionId>> {
    let mut by_time: BTreeMap<i64, Vec<SessionId>> = BTreeMap::new();
    for (at, session) in around.expiries {
        by_time.entry(*at).or_default().push(*session);
    }
    by_time
}

/// The session of a watcher; a watch belongs to a connection, and that has one.
pub(super) fn watcher(server: &Server<'_>, client: ClientId) -> SessionId {
    server.service.session(client).map_or(SessionId(0), |(session, _)| session)
}

fn wchc(lines: &mut Lines, server: &Server<'_>) {
    for (client, paths) in server.service.watches_by_client() {
        lines.line(format_args!("0x{:x}", watcher(server, client).0));
        paths.for_each(|path| lines.line(format_args!("\t{}", Shown(path))));
        if lines.is_full() {
            break;
        }
    }
    lines.line(format_args!(""));
}

fn wchp(lines: &mut Lines, server: &Server<'_>) {
    for (path, clients) in server.service.watches_by_path() {
        lines.line(format_args!("{}", Shown(path)));
        clients.for_each(|client| lines.line(format_args!("\t0x{:x}", watcher(server, client).0)));
        if lines.is_full() {
            break;
        }
    }
    lines.line(format_args!(""));
}
