//! libFuzzer's door to the law in `laws/service.rs`.
#![no_main]

#[path = "../laws/service.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
