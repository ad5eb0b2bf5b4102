//! A move as a sentence: who does what, with which message, from whom.

use super::text::{item_text, storage_text};
use crate::moves::Move;
use crate::scope::Meddling;
use crate::state::State;
use zabra_client::Timer;
use zabra_core::contract;
use zabra_core::id::ServerId;
use zabra_core::log::StorageAction;
use zabra_sim::client::ClientStep;
use zabra_sim::disk;
use zabra_sim::link::Item;
use zabra_sim::step::text::{OperationText, timer_text};
use zabra_sim::step::{Job, Step};
use zabra_sim::trace::print::notification_text;

/// What making this move means in this state.
pub fn sentence(state: &State, action: &Move) -> String {
    match action {
        Move::Elect(who) => format!("servers {who} elect a leader, or join one, in one move"),
        Move::Write(leader) => format!("a client writes at leader {leader}"),
        Move::Crash(server, kept) => format!("server {server} loses power; {}", kept_text(state, *server, *kept)),
        Move::Fail(server) => format!("the oldest write that waits at server {server}'s disk fails"),
        Move::Early(server, timer) => format!("server {server}: {} fires before it has to", timer_name(*timer)),
        Move::Meddle { how, from, to } => {
            let what = match how {
                Meddling::Drop => "vanishes",
                Meddling::Duplicate => "arrives, and is still on its way",
                Meddling::Reorder => "is overtaken by the one behind it",
            };
            format!("the election message from server {from} to server {to} {what}")
        }
        Move::Step(step) => step_sentence(state, step),
    }
}

/// The steps that models take have sentences; the others are told as stories write them.
#[expect(clippy::wildcard_enum_match_arm, reason = "what no model does is told as stories write it")]
fn step_sentence(state: &State, step: &Step) -> String {
    match step {
        Step::Deliver { from, to, nth } => deliver(state, *from, *to, *nth).unwrap_or_else(|| step.to_string()),
        Step::Notify { from, to } => {
            let pair = state.world.pair(*from, *to).and_then(|pair| pair.flying(*from));
            let said = pair.map_or(String::new(), |notification| format!(": {}", notification_text(notification)));
            format!("server {to} hears from {from}{said}")
        }
        Step::Meet { a, b } => match state.world.would_refuse(*a, *b) {
            Some(down) => format!("server {} learns that {down} is not there", if down == *a { b } else { a }),
            None => format!("servers {a} and {b} open their election connection"),
        },
        Step::Part { a, b } => format!("the election connection of {a} and {b} breaks"),
        Step::Break { a, b, keep, .. } => {
            format!("the connection of {a} and {b} breaks; {} to {a} and {} to {b} still arrive", keep[0], keep[1])
        }
        Step::Fire { server, timer } => format!("server {server}: {} fires", timer_name(*timer)),
        Step::Complete { server, job: Job::Sync } => format!("server {server}'s disk: {}", durable(state, *server)),
        Step::Complete { server, job: Job::Checkpoint } => format!("server {server}'s checkpoint is written"),
        Step::Complete { server, job: Job::ReadLog } => format!("server {server}'s log answers what was asked of it"),
        Step::Restart { server } => format!("server {server} starts from its disk"),
        Step::Client { client, what } => client_sentence(state, *client, what).unwrap_or_else(|| step.to_string()),
        other => other.to_string(),
    }
}

/// What a client of a script does, or what is learned of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "what no model does is told as stories write it")]
fn client_sentence(state: &State, client: u16, what: &ClientStep) -> Option<String> {
    let server = |nth: u8| {
        let line = state.world.find_line(client, nth)?;
        Some(state.world.lines.get(line)?.server)
    };
    Some(match what {
        ClientStep::Submit(operation) => format!("client {client} asks: {}", OperationText(operation)),
        ClientStep::Fire(Timer::Retry) => format!("client {client} tries all servers again"),
        ClientStep::Up { nth, .. } => format!("server {} learns that client {client} is gone", server(*nth)?),
        ClientStep::Break { nth, .. } => format!("the connection of client {client} to {} breaks", server(*nth)?),
        _ => return None,
    })
}

fn deliver(state: &State, from: ServerId, to: ServerId, nth: u8) -> Option<String> {
    let (cable, side) = state.world.find_cable(from, to, nth)?;
    let item = state.world.cables.get(cable)?.link.inbound(side).front()?;
    Some(match item {
        Item::Syn => format!("server {to} is asked for a connection by {from}"),
        Item::Accept => format!("server {to}'s connection to {from} opens"),
        Item::Refuse => format!("server {to} is refused by {from}"),
        Item::Carry(_) => format!("server {to} receives {} from {from}", item_text(item)),
        Item::End => format!("server {to} learns that {from} closed their connection"),
        Item::Lost => format!("server {to} learns that its connection to {from} is lost"),
    })
}

/// What becomes durable next.
fn durable(state: &State, server: ServerId) -> String {
    let pending = state.world.machine(server).storage.pending();
    let group: Vec<String> = pending.take_while(|action| **action != StorageAction::Sync).map(storage_text).collect();
    if group.is_empty() { "a sync is done".to_owned() } else { format!("{} durable", group.join(", ")) }
}

fn kept_text(state: &State, server: ServerId, kept: disk::Survivors) -> String {
    let disk::Survivors { history, accepted, current, checkpoint } = kept;
    if state.world.machine(server).storage.pending().next().is_none() {
        return "all was durable".to_owned();
    }
    let checkpoint = if checkpoint { ", and the checkpoint" } else { "" };
    format!(
        "of what was not durable it keeps {history} of the log, {accepted} accepted and {current} current epochs{checkpoint}"
    )
}

fn timer_name(timer: contract::Timer) -> String {
    match timer {
        contract::Timer::Notification => "the time to say its vote again".to_owned(),
        contract::Timer::FinalizeWait => "its wait for a better vote".to_owned(),
        contract::Timer::InitLimit => "its wait for a leader or a quorum (initLimit)".to_owned(),
        contract::Timer::SyncLimit => "its wait for a packet of its leader (syncLimit)".to_owned(),
        contract::Timer::Session(session) => format!("the timeout of session {session}"),
        contract::Timer::Containers => "the time to look for containers that are empty".to_owned(),
        contract::Timer::ReadOnly => "the time to answer reads without a quorum".to_owned(),
        contract::Timer::Throttle => "the time to look for requests that have waited too long".to_owned(),
        contract::Timer::Learner(_)
        | contract::Timer::Ping
        | contract::Timer::Redial
        | contract::Timer::NoLeader(_) => timer_text(timer),
    }
}
