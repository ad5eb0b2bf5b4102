//! Snapshots, as files and as the stream of a SNAP.
use zabra_core::id::Zxid;
use zabra_core::log::snapshot::{Form, SnapshotDecoder, SnapshotEncoder, decode_snapshot};

pub fn holds(bytes: &[u8]) {
    for form in [Form::File, Form::Stream] {
        let whole = decode_snapshot(bytes, form, Zxid(7));
        let mut cut = SnapshotDecoder::new(form, usize::MAX);
        let pushed =
            bytes.chunks(1).try_for_each(|byte| if cut.is_done() { Ok(()) } else { cut.push(byte).map(|_| ()) });
        let cut = pushed.and_then(|()| cut.finish(Zxid(7)));
        assert_eq!(whole.is_ok(), cut.is_ok(), "a snapshot is the same however it is cut");
        let Ok(decoded) = whole else { continue };
        assert_eq!(Ok(&decoded), cut.as_ref());
        let mut again = Vec::new();
        let mut encoder = SnapshotEncoder::new(decoded.image.clone(), form);
        while encoder.next_piece(100, &mut again) {}
        let again = decode_snapshot(&again, form, Zxid(7)).expect("it was just encoded");
        assert_eq!(again.image, decoded.image);
    }
}
