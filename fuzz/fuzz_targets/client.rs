//! libFuzzer's door to the law in `laws/client.rs`.
#![no_main]

#[path = "../laws/client.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
