//! The transaction log: what is read of a damaged file is a prefix of whole records.
use zabra_core::log::record::{decode_log, encode_header, encode_record};

pub fn holds(bytes: &[u8]) {
    let (records, end, _) = decode_log(bytes);
    assert!(end <= bytes.len() as u64);
    let mut again = encode_header().to_vec();
    for (_, transaction) in &records {
        encode_record(transaction, &mut again);
    }
    assert_eq!(decode_log(&again).0, records);
}
