//! What servers do, as lines: one per action, the server first, zxids as `epoch.counter`, role
//! changes with an arrow. Stories, failures and counterexamples share this notation.
//!
//! ```text
//! 3 → 1 PROPOSAL 1.5
//! 3 append w9 1.5; sync w9
//! 1 looking → following 3
//! ```
//!
//! Writes are numbered per life of a server. Timers, pings and touches are not printed.

use crate::step::text::OperationText;
use std::fmt::Write as _;
use zabra_client::{Outcome, Output, Reply, SessionEvent};
use zabra_core::contract::{Action, Actions, Event, LocalTurn};
use zabra_core::id::{ConnId, ServerId, Zxid};
use zabra_core::zab::{Notification, Packet, ServerState};

/// What the lines remember: write numbers and roles.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    writes: Vec<u32>,
    roles: Vec<Option<ServerState>>,
    lines: Vec<String>,
}

impl Printer {
    pub fn new(servers: usize) -> Printer {
        Printer { writes: vec![0; servers + 1], roles: vec![None; servers + 1], lines: Vec::new() }
    }

    /// The lines since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    /// A server starts or is gone: its writes count from 1 again.
    pub fn life(&mut self, server: ServerId, what: &str) {
        self.writes[usize::from(server.0)] = 0;
        self.roles[usize::from(server.0)] = None;
        self.lines.push(format!("{server} {what}"));
    }

    /// One command of a server. `peer` tells whose connection a slot is.
    pub fn action(
        &mut self,
        server: ServerId,
        action: &Action,
        out: &Actions,
        peer: impl Fn(ConnId) -> Option<ServerId>,
    ) {
        let name = |conn: ConnId| peer(conn).map_or_else(|| format!("c{}", conn.0), |peer| peer.to_string());
        let line = match action {
            Action::Notify { to, notification } => format!("{server} → {to} {}", notification_text(notification)),
            Action::Dial { peer } => format!("{server} dials {peer}"),
            Action::Hang { conn } => format!("{server} hangs up on {}", name(*conn)),
            Action::Send { packet: Packet::Ping { .. }, .. } => return,
            Action::Send { conn, packet } => format!("{server} → {} {}", name(*conn), packet_text(packet)),
            Action::Append(record) => self.write(server, &format!("append w{{}} {}", record.zxid)),
            Action::Truncate { after } => self.write(server, &format!("truncate w{{}} after {after}")),
            Action::SaveAccepted(epoch) => self.write(server, &format!("save w{{}} accepted epoch {epoch}")),
            Action::SaveCurrent(epoch) => self.write(server, &format!("save w{{}} current epoch {epoch}")),
            Action::Install(image) => self.write(server, &format!("install w{{}} image {}", image.zxid())),
            Action::Sync => return self.sync(server),
            Action::Checkpoint(image) => format!("{server} checkpoint {}", image.zxid()),
            Action::ReadLog { conn, after, until } => format!("{server} read log {after}..{until} for {}", name(*conn)),
            Action::Reply { client, frame } => format!("{server} ⇒ c{} {}", client.0, reply_text(out.bytes(*frame))),
            Action::Watch { clients, .. } => {
                let to: Vec<String> = out.watchers(*clients).iter().map(|client| format!("c{}", client.0)).collect();
                format!("{server} ⇒ {} watch event", to.join(" "))
            }
            Action::Drop { client, reason } => format!("{server} drops c{}: {reason:?}", client.0),
            Action::Pause { client } => format!("{server} stops reading from c{}", client.0),
            Action::Resume { client } => format!("{server} reads from c{} again", client.0),
            Action::Arm { .. } | Action::Disarm { .. } | Action::Touch { .. } | Action::Configure { .. } => return,
            Action::Stop { fault } => format!("{server} stops: {fault:?}"),
        };
        self.lines.push(line);
    }

    fn write(&mut self, server: ServerId, what: &str) -> String {
        let count = &mut self.writes[usize::from(server.0)];
        *count += 1;
        format!("{server} {}", what.replace("{}", &count.to_string()))
    }

    /// A sync is told on the line of the write before it, if that is the last line.
    fn sync(&mut self, server: ServerId) {
        let count = self.writes[usize::from(server.0)];
        let of_write = format!("{server} ");
        match self.lines.last_mut() {
            Some(last) if last.starts_with(&of_write) && last.contains(&format!(" w{count} ")) => {
                let _ = write!(last, "; sync w{count}");
            }
            Some(_) | None => self.lines.push(format!("{server} sync w{count}")),
        }
    }

    /// What a server reports: role changes and what decides.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a trace shows what decides; the other events are detail")]
    pub fn event(&mut self, server: ServerId, event: &Event) {
        let line = match event {
            Event::Role { state, leader } => {
                let before = self.roles[usize::from(server.0)].replace(*state);
                let before = before.map_or("starting", word);
                let of = leader.filter(|leader| *leader != server).map_or(String::new(), |l| format!(" {l}"));
                format!("{server} {before} → {}{of}", word(*state))
            }
            Event::Established { epoch, acked, .. } => format!("{server} leads epoch {epoch} with {acked}"),
            Event::Resigned { epoch, why } => format!("{server} resigns epoch {epoch}: {why:?}"),
            Event::SyncPlanned { learner, mode, peer, end } => {
                format!("{server} plans {mode:?} for {learner}: {peer} to {end}")
            }
            Event::Committed { zxid, acked } => format!("{server} commits {zxid} with {acked}"),
            Event::Applied { record, .. } => format!("{server} applies {}", record.zxid),
            Event::Truncated { after } => format!("{server} cuts its history after {after}"),
            Event::ImageInstalled { zxid } => format!("{server} has the image of {zxid}"),
            Event::SyncAborted { mode } => format!("{server} forgets an unfinished {mode:?}"),
            Event::PacketIgnored { packet } => format!("{server} ignores {packet}"),
            Event::PeerRefused { why } => format!("{server} refuses a peer: {why}"),
            Event::Configured { version, voters, proposed } => {
                let next = proposed.as_ref().map_or(String::new(), |next| format!(" and {}", next.voters()));
                format!("{server} counts quorums of {}{next}, configuration {}", voters.voters(), Zxid(*version))
            }
            Event::SessionExpiring { session } => format!("{server} expires session {session}"),
            Event::LocalSession { session, turn } => {
                format!("session {session} of {server} alone {}", turn_word(*turn))
            }
            _ => return,
        };
        self.lines.push(line);
    }

    /// What a client's session put out.
    pub fn client(&mut self, client: u16, output: &Output) {
        let line = match output {
            Output::Session(SessionEvent::Attached { session, server, fresh, .. }) => {
                let how = if *fresh { "begins" } else { "resumes" };
                format!("client {client} {how} session {session} at {server}")
            }
            Output::Session(SessionEvent::Disconnected) => format!("client {client} is disconnected"),
            Output::Session(SessionEvent::Ended(how)) => format!("client {client}: its session ended: {how:?}"),
            Output::Session(SessionEvent::ServerWrong(wrong)) => {
                format!("client {client} was sent nonsense: {wrong:?}")
            }
            Output::Session(SessionEvent::WatchesRearmed { .. }) => format!("client {client} has its watches again"),
            Output::Completed { xid, zxid, outcome, .. } => {
                let xid = xid.map_or("unsent".to_owned(), |xid| format!("xid {xid}"));
                let zxid = zxid.map_or(String::new(), |zxid| format!(" at {zxid}"));
                format!("client {client} {xid}{zxid}: {}", outcome_text(outcome))
            }
            Output::Watch(event) => {
                let path = String::from_utf8_lossy(&event.path);
                format!("client {client} watch {:?} {path}", event.kind)
            }
            Output::Sent { .. }
            | Output::Connect { .. }
            | Output::Send(_)
            | Output::Hang
            | Output::Arm { .. }
            | Output::Disarm { .. } => return,
        };
        self.lines.push(line);
    }
}

pub fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(Reply::Created { path }) => format!("created {}", String::from_utf8_lossy(path)),
        Outcome::Done(Reply::Data { data, stat }) => {
            let data = data.as_deref().map_or("nothing".into(), String::from_utf8_lossy);
            format!("{data} version {}", stat.version)
        }
        Outcome::Done(Reply::Stat(stat)) => format!("version {}", stat.version),
        Outcome::Done(Reply::Children(children) | Reply::Children2 { children, .. }) => {
            let names: Vec<_> = children.iter().map(|name| String::from_utf8_lossy(name)).collect();
            format!("children [{}]", names.join(" "))
        }
        Outcome::Done(Reply::Deleted | Reply::Synced { .. } | Reply::Closed | Reply::Raw(_)) => "done".to_owned(),
        Outcome::Failed(code) => format!("failed: {code:?}"),
        Outcome::Unknown => "unknown".to_owned(),
        Outcome::NotSent => "not sent".to_owned(),
    }
}

pub fn word(state: ServerState) -> &'static str {
    match state {
        ServerState::Looking => "looking",
        ServerState::Following => "following",
        ServerState::Leading => "leading",
        ServerState::Observing => "observing",
    }
}

pub fn notification_text(notification: &Notification) -> String {
    let vote = notification
        .vote
        .map_or("no vote".to_owned(), |vote| format!("votes {} (epoch {}, {})", vote.leader, vote.epoch, vote.zxid));
    format!("{} {vote} round {}", word(notification.state), notification.round)
}

/// ZAB's names of its packets.
pub fn packet_name(packet: &Packet) -> &'static str {
    packet.name()
}

pub fn packet_text(packet: &Packet) -> String {
    let name = packet_name(packet);
    match packet {
        Packet::Proposal(record) | Packet::Inform(record) => format!("{name} {}", record.zxid),
        Packet::CommitAndActivate { zxid, leader } => format!("{name} {zxid}, leader {leader}"),
        Packet::InformAndActivate { record, leader } => format!("{name} {}, leader {leader}", record.zxid),
        Packet::Ack(zxid) | Packet::Commit(zxid) | Packet::Diff(zxid) | Packet::Trunc(zxid) => format!("{name} {zxid}"),
        Packet::Ping { zxid, .. } | Packet::Snap { zxid, .. } => format!("{name} {zxid}"),
        Packet::NewLeader { epoch, .. } | Packet::LeaderInfo { epoch } => format!("{name} {epoch}"),
        Packet::FollowerInfo(info) | Packet::ObserverInfo(info) => format!("{name} accepted {}", info.accepted),
        Packet::AckEpoch { current, last } => {
            let current = current.map_or("-1".to_owned(), |epoch| epoch.to_string());
            format!("{name} current {current} last {last}")
        }
        Packet::Revalidate { session, .. } | Packet::Revalidated { session, .. } => format!("{name} {session}"),
        Packet::Request(request) => format!("{name} op {} xid {}", request.op, request.cxid.0),
        Packet::Sync | Packet::UpToDate => name.to_owned(),
    }
}

/// A reply frame: its header, if it has one.
fn reply_text(frame: &[u8]) -> String {
    let header = frame.get(4..20).and_then(|header| {
        let xid = i32::from_be_bytes(header.get(..4)?.try_into().ok()?);
        let zxid = i64::from_be_bytes(header.get(4..12)?.try_into().ok()?);
        let err = i32::from_be_bytes(header.get(12..16)?.try_into().ok()?);
        Some((xid, Zxid::from_wire(zxid), err))
    });
    match header {
        // A ConnectResponse begins with protocol version 0; no reply has xid 0.
        Some((xid, zxid, err)) if xid != 0 => {
            let error = if err == 0 { String::new() } else { format!(" error {err}") };
            format!("reply xid {xid} at {zxid}{error}")
        }
        Some(_) => "connect response".to_owned(),
        None => format!("{} bytes", frame.len()),
    }
}

/// A client's operation, as stories write it.
pub fn operation_text(operation: &zabra_client::Operation) -> String {
    OperationText(operation).to_string()
}

fn turn_word(turn: LocalTurn) -> &'static str {
    match turn {
        LocalTurn::Begins => "begins",
        LocalTurn::Upgrades => "is to become the ensemble's",
        LocalTurn::Ends => "ends",
        LocalTurn::Expires => "expires",
    }
}
