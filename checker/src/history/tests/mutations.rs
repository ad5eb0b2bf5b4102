//! Legal histories with one field changed: the witness and the search judge alike.
//!
//! A search without zxids can find another order that explains a changed answer, so most changes are
//! to what no order gives; for any change at all, what the search refuses the witness refuses too.

#![expect(clippy::wildcard_enum_match_arm, reason = "a mutation picks the few kinds that it changes")]

use super::*;

/// Changes one field; `false` if this history has no such field.
type Mutation = fn(&mut History, &mut Dice) -> bool;

/// What no order explains.
const IMPOSSIBLE: [(&str, Mutation); 7] = [
    ("a version that no node had", far_version),
    ("a name that was not asked for", other_name),
    ("data that nobody wrote", other_data),
    ("a child that nobody created", other_child),
    ("an error that no operation has", other_error),
    ("a reply to a request that was not sent", other_xid),
    ("a reply before its request", early_reply),
];

/// What another order may explain.
const DOUBTFUL: [(&str, Mutation); 3] =
    [("another version", near_version), ("an event lost", lost), ("another order", swapped)];

fn one(history: &History, dice: &mut Dice, wanted: impl Fn(&Kind) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..history.events.len()).filter(|at| wanted(&history.events[*at].kind)).collect();
    if all.is_empty() { None } else { Some(*dice.pick(&all)) }
}

fn answer<'a>(history: &'a mut History, dice: &mut Dice, wanted: fn(&Answer) -> bool) -> Option<&'a mut Answer> {
    let config = |at: usize, xid: i32| {
        let asked = history.events[..at].iter().rev().find_map(|event| match &event.kind {
            Kind::Invoke { xid: asked, call } if *asked == xid && event.session == history.events[at].session => {
                call.path()
            }
            _ => None,
        });
        asked.is_some_and(|path| path.bytes() == b"/zookeeper/config")
    };
    let at: Vec<usize> = (0..history.events.len())
        .filter(|at| match &history.events[*at].kind {
            // What is each server's own is not judged.
            Kind::Return { answer, xid, .. } => wanted(answer) && !config(*at, *xid),
            _ => false,
        })
        .collect();
    let at = *at.get(dice.below(at.len()))?;
    match &mut history.events[at].kind {
        Kind::Return { answer, .. } => Some(answer),
        _ => None,
    }
}

fn version(history: &mut History, dice: &mut Dice, by: i32) -> bool {
    let has = |answer: &Answer| matches!(answer, Answer::Stat(_) | Answer::Data { .. } | Answer::Children2 { .. });
    let Some(Answer::Stat(stat) | Answer::Data { stat, .. } | Answer::Children2 { stat, .. }) =
        answer(history, dice, has)
    else {
        return false;
    };
    stat.version += by;
    true
}

fn far_version(history: &mut History, dice: &mut Dice) -> bool {
    version(history, dice, 1000)
}

fn near_version(history: &mut History, dice: &mut Dice) -> bool {
    version(history, dice, 1)
}

fn other_name(history: &mut History, dice: &mut Dice) -> bool {
    let Some(Answer::Created { path }) = answer(history, dice, |a| matches!(a, Answer::Created { .. })) else {
        return false;
    };
    *path = Text::new(&[path.bytes(), b"~"].concat());
    true
}

fn other_data(history: &mut History, dice: &mut Dice) -> bool {
    let Some(Answer::Data { data, .. }) = answer(history, dice, |a| matches!(a, Answer::Data { .. })) else {
        return false;
    };
    *data = Some("nobody's".into());
    true
}

fn other_child(history: &mut History, dice: &mut Dice) -> bool {
    let has = |a: &Answer| matches!(a, Answer::Children(_) | Answer::Children2 { .. });
    let Some(Answer::Children(children) | Answer::Children2 { children, .. }) = answer(history, dice, has) else {
        return false;
    };
    children.push("~".into());
    true
}

fn other_error(history: &mut History, dice: &mut Dice) -> bool {
    let Some(Answer::Error(code)) = answer(history, dice, |a| matches!(a, Answer::Error(_))) else {
        return false;
    };
    *code = -777;
    true
}

fn other_xid(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one(history, dice, |kind| matches!(kind, Kind::Return { .. })) else { return false };
    if let Kind::Return { xid, .. } = &mut history.events[at].kind {
        *xid += 1000;
    }
    true
}

fn early_reply(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one(history, dice, |kind| matches!(kind, Kind::Return { .. })) else { return false };
    let reply = history.events.remove(at);
    history.events.insert(0, reply);
    true
}

/// A request and its reply, or one of them, are not there.
fn lost(history: &mut History, dice: &mut Dice) -> bool {
    let Some(at) = one(history, dice, |kind| matches!(kind, Kind::Return { .. } | Kind::Invoke { .. })) else {
        return false;
    };
    history.events.remove(at);
    true
}

/// Two neighbours change places.
fn swapped(history: &mut History, dice: &mut Dice) -> bool {
    let at = dice.below(history.events.len().saturating_sub(1));
    let swaps = history.events.len() > 1 && history.events[at] != history.events[at + 1];
    if swaps {
        history.events.swap(at, at + 1);
    }
    swaps
}

fn mutated(mutation: Mutation, roll: u64) -> Option<History> {
    let mut history = legal(roll % 20, 220);
    mutation(&mut history, &mut Dice(roll)).then_some(history)
}

#[test]
fn what_no_order_explains_both_refuse() {
    for (name, mutation) in IMPOSSIBLE {
        let (mut judged, mut undecided) = (0, 0);
        for history in (0..50).filter_map(|roll| mutated(mutation, roll)) {
            assert_ne!(witness::check(&history), [], "{name}: the witness");
            match opinion(&history) {
                Opinion::Refused(_) => judged += 1,
                Opinion::Undecided(_) => undecided += 1,
                Opinion::Explained { .. } => panic!("{name}: the search finds an order"),
            }
        }
        assert!(judged >= 15 && undecided <= 15, "{name}: {judged} refused by both, {undecided} undecided");
    }
}

#[test]
fn what_the_search_refuses_the_witness_refuses() {
    for (name, mutation) in DOUBTFUL {
        let (mut both, mut explained_otherwise) = (0, 0);
        for history in (0..60).filter_map(|roll| mutated(mutation, roll)) {
            let witnessed = witness::check(&history);
            match opinion(&history) {
                Opinion::Refused(why) => {
                    assert_ne!(witnessed, [], "{name}: {why}");
                    both += 1;
                }
                Opinion::Explained { .. } => explained_otherwise += usize::from(!witnessed.is_empty()),
                Opinion::Undecided(_) => {}
            }
        }
        assert!(
            both + explained_otherwise > 10,
            "{name}: {both} refused by both, {explained_otherwise} by the witness"
        );
    }
}
