//! One server of three hears whatever its peers may say, as leader or as learner: it does not panic. (It may stop: a
//! packet that contradicts what is durable ends it, with an error.)
//!
//! The first byte says what it hears first: the votes that make it lead, or follow server 3; or nothing. Behind it come
//! packets, cut as a stream is; or what another server says on the election port.
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, Input, Origin, Timer};
use zabra_core::id::{ConnId, Epoch, ServerId, ServerSet, SessionId, Stamp, Zxid};
use zabra_core::log::Recovered;
use zabra_core::quorum::Quorum;
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::wire::election::End;
use zabra_core::zab::codec::{ElectionItem, ElectionReader, PacketReader, Side};
use zabra_core::zab::{Notification, ServerState, Vote};

const PACKET_BYTES_MAX: u32 = 1 << 20;

struct Member {
    replica: Replica,
    out: Actions,
    at: i64,
    due: Vec<Timer>,
    stopped: bool,
}

impl Member {
    fn of_three() -> Member {
        let quorum = Quorum::majority((1..=3).map(ServerId).collect()).expect("three voters are a quorum system");
        let text = Arc::from(&b"version=0"[..]);
        let ensemble = Arc::new(Ensemble { quorum, observers: ServerSet::EMPTY, version: 0, text });
        let config = Arc::new(Config::new(ServerId(2), ensemble));
        let mut out = Actions::new();
        let replica = Replica::restore(config, Recovered::empty(), SessionId(2 << 56), Stamp(1), &mut out);
        let mut member = Member { replica, out, at: 1, due: Vec::new(), stopped: false };
        member.perform();
        member
    }

    fn step(&mut self, input: Input<'_>) {
        if self.stopped {
            return;
        }
        self.at += 1_000;
        self.replica.step(AllRules, Stamp(self.at), input, &mut self.out);
        self.perform();
    }

    fn perform(&mut self) {
        loop {
            self.stopped |= self.out.is_stopped();
            let mut durable = 0;
            let actions: Vec<Action> = self.out.drain().collect();
            for action in actions {
                match action {
                    Action::Append(_)
                    | Action::Truncate { .. }
                    | Action::SaveAccepted(_)
                    | Action::SaveCurrent(_)
                    | Action::Install(_) => durable += 1,
                    Action::Arm { timer, .. } if !self.due.contains(&timer) => self.due.push(timer),
                    Action::Disarm { timer } => self.due.retain(|due| *due != timer),
                    _ => {}
                }
            }
            self.out.clear();
            if durable == 0 || self.stopped {
                break;
            }
            self.replica.step(AllRules, Stamp(self.at), Input::Durable { count: durable }, &mut self.out);
        }
    }

    fn fire(&mut self) {
        for timer in std::mem::take(&mut self.due) {
            self.step(Input::Fired { timer });
        }
    }

    /// The others vote for this leader until this server does.
    fn elect(&mut self, leader: ServerId) {
        for _ in 0..3 {
            for from in [ServerId(1), ServerId(3)] {
                let vote = Some(Vote { epoch: Epoch::ZERO, zxid: Zxid(0), leader });
                let config = Arc::from(&b"version=0"[..]);
                let notification = Notification { state: ServerState::Looking, vote, round: 1, config };
                self.step(Input::Notified { from, notification: Arc::new(notification) });
            }
            self.fire();
        }
    }
}

pub fn holds(bytes: &[u8]) {
    let [first, rest @ ..] = bytes else { return };
    let mut member = Member::of_three();
    let leads = first & 1 == 0;
    if first & 4 == 4 {
        return listen(member, first & 8 == 8, rest);
    }
    member.elect(ServerId(if leads { 2 } else { 3 }));
    let conn = ConnId(7);
    let origin = if leads { Origin::Accepted } else { Origin::Dialed(ServerId(3)) };
    member.step(Input::Opened { conn, origin });
    let mut reader = PacketReader::new(if leads { Side::Leader } else { Side::Learner }, PACKET_BYTES_MAX);
    let mut piece = rest;
    while let Ok(Some(packet)) = reader.next(&mut piece) {
        member.step(Input::Packet { conn, packet });
        if first & 2 == 2 {
            member.fire();
        }
    }
    member.step(Input::Broken { conn });
    member.fire();
}

/// Notifications, to a server that looks or that follows.
fn listen(mut member: Member, follows: bool, mut piece: &[u8]) {
    if follows {
        member.elect(ServerId(3));
    }
    let mut reader = ElectionReader::new(End::Initiator);
    let mut from = 1;
    while let Ok(Some(item)) = reader.next(&mut piece) {
        if let ElectionItem::Notification(notification) = item {
            member.step(Input::Notified { from: ServerId(from), notification: Arc::new(notification) });
            member.fire();
            from = 4 - from;
        }
    }
}
