//! What a person reads: states and moves of a walk, and that all of them can be told.

use super::*;
use crate::scope::{Bound, Budget, Kind};
use zabra_sim::rules::RuleSet;

fn bound(kind: Kind) -> Bound {
    let elections = u8::from(!kind.talks()) * 2;
    let budget = Budget { writes: 1, crashes: 1, breaks: 1, elections, timeouts: 1, ..Budget::NONE };
    Bound { kind, servers: 2, budget }
}

fn shown(kind: Kind) -> Shown {
    Shown::new(&Plain::new(bound(kind), RuleSet::EMPTY))
}

fn actions(model: &Shown, state: &Seen) -> Vec<Told> {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions
}

/// Takes the first move whose sentence begins so.
fn take(model: &Shown, state: &Seen, beginning: &str) -> Seen {
    let told = actions(model, state);
    let sentences: Vec<String> = told.iter().map(|told| format!("{told:?}")).collect();
    let at = sentences.iter().position(|s| s.starts_with(beginning));
    let at = at.unwrap_or_else(|| panic!("no move begins {beginning:?}: {sentences:#?}"));
    model.next_state(state, told[at].clone()).expect("the move applies")
}

#[test]
fn a_state_and_its_moves_are_told_in_words() {
    let model = shown(Kind::Broadcast);
    let mut state = model.init_states().remove(0);
    for beginning in ["servers {1,2} elect", "server 2 receives FOLLOWERINFO", "server 2's disk"] {
        state = take(&model, &state, beginning);
    }
    insta::assert_snapshot!(format!("{state:#?}"), @r#"
    server 1  FOLLOWING 2
      epochs    accepted 0, current 0; election round 1
      history   [] to 0.0; committed 0.0, applied 0.0
      elected   2 (epoch 0, 0.0)
      disk      accepted epoch 0, current epoch 0, history to 0.0
      timers    InitLimit
    server 2  LEADING
      epochs    accepted 1, current 0, leads epoch 1; election round 1
      history   [] to 0.0; committed 0.0, applied 0.0
      elected   2 (epoch 0, 0.0)
      disk      accepted epoch 1, current epoch 0, history to 0.0
      timers    InitLimit, Learner:0

    quorum connections, what is on its way oldest first
      1 dialled 2
        1 → 2  nothing
        2 → 1  LEADERINFO 1

    election connections
      1 and 2  down

    budgets left: write 1, crash 1, break 1, election 1, timeout 1
    "#);
    let sentences: Vec<String> = actions(&model, &state).iter().map(|told| format!("{told:?}")).collect();
    insta::assert_snapshot!(sentences.join("\n"), @r"
    server 1 receives LEADERINFO 1 from 2
    server 1 loses power; all was durable
    server 2 loses power; all was durable
    the connection of 1 and 2 breaks; 0 to 1 and 0 to 2 still arrive
    the connection of 1 and 2 breaks; 1 to 1 and 0 to 2 still arrive
    ");
}

#[test]
fn numbers_stand_for_the_state_that_the_plain_model_has() {
    for kind in Kind::ALL {
        let (model, plain) = (shown(kind), Plain::new(bound(kind), RuleSet::EMPTY));
        let (mut seen, mut state) = (model.init_states().remove(0), plain.init_states().remove(0));
        for turn in 0..60_usize {
            assert_eq!(seen.plain(), state, "after {turn} moves");
            let (told, mut moves) = (actions(&model, &seen), Vec::new());
            plain.actions(&state, &mut moves);
            assert_eq!(told.len(), moves.len());
            assert!(told.iter().all(|told| !format!("{told:?}").is_empty()));
            let next = (0..told.len()).map(|n| (n + turn * 7) % told.len()).find_map(|at| {
                let next = model.next_state(&seen, told[at].clone())?;
                Some((next, plain.next_state(&state, moves[at].clone()).expect("both make the move")))
            });
            let Some(next) = next else { break };
            (seen, state) = next;
        }
    }
}
