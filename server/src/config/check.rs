//! From entries to settings: every value is looked at, and every problem said.

mod access;
mod dynamic;
mod operators;
mod redact;
mod sasl;
mod secure;
mod throttling;
mod value;

use super::key::{Standing, standing, suggestion};
use super::problem::{Problem, Severity};
use super::settings::Settings;
use super::text::{Entry, entries};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use zabra_core::admin::Whitelist;
use zabra_core::config::LocalSessions;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::quorum::{Host, Member, Quorum, QuorumError};

/// Reads a `zoo.cfg`, and the `myid` that it leads to. The warnings come with the settings.
#[expect(clippy::disallowed_methods, reason = "the two files of a configuration are read before anything runs")]
pub fn read(path: &Path) -> Result<(Settings, Vec<Problem>), Vec<Problem>> {
    let name = path.display().to_string();
    let cannot = |error: std::io::Error| {
        let text = format!("cannot be read: {error}");
        vec![Problem { severity: Severity::Error, file: name.clone(), line: None, text }]
    };
    let text = fs::read_to_string(path).map_err(cannot)?;
    let found = parse(&name, &text, |file| fs::read_to_string(file).ok());
    #[cfg(not(madsim))]
    if let Ok((Settings { secure: Some(secure), .. }, _)) = &found
        && let Err(wrong) = crate::tls::load(secure)
    {
        return Err(vec![Problem { severity: Severity::Error, file: name, line: wrong.line, text: wrong.text }]);
    }
    found.map(|(settings, problems)| (Settings { file: Some(path.to_path_buf()), ..settings }, problems))
}

/// The same for a text; `open` gives the text of another file, if there is one.
pub fn parse(
    file: &str,
    text: &str,
    open: impl Fn(&Path) -> Option<String>,
) -> Result<(Settings, Vec<Problem>), Vec<Problem>> {
    let mut check = Check { file: file.into(), entries: BTreeMap::new(), problems: Vec::new() };
    check.take(entries(text));
    let own_lines = text.lines().count();
    let dynamic = check.take_dynamic(own_lines, &open);
    let settings = check.settings(open);
    let Check { mut problems, .. } = check;
    dynamic::place(&mut problems, dynamic, own_lines);
    problems.sort_by_key(|problem| (problem.line.is_none(), problem.line));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let settings = settings.expect("without a problem there are settings");
    Ok((Settings { initial: redact::without_secrets(text), ..settings }, problems))
}

struct Check {
    file: String,
    /// The last one of each key counts, as it does for Apache.
    entries: BTreeMap<String, Entry>,
    problems: Vec<Problem>,
}

impl Check {
    fn take(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let key = entry.key.strip_prefix("zookeeper.").unwrap_or(&entry.key).to_string();
            match standing(&key) {
                Some(Standing::Obeyed) => {}
                Some(Standing::Without) => self.warn(entry.line, format!("{key} has no effect in this server yet")),
                None => {
                    let meant = suggestion(&key).map(|known| format!(": did you mean {known}?")).unwrap_or_default();
                    self.warn(entry.line, format!("unknown key {key}{meant}"));
                }
            }
            if let Some(earlier) = self.entries.get(&key) {
                let text = format!("{key} stands on line {} too: this one counts", earlier.line);
                self.warn(entry.line, text);
            }
            self.entries.insert(key, entry);
        }
    }

    fn settings(&mut self, open: impl Fn(&Path) -> Option<String>) -> Option<Settings> {
        let plain = Settings::alone();
        let data_dir = self.data_dir();
        let members = self.members();
        let me = self.me(&members, data_dir.as_deref(), &open);
        self.peer_type(&members, me);
        let groups = if members.is_empty() { BTreeMap::new() } else { self.groups() };
        let weights = if groups.is_empty() { BTreeMap::new() } else { self.weights() };
        let (quorum, observers) = self.quorum(&members, &groups, &weights);
        let tick_ms = self.number("tickTime", 2, i32::MAX as u32).unwrap_or(3000);
        let (init_limit, sync_limit) = self.limits(!members.is_empty());
        let (session_min_ms, session_max_ms) = self.sessions(tick_ms);
        let client = self.client(me.and_then(|me| members.get(&me)));
        let read_only = self.flag("readonlymode.enabled").unwrap_or(plain.read_only);
        let secure = self.secure(&open);
        self.fail_closed();
        let data_dir = data_dir?;
        let log_dir = self.entries.get("dataLogDir").map_or(data_dir.clone(), |e| PathBuf::from(&e.value));
        Some(Settings {
            me: me?,
            members,
            groups,
            weights,
            quorum: quorum?,
            observers,
            log_dir,
            data_dir,
            client,
            secure,
            tick_ms,
            init_limit,
            sync_limit,
            session_min_ms,
            session_max_ms,
            client_connections: self.number("maxClientCnxns", 0, u32::MAX).unwrap_or(plain.client_connections),
            all_connections: self.number("maxCnxns", 0, u32::MAX).unwrap_or(0),
            access: self.access(&open),
            fading: self.fading(),
            read_only,
            local_sessions: self.local_sessions(),
            reconfig: self.reconfig(),
            version: self.version(),
            file: None,
            throttling: self.throttling(),
            outstanding: self.number("globalOutstandingLimit", 1, i32::MAX as u32).unwrap_or(plain.outstanding),
            requests: self.requests(),
            large: self.large_requests(),
            replies_bytes: self.bytes("zabra.repliesMaxBytes").unwrap_or(plain.replies_bytes),
            begun_bytes: self.bytes("zabra.requestsMaxBytes").unwrap_or(plain.begun_bytes),
            refusals_logged: self.number("zabra.refusalsLoggedPerSecond", 1, u32::MAX).unwrap_or(plain.refusals_logged),
            snap_count: self.number("snapCount", 2, u32::MAX),
            purge: self.purge(),
            segment_bytes: self
                .number("preAllocSize", 64, 1 << 21)
                .map_or(plain.segment_bytes, |kb| u64::from(kb) << 10),
            frame_bytes: self.number("jute.maxbuffer", 1024, 1 << 28).unwrap_or(plain.frame_bytes),
            autocreate: self.flag("db.autocreate").unwrap_or(plain.autocreate),
            listen_everywhere: self.flag("quorumListenOnAllIPs").unwrap_or(plain.listen_everywhere),
            connect_timeout_ms: self.number("cnxTimeout", 1, 600_000).unwrap_or(plain.connect_timeout_ms),
            words: self.words(plain.words, read_only),
            initial: plain.initial,
            admin: self.admin(),
            metrics: self.metrics(),
        })
    }

    fn local_sessions(&mut self) -> LocalSessions {
        let is_enabled = self.flag("localSessionsEnabled").unwrap_or_default();
        match (is_enabled, self.flag("localSessionsUpgradingEnabled").unwrap_or_default()) {
            (false, _) => LocalSessions::Off,
            (true, false) => LocalSessions::Kept,
            (true, true) => LocalSessions::Upgraded,
        }
    }

    fn data_dir(&mut self) -> Option<PathBuf> {
        match self.entries.get("dataDir") {
            Some(entry) if !entry.value.is_empty() => Some(PathBuf::from(&entry.value)),
            Some(entry) => {
                let line = entry.line;
                self.error(Some(line), "dataDir: expected a directory".into());
                None
            }
            None => {
                self.error(None, "dataDir is missing: expected the directory of snapshots and logs".into());
                None
            }
        }
    }

    /// Every `server.N` line that can be read. One alone makes no ensemble unless `standaloneEnabled` is
    /// false, as for Apache.
    fn members(&mut self) -> BTreeMap<ServerId, Member> {
        let mut members = BTreeMap::new();
        for (id, entry) in self.family("server.") {
            match Member::parse(&entry.value) {
                Ok(member) => drop(members.insert(id, member)),
                Err(wrong) => self.error(Some(entry.line), format!("{}: expected {wrong}", entry.key)),
            }
        }
        let may_be_alone = self.flag("standaloneEnabled").unwrap_or(true);
        if members.is_empty() && !may_be_alone && !self.entries.keys().any(|key| key.starts_with("server.")) {
            let line = self.entries.get("standaloneEnabled").map(|entry| entry.line);
            self.error(line, "standaloneEnabled: expected true, or at least one server line".into());
        }
        if members.len() == 1 && may_be_alone {
            let line = self.entries.iter().find(|(key, _)| key.starts_with("server.")).map(|(_, entry)| entry.line);
            let text = "one server line makes no ensemble: the server is alone".into();
            self.problems.push(Problem { severity: Severity::Warning, file: self.file.clone(), line, text });
            members.clear();
        }
        members
    }

    /// The entries of a family whose keys end in a server's id.
    fn family(&mut self, prefix: &str) -> Vec<(ServerId, Entry)> {
        let mut found = Vec::new();
        let family: Vec<Entry> =
            self.entries.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, entry)| entry.clone()).collect();
        for entry in family {
            match server_id(entry.key.rsplit('.').next().unwrap_or_default()) {
                Some(id) => found.push((id, entry)),
                None => self.error(Some(entry.line), format!("{}: expected a server id from 1 to 127", entry.key)),
            }
        }
        found
    }

    /// A lone server is number 1; a member finds its number in `myid`.
    fn me(
        &mut self,
        members: &BTreeMap<ServerId, Member>,
        data_dir: Option<&Path>,
        open: impl Fn(&Path) -> Option<String>,
    ) -> Option<ServerId> {
        if members.is_empty() {
            return Some(ServerId(1));
        }
        let path = data_dir?.join("myid");
        let file = path.display().to_string();
        let wrong = |text| Problem { severity: Severity::Error, file, line: Some(1), text };
        let Some(text) = open(&path) else {
            let text = "is missing: expected a file with this server's id, a number from 1 to 127".into();
            self.problems.push(Problem { line: None, ..wrong(text) });
            return None;
        };
        let text = text.trim();
        match server_id(text) {
            Some(me) if members.contains_key(&me) => Some(me),
            Some(me) => {
                self.problems.push(wrong(format!("{}: expected a line server.{me}=… for this server's id", self.file)));
                None
            }
            None => {
                self.problems.push(wrong(format!("expected this server's id, a number from 1 to 127, found {text:?}")));
                None
            }
        }
    }

    fn peer_type(&mut self, members: &BTreeMap<ServerId, Member>, me: Option<ServerId>) {
        if let Some(entry) = self.entries.get("electionAlg").filter(|entry| entry.value != "3") {
            let (line, text) = (entry.line, format!("electionAlg: expected 3, found {:?}", entry.value));
            self.error(Some(line), text);
        }
        let Some(entry) = self.entries.get("peerType").cloned() else { return };
        let observes = match entry.value.to_lowercase().as_str() {
            "participant" => false,
            "observer" => true,
            other => {
                return self
                    .error(Some(entry.line), format!("peerType: expected participant or observer, found {other:?}"));
            }
        };
        let line_says = me.and_then(|me| members.get(&me)).map(|member| member.observes);
        if line_says.is_some_and(|said| said != observes) {
            self.warn(entry.line, "peerType differs from this server's server line, which counts".into());
        }
    }

    fn quorum(
        &mut self,
        members: &BTreeMap<ServerId, Member>,
        groups: &BTreeMap<u64, Vec<u64>>,
        weights: &BTreeMap<u64, u32>,
    ) -> (Option<Quorum>, ServerSet) {
        let of = |observes| members.iter().filter(move |(_, m)| m.observes == observes).map(|(id, _)| *id);
        let (voters, observers): (ServerSet, ServerSet) = (of(false).collect(), of(true).collect());
        if members.is_empty() {
            return (Quorum::majority([ServerId(1)].into_iter().collect()).ok(), observers);
        }
        let built = if groups.is_empty() {
            Quorum::majority(voters)
        } else {
            let groups = groups.values().map(|ids| ids.iter().filter_map(|id| countable(*id)).collect());
            let weights = weights.iter().filter_map(|(id, weight)| Some((countable(*id)?, *weight)));
            Quorum::hierarchical(groups.collect(), weights.collect())
        };
        match built {
            Ok(quorum) if quorum.voters() == voters => (Some(quorum), observers),
            Ok(quorum) => {
                let text =
                    format!("group lines: expected every participant {voters} in a group, found {}", quorum.voters());
                self.error(None, text);
                (None, observers)
            }
            Err(why) => {
                self.error(None, sentence(why));
                (None, observers)
            }
        }
    }

    fn groups(&mut self) -> BTreeMap<u64, Vec<u64>> {
        let mut groups = BTreeMap::new();
        for (group, entry) in self.family("group.") {
            let ids = entry.value.split(':').map(|id| Some(u64::from(server_id(id.trim())?.0)));
            match ids.collect::<Option<Vec<u64>>>() {
                Some(ids) => drop(groups.insert(group.0.into(), ids)),
                None => {
                    let text = format!("{}: expected server ids separated by ':', found {:?}", entry.key, entry.value);
                    self.error(Some(entry.line), text);
                }
            }
        }
        groups
    }

    fn weights(&mut self) -> BTreeMap<u64, u32> {
        let mut weights = BTreeMap::new();
        for (id, entry) in self.family("weight.") {
            match entry.value.parse() {
                Ok(weight) => drop(weights.insert(id.0.into(), weight)),
                Err(_) => {
                    self.error(Some(entry.line), format!("{}: expected a weight, found {:?}", entry.key, entry.value));
                }
            }
        }
        weights
    }

    fn limits(&mut self, distributed: bool) -> (u32, u32) {
        for key in ["initLimit", "syncLimit"] {
            if distributed && !self.entries.contains_key(key) {
                self.error(None, format!("{key} is missing: expected a number of ticks"));
            }
        }
        let init = self.number("initLimit", 1, 1 << 20).unwrap_or(10);
        (init, self.number("syncLimit", 1, 1 << 20).unwrap_or(5))
    }

    fn sessions(&mut self, tick_ms: u32) -> (u32, u32) {
        let most = i32::MAX as u32;
        let min = self.number("minSessionTimeout", 1, most).unwrap_or(tick_ms.saturating_mul(2).min(most));
        let max = self.number("maxSessionTimeout", 1, most).unwrap_or(tick_ms.saturating_mul(20).min(most));
        if min > max {
            let line = self.entries.get("minSessionTimeout").map(|entry| entry.line);
            self.error(
                line,
                format!("minSessionTimeout: expected at most maxSessionTimeout, that is {max}, found {min}"),
            );
        }
        (min, max)
    }

    fn client(&mut self, member: Option<&Member>) -> Option<Host> {
        let address = self.entries.get("clientPortAddress").cloned();
        match (self.number("clientPort", 1, 65_535), address) {
            (Some(port), address) => {
                let name = address.map_or("0.0.0.0".into(), |entry| Host::plain(&entry.value));
                Some(Host { name, port: u16::try_from(port).expect("the range was looked at") })
            }
            (None, Some(entry)) if !self.entries.contains_key("clientPort") => {
                self.error(Some(entry.line), "clientPortAddress: expected clientPort beside it".into());
                None
            }
            (None, _) => {
                let client = member.and_then(|member| member.client.clone());
                let is_expected = !["clientPort", "secureClientPort"].iter().any(|key| self.entries.contains_key(*key));
                if client.is_none() && is_expected {
                    let (severity, file) = (Severity::Warning, self.file.clone());
                    let text = "clientPort is missing: no client can come".into();
                    self.problems.push(Problem { severity, file, line: None, text });
                }
                client
            }
        }
    }

    fn purge(&mut self) -> Option<usize> {
        let keep = self.number("autopurge.snapRetainCount", 0, 1 << 20).unwrap_or(3).max(3);
        let interval = self.entries.get("autopurge.purgeInterval")?.clone();
        let digits = interval.value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        match digits.parse::<u32>() {
            Ok(hours) => (hours > 0).then_some(keep as usize),
            Err(_) => {
                let text = format!("autopurge.purgeInterval: expected a number of hours, found {:?}", interval.value);
                self.error(Some(interval.line), text);
                None
            }
        }
    }

    /// Clients ask `isro` in search of a server that is not read-only.
    fn words(&self, plain: Whitelist, read_only: bool) -> Whitelist {
        let words = self.entries.get("4lw.commands.whitelist").map_or(plain, |entry| Whitelist::parse(&entry.value));
        if read_only { words.with("isro") } else { words }
    }
}

fn server_id(text: &str) -> Option<ServerId> {
    text.parse().ok().filter(|id| (1..=ServerId::MAX.0).contains(id)).map(ServerId)
}

fn countable(id: u64) -> Option<ServerId> {
    u8::try_from(id).ok().map(ServerId)
}

fn sentence(why: QuorumError) -> String {
    match why {
        QuorumError::NoVoters => "server lines: expected at least one participant, found observers only".into(),
        QuorumError::TwoGroups(id) => format!("group lines: expected each server in one group, found {id} in two"),
        QuorumError::NoGroup(id) => format!("weight.{id}: expected server {id} in a group"),
        QuorumError::NoWeight => "weight lines: expected one above 0".into(),
    }
}
