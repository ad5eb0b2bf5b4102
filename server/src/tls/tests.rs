use super::*;
use crate::config::{Host, Secret, StoreKind};
use std::path::Path;

fn fixture(name: &str, kind: StoreKind, password: &str) -> Store {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/fixtures").join(name);
    Store { key: "ssl.keyStore", line: 3, path, kind, password: Secret::new(password.into()) }
}

fn secure(key_store: Store, trust_store: Store) -> Secure {
    Secure {
        host: Host { name: "h".into(), port: 1 },
        key_store,
        trust_store: Some(trust_store),
        client_auth: ClientAuth::Need,
        versions: (true, true),
        suites: Vec::new(),
        handshake_ms: 1,
        handshakes: 1,
    }
}

fn said(store: Store) -> String {
    let trusted = fixture("java.jks", StoreKind::Jks, "apassword");
    let wrong = load(&secure(store, trusted)).expect_err("the store is wrong");
    assert!(matches!(wrong.line, Some(3)), "{wrong}");
    wrong.text.rsplit('/').next().unwrap().to_string()
}

#[test]
fn stores_that_keytool_wrote_are_read() {
    for (name, kind) in [("java.jks", StoreKind::Jks), ("java.p12", StoreKind::Pkcs12), ("java.p12", StoreKind::Jks)] {
        let store = fixture(name, kind, "apassword");
        let content = store::read(&store).unwrap();
        assert_eq!((content.identities.len(), content.trusted.len()), (1, 1), "{name}");
        assert_eq!(subject(&content.trusted[0]).unwrap(), "CN=localhost,O=Zebras");
        assert_eq!(content.identities[0].chain[0], content.trusted[0]);
        load(&secure(store.clone(), store)).unwrap();
    }
}

#[test]
fn a_store_that_cannot_be_used_says_which_one_and_why() {
    let jks = |password: &str| fixture("java.jks", StoreKind::Jks, password);
    insta::assert_snapshot!(said(jks("another")), @"");
    insta::assert_snapshot!(said(fixture("java.p12", StoreKind::Pkcs12, "another")), @"");
    insta::assert_snapshot!(said(fixture("java.jks", StoreKind::Pkcs12, "apassword")), @"");
    insta::assert_snapshot!(said(fixture("java.jks", StoreKind::Pem, "apassword")), @"");
    insta::assert_snapshot!(said(fixture("none.jks", StoreKind::Jks, "apassword")), @"");
}

#[test]
fn a_damaged_store_is_refused_wherever_the_damage_is() {
    let path = fixture("java.jks", StoreKind::Jks, "").path;
    #[expect(clippy::disallowed_methods, reason = "a fixture")]
    let whole = std::fs::read(path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(jks::entries(&bytes, "apassword").is_err(), "byte {at}");
        assert!(jks::entries(&whole[..at], "apassword").is_err(), "cut at {at}");
    }
}

#[test]
fn suites_are_chosen_by_their_registered_names() {
    let store = fixture("java.jks", StoreKind::Jks, "apassword");
    let mut secure = secure(store.clone(), store);
    secure.suites = vec!["TLS_AES_128_GCM_SHA256".into(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into()];
    assert_eq!(provider(&secure.suites).unwrap().cipher_suites.len(), 2);
    load(&secure).unwrap();
    secure.suites = vec!["TLS_RSA_WITH_RC4_128_MD5".into()];
    let text = load(&secure).unwrap_err().text;
    assert!(text.starts_with("ssl.ciphersuites: expected at least one of TLS_AES_256_GCM_SHA384"), "{text}");
}
