//! A stable state can be reached from every reachable one, on whole stored graphs.

use stateright::Model;
use zabra_checker::{Bound, Budget, Kind, Liveness, Meddling, Move, Plain, Setting, Start, State, liveness};
use zabra_core::contract::Timer;
use zabra_core::id::ServerId;
use zabra_core::rule::Rule;
use zabra_core::zab::ServerState;
use zabra_sim::rules::RuleSet;
use zabra_sim::step::Step;

const NONE: Budget = Budget::NONE;

fn graph(kind: Kind, servers: u8, budget: Budget, without: &[Rule]) -> Liveness {
    let model = Plain::new(Bound { kind, servers, budget }, without.iter().copied().collect::<RuleSet>());
    let found = liveness(&model);
    println!("{kind:?} {servers} {budget:?}: {found:?}");
    found
}

/// From every state a stable one can be reached, and a fair schedule comes to one.
fn lives(kind: Kind, servers: u8, budget: Budget, states: usize) {
    let found = graph(kind, servers, budget, &[]);
    assert!(found.stable > 0 && found.traps == 0 && found.unsettled == 0, "{found:?}");
    assert_eq!((found.states, found.trap), (states, None));
}

#[test]
fn nothing_is_a_trap_after_a_write() {
    lives(Kind::Broadcast, 3, Budget { writes: 1, elections: 3, ..NONE }, 7853);
}

#[test]
fn nothing_is_a_trap_after_a_break() {
    lives(Kind::Broadcast, 3, Budget { breaks: 1, elections: 3, ..NONE }, 61_613);
}

#[test]
fn nothing_is_a_trap_after_a_crash() {
    lives(Kind::Broadcast, 3, Budget { crashes: 1, elections: 3, ..NONE }, 153_193);
}

/// The first of the moves, no faults, that comes to anything.
fn next(model: &Plain, state: &State) -> Option<(Move, State)> {
    let mut moves = Vec::new();
    model.actions(state, &mut moves);
    moves.into_iter().find_map(|made| Some((made.clone(), model.next_state(state, made)?)))
}

/// Two lead, each without a follower, and the third looks: no two of them tell it the same, so nothing comes of its
/// election. It is the end of their patience that frees all three.
#[test]
fn one_who_looks_in_vain_does_not_keep_two_leaders_waiting() {
    let budget = Budget { crashes: 1, breaks: 1, elections: 7, ..NONE };
    let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
    let mut state = model.start();
    for wanted in ["elect {1,2}", "crash 1 ", "restart 1", "elect {1,3}", "break 1 3 keep 0 0"] {
        let mut moves = Vec::new();
        model.actions(&state, &mut moves);
        let made = moves.into_iter().find(|made| format!("{made:?}").starts_with(wanted)).expect("it is a move");
        state = model.next_state(&state, made).expect("it applies");
    }
    let roles = |state: &State| -> Vec<Option<ServerState>> {
        state.world.machines.iter().map(|machine| Some(machine.view()?.state())).collect()
    };
    let mut way = Vec::new();
    while let Some((made, after)) = next(&model, &state) {
        if matches!(made, Move::Step(Step::Fire { timer: Timer::InitLimit, .. })) && way.is_empty() {
            let [looks, leads] = [ServerState::Looking, ServerState::Leading].map(Some);
            assert_eq!(roles(&state), [looks, leads, leads], "{made:?}");
            way.push(made);
        }
        state = after;
    }
    assert_eq!(way.len(), 1, "their patience ended");
    let views: Vec<_> = state.world.machines.iter().filter_map(|machine| machine.view()).collect();
    assert_eq!(views.iter().filter(|view| view.serving() && view.leader() == views[0].leader()).count(), 3);
}

/// 3 leads, and both others have accepted its epoch before they came again, so that neither vouches for it any more: until 3
/// gives up nothing comes of it. Whose wait may end is chosen by the schedule. If that is always the lowest server it
/// waits anew for ever, and the leader's limit, which has run since it was elected, never ends; in turn they all do.
#[test]
fn a_wait_that_begins_anew_does_not_keep_an_older_one_from_ending() {
    let budget = Budget { crashes: 1, breaks: 1, elections: Budget::up_to_epoch(2), ..NONE };
    let model = Plain::new(Bound { kind: Kind::Broadcast, servers: 3, budget }, RuleSet::EMPTY);
    let crash = "crash 2 keeping 0 of the log, 1 accepted, 0 current";
    let epoch = ["elect {1,2,3}", "deliver 2>3", "deliver 1>3", "durable 3", "deliver 3>2"];
    let faults = [crash, "break 1 3 keep 1 0", "deliver 1>3", "deliver 2>3", "deliver 3>1", "durable 1", "restart 2"];
    let again = ["elect {2}", "deliver 2>3", "deliver 3>1", "deliver 3>2", "elect {1}", "deliver 1>3", "deliver 2>3"];
    let start = epoch.into_iter().chain(faults).chain(again).fold(model.start(), |state, wanted| {
        let mut moves = Vec::new();
        model.actions(&state, &mut moves);
        let made = moves.into_iter().find(|made| format!("{made:?}") == wanted).expect(wanted);
        model.next_state(&state, made).expect("it applies")
    });
    let limit = |made: &Move| matches!(made, Move::Step(Step::Fire { timer: Timer::InitLimit, .. }));
    // The lowest server's wait always ends first.
    let (mut state, mut ended) = (start.clone(), Vec::new());
    while ended.len() < 10 {
        let (made, after) = next(&model, &state).expect("it goes round");
        ended.extend(limit(&made).then(|| format!("{made:?}")));
        state = after;
    }
    assert!(ended.iter().all(|made| made == "fire 1 InitLimit"), "{ended:?}");
    // In turn.
    let (mut state, mut last, mut ended) = (start, 0, 0);
    while let Some((made, after)) = next(&model, &state) {
        state = if limit(&made) {
            let mut moves = Vec::new();
            model.actions(&state, &mut moves);
            moves.retain(limit);
            let of = |made: &Move| {
                let Move::Step(Step::Fire { server, .. }) = made else { unreachable!("{made:?} is no timer") };
                server.0
            };
            let turn = moves.iter().position(|made| of(made) > last).unwrap_or(0);
            (last, ended) = (of(&moves[turn]), ended + 1);
            assert!(ended <= 3, "{ended} waits ended");
            model.next_state(&state, moves.swap_remove(turn)).expect("it applies")
        } else {
            after
        };
    }
    let views: Vec<_> = state.world.machines.iter().filter_map(|machine| machine.view()).collect();
    assert_eq!(views.iter().filter(|view| view.serving() && view.leader() == views[0].leader()).count(), 3);
}

/// A leader that stays though its last follower is gone has no limit that ends: the others go on without it, and nobody
/// asks it for anything. That is a trap of waiting, not of an oracle's.
#[test]
fn a_leader_that_stays_without_a_quorum_is_caught() {
    let setting = Setting { start: Start::Pair, heeded: &["quorum"], ..Setting::PLAIN };
    let bound = Bound { kind: Kind::Broadcast, servers: 3, budget: Budget { breaks: 1, elections: 3, ..NONE } };
    let model = |without: &[Rule]| Plain::new(bound, without.iter().copied().collect::<RuleSet>()).set(setting);
    let found = liveness(&model(&[]));
    assert!(found.stable > 0 && found.traps == 0 && found.unsettled == 0, "{found:?}");
    let planted = model(&[Rule::StepDown]);
    let found = liveness(&planted);
    assert!(found.traps > 0 && found.unsettled > 0, "{found:?}");
    let way = found.trap.expect("there is a way to a trap");
    let start = planted.start();
    let mut state = way.into_iter().fold(start, |state, made| planted.next_state(&state, made).expect("it applies"));
    while let Some((_, after)) = next(&planted, &state) {
        state = after;
    }
    assert!(state.objection().is_none());
    let leads = |server| state.world.machine(ServerId(server)).view().is_some_and(|v| v.leader() == Some(v.me()));
    assert_eq!([1, 2, 3].map(leads), [false, true, true], "3 leads nobody, and waits for nothing");
}

#[test]
fn nothing_is_a_trap_while_two_servers_elect_with_every_fault() {
    let budget = Budget { crashes: 1, breaks: 1, timeouts: 1, drops: 1, duplicates: 1, reorders: 1, ..NONE };
    lives(Kind::Election, 2, budget, 58_246);
}

#[test]
fn nothing_is_a_trap_while_three_servers_boot_and_a_vote_is_lost() {
    lives(Kind::Election, 3, NONE, 39_828);
    lives(Kind::Election, 3, Budget { drops: 1, ..NONE }, 134_351);
}

#[test]
fn nothing_is_a_trap_while_two_servers_elect_and_broadcast() {
    lives(Kind::Full, 2, Budget { writes: 1, timeouts: 1, ..NONE }, 5764);
    lives(Kind::Full, 2, Budget { writes: 1, breaks: 1, timeouts: 1, ..NONE }, 160_919);
}

/// What a broken connection loses is said again on the next, and one lost vote is made up for by answers.
/// Two are not.
#[test]
fn a_core_that_does_not_say_its_vote_again_is_caught() {
    let budget = Budget { drops: 2, ..NONE };
    let found = graph(Kind::Election, 2, budget, &[]);
    assert_eq!((found.traps, found.unsettled), (0, 0), "{found:?}");
    let found = graph(Kind::Election, 2, budget, &[Rule::VoteRepeated]);
    assert!(found.traps > 0 && found.unsettled > 0, "{found:?}");
    let way = found.trap.expect("there is a way to a trap");
    let lost = way.iter().filter(|m| matches!(m, Move::Meddle { how: Meddling::Drop, .. })).count();
    assert_eq!((way.len(), lost), (5, 2), "{way:?}");
}

#[test]
fn a_broken_connection_alone_does_not_need_votes_said_again() {
    let found = graph(Kind::Election, 2, Budget { crashes: 1, breaks: 1, ..NONE }, &[Rule::VoteRepeated]);
    assert_eq!((found.traps, found.unsettled), (0, 0), "{found:?}");
}
