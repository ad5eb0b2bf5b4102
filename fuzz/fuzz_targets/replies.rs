//! libFuzzer's door to the law in `laws/replies.rs`.
#![no_main]

#[path = "../laws/replies.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
