//! The client port: frames cut anywhere, and every record that a client or a server may put into one.
use zabra_core::wire::jute::Jute;
use zabra_core::wire::records::*;
use zabra_core::wire::{Deframer, Item};

pub fn holds(bytes: &[u8]) {
    let mut whole = Deframer::new(0xf_ffff);
    let mut cut = Deframer::new(0xf_ffff);
    // Read at once and byte by byte, a stream must say the same.
    let mut from_whole = Vec::new();
    let mut input = bytes;
    let mut end = loop {
        match whole.next(&mut input) {
            Ok(Some(Item::Frame(frame))) => {
                records(frame);
                from_whole.push(frame.to_vec());
            }
            Ok(Some(Item::FourLetterWord(word))) => from_whole.push(word.to_vec()),
            Ok(None) => break None,
            Err(malformed) => break Some(malformed),
        }
    };
    let mut from_cut = from_whole.into_iter();
    for byte in bytes {
        let mut input = std::slice::from_ref(byte);
        match cut.next(&mut input) {
            Ok(Some(Item::Frame(frame))) => assert_eq!(Some(frame.to_vec()), from_cut.next()),
            Ok(Some(Item::FourLetterWord(word))) => assert_eq!(Some(word.to_vec()), from_cut.next()),
            Ok(None) => {}
            Err(malformed) => {
                assert_eq!(Some(malformed), end.take());
                break;
            }
        }
    }
    assert_eq!(from_cut.next(), None);
    assert_eq!(end, None);
}

/// What decodes must encode to something that decodes to the same.
macro_rules! survive {
    ($bytes:expr, $($record:ident),* $(,)?) => {$(
        if let Ok(value) = $record::from_bytes($bytes) {
            let again = value.to_bytes();
            assert_eq!($record::from_bytes(&again).as_ref(), Ok(&value));
        }
    )*};
}

fn records(frame: &[u8]) {
    for body in [Some(frame), frame.get(8..), frame.get(16..)].into_iter().flatten() {
        survive!(
            body,
            ConnectRequest,
            ConnectResponse,
            RequestHeader,
            ReplyHeader,
            CreateRequest,
            CreateTtlRequest,
            DeleteRequest,
            SetDataRequest,
            SetAclRequest,
            CheckVersionRequest,
            ReadRequest,
            PathRequest,
            AddWatchRequest,
            WatchesRequest,
            SetWatches,
            SetWatches2,
            ReconfigRequest,
            AuthPacket,
            SaslToken,
            MultiHeader,
            PathReply,
            Create2Reply,
            StatReply,
            GetDataReply,
            GetChildrenReply,
            GetChildren2Reply,
            GetAclReply,
            AllChildrenNumberReply,
            ErrorReply,
            ClientInfo,
            WatcherEvent,
        );
    }
}
