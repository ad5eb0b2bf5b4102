//! libFuzzer's door to the law in `laws/quorum_port.rs`.
#![no_main]

#[path = "../laws/quorum_port.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
