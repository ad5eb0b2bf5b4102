//! libFuzzer's door to the law in `laws/election_port.rs`.
#![no_main]

#[path = "../laws/election_port.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::holds(bytes));
