use super::*;
use crate::id::{SessionId, Zxid};
use crate::log::Image;
use crate::tree::{AclList, Builder, Database};
use crate::wire::records::{Acl, Id, StatPersisted};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use proptest::prelude::*;

const STAT: StatPersisted = StatPersisted {
    czxid: 3,
    mzxid: 4,
    ctime: 5,
    mtime: 6,
    version: 7,
    cversion: 8,
    aversion: 9,
    ephemeral_owner: 0,
    pzxid: 11,
};

/// An image with `n` znodes below `/a`, two sessions and two ACL lists beside the open one.
fn image(n: usize) -> Image {
    let read = AclList::new(&[Acl { perms: 1, id: Id { scheme: b"world", id: b"anyone" } }]);
    let own = AclList::new(&[Acl { perms: 31, id: Id { scheme: b"digest", id: b"u:p" } }]);
    let mut builder = Builder::new();
    builder.push(b"", Some(b""), &AclList::open(), STAT).unwrap();
    builder.push(b"/a", None, &read, STAT).unwrap();
    for i in 0..n {
        let data = alloc::vec![i as u8; i % 70];
        builder.push(format!("/a/{i:04}").as_bytes(), Some(&data), &own, STAT).unwrap();
    }
    let tree = builder.finish().unwrap();
    Arc::new(Database::from_parts(tree, [(SessionId(7), 30_000), (SessionId(-8), 4000)], Zxid(0x1_0000_0042)))
}

fn encode(image: &Image, form: Form, piece: usize) -> Vec<u8> {
    let mut encoder = SnapshotEncoder::new(image.clone(), form);
    let mut out = Vec::new();
    loop {
        let before = out.len();
        let more = encoder.next_piece(piece, &mut out);
        assert!(out.len() - before < piece + 400, "a piece is one item longer at most");
        if !more {
            return out;
        }
    }
}

#[test]
fn an_image_comes_back_from_a_file_with_its_digest_and_zxid() {
    let image = image(300);
    let bytes = encode(&image, Form::File, 1000);
    assert_eq!(bytes[bytes.len() - 5..], LAST_BYTES);
    let decoded = decode_snapshot(&bytes, Form::File, image.zxid()).unwrap();
    assert_eq!(decoded.image, image);
    assert_eq!(decoded.image.digests(), image.digests());
    assert_eq!(decoded.digest, Some((image.zxid(), image.digests().apache)));
    assert_eq!(decoded.last_processed, Some(image.zxid()));
}

#[test]
fn the_size_of_the_pieces_does_not_matter() {
    let image = image(40);
    let whole = encode(&image, Form::File, usize::MAX / 2);
    for piece in [1, 7, 100, 4096] {
        assert_eq!(encode(&image, Form::File, piece), whole, "pieces of {piece}");
    }
}

#[test]
fn a_stream_ends_where_the_connection_goes_on() {
    let image = image(20);
    let mut bytes = encode(&image, Form::Stream, 500);
    let end = bytes.len();
    bytes.extend_from_slice(b"the next packet");
    for cut in [1, 3, 17, 1000] {
        let mut decoder = SnapshotDecoder::new(Form::Stream, 1 << 20);
        let mut used = 0;
        for piece in bytes.chunks(cut) {
            used += decoder.push(piece).unwrap();
            if decoder.is_done() {
                break;
            }
        }
        assert_eq!(used, end, "cut every {cut} bytes");
        assert_eq!(decoder.finish(image.zxid()).unwrap().image, image);
    }
}

#[test]
fn a_file_may_end_behind_its_first_or_second_seal() {
    let image = image(3);
    let bytes = encode(&image, Form::File, 500);
    let one_section = bytes.len() - (8 + 13) - (20 + 13);
    let two_sections = bytes.len() - (8 + 13);
    let decode = |len: usize| decode_snapshot(&bytes[..len], Form::File, image.zxid());
    assert_eq!(decode(one_section).unwrap().digest, None);
    assert_eq!(decode(two_sections).unwrap().last_processed, None);
    assert_eq!(decode(two_sections).unwrap().digest.unwrap().1, image.digests().apache);
    for len in 0..bytes.len() {
        assert_eq!(decode(len).is_ok(), len == one_section || len == two_sections, "cut at {len}");
    }
}

#[test]
fn an_item_longer_than_the_limit_is_refused_before_it_is_kept() {
    let mut bytes = header();
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    let mut decoder = SnapshotDecoder::new(Form::File, 1 << 20);
    assert!(matches!(decoder.push(&bytes), Err(DecodeError::Malformed(_))));
}

proptest! {
    #[test]
    fn any_damaged_byte_of_a_file_is_noticed(at in 0usize..2000, flip in 1u8..=255) {
        let image = image(20);
        let mut bytes = encode(&image, Form::File, 500);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let decoded = decode_snapshot(&bytes, Form::File, image.zxid());
        prop_assert!(decoded.is_err(), "byte {} of {}", at, bytes.len());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 1usize..50) {
        for form in [Form::File, Form::Stream] {
            let mut decoder = SnapshotDecoder::new(form, 1 << 16);
            for piece in bytes.chunks(cut) {
                if decoder.push(piece).is_err() {
                    return Ok(());
                }
            }
            let _ = decoder.finish(Zxid::ZERO);
        }
    }

    #[test]
    fn a_cut_anywhere_changes_nothing(cut in 1usize..200, form in prop_oneof![Just(Form::File), Just(Form::Stream)]) {
        let image = image(30);
        let bytes = encode(&image, form, 700);
        let mut decoder = SnapshotDecoder::new(form, 1 << 20);
        for piece in bytes.chunks(cut) {
            decoder.push(piece).unwrap();
        }
        prop_assert_eq!(decoder.finish(image.zxid()).unwrap().image, image);
    }
}
