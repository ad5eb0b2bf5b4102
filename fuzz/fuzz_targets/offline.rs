//! libFuzzer's door to the law in `laws/offline.rs`.
#![no_main]

#[path = "../laws/offline.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
