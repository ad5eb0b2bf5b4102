//! Both holders of the parts, side by side: the world that applies whole steps, and the numbers that
//! parts are here. After every move of every schedule every part must be equal.

use super::ample;
use super::explore::intern;
use super::faults::{self, Choice};
use super::parts::{Learner, Parts};
use super::walk::{Act, Came, Now, Shape, WORDS_MAX};
use crate::plain::Plain;
use crate::scope::{Bound, Budget, Kind};
use crate::service::{Script, Scripts};
use stateright::Model;
use zabra_core::rule::Rule;
use zabra_sim::rules::RuleSet;

/// Numbers without a source of chance, the same in every run.
struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

/// Walks a random schedule in both; the number of moves made.
fn walk(model: &Plain, parts: &mut Parts, lots: &mut Lots) -> usize {
    let mut plain = model.init_states().pop().expect("a model has an initial state");
    let mut now = intern(Shape::of(&model.bound), &plain, parts);
    let mut made = 0;
    for _ in 0..MOVES_MAX {
        let (mut actions, mut acts) = (Vec::new(), Vec::new());
        model.actions(&plain, &mut actions);
        now.acts(&mut Learner(parts), &mut acts);
        assert_eq!(actions.len(), acts.len(), "{actions:?} are not {acts:?}");
        if acts.is_empty() {
            break;
        }
        let at = lots.below(acts.len());
        let mut next: Now = now;
        let came = next.make(acts[at], &mut Learner(parts));
        match model.next_state(&plain, actions[at].clone()) {
            Some(state) => {
                assert_eq!(came, Came::State, "{:?}", actions[at]);
                let (mut words, mut other) = ([0; WORDS_MAX], [0; WORDS_MAX]);
                let whole = intern(Shape::of(&model.bound), &state, parts);
                assert_eq!(whole.pack(&mut words), next.pack(&mut other), "after {:?}", actions[at]);
                (plain, now) = (state, next);
                made += 1;
            }
            None => assert_ne!(came, Came::State, "{:?}", actions[at]),
        }
    }
    made
}

const MOVES_MAX: usize = 120;

fn schedules(kind: Kind, count: usize, servers: u8, without: &[Rule]) {
    schedules_of(kind, 6, count, servers, without);
}

fn schedules_of(kind: Kind, elections: u8, count: usize, servers: u8, without: &[Rule]) {
    let budget = Budget {
        writes: 2,
        crashes: 2,
        breaks: 2,
        elections,
        timeouts: 4,
        drops: 1,
        duplicates: 1,
        reorders: 2,
        failures: 1,
    };
    let model = Plain::new(Bound { kind, servers, budget }, without.iter().copied().collect::<RuleSet>());
    let (mut parts, mut lots) = (Parts::new(), Lots(u64::from(servers)));
    let made: usize = (0..count).map(|_| walk(&model, &mut parts, &mut lots)).sum();
    assert!(made > count * 20, "{count} schedules have {made} moves");
    assert_eq!(parts.unequal_reactions(), 0, "equal inputs give equal outputs");
}

/// Contract section 6: ten thousand schedules through both.
#[test]
fn both_holders_agree_on_every_part_after_every_move() {
    schedules(Kind::Broadcast, 10_000, 3, &[]);
    schedules(Kind::Broadcast, 20, 4, &[]);
    schedules_of(Kind::Broadcast, Budget::up_to_epoch(2), 200, 3, &[]);
}

#[test]
fn both_holders_agree_where_clients_are() {
    for script in Script::ALL {
        for pipelined in [false, true] {
            let kind = Kind::Service(Scripts { script, operations: 3, pipelined });
            schedules(kind, 20, 1, &[]);
            schedules(kind, 50, 3, &[]);
        }
    }
}

#[test]
fn both_holders_agree_where_election_messages_travel() {
    schedules(Kind::Election, 200, 3, &[]);
    schedules(Kind::Election, 20, 5, &[]);
    schedules(Kind::Full, 200, 3, &[]);
}

#[test]
fn both_holders_agree_where_servers_stop_and_oracles_object() {
    schedules(Kind::Broadcast, 40, 3, &[Rule::KeepProposalsInSync, Rule::CommitQuorum]);
}

/// A move of `before` as it is called in `after`, where connections may have gone.
fn called(act: Act, before: &Now, after: &Now) -> Option<Act> {
    let Act::Deliver { at, to } = act else { return Some(act) };
    let slot = before.cables()[usize::from(at)].0;
    let at = after.cables().iter().position(|(other, _)| *other == slot)?;
    Some(Act::Deliver { at: at as u8, to })
}

fn made(now: &Now, act: Act, learner: &mut Learner<'_>) -> (Now, Came) {
    let mut next = *now;
    let came = next.make(act, learner);
    (next, came)
}

/// Wherever some moves are enough, each of them commutes with each of the others, ghosts included:
/// the number of pairs looked at.
fn diamonds(now: &Now, learner: &mut Learner<'_>) -> usize {
    let mut acts = Vec::new();
    now.acts(learner, &mut acts);
    let Some(server) = ample::choose(now, &acts, learner) else { return 0 };
    let (enough, others): (Vec<Act>, Vec<Act>) =
        acts.iter().partition(|act| ample::server_of(now, **act, learner) == Some(server));
    let mut pairs = 0;
    for one in &enough {
        let (first, came) = made(now, *one, learner);
        assert_eq!(came, Came::State);
        for other in &others {
            let (second, came) = made(now, *other, learner);
            let again = called(*other, now, &first).expect("what is enough keeps the others possible");
            let (whole, same) = made(&first, again, learner);
            assert_eq!(came, same, "{one:?} changes what comes of {other:?}");
            if came == Came::State {
                let again = called(*one, now, &second).expect("the others keep possible what is enough");
                let (turned, came) = made(&second, again, learner);
                assert_eq!(came, Came::State);
                let (mut words, mut other_words) = ([0; WORDS_MAX], [0; WORDS_MAX]);
                assert_eq!(whole.pack(&mut words), turned.pack(&mut other_words), "{one:?}, {other:?}");
                pairs += 1;
            }
        }
    }
    pairs
}

/// Random schedules that look for the states in which faults are used up.
#[test]
fn moves_that_are_enough_commute_with_all_others() {
    let budgets = [(2, 0, 0, 3), (1, 1, 0, 2), (1, 0, 1, 2), (2, 1, 1, 3), (1, 1, 1, 2)];
    let mut pairs = 0;
    for (writes, crashes, breaks, elections) in budgets {
        let budget = Budget { writes, crashes, breaks, elections, ..Budget::NONE };
        let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
        let (mut parts, mut lots) = (Parts::new(), Lots(u64::from(writes)));
        let start = model.init_states().pop().expect("a model has an initial state");
        for _ in 0..300 {
            let mut now = intern(Shape::of(&model.bound), &start, &mut parts);
            let learner = &mut Learner(&mut parts);
            for _ in 0..MOVES_MAX {
                pairs += diamonds(&now, learner);
                let mut acts = Vec::new();
                now.acts(learner, &mut acts);
                if acts.is_empty() {
                    break;
                }
                let (next, came) = made(&now, acts[lots.below(acts.len())], learner);
                if came == Came::State {
                    now = next;
                }
            }
        }
    }
    assert!(pairs > 10_000, "only {pairs} pairs of moves were looked at");
}

/// Whatever fault is left out after a move was there before it, and comes to the same: how many were.
fn put_off(before: &Now, act: Act, after: &Now, learner: &mut Learner<'_>) -> usize {
    let faults = |now: &Now, moved: u8, learner: &mut Learner<'_>| {
        let (mut acts, mut choices) = (Vec::new(), Vec::new());
        now.acts(learner, &mut acts);
        faults::choices(now, &acts, moved, learner, &mut choices);
        choices.retain(|choice| matches!(choice.act, Act::Crash { .. } | Act::Break { .. }));
        choices
    };
    let moved = faults::moved(before, act, after, learner);
    let explored = faults(after, moved, learner);
    let all = faults(after, faults::ALL, learner);
    let pack = |now: &Now| now.pack(&mut [0; WORDS_MAX]).to_vec();
    let made = |now: &Now, choice: Choice, learner: &mut Learner<'_>| {
        let mut next = *now;
        assert_eq!(next.choose(choice, learner), Came::State);
        next
    };
    let mut first = Vec::new();
    let mut left_out = 0;
    for choice in all.iter().filter(|choice| !explored.contains(choice)) {
        if first.is_empty() {
            for fault in faults(before, faults::ALL, learner) {
                let failed = made(before, fault, learner);
                let Some(same) = called(act, before, &failed) else { continue };
                let mut next = failed;
                let mut acts = Vec::new();
                failed.acts(learner, &mut acts);
                if acts.contains(&same) && next.make(same, learner) == Came::State {
                    first.push(pack(&next));
                }
            }
        }
        let after = pack(&made(after, *choice, learner));
        assert!(first.contains(&after), "{choice:?} after {act:?} was not the same before");
        left_out += 1;
    }
    left_out
}

#[test]
fn faults_that_are_left_out_were_explored_before() {
    let budgets = [(2, 1, 0, 3), (1, 1, 1, 2), (1, 0, 2, 3), (2, 2, 2, 4)];
    let mut left_out = 0;
    for (writes, crashes, breaks, elections) in budgets {
        let budget = Budget { writes, crashes, breaks, elections, ..Budget::NONE };
        let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
        let (mut parts, mut lots) = (Parts::new(), Lots(u64::from(writes)));
        let start = model.init_states().pop().expect("a model has an initial state");
        for _ in 0..100 {
            let mut now = intern(Shape::of(&model.bound), &start, &mut parts);
            let learner = &mut Learner(&mut parts);
            for _ in 0..MOVES_MAX {
                let mut acts = Vec::new();
                now.acts(learner, &mut acts);
                // Faults are rare, so that there is something to put off.
                let calm = |act: &Act| !matches!(act, Act::Crash { .. } | Act::Break { .. });
                if lots.below(30) > 0 && acts.iter().any(calm) {
                    acts.retain(calm);
                }
                if acts.is_empty() {
                    break;
                }
                let act = acts[lots.below(acts.len())];
                let (next, came) = made(&now, act, learner);
                if came == Came::State {
                    left_out += put_off(&now, act, &next, learner);
                    now = next;
                }
            }
        }
    }
    assert!(left_out > 10_000, "only {left_out} faults were left out");
}
