//! libFuzzer's door to the law in `laws/snapshot.rs`.
#![no_main]

#[path = "../laws/snapshot.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
