//! The sector disk under the real store refines the record disk (contract section 3): every image
//! that a crash leaves, recovered by the store, is one that the record disk allows, and equal when
//! nothing is lost.
//!
//! Three sizes. Scripts of a few actions are taken exhaustively by every `cargo test`, up to six by
//! `cargo test -p zabra-sim --test refinement -- --ignored`. Random scripts of up to 200 actions
//! run `ZABRA_CRASH_IMAGES` crashes (default 2000; 100000 is the full count:
//! `ZABRA_CRASH_IMAGES=100000 cargo test -p zabra-sim --test refinement random`).

#![expect(clippy::disallowed_methods, reason = "the number of images is asked of the environment")]

#[path = "storage/pair.rs"]
mod pair;

use pair::{Act, Dice, Pair};
use zabra_core::log::Recovered;

const EVERYTHING: fn(u64) -> u64 = |bound| bound - 1;
const NOTHING: fn(u64) -> u64 = |_| 0;

#[test]
fn every_crash_image_of_scripts_of_up_to_three_actions_is_allowed() {
    explore(&Pair::new(), 3);
}

#[test]
fn every_crash_image_of_a_lost_disk_is_allowed() {
    explore(&Pair::lost(), 3);
}

#[test]
#[ignore = "takes long; the ones of three actions run always"]
fn every_crash_image_of_scripts_of_up_to_six_actions_is_allowed() {
    explore(&Pair::new(), 6);
    explore(&Pair::lost(), 5);
}

/// Takes every script and, within the calls of its last action, every cut. Cuts in earlier calls
/// are those of a shorter script.
fn explore(pair: &Pair, depth: u32) {
    if depth == 0 {
        return;
    }
    for act in Act::ALL {
        let mut after = pair.clone();
        let Some(from) = after.act(act) else { continue };
        check_cuts(pair, &after, from, act);
        explore(&after, depth - 1);
    }
}

fn check_cuts(before: &Pair, after: &Pair, from: u64, act: Act) {
    let mut allowed = before.allowed();
    allowed.extend(after.allowed());
    for strict in [false, true] {
        for cut in from.max(after.floor())..=after.position() {
            let mut dice = Dice::new(cut);
            let choices: [&mut dyn FnMut(u64) -> u64; 3] =
                [&mut { EVERYTHING }, &mut { NOTHING }, &mut |bound| dice.below(bound)];
            for choose in choices {
                let image = after.crashed(cut, strict, choose);
                assert!(
                    pair::is_one_of(&image, &allowed),
                    "{act:?} cut at {cut} (strict: {strict}): {}",
                    pair::tell(&image, &allowed)
                );
            }
        }
    }
    if act != Act::Sync {
        return;
    }
    let whole = after.crashed(after.position(), false, &mut { EVERYTHING });
    let expected = after.nothing_lost();
    let expected = std::slice::from_ref(&expected);
    assert!(pair::is_one_of(&whole, expected), "{act:?}: nothing was lost: {}", pair::tell(&whole, expected));
    let synced = after.crashed(after.position(), true, &mut { NOTHING });
    assert!(pair::is_one_of(&synced, expected), "everything was synced: {}", pair::tell(&synced, expected));
}

#[test]
fn random_scripts_with_many_crashes_lose_nothing_acknowledged() {
    let images: u64 = std::env::var("ZABRA_CRASH_IMAGES").map_or(2000, |n| n.parse().expect("a number"));
    let mut crashes = 0;
    let mut seed = 0;
    while crashes < images {
        seed += 1;
        crashes += random_script(seed);
    }
}

/// One life after another on one disk; returns how many crashes there were.
fn random_script(seed: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let mut pair = if dice.below(5) == 0 { Pair::lost() } else { Pair::new() };
    let strict = dice.below(2) == 1;
    let mut crashes = 0;
    for _ in 0..200 {
        let before = pair.clone();
        let act = Act::ALL[dice.below(Act::ALL.len() as u64) as usize];
        if pair.act(act).is_none() {
            continue;
        }
        match dice.below(12) {
            0..3 if act == Act::Sync => pair.complete(),
            3 => {
                crashes += 1;
                let floor = before.position().max(pair.floor());
                let mut allowed = before.allowed();
                allowed.extend(pair.allowed());
                let acknowledged = pair.acknowledged();
                let cut = floor + dice.below(pair.position() - floor + 1);
                let image: Recovered = pair.crash(cut, strict, &mut |bound| dice.below(bound), true);
                let told = || pair::tell(&image, &allowed);
                assert!(
                    pair::is_one_of(&image, &allowed),
                    "seed {seed}, {act:?} cut at {cut} (strict: {strict}): {}",
                    told()
                );
                assert!(image.history_end() >= acknowledged, "seed {seed}: an acknowledged record is lost");
            }
            _ => {}
        }
        if pair.groups() > 3 {
            pair.complete();
        }
    }
    crashes
}
