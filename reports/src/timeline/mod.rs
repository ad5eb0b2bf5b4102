//! A run as a spectator of it writes it down: what each server was when, which messages travelled
//! from when to when, what clients asked and were answered, and which faults lasted how long.
//!
//! The source of the page, of Mermaid and of Perfetto. Only the last events are kept, up to a bound;
//! what was forgotten is counted, never silent. Nothing is judged here.

mod faults;
mod flight;
mod record;

pub use record::Recorder;

use serde::Serialize;

/// So many events of a run are kept: the last ones.
pub const EVENTS: usize = 100_000;

/// What the numbers of time are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Microseconds of simulated time.
    Micros,
    /// Steps of a story, which has no time.
    Steps,
}

/// What an event is about; the page lets people choose by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Messages, by what they are for.
    Election,
    Sync,
    Broadcast,
    Request,
    Connection,
    /// A server changes what it is: roles, epochs, crashes, starts.
    State,
    /// A server writes, or what it wrote becomes durable.
    Storage,
    /// A server commits or applies.
    Commit,
    /// A client's operation, its answer, its session.
    Client,
    /// A fault of the world.
    Fault,
    Timer,
    Other,
    Violation,
}

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::Election,
        Kind::Sync,
        Kind::Broadcast,
        Kind::Request,
        Kind::Connection,
        Kind::State,
        Kind::Storage,
        Kind::Commit,
        Kind::Client,
        Kind::Fault,
        Kind::Timer,
        Kind::Other,
        Kind::Violation,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Kind::Election => "election",
            Kind::Sync => "sync",
            Kind::Broadcast => "broadcast",
            Kind::Request => "request",
            Kind::Connection => "connection",
            Kind::State => "state",
            Kind::Storage => "storage",
            Kind::Commit => "commit",
            Kind::Client => "client",
            Kind::Fault => "fault",
            Kind::Timer => "timer",
            Kind::Other => "other",
            Kind::Violation => "violation",
        }
    }
}

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    World,
    Server(u8),
    Client(u16),
}

impl Lane {
    /// `n2` for server 2, `c0` for client 0, as in `report.json`.
    pub fn id(self) -> String {
        match self {
            Lane::World => "world".to_owned(),
            Lane::Server(id) => format!("n{id}"),
            Lane::Client(id) => format!("c{id}"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: u64,
    pub kind: Kind,
    pub lane: Lane,
    pub text: String,
    /// For a message: whence it came.
    pub message: Option<Message>,
}

/// A message, at the moment when it arrived or was lost; its event's lane is the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub from: u8,
    pub sent: u64,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrived,
    Lost,
    /// Still on its way at the end.
    Travels,
}

/// What a server was for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub server: u8,
    pub from: u64,
    pub until: u64,
    pub state: State,
    /// The current epoch; of leaders and their learners.
    pub epoch: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Down,
    Looking,
    Following,
    Observing,
    Leading,
}

impl State {
    /// The letter of the status lines.
    pub const fn letter(self) -> &'static str {
        match self {
            State::Down => "#",
            State::Looking => "?",
            State::Following => "F",
            State::Observing => "O",
            State::Leading => "L",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            State::Down => "down",
            State::Looking => "looking",
            State::Following => "following",
            State::Observing => "observing",
            State::Leading => "leading",
        }
    }
}

/// A fault while it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    pub from: u64,
    pub until: u64,
    pub text: String,
}

/// A client's operation: from when it was handed over, to its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub client: u16,
    pub from: u64,
    pub until: Option<u64>,
    pub text: String,
    pub outcome: Answer,
    pub answer: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Failed,
    /// The client never learned what became of it.
    Unknown,
    NotSent,
    /// No outcome until the end.
    Open,
}

impl Answer {
    pub const fn word(self) -> &'static str {
        match self {
            Answer::Done => "done",
            Answer::Failed => "failed",
            Answer::Unknown => "unknown",
            Answer::NotSent => "not sent",
            Answer::Open => "open",
        }
    }
}

/// What was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// Events before the first that is kept.
    pub events: u64,
    /// Operations that had ended before that.
    pub operations: u64,
    /// Heartbeats, which are not told at all.
    pub pings: u64,
}

/// A run, written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    pub unit: Unit,
    /// Identity, and whether it is an observer.
    pub servers: Vec<(u8, bool)>,
    pub clients: u16,
    pub end: u64,
    pub events: Vec<Event>,
    pub spans: Vec<Span>,
    pub bands: Vec<Band>,
    pub operations: Vec<Operation>,
    pub cut: Cut,
}
