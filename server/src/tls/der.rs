//! The little of DER that no library reads for us: one element behind another.

/// `SEQUENCE`, `OCTET STRING`, `BIT STRING`, `OBJECT IDENTIFIER`.
pub const SEQUENCE: u8 = 0x30;
pub const OCTETS: u8 = 0x04;
pub const BITS: u8 = 0x03;
pub const OID: u8 = 0x06;
pub const INTEGER: u8 = 0x02;

/// An element: all of it, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub whole: &'a [u8],
    pub content: &'a [u8],
}

/// An element of this kind.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => bytes.push(short),
        Ok(_) | Err(_) => {
            let length = (content.len() as u64).to_be_bytes();
            let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len())..];
            bytes.push(0x80 | length.len() as u8);
            bytes.extend_from_slice(length);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// Takes an element of this kind off the front.
pub fn take<'a>(from: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    let [found, first, behind @ ..] = *from else { return None };
    if *found != tag {
        return None;
    }
    let (head, length) = match *first {
        short @ ..0x80 => (2, usize::from(short)),
        long @ 0x81..=0x84 => {
            let bytes = behind.get(..usize::from(long & 0x7f))?;
            let length = bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            (2 + bytes.len(), usize::try_from(length).ok()?)
        }
        0x80 | 0x85.. => return None,
    };
    let end = head.checked_add(length)?;
    let whole = from.get(..end)?;
    *from = &from[end..];
    Some(Element { whole, content: &whole[head..] })
}
