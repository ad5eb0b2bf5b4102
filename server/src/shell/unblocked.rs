//! Which connections can be written to again. A socket that takes no more wakes the flusher with the
//! name of its connection: looking at all that are blocked would cost each turn as much as there are.

use super::slots::Token;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Wake, Waker};

/// The connections that became writable since the flusher looked, and the flusher.
#[derive(Default)]
pub struct Unblocked(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    tokens: Vec<Token>,
    flusher: Option<Waker>,
}

impl Unblocked {
    /// What a connection's socket wakes.
    pub fn waker(self: &Arc<Self>, token: Token) -> Waker {
        Waker::from(Arc::new(One { token, all: Arc::clone(self) }))
    }

    /// Those that can be written to; this flusher hears of the next.
    pub fn take(&self, flusher: &Waker) -> Vec<Token> {
        let mut inner = self.lock();
        match &mut inner.flusher {
            Some(known) => known.clone_from(flusher),
            unknown => *unknown = Some(flusher.clone()),
        }
        take(&mut inner.tokens)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("a panic ends the process")
    }
}

/// One connection.
struct One {
    token: Token,
    all: Arc<Unblocked>,
}

impl Wake for One {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = self.all.lock();
        inner.tokens.push(self.token);
        let flusher = inner.flusher.clone();
        drop(inner);
        if let Some(flusher) = flusher {
            flusher.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_socket_wakes_the_flusher_and_says_whose_it_is() {
        let (count, unblocked) = (Arc::new(Count::default()), Arc::new(Unblocked::default()));
        let flusher = Waker::from(Arc::clone(&count));
        let (one, other) = (unblocked.waker(Token(1)), unblocked.waker(Token(2)));
        one.wake_by_ref();
        assert_eq!(unblocked.take(&flusher), [Token(1)], "nobody was there to be woken, and it is not lost");
        other.wake();
        one.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert_eq!(unblocked.take(&flusher), [Token(2), Token(1)]);
        assert_eq!(unblocked.take(&flusher), []);
    }
}
