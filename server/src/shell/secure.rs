//! The secure client port: a handshake, and then a client like the others.
//!
//! A handshake costs a task, and waits for somebody who has shown nothing: so its time is bounded, and
//! their number, in all and (as `maxClientCnxns`) of an address. One that is too many is refused: who
//! waits would be the honest ones.

use super::outlet::Port;
use super::stream::Stream;
use super::{Shell, State};
use crate::config::Secure;
use crate::tls;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Accepts for ever.
pub(super) async fn listen(shell: Arc<Shell>, listener: TcpListener, acceptor: TlsAcceptor, secure: Secure) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                if shell.turn(|state| state.admit_handshake(from, secure.handshakes)) {
                    let limit = Duration::from_millis(secure.handshake_ms.into());
                    drop(tokio::spawn(shake(Arc::clone(&shell), acceptor.clone(), stream, from, limit)));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a client's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn shake(shell: Arc<Shell>, acceptor: TlsAcceptor, stream: TcpStream, from: SocketAddr, limit: Duration) {
    drop(stream.set_nodelay(true));
    let failed = match timeout(limit, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => match subject(&stream) {
            Ok(subject) => {
                let stream = Stream::Secure(Box::new(stream));
                let begin = |state: &mut State, token| state.handshake_ended(token, from, subject);
                return shell.attach(stream, Port::Client, begin, State::on_client);
            }
            Err(unreadable) => unreadable.to_string(),
        },
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => "the client hung up".to_string(),
        Ok(Err(error)) => reason(&error),
        Err(_) => format!("it took longer than {} ms", limit.as_millis()),
    };
    shell.turn(|state| state.handshake_failed(from, &failed));
}

/// Whom the client's certificate is of, if it showed one.
fn subject(stream: &TlsStream<TcpStream>) -> Result<Option<Arc<[u8]>>, &'static str> {
    let (_, connection) = stream.get_ref();
    let Some(leaf) = connection.peer_certificates().and_then(<[_]>::first) else { return Ok(None) };
    let name = tls::subject(leaf).ok_or("the client's certificate has no name that can be read")?;
    Ok(Some(Arc::from(name.as_bytes())))
}

/// A client that speaks no TLS is the commonest mistake, and gets its own words.
fn reason(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(what)) => {
            format!("what came is no TLS ({what:?}): the port without TLS is clientPort")
        }
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}
