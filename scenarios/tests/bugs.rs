//! Every bug of the library is found where only what clients can be told counts, by the oracle and after
//! the moves that its entry says. What the other oracles find sooner is pinned by the explorer's own tests.

use zabra_lab::bugs::{BUGS, shortest};
use zabra_lab::kills::attempt;

/// Generous: how long it takes is measured by `zabra-lab bugs`.
const MILLIS: u64 = 120_000;

#[test]
fn each_bug_has_a_kill_and_is_visible_as_listed() {
    for bug in BUGS {
        assert_eq!(bug.kill().off, bug.off);
        let Some((arena, oracle, moves)) = bug.visible else { continue };
        let tried = attempt(bug.off, arena, shortest(1), MILLIS);
        let got = tried.death.as_ref().map(|death| (death.oracle, death.moves.len()));
        assert_eq!(got, Some((oracle, moves)), "{}: {}", bug.id, bug.title);
    }
}
