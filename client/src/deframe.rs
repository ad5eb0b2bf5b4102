//! Cutting a byte stream into frames: a four-byte length, then so many bytes (section 1.2).
//!
//! This is the client's side: there are no four-letter words, and the limit is the client's own.

/// Collects bytes until a frame is complete. Memory is bounded by the limit and one read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deframer {
    bytes: Vec<u8>,
}

/// A frame's length is negative or above the limit: the stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadLength(pub i32);

impl Deframer {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets a partial frame: the connection ended.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The next complete frame's payload, if it is there.
    pub fn next_frame(&mut self, limit: u32) -> Result<Option<Vec<u8>>, BadLength> {
        let mut at = 0;
        let frame = self.frame_at(&mut at, limit)?.map(<[u8]>::to_vec);
        self.forget(at);
        Ok(frame)
    }

    /// The payload of the complete frame that begins at `at`, which is moved behind it. Many frames
    /// of one read are walked so, and forgotten together.
    pub(crate) fn frame_at(&self, at: &mut usize, limit: u32) -> Result<Option<&[u8]>, BadLength> {
        let Some((head, rest)) = self.bytes.get(*at..).and_then(<[u8]>::split_first_chunk::<4>) else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*head);
        let Some(needed) = u32::try_from(length).ok().filter(|n| *n <= limit).map(|n| n as usize) else {
            return Err(BadLength(length));
        };
        let Some(frame) = rest.get(..needed) else {
            return Ok(None);
        };
        *at += 4 + needed;
        Ok(Some(frame))
    }

    /// Drops the bytes before `at`.
    pub(crate) fn forget(&mut self, at: usize) {
        self.bytes.drain(..at);
    }
}

/// A frame: the length of what `write` appends, then that.
pub(crate) fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    // Most requests fit: one allocation each.
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(&[0; 4]);
    write(&mut out);
    let length = u32::try_from(out.len() - 4).expect("a request is below 2 GiB");
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_appears_when_its_last_byte_arrives() {
        let bytes = frame(|out| out.extend_from_slice(b"abc"));
        let mut deframer = Deframer::default();
        for byte in &bytes[..bytes.len() - 1] {
            deframer.push(&[*byte]);
            assert_eq!(deframer.next_frame(10), Ok(None));
        }
        deframer.push(&bytes[bytes.len() - 1..]);
        assert_eq!(deframer.next_frame(10), Ok(Some(b"abc".to_vec())));
        assert_eq!(deframer, Deframer::default());
    }

    #[test]
    fn lengths_that_no_frame_has_are_refused_before_memory_is_taken() {
        for (length, limit) in [(-1, 10), (11, 10), (i32::MAX, 0xf_ffff), (i32::MIN, 10)] {
            let mut deframer = Deframer::default();
            deframer.push(&length.to_be_bytes());
            assert_eq!(deframer.next_frame(limit), Err(BadLength(length)));
        }
    }
}
