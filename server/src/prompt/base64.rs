//! Base64 (RFC 4648), for data that is no text: `get -b` and `set -b`.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let bits = piece.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - piece.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= piece.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// `None`: this is no such text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let pieces = text.as_bytes().chunks(4);
    let last = pieces.len();
    for (number, piece) in pieces.enumerate() {
        let padding = piece.iter().rev().take_while(|digit| **digit == b'=').count();
        if piece.len() != 4 || padding > 2 || padding > 0 && number + 1 < last {
            return None;
        }
        let digit = |digit: &u8| DIGITS.iter().position(|known| known == digit);
        let digits = piece[..4 - padding].iter().map(digit).collect::<Option<Vec<_>>>()?;
        let bits = digits.iter().fold(0, |bits, digit| bits << 6 | *digit) << (6 * padding);
        bytes.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8][..3 - padding]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xff\0\x80a", "/wCAYQ==")]
        {
            assert_eq!((encode(bytes).as_str(), decode(text).as_deref()), (text, Some(bytes)));
        }
        for bad in ["Z", "Zg=", "Zg==Zg==", "Z===", "Zm 9", "===="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
