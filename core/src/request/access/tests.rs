//! Tests of identities and permissions.

use super::*;
use alloc::vec;
use proptest::prelude::*;

fn who(entries: &[(&str, &str)]) -> Vec<Identity> {
    let mut known = Vec::new();
    entries.iter().for_each(|(scheme, id)| add(&mut known, scheme.as_bytes(), id.as_bytes()));
    known
}

fn entry<'a>(perms: i32, scheme: &'a str, id: &'a str) -> Acl<'a> {
    Acl { perms, id: Id { scheme: scheme.as_bytes(), id: id.as_bytes() } }
}

fn shown(access: &Access, scheme: &str, auth: &str) -> Result<Vec<Identity>, Code> {
    let mut known = who(&[("ip", "10.0.0.7")]);
    let packet = AuthPacket { kind: 0, scheme: scheme.as_bytes(), auth: Some(auth.as_bytes()) };
    authenticate(access, &mut known, &packet)?;
    Ok(known)
}

const SUPER_DIGEST: &str = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

#[test]
fn a_password_becomes_apaches_id_and_the_right_one_the_superuser() {
    let access = Access { super_digest: Some(Arc::from(SUPER_DIGEST.as_bytes())), ..Access::default() };
    let expected = who(&[("ip", "10.0.0.7"), ("super", ""), ("digest", SUPER_DIGEST)]);
    assert_eq!(shown(&access, "digest", "super:secret"), Ok(expected));
    assert_eq!(shown(&Access::default(), "digest", "super:secret").map(|known| known.len()), Ok(2));
    assert_eq!(shown(&access, "digest", "super:wrong").map(|known| known.len()), Ok(2));
    assert_eq!(shown(&access, "ip", "").map(|known| known.len()), Ok(1));
    for scheme in ["world", "super", "sasl", "x509", "", "nonsense"] {
        assert_eq!(shown(&access, scheme, "super:secret"), Err(Code::AuthFailed), "{scheme}");
    }
    assert_eq!(user(&access, &who(&[("digest", "bob:hash")])[0]), b"bob");
    assert_eq!(user(&access, &who(&[("super", "")])[0]), b"");
}

#[test]
fn a_list_permits_what_one_of_its_entries_grants() {
    let access = Access { x509: true, ..Access::default() };
    let list = AclList::new(&[entry(1, "ip", "10.0.0.0/8"), entry(6, "digest", "a:h"), entry(16, "x509", "CN=c")]);
    let may = |perms, identities: &[(&str, &str)]| permits(&access, &list, perms, &who(identities));
    assert!(may(Perms::READ, &[("ip", "10.0.0.7")]));
    assert!(!may(Perms::READ, &[("ip", "11.0.0.7")]));
    assert!(!may(Perms::WRITE, &[("ip", "10.0.0.7")]));
    assert!(may(Perms::WRITE, &[("digest", "a:h")]));
    assert!(!may(Perms::WRITE, &[("digest", "a:g")]));
    assert!(may(Perms::READ_OR_ADMIN, &[("x509", "CN=c")]));
    assert!(!may(Perms::DELETE, &[("digest", "a:h"), ("ip", "10.0.0.7"), ("x509", "CN=c")]));
    assert!(may(Perms::DELETE, &[("super", "")]));
    assert!(permits(&access, &AclList::new(&[]), Perms::ADMIN, &[]), "an empty list permits everything");
    assert!(permits(&Access { skip_acl: true, ..access.clone() }, &list, Perms::DELETE, &[]));
    let closed = Access { x509: false, ..access.clone() };
    assert!(!permits(&closed, &list, Perms::ADMIN, &who(&[("x509", "CN=c")])), "a scheme that is not there");
}

#[test]
fn the_superusers_certificate_may_do_everything_also_where_no_list_names_certificates() {
    let from = |subject: &[u8]| ClientOrigin {
        address: "10.0.0.7".parse().expect("an address"),
        subject: Some(Arc::from(subject)),
    };
    let access = Access { x509: true, x509_super: Some(Arc::from(*b"CN=root")), ..Access::default() };
    let list = AclList::new(&[entry(31, "digest", "a:h")]);
    assert!(permits(&access, &list, Perms::DELETE, &on_arrival(&access, &from(b"CN=root"))));
    assert!(!permits(&access, &list, Perms::READ, &on_arrival(&access, &from(b"CN=roo"))));
    let closed = Access { x509: false, ..access };
    assert!(
        !permits(&closed, &list, Perms::READ, &on_arrival(&closed, &from(b"CN=root"))),
        "a scheme that is not there"
    );
}

#[test]
fn a_list_is_resolved_before_it_is_given() {
    let access = Access::default();
    let identities = who(&[("ip", "10.0.0.7"), ("super", ""), ("digest", "a:h"), ("digest", "b:h")]);
    let resolve = |list: &[Acl<'static>]| {
        let resolved = resolve(&access, &identities, Some(list))?;
        Ok(resolved.into_iter().map(|a| (a.perms, a.id.scheme.to_vec(), a.id.id.to_vec())).collect::<Vec<_>>())
    };
    let all = entry(31, "world", "anyone");
    assert_eq!(resolve(&[all.clone(), all.clone()]).map(|list| list.len()), Ok(1));
    let known = vec![(4, b"digest".to_vec(), b"a:h".to_vec()), (4, b"digest".to_vec(), b"b:h".to_vec())];
    assert_eq!(resolve(&[entry(4, "auth", "whatever")]), Ok(known));
    for (scheme, id) in [
        ("world", "all"),
        ("super", ""),
        ("digest", "nohash"),
        ("digest", "a:"),
        ("digest", "a:b:c"),
        ("ip", "x"),
        ("x509", "CN=c"),
        ("", ""),
    ] {
        assert_eq!(resolve(&[all.clone(), entry(1, scheme, id)]), Err(Code::InvalidAcl), "{scheme}:{id}");
    }
    assert_eq!(resolve(&[]), Err(Code::InvalidAcl));
    assert_eq!(super::resolve(&access, &identities, None), Err(Code::InvalidAcl));
    let nobody = who(&[("ip", "10.0.0.7")]);
    assert_eq!(super::resolve(&access, &nobody, Some(&[entry(1, "auth", "")])), Err(Code::InvalidAcl));
}

#[test]
fn a_hash_is_not_shown_to_those_who_may_only_read() {
    assert_eq!(redacted(b"user:hash"), b"user:x");
    assert_eq!(redacted(b"user:hash:more"), b"user:x");
    assert_eq!(redacted(b"user"), b"user");
}

proptest! {
    /// Against the definition: some entry grants it to everybody or to one of the identities.
    #[test]
    fn permission_is_that_some_entry_names_an_identity(
        list in proptest::collection::vec((0..32i32, 0..4usize), 0..5),
        known in proptest::collection::vec(0..4usize, 0..4),
        bit in 0..5u32,
    ) {
        let names = [("world", "anyone"), ("digest", "a:h"), ("digest", "b:h"), ("ip", "10.0.0.7")];
        let entries: Vec<Acl<'_>> = list.iter().map(|(perms, at)| entry(*perms, names[*at].0, names[*at].1)).collect();
        let identities = who(&known.iter().map(|at| names[*at]).filter(|n| n.0 != "world").collect::<Vec<_>>());
        let expected = list.is_empty()
            || list.iter().any(|(perms, at)| perms & (1 << bit) != 0 && (*at == 0 || known.contains(at)));
        let got = permits(&Access::default(), &AclList::new(&entries), Perms(1 << bit), &identities);
        prop_assert_eq!(got, expected);
    }
}
