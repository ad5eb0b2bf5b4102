//! A zoo.cfg and a file that it leads to (`myid`, the dynamic file, JAAS), behind a NUL: what is wrong with them is said,
//! never by a panic, and settings come only where no error is said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zabra::config::{Severity, parse};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (own, other) = text.split_once('\0').unwrap_or((text, "1"));
    match parse("zoo.cfg", own, |_| Some(other.to_owned())) {
        Ok((_, problems)) => assert!(problems.iter().all(|problem| problem.severity != Severity::Error)),
        Err(problems) => assert!(problems.iter().any(|problem| problem.severity == Severity::Error)),
    }
});
