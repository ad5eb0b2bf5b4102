//! libFuzzer's door to the law in `laws/epoch_file.rs`.
#![no_main]

#[path = "../laws/epoch_file.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
