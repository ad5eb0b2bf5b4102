//! The quorum port: packets between a leader and its learners.

use super::outlet::Port;
use super::reader::Gate;
use super::refusals::About;
use super::slots::Token;
use super::{Shell, State};
use crate::config::{Host, Member};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use zabra_core::contract::{Input, Origin};
use zabra_core::id::{ConnId, ServerId};
use zabra_core::log::snapshot::{Form, SnapshotEncoder};
use zabra_core::wire::Jute;
use zabra_core::wire::quorum::{Kind, QuorumPacket};
use zabra_core::zab::Packet;
use zabra_core::zab::codec::{PacketReader, Side, encode_packet};

/// Connections that servers may have open here: each of 63 others a new one beside an old one.
const PEERS_MAX: usize = 128;
/// Bytes that wait for a peer before it is given up: it does not read, and the core will miss it too.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// A connection between servers.
pub struct Peer {
    conn: Option<ConnId>,
    /// Which end this server is.
    side: Side,
    reader: PacketReader,
    /// Whether a packet came: whoever dials speaks first, a leader when it has a quorum.
    has_spoken: bool,
}

/// Accepts learners for ever.
pub(super) async fn listen(shell: Arc<Shell>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let origin = Origin::Accepted;
                shell.attach(stream, Port::Quorum, |state, token| state.peer_arrived(token, origin), State::on_packets);
            }
            Err(error) => {
                tracing::warn!(%error, "a server's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Opens a connection to a server, as the core has asked, and tells it how that went.
pub(super) async fn dial(shell: Arc<Shell>, peer: ServerId) {
    let hosts = shell.lock().members.get(&peer).map(Member::quorum_hosts).unwrap_or_default();
    let limit = Duration::from_millis(shell.settings.connect_timeout_ms.into());
    match connect(&hosts, limit).await {
        Ok(stream) => {
            let origin = Origin::Dialed(peer);
            shell.attach(stream, Port::Quorum, |state, token| state.peer_arrived(token, origin), State::on_packets);
        }
        Err(error) => {
            tracing::debug!(%peer, %error, "the leader's quorum port cannot be reached");
            shell.turn(|state| state.step(Input::Refused { peer }));
        }
    }
}

/// The first address that answers. The error is the last one's.
pub(super) async fn connect(hosts: &[Host], limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for host in hosts {
        match timeout(limit, TcpStream::connect((host.name.as_str(), host.port))).await {
            // A socket that dials a port of this machine where nobody listens can get that very port,
            // and with it itself as the other end.
            Ok(Ok(stream)) if stream.local_addr().ok() == stream.peer_addr().ok() => {
                last = io::ErrorKind::ConnectionRefused.into();
            }
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

impl State {
    fn peer_arrived(&mut self, token: Token, origin: Origin) -> bool {
        if self.peers.len() >= PEERS_MAX {
            self.say_refused(About::Quorum, || tracing::warn!("too many connections from servers: one more is closed"));
            return false;
        }
        let side = match origin {
            Origin::Dialed(_) => Side::Learner,
            Origin::Accepted => Side::Leader,
        };
        let conn = ConnId(self.conn_slots.insert(token));
        let reader = PacketReader::new(side, self.limits.packet_bytes);
        self.peers.insert(token, Peer { conn: Some(conn), side, reader, has_spoken: false });
        self.step(Input::Opened { conn, origin });
        true
    }

    pub(super) fn peer_gate(&self, token: Token) -> Gate {
        match self.peers.get(&token) {
            Some(peer) if peer.side == Side::Leader && !peer.has_spoken => Gate::Greeting,
            Some(_) => Gate::Open,
            None => Gate::Over,
        }
    }

    /// Bytes of a server.
    fn on_packets(&mut self, token: Token, bytes: &[u8]) {
        let mut input = bytes;
        loop {
            let Some(peer) = self.peers.get_mut(&token) else { return };
            let Some(conn) = peer.conn else { return };
            match peer.reader.next(&mut input) {
                Ok(None) => return,
                Ok(Some(packet)) => {
                    peer.has_spoken = true;
                    self.step(Input::Packet { conn, packet });
                }
                Err(malformed) => {
                    self.say_refused(About::Quorum, || tracing::warn!(%malformed, "a server's connection is closed"));
                    return self.break_peer(token);
                }
            }
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, packet: &Packet) {
        let Some(token) = self.conn_slots.get(conn.0) else { return };
        let (Some(peer), Some(outlet)) = (self.peers.get(&token), self.outlets.get_mut(&token)) else { return };
        if let Packet::Snap { zxid, image } = packet {
            // The tree is encoded while it is written: it never stands in memory a second time.
            QuorumPacket { kind: Kind::SNAP, zxid: zxid.to_wire(), data: None, auth: None }.encode(outlet.bytes());
            outlet.send_tree(SnapshotEncoder::new(Arc::clone(image), Form::Stream));
        } else {
            encode_packet(packet, peer.side, outlet.bytes());
        }
        if outlet.waiting() > WAITING_BYTES_MAX {
            tracing::warn!("a server that does not read is given up");
            outlet.close();
        }
        self.mark_dirty(token);
    }

    /// The core closes a connection.
    pub(super) fn hang(&mut self, conn: ConnId) {
        let Some(token) = self.conn_slots.remove(conn.0) else { return };
        if let Some(peer) = self.peers.get_mut(&token) {
            peer.conn = None;
        }
        self.close_softly(token);
    }

    fn break_peer(&mut self, token: Token) {
        if let Some(conn) = self.peers.get_mut(&token).and_then(|peer| peer.conn.take()) {
            self.conn_slots.remove(conn.0);
            self.step(Input::Broken { conn });
        }
        self.close_softly(token);
    }

    pub(super) fn peer_ended(&mut self, token: Token) {
        let Some(peer) = self.peers.remove(&token) else { return };
        if let Some(conn) = peer.conn {
            self.conn_slots.remove(conn.0);
            self.step(Input::Broken { conn });
        }
    }
}
