//! The packets of the quorum port as records (reference/zookeeper.md section 3.3).
//!
//! They stand in the stream one after the other without a length, so where one ends is found by
//! walking its lengths. What a packet means, and for whom, is decided in `zab::codec`.

use super::cut::{Extent, Reach, Units};
use super::jute::{Jute, Malformed, Problem, record};
use super::records::Id;
use alloc::vec::Vec;

record! {
    /// `kind` is one of [`Kind`].
    QuorumPacket<'a> { kind: i32, zxid: i64, data: Option<&'a [u8]>, auth: Option<Vec<Id<'a>>> }
    /// The data of FOLLOWERINFO and OBSERVERINFO. `protocol` is [`PROTOCOL_VERSION`].
    LearnerInfo { server: i64, protocol: i32, config_version: i64 }
    /// What stands before a client's body in the data of a REQUEST.
    RequestPrefix { session: i64, cxid: i32, op: i32 }
    /// The data of a REVALIDATE question; also one entry of a learner's answer to PING.
    SessionTimeout { session: i64, timeout_ms: i32 }
    /// The data of a REVALIDATE answer.
    SessionValid { session: i64, valid: bool }
}

/// The protocol since 3.4: LEADERINFO and ACKEPOCH exist. Older peers are refused.
pub const PROTOCOL_VERSION: i32 = 0x10000;

/// The types of packets.
pub struct Kind;

impl Kind {
    pub const REQUEST: i32 = 1;
    pub const PROPOSAL: i32 = 2;
    pub const ACK: i32 = 3;
    pub const COMMIT: i32 = 4;
    pub const PING: i32 = 5;
    pub const REVALIDATE: i32 = 6;
    pub const SYNC: i32 = 7;
    pub const INFORM: i32 = 8;
    pub const COMMIT_AND_ACTIVATE: i32 = 9;
    pub const NEW_LEADER: i32 = 10;
    pub const FOLLOWER_INFO: i32 = 11;
    pub const UP_TO_DATE: i32 = 12;
    pub const DIFF: i32 = 13;
    pub const TRUNC: i32 = 14;
    pub const SNAP: i32 = 15;
    pub const OBSERVER_INFO: i32 = 16;
    pub const LEADER_INFO: i32 = 17;
    pub const ACK_EPOCH: i32 = 18;
    pub const INFORM_AND_ACTIVATE: i32 = 19;
}

/// Cuts the bytes of one quorum connection into packets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumPackets {
    units: Units<PacketExtent>,
}

impl QuorumPackets {
    /// `limit` is the longest packet ([`crate::config::Limits::packet_bytes`]).
    pub fn new(limit: u32) -> Self {
        QuorumPackets { units: Units::new(PacketExtent::new(limit)) }
    }

    /// Takes bytes off the input up to the end of a packet. `None`: all input is taken.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<QuorumPacket<'s>>, Malformed> {
        self.units.next(input)?.map(QuorumPacket::from_bytes).transpose()
    }

    /// Whether the stream may end here: between two packets.
    pub fn is_between_packets(&self) -> bool {
        self.units.is_between()
    }
}

/// Walks over a packet: type, zxid, data, then the strings of the identities, two for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PacketExtent {
    limit: usize,
    /// Where the next length stands.
    at: usize,
    next: Part,
}

/// What the next length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Data,
    Ids,
    /// So many strings are still to come.
    Strings(usize),
}

/// Bytes of type and zxid, before the length of the data.
const HEAD: usize = 12;

impl PacketExtent {
    fn new(limit: u32) -> Self {
        PacketExtent { limit: limit as usize, at: HEAD, next: Part::Data }
    }

    /// Goes on behind the length at `at` and the bytes that it counts.
    fn skip(&mut self, counted: usize) -> Result<(), Malformed> {
        let end = self.at + 4 + counted;
        if end > self.limit {
            return Err(self.too_long(counted));
        }
        self.at = end;
        Ok(())
    }

    fn too_long(&self, counted: usize) -> Malformed {
        Malformed { what: "quorum packet", at: self.at, problem: Problem::Length(counted as i64) }
    }
}

impl Extent for PacketExtent {
    fn measure(&mut self, bytes: &[u8]) -> Result<Reach, Malformed> {
        while self.next != Part::Strings(0) {
            let Some(length) = bytes.get(self.at..).and_then(|rest| rest.first_chunk()) else {
                return Ok(Reach::Beyond(self.at + 4));
            };
            let length = match i32::from_be_bytes(*length) {
                -1 => 0,
                n @ 0.. => n as usize,
                n => {
                    let problem = Problem::Length(i64::from(n));
                    return Err(Malformed { what: "quorum packet", at: self.at, problem });
                }
            };
            match self.next {
                Part::Data => {
                    self.skip(length)?;
                    self.next = Part::Ids;
                }
                Part::Ids => {
                    // Each identity takes two lengths at least.
                    if length > (self.limit - self.at) / 8 {
                        return Err(self.too_long(length));
                    }
                    self.skip(0)?;
                    self.next = Part::Strings(length * 2);
                }
                Part::Strings(left) => {
                    self.skip(length)?;
                    self.next = Part::Strings(left - 1);
                }
            }
        }
        Ok(if self.at <= bytes.len() { Reach::Whole(self.at) } else { Reach::Beyond(self.at) })
    }

    fn next_unit(&mut self) {
        *self = PacketExtent::new(self.limit as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sample::{Sample, Source};
    use crate::wire::tests::{pieces, samples};
    use alloc::string::String;
    use alloc::{format, vec};
    use proptest::prelude::*;

    const LIMIT: u32 = 1000;

    /// What a stream yields when it arrives in these pieces, up to its first error.
    fn read(pieces: &[&[u8]]) -> (Vec<String>, QuorumPackets) {
        let mut packets = QuorumPackets::new(LIMIT);
        let mut seen = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match packets.next(&mut input) {
                    Ok(Some(packet)) => seen.push(format!("{packet:?}")),
                    Ok(None) => break,
                    Err(malformed) => {
                        seen.push(format!("{malformed}"));
                        return (seen, packets);
                    }
                }
            }
        }
        (seen, packets)
    }

    #[test]
    fn lengths_beyond_the_limit_are_refused_before_their_bytes_arrive() {
        let head = [0; HEAD];
        for length in [-2, 1000 - HEAD as i32 - 3, i32::MAX] {
            let bytes = [&head[..], &length.to_be_bytes()].concat();
            assert_eq!(read(&[&bytes]).0, [format!("quorum packet at byte 12: impossible length {length}")]);
        }
        let count = [&head[..], &[0xff; 4], &i32::MAX.to_be_bytes()].concat();
        assert_eq!(read(&[&count]).0, ["quorum packet at byte 16: impossible length 2147483647"]);
    }

    #[test]
    fn an_announced_packet_takes_no_memory_before_it_arrives() {
        let mut packets = QuorumPackets::new(1 << 30);
        let bytes = [&[0; HEAD][..], &(1i32 << 29).to_be_bytes()].concat();
        assert_eq!(packets.next(&mut &bytes[..]), Ok(None));
        assert!(packets.units.capacity() < 100);
    }

    proptest! {
        #[test]
        fn a_cut_stream_yields_what_an_uncut_one_does(drawn in samples(), cuts: Vec<usize>, tail: Vec<u8>) {
            let mut bytes = vec![];
            let mut expected = vec![];
            for drawn in &drawn {
                let packet = QuorumPacket::sample(&mut Source(drawn));
                packet.encode(&mut bytes);
                expected.push(format!("{packet:?}"));
            }
            let (whole, between) = read(&[&bytes]);
            prop_assert_eq!(whole, expected);
            prop_assert!(between.is_between_packets());
            bytes.extend(&tail);
            prop_assert_eq!(read(&pieces(&bytes, &cuts)), read(&[&bytes]));
        }
    }
}
