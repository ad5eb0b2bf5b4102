//! A state as a page: servers with their disks, what is on its way, and what may still go wrong.

use crate::scope::Budget;
use crate::service::Notes;
use crate::state::State;
use std::fmt::Write as _;
use zabra_core::contract::Timer;
use zabra_core::id::ServerId;
use zabra_core::log::StorageAction;
use zabra_core::replica::View;
use zabra_core::zab::Packet;
use zabra_sim::disk::RecordDisk;
use zabra_sim::link::{End, Item, Side};
use zabra_sim::machine::Machine;
use zabra_sim::step::text::timer_text;
use zabra_sim::trace::print::{notification_text, packet_text, word};
use zabra_sim::world::{Cable, Pair};

/// The whole state.
pub fn state(state: &State) -> String {
    let mut page = String::new();
    if let Some(violation) = state.objection() {
        let _ = writeln!(page, "VIOLATED  {}: {}", violation.oracle, violation.sentence);
        violation.facts.iter().for_each(|fact| page += &format!("  · {fact}\n"));
        page.push('\n');
    }
    for machine in &state.world.machines {
        server(&mut page, machine);
    }
    page += "\nquorum connections, what is on its way oldest first\n";
    for slot in &state.world.ages {
        if let Some(cable) = state.world.cables.get(*slot) {
            connection(&mut page, cable);
        }
    }
    if state.world.ages.is_empty() {
        page += "  none\n";
    }
    page += "\nelection connections\n";
    state.world.pairs.iter().for_each(|one| pair(&mut page, one));
    if let Some(notes) = &state.notes {
        clients(&mut page, state, notes);
    }
    let Budget { writes, crashes, breaks, elections, timeouts, drops, duplicates, reorders, failures } = state.budget;
    let meddled = [("drop", drops), ("duplicate", duplicates), ("reorder", reorders), ("failing write", failures)];
    let election = state.budget.last_epoch().map_or(("election", elections), |last| ("up to epoch", last));
    let left = [("write", writes), ("crash", crashes), ("break", breaks), election, ("timeout", timeouts)];
    let left = left.iter().chain(meddled.iter().filter(|(_, n)| *n > 0));
    let left: Vec<String> = left.map(|(what, n)| format!("{what} {n}")).collect();
    let _ = write!(page, "\nbudgets left: {}", left.join(", "));
    page
}

/// The clients with their connections, and what they did and saw so far.
fn clients(page: &mut String, state: &State, notes: &Notes) {
    page.push_str("\nclients\n");
    for (at, client) in state.world.clients.iter().enumerate() {
        let Some(session) = client.state() else { continue };
        let line = client.line.and_then(|line| state.world.lines.get(line));
        let how = match line {
            Some(line) if session.is_attached() => format!("attached to {}", line.server),
            Some(line) => format!("connects to {}", line.server),
            None if session.is_over() => "its session is over".to_owned(),
            None => "not connected".to_owned(),
        };
        let (id, pending) = (session.id(), session.pending());
        let _ = writeln!(page, "  client {at}  session {id}, {how}; {pending} of {} unanswered", client.submitted);
    }
    for (line, held) in state.world.line_ages.iter().filter_map(|line| Some((line, state.world.lines.get(*line)?))) {
        if let Some(item) = held.link.inbound(Side::Listener).front() {
            let what = if matches!(item, Item::Lost) { "loss" } else { "end" };
            let _ = writeln!(page, "  server {} has yet to learn of the {what} of connection {line}", held.server);
        }
    }
    page.push_str("\nwhat clients did and saw\n");
    for event in notes.events() {
        let _ = writeln!(page, "  {}  {:?}", event.client, event.kind);
    }
}

fn server(page: &mut String, machine: &Machine<RecordDisk>) {
    let me = machine.me();
    match machine.view() {
        None => {
            let why = machine.fault.as_ref().map_or(String::new(), |fault| format!(", it stopped itself: {fault:?}"));
            let _ = writeln!(page, "server {me}  DOWN{why}");
        }
        Some(view) => up(page, me, view),
    }
    let disk = machine.durable();
    let _ = write!(
        page,
        "  disk      accepted epoch {}, current epoch {}, history to {}",
        disk.accepted, disk.current, disk.history_end
    );
    let pending: Vec<String> = machine.storage.pending().map(storage_text).collect();
    let _ = writeln!(page, "{}{}", if pending.is_empty() { "" } else { "; not durable: " }, pending.join(", "));
    if !machine.armed.is_empty() {
        let armed: Vec<String> = machine.armed.iter().map(|(timer, _)| armed_text(machine, *timer)).collect();
        let _ = writeln!(page, "  timers    {}", armed.join(", "));
    }
}

fn up(page: &mut String, me: ServerId, view: View<'_>) {
    let of = view.leader().filter(|leader| *leader != me).map_or(String::new(), |leader| format!(" {leader}"));
    let serves = if view.serving() { ", serving" } else { "" };
    let _ = writeln!(page, "server {me}  {}{of}{serves}", word(view.state()).to_uppercase());
    let (accepted, current, round) = (view.accepted_epoch(), view.current_epoch(), view.round());
    let leads = view.leading_epoch().map_or(String::new(), |epoch| format!(", leads epoch {epoch}"));
    let _ = writeln!(page, "  epochs    accepted {accepted}, current {current}{leads}; election round {round}");
    let history: Vec<String> = view.history().map(|record| record.zxid.to_string()).collect();
    let _ = writeln!(
        page,
        "  history   [{}] to {}; committed {}, applied {}",
        history.join(" "),
        view.history_end(),
        view.committed(),
        view.applied()
    );
    if let Some(vote) = view.elected() {
        let _ = writeln!(page, "  elected   {} (epoch {}, {})", vote.leader, vote.epoch, vote.zxid);
    }
}

fn armed_text(machine: &Machine<RecordDisk>, timer: Timer) -> String {
    timer_text(timer) + if machine.armed(timer) == Some(0) { " (due)" } else { "" }
}

pub fn storage_text(action: &StorageAction) -> String {
    match action {
        StorageAction::Append(record) => format!("append {}", record.zxid),
        StorageAction::Truncate { after } => format!("truncate after {after}"),
        StorageAction::SaveAccepted(epoch) => format!("accepted epoch {epoch}"),
        StorageAction::SaveCurrent(epoch) => format!("current epoch {epoch}"),
        StorageAction::Install(image) => format!("image of {}", image.zxid()),
        StorageAction::Sync => "sync".to_owned(),
        StorageAction::Checkpoint(image) => format!("checkpoint of {}", image.zxid()),
    }
}

fn connection(page: &mut String, cable: &Cable) {
    let [dialer, listener] = cable.ends;
    let _ = writeln!(page, "  {dialer} dialled {listener}");
    for (side, from, to) in [(Side::Listener, dialer, listener), (Side::Dialer, listener, dialer)] {
        let coming: Vec<String> = cable.link.inbound(side).iter().map(item_text).collect();
        let end = match cable.link.end(side) {
            End::Waiting => "not open yet",
            End::Open { .. } => "nothing",
            End::Closed => "closed",
        };
        let coming = if coming.is_empty() { end.to_owned() } else { coming.join(", ") };
        let _ = writeln!(page, "    {from} → {to}  {coming}");
    }
}

/// What travels on a quorum connection.
pub fn item_text(item: &Item<Packet>) -> String {
    match item {
        Item::Syn => "asks to connect".to_owned(),
        Item::Accept => "accepts".to_owned(),
        Item::Refuse => "refuses".to_owned(),
        Item::Carry(packet) => packet_text(packet),
        Item::End => "the end".to_owned(),
        Item::Lost => "the loss".to_owned(),
    }
}

fn pair(page: &mut String, pair: &Pair) {
    let up = if pair.up { "" } else { "  down" };
    let _ = writeln!(page, "  {} and {}{up}", pair.a, pair.b);
    for (from, to) in [(pair.a, pair.b), (pair.b, pair.a)] {
        if let Some(notification) = pair.flying(from) {
            let _ = writeln!(page, "    {from} → {to}  {}", notification_text(notification));
        }
    }
}
