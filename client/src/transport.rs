//! How servers are reached: by TCP, or by TLS over it.

use std::io;
use std::pin::Pin;
#[cfg(all(feature = "tls", not(madsim)))]
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(all(feature = "tls", not(madsim)))]
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

/// What a session's connections go over.
#[derive(Clone, Debug, Default)]
pub enum Transport {
    #[default]
    Plain,
    /// Whom the client believes, and what it shows, is the configuration's; a server has to be whom it was dialled as.
    #[cfg(all(feature = "tls", not(madsim)))]
    Tls(Arc<rustls::ClientConfig>),
}

impl Transport {
    pub(crate) async fn connect(self, host: String, port: u16) -> io::Result<Stream> {
        #[cfg(all(feature = "tls", not(madsim)))]
        if let Transport::Tls(config) = self {
            let name = rustls::pki_types::ServerName::try_from(host.clone())
                .map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
            let stream = TcpStream::connect((host, port)).await?;
            drop(stream.set_nodelay(true));
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            return Ok(Stream::Tls(Box::new(stream)));
        }
        let stream = TcpStream::connect((host, port)).await?;
        drop(stream.set_nodelay(true));
        Ok(Stream::Plain(stream))
    }
}

/// A connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    #[cfg(all(feature = "tls", not(madsim)))]
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(all(feature = "tls", not(madsim)))]
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(all(feature = "tls", not(madsim)))]
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(all(feature = "tls", not(madsim)))]
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(all(feature = "tls", not(madsim)))]
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
