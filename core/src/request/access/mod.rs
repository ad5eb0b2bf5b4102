//! Identities and permissions (reference/zookeeper.md section 1.10): who a connection is, which
//! lists a znode may get, and whom a list lets do what.
//!
//! Identities come with the connection (its address, its certificate) or with auth packets, and are
//! never taken away from it. They travel with each request, so that the leader decides alike.

mod address;
mod base64;
mod digest;
pub(super) mod sasl;
mod sha1;

use crate::config::Access;
use crate::contract::ClientOrigin;
use crate::tree::AclList;
use crate::wire::Code;
use crate::wire::records::{Acl, AuthPacket, Id};
use crate::zab::Identity;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(super) use digest::redacted;

/// What a list permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Perms(i32);

impl Perms {
    pub(super) const READ: Perms = Perms(1);
    pub(super) const WRITE: Perms = Perms(2);
    pub(super) const CREATE: Perms = Perms(4);
    pub(super) const DELETE: Perms = Perms(8);
    pub(super) const ADMIN: Perms = Perms(16);
    /// getACL wants one of the two.
    pub(super) const READ_OR_ADMIN: Perms = Perms(17);
}

const WORLD: &[u8] = b"world";
const ANYONE: &[u8] = b"anyone";
const AUTH: &[u8] = b"auth";
pub(super) const SUPER: &[u8] = b"super";

/// The ways to be known that this server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Ip,
    Digest,
    X509,
    Sasl,
}

impl Scheme {
    fn named(access: &Access, name: &[u8]) -> Option<Scheme> {
        match name {
            b"ip" => Some(Scheme::Ip),
            b"digest" => Some(Scheme::Digest),
            b"x509" if access.x509 => Some(Scheme::X509),
            b"sasl" if access.sasl.is_some() => Some(Scheme::Sasl),
            _ => None,
        }
    }

    /// Whether an identity of this scheme has shown something: `auth` in a list stands for these.
    fn is_authenticated(self) -> bool {
        match self {
            Scheme::Ip => false,
            Scheme::Digest | Scheme::X509 | Scheme::Sasl => true,
        }
    }

    /// Whether a list may name this id.
    fn is_valid(self, id: &[u8]) -> bool {
        match self {
            Scheme::Ip => address::Net::parse(id).is_some(),
            Scheme::Digest => digest::is_valid(id),
            // Java asks for a distinguished name; any text that is one line is taken.
            Scheme::X509 => !id.is_empty() && !id.contains(&0),
            Scheme::Sasl => is_principal(id),
        }
    }

    fn matches(self, id: &[u8], named: &[u8]) -> bool {
        match self {
            Scheme::Ip => address::Net::parse(named).is_some_and(|net| net.holds(id)),
            Scheme::Digest => is_equal(id, named),
            Scheme::X509 => id == named,
            // Apache's: the user of this name is in every list that names a user.
            Scheme::Sasl => id == SUPER || id == named,
        }
    }
}

/// Whether a list may name this user: a word, or a principal of Kerberos (`name@REALM`, `name/host@REALM`).
fn is_principal(id: &[u8]) -> bool {
    let mut parts = id.split(|byte| *byte == b'@');
    let (name, realm, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    match realm {
        None => true,
        Some(realm) => {
            let slashes = name.iter().filter(|byte| **byte == b'/').count();
            more.is_none() && slashes <= 1 && !realm.contains(&b'/')
        }
    }
}

/// Whether one of these identities may do this with a znode that has this list. An empty list
/// permits everything, and so does being the superuser.
pub(super) fn permits(access: &Access, list: &AclList, perms: Perms, identities: &[Identity]) -> bool {
    if access.skip_acl || identities.iter().any(|identity| *identity.scheme == *SUPER) {
        return true;
    }
    let mut is_empty = true;
    let found = list.entries().any(|Acl { perms: granted, id: Id { scheme, id } }| {
        is_empty = false;
        if granted & perms.0 == 0 {
            return false;
        }
        if scheme == WORLD && id == ANYONE {
            return true;
        }
        let Some(known) = Scheme::named(access, scheme) else { return false };
        identities.iter().any(|identity| *identity.scheme == *scheme && known.matches(&identity.id, id))
    });
    found || is_empty
}

/// The same as a check of a request.
pub(super) fn check(access: &Access, list: &AclList, perms: Perms, identities: &[Identity]) -> Result<(), Code> {
    if permits(access, list, perms, identities) { Ok(()) } else { Err(Code::NoAuth) }
}

/// The list that a znode gets: without repeated entries, `auth` replaced by whom the connection is
/// known as. No list, and an entry that can never be anybody's, are refused.
pub(super) fn resolve<'a>(
    access: &Access,
    identities: &'a [Identity],
    wanted: Option<&[Acl<'a>]>,
) -> Result<Vec<Acl<'a>>, Code> {
    let wanted = wanted.unwrap_or_default();
    let mut resolved: Vec<Acl<'a>> = Vec::with_capacity(wanted.len());
    let mut seen = BTreeSet::new();
    for entry in wanted {
        let Acl { perms, id: Id { scheme, id } } = *entry;
        if wanted.len() > 1 && !seen.insert((perms, scheme, id)) {
            continue;
        }
        if scheme == WORLD && id == ANYONE {
            resolved.push(entry.clone());
        } else if scheme == AUTH {
            let before = resolved.len();
            let known = identities
                .iter()
                .filter(|identity| Scheme::named(access, &identity.scheme).is_some_and(Scheme::is_authenticated));
            resolved.extend(known.map(|i| Acl { perms, id: Id { scheme: &i.scheme, id: &i.id } }));
            if resolved.len() == before {
                return Err(Code::InvalidAcl);
            }
        } else {
            let is_valid = Scheme::named(access, scheme).is_some_and(|known| known.is_valid(id));
            if !is_valid {
                return Err(Code::InvalidAcl);
            }
            resolved.push(entry.clone());
        }
    }
    if resolved.is_empty() { Err(Code::InvalidAcl) } else { Ok(resolved) }
}

/// Who a connection is from now on, after an auth packet; `AuthFailed` if it shows nothing.
pub(super) fn authenticate(access: &Access, known: &mut Vec<Identity>, packet: &AuthPacket<'_>) -> Result<(), Code> {
    match Scheme::named(access, packet.scheme).ok_or(Code::AuthFailed)? {
        // It is known by its address already, and by its certificate if it has one.
        Scheme::Ip => Ok(()),
        Scheme::X509 => match known.iter().any(|identity| *identity.scheme == *b"x509") {
            true => Ok(()),
            false => Err(Code::AuthFailed),
        },
        Scheme::Digest => {
            let shown = String::from_utf8_lossy(packet.auth.ok_or(Code::AuthFailed)?);
            let id = digest::identity(shown.as_bytes());
            if access.super_digest.as_deref().is_some_and(|digest| is_equal(digest, &id)) {
                add(known, SUPER, b"");
            }
            add(known, b"digest", &id);
            Ok(())
        }
        // It has operations of its own.
        Scheme::Sasl => Err(Code::AuthFailed),
    }
}

/// Whom a connection is known as before its first frame: its address, and the subject of its certificate.
pub(super) fn on_arrival(access: &Access, from: &ClientOrigin) -> Vec<Identity> {
    let mut known = Vec::new();
    add(&mut known, b"ip", from.address.to_string().as_bytes());
    if let Some(subject) = &from.subject {
        add(&mut known, b"x509", subject);
        if access.x509 && access.x509_super.as_deref() == Some(subject) {
            add(&mut known, SUPER, b"");
        }
    }
    known
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differ, (l, r)| differ | (l ^ r)) == 0
}

/// Adds an identity that is not there yet.
pub(super) fn add(known: &mut Vec<Identity>, scheme: &[u8], id: &[u8]) {
    if !known.iter().any(|identity| *identity.scheme == *scheme && *identity.id == *id) {
        known.push(Identity { scheme: Arc::from(scheme), id: Arc::from(id) });
    }
}

/// The name that whoAmI tells for an identity: not its secret.
pub(super) fn user<'a>(access: &Access, identity: &'a Identity) -> &'a [u8] {
    match Scheme::named(access, &identity.scheme) {
        Some(Scheme::Digest) => digest::user(&identity.id),
        Some(Scheme::Ip | Scheme::X509 | Scheme::Sasl) => &identity.id,
        None => b"",
    }
}

/// Whether who is known so may have requests served at all.
pub(super) fn admits(access: &Access, identities: &[Identity]) -> bool {
    let is_required = |identity: &Identity| access.required.iter().any(|scheme| scheme.as_bytes() == &*identity.scheme);
    access.required.is_empty() || identities.iter().any(is_required)
}

#[cfg(test)]
mod tests;
