//! What waits to be written to a connection. A step only appends; the flusher writes, once per
//! connection and turn.

use super::stream::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncWrite, WriteHalf};
use tokio::sync::Notify;
use zabra_core::log::snapshot::SnapshotEncoder;

/// A tree on its way to a learner is encoded in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// Written bytes that are kept while others wait.
const FORGET_BYTES: usize = 64 << 10;

/// Which port a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Client,
    Quorum,
    Election,
}

/// How far a connection has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Open,
    /// It ends when everything is written.
    Closing,
    /// Nothing more is written.
    Closed,
}

/// The writing side of a connection.
pub struct Outlet {
    pub port: Port,
    pub phase: Phase,
    /// Woken when the reader has to look at this connection again.
    pub wake: Arc<Notify>,
    /// Whether it stands in a list of the flusher.
    pub queued: bool,
    /// Whether its socket takes no more for now; it wakes the flusher.
    pub is_blocked: bool,
    /// How many bytes the state has counted as waiting.
    pub counted: usize,
    waker: Waker,
    write: WriteHalf<Stream>,
    bytes: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// A tree that follows `bytes`, and what follows the tree.
    stream: Option<SnapshotEncoder>,
    behind: Vec<u8>,
}

impl Outlet {
    pub fn new(port: Port, write: WriteHalf<Stream>, waker: Waker) -> Outlet {
        Outlet {
            port,
            phase: Phase::Open,
            wake: Arc::new(Notify::new()),
            queued: false,
            is_blocked: false,
            counted: 0,
            waker,
            write,
            bytes: Vec::new(),
            written: 0,
            stream: None,
            behind: Vec::new(),
        }
    }

    /// Where the next bytes go.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        if self.stream.is_some() { &mut self.behind } else { &mut self.bytes }
    }

    /// A tree is sent behind what was said before.
    pub fn send_tree(&mut self, mut tree: SnapshotEncoder) {
        if self.stream.is_none() {
            self.stream = Some(tree);
        } else {
            while tree.next_piece(PIECE_BYTES, &mut self.behind) {}
        }
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.written + self.behind.len()
    }

    /// Writes what can be written. `Ready`: everything is written, or the connection is at its end.
    pub fn flush(&mut self) -> Poll<()> {
        let waker = self.waker.clone();
        let flushed = self.poll_flush(&mut Context::from_waker(&waker));
        self.is_blocked = flushed.is_pending();
        flushed
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.phase != Phase::Closed {
            if self.written == self.bytes.len() {
                if !self.refill() {
                    break;
                }
                continue;
            }
            match Pin::new(&mut self.write).poll_write(cx, &self.bytes[self.written..]) {
                Poll::Pending => {
                    self.forget_written();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.close(),
                Poll::Ready(Ok(n)) => self.written += n,
            }
        }
        if self.phase != Phase::Closed {
            // Nothing to a socket of this machine; a simulated one sends what was flushed.
            match Pin::new(&mut self.write).poll_flush(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => self.close(),
                Poll::Ready(Ok(())) => {}
            }
        }
        if self.phase == Phase::Closing {
            match Pin::new(&mut self.write).poll_shutdown(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => self.close(),
            }
        }
        Poll::Ready(())
    }

    /// What is written goes, where that costs less than it frees: who always lets something wait would be sent
    /// everything from one buffer that only grows.
    fn forget_written(&mut self) {
        if self.written >= FORGET_BYTES && self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
    }

    /// Everything before is written: more of the tree, or what stands behind it.
    fn refill(&mut self) -> bool {
        self.written = 0;
        self.bytes.clear();
        match &mut self.stream {
            None => {
                // A burst's room is given back.
                self.bytes.shrink_to(64 << 10);
                false
            }
            Some(tree) => {
                if !tree.next_piece(PIECE_BYTES, &mut self.bytes) {
                    self.stream = None;
                    self.bytes.append(&mut self.behind);
                }
                true
            }
        }
    }

    /// Nothing more is written; the reader ends too.
    pub fn close(&mut self) {
        self.phase = Phase::Closed;
        (self.bytes, self.behind, self.written, self.stream) = (Vec::new(), Vec::new(), 0, None);
        self.wake.notify_one();
    }
}
