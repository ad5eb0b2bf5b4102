//! What the configuration says of TLS for clients.

use super::Host;
use std::fmt;
use std::path::PathBuf;

/// The secure client port.
#[derive(Clone, Debug)]
pub struct Secure {
    pub host: Host,
    /// Whom the server is.
    pub key_store: Store,
    /// Whom it believes; there is one unless no client shows a certificate.
    pub trust_store: Option<Store>,
    pub client_auth: ClientAuth,
    /// Which versions are spoken: TLS 1.2, TLS 1.3.
    pub versions: (bool, bool),
    /// Which suites of ciphers, by the names that the registry of the IANA has; empty: all.
    pub suites: Vec<String>,
    /// How long a handshake may take.
    pub handshake_ms: u32,
    /// How many of them there may be at once.
    pub handshakes: usize,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    None,
    Want,
    Need,
}

/// A file of keys and certificates.
#[derive(Clone, Debug)]
pub struct Store {
    /// The beginning of its keys: `ssl.keyStore` or `ssl.trustStore`.
    pub key: &'static str,
    /// Where its location stands.
    pub line: usize,
    pub path: PathBuf,
    pub kind: StoreKind,
    pub password: Secret,
}

/// A password, which no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How a store is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Java's own; its tools write PKCS#12 under that name too.
    Jks,
    Pem,
    Pkcs12,
}
