//! What a client does when something happens to it, and what the notes become: functions of the two,
//! worked out once.

use super::index::Id;
use super::react::{Letters, Reaction};
use crate::service::{Notes, Scripts};
use zabra_client::{Handle, Input, Operation, Output, Timer};
use zabra_core::contract::Event;
use zabra_core::id::ServerId;
use zabra_sim::client::{Client, ClientKind};

/// One thing that happens to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeatOp {
    /// It is asked for the next operation of its script.
    Submit(u8),
    Retry,
    Connected,
    Received(Id),
    Disconnected,
}

/// What a client commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeatOut {
    Connect(ServerId),
    Send(Id),
    Hang,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Seated {
    /// The client afterwards.
    pub seat: Id,
    pub outs: Box<[SeatOut]>,
    pub said: Box<[Output]>,
    pub submitted: Option<(u32, Operation)>,
    /// Whether the notes are told.
    pub notable: bool,
}

/// What is read of a client on the way.
#[derive(Clone, Copy, Debug)]
pub struct SeatFacts {
    pub attached: bool,
    pub idle: bool,
    pub waiting: bool,
    pub submitted: u32,
}

/// What is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noted {
    /// What a client submitted and said.
    Heard { client: u8, seated: Id },
    /// What a server applied.
    Applied(Id),
}

impl SeatFacts {
    pub fn of(client: &Client) -> SeatFacts {
        let session = client.state().expect("clients of a script are sessions");
        SeatFacts {
            attached: session.is_attached(),
            idle: session.pending() == 0,
            waiting: session.is_waiting(),
            submitted: client.submitted,
        }
    }
}

/// The client afterwards, and what came of it but for the client's number.
pub fn seat(client: &Client, op: SeatOp, script: Scripts, letters: &mut Letters) -> (Client, Seated) {
    let mut client = client.clone();
    let mut submitted = None;
    let mut outputs = Vec::new();
    let asked = client.submitted;
    let ClientKind::Session(session) = &mut client.kind else { unreachable!("clients of a script are sessions") };
    match op {
        SeatOp::Submit(which) => {
            let operation = script.next(usize::from(which), asked).expect("only what the script has is submitted");
            submitted = Some((asked, operation.clone()));
            client.submitted += 1;
            session.step(Input::Submit { handle: Handle(asked), operation }, &mut outputs);
        }
        SeatOp::Retry => session.step(Input::Fired(Timer::Retry), &mut outputs),
        SeatOp::Connected => session.step(Input::Connected, &mut outputs),
        SeatOp::Received(frame) => session.step(Input::Received(letters.frames.get(frame)), &mut outputs),
        SeatOp::Disconnected => session.step(Input::Disconnected, &mut outputs),
    }
    let (mut outs, mut said) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Connect { server } => outs.push(SeatOut::Connect(ServerId(server as u8))),
            Output::Send(bytes) => outs.push(SeatOut::Send(letters.frames.intern(bytes).0)),
            Output::Hang => outs.push(SeatOut::Hang),
            Output::Arm { .. } | Output::Disarm { .. } => {}
            said_output @ (Output::Sent { .. } | Output::Completed { .. } | Output::Watch(_) | Output::Session(_)) => {
                said.push(said_output);
            }
        }
    }
    let notable = submitted.is_some() || !said.is_empty();
    (client, Seated { seat: 0, outs: outs.into(), said: said.into(), submitted, notable })
}

/// The notes after a client was heard.
pub fn hear(notes: &Notes, client: u8, seated: &Seated) -> Notes {
    let mut notes = notes.clone();
    if let Some((handle, operation)) = &seated.submitted {
        notes.submitted(u16::from(client), *handle, operation);
    }
    let before = notes.grown();
    seated.said.iter().for_each(|output| notes.said(u16::from(client), output));
    if notes.grown() != before {
        notes.judge();
    }
    notes
}

/// The notes after a server applied records.
pub fn apply(notes: &Notes, reaction: &Reaction) -> Notes {
    let mut notes = notes.clone();
    let before = notes.grown();
    for event in &reaction.events {
        if let Event::Applied { record, .. } = event {
            notes.applied(record);
        }
    }
    if notes.grown() != before {
        notes.judge();
    }
    notes
}
