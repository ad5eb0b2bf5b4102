//! Key stores: PEM, PKCS#12 and Java's own (whose digest is taken for right here, or no input would come behind it), and
//! the certificates in them.
use zabra::config::StoreKind;
use zabra::tls::examine;

pub fn holds(bytes: &[u8]) {
    let (&[kind, ref bytes @ ..], true) = (bytes, bytes.len() > 1) else { return };
    let kind = match kind % 3 {
        0 => StoreKind::Jks,
        1 => StoreKind::Pem,
        _ => StoreKind::Pkcs12,
    };
    drop(examine(bytes, kind, "password"));
}
