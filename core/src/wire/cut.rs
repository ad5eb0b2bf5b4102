//! Units out of a stream that arrives cut anywhere.
//!
//! A protocol says with an [`Extent`] where its next unit ends, and [`Units`] yields the units as
//! slices: of the input where a unit lies in it whole, else of what it held back. Nothing is
//! reserved on the word of a length that has not arrived, and no byte is measured twice.

use super::jute::Malformed;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

/// How far a unit reaches, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It ends here; so many bytes are there.
    Whole(usize),
    /// It has at least so many bytes, more than are there.
    Beyond(usize),
}

/// Measures units. What it remembers between calls is how far it got in the current unit.
pub trait Extent {
    /// `bytes` begin where the unit begins, and are those of the last call and more.
    fn measure(&mut self, bytes: &[u8]) -> Result<Reach, Malformed>;

    /// The unit was yielded: the next call measures another.
    fn next_unit(&mut self);
}

/// The units of one direction of one connection, as a value.
///
/// Two of them are equal if they will behave alike, however their input was cut.
#[derive(Clone, Debug)]
pub struct Units<E> {
    extent: E,
    /// The beginning of a unit, or the last yielded unit.
    held: Vec<u8>,
    yielded: bool,
    broken: Option<Malformed>,
}

/// Above this a buffer is given back once its unit was handled: one large frame must not cost
/// memory for as long as the connection lives.
const KEEP_BYTES: usize = 4 << 10;

impl<E: Extent> Units<E> {
    pub fn new(extent: E) -> Self {
        Units { extent, held: Vec::new(), yielded: false, broken: None }
    }

    /// Takes bytes off the input up to the end of a unit. `None`: all input is taken, more is needed.
    ///
    /// After an error the stream is useless: every further call takes all input and repeats the error.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<&'s [u8]>, Malformed> {
        self.forget_yielded();
        if let Some(malformed) = self.broken {
            *input = &[];
            return Err(malformed);
        }
        if self.held.is_empty() {
            match self.extent.measure(input).map_err(|malformed| self.give_up(input, malformed))? {
                Reach::Whole(len) => {
                    let (unit, rest) = input.split_at(len);
                    *input = rest;
                    self.extent.next_unit();
                    return Ok(Some(unit));
                }
                Reach::Beyond(len) => {
                    assert!(len > input.len(), "a unit that is there is whole");
                    self.hold(input, len);
                    return Ok(None);
                }
            }
        }
        loop {
            match self.extent.measure(&self.held).map_err(|malformed| self.give_up(input, malformed))? {
                Reach::Whole(len) => {
                    assert_eq!(len, self.held.len(), "nothing beyond the unit is held");
                    self.extent.next_unit();
                    self.yielded = true;
                    return Ok(Some(&self.held));
                }
                Reach::Beyond(_) if input.is_empty() => return Ok(None),
                Reach::Beyond(len) => self.hold(input, len),
            }
        }
    }

    /// Whether the stream may end here: between two units.
    pub fn is_between(&self) -> bool {
        self.pending().is_empty()
    }

    pub fn extent(&self) -> &E {
        &self.extent
    }

    /// How much memory is held.
    pub fn capacity(&self) -> usize {
        self.held.capacity()
    }

    fn pending(&self) -> &[u8] {
        if self.yielded { &[] } else { &self.held }
    }

    fn forget_yielded(&mut self) {
        if self.yielded {
            self.yielded = false;
            self.held.clear();
            self.held.shrink_to(KEEP_BYTES);
        }
    }

    fn give_up(&mut self, input: &mut &[u8], malformed: Malformed) -> Malformed {
        *input = &[];
        self.held = Vec::new();
        self.broken = Some(malformed);
        malformed
    }

    /// Moves bytes from the input until `len` are held.
    fn hold(&mut self, input: &mut &[u8], len: usize) {
        let (more, rest) = input.split_at(input.len().min(len - self.held.len()));
        self.held.extend_from_slice(more);
        *input = rest;
    }
}

impl<E: PartialEq> PartialEq for Units<E>
where
    E: Extent,
{
    fn eq(&self, other: &Self) -> bool {
        self.extent == other.extent && self.pending() == other.pending() && self.broken == other.broken
    }
}

impl<E: Extent + Eq> Eq for Units<E> {}

impl<E: Extent + Hash> Hash for Units<E> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.extent.hash(state);
        self.pending().hash(state);
        self.broken.hash(state);
    }
}
