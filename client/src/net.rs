//! The session over sockets: a tokio task that does what the state machine says.
//!
//! ```text
//!   Client ──submit──▶ task: Session + socket + timers ──▶ Observer, then the caller's future
//! ```
//!
//! The task ends when the session has ended, or when every [`Client`] is gone. It runs under the
//! simulated runtime as it does under the real one.

use crate::contract::{Config, Handle, Input, Outcome, Output, Timer};
use crate::operation::Operation;
use crate::session::Session;
use crate::transport::{Stream, Transport};
use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use zabra_core::id::{SessionId, Zxid};

/// Bytes taken from the socket at once: at first, and at most. An idle session costs little, and one
/// whose reads fill the buffer gets a larger one.
const READ_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=64 << 10;
/// How long what was said last may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a server listens for clients; the name is resolved each time it is dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

/// Sees what happens to a session, in the order in which it happens.
pub trait Observer: Send + 'static {
    /// An operation was handed to the session.
    fn submitted(&mut self, handle: Handle, operation: &Operation);
    /// The session put something out.
    fn saw(&mut self, output: &Output);
    /// More operations for the session, asked for whenever it has put something out: a load that
    /// follows its own replies needs no other task. Their completions come to `saw` alone.
    fn follow(&mut self, _operations: &mut Vec<Operation>) {}
    /// A server could not be reached, or its certificate was not believed.
    fn refused(&mut self, _server: &Address, _why: &io::Error) {}
}

/// Where only the session's own outputs matter.
impl<F: FnMut(&Output) + Send + 'static> Observer for F {
    fn submitted(&mut self, _: Handle, _: &Operation) {}

    fn saw(&mut self, output: &Output) {
        self(output);
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub session: SessionId,
    /// The reply's, if there was one.
    pub zxid: Option<Zxid>,
    pub outcome: Outcome,
}

/// A session in the care of a task. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    requests: UnboundedSender<Request>,
}

#[derive(Debug)]
struct Request {
    operation: Operation,
    answer: oneshot::Sender<Completion>,
}

impl Client {
    /// Begins a session with one of these servers, which are tried in this order. The servers of
    /// `config` are places in `addresses`.
    pub fn start(addresses: Vec<Address>, config: Config, observer: impl Observer) -> Client {
        Client::start_over(Transport::Plain, addresses, config, observer)
    }

    /// The same, over another transport.
    pub fn start_over(
        transport: Transport,
        addresses: Vec<Address>,
        config: Config,
        observer: impl Observer,
    ) -> Client {
        assert!(
            config.servers.iter().all(|server| (*server as usize) < addresses.len()),
            "every server of a session has an address"
        );
        let (requests, inbox) = unbounded_channel();
        let task = Task {
            session: Session::new(Arc::new(config)),
            addresses,
            transport,
            dialled: 0,
            observer,
            line: Line::Closed,
            timers: BTreeMap::new(),
            answers: BTreeMap::new(),
            handles: 0,
            outputs: Vec::new(),
            follows: Vec::new(),
        };
        drop(tokio::spawn(task.run(inbox)));
        Client { requests }
    }

    /// Hands an operation to the session: requests leave in the order of these calls. The future
    /// says what became of it, and need not be awaited.
    pub fn submit(&self, operation: Operation) -> impl Future<Output = Completion> + Send + use<> {
        let (answer, completion) = oneshot::channel();
        drop(self.requests.send(Request { operation, answer }));
        async { completion.await.unwrap_or_else(|_| not_sent()) }
    }
}

/// Of an operation that came behind the session's end.
fn not_sent() -> Completion {
    Completion { session: SessionId::NONE, zxid: None, outcome: Outcome::NotSent }
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// The one connection of a session.
enum Line {
    Closed,
    Dialling(Dialling),
    Open(Box<Wire>),
}

struct Wire {
    stream: Stream,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    is_flushed: bool,
}

impl Wire {
    /// Writes what waits and reads once: how many bytes came.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(error));
        }
        let mut buffer = ReadBuf::new(&mut self.input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.written += n,
            }
            self.is_flushed = false;
        }
        self.output.clear();
        self.written = 0;
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// What a connection has brought.
enum Brought {
    Line(io::Result<Stream>),
    /// None: its end.
    Bytes(Option<usize>),
}

impl Line {
    async fn next(&mut self) -> Brought {
        match self {
            Line::Closed => pending().await,
            Line::Dialling(dialling) => Brought::Line(dialling.await),
            Line::Open(wire) => match poll_fn(|cx| wire.poll(cx)).await {
                Ok(n @ 1..) => Brought::Bytes(Some(n)),
                Ok(0) | Err(_) => Brought::Bytes(None),
            },
        }
    }
}

struct Task<O> {
    session: Session,
    addresses: Vec<Address>,
    transport: Transport,
    /// The server that was dialled last.
    dialled: usize,
    observer: O,
    line: Line,
    timers: BTreeMap<Timer, Instant>,
    answers: BTreeMap<Handle, oneshot::Sender<Completion>>,
    handles: u32,
    outputs: Vec<Output>,
    follows: Vec<Operation>,
}

impl<O: Observer> Task<O> {
    async fn run(mut self, mut inbox: UnboundedReceiver<Request>) {
        self.step(Input::Start);
        while !self.session.is_over() {
            let due = self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
            let alarm = async {
                match due {
                    Some((timer, at)) => {
                        sleep_until(at).await;
                        timer
                    }
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                brought = self.line.next() => self.on_line(brought),
                timer = alarm => {
                    self.timers.remove(&timer);
                    self.step(Input::Fired(timer));
                }
                request = inbox.recv() => match request {
                    Some(request) => self.submit(request),
                    None => break,
                },
            }
        }
        if let Line::Open(wire) = &mut self.line {
            drop(timeout(FAREWELL, poll_fn(|cx| wire.poll_write(cx))).await);
        }
    }

    fn submit(&mut self, request: Request) {
        let handle = self.next_handle();
        self.answers.insert(handle, request.answer);
        self.observer.submitted(handle, &request.operation);
        self.step(Input::Submit { handle, operation: request.operation });
    }

    /// Handles come again after four billion: no operation waits so long.
    fn next_handle(&mut self) -> Handle {
        self.handles = self.handles.wrapping_add(1);
        Handle(self.handles)
    }

    fn on_line(&mut self, brought: Brought) {
        match brought {
            Brought::Line(Ok(stream)) => {
                let input = vec![0; *READ_BYTES.start()].into_boxed_slice();
                let wire = Wire { stream, input, output: Vec::new(), written: 0, is_flushed: true };
                self.line = Line::Open(Box::new(wire));
                self.step(Input::Connected);
            }
            Brought::Line(Err(why)) => {
                self.observer.refused(&self.addresses[self.dialled], &why);
                self.line = Line::Closed;
                self.step(Input::Disconnected);
            }
            Brought::Bytes(None) => {
                self.line = Line::Closed;
                self.step(Input::Disconnected);
            }
            Brought::Bytes(Some(n)) => {
                let Line::Open(wire) = &mut self.line else { return };
                // Put back below, unless the session has hung up meanwhile.
                let mut input = std::mem::take(&mut wire.input);
                self.step(Input::Received(&input[..n]));
                if n == input.len() && n < *READ_BYTES.end() {
                    input = vec![0; 2 * n].into_boxed_slice();
                }
                if let Line::Open(wire) = &mut self.line {
                    wire.input = input;
                }
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.step_once(input);
        loop {
            let mut follows = std::mem::take(&mut self.follows);
            self.observer.follow(&mut follows);
            let is_over = follows.is_empty();
            for operation in follows.drain(..) {
                let handle = self.next_handle();
                self.observer.submitted(handle, &operation);
                self.step_once(Input::Submit { handle, operation });
            }
            self.follows = follows;
            if is_over {
                return;
            }
        }
    }

    fn step_once(&mut self, input: Input<'_>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.session.step(input, &mut outputs);
        for output in outputs.drain(..) {
            self.observer.saw(&output);
            self.perform(output);
        }
        self.outputs = outputs;
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect { server } => {
                self.dialled = server as usize;
                let Address { host, port } = self.addresses[self.dialled].clone();
                self.line = Line::Dialling(Box::pin(self.transport.clone().connect(host, port)));
            }
            Output::Send(bytes) => {
                if let Line::Open(wire) = &mut self.line {
                    wire.output.extend_from_slice(&bytes);
                }
            }
            Output::Hang => self.line = Line::Closed,
            Output::Arm { timer, after_ms } => {
                self.timers.insert(timer, Instant::now() + Duration::from_millis(after_ms.into()));
            }
            Output::Disarm { timer } => {
                self.timers.remove(&timer);
            }
            Output::Completed { handle, session, zxid, outcome, .. } => {
                if let Some(answer) = self.answers.remove(&handle) {
                    drop(answer.send(Completion { session, zxid, outcome }));
                }
            }
            Output::Sent { .. } | Output::Watch(_) | Output::Session(_) => {}
        }
    }
}
