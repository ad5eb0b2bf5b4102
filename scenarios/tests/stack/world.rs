//! A run: three servers on hosts of their own, clients, and what goes wrong.

use crate::clients::{self, Notes};
use crate::disk::{Honesty, Platter, StorageTask};
use crate::draws::{Purpose, draws};
use crate::faults::{Fault, plan};
use crate::judge::{self, File};
use madsim::net::NetSim;
use madsim::runtime::{Handle, NodeBuilder, NodeHandle, Runtime};
use madsim::task::NodeId;
use madsim::{Config, plugin};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use zabra::config::{Host, Member, Settings};
use zabra::exit::Exit;
use zabra::shell;
use zabra_client::net::Address;
use zabra_core::id::ServerId;
use zabra_core::log::Store;
use zabra_core::quorum::Quorum;
use zabra_sim::history::{History, Kind};

const SERVERS: usize = 3;
const CLIENTS: u32 = 4;
const FAULTS_MS: u64 = 20_000;
/// How long everything is whole before the logs are read: what was proposed is committed everywhere.
const QUIET: Duration = Duration::from_secs(5);

/// What a run was, and what it reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    histories: Vec<History>,
    events: usize,
    returns: usize,
    disconnections: usize,
    expiries: usize,
    watches: usize,
    faults: BTreeMap<&'static str, usize>,
    epochs: u64,
}

impl Report {
    fn of(history: History, faults: &[(u64, Fault)]) -> Report {
        let mut report = Report {
            events: history.events.len(),
            returns: judge::count(&history, |kind| matches!(kind, Kind::Return { .. })),
            disconnections: judge::count(&history, |kind| *kind == Kind::Disconnected),
            expiries: judge::count(&history, |kind| *kind == Kind::Expired),
            watches: judge::count(&history, |kind| matches!(kind, Kind::Watch { .. })),
            epochs: history.log.last().map_or(0, |txn| txn.zxid >> 32),
            ..Report::default()
        };
        for (_, fault) in faults {
            let name = match fault {
                Fault::Kill(_) => "kill",
                Fault::CutPower(_) => "power",
                Fault::Stop(_) => "stop",
                Fault::Part(..) => "part",
                Fault::Isolate(_) => "isolate",
                Fault::Pause(_) => "pause",
                Fault::Start(_) | Fault::Heal | Fault::Resume(_) => continue,
            };
            *report.faults.entry(name).or_default() += 1;
        }
        report.histories.push(history);
        report
    }

    pub fn add(&mut self, other: &Report) {
        self.events += other.events;
        self.returns += other.returns;
        self.disconnections += other.disconnections;
        self.expiries += other.expiries;
        self.watches += other.watches;
        self.epochs += other.epochs;
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }

    pub fn tell(&self) -> String {
        let Report { events, returns, disconnections, expiries, watches, faults, epochs, .. } = self;
        format!(
            "{events} events, {returns} replies, {epochs} epochs, {disconnections} disconnections, {expiries} \
             expiries, {watches} watch events, faults {faults:?}"
        )
    }

    /// Guards against a run in which nothing happens.
    pub fn reached_everything(&self) -> bool {
        let counts = [self.returns, self.disconnections, self.expiries, self.watches];
        self.faults.len() == 6 && !counts.contains(&0)
    }
}

/// Runs a seed. None: something was found, and is printed.
pub fn run(seed: u64, honesty: Honesty) -> Option<Report> {
    simulated(seed, if seed % 3 == 0 { 0.02 } else { 0.0 }, move || live(seed, honesty))
}

/// Launches three servers, milliseconds apart, and answers how long it takes until all of them serve.
pub fn launch(seed: u64) -> Option<Duration> {
    simulated(seed, 0.0, move || launched(seed))
}

/// In a thread and a runtime of its own.
fn simulated<T: Send + 'static, F: Future<Output = T>>(
    seed: u64,
    packet_loss_rate: f64,
    run: impl FnOnce() -> F + Send + 'static,
) -> Option<T> {
    let run = move || {
        let mut config = Config::default();
        config.net.packet_loss_rate = packet_loss_rate;
        let mut runtime = Runtime::with_seed_and_config(seed, config);
        runtime.set_time_limit(Duration::from_secs(600));
        runtime.block_on(run())
    };
    std::thread::Builder::new().name(format!("seed {seed}")).spawn(run).expect("a thread").join().ok()
}

struct Server {
    node: NodeHandle,
    platter: Platter,
    end: Arc<Notify>,
    is_up: bool,
    is_paused: bool,
    crashes: u64,
}

async fn live(seed: u64, honesty: Honesty) -> Report {
    let handle = Handle::current();
    let notes = Notes::new();
    let began = Instant::now();
    let mut servers: Vec<Server> = (0..SERVERS).map(|at| boot(&handle, seed, at, honesty)).collect();
    let addresses: Vec<Address> = (0..SERVERS).map(address).collect();
    let working: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let until = began + Duration::from_millis(FAULTS_MS);
            let node = host(&handle, &format!("client {number}"), 100 + number as u8).build();
            node.spawn(clients::work(notes.clone(), number, addresses.clone(), "/".into(), seed, until))
        })
        .collect();
    let faults = plan(seed, SERVERS, FAULTS_MS);
    for (at, fault) in &faults {
        sleep_until(began + Duration::from_millis(*at)).await;
        strike(&handle, seed, &mut servers, *fault);
    }
    mend(&handle, &mut servers);
    for client in working {
        drop(client.await);
    }
    for (at, address) in addresses.into_iter().enumerate() {
        let node = host(&handle, &format!("probe {at}"), 200 + at as u8).build();
        node.spawn(clients::probe(notes.clone(), 50 + at as u32, address))
            .await
            .expect("a probe that panics ends the run");
    }
    sleep(QUIET).await;
    for at in 0..SERVERS {
        strike(&handle, seed, &mut servers, Fault::CutPower(at));
    }
    let mut files = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let platter = server.platter.lock();
        files.extend(platter.files().map(|(path, bytes)| File { server: at, path: path.to_owned(), bytes }));
    }
    Report::of(judge::judge(&format!("seed {seed}"), &notes, files), &faults)
}

async fn launched(seed: u64) -> Duration {
    let handle = Handle::current();
    let notes = Notes::new();
    let mut stagger = draws(seed, Purpose::Plan, 0);
    let began = Instant::now();
    let mut servers = Vec::new();
    for at in [1, 0, 2] {
        servers.push(boot(&handle, seed, at, Honesty::Honest));
        sleep(Duration::from_micros(stagger.below(8000))).await;
    }
    for at in 0..SERVERS {
        let node = host(&handle, &format!("probe {at}"), 200 + at as u8).build();
        let probe = clients::probe(notes.clone(), 50 + at as u32, address(at));
        node.spawn(probe).await.expect("a probe that panics ends the run");
    }
    began.elapsed()
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn address(server: usize) -> Address {
    Address { host: ip(server as u8 + 1).to_string(), port: 2181 }
}

fn host<'a>(handle: &'a Handle, name: &str, last: u8) -> NodeBuilder<'a> {
    handle.create_node().name(name).ip(IpAddr::V4(ip(last)))
}

fn boot(handle: &Handle, seed: u64, at: usize, honesty: Honesty) -> Server {
    let platter = Platter::new();
    let end = Arc::new(Notify::new());
    let mut latency = draws(seed, Purpose::Disk, at as u64);
    let slow = if latency.one_in(4) { 60 } else { 6 };
    let sync_ms: Vec<u64> = (0..97).map(|_| latency.between(1, slow)).collect();
    let init = {
        let (platter, end) = (platter.clone(), Arc::clone(&end));
        move || serve(at, platter.clone(), sync_ms.clone(), honesty, Arc::clone(&end))
    };
    let node = host(handle, &format!("server {at}"), at as u8 + 1).init(init).build();
    Server { node, platter, end, is_up: true, is_paused: false, crashes: 0 }
}

fn settings(at: usize) -> Settings {
    let everyone = (0..SERVERS).map(|at| ServerId(at as u8 + 1));
    let member = |id: ServerId| (id, Member::parse(&format!("{}:2888:3888", ip(id.0))).expect("a member"));
    Settings {
        me: ServerId(at as u8 + 1),
        members: everyone.clone().map(member).collect(),
        quorum: Quorum::majority(everyone.collect()).expect("three voters"),
        client: Some(Host { name: ip(at as u8 + 1).to_string(), port: 2181 }),
        tick_ms: 200,
        session_min_ms: 400,
        session_max_ms: 4000,
        snap_count: Some(300),
        segment_bytes: 64 << 10,
        connect_timeout_ms: 1000,
        ..Settings::alone()
    }
}

async fn serve(at: usize, platter: Platter, sync_ms: Vec<u64>, honesty: Honesty, end: Arc<Notify>) {
    let settings = settings(at);
    let (store, recovered) = match Store::open(platter.clone(), settings.store()) {
        Ok(opened) => opened,
        Err((_, error)) => panic!("server {at} cannot recover: {error}"),
    };
    let (disk, done) = StorageTask::start(store, platter, sync_ms, honesty);
    // What an earlier life was asked is not asked of this one.
    let _earlier = timeout(Duration::ZERO, end.notified()).await;
    let asked = async {
        end.notified().await;
        "the plan"
    };
    let exit = shell::run(settings, recovered, Box::new(disk), done, asked).await;
    assert_eq!(exit, Exit::Finished, "server {at} stopped by itself");
}

fn strike(handle: &Handle, seed: u64, servers: &mut [Server], fault: Fault) {
    let net = plugin::simulator::<NetSim>();
    let ids: Vec<_> = servers.iter().map(|server| server.node.id()).collect();
    match fault {
        Fault::Kill(at) => end(handle, &mut servers[at]),
        Fault::CutPower(at) => {
            let server = &mut servers[at];
            let was_up = server.is_up;
            end(handle, server);
            if was_up {
                server.crashes += 1;
                let mut choice = draws(seed, Purpose::Crash, at as u64 * 100 + server.crashes);
                server.platter.lock().crash(&mut |bound| choice.below(bound));
            }
        }
        Fault::Stop(at) if servers[at].is_up && !servers[at].is_paused => {
            servers[at].end.notify_one();
        }
        Fault::Stop(_) => {}
        Fault::Start(at) => start(handle, &mut servers[at]),
        Fault::Part(from, to) => net.clog_link(ids[from], ids[to]),
        Fault::Isolate(at) => net.clog_node(ids[at]),
        Fault::Heal => heal(&net, &ids),
        Fault::Pause(at) => {
            servers[at].is_paused = true;
            handle.pause(ids[at]);
        }
        Fault::Resume(at) => {
            servers[at].is_paused = false;
            handle.resume(ids[at]);
        }
    }
}

fn end(handle: &Handle, server: &mut Server) {
    if server.is_up {
        server.is_up = false;
        handle.kill(server.node.id());
    }
}

fn start(handle: &Handle, server: &mut Server) {
    if server.is_up && !handle.is_exit(server.node.id()) {
        return;
    }
    server.is_up = true;
    // A process that has ended keeps its ports in madsim until it is killed.
    handle.kill(server.node.id());
    handle.restart(server.node.id());
}

fn heal(net: &NetSim, ids: &[NodeId]) {
    for (at, id) in ids.iter().enumerate() {
        net.unclog_node(*id);
        for other in ids.iter().skip(at + 1) {
            net.unclog_link(*id, *other);
            net.unclog_link(*other, *id);
        }
    }
}

/// Everything is whole again.
fn mend(handle: &Handle, servers: &mut [Server]) {
    let net = plugin::simulator::<NetSim>();
    let ids: Vec<_> = servers.iter().map(|server| server.node.id()).collect();
    heal(&net, &ids);
    for server in servers {
        handle.resume(server.node.id());
        server.is_paused = false;
        start(handle, server);
    }
}
