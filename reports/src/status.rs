//! The ensemble as status lines: one line per change of state, one column per server.
//!
//! ```text
//!      t(ms)     1 2 3   epoch  committed  history    note
//!     1226.4 ~   F F L                                cut {3} | {1,2}
//!     1286.4 ^   F L !   2/2    1.36       1.36       2 leads epoch 2, acknowledged by {1,2} (3 leads an older epoch)
//!     1617.2 X   F L !                                fresh_sync: …
//! ```
//!
//! Letters carry the meaning: `L` leading, `F` following, `O` observing, `?` looking, `#` down,
//! `!` a leader of an epoch that is over; events: `^` established, `?` looking, `+` started, `#` crashed, `~` fault on,
//! `-` fault off, `%` disk destroyed, `X` violation.

use std::collections::BTreeMap;
use zabra_core::contract::Event;
use zabra_core::id::{Epoch, ServerId};
use zabra_core::zab::ServerState;
use zabra_sim::oracle::{Fact, Sight, Violation};
use zabra_sim::time::Micros;

/// What the lines remember of each server between changes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    rows: BTreeMap<ServerId, Row>,
    newest: Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Down,
    Up { state: ServerState, epoch: Epoch },
}

impl Status {
    /// All servers down, none seen.
    pub fn new(servers: impl IntoIterator<Item = ServerId>) -> Status {
        Status { rows: servers.into_iter().map(|s| (s, Row::Down)).collect(), newest: Epoch::ZERO }
    }

    pub fn header(&self) -> String {
        let ids: Vec<String> = self.rows.keys().map(ToString::to_string).collect();
        format!("     t(ms)     {}   epoch  committed  history    note", ids.join(" "))
    }

    /// The line for what this sight changed, if it changed what the lines show.
    pub fn see(&mut self, sight: &Sight<'_>) -> Option<String> {
        let (mark, note) = self.change(sight)?;
        let facts = sight.view.map_or(String::new(), |view| {
            let epochs = format!("{}/{}", view.accepted_epoch(), view.current_epoch());
            format!("{epochs:<7}{:<11}{:<11}", view.committed().to_string(), view.history_end().to_string())
        });
        Some(self.line(sight.now, mark, &facts, &note))
    }

    /// A fault of the world began (`on`) or ended.
    pub fn fault(&self, now: Micros, began: bool, what: &str) -> String {
        self.line(now, if began { '~' } else { '-' }, "", what)
    }

    pub fn violation(&self, now: Micros, violation: &Violation) -> String {
        self.line(now, 'X', "", &format!("{}: {}", violation.oracle, violation.sentence))
    }

    fn change(&mut self, sight: &Sight<'_>) -> Option<(char, String)> {
        let id = sight.server;
        let Sight { fact, view, .. } = sight;
        match fact {
            Fact::Booted { recovered } => {
                self.rows.insert(id, Row::Up { state: ServerState::Looking, epoch: Epoch::ZERO });
                Some((
                    '+',
                    format!("{id} starts from image {} and {} records", recovered.image.zxid(), recovered.log.len()),
                ))
            }
            Fact::Crashed => {
                self.rows.insert(id, Row::Down);
                Some(('#', format!("{id} crashes")))
            }
            Fact::Destroyed { .. } => Some(('%', format!("the disk of {id} is destroyed"))),
            Fact::Reported(event) => self.reported(id, event, view.map_or(Epoch::ZERO, |v| v.current_epoch())),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a status line is for changes of state; all other events are detail"
    )]
    fn reported(&mut self, id: ServerId, event: &Event, epoch: Epoch) -> Option<(char, String)> {
        match event {
            Event::Role { state, leader } => {
                let before = self.rows.insert(id, Row::Up { state: *state, epoch });
                if before.is_some_and(|row| matches!(row, Row::Up { state: old, .. } if old == *state)) {
                    return None;
                }
                let arrow = format!("{id} {} → {}", before.map_or("down", Row::word), word(*state));
                let of = leader.filter(|l| *l != id).map_or(String::new(), |l| format!(" with {l}"));
                let mark = if *state == ServerState::Looking { '?' } else { ' ' };
                Some((mark, arrow + &of))
            }
            Event::Established { epoch, acked, .. } => {
                self.newest = self.newest.max(*epoch);
                self.rows.insert(id, Row::Up { state: ServerState::Leading, epoch: *epoch });
                Some(('^', format!("{id} leads epoch {epoch}, acknowledged by {acked}{}", self.stale())))
            }
            Event::Resigned { epoch, why } => Some(('v', format!("{id} resigns epoch {epoch}: {why:?}"))),
            Event::Truncated { after } => Some((' ', format!("{id} cuts its history after {after}"))),
            Event::ImageInstalled { zxid } => Some((' ', format!("{id} has the leader's image of {zxid}"))),
            Event::Configured { voters, proposed: None, .. } => {
                Some(('*', format!("{id} goes by the voters {}", voters.voters())))
            }
            Event::Stopped { fault } => {
                self.rows.insert(id, Row::Down);
                Some(('#', format!("{id} stops itself: {fault:?}")))
            }
            _ => None,
        }
    }

    /// The leaders of epochs that are over, in brackets.
    fn stale(&self) -> String {
        let old = self.rows.iter().filter(|(_, row)| self.letter(**row) == '!').map(|(id, _)| id.to_string());
        let old: Vec<String> = old.collect();
        if old.is_empty() { String::new() } else { format!(" ({} leads an older epoch)", old.join(", ")) }
    }

    fn letter(&self, row: Row) -> char {
        match row {
            Row::Down => '#',
            Row::Up { state: ServerState::Looking, .. } => '?',
            Row::Up { state: ServerState::Following, .. } => 'F',
            Row::Up { state: ServerState::Observing, .. } => 'O',
            Row::Up { state: ServerState::Leading, epoch } if epoch < self.newest && epoch > Epoch::ZERO => '!',
            Row::Up { state: ServerState::Leading, .. } => 'L',
        }
    }

    fn line(&self, now: Micros, mark: char, facts: &str, note: &str) -> String {
        let letters: Vec<String> = self.rows.values().map(|row| self.letter(*row).to_string()).collect();
        let time = format!("{}.{}", now.0 / 1000, now.0 % 1000 / 100);
        format!("{time:>10} {mark}   {}   {facts:<29}{note}", letters.join(" ")).trim_end().to_string()
    }
}

impl Row {
    fn word(self) -> &'static str {
        match self {
            Row::Down => "down",
            Row::Up { state, .. } => word(state),
        }
    }
}

fn word(state: ServerState) -> &'static str {
    match state {
        ServerState::Looking => "looking",
        ServerState::Following => "following",
        ServerState::Leading => "leading",
        ServerState::Observing => "observing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use zabra_core::contract::Resigned;
    use zabra_core::id::{ServerSet, Zxid};
    use zabra_core::log::{Recovered, Standing};
    use zabra_core::tree::Database;
    use zabra_sim::oracle::DurableState;

    fn sight(ms: u64, server: u8, fact: Fact<'_>) -> Sight<'_> {
        Sight { now: Micros::from_ms(ms), server: ServerId(server), fact, view: None, disk: DurableState::default() }
    }

    #[test]
    fn one_line_per_change_and_one_column_per_server() {
        let mut status = Status::new([1, 2, 3].map(ServerId));
        let quorum: ServerSet = [2, 3].map(ServerId).into_iter().collect();
        let established = |epoch| Event::Established { epoch: Epoch(epoch), acked: quorum, initial_end: Zxid::ZERO };
        let role = |state, leader| Event::Role { state, leader: Some(ServerId(leader)) };
        let image = Arc::new(Database::default());
        let (accepted, current) = (Epoch::ZERO, Epoch::ZERO);
        let recovered = Recovered { accepted, current, image, log: vec![], standing: Standing::Intact };
        let mut lines = vec![status.header()];
        for server in [1, 2, 3] {
            lines.extend(status.see(&sight(0, server, Fact::Booted { recovered: &recovered })));
        }
        lines.extend(status.see(&sight(210, 3, Fact::Reported(&role(ServerState::Leading, 3)))));
        lines.extend(status.see(&sight(212, 1, Fact::Reported(&role(ServerState::Following, 3)))));
        lines.extend(status.see(&sight(230, 3, Fact::Reported(&established(1)))));
        lines.push(status.fault(Micros::from_ms(900), true, "cut {3} | {1,2}"));
        lines.extend(status.see(&sight(1200, 2, Fact::Reported(&role(ServerState::Leading, 2)))));
        lines.extend(status.see(&sight(1250, 2, Fact::Reported(&established(2)))));
        lines.extend(status.see(&sight(
            1260,
            3,
            Fact::Reported(&Event::Resigned { epoch: Epoch(1), why: Resigned::QuorumLost }),
        )));
        lines.extend(status.see(&sight(1300, 1, Fact::Crashed)));
        assert!(status.see(&sight(1301, 2, Fact::Reported(&Event::Acked { zxid: Zxid::ZERO }))).is_none());
        insta::assert_snapshot!(lines.join("\n"), @r#"
         t(ms)     1 2 3   epoch  committed  history    note
           0.0 +   ? # #                                1 starts from image 0.0 and 0 records
           0.0 +   ? ? #                                2 starts from image 0.0 and 0 records
           0.0 +   ? ? ?                                3 starts from image 0.0 and 0 records
         210.0     ? ? L                                3 looking → leading
         212.0     F ? L                                1 looking → following with 3
         230.0 ^   F ? L                                3 leads epoch 1, acknowledged by {2,3}
         900.0 ~   F ? L                                cut {3} | {1,2}
        1200.0     F L L                                2 looking → leading
        1250.0 ^   F L !                                2 leads epoch 2, acknowledged by {2,3} (3 leads an older epoch)
        1260.0 v   F L !                                3 resigns epoch 1: QuorumLost
        1300.0 #   # L !                                1 crashes
        "#);
    }
}
