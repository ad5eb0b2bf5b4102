//! libFuzzer's door to the law in `laws/log_file.rs`.
#![no_main]

#[path = "../laws/log_file.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
