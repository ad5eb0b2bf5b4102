//! Jute, ZooKeeper's binary encoding: big-endian integers, length-prefixed strings and buffers,
//! counted vectors (reference/zookeeper.md section 1.1).
//!
//! Decoding borrows from the frame and never allocates for strings or buffers. Every length is
//! checked against what is left of the frame before anything is reserved for it, so memory is
//! bounded by the frame. Byte strings stay bytes: Java writes CESU-8 and never checks what it reads.

use alloc::vec::Vec;
use core::fmt;

/// Bytes from outside that are not what the protocol says they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
    /// Byte offset in the frame or file section that was being decoded.
    pub at: usize,
    pub problem: Problem,
}

/// What was wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The input ended: so many bytes were needed, so many were left.
    Short { needed: usize, left: usize },
    /// A length or count that no valid input has.
    Length(i64),
    /// A value outside the ones that the protocol defines.
    Value(i64),
    /// Bytes were left over after the last field.
    Trailing(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.what, self.at)?;
        match self.problem {
            Problem::Short { needed, left } => write!(f, "expected {needed} bytes, {left} are left"),
            Problem::Length(n) => write!(f, "impossible length {n}"),
            Problem::Value(v) => write!(f, "unexpected value {v}"),
            Problem::Trailing(n) => write!(f, "{n} bytes are left over"),
        }
    }
}

impl core::error::Error for Malformed {}

/// A cursor over borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes not yet read, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub fn malformed(&self, what: &'static str, problem: Problem) -> Malformed {
        Malformed { what, at: self.at, problem }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        if self.left() < n {
            return Err(self.malformed(what, Problem::Short { needed: n, left: self.left() }));
        }
        let taken = &self.bytes[self.at..self.at + n];
        self.at += n;
        Ok(taken)
    }

    /// A length or count: −1 is null.
    pub fn length(&mut self, what: &'static str) -> Result<Option<usize>, Malformed> {
        let start = self.at;
        let n = i32::decode(self)?;
        match n {
            -1 => Ok(None),
            0.. => Ok(Some(n as usize)),
            _ => Err(Malformed { what, at: start, problem: Problem::Length(i64::from(n)) }),
        }
    }

    /// Succeeds only when everything was read.
    pub fn end(&self, what: &'static str) -> Result<(), Malformed> {
        match self.left() {
            0 => Ok(()),
            n => Err(self.malformed(what, Problem::Trailing(n))),
        }
    }
}

/// A value with a jute encoding. `'a` is the lifetime of the bytes that it was decoded from.
pub trait Jute<'a>: Sized {
    /// The fewest bytes that a value takes: what a vector's count is checked against.
    const MIN: usize = 1;

    fn encode(&self, out: &mut Vec<u8>);
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed>;

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Decodes all of `bytes`; left-over bytes are an error.
    fn from_bytes(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let value = Self::decode(&mut r)?;
        r.end("record")?;
        Ok(value)
    }
}

impl Jute<'_> for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(r.take(1, "bool")?[0] != 0)
    }
}

impl Jute<'_> for i32 {
    const MIN: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let b = r.take(4, "int")?;
        Ok(i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }
}

impl Jute<'_> for i64 {
    const MIN: usize = 8;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let b = r.take(8, "long")?;
        Ok(i64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
    }
}

/// A `ustring`, or a buffer that may not be null. Null is read as empty.
impl<'a> Jute<'a> for &'a [u8] {
    const MIN: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        encode_length(self.len(), out);
        out.extend_from_slice(self);
    }
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(<Option<&'a [u8]>>::decode(r)?.unwrap_or(&[]))
    }
}

/// A `buffer`: null and empty differ.
impl<'a> Jute<'a> for Option<&'a [u8]> {
    const MIN: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).encode(out),
            Some(bytes) => bytes.encode(out),
        }
    }
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        match r.length("buffer length")? {
            None => Ok(None),
            Some(n) => Ok(Some(r.take(n, "buffer")?)),
        }
    }
}

/// A vector that may not be null. Null is read as empty.
impl<'a, T: Jute<'a>> Jute<'a> for Vec<T> {
    const MIN: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        encode_length(self.len(), out);
        for item in self {
            item.encode(out);
        }
    }
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(<Option<Vec<T>>>::decode(r)?.unwrap_or_default())
    }
}

/// A vector: null and empty differ.
impl<'a, T: Jute<'a>> Jute<'a> for Option<Vec<T>> {
    const MIN: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).encode(out),
            Some(items) => items.encode(out),
        }
    }
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let Some(count) = r.length("vector count")? else {
            return Ok(None);
        };
        // A count of more elements than can be left is a lie, and is refused before memory is
        // reserved for it.
        if count > r.left() / T::MIN {
            return Err(r.malformed("vector count", Problem::Length(count as i64)));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::decode(r)?);
        }
        Ok(Some(items))
    }
}

/// Writes a length. Panics above 2 GiB, which no caller reaches: all payloads are bounded by `Limits`.
pub fn encode_length(n: usize, out: &mut Vec<u8>) {
    i32::try_from(n).expect("a jute length fits 31 bits").encode(out);
}

/// Declares records whose encoding is their fields in order.
macro_rules! record {
    ($($(#[$meta:meta])* $name:ident $(<$lt:lifetime>)? { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* $(,)? })*) => {$(
        record!(@one $(#[$meta])* $name $(<$lt>)? { $($(#[$fmeta])* $field : $ty),* });
    )*};
    (@one $(#[$meta:meta])* $name:ident <$lt:lifetime> { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name<$lt> { $($(#[$fmeta])* pub $field: $ty),* }

        impl<$lt> $crate::wire::jute::Jute<$lt> for $name<$lt> {
            const MIN: usize = 0 $(+ <$ty as $crate::wire::jute::Jute<$lt>>::MIN)*;

            fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::wire::jute::Jute::encode(&self.$field, out);)*
            }
            fn decode(r: &mut $crate::wire::jute::Reader<$lt>) -> Result<Self, $crate::wire::jute::Malformed> {
                Ok($name { $($field: $crate::wire::jute::Jute::decode(r)?),* })
            }
        }

        #[cfg(test)]
        impl<$lt> $crate::wire::sample::Sample<$lt> for $name<$lt>
        where
            $($ty: $crate::wire::sample::Sample<$lt>),*
        {
            fn sample(s: &mut $crate::wire::sample::Source<$lt>) -> Self {
                $name { $($field: $crate::wire::sample::Sample::sample(s)),* }
            }
        }
    };
    (@one $(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }

        impl<'a> $crate::wire::jute::Jute<'a> for $name {
            const MIN: usize = 0 $(+ <$ty as $crate::wire::jute::Jute<'a>>::MIN)*;

            fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
                $($crate::wire::jute::Jute::encode(&self.$field, out);)*
            }
            fn decode(r: &mut $crate::wire::jute::Reader<'a>) -> Result<Self, $crate::wire::jute::Malformed> {
                Ok($name { $($field: $crate::wire::jute::Jute::decode(r)?),* })
            }
        }

        #[cfg(test)]
        impl<'a> $crate::wire::sample::Sample<'a> for $name {
            fn sample(s: &mut $crate::wire::sample::Source<'a>) -> Self {
                $name { $($field: $crate::wire::sample::Sample::sample(s)),* }
            }
        }
    };
}
pub(crate) use record;
