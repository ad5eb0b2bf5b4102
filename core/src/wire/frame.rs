//! The framing of the client port (reference/zookeeper.md section 1.2): frames with a length before
//! them, and four-letter words, which stand where the first length would.
//!
//! What a frame means is decided elsewhere; so is whether a four-letter word is known and allowed.

use super::cut::{Extent, Reach, Units};
use super::jute::{Malformed, Problem};

/// What a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A frame, without its length.
    Frame(&'a [u8]),
    /// An operator's question in place of a session. What follows it is ignored: the answer closes
    /// the connection.
    FourLetterWord([u8; 4]),
}

/// Cuts the bytes of one client connection into frames.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deframer {
    units: Units<FrameExtent>,
}

impl Deframer {
    /// `limit` is the longest frame ([`crate::config::Limits::frame_bytes`]).
    pub fn new(limit: u32) -> Self {
        Deframer { units: Units::new(FrameExtent { limit: limit as usize, stage: Stage::First }) }
    }

    /// Takes bytes off the input up to the end of a frame. `None`: all input is taken.
    ///
    /// A length below 0 or above the limit is an error, as soon as the length is there: the
    /// connection is to be closed.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<Item<'s>>, Malformed> {
        match self.units.extent().stage {
            Stage::Word => {
                *input = &[];
                Ok(None)
            }
            stage @ (Stage::First | Stage::Later) => Ok(self.units.next(input)?.map(|unit| match four(unit) {
                Some(word) if stage == Stage::First && is_word(word) => Item::FourLetterWord(word),
                Some(_) | None => Item::Frame(unit.get(4..).unwrap_or_default()),
            })),
        }
    }

    /// How much memory is held: the beginning of a frame, or room that is kept for the next.
    pub fn capacity(&self) -> usize {
        self.units.capacity()
    }

    /// Whether the stream may end here: between two frames.
    pub fn is_between_frames(&self) -> bool {
        self.units.is_between()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FrameExtent {
    limit: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// Nothing was yielded: a four-letter word may come.
    First,
    /// Only frames come.
    Later,
    /// A four-letter word came: nothing else does.
    Word,
}

impl Extent for FrameExtent {
    fn measure(&mut self, bytes: &[u8]) -> Result<Reach, Malformed> {
        let Some(head) = four(bytes) else {
            return Ok(Reach::Beyond(4));
        };
        if self.stage == Stage::First && is_word(head) {
            self.stage = Stage::Word;
            return Ok(Reach::Whole(4));
        }
        let length = i32::from_be_bytes(head);
        match usize::try_from(length) {
            Ok(n) if n <= self.limit && n + 4 <= bytes.len() => Ok(Reach::Whole(n + 4)),
            Ok(n) if n <= self.limit => Ok(Reach::Beyond(n + 4)),
            Ok(_) | Err(_) => {
                Err(Malformed { what: "frame length", at: 0, problem: Problem::Length(i64::from(length)) })
            }
        }
    }

    fn next_unit(&mut self) {
        if self.stage == Stage::First {
            self.stage = Stage::Later;
        }
    }
}

fn four(bytes: &[u8]) -> Option<[u8; 4]> {
    bytes.first_chunk().copied()
}

/// All four-letter words are lower-case letters; as a length each would be above 1.6 GiB.
fn is_word(head: [u8; 4]) -> bool {
    head.iter().all(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::pieces;
    use alloc::string::String;
    use alloc::vec::Vec;
    use alloc::{format, vec};
    use proptest::prelude::*;

    const LIMIT: u32 = 100;

    /// What a stream yields when it arrives in these pieces, up to its first error.
    fn read(pieces: &[&[u8]]) -> (Vec<String>, Deframer) {
        let mut deframer = Deframer::new(LIMIT);
        let mut seen = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match deframer.next(&mut input) {
                    Ok(Some(item)) => seen.push(format!("{item:?}")),
                    Ok(None) => break,
                    Err(malformed) => {
                        seen.push(format!("{malformed}"));
                        return (seen, deframer);
                    }
                }
            }
            assert!(input.is_empty());
        }
        (seen, deframer)
    }

    #[test]
    fn a_frame_that_arrives_whole_is_a_slice_of_the_input() {
        let bytes = [0, 0, 0, 2, 7, 8];
        let (mut deframer, mut input) = (Deframer::new(LIMIT), &bytes[..]);
        let Ok(Some(Item::Frame(frame))) = deframer.next(&mut input) else { panic!("a frame is there") };
        assert!(core::ptr::eq(frame, &bytes[4..]));
    }

    #[test]
    fn a_word_comes_first_or_not_at_all() {
        assert_eq!(read(&[b"ruok\n"]).0, ["FourLetterWord([114, 117, 111, 107])"]);
        assert_eq!(read(&[b"\0\0\0\0ruok"]).0, ["Frame([])", "frame length at byte 0: impossible length 1920298859"]);
    }

    #[test]
    fn lengths_below_0_and_above_the_limit_are_refused_before_their_bytes_arrive() {
        for length in [-1, i32::MIN, 101, i32::MAX] {
            let expected = format!("frame length at byte 0: impossible length {length}");
            assert_eq!(read(&[&length.to_be_bytes()]).0, [expected]);
        }
        assert!(read(&[&100i32.to_be_bytes()]).0.is_empty());
    }

    #[test]
    fn an_announced_frame_takes_no_memory_before_it_arrives() {
        let mut deframer = Deframer::new(1 << 30);
        assert_eq!(deframer.next(&mut &(1i32 << 30).to_be_bytes()[..]), Ok(None));
        assert!(deframer.capacity() < 100);
    }

    proptest! {
        #[test]
        fn a_cut_stream_yields_what_an_uncut_one_does(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
            cuts: Vec<usize>,
            tail: Vec<u8>,
        ) {
            let mut bytes = vec![];
            for frame in &frames {
                bytes.extend((frame.len() as u32).to_be_bytes());
                bytes.extend(frame);
            }
            let (whole, between) = read(&[&bytes]);
            prop_assert_eq!(whole, frames.iter().map(|f| format!("{:?}", Item::Frame(f))).collect::<Vec<_>>());
            prop_assert!(between.is_between_frames());
            bytes.extend(&tail);
            prop_assert_eq!(read(&pieces(&bytes, &cuts)), read(&[&bytes]));
        }

        #[test]
        fn a_word_is_recognised_however_it_is_cut(cuts: Vec<usize>, tail: Vec<u8>) {
            let mut bytes = b"mntr".to_vec();
            bytes.extend(tail);
            prop_assert_eq!(read(&pieces(&bytes, &cuts)), read(&[&bytes]));
            prop_assert_eq!(read(&[&bytes]).0.len(), 1);
        }
    }
}
