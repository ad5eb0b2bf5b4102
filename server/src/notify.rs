//! What systemd is told (`Type=notify`): a datagram to the socket that it names, and nothing where
//! nobody asked. Whether it arrives changes nothing for the server.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where systemd listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The data is recovered and the ports are open. An ensemble's members say it before they have found each
/// other: one that waited for the others would keep who starts them one by one from ever starting the next.
pub fn ready() {
    tell("READY=1\nSTATUS=the ports are open");
}

/// The server was asked to end, or ends itself.
pub fn stopping() {
    tell("STOPPING=1");
}

fn tell(what: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    if let Err(error) = send(&socket, what) {
        tracing::warn!(%error, socket = %socket.display(), "systemd could not be told ({SOCKET})");
    }
}

fn send(socket: &OsStr, what: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let sender = UnixDatagram::unbound()?;
    // A reader that does not read must not hold the turn loop up.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(what.as_bytes(), &address).map(drop)
}
