//! What goes wrong in a run: data, drawn from the seed before it begins.

use crate::draws::{Purpose, draws};

/// Servers and client hosts are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends at once; the machine goes on, so all that it has written will be there.
    Kill(usize),
    /// The power fails: what was not synced is lost, in part or whole.
    CutPower(usize),
    /// The process is asked to end, and does in good order.
    Stop(usize),
    Start(usize),
    /// Nothing goes from one server to another any more.
    Part(usize, usize),
    /// Nothing goes in or out.
    Isolate(usize),
    Heal,
    Pause(usize),
    Resume(usize),
}

/// Faults and when they happen, in milliseconds, ascending.
pub fn plan(seed: u64, servers: usize, until_ms: u64) -> Vec<(u64, Fault)> {
    let mut draws = draws(seed, Purpose::Plan, 0);
    let mut plan = Vec::new();
    let mut at = draws.between(2000, 4000);
    while at < until_ms {
        let server = draws.below(servers as u64) as usize;
        let other = (server + 1 + draws.below(servers as u64 - 1) as usize) % servers;
        let lasts = draws.between(50, 3000);
        let (fault, end) = match draws.below(7) {
            0 => (Fault::Kill(server), Fault::Start(server)),
            1 | 2 => (Fault::CutPower(server), Fault::Start(server)),
            3 => (Fault::Stop(server), Fault::Start(server)),
            4 => (Fault::Part(server, other), Fault::Heal),
            5 => (Fault::Isolate(server), Fault::Heal),
            _ => (Fault::Pause(server), Fault::Resume(server)),
        };
        plan.push((at, fault));
        plan.push((at + lasts, end));
        at += draws.between(200, 4000);
    }
    plan.sort_by_key(|(at, _)| *at);
    plan
}
