//! Four-letter words: an operator's questions on the client port (reference/zookeeper.md section 5.2).
//! The text of an answer is a function of the word, the core's view and the shell's counters.

use super::State;
use super::slots::Token;
use crate::config::Words;
use std::fmt::Write;
use zabra_core::replica::View;
use zabra_core::zab::ServerState;

/// What the shell counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub received: u64,
    pub sent: u64,
    pub connections: usize,
}

/// As Apache's servers begin it, so that clients which look for a version find one.
const VERSION: &str = concat!("3.9.5-zabra-", env!("CARGO_PKG_VERSION"), ", built from source");

impl State {
    /// Answers, and closes when the answer is written.
    pub(super) fn answer_word(&mut self, token: Token, word: [u8; 4]) {
        let stats = Stats { connections: self.client_slots.len(), ..self.stats };
        let alone = self.settings.is_alone();
        let text = answer(word, &self.settings.words, self.replica.view(), stats, alone);
        if let Some(outlet) = self.outlets.get_mut(&token) {
            outlet.bytes().extend_from_slice(text.as_bytes());
        }
        self.close_softly(token);
    }
}

fn answer(word: [u8; 4], words: &Words, view: View<'_>, stats: Stats, alone: bool) -> String {
    let word = String::from_utf8_lossy(&word).into_owned();
    if !words.allows(&word) {
        return format!("{word} is not executed because it is not in the whitelist.\n");
    }
    match word.as_str() {
        "ruok" => "imok".into(),
        "isro" if view.serving() => "rw".into(),
        "isro" => "null".into(),
        "envi" => format!("Environment:\nzookeeper.version={VERSION}\n"),
        "srvr" | "stat" | "mntr" if !view.serving() => {
            "This ZooKeeper instance is not currently serving requests\n".into()
        }
        "srvr" => srvr(view, stats, alone),
        "stat" => format!("Zookeeper version: {VERSION}\nClients:\n\n{}", srvr(view, stats, alone)),
        "mntr" => mntr(view, stats, alone),
        _ => format!("{word} is not answered by this server yet.\n"),
    }
}

fn mode(view: View<'_>, alone: bool) -> &'static str {
    match view.state() {
        _ if alone => "standalone",
        ServerState::Looking => "looking",
        ServerState::Following => "follower",
        ServerState::Leading => "leader",
        ServerState::Observing => "observer",
    }
}

fn srvr(view: View<'_>, stats: Stats, alone: bool) -> String {
    format!(
        "Zookeeper version: {VERSION}\nLatency min/avg/max: 0/0.0/0\nReceived: {}\nSent: {}\nConnections: {}\n\
         Outstanding: 0\nZxid: {:#x}\nMode: {}\nNode count: {}\n",
        stats.received,
        stats.sent,
        stats.connections,
        view.applied().0,
        mode(view, alone),
        view.database().tree().len()
    )
}

fn mntr(view: View<'_>, stats: Stats, alone: bool) -> String {
    let tree = view.database().tree();
    let mut text = format!("zk_version\t{VERSION}\nzk_server_state\t{}\n", mode(view, alone));
    let counters = [
        ("packets_received", stats.received),
        ("packets_sent", stats.sent),
        ("num_alive_connections", stats.connections as u64),
        ("znode_count", tree.len() as u64),
        ("watch_count", view.service().watches_len() as u64),
        ("approximate_data_size", tree.approximate_bytes()),
        ("global_sessions", view.database().sessions().len() as u64),
    ];
    for (name, value) in counters {
        writeln!(text, "zk_{name}\t{value}").expect("a String takes everything");
    }
    text
}
