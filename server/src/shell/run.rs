//! From settings to a server that serves, and to its end.

use super::clock::Moment;
use super::election::Election;
use super::refusals::Refusals;
#[cfg(not(madsim))]
use super::secure;
use super::slots::Slots;
use super::throttle::Throttle;
use super::timers::Timers;
use super::words::Known;
use super::{Backlog, READ_BYTES, Shell, State, admission, election, quorum};
#[cfg(not(madsim))]
use crate::config::Secure;
use crate::config::{Host, Settings};
use crate::exit::Exit;
use crate::measure::Stats;
use crate::storage::{Disk, Done};
#[cfg(not(madsim))]
use crate::tls;
use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
#[cfg(not(madsim))]
use tokio_rustls::TlsAcceptor;
use zabra_core::contract::Actions;
use zabra_core::id::{ServerId, SessionId, Stamp};
use zabra_core::log::Recovered;
use zabra_core::replica::Replica;

/// Runs a server until it stops itself or `end` says by what it was asked to end. The disk was
/// recovered to `recovered`, and answers on `done`.
pub async fn run(
    settings: Settings,
    recovered: Recovered,
    disk: Box<dyn Disk>,
    done: UnboundedReceiver<Done>,
    end: impl Future<Output = &'static str>,
) -> Exit {
    let ports = match Ports::bind(&settings).await {
        Ok(ports) => ports,
        Err(exit) => return exit,
    };
    #[cfg(not(madsim))]
    let secure = match bind_secure(&settings).await {
        Ok(secure) => secure,
        Err(exit) => return exit,
    };
    let settings = Arc::new(settings);
    let shell = start(&settings, recovered, disk);
    shell.turn(State::perform);
    ports.serve(&shell);
    #[cfg(not(madsim))]
    drop(secure.map(|(listener, acceptor, secure)| {
        tokio::spawn(secure::listen(Arc::clone(&shell), listener, acceptor, secure))
    }));
    #[cfg(not(madsim))]
    serve_operators(&shell);
    #[cfg(not(madsim))]
    crate::notify::ready();
    drop(tokio::spawn(keep_time(Arc::clone(&shell))));
    drop(tokio::spawn(hear_storage(Arc::clone(&shell), done)));
    drop(tokio::spawn(flush(Arc::clone(&shell))));
    let exit = tokio::select! {
        biased;
        () = shell.ended.notified() => shell.lock().stopped.unwrap_or(Exit::Unexpected),
        asked = end => {
            tracing::info!("asked to end by {asked}");
            Exit::Finished
        }
    };
    #[cfg(not(madsim))]
    crate::notify::stopping();
    finish(&shell);
    exit
}

fn start(settings: &Arc<Settings>, recovered: Recovered, disk: Box<dyn Disk>) -> Arc<Shell> {
    let config = Arc::new(settings.core());
    let limits = config.limits.clone();
    let mut actions = Actions::new();
    let Moment { now, at } = Moment::read();
    let base = session_base(settings.me, at, &recovered);
    let replica = Replica::restore(config, recovered, base, at, &mut actions);
    let state = State {
        replica,
        actions,
        todo: Vec::new(),
        limits,
        settings: Arc::clone(settings),
        members: settings.members.clone(),
        kept: settings.version,
        moment: None,
        timers: Timers::default(),
        tokens: 0,
        outlets: BTreeMap::new(),
        clients: BTreeMap::new(),
        client_slots: Slots::default(),
        addresses: BTreeMap::new(),
        handshakes: 0,
        peers: BTreeMap::new(),
        conn_slots: Slots::default(),
        election: Election::new(settings),
        storage: Some(disk),
        jobs: Vec::new(),
        backlog: Backlog::default(),
        dirty_servers: VecDeque::new(),
        dirty_clients: VecDeque::new(),
        flusher: None,
        unblocked: Arc::default(),
        errands: Vec::new(),
        stats: Stats::new(now),
        began: now,
        throttle: Throttle::new(settings.throttling.clone(), 0),
        refusals: Refusals::new(settings.refusals_logged),
        replies: 0,
        begun: 0,
        known: Known::new(settings, now),
        stopped: None,
    };
    Arc::new(Shell {
        state: Mutex::new(state),
        scratch: Mutex::new(vec![0; READ_BYTES]),
        timers_changed: Notify::new(),
        ended: Notify::new(),
        settings: Arc::clone(settings),
    })
}

/// Session ids count up from the milliseconds, under this server's number (section 1.3); but above
/// every session of the same number that is alive, for a clock may have been set back.
fn session_base(me: ServerId, at: Stamp, recovered: &Recovered) -> SessionId {
    let prefix = i64::from(me.0) << 56;
    let of_clock = prefix | ((at.0 << 24) as u64 >> 8) as i64 & 0x00ff_ffff_ffff_ffff;
    let alive = recovered.image.sessions().map(|(session, _)| session.0).filter(|id| id >> 56 == prefix >> 56);
    SessionId(alive.max().map_or(of_clock, |newest| newest.max(of_clock)))
}

/// The listening sockets.
struct Ports {
    client: Option<TcpListener>,
    quorum: Vec<TcpListener>,
    election: Vec<TcpListener>,
}

impl Ports {
    async fn bind(settings: &Settings) -> Result<Ports, Exit> {
        let mut ports = Ports { client: None, quorum: Vec::new(), election: Vec::new() };
        if let Some(member) = settings.members.get(&settings.me) {
            let everywhere = settings.listen_everywhere;
            for host in &member.quorum_hosts() {
                ports.quorum.push(listen("quorum", host, everywhere).await.map_err(|_| Exit::Bind)?);
            }
            for host in &member.election_hosts() {
                ports.election.push(listen("election", host, everywhere).await.map_err(|_| Exit::Bind)?);
            }
        }
        if let Some(host) = &settings.client {
            ports.client = Some(listen("client", host, false).await.map_err(|_| Exit::Unexpected)?);
        }
        Ok(ports)
    }

    fn serve(self, shell: &Arc<Shell>) {
        for listener in self.quorum {
            drop(tokio::spawn(quorum::listen(Arc::clone(shell), listener)));
        }
        for listener in self.election {
            drop(tokio::spawn(election::listen(Arc::clone(shell), listener)));
        }
        if let Some(listener) = self.client {
            drop(tokio::spawn(admission::listen(Arc::clone(shell), listener)));
        }
    }
}

/// The port for TLS, if there is to be one.
#[cfg(not(madsim))]
async fn bind_secure(settings: &Settings) -> Result<Option<(TcpListener, TlsAcceptor, Secure)>, Exit> {
    let Some(secure) = &settings.secure else { return Ok(None) };
    let config = tls::load(secure).map_err(|wrong| {
        tracing::error!("{wrong}");
        Exit::Invocation
    })?;
    let listener = listen("secure client", &secure.host, false).await.map_err(|_| Exit::Unexpected)?;
    Ok(Some((listener, TlsAcceptor::from(config), secure.clone())))
}

async fn listen(port: &str, host: &Host, everywhere: bool) -> io::Result<TcpListener> {
    let listener = bind(host, everywhere).await;
    match &listener {
        Ok(_) => tracing::info!("{port} port: {host}"),
        Err(error) => tracing::error!("{port} port {host} cannot be bound: {error}"),
    }
    listener
}

/// Everywhere means IPv6 and, through the same socket, IPv4, as for Apache's servers.
pub(crate) async fn bind(host: &Host, everywhere: bool) -> io::Result<TcpListener> {
    if !everywhere && !host.is_everywhere() {
        return TcpListener::bind((host.name.as_str(), host.port)).await;
    }
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, host.port)).await {
        Err(error) if ![ErrorKind::AddrInUse, ErrorKind::PermissionDenied].contains(&error.kind()) => {
            // A machine without IPv6.
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, host.port)).await
        }
        bound => bound,
    }
}

/// The ports for operators, if there are to be any.
#[cfg(not(madsim))]
fn serve_operators(shell: &Arc<Shell>) {
    use crate::http::{Pages, serve};
    if let Some(admin) = shell.settings.admin.clone() {
        drop(tokio::spawn(serve(Arc::clone(shell), admin.host.clone(), Pages::Admin(admin))));
    }
    if let Some(host) = shell.settings.metrics.clone() {
        drop(tokio::spawn(serve(Arc::clone(shell), host, Pages::Metrics)));
    }
}

/// Fires what is due.
async fn keep_time(shell: Arc<Shell>) {
    loop {
        let next = shell.lock().timers.next();
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shell.timers_changed.notified() => {}
            () = due => shell.turn(State::fire_due),
        }
    }
}

async fn hear_storage(shell: Arc<Shell>, mut done: UnboundedReceiver<Done>) {
    while let Some(done) = done.recv().await {
        shell.turn(|state| state.on_done(done));
    }
}

/// Ends every turn: it comes last, for it is woken by the first input and waits behind the others.
async fn flush(shell: Arc<Shell>) {
    poll_fn(|cx| {
        shell.lock().poll_flush(cx);
        Poll::<()>::Pending
    })
    .await;
}

/// What was commanded of the disk is done before the process ends.
fn finish(shell: &Shell) {
    let mut state = shell.lock();
    let jobs = std::mem::take(&mut state.jobs);
    let disk = state.storage.take();
    drop(state);
    if let Some(disk) = disk {
        disk.submit(jobs);
        disk.finish();
    }
    tracing::info!("ended");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Job;
    use zabra_core::id::Zxid;
    use zabra_core::tree::{DataTree, Database};

    struct NoDisk;

    impl Disk for NoDisk {
        fn submit(&self, _: Vec<Job>) {}

        fn finish(self: Box<Self>) {}
    }

    #[test]
    fn a_turn_with_nothing_to_flush_ends_all_the_same() {
        let shell = start(&Arc::new(Settings::alone()), Recovered::empty(), Box::new(NoDisk));
        let at = shell.turn(|state| state.moment().at);
        assert!(at > Stamp(0));
        assert!(shell.lock().moment.is_none(), "the next turn reads the clocks anew, or no timer is ever due");
    }

    #[test]
    fn session_ids_carry_the_servers_number_and_none_is_given_twice() {
        let at = Stamp(1_795_400_000_000);
        let of_clock = session_base(ServerId(3), at, &Recovered::empty());
        assert_eq!(of_clock, SessionId(0x03a2_062d_e200_0000));
        let later = SessionId(of_clock.0 + 9);
        let anothers = SessionId(later.0 + (1 << 56));
        let alive = Database::from_parts(DataTree::new(), [(later, 4000), (anothers, 4000)], Zxid::ZERO);
        let recovered = Recovered { image: Arc::new(alive), ..Recovered::empty() };
        assert_eq!(session_base(ServerId(3), at, &recovered), later);
    }
}
