//! Whom a certificate is of: its subject as Java writes it (`X500Principal.getName()`, RFC 2253), for
//! lists of who may do what have been written with these names.

use rustls::pki_types::CertificateDer;
use std::fmt::Write;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::AttributeTypeAndValue;

/// The keywords of RFC 2253; other kinds are written as their numbers.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];
/// What stands behind a backslash.
const SPECIAL: &str = ",=+<>#;\"\\";

/// `CN=client,OU=…`: the innermost first.
pub fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut parts = Vec::new();
    for part in certificate.subject().iter() {
        let values: Option<Vec<String>> = part.iter().map(value).collect();
        parts.push(values?.join("+"));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// The certificate's key, with its kind.
pub fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

fn value(of: &AttributeTypeAndValue<'_>) -> Option<String> {
    let oid = of.attr_type().to_id_string();
    let keyword = KEYWORDS.iter().find(|(number, _)| *number == oid).map(|(_, keyword)| *keyword);
    let any = of.attr_value();
    let tag = u8::try_from(any.header.tag().0).ok()?;
    // UTF-8, printable, Teletex and IA5 strings are text; what else there is Java writes as bytes, and so do we
    // with what is no UTF-8: two names must not become one.
    let text = matches!(tag, 0x0c | 0x13 | 0x14 | 0x16).then(|| std::str::from_utf8(any.data).ok()).flatten();
    match (keyword, text) {
        (Some(keyword), Some(text)) => Some(format!("{keyword}={}", escaped(text))),
        (keyword, _) => Some(format!("{}=#{}", keyword.unwrap_or(&oid), hex(tag, any.data)?)),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let is_blank = |c: char| matches!(c, ' ' | '\r');
    let lead = text.len() - text.trim_start_matches(is_blank).len();
    let trail = text.trim_end_matches(is_blank).len();
    for (at, c) in text.char_indices() {
        if c == '\0' {
            escaped.push_str("\\00");
            continue;
        }
        if SPECIAL.contains(c) || at < lead || at >= trail {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The element anew.
fn hex(tag: u8, data: &[u8]) -> Option<String> {
    let length = data.len();
    let head = match length {
        ..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        0x100..0x1_0000 => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        0x1_0000.. => return None,
    };
    let mut text = String::new();
    for byte in head.iter().chain(data) {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_java_escapes_them() {
        assert_eq!(escaped("plain.name-1"), "plain.name-1");
        assert_eq!(escaped("a, b=c+d \"e\" \\f;#g<h>"), "a\\, b\\=c\\+d \\\"e\\\" \\\\f\\;\\#g\\<h\\>");
        assert_eq!(escaped("  two "), "\\ \\ two\\ ");
        assert_eq!(escaped("nul\0"), "nul\\00");
        assert_eq!(escaped("Ünï"), "Ünï");
    }
}
