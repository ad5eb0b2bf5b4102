//! The transaction log: what is read of a damaged file is a prefix of whole records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zabra_core::log::record::{decode_log, encode_header, encode_record};

fuzz_target!(|bytes: &[u8]| {
    let (records, end, _) = decode_log(bytes);
    assert!(end <= bytes.len() as u64);
    let mut again = encode_header().to_vec();
    for (_, transaction) in &records {
        encode_record(transaction, &mut again);
    }
    assert_eq!(decode_log(&again).0, records);
});
