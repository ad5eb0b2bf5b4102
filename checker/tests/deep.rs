//! Faults together: a write, a crash and a broken connection in one run, in every order. Too long for
//! every test run; `cargo test --profile lab -p zabra-checker --test deep -- --ignored` takes them.

use zabra_checker::{Bound, Budget, End, Go, Kind, Plain, Search, search_with};
use zabra_sim::rules::RuleSet;

/// How large a bound is: states, transitions, elections cut off.
struct Size(usize, u64, u64);

/// Exhausts a bound: no oracle objects, and it is as large as it was.
fn exhausts(budget: Budget, reduce: bool, size: Size) {
    let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
    let mut said = 0;
    let found = search_with(&model, Search { threads: 2, reduce }, |now| {
        if now.states / 1_000_000 > said {
            said = now.states / 1_000_000;
            eprintln!("{now:?}");
        }
        Go::On
    });
    let counterexample = found.counterexample.map(|c| (c.violation, c.moves));
    assert!(counterexample.is_none(), "{counterexample:#?}");
    assert_eq!(found.end, End::Exhausted);
    assert_eq!((found.progress.states, found.progress.transitions, found.cut), (size.0, size.1, size.2));
    assert_eq!(found.unequal, 0, "equal inputs give equal outputs");
}

#[test]
#[ignore = "takes minutes"]
fn a_write_a_crash_and_a_broken_connection_lose_nothing_in_two_elections() {
    exhausts(
        Budget { writes: 1, crashes: 1, breaks: 1, elections: 2, ..Budget::NONE },
        false,
        Size(5_979_179, 17_883_057, 2_777_084),
    );
}

#[test]
#[ignore = "takes a quarter of an hour and 3 GB"]
fn a_write_a_crash_and_a_broken_connection_lose_nothing_in_three_elections() {
    exhausts(
        Budget { writes: 1, crashes: 1, breaks: 1, elections: 3, ..Budget::NONE },
        false,
        Size(49_106_492, 131_747_503, 11_566_958),
    );
}

#[test]
#[ignore = "takes a minute"]
fn a_write_a_crash_and_a_broken_connection_lose_nothing_in_the_orders_that_differ() {
    exhausts(
        Budget { writes: 1, crashes: 1, breaks: 1, elections: 2, ..Budget::NONE },
        true,
        Size(951_768, 2_482_632, 521_754),
    );
}
