//! The keys about TLS (reference/zookeeper.md section 5.8), and those that ask for a protection which
//! this server does not have: to start without it would be to fail open.

use super::Check;
use crate::config::Host;
use crate::config::secure::{ClientAuth, Secret, Secure, Store, StoreKind};
use std::path::{Path, PathBuf};

/// What cannot be given, by the key that asks for it when it is true.
const NOT_SUPPORTED: [(&str, &str); 10] = [
    ("sslQuorum", "TLS between servers"),
    ("portUnification", "TLS between servers"),
    ("quorum.auth.enableSasl", "SASL between servers"),
    ("quorum.auth.learnerRequireSasl", "SASL between servers"),
    ("quorum.auth.serverRequireSasl", "SASL between servers"),
    ("ssl.crl", "to look for revoked certificates"),
    ("ssl.ocsp", "to look for revoked certificates"),
    ("admin.forceHttps", "TLS on operators' ports"),
    ("admin.portUnification", "TLS on operators' ports"),
    ("admin.needClientAuth", "TLS on operators' ports"),
];

/// As Apache's for the time to see what a client speaks.
const HANDSHAKE_MS: u32 = 5000;
const HANDSHAKES: u32 = 256;

impl Check {
    /// What would be believed to be protected, and is not, is an error.
    pub(super) fn fail_closed(&mut self) {
        for (key, what) in NOT_SUPPORTED {
            if self.flag(key) == Some(true) {
                let line = self.entries[key].line;
                self.error(Some(line), format!("{key}: expected false: {what} is not supported"));
            }
        }
        if self.flag("ssl.clientHostnameVerification") == Some(true) {
            let line = self.entries["ssl.clientHostnameVerification"].line;
            let text = "expected false: clients' certificates are not compared with their hosts' names";
            self.error(Some(line), format!("ssl.clientHostnameVerification: {text}"));
        }
        if let Some(entry) = self.entries.get("metricsProvider.httpsPort").filter(|entry| entry.value != "-1") {
            let (line, found) = (entry.line, &entry.value);
            let text = format!(
                "metricsProvider.httpsPort: expected -1, found {found:?}: TLS on operators' ports is not supported"
            );
            self.error(Some(line), text);
        }
        let one_of = [("ssl.authProvider", "x509"), ("ssl.x509.clientCertIdType", "SUBJECT")];
        for (key, only) in one_of {
            if let Some(entry) = self.entries.get(key).filter(|entry| !entry.value.eq_ignore_ascii_case(only)) {
                let (line, text) = (entry.line, format!("{key}: expected {only}, found {:?}", entry.value));
                self.error(Some(line), text);
            }
        }
    }

    pub(super) fn secure(&mut self, open: impl Fn(&Path) -> Option<String>) -> Option<Secure> {
        let port = self.number("secureClientPort", 1, 65_535);
        let Some(port_line) = self.entries.get("secureClientPort").map(|entry| entry.line) else {
            if let Some(line) = self.entries.get("secureClientPortAddress").map(|entry| entry.line) {
                self.error(Some(line), "secureClientPortAddress: expected secureClientPort beside it".into());
            }
            return None;
        };
        let name =
            self.entries.get("secureClientPortAddress").map_or("0.0.0.0".into(), |entry| Host::plain(&entry.value));
        let client_auth = self.client_auth();
        let key_store = self.store("ssl.keyStore", &open);
        if key_store.is_none() && !self.entries.contains_key("ssl.keyStore.location") {
            let text = "secureClientPort: expected ssl.keyStore.location beside it, a file with this server's key and \
                        certificate";
            self.error(Some(port_line), text.into());
        }
        let trust_store = self.store("ssl.trustStore", &open);
        if client_auth != ClientAuth::None && !self.entries.contains_key("ssl.trustStore.location") {
            let text = "secureClientPort: expected ssl.trustStore.location beside it, a file with the certificates of \
                        those who issue clients' certificates, or ssl.clientAuth=none";
            self.error(Some(port_line), text.into());
        }
        let versions = self.versions();
        let suites = self.entries.get("ssl.ciphersuites").map_or(String::new(), |entry| entry.value.clone());
        let suites = suites.split(',').map(|suite| suite.trim().to_string()).filter(|suite| !suite.is_empty());
        let handshake_ms = self.number("ssl.handshakeDetectionTimeoutMillis", 1, 600_000).unwrap_or(HANDSHAKE_MS);
        let handshakes = self.number("netty.server.outstandingHandshake.limit", 1, 1 << 20).unwrap_or(HANDSHAKES);
        Some(Secure {
            host: Host { name, port: u16::try_from(port?).expect("the range was looked at") },
            key_store: key_store?,
            trust_store,
            client_auth,
            versions,
            suites: suites.collect(),
            handshake_ms,
            handshakes: handshakes as usize,
        })
    }

    /// Clients show certificates unless it is said otherwise, as for Apache.
    fn client_auth(&mut self) -> ClientAuth {
        let Some(entry) = self.entries.get("ssl.clientAuth").cloned() else { return ClientAuth::Need };
        match entry.value.to_lowercase().as_str() {
            "none" => ClientAuth::None,
            "want" => ClientAuth::Want,
            "need" | "" => ClientAuth::Need,
            other => {
                self.error(Some(entry.line), format!("ssl.clientAuth: expected none, want or need, found {other:?}"));
                ClientAuth::Need
            }
        }
    }

    fn store(&mut self, key: &'static str, open: impl Fn(&Path) -> Option<String>) -> Option<Store> {
        let of = |check: &Self, what: &str| check.entries.get(&format!("{key}.{what}")).cloned();
        let location = of(self, "location")?;
        let path = PathBuf::from(&location.value);
        let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default().to_lowercase();
        let (line, named) = match of(self, "type").filter(|entry| !entry.value.is_empty()) {
            Some(entry) => (entry.line, entry.value.to_lowercase()),
            None => (location.line, suffix),
        };
        let kind = match named.as_str() {
            "jks" => Some(StoreKind::Jks),
            "pem" => Some(StoreKind::Pem),
            "p12" | "pkcs12" => Some(StoreKind::Pkcs12),
            other => {
                let text = format!("{key}.type: expected JKS, PEM or PKCS12, or a name that ends so, found {other:?}");
                self.error(Some(line), text);
                None
            }
        };
        let mut password = of(self, "password").map(|entry| entry.value).unwrap_or_default();
        if let Some(entry) = of(self, "passwordPath") {
            match open(Path::new(&entry.value)) {
                Some(text) => password = text.trim_end_matches(['\r', '\n']).to_string(),
                None => {
                    let text = format!(
                        "{key}.passwordPath: {} cannot be read: expected a file with the password",
                        entry.value
                    );
                    self.error(Some(entry.line), text);
                }
            }
        }
        Some(Store { key, line: location.line, path, kind: kind?, password: Secret::new(password) })
    }

    /// TLS 1.2 and TLS 1.3: both, unless one of the two keys says less.
    fn versions(&mut self) -> (bool, bool) {
        if let Some(entry) = self.entries.get("ssl.enabledProtocols").filter(|entry| !entry.value.is_empty()).cloned() {
            let mut versions = (false, false);
            for name in entry.value.split(',') {
                match name.trim() {
                    "TLSv1.2" => versions.0 = true,
                    "TLSv1.3" => versions.1 = true,
                    old @ ("TLSv1" | "TLSv1.1" | "SSLv3" | "SSLv2Hello") => {
                        self.warn(entry.line, format!("ssl.enabledProtocols: {old} is too weak and is not spoken"));
                    }
                    other => {
                        let text = format!("ssl.enabledProtocols: expected TLSv1.2 or TLSv1.3, found {other:?}");
                        self.error(Some(entry.line), text);
                    }
                }
            }
            if versions == (false, false) {
                self.error(Some(entry.line), "ssl.enabledProtocols: expected TLSv1.2 or TLSv1.3 among them".into());
            }
            return versions;
        }
        match self.entries.get("ssl.protocol").cloned() {
            None => (true, true),
            Some(entry) => match entry.value.as_str() {
                "TLSv1.3" | "TLS" | "" => (true, true),
                "TLSv1.2" => (true, false),
                other => {
                    self.error(Some(entry.line), format!("ssl.protocol: expected TLSv1.2 or TLSv1.3, found {other:?}"));
                    (true, true)
                }
            },
        }
    }
}
