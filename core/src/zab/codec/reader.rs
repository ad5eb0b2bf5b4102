//! Packets out of a quorum connection's bytes, cut anywhere; a SNAP comes with its image.

use super::packet::{Decoded, Side, decode};
use crate::id::Zxid;
use crate::log::snapshot::{DecodeError, Form, SnapshotDecoder};
use crate::wire::Malformed;
use crate::wire::quorum::QuorumPackets;
use crate::zab::Packet;
use alloc::boxed::Box;

/// Reads one direction of one quorum connection.
///
/// Holds at most one packet that is not whole, or the tree that a SNAP builds and one znode of it.
/// Two readers are equal if they will behave alike, however their input was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketReader {
    to: Side,
    packet_bytes_max: u32,
    packets: QuorumPackets,
    snap: Option<Box<Snap>>,
    broken: Option<Malformed>,
}

/// A SNAP whose stream has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snap {
    zxid: Zxid,
    stream: SnapshotDecoder,
}

impl PacketReader {
    /// What `to` receives. `packet_bytes_max` bounds a packet, and a znode of a SNAP
    /// ([`crate::config::Limits::packet_bytes`]).
    pub fn new(to: Side, packet_bytes_max: u32) -> Self {
        PacketReader { to, packet_bytes_max, packets: QuorumPackets::new(packet_bytes_max), snap: None, broken: None }
    }

    /// Takes bytes off the input up to the end of a packet. `None`: all input is taken, more is
    /// needed. After an error the connection is to be closed: every further call takes all input
    /// and repeats the error.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, Malformed> {
        let next = match self.broken {
            None => self.next_unbroken(input),
            Some(malformed) => Err(malformed),
        };
        next.inspect_err(|malformed| {
            *input = &[];
            self.broken = Some(*malformed);
        })
    }

    /// Whether the stream may end here: between two packets, not inside a SNAP.
    pub fn is_between_packets(&self) -> bool {
        self.snap.is_none() && self.packets.is_between_packets()
    }

    fn next_unbroken(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, Malformed> {
        if self.snap.is_none() {
            let Some(packet) = self.packets.next(input)? else {
                return Ok(None);
            };
            match decode(&packet, self.to)? {
                Decoded::Packet(packet) => return Ok(Some(packet)),
                Decoded::Snap(zxid) => {
                    let stream = SnapshotDecoder::new(Form::Stream, self.packet_bytes_max as usize);
                    self.snap = Some(Box::new(Snap { zxid, stream }));
                }
            }
        }
        self.next_of_snap(input)
    }

    fn next_of_snap(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, Malformed> {
        let Some(mut snap) = self.snap.take() else {
            return Ok(None);
        };
        let used = snap.stream.push(input).map_err(DecodeError::into_malformed)?;
        *input = input.get(used..).unwrap_or_default();
        if !snap.stream.is_done() {
            self.snap = Some(snap);
            return Ok(None);
        }
        let decoded = snap.stream.finish(snap.zxid).map_err(DecodeError::into_malformed)?;
        Ok(Some(Packet::Snap { zxid: snap.zxid, image: decoded.image }))
    }
}
