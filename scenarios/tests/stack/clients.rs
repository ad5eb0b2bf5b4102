//! Clients that work until they are told to stop, and write down what they did and saw.

use crate::draws::{Draws, Purpose, draws};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use zabra_client::net::{Address, Client, Observer};
use zabra_client::{Config, CreateMode, Handle, Operation, Outcome, Output};
use zabra_sim::history::Recorder;
use zabra_sim::time::Micros;

/// Of every other client; the others lose their sessions to longer faults.
const PATIENT_MS: u32 = 3000;
const IMPATIENT_MS: u32 = 500;

/// The notes of all clients of a run.
#[derive(Clone)]
pub struct Notes {
    recorder: Arc<Mutex<Recorder>>,
    began: Instant,
}

/// One session's hand in them.
struct Scribe {
    notes: Notes,
    client: u32,
}

impl Notes {
    pub fn new() -> Notes {
        Notes { recorder: Arc::new(Mutex::new(Recorder::new(1 << 20))), began: Instant::now() }
    }

    pub fn take(&self) -> Recorder {
        self.recorder.lock().expect("a panic ends the run").clone()
    }

    /// A new session, whose name in the notes is `client`.
    pub fn session(&self, client: u32, addresses: Vec<Address>) -> Client {
        let timeout_ms = if client.is_multiple_of(2) { PATIENT_MS } else { IMPATIENT_MS };
        let mut config = Config::new((0..addresses.len() as u32).collect(), timeout_ms);
        config.retry_ms = 100;
        Client::start(addresses, config, Scribe { notes: self.clone(), client })
    }
}

impl Observer for Scribe {
    fn submitted(&mut self, handle: Handle, operation: &Operation) {
        self.notes.recorder.lock().expect("a panic ends the run").submitted(self.client, handle, operation);
    }

    fn saw(&mut self, output: &Output) {
        let now = Micros(self.notes.began.elapsed().as_micros() as u64);
        self.notes.recorder.lock().expect("a panic ends the run").saw(now, self.client, output);
    }
}

/// Works with one session after another until `until`, on znodes whose paths begin with `prefix`.
/// `number` names the client's first.
pub async fn work(notes: Notes, number: u32, addresses: Vec<Address>, prefix: String, seed: u64, until: Instant) {
    let mut draws = draws(seed, Purpose::Client, number.into());
    for life in 0.. {
        let mut order = addresses.clone();
        order.rotate_left(draws.below(addresses.len() as u64) as usize);
        let client = notes.session(number + 100 * life, order);
        loop {
            if Instant::now() >= until {
                return;
            }
            let count = draws.between(1, 6);
            let answers: Vec<_> = (0..count).map(|_| client.submit(operation(&mut draws, number, &prefix))).collect();
            let mut is_over = false;
            for answer in answers {
                is_over |= answer.await.outcome == Outcome::NotSent;
            }
            if is_over {
                break;
            }
            sleep(Duration::from_millis(draws.between(1, 120))).await;
        }
    }
}

fn operation(draws: &mut Draws, number: u32, prefix: &str) -> Operation {
    let path = || format!("{prefix}n{}", number % 2).into_bytes();
    let queue = |rest: &str| format!("{prefix}q{rest}");
    let data = Some(format!("{number}:{}", draws.below(1000)).into_bytes());
    let watch = draws.one_in(4);
    match draws.below(12) {
        0 => Operation::create(&queue(""), b"", CreateMode::Persistent),
        1 | 2 => Operation::create(&queue("/n-"), b"", CreateMode::PersistentSequential),
        3 => Operation::create(&queue("/e-"), b"", CreateMode::EphemeralSequential),
        4 => Operation::create(&format!("{prefix}n{}", draws.below(2)), b"new", CreateMode::Persistent),
        5..=7 => Operation::SetData { path: path(), data, version: -1 },
        8 => Operation::Delete { path: path(), version: -1 },
        9 => Operation::GetData { path: path(), watch },
        10 => Operation::GetChildren { path: queue("").into_bytes(), watch },
        _ if draws.one_in(20) => Operation::Close,
        _ => Operation::Sync { path: path() },
    }
}

/// Everything is whole again: a write and a fresh read must succeed at this server.
pub async fn probe(notes: Notes, number: u32, address: Address) {
    let said = format!("probe {number} at {}", address.host);
    let done = async {
        let client = notes.session(number, vec![address]);
        loop {
            let write = client.submit(Operation::create("/probe-", b"", CreateMode::PersistentSequential)).await;
            let sync = client.submit(Operation::Sync { path: b"/".to_vec() }).await;
            if let (Outcome::Done(_), Outcome::Done(_)) = (write.outcome, sync.outcome) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    // madsim tries a line that was cut again after up to ten seconds.
    assert!(timeout(Duration::from_secs(90), done).await.is_ok(), "{said}: no answer, though everything is whole");
}
