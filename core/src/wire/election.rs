//! The election port: the header that opens a connection and the messages on it
//! (reference/zookeeper.md section 3.1).
//!
//! Which of two connections survives, and what a vote means, is decided elsewhere.

use super::cut::{Extent, Reach, Units};
use super::jute::{Jute, Malformed, Problem, Reader};
use alloc::vec::Vec;

/// Longest address text in a handshake.
pub const ADDRESSES_MAX: usize = 2048;
/// Longest election message.
pub const MESSAGE_MAX: usize = 512 << 10;

/// How the addresses of a handshake are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeVersion {
    /// One `host:port`.
    V1,
    /// Several, joined by `|` (`multiAddress.enabled`).
    V2,
}

impl Jute<'_> for HandshakeVersion {
    const MIN: usize = 8;

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            HandshakeVersion::V1 => -65536i64,
            HandshakeVersion::V2 => -65535i64,
        }
        .encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let at = r.at();
        match i64::decode(r)? {
            -65536 => Ok(HandshakeVersion::V1),
            -65535 => Ok(HandshakeVersion::V2),
            v => Err(Malformed { what: "handshake version", at, problem: Problem::Value(v) }),
        }
    }
}

/// What the server that opens a connection says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handshake<'a> {
    pub version: HandshakeVersion,
    /// The sender. `i64::MAX` is an observer without an id.
    pub server: i64,
    /// Where the sender's election port is, as text. Not empty.
    pub addresses: &'a [u8],
}

impl<'a> Handshake<'a> {
    /// The addresses, one by one.
    pub fn each_address(&self) -> impl Iterator<Item = &'a [u8]> {
        self.addresses.split(|b| *b == b'|')
    }
}

impl<'a> Jute<'a> for Handshake<'a> {
    const MIN: usize = 21;

    fn encode(&self, out: &mut Vec<u8>) {
        self.version.encode(out);
        self.server.encode(out);
        self.addresses.encode(out);
    }

    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let version = HandshakeVersion::decode(r)?;
        let server = i64::decode(r)?;
        let at = r.at();
        let length = i32::decode(r)?;
        if length <= 0 || length as usize > ADDRESSES_MAX {
            return Err(Malformed { what: "address length", at, problem: Problem::Length(i64::from(length)) });
        }
        Ok(Handshake { version, server, addresses: r.take(length as usize, "addresses")? })
    }
}

/// A vote as it stands in a message, before its numbers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotificationBody<'a> {
    pub state: i32,
    pub leader: i64,
    pub zxid: i64,
    /// The election's round (`electionEpoch`).
    pub round: i64,
    /// The proposed leader's epoch (`peerEpoch`).
    pub epoch: i64,
    /// The sender's configuration as text; the old forms have none.
    pub config: &'a [u8],
}

/// The form with a configuration.
const VERSION: i32 = 2;

impl<'a> Jute<'a> for NotificationBody<'a> {
    const MIN: usize = 28;

    fn encode(&self, out: &mut Vec<u8>) {
        self.state.encode(out);
        self.leader.encode(out);
        self.zxid.encode(out);
        self.round.encode(out);
        self.epoch.encode(out);
        VERSION.encode(out);
        self.config.encode(out);
    }

    /// Reads to the end of the message: its length tells the two old forms, 28 bytes without
    /// epoch, and 40 without configuration.
    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let length = r.left();
        let (state, leader, zxid, round) = (Jute::decode(r)?, Jute::decode(r)?, i64::decode(r)?, Jute::decode(r)?);
        let mut body = NotificationBody { state, leader, zxid, round, epoch: zxid >> 32, config: &[] };
        if length == 28 {
            return Ok(body);
        }
        body.epoch = Jute::decode(r)?;
        let at = r.at();
        let version = i32::decode(r)?;
        if length == 40 {
            return Ok(body);
        }
        if version < VERSION {
            let problem = Problem::Value(i64::from(version));
            return Err(Malformed { what: "notification version", at, problem });
        }
        body.config = Jute::decode(r)?;
        if version > VERSION {
            // What a later version adds stands behind the configuration.
            r.take(r.left(), "later fields")?;
        }
        Ok(body)
    }
}

/// What arrives on an election connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    Handshake(Handshake<'a>),
    Notification(NotificationBody<'a>),
}

/// Which end of an election connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It accepted: the handshake comes first.
    Acceptor,
    /// It dialled: only messages come.
    Initiator,
}

/// Cuts the bytes of one election connection into its handshake and its messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectionStream {
    units: Units<ElectionExtent>,
}

impl ElectionStream {
    pub fn new(end: End) -> Self {
        ElectionStream { units: Units::new(ElectionExtent { handshaken: end == End::Initiator }) }
    }

    /// Takes bytes off the input up to the end of an item. `None`: all input is taken.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<Item<'s>>, Malformed> {
        let handshaken = self.units.extent().handshaken;
        let Some(unit) = self.units.next(input)? else {
            return Ok(None);
        };
        if handshaken {
            let body = unit.get(4..).unwrap_or_default();
            NotificationBody::from_bytes(body).map(|body| Some(Item::Notification(body)))
        } else {
            Handshake::from_bytes(unit).map(|handshake| Some(Item::Handshake(handshake)))
        }
    }

    /// Whether the stream may end here: between two messages.
    pub fn is_between_messages(&self) -> bool {
        self.units.is_between()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ElectionExtent {
    handshaken: bool,
}

impl Extent for ElectionExtent {
    fn measure(&mut self, bytes: &[u8]) -> Result<Reach, Malformed> {
        if !self.handshaken && bytes.len() >= 8 {
            // Servers before 3.5 begin with their id and would wait for ever: refused at once.
            HandshakeVersion::decode(&mut Reader::new(bytes))?;
        }
        let (length_at, limit) = if self.handshaken { (0, MESSAGE_MAX) } else { (16, ADDRESSES_MAX) };
        let Some(length) = bytes.get(length_at..).and_then(|rest| rest.first_chunk()) else {
            return Ok(Reach::Beyond(length_at + 4));
        };
        let length = i32::from_be_bytes(*length);
        if length <= 0 || length as usize > limit {
            let problem = Problem::Length(i64::from(length));
            return Err(Malformed { what: "election message length", at: length_at, problem });
        }
        let end = length_at + 4 + length as usize;
        Ok(if end <= bytes.len() { Reach::Whole(end) } else { Reach::Beyond(end) })
    }

    fn next_unit(&mut self) {
        self.handshaken = true;
    }
}

/// A message as it stands on the connection, its length before it.
pub fn encode_message(body: &NotificationBody<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    0i32.encode(out);
    body.encode(out);
    let length = i32::try_from(out.len() - start - 4).expect("a configuration's text fits a message");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sample::{Sample, Source};
    use crate::wire::tests::{hex, pieces, samples};
    use alloc::string::String;
    use alloc::{format, vec};
    use proptest::prelude::*;

    impl<'a> Sample<'a> for NotificationBody<'a> {
        fn sample(s: &mut Source<'a>) -> Self {
            NotificationBody {
                state: Sample::sample(s),
                leader: Sample::sample(s),
                zxid: Sample::sample(s),
                round: Sample::sample(s),
                epoch: Sample::sample(s),
                config: Sample::sample(s),
            }
        }
    }

    const BODY: NotificationBody<'_> =
        NotificationBody { state: 0, leader: 3, zxid: 0x1_0000_0005, round: 7, epoch: 1, config: b"version=0" };

    /// What a stream yields when it arrives in these pieces, up to its first error.
    fn read(end: End, pieces: &[&[u8]]) -> (Vec<String>, ElectionStream) {
        let mut stream = ElectionStream::new(end);
        let mut seen = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match stream.next(&mut input) {
                    Ok(Some(item)) => seen.push(format!("{item:?}")),
                    Ok(None) => break,
                    Err(malformed) => {
                        seen.push(format!("{malformed}"));
                        return (seen, stream);
                    }
                }
            }
        }
        (seen, stream)
    }

    #[test]
    fn the_bytes_of_a_handshake() {
        let one = Handshake { version: HandshakeVersion::V1, server: 3, addresses: b"h:3888" };
        insta::assert_snapshot!(hex(&one.to_bytes()), @"ffffffff ffff0000 00000000 00000003 00000006 683a3338 3838");
        let two = Handshake { version: HandshakeVersion::V2, server: 3, addresses: b"h:1|i:2" };
        insta::assert_snapshot!(hex(&two.to_bytes()), @"ffffffff ffff0001 00000000 00000003 00000007 683a317c 693a32");
        assert_eq!(two.each_address().collect::<Vec<_>>(), [b"h:1", b"i:2"]);
    }

    #[test]
    fn the_bytes_of_a_notification() {
        let mut out = Vec::new();
        encode_message(&BODY, &mut out);
        insta::assert_snapshot!(hex(&out), @"00000035 00000000 00000000 00000003 00000001 00000005 00000000 00000007 00000000 00000001 00000002 00000009 76657273 696f6e3d 30");
    }

    #[test]
    fn the_old_forms_of_a_notification_are_read() {
        let bytes = BODY.to_bytes();
        let old = NotificationBody { config: b"", ..BODY };
        assert_eq!(NotificationBody::from_bytes(&bytes[..40]), Ok(old));
        assert_eq!(NotificationBody::from_bytes(&bytes[..28]), Ok(old), "the epoch is the zxid's");
        for length in (0..bytes.len()).filter(|n| ![28, 40].contains(n)) {
            assert!(NotificationBody::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn what_a_later_version_adds_is_skipped_but_nothing_may_trail_version_2() {
        let mut bytes = BODY.to_bytes();
        bytes.push(9);
        assert!(NotificationBody::from_bytes(&bytes).is_err());
        bytes[39] = 3;
        assert_eq!(NotificationBody::from_bytes(&bytes), Ok(BODY));
    }

    #[test]
    fn a_server_without_a_handshake_version_is_refused_at_its_eighth_byte() {
        let (seen, _) = read(End::Acceptor, &[&3i64.to_be_bytes()]);
        assert_eq!(seen, ["handshake version at byte 0: unexpected value 3"]);
    }

    #[test]
    fn lengths_beyond_the_limits_are_refused_before_their_bytes_arrive() {
        let mut handshake = vec![0xff; 6];
        handshake.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        handshake.extend(2049i32.to_be_bytes());
        assert_eq!(
            read(End::Acceptor, &[&handshake]).0,
            ["election message length at byte 16: impossible length 2049"]
        );
        for length in [0, -1, (512 << 10) + 1] {
            let (seen, _) = read(End::Initiator, &[&i32::to_be_bytes(length)]);
            assert_eq!(seen, [format!("election message length at byte 0: impossible length {length}")]);
        }
    }

    proptest! {
        #[test]
        fn a_notification_survives_its_encoding(drawn: Vec<u8>) {
            let body = NotificationBody::sample(&mut Source(&drawn));
            let bytes = body.to_bytes();
            prop_assert_eq!(NotificationBody::from_bytes(&bytes), Ok(body));
        }

        #[test]
        fn a_cut_stream_yields_what_an_uncut_one_does(drawn in samples(), cuts: Vec<usize>, tail: Vec<u8>) {
            let mut bytes = Handshake { version: HandshakeVersion::V1, server: 2, addresses: b"a:1" }.to_bytes();
            for drawn in &drawn {
                encode_message(&NotificationBody::sample(&mut Source(drawn)), &mut bytes);
            }
            let (whole, between) = read(End::Acceptor, &[&bytes]);
            prop_assert_eq!(whole.len(), drawn.len() + 1);
            prop_assert!(between.is_between_messages());
            bytes.extend(&tail);
            prop_assert_eq!(read(End::Acceptor, &pieces(&bytes, &cuts)), read(End::Acceptor, &[&bytes]));
        }
    }
}
