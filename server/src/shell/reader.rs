//! Reading a connection: bytes go straight from the shared buffer to the core. A connection that is
//! idle costs no buffer.

use super::outlet::{Outlet, Phase, Port};
use super::slots::Token;
use super::stream::Stream;
use super::{Shell, State};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf, ReadHalf};
use tokio::time::{Instant, timeout};

/// How long a connection may last without its first frame (`zookeeper.nio.sessionlessCnxnTimeout`).
const GREETING: Duration = Duration::from_secs(10);
/// How long a connection that is being closed may take to be written, and then to be read to its end.
const FAREWELL: Duration = Duration::from_secs(5);
const LINGER: Duration = Duration::from_millis(500);
/// How long a connection may be shut before a line says so.
const DEAF: Duration = Duration::from_secs(1);

/// Whether more is read from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// It is open, and has yet to say who it is.
    Greeting,
    /// What was read before has to be looked at first.
    Held,
    Shut,
    Closing,
    Over,
}

impl Shell {
    /// Takes a connection over: its writing side into the state, its reading side into a task.
    pub(super) fn attach(
        self: &Arc<Self>,
        stream: impl Into<Stream>,
        port: Port,
        begin: impl FnOnce(&mut State, Token) -> bool,
        take: fn(&mut State, Token, &[u8]),
    ) {
        let stream = stream.into();
        #[cfg_attr(madsim, expect(irrefutable_let_patterns, reason = "a simulated network has no other"))]
        if let Stream::Plain(stream) = &stream {
            drop(stream.set_nodelay(true));
        }
        let (read, write) = tokio::io::split(stream);
        let token = self.turn(|state| {
            let token = state.next_token();
            let waker = state.unblocked.waker(token);
            state.outlets.insert(token, Outlet::new(port, write, waker));
            let is_welcome = begin(state, token);
            if !is_welcome {
                state.outlets.remove(&token);
            }
            is_welcome.then_some(token)
        });
        if let Some(token) = token {
            drop(tokio::spawn(run(Arc::clone(self), token, read, take)));
        }
    }

    /// Reads once, and lets the bytes happen. 0 is the end.
    async fn read(
        self: &Arc<Self>,
        from: &mut ReadHalf<Stream>,
        mut take: impl FnMut(&mut State, &[u8]),
    ) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut scratch = self.scratch.lock().expect("a panic ends the process");
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            if !bytes.is_empty() {
                self.turn(|state| take(state, bytes));
            }
            Poll::Ready(Ok(bytes.len()))
        })
        .await
    }
}

async fn run(shell: Arc<Shell>, token: Token, mut from: ReadHalf<Stream>, take: fn(&mut State, Token, &[u8])) {
    let began = Instant::now();
    let Some(wake) = shell.lock().outlets.get(&token).map(|outlet| Arc::clone(&outlet.wake)) else { return };
    loop {
        let gate = shell.lock().gate(token);
        match gate {
            Gate::Over => break,
            Gate::Closing => {
                let written = async {
                    while shell.lock().gate(token) == Gate::Closing {
                        wake.notified().await;
                    }
                };
                if timeout(FAREWELL, written).await.is_err() {
                    break;
                }
            }
            Gate::Held => shell.turn(|state| state.take_held(token)),
            Gate::Shut => {
                if timeout(DEAF, wake.notified()).await.is_err() {
                    shell.turn(|state| state.tell_deaf(token));
                    wake.notified().await;
                }
            }
            Gate::Open | Gate::Greeting => {
                let read = shell.read(&mut from, |state, bytes| take(state, token, bytes));
                tokio::select! {
                    biased;
                    () = wake.notified() => {}
                    got = read => if matches!(got, Ok(0) | Err(_)) { break },
                    () = tokio::time::sleep_until(began + GREETING), if gate == Gate::Greeting => {
                        shell.turn(|state| state.tell_silent(token));
                        break;
                    }
                }
            }
        }
    }
    if shell.lock().outlets.get(&token).is_some_and(|outlet| outlet.phase == Phase::Closed) {
        // A socket that is closed with unread bytes takes back what was written to it.
        drop(timeout(LINGER, async { while let Ok(1..) = shell.read(&mut from, |_, _| {}).await {} }).await);
    }
    shell.turn(|state| state.ended(token));
}

impl State {
    fn gate(&self, token: Token) -> Gate {
        let Some(outlet) = self.outlets.get(&token) else { return Gate::Over };
        match outlet.phase {
            Phase::Closed => return Gate::Over,
            Phase::Closing => return Gate::Closing,
            Phase::Open => {}
        }
        match outlet.port {
            Port::Election => self.caller_gate(token),
            Port::Quorum if self.backlog.is_full() => Gate::Shut,
            Port::Quorum => self.peer_gate(token),
            Port::Client => self.client_gate(token, outlet),
        }
    }

    /// A connection's reading side has ended, and with it the connection.
    fn ended(&mut self, token: Token) {
        let Some(outlet) = self.outlets.remove(&token) else { return };
        self.replies -= outlet.counted;
        match outlet.port {
            Port::Client => self.client_ended(token),
            Port::Quorum => self.peer_ended(token),
            Port::Election => self.election_ended(token),
        }
    }
}
