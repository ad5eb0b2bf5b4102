//! The election port: the handshake and the notifications, at both ends of a connection.
use zabra_core::wire::election::{End, NotificationBody};
use zabra_core::wire::{Jute, Malformed};
use zabra_core::zab::Notification;
use zabra_core::zab::codec::{ElectionItem, ElectionReader, decode_notification, encode_notification};

pub fn holds(bytes: &[u8]) {
    for end in [End::Acceptor, End::Initiator] {
        let (notifications, broken) = read(end, [bytes]);
        assert_eq!((notifications.clone(), broken), read(end, bytes.chunks(1)), "a cut stream says the same");
        for notification in notifications {
            let mut again = Vec::new();
            encode_notification(&notification, &mut again);
            let body = NotificationBody::from_bytes(&again[4..]).expect("it was just encoded");
            assert_eq!(decode_notification(&body), Ok(notification));
        }
    }
}

fn read<'a>(end: End, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Notification>, Option<Malformed>) {
    let mut reader = ElectionReader::new(end);
    let mut notifications = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(ElectionItem::Notification(notification))) => notifications.push(notification),
                Ok(Some(ElectionItem::Handshake { .. })) => {}
                Ok(None) => break,
                Err(malformed) => return (notifications, Some(malformed)),
            }
        }
    }
    (notifications, None)
}
