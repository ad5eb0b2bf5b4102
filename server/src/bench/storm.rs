//! Loads of many sessions: watches that fire at once, sessions that come and go, sessions that stand.

use super::report::Report;
use super::tally::{Shared, micros};
use super::{Failure, Plan, place};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};
use zabra_client::net::Client;
use zabra_client::{Operation, Outcome, Output, SessionEvent};

/// Sessions that are opened at once when many shall stand.
const DIALLING: usize = 64;
/// How long a session may take to stand and read.
const STAND: Duration = Duration::from_secs(30);
/// How long the last watch may take.
const LAST_WATCH: Duration = Duration::from_secs(60);

/// Runs a command by the shell: what it said.
pub(super) async fn shell(command: &str) -> Result<String, Failure> {
    let command = command.to_owned();
    let done = tokio::task::spawn_blocking(move || std::process::Command::new("sh").args(["-c", &command]).output());
    match done.await {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(Ok(output)) => Err(format!("--run: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())),
        Ok(Err(error)) => Err(format!("--run: {error}")),
        Err(error) => Err(format!("--run: {error}")),
    }
}

/// Sessions that stand, and when each heard of a watch.
struct Crowd {
    clients: Vec<Client>,
    fired: UnboundedReceiver<Instant>,
    tally: Shared,
}

impl Crowd {
    /// Opens the sessions, a few at a time.
    async fn gather(plan: &Plan) -> Result<Crowd, Failure> {
        let (fires, fired) = unbounded_channel();
        let mut crowd = Crowd { clients: Vec::new(), fired, tally: Shared::new() };
        let standing = Arc::new(AtomicU64::new(0));
        let bar = place::bar(plan, Duration::ZERO, Arc::clone(&standing), |n| n.load(Ordering::Relaxed));
        while crowd.clients.len() < plan.connections() {
            let new = DIALLING.min(plan.connections() - crowd.clients.len());
            let from = crowd.clients.len();
            for n in from..from + new {
                crowd.clients.push(plan.start(n, observer(fires.clone(), crowd.tally.clone())));
            }
            crowd.watch(plan, from, false).await?;
            standing.store(crowd.clients.len() as u64, Ordering::Relaxed);
        }
        bar.end();
        Ok(crowd)
    }

    /// Every session from this one on reads the root, perhaps with a watch.
    async fn watch(&self, plan: &Plan, from: usize, watch: bool) -> Result<(), Failure> {
        let path = plan.arguments.root.trim_end_matches('/').as_bytes();
        let read = |client: &Client| client.submit(Operation::GetData { path: path.to_vec(), watch });
        let reads: Vec<_> = self.clients[from..].iter().map(read).collect();
        for read in reads {
            let Ok(completion) = timeout(STAND, read).await else {
                let standing = from.max(1);
                return Err(format!("no more sessions after about {standing}: maxClientCnxns, or too few open files?"));
            };
            match completion.outcome {
                Outcome::Done(_) => {}
                other @ (Outcome::Failed(_) | Outcome::Unknown | Outcome::NotSent) => {
                    return Err(format!("a session cannot read {}: {other:?}", plan.arguments.root));
                }
            }
        }
        Ok(())
    }

    fn close(&self) {
        for client in &self.clients {
            drop(client.submit(Operation::Close));
        }
    }
}

fn observer(fires: UnboundedSender<Instant>, tally: Shared) -> impl FnMut(&Output) + Send + 'static {
    move |output| match output {
        Output::Watch(_) => drop(fires.send(Instant::now())),
        Output::Session(SessionEvent::Disconnected) => tally.lock().lost += 1,
        Output::Session(_)
        | Output::Connect { .. }
        | Output::Send(_)
        | Output::Hang
        | Output::Arm { .. }
        | Output::Disarm { .. }
        | Output::Sent { .. }
        | Output::Completed { .. } => {}
    }
}

/// One setData, and every session's watch: the report's latencies are from the setData to each event.
pub(super) async fn watches(plan: &Plan) -> Result<Report, Failure> {
    let builder = place::Builder::start(plan).await?;
    let mut crowd = Crowd::gather(plan).await?;
    let said = match &plan.arguments.run {
        Some(command) => Some(shell(command).await?),
        None => None,
    };
    let mut rounds = Vec::new();
    for _ in 0..plan.arguments.count.unwrap_or(3).max(1) {
        crowd.watch(plan, 0, true).await?;
        let struck = Instant::now();
        let touched = builder.touch();
        let mut last = struck;
        for heard in 0..crowd.clients.len() {
            let Ok(Some(at)) = timeout(LAST_WATCH, crowd.fired.recv()).await else {
                return Err(format!("{heard} of {} watches fired within {LAST_WATCH:?}", crowd.clients.len()));
            };
            crowd.tally.lock().succeeded(struck, at);
            last = last.max(at);
        }
        drop(touched.await);
        rounds.push(micros(struck, last));
    }
    let mut report = Report::of(&crowd.tally.lock(), rounds.iter().sum());
    report.connections = plan.connections();
    report.said = said;
    report.rounds = rounds;
    crowd.close();
    if !plan.arguments.keep {
        builder.clear().await?;
    }
    Ok(report)
}

/// Sessions that are opened and closed again, one after the other in each place.
pub(super) async fn sessions(plan: &Plan) -> Result<Report, Failure> {
    let warmup = Duration::from_secs(plan.arguments.warmup);
    let started = Instant::now();
    let (from, ends) = (started + warmup, started + warmup + plan.measured());
    let tally = Shared::new();
    let begun = AtomicU64::new(0);
    let one_place = async |place: usize| {
        let mut n = place;
        while Instant::now() < ends {
            let at = Instant::now();
            n += 1;
            begun.fetch_add(1, Ordering::Relaxed);
            let client = plan.start(n, |_: &_| {});
            let outcome = client.submit(Operation::Close).await.outcome;
            let now = Instant::now();
            match outcome {
                Outcome::Done(_) if at >= from && now <= ends => tally.lock().succeeded(at, now),
                Outcome::Done(_) => {}
                Outcome::Failed(_) | Outcome::Unknown | Outcome::NotSent => tally.lock().failed(&outcome),
            }
        }
    };
    let bar = place::bar(plan, warmup, (), |()| 0);
    let places: Vec<_> = (0..plan.connections()).map(|place| Box::pin(one_place(place))).collect();
    all(places).await;
    bar.end();
    let mut report = Report::of(&tally.lock(), micros(from, ends));
    report.connections = plan.connections();
    Ok(report)
}

/// Drives futures side by side until all are done.
async fn all<F: Future<Output = ()> + Unpin>(mut futures: Vec<F>) {
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| std::pin::Pin::new(future).poll(cx).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Sessions that stand for a while, doing nothing but pings.
pub(super) async fn hold(plan: &Plan) -> Result<Report, Failure> {
    let builder = place::Builder::start(plan).await?;
    let started = Instant::now();
    let crowd = Crowd::gather(plan).await?;
    let elapsed = micros(started, Instant::now());
    let said = match &plan.arguments.run {
        Some(command) => Some(shell(command).await?),
        None => None,
    };
    sleep(plan.measured()).await;
    let mut report = Report::of(&crowd.tally.lock(), elapsed);
    report.connections = plan.connections();
    report.said = said;
    crowd.close();
    if !plan.arguments.keep {
        builder.clear().await?;
    }
    Ok(report)
}
