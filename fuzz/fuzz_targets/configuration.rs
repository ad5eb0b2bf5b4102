//! libFuzzer's door to the law in `laws/configuration.rs`.
#![no_main]

#[path = "../laws/configuration.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
