//! Every bug of the library that a rule brings back is found, by the oracle and after the moves that the
//! table says.

use zabra_lab::bugs::BUGS;
use zabra_lab::kills::attempt;

/// Generous: how long it takes is measured by `zabra-lab bugs`.
const MILLIS: u64 = 120_000;

#[test]
fn each_bug_is_found_as_listed() {
    for bug in BUGS.iter().filter(|bug| bug.found.is_some()) {
        let tried = attempt(bug.off, bug.bound, 1, MILLIS);
        let got = tried.kill.as_ref().map(|kill| (kill.oracle, kill.moves.len()));
        assert_eq!(got, bug.found, "{}: {}", bug.id, bug.title);
    }
}
