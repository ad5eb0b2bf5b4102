//! What one machine does when one thing happens to it: a pure function of the two.
//!
//! The machine's own storage, timers and connection slots change here; what leaves it is a list of
//! [`Out`], which the holder routes to cables and election pairs as the world does.

use super::index::{Id, Table};
use crate::plain::connect_frame;
use crate::service::Scripts;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use zabra_core::contract::{Action, Actions, ClientOrigin, Event, Input, Origin, Span, StorageError, Timer};
use zabra_core::id::{ClientId, ConnId, ServerId};
use zabra_core::log::Recovered;
use zabra_core::rule::Rule;
use zabra_core::zab::{Notification, Packet};
use zabra_sim::disk::{self, Disk, RecordDisk};
use zabra_sim::link::Side;
use zabra_sim::machine::LogQuestion;
use zabra_sim::step::{Job, Survivors};

pub type Machine = zabra_sim::machine::Machine<RecordDisk>;

/// One thing that happens to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stimulus {
    /// This cable asks to be accepted.
    Asked {
        cable: u8,
    },
    /// This cable, dialled from here, was accepted.
    Accepted {
        cable: u8,
        peer: ServerId,
    },
    Refused(ServerId),
    Packet {
        slot: u32,
        packet: Id,
    },
    Broken {
        slot: u32,
    },
    Notified {
        from: ServerId,
        notification: Id,
    },
    /// This peer's process is not there.
    Unreachable(ServerId),
    Fired(Timer),
    Complete(Job),
    ClientOpened,
    ClientFrame,
    ClientClosed,
    /// A client of a script connects: this is the name of its connection.
    GuestOpened {
        line: u8,
        client: u8,
    },
    GuestFrame {
        slot: u8,
        frame: Id,
    },
    GuestClosed {
        slot: u8,
    },
    Crash(disk::Survivors),
    /// The oldest write that waits fails.
    Fail,
    Restart,
}

/// What leaves a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Out {
    Say {
        to: ServerId,
        notification: Id,
    },
    Dial(ServerId),
    Send {
        cable: u8,
        side: Side,
        packet: Id,
    },
    Close {
        cable: u8,
        side: Side,
    },
    /// A frame to a client of a script.
    Tell {
        line: u8,
        frame: Id,
    },
    /// The server hangs up on it.
    Leave {
        line: u8,
    },
    /// The process is gone, with its end of everything.
    Died,
}

/// What the oracles are shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    Nothing,
    Stepped,
    Booted(Box<Recovered>),
    Crashed,
}

/// What came of a stimulus.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reaction {
    pub server: ServerId,
    pub machine: Id,
    /// The slot of a connection that opened here.
    pub slot: u32,
    pub outs: Box<[Out]>,
    pub fact: Fact,
    pub events: Box<[Event]>,
    /// The stimulus does not apply: nothing happened.
    pub refused: bool,
    /// The client's connection was closed by the server.
    pub dropped: bool,
    /// Whether it reports records that were applied.
    pub applies: bool,
    /// See [`super::ample`].
    pub concerns: Concerns,
}

/// Whom a reaction concerns besides the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concerns {
    /// Those who get what it sends.
    Receivers,
    /// Those who elect, too: its role changes, or what it answers to those who look.
    Voters,
    /// Oracles hold what it reports against other servers.
    Everyone,
}

/// The tables that reactions refer to.
#[derive(Debug)]
pub struct Letters {
    pub packets: Table<Packet>,
    pub notifications: Table<Arc<Notification>>,
    /// Frames between clients and servers, with their length.
    pub frames: Table<Vec<u8>>,
    /// What the clients do, where there are any.
    pub script: Option<Scripts>,
}

/// A machine while it reacts.
struct Act<'a> {
    machine: Machine,
    letters: &'a mut Letters,
    out: Actions,
    slot: u32,
    outs: Vec<Out>,
    fact: Fact,
    refused: bool,
    dropped: bool,
}

/// The machine afterwards, and the reaction but for the machine's number.
pub fn react(machine: &Machine, stimulus: Stimulus, letters: &mut Letters) -> (Machine, Reaction) {
    let mut act = Act {
        machine: machine.clone(),
        letters,
        out: Actions::new(),
        slot: 0,
        outs: Vec::new(),
        fact: Fact::Nothing,
        refused: false,
        dropped: false,
    };
    act.happen(stimulus);
    act.perform();
    let concerns = act.concerns(machine);
    let reaction = Reaction {
        server: act.machine.me(),
        machine: 0,
        slot: act.slot,
        outs: act.outs.into(),
        fact: act.fact,
        events: act.out.events().into(),
        refused: act.refused,
        dropped: act.dropped,
        applies: act.out.events().iter().any(|event| matches!(event, Event::Applied { .. })),
        concerns,
    };
    (act.machine, reaction)
}

/// A write fails. Nothing is written behind it, unless the server is one that goes on.
pub fn fail(machine: &mut Machine) {
    let goes_on = machine.without.is_some_and(|without| without.0.contains(Rule::FailureStops));
    machine.storage.fail(!goes_on);
}

impl Act<'_> {
    fn happen(&mut self, stimulus: Stimulus) {
        match stimulus {
            Stimulus::Asked { cable } => {
                self.slot = self.machine.conns.insert((u32::from(cable), Side::Listener));
                self.step(Input::Opened { conn: ConnId(self.slot), origin: Origin::Accepted });
            }
            Stimulus::Accepted { cable, peer } => {
                self.slot = self.machine.conns.insert((u32::from(cable), Side::Dialer));
                self.step(Input::Opened { conn: ConnId(self.slot), origin: Origin::Dialed(peer) });
            }
            Stimulus::Refused(peer) => self.step(Input::Refused { peer }),
            Stimulus::Packet { slot, packet } => {
                let packet = Packet::clone(self.letters.packets.get(packet));
                self.step(Input::Packet { conn: ConnId(slot), packet });
            }
            Stimulus::Broken { slot } => {
                self.forget(ConnId(slot));
                self.step(Input::Broken { conn: ConnId(slot) });
            }
            Stimulus::Notified { from, notification } => {
                let notification = Arc::clone(self.letters.notifications.get(notification).as_ref());
                self.step(Input::Notified { from, notification });
            }
            Stimulus::Unreachable(peer) => self.step(Input::Unreachable { peer }),
            Stimulus::Fired(timer) => match self.machine.runs() && self.machine.disarm(timer) {
                true => self.step(Input::Fired { timer }),
                false => self.refused = true,
            },
            Stimulus::Complete(job) => self.complete(job),
            Stimulus::ClientOpened | Stimulus::ClientFrame | Stimulus::ClientClosed => self.client(stimulus),
            Stimulus::GuestOpened { .. } | Stimulus::GuestFrame { .. } | Stimulus::GuestClosed { .. } => {
                self.guest(stimulus);
            }
            Stimulus::Crash(kept) => {
                self.machine.storage.crash(kept);
                self.die();
                self.machine.fault = None;
                self.machine.lose(Survivors::Nothing);
                self.fact = Fact::Crashed;
            }
            Stimulus::Fail => {
                fail(&mut self.machine);
                self.step(Input::StorageFailed { error: StorageError::Io });
            }
            Stimulus::Restart => match self.machine.start(&mut self.out) {
                Ok(recovered) => self.fact = Fact::Booted(Box::new(recovered)),
                Err(_) => self.fact = Fact::Nothing,
            },
        }
    }

    fn concerns(&self, before: &Machine) -> Concerns {
        let role = |machine: &Machine| machine.view().map(|v| (v.state(), v.leader(), v.elected(), v.round()));
        let own = self.out.events().iter().all(is_own) && !matches!(self.fact, Fact::Crashed);
        let alive = self.outs.iter().all(|out| !matches!(out, Out::Died | Out::Dial(_)));
        let sends = self.outs.iter().all(|out| matches!(out, Out::Send { .. }));
        match () {
            () if !own || !alive => Concerns::Everyone,
            () if sends && role(before) == role(&self.machine) => Concerns::Receivers,
            () => Concerns::Voters,
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.machine.step(input, &mut self.out);
        self.fact = Fact::Stepped;
    }

    fn complete(&mut self, job: Job) {
        let disk = &mut self.machine.storage;
        match job {
            Job::Sync => match Disk::complete(disk) {
                Ok(0) => {}
                Ok(count) => self.step(Input::Durable { count }),
                Err(error) => self.step(Input::StorageFailed { error }),
            },
            Job::Checkpoint => match Disk::complete_checkpoint(disk) {
                Ok((zxid, bytes)) => self.step(Input::Checkpointed { zxid, bytes }),
                Err(error) => self.step(Input::StorageFailed { error }),
            },
            Job::ReadLog => match self.machine.questions.pop_front() {
                Some(question) => {
                    let records = self.machine.storage.read_log(question.after, question.until);
                    self.step(Input::LogRead { conn: question.conn, records });
                }
                None => self.refused = true,
            },
        }
    }

    /// The client of a write: the model's only one, in slot 0 of the world.
    fn client(&mut self, stimulus: Stimulus) {
        let client = ClientId(0);
        if stimulus == Stimulus::ClientOpened {
            let slot = self.machine.clients.insert((0, Side::Listener));
            assert_eq!(slot, client.0, "a write's client is alone");
            let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), subject: None };
            self.step(Input::ClientOpened { client, from });
        } else if stimulus == Stimulus::ClientFrame {
            self.step(Input::ClientFrame { client, frame: &connect_frame()[4..] });
        } else {
            self.machine.clients.remove(client.0);
            self.step(Input::ClientClosed { client });
        }
    }

    /// A client of a script.
    fn guest(&mut self, stimulus: Stimulus) {
        if let Stimulus::GuestOpened { line, client } = stimulus {
            self.slot = self.machine.clients.insert((u32::from(line), Side::Listener));
            let from = ClientOrigin { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, client)), subject: None };
            self.step(Input::ClientOpened { client: ClientId(self.slot), from });
        } else if let Stimulus::GuestFrame { slot, frame } = stimulus {
            let frame = Arc::clone(self.letters.frames.get(frame));
            self.step(Input::ClientFrame { client: ClientId(u32::from(slot)), frame: &frame[4..] });
        } else if let Stimulus::GuestClosed { slot } = stimulus {
            self.machine.clients.remove(u32::from(slot));
            self.step(Input::ClientClosed { client: ClientId(u32::from(slot)) });
        }
    }

    /// A frame leaves for a client of a script.
    fn tell(&mut self, client: ClientId, frame: Span) {
        if let (Some(_), Some(&(line, _))) = (self.letters.script, self.machine.clients.get(client.0)) {
            let frame = self.letters.frames.intern(self.out.bytes(frame).to_vec()).0;
            self.outs.push(Out::Tell { line: line as u8, frame });
        }
    }

    fn forget(&mut self, conn: ConnId) -> Option<zabra_sim::machine::Socket> {
        let socket = self.machine.conns.remove(conn.0);
        self.machine.questions.retain(|question| question.conn != conn);
        socket
    }

    fn die(&mut self) {
        self.machine.halt();
        self.outs.push(Out::Died);
    }

    fn perform(&mut self) {
        let actions: Vec<Action> = self.out.drain().collect();
        for action in actions {
            match action.into_storage() {
                Ok(storage) => self.machine.storage.issue(storage),
                Err(action) => self.perform_one(action),
            }
        }
    }

    fn perform_one(&mut self, action: Action) {
        match action {
            Action::Notify { to, notification } => {
                let notification = self.letters.notifications.intern(notification).0;
                self.outs.push(Out::Say { to, notification });
            }
            Action::Dial { peer } => self.outs.push(Out::Dial(peer)),
            Action::Hang { conn } => {
                if let Some(&(cable, side)) = self.machine.conns.get(conn.0) {
                    self.forget(conn);
                    self.outs.push(Out::Close { cable: cable as u8, side });
                }
            }
            Action::Send { conn, packet } => {
                if let Some(&(cable, side)) = self.machine.conns.get(conn.0) {
                    let packet = self.letters.packets.intern(packet).0;
                    self.outs.push(Out::Send { cable: cable as u8, side, packet });
                }
            }
            Action::ReadLog { conn, after, until } => {
                self.machine.questions.push_back(LogQuestion { conn, after, until });
            }
            Action::Drop { client, .. } => {
                let line = self.machine.clients.remove(client.0);
                self.dropped |= line.is_some();
                if let (Some(_), Some((line, _))) = (self.letters.script, line) {
                    self.outs.push(Out::Leave { line: line as u8 });
                }
            }
            Action::Reply { client, frame } => self.tell(client, frame),
            Action::Watch { clients, frame } => {
                let clients = self.out.watchers(clients).to_vec();
                clients.into_iter().for_each(|client| self.tell(client, frame));
            }
            Action::Arm { timer, after_ms } => self.machine.arm(timer, after_ms),
            Action::Disarm { timer } => {
                self.machine.disarm(timer);
            }
            Action::Stop { fault } => {
                self.die();
                self.machine.fault = Some(fault);
            }
            // Clients send little, and time does not pass.
            Action::Pause { .. } | Action::Resume { .. } | Action::Touch { .. } | Action::Configure { .. } => {}
            Action::Append(_)
            | Action::Truncate { .. }
            | Action::SaveAccepted(_)
            | Action::SaveCurrent(_)
            | Action::Install(_)
            | Action::Sync
            | Action::Checkpoint(_) => unreachable!("the disk has taken it"),
        }
    }
}

/// Whether what oracles keep of an event is read only when the same server reports something, or was
/// known before: a record is Proposed, and applied by its leader, before others accept or apply it.
fn is_own(event: &Event) -> bool {
    match event {
        Event::Accepted { .. }
        | Event::Applied { .. }
        | Event::UpToDate { .. }
        | Event::Role { .. }
        | Event::EpochProposed { .. }
        | Event::Voted { .. }
        | Event::Resigned { .. }
        | Event::LearnerLost { .. }
        | Event::PacketIgnored { .. }
        | Event::PeerRefused { .. }
        | Event::ReadOnly { .. } => true,
        Event::Elected { .. }
        | Event::EpochAccepted { .. }
        | Event::EpochAcked { .. }
        | Event::SyncPlanned { .. }
        | Event::NewLeaderAcked { .. }
        | Event::Established { .. }
        | Event::Proposed { .. }
        | Event::Acked { .. }
        | Event::Committed { .. }
        | Event::Truncated { .. }
        | Event::DigestMismatch { .. }
        | Event::ImageInstalled { .. }
        | Event::SyncAborted { .. }
        | Event::Configured { .. }
        | Event::SessionExpiring { .. }
        | Event::SessionOwned { .. }
        | Event::LocalSession { .. }
        | Event::Prepared { .. }
        | Event::SessionAttached { .. }
        | Event::SessionRefused { .. }
        | Event::Requested { .. }
        | Event::Replied { .. }
        | Event::Throttled { .. }
        | Event::LargeRequestRefused { .. }
        | Event::SyncAnswered { .. }
        | Event::Stopped { .. } => false,
    }
}
