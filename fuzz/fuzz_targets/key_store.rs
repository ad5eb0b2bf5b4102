//! libFuzzer's door to the law in `laws/key_store.rs`.
#![no_main]

#[path = "../laws/key_store.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
