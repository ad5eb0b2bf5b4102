//! A blocking client over the session's state machine: what a test says to a server.

pub use crate::process::PATIENCE;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zabra_client::{
    Config, CreateMode, Handle, Input, Operation, Outcome, Output, Reply, Session, SessionEvent, Timer, WatchEvent,
};

pub struct Client {
    session: Session,
    servers: Vec<SocketAddr>,
    stream: Option<TcpStream>,
    timers: BTreeMap<Timer, Instant>,
    completed: Vec<(Handle, Outcome)>,
    pub events: Vec<WatchEvent>,
    pub attached: u32,
    handles: u32,
}

impl Client {
    /// A client of these servers, attached to one.
    pub fn connect(servers: &[SocketAddr]) -> Client {
        Client::with_timeout(servers, 10_000)
    }

    pub fn with_timeout(servers: &[SocketAddr], timeout_ms: u32) -> Client {
        let mut config = Config::new((0..servers.len() as u32).collect(), timeout_ms);
        config.retry_ms = 50;
        let mut client = Client {
            session: Session::new(Arc::new(config)),
            servers: servers.to_vec(),
            stream: None,
            timers: BTreeMap::new(),
            completed: Vec::new(),
            events: Vec::new(),
            attached: 0,
            handles: 0,
        };
        client.step(Input::Start);
        client.until("a session", |client| client.session.is_attached());
        client
    }

    /// Sends an operation without waiting for its reply.
    pub fn submit(&mut self, operation: Operation) -> Handle {
        self.handles += 1;
        let handle = Handle(self.handles);
        self.step(Input::Submit { handle, operation });
        handle
    }

    /// What became of an operation.
    pub fn outcome(&mut self, handle: Handle) -> Outcome {
        self.until("a reply", |client| client.completed.iter().any(|(done, _)| *done == handle));
        let at = self.completed.iter().position(|(done, _)| *done == handle).unwrap();
        self.completed.remove(at).1
    }

    pub fn run(&mut self, operation: Operation) -> Outcome {
        let handle = self.submit(operation);
        self.outcome(handle)
    }

    /// Runs an operation that must succeed.
    pub fn demand(&mut self, operation: Operation) -> Reply {
        let outcome = self.run(operation.clone());
        let Outcome::Done(reply) = outcome else { panic!("{operation:?}: {outcome:?}") };
        reply
    }

    pub fn create(&mut self, path: &str, data: &[u8], mode: CreateMode) -> String {
        let Reply::Created { path } = self.demand(Operation::create(path, data, mode)) else { panic!("no path") };
        String::from_utf8(path).unwrap()
    }

    pub fn set(path: &str, data: &[u8]) -> Operation {
        Operation::SetData { path: path.into(), data: Some(data.to_vec()), version: -1 }
    }

    /// Runs a read that must succeed; on the next connection, if this one ends before the reply.
    fn read(&mut self, operation: Operation) -> Reply {
        loop {
            match self.run(operation.clone()) {
                Outcome::Done(reply) => return reply,
                Outcome::Unknown => {}
                outcome @ (Outcome::Failed(_) | Outcome::NotSent) => panic!("{operation:?}: {outcome:?}"),
            }
        }
    }

    pub fn data(&mut self, path: &str) -> Vec<u8> {
        let read = Operation::GetData { path: path.into(), watch: false };
        let Reply::Data { data, .. } = self.read(read) else { panic!("no data") };
        data.unwrap_or_default()
    }

    pub fn children(&mut self, path: &str) -> Vec<String> {
        let read = Operation::GetChildren { path: path.into(), watch: false };
        let Reply::Children(names) = self.read(read) else { panic!("no children") };
        names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect()
    }

    /// Goes on until something holds.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Client) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            self.turn();
        }
    }

    /// Waits a little for bytes, and fires what is due.
    pub fn turn(&mut self) {
        let mut buffer = [0; 64 << 10];
        let read = match &mut self.stream {
            Some(stream) => stream.read(&mut buffer),
            None => {
                std::thread::sleep(Duration::from_millis(5));
                Err(std::io::ErrorKind::WouldBlock.into())
            }
        };
        match read {
            Ok(0) => self.disconnect(),
            Ok(n) => self.step(Input::Received(&buffer[..n])),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.disconnect(),
        }
        let now = Instant::now();
        let due: Vec<Timer> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            self.step(Input::Fired(timer));
        }
    }

    fn disconnect(&mut self) {
        self.stream = None;
        self.step(Input::Disconnected);
    }

    fn step(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.session.step(input, &mut out);
        for output in out {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect { server } => {
                match TcpStream::connect_timeout(&self.servers[server as usize], Duration::from_secs(1)) {
                    Ok(stream) => {
                        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
                        stream.set_nodelay(true).unwrap();
                        self.stream = Some(stream);
                        self.step(Input::Connected);
                    }
                    Err(_) => self.step(Input::Disconnected),
                }
            }
            Output::Send(bytes) => {
                // A connection that is broken says so when it is read.
                let _ = self.stream.as_mut().map(|stream| stream.write_all(&bytes));
            }
            Output::Hang => self.stream = None,
            Output::Arm { timer, after_ms } => {
                self.timers.insert(timer, Instant::now() + Duration::from_millis(after_ms.into()));
            }
            Output::Disarm { timer } => drop(self.timers.remove(&timer)),
            Output::Completed { handle, outcome, .. } => self.completed.push((handle, outcome)),
            Output::Watch(event) => self.events.push(event),
            Output::Session(SessionEvent::Attached { .. }) => self.attached += 1,
            Output::Session(
                SessionEvent::Disconnected
                | SessionEvent::WatchesRearmed { .. }
                | SessionEvent::ServerWrong(_)
                | SessionEvent::Ended(_),
            )
            | Output::Sent { .. } => {}
        }
    }
}
