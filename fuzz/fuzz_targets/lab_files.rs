//! libFuzzer's door to the law in `laws/lab_files.rs`.
#![no_main]

#[path = "../laws/lab_files.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
