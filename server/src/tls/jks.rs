//! Java's own key stores (JKS), as `keytool -storetype JKS` writes them.
//!
//! Their protection is weak (SHA-1, one round), which is no concern of who reads one: what counts is
//! that a store was not damaged, and that the password is right.

use super::der;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

const MAGIC: u32 = 0xfeed_feed;
const DIGEST_BYTES: usize = 20;
/// What Java hashes behind the password.
pub(super) const SPICE: &[u8] = b"Mighty Aphrodite";
/// 1.3.6.1.4.1.42.2.17.1.1, how Java's own stores encrypt keys.
const KEY_PROTECTOR: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];

/// What a store holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// A private key (PKCS#8) and its certificates.
    Key {
        key: Vec<u8>,
        chain: Vec<Vec<u8>>,
    },
    Trusted(Vec<u8>),
}

/// Why a store cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is damaged, or the password is not its own.
    Password,
    /// The store's password is not the key's.
    KeyPassword,
    Malformed,
}

/// Whether this is such a store at all.
pub fn is_store(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_be_bytes())
}

/// Every entry.
pub fn entries(bytes: &[u8], password: &str) -> Result<Vec<Entry>, Unread> {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let (body, digest) = bytes.split_last_chunk::<DIGEST_BYTES>().ok_or(Unread::Malformed)?;
    // No fuzzer would ever come behind it.
    if !cfg!(fuzzing) && sha1(&[&password, SPICE, body]) != *digest {
        return Err(Unread::Password);
    }
    let mut rest = Cursor(body);
    let (magic, version, count) = (rest.u32()?, rest.u32()?, rest.u32()?);
    if magic != MAGIC || !(1..=2).contains(&version) {
        return Err(Unread::Malformed);
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let kind = rest.u32()?;
        let _alias = rest.text()?;
        let _made_at = rest.take(8)?;
        entries.push(match kind {
            1 => {
                let key = rest.bytes()?;
                let count = rest.u32()?;
                let chain = (0..count).map(|_| rest.certificate(version)).collect::<Result<_, _>>()?;
                Entry::Key { key: decrypt(key, &password)?, chain }
            }
            2 => Entry::Trusted(rest.certificate(version)?),
            _ => return Err(Unread::Malformed),
        });
    }
    Ok(entries)
}

/// A key is hidden behind a stream that begins with its salt; behind it stands a digest of the key.
fn decrypt(protected: &[u8], password: &[u8]) -> Result<Vec<u8>, Unread> {
    let read = || {
        let mut outer = protected;
        let mut fields = der::take(&mut outer, der::SEQUENCE)?.content;
        let mut algorithm = der::take(&mut fields, der::SEQUENCE)?.content;
        let is_known = der::take(&mut algorithm, der::OID)?.content == KEY_PROTECTOR;
        let hidden = der::take(&mut fields, der::OCTETS)?.content;
        is_known.then_some(hidden)
    };
    let (salt, hidden) = read().and_then(|hidden| hidden.split_at_checked(DIGEST_BYTES)).ok_or(Unread::Malformed)?;
    let (hidden, digest) = hidden.split_last_chunk::<DIGEST_BYTES>().ok_or(Unread::Malformed)?;
    let mut stream = salt.to_vec();
    let mut key = Vec::with_capacity(hidden.len());
    for piece in hidden.chunks(DIGEST_BYTES) {
        stream = sha1(&[password, &stream]).to_vec();
        key.extend(piece.iter().zip(&stream).map(|(byte, with)| byte ^ with));
    }
    if sha1(&[password, &key]) == *digest { Ok(key) } else { Err(Unread::KeyPassword) }
}

pub(super) fn sha1(parts: &[&[u8]]) -> [u8; DIGEST_BYTES] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().expect("SHA-1 has 20 bytes")
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unread::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Unread> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Unread::Malformed)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Unread> {
        let count = self.u32()?;
        self.take(usize::try_from(count).map_err(|_| Unread::Malformed)?)
    }

    fn text(&mut self) -> Result<&'a [u8], Unread> {
        let (count, rest) = self.0.split_first_chunk().ok_or(Unread::Malformed)?;
        self.0 = rest;
        self.take(u16::from_be_bytes(*count).into())
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, Unread> {
        if version == 2 {
            let _kind = self.text()?;
        }
        Ok(self.bytes()?.to_vec())
    }
}
