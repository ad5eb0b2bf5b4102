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
    insta::assert_snapshot!(said(jks("another")), @"java.jks: it is damaged, or ssl.keyStore.password is not its password");
    insta::assert_snapshot!(said(fixture("java.p12", StoreKind::Pkcs12, "another")), @"java.p12: it is damaged, or ssl.keyStore.password is not its password: MAC tag mismatch");
    insta::assert_snapshot!(said(fixture("java.jks", StoreKind::Pkcs12, "apassword")), @"java.jks: it is damaged, or ssl.keyStore.password is not its password: incorrect length for PRIVATE [30] (constructed) at DER byte 2");
    insta::assert_snapshot!(said(fixture("java.jks", StoreKind::Pem, "apassword")), @"java.jks: it has no private key: expected this server's");
    insta::assert_snapshot!(said(fixture("none.jks", StoreKind::Jks, "apassword")), @"none.jks: it cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_store_with_two_keys_is_refused_whatever_its_kind() {
    let path = fixture("java.jks", StoreKind::Jks, "").path;
    #[expect(clippy::disallowed_methods, reason = "a fixture")]
    let whole = std::fs::read(path).unwrap();
    // Every entry twice: behind magic and version stands their number, and at the end a digest of it all.
    let (head, entries) = (&whole[..8], &whole[12..whole.len() - 20]);
    let count = 2 * u32::from_be_bytes(*whole[8..].first_chunk().unwrap());
    let body = [head, &count.to_be_bytes(), entries, entries].concat();
    let password: Vec<u8> = "apassword".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let digest = jks::sha1(&[&password, jks::SPICE, &body]);
    let refused = "it has 2 private keys: expected this server's alone";
    assert_eq!(examine(&[&body[..], &digest].concat(), StoreKind::Jks, "apassword"), Err(refused.into()));
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n-----END PRIVATE KEY-----\n";
    assert_eq!(examine(pem.repeat(2).as_bytes(), StoreKind::Pem, ""), Err(refused.into()));
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

#[test]
fn a_key_is_refused_beside_a_certificate_of_another() {
    let store = fixture("java.jks", StoreKind::Jks, "apassword");
    let other = fixture("java.p12", StoreKind::Pkcs12, "apassword");
    let (mut one, other) = (store::read(&store).unwrap().identities, store::read(&other).unwrap().identities);
    let public = subject::public_key(&other[0].chain[0]).unwrap();
    let key = one.remove(0).key;
    let whole = with_public_key(&key, &public).unwrap();
    assert!(ring::default_provider().key_provider.load_private_key(whole).is_err());
    let public = subject::public_key(&store::read(&store).unwrap().trusted[0]).unwrap();
    let whole = with_public_key(&key, &public).unwrap();
    assert_eq!(
        ring::default_provider().key_provider.load_private_key(whole).unwrap().public_key().unwrap()[..],
        public[..]
    );
}
