//! The table of kills: each rule that is off dies where, of what and after how many moves it says, and the
//! search that leaves out moves which commute sees it too.

use zabra_checker::kills::{KILLS, Kill};
use zabra_checker::{End, Explored, Go, Kind, Progress, Search, Start};

fn search(kill: &Kill, reduce: bool) -> Explored {
    kill.arena.search(kill.off, Search { threads: 2, reduce }, |_| Go::On)
}

/// Where elections are one move; `zabra-lab rules --engine check` searches the others too.
fn small() -> impl Iterator<Item = &'static Kill> {
    KILLS.iter().filter(|kill| kill.arena.kind == Kind::Broadcast)
}

#[test]
fn every_kill_is_a_nearest_one_of_the_length_that_the_table_says() {
    for kill in small() {
        let found = search(kill, false).counterexample;
        let found = found.map(|found| (found.violation.oracle, found.moves.len()));
        assert_eq!(found, Some((kill.oracle, kill.moves)), "{:?}", kill.off);
    }
}

#[test]
fn every_kill_is_one_where_moves_that_commute_are_left_out() {
    for kill in small() {
        let found = search(kill, true).counterexample;
        assert_eq!(found.map(|found| found.violation.oracle), Some(kill.oracle), "{:?}", kill.off);
    }
}

/// From a start that a schedule leads to, and with failing writes.
#[test]
fn with_every_rule_on_nothing_dies_there() {
    let mut arenas: Vec<_> = small().map(|kill| kill.arena).filter(|a| a.setting.start != Start::Boot).collect();
    arenas.retain(|arena| arena.budget.writes < 2 || arena.budget.breaks == 0);
    arenas.dedup();
    for arena in arenas {
        let found = arena.search(&[], Search { threads: 2, reduce: true }, |_| Go::On);
        assert!(found.counterexample.is_none(), "{arena:?}: {:?}", found.counterexample);
        assert_eq!((found.end, found.unequal), (End::Exhausted, 0));
    }
}

#[test]
fn a_pair_dies_of_what_the_rule_adds_to_its_partner() {
    for kill in small().filter(|kill| kill.off.len() > 1) {
        let how = Search { threads: 2, reduce: true };
        let depth = kill.arena.search(kill.off, how, |_| Go::On).progress.depth;
        let as_deep = |now: &Progress| if now.depth > depth { Go::Stop } else { Go::On };
        let partner = kill.arena.search(&kill.off[1..], how, as_deep);
        assert!(partner.counterexample.is_none(), "{:?}: {:?}", kill.off, partner.counterexample);
        assert!(partner.end == End::Exhausted || partner.progress.depth > depth, "{:?}", kill.off);
    }
}
