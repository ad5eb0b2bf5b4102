//! libFuzzer's door to the law in `laws/prompt.rs`.
#![no_main]

#[path = "../laws/prompt.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
