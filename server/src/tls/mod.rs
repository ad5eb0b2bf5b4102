//! TLS for clients: what the configuration names is loaded, and becomes what handshakes are made with
//! (docs/decisions/0031-tls.md). The sockets are the shell's business.

mod client;
mod der;
mod jks;
mod store;
mod subject;
mod verify;

pub use client::TlsArguments;
pub use subject::subject;

use crate::config::{ClientAuth, Secure, Store, StoreKind};
use der::{BITS, INTEGER, OCTETS, SEQUENCE, element, take};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use verify::IssuedClients;

/// What is wrong with a store, and the line that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub line: Option<usize>,
    pub text: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads the stores.
pub fn load(secure: &Secure) -> Result<Arc<ServerConfig>, Wrong> {
    let provider = Arc::new(provider(&secure.suites)?);
    let shown = identity(&secure.key_store, &provider)?;
    let versions: [(bool, &'static SupportedProtocolVersion); 2] =
        [(secure.versions.0, &TLS12), (secure.versions.1, &TLS13)];
    let versions: Vec<_> =
        versions.into_iter().filter(|(is_spoken, _)| *is_spoken).map(|(_, version)| version).collect();
    let unusable = |error: rustls::Error| Wrong { line: None, text: format!("ssl.ciphersuites: {error}") };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&versions).map_err(unusable)?;
    let builder = match (&secure.trust_store, secure.client_auth) {
        (_, ClientAuth::None) | (None, ClientAuth::Want | ClientAuth::Need) => builder.with_no_client_auth(),
        (Some(store), wanted @ (ClientAuth::Want | ClientAuth::Need)) => {
            builder.with_client_cert_verifier(Arc::new(verifier(store, wanted, provider)?))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    // Every connection shows its certificate anew: one that has ended is not believed for a day more.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Reads a store's bytes as servers do, and what is in it as far as nobody has to be trusted for it. For fuzzing.
#[doc(hidden)]
pub fn examine(bytes: &[u8], kind: StoreKind, password: &str) -> Result<(), String> {
    let content = store::decode(bytes, kind, password, "ssl.keyStore")?;
    for certificate in &content.trusted {
        drop(subject(certificate));
    }
    if let Ok(roots) = verifier_of(content.trusted.clone(), ClientAuth::Need, Arc::new(ring::default_provider())) {
        for leaf in &content.trusted {
            drop(roots.verify_client_cert(leaf, &content.trusted, UnixTime::since_unix_epoch(Duration::ZERO)));
        }
    }
    certified(content.identities, &ring::default_provider()).map(drop)
}

/// The suites that are wanted, in the order of preference that the library has.
fn provider(wanted: &[String]) -> Result<CryptoProvider, Wrong> {
    let mut provider = ring::default_provider();
    if wanted.is_empty() {
        return Ok(provider);
    }
    let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
    let known: Vec<String> = provider.cipher_suites.iter().map(name).collect();
    provider.cipher_suites.retain(|suite| wanted.contains(&name(suite)));
    if provider.cipher_suites.is_empty() {
        let text = format!("ssl.ciphersuites: expected at least one of {}", known.join(", "));
        return Err(Wrong { line: None, text });
    }
    Ok(provider)
}

/// The key, and the certificates that say whose it is.
fn identity(store: &Store, provider: &CryptoProvider) -> Result<CertifiedKey, Wrong> {
    certified(store::read(store)?.identities, provider).map_err(|text| wrong(store, &text))
}

fn certified(mut identities: Vec<Identity>, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let identity = match identities.len() {
        0 => return Err("it has no private key: expected this server's".into()),
        1 => identities.swap_remove(0),
        // Which of them is this server's is nowhere said.
        count => return Err(format!("it has {count} private keys: expected this server's alone")),
    };
    let leaf = identity.chain.first().ok_or("its private key has no certificate: expected one")?;
    let Some(public) = subject::public_key(leaf) else {
        return Err("its certificate cannot be read: expected one by X.509".into());
    };
    let loaded = provider.key_provider.load_private_key(identity.key.clone_key());
    let key = loaded.or_else(|error| {
        let whole = with_public_key(&identity.key, &public).ok_or(error)?;
        provider.key_provider.load_private_key(whole)
    });
    let key = key.map_err(|error| format!("its private key cannot be used: {error}"))?;
    if key.public_key().is_some_and(|of_key| *of_key != *public) {
        return Err("its certificate is of another key: expected the certificate of its private key first".into());
    }
    Ok(CertifiedKey::new(identity.chain, key))
}

/// Java leaves the public key out of an elliptic curve's private key, where the library wants to see it: it
/// stands in the certificate, and the library looks whether the two belong together.
fn with_public_key(key: &PrivateKeyDer<'_>, public: &[u8]) -> Option<PrivateKeyDer<'static>> {
    let mut fields = take(&mut key.secret_der(), SEQUENCE)?.content;
    let version = take(&mut fields, INTEGER)?.whole;
    let kind = take(&mut fields, SEQUENCE)?.whole;
    let mut inner = take(&mut fields, OCTETS)?.content;
    let mut inner = take(&mut inner, SEQUENCE)?.content;
    let inner_version = take(&mut inner, INTEGER)?.whole;
    let secret = take(&mut inner, OCTETS)?.whole;
    let mut of_certificate = public;
    let mut parts = take(&mut of_certificate, SEQUENCE)?.content;
    take(&mut parts, SEQUENCE)?;
    // Behind the tag [1], as RFC 5915 has it.
    let shown = element(0xa1, take(&mut parts, BITS)?.whole);
    let inner = element(SEQUENCE, &[inner_version, secret, &shown].concat());
    let whole = element(SEQUENCE, &[version, kind, &element(OCTETS, &inner)].concat());
    Some(PrivateKeyDer::Pkcs8(whole.into()))
}

fn verifier(store: &Store, wanted: ClientAuth, provider: Arc<CryptoProvider>) -> Result<IssuedClients, Wrong> {
    verifier_of(store::read(store)?.trusted, wanted, provider).map_err(|text| wrong(store, &text))
}

fn verifier_of(
    trusted: Vec<CertificateDer<'static>>,
    wanted: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<IssuedClients, String> {
    if trusted.is_empty() {
        return Err("it has no trusted certificate: expected those of who issues clients' certificates".into());
    }
    let algorithms = provider.signature_verification_algorithms;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&trusted)?), provider);
    let builder = if wanted == ClientAuth::Want { builder.allow_unauthenticated() } else { builder };
    let inner = builder.build().map_err(|error| error.to_string())?;
    Ok(IssuedClients::new(inner, trusted, algorithms))
}

fn roots(trusted: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        let added = roots.add(certificate.clone());
        added.map_err(|error| format!("one of its certificates cannot be used: {error}"))?;
    }
    Ok(roots)
}

fn wrong(store: &Store, text: &str) -> Wrong {
    let suffix = if store.key.starts_with("--") { "" } else { ".location" };
    let text = format!("{}{suffix}: {}: {text}", store.key, store.path.display());
    Wrong { line: Some(store.line), text }
}

/// A key, with its certificate and those of who issued it.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

#[cfg(test)]
mod tests;
