//! TLS of the tools that are clients, `zabra shell` and `zabra bench`: whom they believe and what they show, by options
//! or by the file that `zkCli.sh` takes.

use super::{certified, roots, store, wrong};
use crate::config::{Secret, Store, StoreKind, entries};
use clap::Args;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zabra_client::Transport;

#[derive(Args, Clone, Debug, Default)]
pub struct TlsArguments {
    /// Speaks TLS with servers whose certificates are issued by those in this file (PEM, PKCS#12 or JKS).
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate that is shown to servers (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM), if it does not stand in the same file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A file with ZooKeeper's own keys for it: zookeeper.client.secure, zookeeper.ssl.trustStore.location and the like.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_ca")]
    client_configuration: Option<PathBuf>,
}

/// What a client believes and shows.
struct Sides {
    trust: Store,
    keys: Option<Store>,
    /// Where the key stands, if apart.
    key: Option<Store>,
    verifies_names: bool,
}

impl TlsArguments {
    /// How servers are reached; or what is wrong.
    pub fn transport(&self) -> Result<Transport, String> {
        let sides = match (&self.client_configuration, &self.tls_ca) {
            (Some(file), _) => match of_file(file)? {
                Some(sides) => sides,
                None => return Ok(Transport::Plain),
            },
            (None, Some(ca)) => {
                let named = |key, path: &Option<PathBuf>| path.as_ref().map(|path| named(key, path, None)).transpose();
                Sides {
                    trust: self::named("--tls-ca", ca, None)?,
                    keys: named("--tls-cert", &self.tls_cert)?,
                    key: named("--tls-key", &self.tls_key)?,
                    verifies_names: true,
                }
            }
            (None, None) => return Ok(Transport::Plain),
        };
        Ok(Transport::Tls(config(&sides)?))
    }
}

/// A store whose kind its name says; a name without one is PEM's.
fn named(key: &'static str, path: &Path, kind: Option<&str>) -> Result<Store, String> {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default().to_lowercase();
    let kind = match kind.map_or(suffix, str::to_lowercase).as_str() {
        "jks" => StoreKind::Jks,
        "p12" | "pfx" | "pkcs12" => StoreKind::Pkcs12,
        "" | "pem" | "crt" | "cer" | "key" => StoreKind::Pem,
        other => return Err(format!("{key}: expected JKS, PEM or PKCS12, found {other:?}")),
    };
    Ok(Store { key, line: 0, path: path.to_path_buf(), kind, password: Secret::new(String::new()) })
}

/// What a file of `zkCli.sh -client-configuration` says; nothing, if it asks for no TLS.
#[expect(clippy::disallowed_methods, reason = "read before anything runs, like a server's configuration")]
fn of_file(file: &Path) -> Result<Option<Sides>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let entries = entries(&text);
    let plain = |key: &str| key.strip_prefix("zookeeper.").unwrap_or(key).to_owned();
    let one = |name: &str| entries.iter().rev().find(|entry| plain(&entry.key) == name).map(|entry| &entry.value);
    let is = |name: &str| one(name).map(|value| value.eq_ignore_ascii_case("true"));
    if is("client.secure") != Some(true) {
        return Ok(None);
    }
    let store = |key: &'static str| -> Result<Option<Store>, String> {
        let Some(path) = one(&format!("{key}.location")) else { return Ok(None) };
        let kind = one(&format!("{key}.type")).filter(|kind| !kind.is_empty());
        let mut store = named(key, Path::new(path), kind.map(String::as_str))?;
        let mut password = one(&format!("{key}.password")).cloned().unwrap_or_default();
        if let Some(path) = one(&format!("{key}.passwordPath")) {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{key}.passwordPath: {path}: {error}"))?;
            password = text.trim_end_matches(['\r', '\n']).to_owned();
        }
        store.password = Secret::new(password);
        Ok(Some(store))
    };
    let expected = || format!("{}: expected ssl.trustStore.location beside client.secure", file.display());
    Ok(Some(Sides {
        trust: store("ssl.trustStore")?.ok_or_else(expected)?,
        keys: store("ssl.keyStore")?,
        key: None,
        verifies_names: is("ssl.hostnameVerification").unwrap_or(true),
    }))
}

fn config(sides: &Sides) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let trusted = store::read(&sides.trust).map_err(|wrong| wrong.text)?.trusted;
    let named = |store: &Store, text: String| wrong(store, &text).text;
    let roots = roots(&trusted).map_err(|text| named(&sides.trust, text))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let verifier = verifier.map_err(|error| named(&sides.trust, error.to_string()))?;
    let verifier: Arc<dyn ServerCertVerifier> =
        if sides.verifies_names { verifier } else { Arc::new(AnyName(verifier)) };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some(keys) = &sides.keys else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let mut content = store::read(keys).map_err(|wrong| wrong.text)?;
    if let Some(key) = &sides.key {
        content.identities = store::read(key).map_err(|wrong| wrong.text)?.identities;
        for identity in &mut content.identities {
            identity.chain.clone_from(&content.trusted);
        }
    }
    let shown =
        certified(content.identities, &provider).map_err(|text| named(sides.key.as_ref().unwrap_or(keys), text))?;
    Ok(Arc::new(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))))
}

/// Believes a server whatever it is called (`ssl.hostnameVerification=false`), if its certificate is believed.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            // It is looked at last, behind issuer, signature and time.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
