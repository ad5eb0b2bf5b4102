//! The quorum port: packets of both directions, and SNAP with its stream, cut anywhere.
use zabra_core::zab::codec::{PacketReader, Side, encode_packet};

const PACKET_BYTES_MAX: u32 = 1 << 20;

pub fn holds(bytes: &[u8]) {
    for (from, to) in [(Side::Leader, Side::Learner), (Side::Learner, Side::Leader)] {
        let (packets, end) = read(to, [bytes]);
        assert_eq!((packets.clone(), end), read(to, bytes.chunks(1)), "a stream says the same however it is cut");
        let mut again = Vec::new();
        for packet in &packets {
            encode_packet(packet, from, &mut again);
        }
        assert_eq!(read(to, [&again[..]]), (packets, None), "what was read survives its encoding");
    }
}

fn read<'a>(
    to: Side,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<zabra_core::zab::Packet>, Option<zabra_core::wire::Malformed>) {
    let mut reader = PacketReader::new(to, PACKET_BYTES_MAX);
    let mut packets = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(malformed) => return (packets, Some(malformed)),
            }
        }
    }
    (packets, None)
}
