//! Whether a client's certificate is believed.
//!
//! The library does it, but for two kinds of certificates that Java believes and the library refuses:
//! one that is itself in the trust store, and one of X.509's first version, which many an old tool
//! makes. The latter has no extensions that could limit it, so here it has to be issued directly by a
//! certificate of the trust store; chains are the library's business alone.

use super::der;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};
use std::sync::Arc;
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

/// Believes those whose certificates were issued by somebody in the trust store.
#[derive(Debug)]
pub struct IssuedClients {
    inner: Arc<dyn ClientCertVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl IssuedClients {
    pub fn new(
        inner: Arc<dyn ClientCertVerifier>,
        trusted: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> IssuedClients {
        IssuedClients { inner, trusted, algorithms }
    }

    /// A certificate without extensions, whose issuer is in the trust store.
    fn is_issued(&self, leaf: &X509Certificate<'_>, bytes: &[u8]) -> Result<(), CertificateError> {
        let mut signature = Err(CertificateError::UnknownIssuer);
        for issuer in &self.trusted {
            let issuer = parse(issuer)?;
            if issuer.subject().as_raw() == leaf.issuer().as_raw() && may_issue(&issuer) {
                signature = self.is_signed_by(&issuer, leaf, bytes);
                if signature.is_ok() {
                    break;
                }
            }
        }
        signature
    }

    fn is_signed_by(
        &self,
        issuer: &X509Certificate<'_>,
        leaf: &X509Certificate<'_>,
        mut bytes: &[u8],
    ) -> Result<(), CertificateError> {
        if leaf.signature_algorithm != leaf.tbs_certificate.signature {
            return Err(CertificateError::BadEncoding);
        }
        let mut parts = || {
            let mut fields = der::take(&mut bytes, der::SEQUENCE)?.content;
            let signed = der::take(&mut fields, der::SEQUENCE)?.whole;
            let algorithm = der::take(&mut fields, der::SEQUENCE)?.content;
            let signature = der::take(&mut fields, der::BITS)?.content.strip_prefix(&[0])?;
            Some((signed, algorithm, signature))
        };
        let (signed, algorithm, signature) = parts().ok_or(CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(issuer.public_key().raw);
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let mut candidates = self.algorithms.all.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm);
        if candidates.any(|known| key.verify_signature(*known, signed, signature).is_ok()) {
            return Ok(());
        }
        Err(CertificateError::BadSignature)
    }
}

/// Whether a trusted certificate may have issued another: one of the third version says so itself.
fn may_issue(issuer: &X509Certificate<'_>) -> bool {
    let may_sign = match issuer.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
        Err(_) => false,
    };
    let is_authority = match issuer.basic_constraints() {
        Ok(limits) => limits.map_or(issuer.version() == X509Version::V1, |limits| limits.value.ca),
        Err(_) => false,
    };
    // Names that it may not speak for are the library's business: this one is not asked then.
    let is_limited = !matches!(issuer.name_constraints(), Ok(None));
    may_sign && is_authority && !is_limited
}

fn parse<'a>(bytes: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertificateError> {
    match X509Certificate::from_der(bytes) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertificateError::BadEncoding),
    }
}

/// The key of a certificate of the first version; that of others is the library's business.
fn key_of_v1<'a>(certificate: &'a CertificateDer<'_>) -> Result<Option<SubjectPublicKeyInfoDer<'a>>, CertificateError> {
    let leaf = parse(certificate)?;
    let key = leaf.tbs_certificate.subject_pki.raw;
    Ok((leaf.tbs_certificate.version == X509Version::V1).then(|| SubjectPublicKeyInfoDer::from(key)))
}

fn is_in_time(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let now = i64::try_from(now.as_secs()).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

impl ClientCertVerifier for IssuedClients {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let leaf = parse(end_entity)?;
        let is_trusted = self.trusted.contains(end_entity);
        if !is_trusted && leaf.version() != X509Version::V1 {
            return self.inner.verify_client_cert(end_entity, intermediates, now);
        }
        is_in_time(&leaf, now)?;
        if !is_trusted {
            self.is_issued(&leaf, end_entity)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key_of_v1(certificate)? else {
            return self.inner.verify_tls12_signature(message, certificate, signed);
        };
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let (_, known) = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        if known.iter().any(|one| key.verify_signature(*one, message, signed.signature()).is_ok()) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key_of_v1(certificate)? else {
            return self.inner.verify_tls13_signature(message, certificate, signed);
        };
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
