//! The scheme `ip`: an address, or a network as an address with a number of bits, read as Apache 3.9.5
//! reads it.

use core::str::FromStr;

/// The addresses that share the first bits with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    address: Address,
    bits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Net {
    pub(super) fn parse(text: &[u8]) -> Option<Net> {
        let text = core::str::from_utf8(text).ok()?;
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (Address::parse(address)?, Some(number(bits, 10)?)),
            None => (Address::parse(text)?, None),
        };
        let all = address.bytes().len() as u32 * 8;
        let bits = match bits {
            Some(bits) => u32::try_from(bits).ok().filter(|bits| *bits <= all)?,
            None => all,
        };
        Some(Net { address, bits })
    }

    /// Whether an address is one of this network's.
    pub(super) fn holds(&self, address: &[u8]) -> bool {
        let Some(address) = core::str::from_utf8(address).ok().and_then(Address::parse) else { return false };
        let (ours, theirs) = (self.address.bytes(), address.bytes());
        ours.len() == theirs.len()
            && (0..self.bits as usize).all(|bit| {
                let mask = 0x80 >> (bit % 8);
                ours[bit / 8] & mask == theirs[bit / 8] & mask
            })
    }
}

impl Address {
    fn parse(text: &str) -> Option<Address> {
        if text.contains(':') { parse_v6(text).map(Address::V6) } else { parse_v4(text).map(Address::V4) }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Address::V4(bytes) => bytes,
            Address::V6(bytes) => bytes,
        }
    }
}

fn parse_v4(text: &str) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let mut parts = text.split('.');
    for byte in &mut bytes {
        *byte = u8::try_from(number(parts.next()?, 10)?).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

fn parse_v6(text: &str) -> Option<[u8; 16]> {
    let segments = |part: &str| if part.is_empty() { 0 } else { part.split(':').count() };
    let mut bytes = [0; 16];
    match text.split_once("::") {
        None => {
            (segments(text) == 8).then_some(())?;
            fill(&mut bytes, 0, text)?;
        }
        Some((before, after)) => {
            let (first, last) = (segments(before), segments(after));
            (first + last < 8 && !after.contains("::")).then_some(())?;
            fill(&mut bytes, 0, before)?;
            fill(&mut bytes, 8 - last, after)?;
        }
    }
    Some(bytes)
}

fn fill(bytes: &mut [u8; 16], from: usize, part: &str) -> Option<()> {
    for (at, segment) in part.split(':').enumerate().filter(|_| !part.is_empty()) {
        (1..=4).contains(&segment.len()).then_some(())?;
        let value = u16::try_from(number(segment, 16)?).ok()?;
        bytes[2 * (from + at)..2 * (from + at) + 2].copy_from_slice(&value.to_be_bytes());
    }
    Some(())
}

/// A number as Java's `parseInt` reads it, not below 0.
fn number(text: &str, radix: u32) -> Option<i32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if radix == 10 { i32::from_str(digits).ok() } else { i32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(net: &str, address: &str) -> bool {
        Net::parse(net.as_bytes()).is_some_and(|net| net.holds(address.as_bytes()))
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_bits() {
        assert!(holds("10.1.2.3", "10.1.2.3"));
        assert!(!holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("10.1.0.0/16", "10.1.2.4"));
        assert!(!holds("10.1.0.0/16", "10.2.2.4"));
        assert!(holds("10.1.0.0/0", "200.2.2.4"));
        assert!(holds("10.1.2.4/31", "10.1.2.5"));
        assert!(holds("::1", "0:0:0:0:0:0:0:1"));
        assert!(holds("fe80::/10", "febf::1"));
        assert!(!holds("fe80::/10", "fec0::1"));
        assert!(!holds("::/0", "10.0.0.1"), "the two kinds of addresses do not mix");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "",
            "anyone",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.-1",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/",
            "1.2.3.4/8/8",
            "::1::",
            ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "g::",
            "::/129",
            "1:2:3:4:5:6:7::8",
        ];
        for text in bad {
            assert_eq!(Net::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Net::parse(b"\xff"), None);
    }
}
