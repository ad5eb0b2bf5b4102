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
    match (keyword, text(tag, any.data)) {
        (Some(keyword), Some(text)) => Some(format!("{keyword}={}", escaped(&text))),
        (keyword, _) => Some(format!("{}=#{}", keyword.unwrap_or(&oid), hex(tag, any.data)?)),
    }
}

/// What is text to Java: UTF-8, printable and IA5 strings; Teletex and General strings, in Latin-1; BMP strings, without
/// surrogates. (Java 25; Java 17 takes all of them for UTF-8, which is the same for ASCII, and for BMP strings a name
/// that nobody means.) What else there is, Universal strings too, is written as bytes, and so is what is no UTF-8: two
/// names must not become one.
fn text(tag: u8, data: &[u8]) -> Option<String> {
    match tag {
        0x0c | 0x13 | 0x16 => str::from_utf8(data).ok().map(str::to_owned),
        0x14 | 0x1b => Some(data.iter().copied().map(char::from).collect()),
        0x1e => {
            let (units, []) = data.as_chunks::<2>() else { return None };
            units.iter().map(|unit| char::from_u32(u16::from_be_bytes(*unit).into())).collect()
        }
        _ => None,
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
    use super::super::der::{SEQUENCE, element};
    use super::*;

    #[test]
    fn names_are_escaped_as_java_escapes_them() {
        assert_eq!(escaped("plain.name-1"), "plain.name-1");
        assert_eq!(escaped("a, b=c+d \"e\" \\f;#g<h>"), "a\\, b\\=c\\+d \\\"e\\\" \\\\f\\;\\#g\\<h\\>");
        assert_eq!(escaped("  two "), "\\ \\ two\\ ");
        assert_eq!(escaped("nul\0"), "nul\\00");
        assert_eq!(escaped("Ünï"), "Ünï");
    }

    /// Written by Java 25 (`new X500Principal(…).getName()`); in the names of ASCII alone Java 17 agrees, but for BMP strings.
    #[test]
    fn strings_of_every_kind_are_written_as_java_writes_them() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let of = |tag, data: &[u8]| {
            let entry = [&[0x06, 3, 0x55, 4, 3, tag, data.len() as u8], data].concat();
            let whole = element(SEQUENCE, &entry);
            let (_, one) = AttributeTypeAndValue::from_der(&whole).unwrap();
            value(&one).unwrap()
        };
        assert_eq!(of(0x0c, "Tä,".as_bytes()), "CN=Tä\\,");
        assert_eq!(of(0x13, b"Ta,"), "CN=Ta\\,");
        assert_eq!(of(0x14, b"T\xe4,"), "CN=Tä\\,");
        assert_eq!(of(0x1b, b"Ta,"), "CN=Ta\\,");
        assert_eq!(of(0x1b, b"T\xe4,"), "CN=Tä\\,");
        assert_eq!(of(0x1e, &utf16("Tä,")), "CN=Tä\\,");
        assert_eq!(of(0x1c, b"\0\0\0T\0\0\0\xe4\0\0\0,"), "CN=#1c0c00000054000000e40000002c");
        assert_eq!(of(0x12, b"123"), "CN=#1203313233");
        assert_eq!(of(0x1a, b"abc"), "CN=#1a03616263");
        // No text: Java refuses the one or writes U+FFFD in the other; here they keep their bytes.
        assert_eq!((of(0x1e, &utf16("🦓")), of(0x0c, b"\xe4")), ("CN=#1e04d83edd93".into(), "CN=#0c01e4".into()));
    }
}
