//! Properties of all records, and the bytes of those that matter most.

use super::jute::{Jute, Reader};
use super::quorum::{LearnerInfo, QuorumPacket, RequestPrefix, SessionTimeout, SessionValid};
use super::records::*;
use super::sample::{Sample, Source};
use super::txn::*;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt::Debug;
use proptest::prelude::*;

/// Bytes as hexadecimal digits, four bytes to a word.
pub fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> =
        bytes.chunks(4).map(|word| word.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect();
    words.join(" ")
}

/// The bytes cut at these places, taken modulo their number.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut from = 0;
    let mut pieces = vec![];
    for cut in cuts {
        pieces.push(&bytes[from..cut]);
        from = cut;
    }
    pieces
}

/// What a few records of a stream are made from.
pub fn samples() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)
}

fn round_trip<'a, T: Jute<'a> + PartialEq + Debug>(value: &T, bytes: &'a [u8]) {
    assert_eq!(T::from_bytes(bytes).as_ref(), Ok(value));
    assert!(bytes.len() >= T::MIN, "{value:?} takes {} bytes", bytes.len());
}

/// Only the flag at the end of the records that open a session may be left out.
fn may_lack_its_last_byte(shorter: &impl Debug, missing: usize) {
    assert_eq!(missing, 1, "{shorter:?}");
    assert!(format!("{shorter:?}").contains("read_only: None"), "{shorter:?}");
}

/// Runs every record through the three checks; each a test over all records, not one for each,
/// because every property test costs the compiler a second.
macro_rules! for_every_record {
    ($($record:ident),* $(,)?) => {
        proptest! {
            #[test]
            fn every_record_survives_its_encoding(drawn: Vec<u8>) {
                $({
                    let value = $record::sample(&mut Source(&drawn));
                    round_trip(&value, &value.to_bytes());
                })*
            }

            #[test]
            fn every_record_is_refused_when_short(drawn: Vec<u8>) {
                $({
                    let bytes = $record::sample(&mut Source(&drawn)).to_bytes();
                    for length in 0..bytes.len() {
                        if let Ok(shorter) = $record::from_bytes(&bytes[..length]) {
                            may_lack_its_last_byte(&shorter, bytes.len() - length);
                        }
                    }
                })*
            }

            #[test]
            fn every_record_reads_any_bytes(bytes: Vec<u8>) {
                $({
                    if let Ok(value) = $record::decode(&mut Reader::new(&bytes)) {
                        // What was read is a value like any other.
                        round_trip(&value, &value.to_bytes());
                    }
                })*
            }
        }
    };
}

for_every_record! {
    Id, Acl, Stat, StatPersisted, RequestHeader, ReplyHeader, ConnectRequest, ConnectResponse, CreateRequest,
    CreateTtlRequest, DeleteRequest, SetDataRequest, SetAclRequest, CheckVersionRequest, ReadRequest, PathRequest,
    AddWatchRequest, WatchesRequest, SetWatches, SetWatches2, ReconfigRequest, AuthPacket, SaslToken, MultiHeader,
    PathReply, Create2Reply, StatReply, GetDataReply, GetChildrenReply, GetChildren2Reply, GetAclReply,
    AllChildrenNumberReply, ErrorReply, ClientInfo, WatcherEvent, TxnHeader, TxnDigest, CreateTxnV0, CreateTxn,
    CreateTtlTxn, CreateContainerTxn, DeleteTxn, SetDataTxn, CheckVersionTxn, SetAclTxn, CreateSessionTxn,
    CloseSessionTxn, ErrorTxn, Txn, MultiTxn, QuorumPacket, LearnerInfo, RequestPrefix, SessionTimeout,
    SessionValid,
}

#[test]
fn null_and_empty_differ() {
    assert_ne!(None::<&[u8]>.to_bytes(), Some(&b""[..]).to_bytes());
    assert_ne!(None::<Vec<i32>>.to_bytes(), Some(Vec::<i32>::new()).to_bytes());
    assert_eq!(<Vec<i32>>::from_bytes(&[0xff; 4]), Ok(vec![]), "null where it may not be is empty");
}

#[test]
fn a_count_of_more_than_can_follow_is_refused() {
    let refused = <Vec<Acl<'_>>>::from_bytes(&[0, 0, 0, 2, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    insta::assert_snapshot!(refused, @"vector count at byte 4: impossible length 2");
    let refused = <Vec<i32>>::from_bytes(&[0xff, 0xff, 0xff, 0xfe]).unwrap_err();
    insta::assert_snapshot!(refused, @"vector count at byte 0: impossible length -2");
}

#[test]
fn the_bytes_of_a_connect_request() {
    let mut request = ConnectRequest {
        protocol: 0,
        last_zxid_seen: 0x1_0000_0002,
        timeout_ms: 4000,
        session: 0x0300_0000_0000_0001,
        password: Some(&[0xaa; 16]),
        read_only: Some(false),
    };
    assert_eq!(request.to_bytes().len(), 45);
    insta::assert_snapshot!(hex(&request.to_bytes()), @"00000000 00000001 00000002 00000fa0 03000000 00000001 00000010 aaaaaaaa aaaaaaaa aaaaaaaa aaaaaaaa 00");
    request.read_only = None;
    assert_eq!(request.to_bytes().len(), 44);
}

#[test]
fn the_bytes_of_a_connect_response() {
    let mut refusal =
        ConnectResponse { protocol: 0, timeout_ms: 0, session: 0, password: Some(&[0; 16]), read_only: Some(false) };
    assert_eq!(refusal.to_bytes().len(), 37);
    insta::assert_snapshot!(hex(&refusal.to_bytes()), @"00000000 00000000 00000000 00000000 00000010 00000000 00000000 00000000 00000000 00");
    refusal.read_only = None;
    assert_eq!(refusal.to_bytes().len(), 36);
}

#[test]
fn the_bytes_of_a_create_request() {
    let everyone = Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } };
    let request = CreateRequest { path: b"/a", data: Some(b"x"), acl: Some(vec![everyone]), flags: 2 };
    insta::assert_snapshot!(hex(&request.to_bytes()), @"00000002 2f610000 00017800 00000100 00001f00 00000577 6f726c64 00000006 616e796f 6e650000 0002");
    let bare = CreateRequest { path: b"/a", data: None, acl: None, flags: 0 };
    insta::assert_snapshot!(hex(&bare.to_bytes()), @"00000002 2f61ffff ffffffff ffff0000 0000");
}

#[test]
fn the_bytes_of_a_transaction() {
    let header = TxnHeader { session: 5, cxid: 6, zxid: 0x1_0000_0007, time: 8, op: 1 };
    let body = CreateTxn { path: b"/a", data: None, acl: Some(vec![]), ephemeral: true, parent_cversion: 9 };
    let digest = TxnDigest { version: 2, digest: -1 };
    let mut bytes = vec![];
    header.encode(&mut bytes);
    body.encode(&mut bytes);
    digest.encode(&mut bytes);
    insta::assert_snapshot!(hex(&bytes), @"00000000 00000005 00000006 00000001 00000007 00000000 00000008 00000001 00000002 2f61ffff ffff0000 00000100 00000900 000002ff ffffffff ffffff");
}

#[test]
fn stats_have_their_sizes() {
    let zeros = [0; 68];
    assert!(Stat::from_bytes(&zeros).is_ok());
    assert!(StatPersisted::from_bytes(&zeros[..60]).is_ok());
}
