//! A dynamic configuration's text; a zoo.cfg and a file that it leads to (`myid`, the dynamic file, JAAS), behind a NUL: what is wrong with them is said,
//! never by a panic, and settings come only where no error is said.
use zabra::config::{Severity, parse};
use zabra_core::config::Ensemble;

pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(ensemble) = Ensemble::parse(bytes) {
        assert!(ensemble.quorum.contains(ensemble.voters()), "all voters are a quorum");
    }
    let (own, other) = text.split_once('\0').unwrap_or((text, "1"));
    match parse("zoo.cfg", own, |_| Some(other.to_owned())) {
        Ok((_, problems)) => assert!(problems.iter().all(|problem| problem.severity != Severity::Error)),
        Err(problems) => assert!(problems.iter().any(|problem| problem.severity == Severity::Error)),
    }
}
