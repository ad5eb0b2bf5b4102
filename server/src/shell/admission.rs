//! Who is let in at the client ports: so many connections, of all and of an address, and so many
//! handshakes of TLS at once.

use super::outlet::Port;
use super::refusals::About;
use super::slots::Token;
use super::{Shell, State};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Accepts clients for ever.
pub(super) async fn listen(shell: Arc<Shell>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                shell.attach(stream, Port::Client, |state, token| state.client_arrived(token, from), State::on_client);
            }
            Err(error) => {
                tracing::warn!(%error, "a client's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl State {
    fn client_arrived(&mut self, token: Token, from: SocketAddr) -> bool {
        let is_welcome = self.admit(from);
        if is_welcome {
            self.insert_client(token, from, None, false);
        }
        is_welcome
    }

    /// Whether a connection may become one with TLS. If so, its handshake ends or fails.
    #[cfg(not(madsim))]
    pub(super) fn admit_handshake(&mut self, from: SocketAddr, limit: usize) -> bool {
        if self.handshakes >= limit {
            self.say_refused(
                About::Client,
                || tracing::warn!(address = %from, limit, "too many TLS handshakes at once: a connection is closed"),
            );
            self.stats.counters.connection_rejected += 1;
            return false;
        }
        let is_welcome = self.admit(from);
        self.handshakes += usize::from(is_welcome);
        is_welcome
    }

    #[cfg(not(madsim))]
    pub(super) fn handshake_ended(&mut self, token: Token, from: SocketAddr, subject: Option<Arc<[u8]>>) -> bool {
        self.handshakes -= 1;
        self.insert_client(token, from, subject, true);
        true
    }

    #[cfg(not(madsim))]
    pub(super) fn handshake_failed(&mut self, from: SocketAddr, why: &str) {
        self.say_refused(About::Client, || tracing::warn!(address = %from, "a TLS handshake failed: {why}"));
        self.handshakes -= 1;
        self.stats.counters.unsuccessful_handshake += 1;
        self.release(from.ip().to_canonical());
    }

    /// Whether the connection is welcome: an address has a number of them.
    fn admit(&mut self, from: SocketAddr) -> bool {
        let address = from.ip().to_canonical();
        let all = self.settings.all_connections;
        if all > 0 && self.clients.len() + self.handshakes >= all as usize {
            self.say_refused(
                About::Client,
                || tracing::warn!(%address, limit = all, "too many connections (maxCnxns)"),
            );
            self.stats.counters.connection_rejected += 1;
            return false;
        }
        let limit = self.settings.client_connections;
        if limit > 0 && self.addresses.get(&address).is_some_and(|count| *count >= limit) {
            self.say_refused(
                About::Client,
                || tracing::warn!(%address, limit, "too many connections from this address (maxClientCnxns)"),
            );
            self.stats.counters.connection_rejected += 1;
            return false;
        }
        *self.addresses.entry(address).or_default() += 1;
        true
    }

    /// An address has a connection less.
    pub(super) fn release(&mut self, address: IpAddr) {
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}
