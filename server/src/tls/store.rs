//! Files of keys and certificates: PEM, PKCS#12, JKS.

use super::jks::{self, Unread};
use super::{Identity, Wrong, wrong};
use crate::config::{Store, StoreKind};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::pem::Pem;

/// What a store holds.
#[derive(Default)]
pub struct Content {
    pub identities: Vec<Identity>,
    pub trusted: Vec<CertificateDer<'static>>,
}

/// Reads a store; what it holds may be nothing.
#[expect(clippy::disallowed_methods, reason = "stores are read before anything runs, like the configuration")]
pub fn read(store: &Store) -> Result<Content, Wrong> {
    let bytes = std::fs::read(&store.path).map_err(|error| wrong(store, &format!("it cannot be read: {error}")))?;
    let content = decode(&bytes, store.kind, store.password.reveal(), store.key);
    content.map_err(|text| wrong(store, &text))
}

/// What these bytes hold; `key` is the beginning of the keys that name the store.
pub fn decode(bytes: &[u8], kind: StoreKind, password: &str, key: &str) -> Result<Content, String> {
    match kind {
        StoreKind::Pem => of_pem(bytes, password),
        StoreKind::Pkcs12 => of_pkcs12(bytes, password, key),
        StoreKind::Jks if jks::is_store(bytes) => of_jks(bytes, password, key),
        // As Java's, whose tools have written PKCS#12 into files of this name for years.
        StoreKind::Jks if bytes.first() == Some(&super::der::SEQUENCE) => of_pkcs12(bytes, password, key),
        StoreKind::Jks => Err(format!("it is no key store of Java's: expected one, or {key}.type")),
    }
}

fn of_jks(bytes: &[u8], password: &str, key: &str) -> Result<Content, String> {
    let entries = jks::entries(bytes, password).map_err(|unread| match unread {
        Unread::Password => format!("it is damaged, or {key}.password is not its password"),
        Unread::KeyPassword => "its private key has another password: expected the store's".to_string(),
        Unread::Malformed => "it is damaged: expected a key store of Java's".to_string(),
    })?;
    let mut content = Content::default();
    for entry in entries {
        match entry {
            jks::Entry::Trusted(certificate) => content.trusted.push(CertificateDer::from(certificate)),
            jks::Entry::Key { key, chain } => {
                let chain = chain.into_iter().map(CertificateDer::from).collect();
                content.identities.push(Identity { chain, key: private(key)? });
            }
        }
    }
    Ok(content)
}

fn of_pkcs12(bytes: &[u8], password: &str, key: &str) -> Result<Content, String> {
    let store = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Strict)
        .map_err(|error| format!("it is damaged, or {key}.password is not its password: {error}"))?;
    let mut content = Content::default();
    for (_, entry) in store.entries() {
        match entry {
            KeyStoreEntry::Certificate(one) => content.trusted.push(CertificateDer::from(one.as_der().to_vec())),
            KeyStoreEntry::PrivateKeyChain(one) => {
                let chain = one.certs().iter().map(|one| CertificateDer::from(one.as_der().to_vec())).collect();
                content.identities.push(Identity { chain, key: private(one.key().as_der().to_vec())? });
            }
            KeyStoreEntry::Secret(_) => {}
        }
    }
    Ok(content)
}

/// One key and its certificates, or certificates that are trusted: which it is, is known by who asks.
fn of_pem(bytes: &[u8], password: &str) -> Result<Content, String> {
    let mut content = Content::default();
    let mut keys = Vec::new();
    for part in Pem::iter_from_buffer(bytes) {
        let part = part.map_err(|error| format!("it is damaged: expected PEM: {error}"))?;
        match part.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => content.trusted.push(CertificateDer::from(part.contents)),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => keys.push(private(part.contents)?),
            "ENCRYPTED PRIVATE KEY" => keys.push(decrypted(&part.contents, password)?),
            _ => {}
        }
    }
    if keys.len() > 1 {
        return Err(format!("it has {} private keys: expected this server's alone", keys.len()));
    }
    if let Some(key) = keys.pop() {
        content.identities.push(Identity { chain: content.trusted.clone(), key });
    }
    Ok(content)
}

fn decrypted(bytes: &[u8], password: &str) -> Result<PrivateKeyDer<'static>, String> {
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(bytes).map_err(|error| format!("its private key: {error}"))?;
    let key = encrypted.decrypt(password).map_err(|error| format!("its private key has another password: {error}"))?;
    private(key.as_bytes().to_vec())
}

fn private(bytes: Vec<u8>) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::try_from(bytes).map_err(|what| format!("its private key cannot be read: {what}"))
}
