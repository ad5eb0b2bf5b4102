//! Compressed snapshots, as Apache's servers write them (`snapshot.compression.method`,
//! reference/zookeeper.md section 4.3): the whole stream through gzip, or through xerial's framing of
//! Snappy, which is Java's own: a header of 16 bytes, then pieces, each with its length before it.
//!
//! They are read and written here, piece by piece; what a snapshot means is the core's business.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use zabra_core::log::name::Suffix;

/// The magic, then the version and the oldest version that reads it.
const XERIAL: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// A piece before it is compressed: xerial's default.
const PIECE: usize = 32 << 10;
/// No piece is longer, before or after.
const PIECE_MOST: usize = 64 << 20;

/// What a file of this suffix holds.
pub fn reader<R: Read + Send + 'static>(file: R, suffix: Suffix) -> Box<dyn Read + Send> {
    match suffix {
        Suffix::None => Box::new(file),
        Suffix::Gz => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Suffix::Snappy => Box::new(Unframed { inner: BufReader::new(file), piece: Vec::new(), at: 0, is_begun: false }),
    }
}

/// Whether an error says that the bytes are damaged, and not that they could not be read.
pub fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof)
}

/// Writes all of a source into a file of this suffix.
pub fn pack(source: &mut dyn Read, suffix: Suffix, out: &mut dyn Write) -> io::Result<()> {
    match suffix {
        Suffix::None => drop(io::copy(source, out)?),
        Suffix::Gz => {
            let mut encoder = GzEncoder::new(&mut *out, Compression::default());
            io::copy(source, &mut encoder)?;
            encoder.finish()?;
        }
        Suffix::Snappy => frame(source, out)?,
    }
    out.flush()
}

fn frame(source: &mut dyn Read, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&XERIAL)?;
    let mut encoder = snap::raw::Encoder::new();
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        source.take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        let packed = encoder.compress_vec(&piece)?;
        let length = u32::try_from(packed.len()).map_err(|_| damaged("a piece is too long"))?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(&packed)?;
    }
}

/// The pieces of xerial's framing, one after the other.
struct Unframed<R> {
    inner: R,
    piece: Vec<u8>,
    at: usize,
    is_begun: bool,
}

impl<R: Read> Unframed<R> {
    /// The next piece; without one the stream is over.
    fn next(&mut self) -> io::Result<bool> {
        if !self.is_begun {
            let mut header = [0; XERIAL.len()];
            self.inner.read_exact(&mut header)?;
            // Later versions that say that this one reads them are read.
            if header[..8] != XERIAL[..8] || header[12..] != XERIAL[12..] {
                return Err(damaged("no header of xerial's Snappy"));
            }
            self.is_begun = true;
        }
        let mut length = [0; 4];
        let got = self.inner.read(&mut length)?;
        if got == 0 {
            return Ok(false);
        }
        self.inner.read_exact(&mut length[got..])?;
        let length = u32::from_be_bytes(length) as usize;
        if length > PIECE_MOST {
            return Err(damaged("a piece is too long"));
        }
        let mut packed = Vec::new();
        self.inner.by_ref().take(length as u64).read_to_end(&mut packed)?;
        if packed.len() < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if snap::raw::decompress_len(&packed)? > PIECE_MOST {
            return Err(damaged("a piece is too long"));
        }
        (self.piece, self.at) = (snap::raw::Decoder::new().decompress_vec(&packed)?, 0);
        Ok(true)
    }
}

impl<R: Read> Read for Unframed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if into.is_empty() || !self.next()? {
                return Ok(0);
            }
        }
        let length = into.len().min(self.piece.len() - self.at);
        into[..length].copy_from_slice(&self.piece[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// What a compressed file holds, by offset: onwards at once, back from the beginning.
pub struct Packed {
    open: Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send>,
    reader: Box<dyn Read + Send>,
    at: u64,
}

impl Packed {
    /// `open` opens it at its beginning, as often as it is asked to.
    pub fn new(open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + 'static) -> io::Result<Packed> {
        Ok(Packed { reader: open()?, open: Box::new(open), at: 0 })
    }

    /// Where the bytes are damaged they end: so a snapshot is one that was not finished.
    pub fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.try_read_at(offset, into).or_else(|error| if is_damage(&error) { Ok(0) } else { Err(error) })
    }

    fn try_read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if offset < self.at {
            (self.reader, self.at) = ((self.open)()?, 0);
        }
        let skipped = io::copy(&mut self.reader.by_ref().take(offset - self.at), &mut io::sink())?;
        self.at += skipped;
        if self.at < offset {
            return Ok(0);
        }
        loop {
            match self.reader.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(got) => {
                    self.at += got as u64;
                    return Ok(got);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(bytes: &[u8], suffix: Suffix) -> Vec<u8> {
        let mut out = Vec::new();
        pack(&mut &bytes[..], suffix, &mut out).unwrap();
        out
    }

    fn unpacked(bytes: Vec<u8>, suffix: Suffix) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        reader(io::Cursor::new(bytes), suffix).read_to_end(&mut out)?;
        Ok(out)
    }

    /// As snappy-java 1.1.10 writes this text.
    fn of_java() -> Vec<u8> {
        let mut bytes = XERIAL.to_vec();
        // A preamble of 24; a literal of "zabra "; a copy of 17 bytes from 6 before; a literal of "\n".
        let block = [&[24, 5 << 2][..], b"zabra ", &[16 << 2 | 2, 6, 0, 0, b'\n']].concat();
        bytes.extend_from_slice(&(block.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&block);
        bytes
    }

    #[test]
    fn xerials_framing_is_read() {
        assert_eq!(unpacked(of_java(), Suffix::Snappy).unwrap(), b"zabra zabra zabra zabra\n");
        assert_eq!(packed(b"", Suffix::Snappy), XERIAL);
    }

    #[test]
    fn what_is_cut_or_is_no_stream_is_damaged() {
        let plain = vec![7; 100_000];
        for suffix in [Suffix::Gz, Suffix::Snappy] {
            let whole = packed(&plain, suffix);
            assert!(whole.len() < plain.len(), "it is compressed");
            for end in [1, 9, whole.len() / 2, whole.len() - 1] {
                let error = unpacked(whole[..end].to_vec(), suffix).unwrap_err();
                assert!(is_damage(&error), "{suffix:?} {end}: {error}");
            }
            assert!(is_damage(&unpacked(plain.clone(), suffix).unwrap_err()));
        }
        let mut long = XERIAL.to_vec();
        long.extend_from_slice(&u32::MAX.to_be_bytes());
        assert!(is_damage(&unpacked(long, Suffix::Snappy).unwrap_err()), "no memory is taken for what is not there");
    }

    #[test]
    fn offsets_may_go_back_and_damage_is_an_end() {
        let plain: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for suffix in [Suffix::Gz, Suffix::Snappy] {
            let whole = packed(&plain, suffix);
            let cut = whole[..whole.len() / 2].to_vec();
            let open = move |bytes: Vec<u8>| Packed::new(move || Ok(reader(io::Cursor::new(bytes.clone()), suffix)));
            let mut file = open(whole).unwrap();
            for offset in [0, 70_000, 5, 99_999] {
                let mut byte = [0];
                assert_eq!(file.read_at(offset, &mut byte).unwrap(), 1);
                assert_eq!(byte[0], plain[offset as usize]);
            }
            assert_eq!(file.read_at(100_000, &mut [0]).unwrap(), 0);
            assert_eq!(open(cut).unwrap().read_at(99_999, &mut [0]).unwrap(), 0);
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(bytes in prop::collection::vec(any::<u8>(), 0..100_000)) {
            for suffix in [Suffix::None, Suffix::Gz, Suffix::Snappy] {
                prop_assert_eq!(&unpacked(packed(&bytes, suffix), suffix).unwrap(), &bytes);
            }
        }
    }
}
