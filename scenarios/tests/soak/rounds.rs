//! Rounds of one kill each. The clients of a round have znodes and sessions of their own, so that the
//! black-box search, which looks at what clients saw and at nothing else, can take round by round.

use crate::clients::{self, Notes};
use crate::draws::{Draws, Purpose, draws};
use crate::judge::{self, File};
use crate::process::{Scratch, Server, ensemble, leader};
use std::fs;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use zabra_checker::history::{Opinion, search_within};
use zabra_client::net::Address;
use zabra_client::{Operation, Outcome};
use zabra_sim::history::{Answer, History, Kind};

const CLIENTS: u32 = 6;
/// The clients of a round have numbers of their own, sessions that follow lost ones included.
const NUMBERS: u32 = 10_000;
const ROUND: Duration = Duration::from_millis(1500);
/// How long everything is whole before the logs are read.
const QUIET: Duration = Duration::from_secs(2);
/// Configurations of a round that are looked at; beyond it the search has no opinion.
const CONFIGURATIONS: usize = 20_000;

/// What a run was.
#[derive(Debug, Default)]
pub struct Report {
    kills: u32,
    of_leaders: u32,
    events: usize,
    /// Writes that were acknowledged, and requests whose outcome was never learned.
    writes: usize,
    unknown: usize,
    replies: usize,
    disconnections: usize,
    expiries: usize,
    epochs: u64,
    records: usize,
    /// Of the black-box search, round by round.
    explained: usize,
    undecided: usize,
    configurations: usize,
    seconds: u64,
}

impl Report {
    pub fn tell(&self) -> String {
        format!("{self:?}")
    }

    /// Guards against a run in which nothing happens.
    pub fn reached_everything(&self, kills: u32) -> bool {
        self.kills == kills
            && self.of_leaders > 0
            && self.epochs > 1
            && self.writes > 10 * kills as usize
            && self.disconnections > 0
            && self.explained > self.undecided
    }
}

/// So many rounds, then the verdict: it panics where something was lost or is not legal.
pub fn run(seed: u64, kills: u32) -> Report {
    let began = Instant::now();
    let scratch = Scratch::new("soak");
    let mut servers = ensemble(&scratch, "");
    leader(&servers);
    let addresses: Vec<Address> =
        servers.iter().map(|server| Address { host: "127.0.0.1".into(), port: server.client.port() }).collect();
    let notes = Notes::new();
    let mut draws = draws(seed, Purpose::Plan, 0);
    let mut report = Report::default();
    for round in 0..kills {
        let working = work(notes.clone(), round, addresses.clone(), seed);
        kill_one(&mut servers, &mut draws, &mut report);
        working.join().expect("clients do not panic");
    }
    let prefixes = (0..kills).map(prefix).collect();
    audit(notes.clone(), addresses, prefixes);
    for server in &mut servers {
        assert!(server.stop().success(), "a server ends in good order");
    }
    let files = (0..servers.len()).flat_map(|at| files(at, &scratch.join(&(at + 1).to_string())));
    let history = judge::judge("the soak", &notes, files);
    report.count(&history);
    for round in 0..kills {
        report.search(&history, round);
    }
    report.seconds = began.elapsed().as_secs();
    report
}

/// A round's clients, on a runtime and a thread of their own.
fn work(notes: Notes, round: u32, addresses: Vec<Address>, seed: u64) -> JoinHandle<()> {
    thread::spawn(move || {
        runtime().block_on(async {
            let until = tokio::time::Instant::now() + ROUND;
            let numbers = (0..CLIENTS).map(|client| round * NUMBERS + client);
            let working: Vec<_> = numbers
                .map(|number| {
                    let seed = seed ^ u64::from(round) << 32;
                    tokio::spawn(clients::work(notes.clone(), number, addresses.clone(), prefix(round), seed, until))
                })
                .collect();
            for client in working {
                client.await.expect("a client does not panic");
            }
        });
    })
}

/// Every second time the leader, else whoever it is.
fn kill_one(servers: &mut [Server], draws: &mut Draws, report: &mut Report) {
    thread::sleep(Duration::from_millis(draws.between(100, 700)));
    let leads = leader(servers);
    let at = if draws.one_in(2) { leads } else { draws.below(servers.len() as u64) as usize };
    servers[at].kill();
    report.kills += 1;
    report.of_leaders += u32::from(at == leads);
    thread::sleep(Duration::from_millis(draws.between(0, 500)));
    servers[at].restart();
}

/// Everything is whole: each server serves a write, and shows every round's znodes as they are.
fn audit(notes: Notes, addresses: Vec<Address>, prefixes: Vec<String>) {
    runtime().block_on(async {
        for (at, address) in addresses.into_iter().enumerate() {
            let number = u32::MAX - 2 * at as u32;
            clients::probe(notes.clone(), number, address.clone()).await;
            let client = notes.session(number - 1, vec![address]);
            let sync = client.submit(Operation::Sync { path: b"/".to_vec() }).await.outcome;
            assert!(matches!(sync, Outcome::Done(_)), "server {at}: {sync:?}");
            for prefix in &prefixes {
                let children = Operation::GetChildren { path: format!("{prefix}q").into_bytes(), watch: false };
                let data = |n| Operation::GetData { path: format!("{prefix}n{n}").into_bytes(), watch: false };
                for read in [children, data(0), data(1)] {
                    let outcome = client.submit(read).await.outcome;
                    assert!(matches!(outcome, Outcome::Done(_) | Outcome::Failed(_)), "server {at}: {outcome:?}");
                }
            }
        }
        tokio::time::sleep(QUIET).await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// `/aa-`, `/ba-`, …: the search takes what stands before digits for one subtree.
fn prefix(round: u32) -> String {
    let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
    format!("/{}{}{}-", letter(round), letter(round / 26), letter(round / 676))
}

fn files(server: usize, dir: &Path) -> Vec<File> {
    let entries = fs::read_dir(dir.join("version-2")).expect("the server's directory");
    let read = |entry: fs::DirEntry| {
        let bytes = fs::read(entry.path()).expect("the server's file");
        File { server, path: entry.path().display().to_string(), bytes }
    };
    entries.map(|entry| read(entry.expect("an entry"))).collect()
}

impl Report {
    fn count(&mut self, history: &History) {
        let count = |is_one: &dyn Fn(&Kind) -> bool| judge::count(history, is_one);
        self.events = history.events.len();
        self.replies = count(&|kind| matches!(kind, Kind::Return { .. }));
        let invoked = count(&|kind| matches!(kind, Kind::Invoke { .. }));
        self.unknown = invoked - self.replies;
        self.disconnections = count(&|kind| *kind == Kind::Disconnected);
        self.expiries = count(&|kind| *kind == Kind::Expired);
        // A stat is the answer to setData alone here: no client asks for `exists`.
        self.writes = count(&|kind| {
            let Kind::Return { answer, .. } = kind else { return false };
            matches!(answer, Answer::Created { .. } | Answer::Deleted | Answer::Stat(_) | Answer::Closed)
        });
        self.epochs = history.log.last().map_or(0, |txn| txn.zxid >> 32);
        self.records = history.log.len();
    }

    /// The search over one round: the prefix is its clients' alone.
    fn search(&mut self, history: &History, round: u32) {
        let events = history.events.iter().filter(|event| event.client / NUMBERS == round).cloned();
        let part = History { events: events.collect(), ..History::default() };
        match search_within(&part, CONFIGURATIONS) {
            Opinion::Explained { configurations, .. } => {
                self.explained += 1;
                self.configurations = self.configurations.max(configurations);
            }
            Opinion::Refused(why) => panic!("round {round}: {why}"),
            Opinion::Undecided(_) => self.undecided += 1,
        }
    }
}
