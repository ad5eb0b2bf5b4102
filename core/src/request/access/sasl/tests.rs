use super::*;
use crate::config::Password;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use proptest::prelude::*;

/// A configuration with the user `alice`, whose password is `secret`.
pub(crate) fn sasl() -> Sasl {
    let users = [("alice", "secret"), ("jörg", "schlüssel")];
    Sasl {
        users: users
            .iter()
            .map(|(user, password)| (Arc::from(*user), Password::new(password)))
            .collect::<BTreeMap<_, _>>(),
        superusers: BTreeSet::new(),
        lets_failed_stay: false,
        secret: [7; 32],
    }
}

/// A client's side, as the RFC has it.
pub(crate) fn answer(challenge: &[u8], user: &str, password: &str) -> String {
    let nonce = nonce_of(challenge);
    let shared = md5(&[&hashed(user)[..], b":zk-sasl-md5:", &hashed(password)].concat());
    let response = Shared { first: &shared, nonce: &nonce, cnonce: b"c" }.hash(b"AUTHENTICATE:", SERVICE.as_bytes());
    format!(
        "charset=utf-8,username=\"{user}\",realm=\"zk-sasl-md5\",nonce=\"{nonce}\",nc=00000001,cnonce=\"c\",\
         digest-uri=\"{SERVICE}\",response={},qop=auth",
        String::from_utf8(response).unwrap()
    )
}

fn nonce_of(challenge: &[u8]) -> String {
    let all = directives(challenge).expect("the challenge is well formed");
    let nonce = all.iter().find(|(key, _)| *key == "nonce").expect("a nonce");
    String::from_utf8(nonce.1.clone()).unwrap()
}

fn challenged(sasl: &Sasl) -> (Exchange, Vec<u8>) {
    let mut exchange = Exchange::default();
    let Said::Challenge(challenge) = exchange.heard(sasl, 1, b"") else { panic!("no challenge") };
    (exchange, challenge)
}

/// The example of RFC 2831 section 4: its realm and service are not ours, the hashes are.
#[test]
fn the_hashes_are_those_of_the_rfcs_example() {
    let shared = md5(b"chris:elwood.innosoft.com:secret");
    let both = Shared { first: &shared, nonce: "OA6MG9tEQGm2hh", cnonce: b"OA6MHXh6VqTrRk" };
    assert_eq!(both.hash(b"AUTHENTICATE:", b"imap/elwood.innosoft.com"), b"d388dad90d4bbd760a152321f2143af7");
    assert_eq!(both.hash(b":", b"imap/elwood.innosoft.com"), b"ea40f60335c427b5527b84dbabcdfffd");
}

#[test]
fn who_knows_the_password_is_known_and_hears_the_proof() {
    for (user, password) in [("alice", "secret"), ("jörg", "schlüssel")] {
        let (mut exchange, challenge) = challenged(&sasl());
        let said = exchange.heard(&sasl(), 2, answer(&challenge, user, password).as_bytes());
        let Said::Known { user: known, proof } = said else { panic!("{user} is refused") };
        assert_eq!(known, user);
        assert!(proof.starts_with(b"rspauth="));
        assert_eq!(exchange, Exchange::Idle, "a nonce serves once");
    }
}

#[test]
fn whatever_else_is_shown_is_refused() {
    let (exchange, challenge) = challenged(&sasl());
    let right = answer(&challenge, "alice", "secret");
    let wrong = [
        answer(&challenge, "alice", "guess"),
        answer(&challenge, "nobody", "secret"),
        right.replace("nc=00000001", "nc=00000002"),
        right.replace("zk-sasl-md5\",nonce", "other\",nonce"),
        right.replace("qop=auth", "qop=auth-conf"),
        right.replace("zookeeper/zk-sasl-md5", "ldap/zk-sasl-md5"),
        right.replace("cnonce=\"c\"", "cnonce=\"d\""),
        right.replace("charset", "authzid=\"root\",charset"),
        format!("{right},username=\"alice\""),
        right.replace("response=", "response=\"unended "),
        format!("{right},{}", "x=y,".repeat(LONGEST)),
        "=".to_string(),
        String::new(),
    ];
    for wrong in wrong {
        assert_eq!(exchange.clone().heard(&sasl(), 2, wrong.as_bytes()), Said::Refused, "{wrong:.200}");
    }
    assert_eq!(Exchange::Idle.heard(&sasl(), 2, right.as_bytes()), Said::Refused, "nobody asked");
    let mut other = Exchange::default();
    other.heard(&sasl(), 9, b"");
    assert_eq!(other.heard(&sasl(), 2, right.as_bytes()), Said::Refused, "the answer to another challenge");
}

#[test]
fn a_password_is_not_shown_where_a_configuration_is() {
    assert!(!format!("{:?}", sasl()).contains("secret"), "{:?}", sasl());
}

proptest! {
    #[test]
    fn any_token_is_answered(token in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (mut exchange, _) = challenged(&sasl());
        prop_assert_eq!(exchange.heard(&sasl(), 2, &token), Said::Refused);
    }
}
