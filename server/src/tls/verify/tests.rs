use super::super::{ClientAuth, verifier_of};
use super::*;
use der::{BITS, INTEGER, SEQUENCE, element};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData, SigningKey};
use rustls::crypto::ring::default_provider;
use std::time::Duration;

/// ECDSA by P-256, with SHA-256 and with SHA-384.
const SHA256: [u8; 12] = [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const SHA384: [u8; 12] = [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const UTC_TIME: u8 = 0x17;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer(name: &str, is_ca: IsCa) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn authority(name: &str) -> Issuer {
    issuer(name, IsCa::Ca(BasicConstraints::Unconstrained))
}

/// A certificate of the first version, in the name of `by` and signed by `signer`: what tools make no more.
fn first_version(by: &Issuer, signer: &Issuer, times: [&str; 2], named: [u8; 12]) -> Vec<u8> {
    let issuer = parse(by.der()).unwrap();
    let name = issuer.subject().as_raw();
    let times = times.map(|time| element(UTC_TIME, time.as_bytes())).concat();
    let key = KeyPair::generate().unwrap().subject_public_key_info();
    let parts = [&element(INTEGER, &[7])[..], &named, name, &element(SEQUENCE, &times), name, &key].concat();
    let signed = element(SEQUENCE, &parts);
    let signature = [&[0][..], &signer.key().sign(&signed).unwrap()].concat();
    element(SEQUENCE, &[&signed[..], &SHA256, &element(BITS, &signature)].concat())
}

const IN_TIME: [&str; 2] = ["200101000000Z", "400101000000Z"];

/// What a server that trusts this issuer says of a certificate in November 2023.
fn said(trusted: &Issuer, certificate: Vec<u8>) -> Result<(), CertificateError> {
    let roots = vec![trusted.der().clone()];
    let verifier = verifier_of(roots, ClientAuth::Need, Arc::new(default_provider())).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
    match verifier.verify_client_cert(&CertificateDer::from(certificate), &[], now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_certificate_of_the_first_version_is_believed_if_a_trusted_one_issued_it() {
    let trusted = authority("A");
    assert_eq!(said(&trusted, first_version(&trusted, &trusted, IN_TIME, SHA256)), Ok(()));
}

#[test]
fn a_bad_certificate_of_the_first_version_is_refused() {
    let (trusted, namesake, stranger) = (authority("A"), authority("A"), authority("B"));
    let made = |by: &Issuer, signer: &Issuer| first_version(by, signer, IN_TIME, SHA256);
    assert_eq!(said(&trusted, made(&trusted, &namesake)), Err(CertificateError::BadSignature), "another's key");
    assert_eq!(said(&trusted, made(&stranger, &trusted)), Err(CertificateError::UnknownIssuer), "another's name");
    let old = first_version(&trusted, &trusted, ["200101000000Z", "230101000000Z"], SHA256);
    assert_eq!(said(&trusted, old), Err(CertificateError::Expired));
    let new = first_version(&trusted, &trusted, ["300101000000Z", "400101000000Z"], SHA256);
    assert_eq!(said(&trusted, new), Err(CertificateError::NotValidYet));
    let contradicts = first_version(&trusted, &trusted, IN_TIME, SHA384);
    assert_eq!(said(&trusted, contradicts), Err(CertificateError::BadEncoding), "two algorithms");
    let longer = [made(&trusted, &trusted), vec![0]].concat();
    assert_eq!(said(&trusted, longer), Err(CertificateError::BadEncoding));
    let mere_client = issuer("A", IsCa::ExplicitNoCa);
    assert!(said(&mere_client, made(&mere_client, &mere_client)).is_err(), "a client's certificate issues none");
}

#[test]
fn a_certificate_of_the_first_version_is_refused_wherever_it_is_damaged() {
    let trusted = authority("A");
    let whole = first_version(&trusted, &trusted, IN_TIME, SHA256);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(said(&trusted, bytes).is_err(), "byte {at}");
        assert!(said(&trusted, whole[..at].to_vec()).is_err(), "cut at {at}");
    }
}
