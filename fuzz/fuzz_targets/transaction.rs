//! libFuzzer's door to the law in `laws/transaction.rs`.
#![no_main]

#[path = "../laws/transaction.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
