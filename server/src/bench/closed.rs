//! Closed loops: every session keeps so many requests under way, and each reply calls for the next.

use super::report::Report;
use super::tally::{Shared, micros};
use super::{Failure, Load, Plan, place, storm};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until, timeout_at};
use zabra_client::net::Observer;
use zabra_client::{CreateMode, Handle, Operation, Outcome, Output, SessionEvent};

/// How long replies are waited for after the last request.
const DRAIN: Duration = Duration::from_secs(30);

/// What all loops of a run share.
struct Work {
    load: Load,
    reads: u64,
    paths: Vec<String>,
    value: Vec<u8>,
    /// Requests begun, of all sessions.
    begun: AtomicU64,
    count: Option<u64>,
    measured_from: Instant,
    ends: Instant,
}

impl Work {
    fn next(&self, turn: u64) -> Option<Operation> {
        let n = self.begun.fetch_add(1, Ordering::Relaxed);
        if self.count.is_some_and(|count| n >= count) {
            return None;
        }
        // A prime step visits all nodes, and neighbours in time are none in the tree.
        let place = usize::try_from(n.wrapping_mul(7_919)).unwrap_or(0) % self.paths.len();
        let path = &self.paths[place];
        let is_read = self.load == Load::Get || self.load == Load::Mix && turn.wrapping_mul(37) % 100 < self.reads;
        Some(if self.load == Load::Create {
            Operation::create(&format!("{path}/n{n:07}"), &self.value, CreateMode::Persistent)
        } else if is_read {
            Operation::GetData { path: path.clone().into_bytes(), watch: false }
        } else {
            Operation::SetData { path: path.clone().into_bytes(), data: Some(self.value.clone()), version: -1 }
        })
    }
}

struct Loop {
    work: Arc<Work>,
    tally: Shared,
    depth: usize,
    /// When each unanswered request was submitted, in order, which is also the order of replies.
    begun: VecDeque<Instant>,
    turn: u64,
    last: Option<Instant>,
    is_attached: bool,
    /// Told once, when nothing more will come.
    over: Option<UnboundedSender<()>>,
}

impl Observer for Loop {
    fn submitted(&mut self, _: Handle, _: &Operation) {
        self.begun.push_back(Instant::now());
    }

    fn saw(&mut self, output: &Output) {
        match output {
            Output::Completed { outcome, .. } => self.completed(outcome),
            Output::Session(SessionEvent::Attached { .. }) => self.is_attached = true,
            Output::Session(SessionEvent::Disconnected) => {
                self.is_attached = false;
                self.tally.lock().lost += 1;
            }
            Output::Session(SessionEvent::Ended(_)) => self.over = None,
            Output::Session(SessionEvent::WatchesRearmed { .. } | SessionEvent::ServerWrong(_))
            | Output::Connect { .. }
            | Output::Send(_)
            | Output::Hang
            | Output::Arm { .. }
            | Output::Disarm { .. }
            | Output::Sent { .. }
            | Output::Watch(_) => {}
        }
    }

    fn follow(&mut self, operations: &mut Vec<Operation>) {
        if !self.is_attached || self.over.is_none() {
            return;
        }
        let room = self.depth.saturating_sub(self.begun.len());
        if room > 0 && (self.work.count.is_some() || Instant::now() < self.work.ends) {
            for _ in 0..room {
                self.turn += 1;
                operations.extend(self.work.next(self.turn));
            }
        }
        if operations.is_empty() && self.begun.is_empty() {
            self.over.take().map(|over| over.send(()));
        }
    }
}

impl Loop {
    fn completed(&mut self, outcome: &Outcome) {
        let Some(begun) = self.begun.pop_front() else { return };
        if self.over.is_none() {
            return; // The session's own close.
        }
        let now = Instant::now();
        let is_measured = self.work.count.is_some() || begun >= self.work.measured_from && now <= self.work.ends;
        let mut tally = self.tally.lock();
        match outcome {
            Outcome::Done(_) => {
                if is_measured {
                    tally.succeeded(begun, now);
                }
                tally.breathed(self.last, now);
                self.last = Some(now);
            }
            Outcome::Failed(_) | Outcome::Unknown | Outcome::NotSent => tally.failed(outcome),
        }
    }
}

pub(super) async fn run(plan: &Plan) -> Result<Report, Failure> {
    let arguments = &plan.arguments;
    let builder = place::Builder::start(plan).await?;
    let is_create = arguments.load == Load::Create;
    let paths = builder.nodes(if is_create { Vec::new() } else { plan.value() }).await?;
    let connections = plan.connections().min(arguments.outstanding.max(1) as usize);
    let warmup = if arguments.count.is_some() { Duration::ZERO } else { Duration::from_secs(arguments.warmup) };
    let started = Instant::now();
    let work = Arc::new(Work {
        load: arguments.load,
        reads: arguments.reads.into(),
        paths,
        value: plan.value(),
        begun: AtomicU64::new(0),
        count: arguments.count,
        measured_from: started + warmup,
        ends: started + warmup + plan.measured(),
    });
    let tally = Shared::new();
    let (over, mut overs) = unbounded_channel();
    let outstanding = arguments.outstanding.max(1) as usize;
    let clients: Vec<_> = (0..connections)
        .map(|n| {
            let depth = outstanding / connections + usize::from(n < outstanding % connections);
            let (work, tally) = (Arc::clone(&work), tally.clone());
            let begun = VecDeque::with_capacity(depth);
            let over = Some(over.clone());
            plan.start(n, Loop { work, tally, depth, begun, turn: n as u64, last: None, is_attached: false, over })
        })
        .collect();
    drop(over);
    let bar = place::bar(plan, warmup, Arc::clone(&work), |work| work.begun.load(Ordering::Relaxed));
    let said = match (&arguments.run, arguments.load) {
        (Some(command), Load::Failover) => {
            sleep_until(work.measured_from + plan.measured() / 2).await;
            tally.lock().struck = Some(Instant::now());
            Some(storm::shell(command).await?)
        }
        (Some(command), _) => Some(storm::shell(command).await?),
        (None, _) => None,
    };
    let give_up = work.ends + if arguments.count.is_some() { Duration::from_secs(86_400) } else { DRAIN };
    let drained = timeout_at(give_up, async { while overs.recv().await.is_some() {} }).await;
    let ended = Instant::now();
    bar.end();
    tally.lock().ended(work.ends);
    for client in &clients {
        drop(client.submit(Operation::Close));
    }
    let elapsed =
        if arguments.count.is_some() { micros(started, ended) } else { micros(work.measured_from, work.ends) };
    let mut report = Report::of(&tally.lock(), elapsed);
    report.connections = connections;
    report.said = said;
    report.is_drained = drained.is_ok();
    if !arguments.keep {
        builder.clear().await?;
    }
    Ok(report)
}
