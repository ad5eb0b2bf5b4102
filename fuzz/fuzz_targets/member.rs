//! libFuzzer's door to the law in `laws/member.rs`.
#![no_main]

#[path = "../laws/member.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
