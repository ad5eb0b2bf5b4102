//! The scheme `sasl` by DIGEST-MD5 (RFC 2831; reference/zookeeper.md section 1.10): a challenge, the
//! client's response, and the proof that the server knows the password too.
//!
//! As Java's server does it: one realm, no protection of what follows (`qop=auth`), and no second
//! use of a nonce. A client that asks to act for somebody else is refused.

use super::sha1::sha1;
use super::{base64, is_equal};
use crate::config::Sasl;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use md5::{Digest, Md5};

/// How far a connection is with saying who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) enum Exchange {
    #[default]
    Idle,
    /// A challenge with this nonce was sent.
    Challenged(Arc<str>),
}

/// What the server says to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Said {
    Challenge(Vec<u8>),
    /// The client is this user, and gets the proof.
    Known {
        user: String,
        proof: Vec<u8>,
    },
    /// It showed nothing.
    Refused,
}

/// What every client of ZooKeeper takes for the server's name, and Apache's realm.
const REALM: &str = "zk-sasl-md5";
const SERVICE: &str = "zookeeper/zk-sasl-md5";

/// Longest response (RFC 2831 section 2.1.2).
const LONGEST: usize = 4096;

impl Exchange {
    /// The client sent a token. `count` is another for each token of a server's life.
    pub(in super::super) fn heard(&mut self, sasl: &Sasl, count: u64, token: &[u8]) -> Said {
        match core::mem::take(self) {
            Exchange::Idle if token.is_empty() => {
                let nonce = nonce(&sasl.secret, count);
                let said = format!("realm=\"{REALM}\",nonce=\"{nonce}\",charset=utf-8,algorithm=md5-sess").into_bytes();
                *self = Exchange::Challenged(nonce.into());
                Said::Challenge(said)
            }
            Exchange::Challenged(nonce) => {
                response(sasl, &nonce, token).map_or(Said::Refused, |(user, proof)| Said::Known { user, proof })
            }
            Exchange::Idle => Said::Refused,
        }
    }
}

/// Nobody who does not know the secret can foresee it.
fn nonce(secret: &[u8; 32], count: u64) -> String {
    let mut text = Vec::new();
    base64::encode(&sha1(&[&secret[..], &count.to_be_bytes()].concat()), &mut text);
    String::from_utf8(text).expect("base64 is text")
}

/// The user, and the server's proof, if the response is right.
fn response(sasl: &Sasl, nonce: &str, token: &[u8]) -> Option<(String, Vec<u8>)> {
    let directives = directives(token)?;
    let one = |name: &str| {
        let mut found = directives.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_slice());
        if found.next().is_some() { None } else { first }
    };
    let is = |name: &str, wanted: &str| one(name) == Some(wanted.as_bytes());
    let uri = one("digest-uri")?;
    let quality_is_known = one("qop").is_none_or(|qop| qop == b"auth");
    if !is("nonce", nonce) || !is("nc", "00000001") || !is("realm", REALM) || !quality_is_known {
        return None;
    }
    if !uri.eq_ignore_ascii_case(SERVICE.as_bytes()) {
        return None;
    }
    let name = one("username")?;
    let user = match is("charset", "utf-8") {
        true => String::from_utf8(name.to_vec()).ok()?,
        false => name.iter().map(|byte| char::from(*byte)).collect(),
    };
    if one("authzid").is_some_and(|other| other != name) {
        return None;
    }
    let password = sasl.users.get(user.as_str())?;
    let shared = [&hashed(&user), b":".as_slice(), &hashed(REALM), b":", &hashed(password.reveal())].concat();
    let one_sided = Shared { first: &md5(&shared), nonce, cnonce: one("cnonce")? };
    if !is_equal(&one_sided.hash(b"AUTHENTICATE:", uri), one("response")?) {
        return None;
    }
    let proof = [b"rspauth=".as_slice(), &one_sided.hash(b":", uri)].concat();
    Some((user, proof))
}

/// What both sides know.
struct Shared<'a> {
    first: &'a [u8; 16],
    nonce: &'a str,
    cnonce: &'a [u8],
}

impl Shared<'_> {
    /// RFC 2831 section 2.1.2.1, with `md5-sess` and `qop=auth`.
    fn hash(&self, what: &[u8], uri: &[u8]) -> Vec<u8> {
        let nonce = self.nonce.as_bytes();
        let a1 = md5(&[&self.first[..], b":", nonce, b":", self.cnonce].concat());
        let a2 = md5(&[what, uri].concat());
        let both = [&hex(&a1), b":".as_slice(), nonce, b":00000001:", self.cnonce, b":auth:", &hex(&a2)].concat();
        hex(&md5(&both))
    }
}

/// `key=value` pairs behind commas; a value may be quoted, with backslashes.
fn directives(token: &[u8]) -> Option<Vec<(&str, Vec<u8>)>> {
    let mut rest = (token.len() <= LONGEST).then_some(token)?;
    let mut directives = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(directives),
            [b',', behind @ ..] => {
                rest = behind;
                continue;
            }
            [_, ..] => {}
        }
        let end = rest.iter().position(|byte| *byte == b'=')?;
        let key = core::str::from_utf8(&rest[..end]).ok()?.trim();
        let (value, behind) = value(rest[end + 1..].trim_ascii_start())?;
        directives.push((key, value));
        rest = behind.trim_ascii_start();
        if !matches!(rest, [] | [b',', ..]) {
            return None;
        }
    }
}

/// A value, and what stands behind it.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let [b'"', quoted @ ..] = text else {
        let end = text.iter().position(|byte| *byte == b',').unwrap_or(text.len());
        return Some((text[..end].trim_ascii_end().to_vec(), &text[end..]));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    loop {
        match bytes.next()? {
            (at, b'"') => return Some((value, &quoted[at + 1..])),
            (_, b'\\') => value.push(*bytes.next()?.1),
            (_, byte) => value.push(*byte),
        }
    }
}

/// What is hashed of a text: ISO 8859-1 where that can say it (RFC 2831 section 2.1.2.1).
fn hashed(text: &str) -> Vec<u8> {
    let latin: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    latin.unwrap_or_else(|_| text.as_bytes().to_vec())
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("memory takes what is written");
    }
    text.into_bytes()
}

#[cfg(test)]
pub(in super::super) mod tests;
