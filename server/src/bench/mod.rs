//! `zabra bench`: loads any ZooKeeper-compatible ensemble, and says what it bore.
//!
//! Every load runs in one thread, so that the servers beside it keep the machine: its sessions are
//! tasks of one runtime, and a closed loop submits its next request where the reply came
//! ([`zabra_client::net::Observer::follow`]). Durations are microseconds.

mod closed;
mod place;
mod report;
mod storm;
mod tally;

use crate::console::{complain, say};
use crate::exit::Exit;
use crate::tls::TlsArguments;
use clap::{Args, ValueEnum};
use report::Report;
use std::time::Duration;
use zabra_client::net::{Address, Client, Observer};
use zabra_client::{Config, Target, Transport};

/// What is asked of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// setData on the nodes in turn.
    Set,
    /// getData of the nodes in turn.
    Get,
    /// create, spread over directories.
    Create,
    /// getData and setData, by --reads.
    Mix,
    /// One-shot watches of many sessions on one node, and one setData that fires them all.
    Watches,
    /// Sessions opened and closed as fast as they can be.
    Sessions,
    /// Sessions opened and held.
    Hold,
    /// setData, and how long none succeeds after the command --run was run.
    Failover,
}

#[derive(Args, Clone, Debug)]
pub struct Arguments {
    #[arg(value_enum)]
    load: Load,
    /// Where the servers are: host:port, several separated by commas.
    #[arg(long, short, default_value = "127.0.0.1:2181")]
    servers: String,
    /// Sessions, spread over the servers.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// Requests under way at once, spread over the sessions.
    #[arg(long, default_value_t = 1024)]
    outstanding: u32,
    /// How long it is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long it runs before it is measured.
    #[arg(long, default_value_t = 1)]
    warmup: u64,
    /// Ends after so many requests (of watches: rounds) instead of --seconds, without a warm-up.
    #[arg(long)]
    count: Option<u64>,
    /// How many nodes are read and set, or how many directories are filled.
    #[arg(long, default_value_t = 1000)]
    nodes: u32,
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// How many percent of a mix are reads.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u8).range(0..=100))]
    reads: u8,
    /// The node under which everything happens.
    #[arg(long, default_value = "/zabra-bench")]
    root: String,
    /// A shell command to be run: of failover in the middle, of the others when all sessions stand.
    #[arg(long)]
    run: Option<String>,
    /// The session timeout asked for, in milliseconds.
    #[arg(long, default_value_t = 30_000)]
    timeout: u32,
    #[command(flatten)]
    tls: TlsArguments,
    /// Leaves the nodes behind.
    #[arg(long)]
    keep: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// What every load knows.
struct Plan {
    arguments: Arguments,
    servers: Vec<Address>,
    transport: Transport,
}

impl Plan {
    /// Sessions begin at the servers in turn.
    fn start(&self, n: usize, observer: impl Observer) -> Client {
        let servers = self.servers.len();
        let order = (0..servers).filter_map(|i| u32::try_from((n + i) % servers).ok()).collect();
        let config = Config { retry_ms: 10, ..Config::new(order, self.arguments.timeout) };
        Client::start_over(self.transport.clone(), self.servers.clone(), config, observer)
    }

    fn connections(&self) -> usize {
        self.arguments.connections.max(1) as usize
    }

    fn value(&self) -> Vec<u8> {
        vec![b'z'; self.arguments.value_bytes]
    }

    fn measured(&self) -> Duration {
        Duration::from_secs(self.arguments.seconds)
    }
}

/// Why there is no report.
type Failure = String;

/// Runs one load and prints what it was.
pub fn run(arguments: &Arguments) -> Exit {
    let servers = match Target::parse(&arguments.servers) {
        Ok(target) if target.chroot.is_empty() => target.servers,
        Ok(_) => return said("--servers: expected no path; --root says where it happens", Exit::Invocation),
        Err(wrong) => return said(&format!("--servers: {wrong}"), Exit::Invocation),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return said(&format!("no runtime: {error}"), Exit::Unexpected),
    };
    let transport = match arguments.tls.transport() {
        Ok(transport) => transport,
        Err(wrong) => return said(&wrong, Exit::Invocation),
    };
    let plan = Plan { arguments: arguments.clone(), servers, transport };
    match runtime.block_on(load(&plan)) {
        Ok(report) => {
            let text = if arguments.json { report.json(&plan).to_string() } else { report.text(&plan) };
            say(text).err().unwrap_or(Exit::Finished)
        }
        Err(why) => said(&why, Exit::Unexpected),
    }
}

fn said(what: &str, exit: Exit) -> Exit {
    complain(what);
    exit
}

async fn load(plan: &Plan) -> Result<Report, Failure> {
    match plan.arguments.load {
        Load::Set | Load::Get | Load::Create | Load::Mix | Load::Failover => closed::run(plan).await,
        Load::Watches => storm::watches(plan).await,
        Load::Sessions => storm::sessions(plan).await,
        Load::Hold => storm::hold(plan).await,
    }
}
