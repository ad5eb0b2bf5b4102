//! libFuzzer's door to the law in `laws/directory.rs`.
#![no_main]

#[path = "../laws/directory.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
