use super::*;
use proptest::prelude::*;
use zabra_sim::history::{Answer, Call};

fn event(client: u32, xid: i32, invokes: bool) -> Event {
    let kind = match invokes {
        true => Kind::Invoke { xid, call: Call::Close },
        false => Kind::Return { xid, zxid: 0, answer: Answer::Closed },
    };
    Event { at: 0, client, session: i64::from(client), kind }
}

fn sorted(events: &[Event]) -> Vec<Event> {
    let mut sorted = Vec::new();
    for event in events {
        sorted.push(event.clone());
        sort_in(&mut sorted);
    }
    sorted
}

proptest! {
    /// Neighbours that commute may change places as often as they like: the notes are the same.
    #[test]
    fn ways_that_nobody_can_tell_apart_leave_the_same_notes(
        events in proptest::collection::vec((0u32..3, any::<bool>()), 0..9),
        swaps in proptest::collection::vec(0usize..8, 0..30),
    ) {
        let events: Vec<Event> = events.iter().enumerate().map(|(at, (c, i))| event(*c, at as i32, *i)).collect();
        let mut other = events.clone();
        for at in swaps {
            if at + 1 < other.len() && commute(&other[at], &other[at + 1]) {
                other.swap(at, at + 1);
            }
        }
        prop_assert_eq!(sorted(&events), sorted(&other));
    }

    /// What one client did stays in order, and so do an invocation and what was shown before or after.
    #[test]
    fn notes_keep_every_order_that_matters(events in proptest::collection::vec((0u32..3, any::<bool>()), 0..9)) {
        let events: Vec<Event> = events.iter().enumerate().map(|(at, (c, i))| event(*c, at as i32, *i)).collect();
        let after = sorted(&events);
        let place = |event: &Event| after.iter().position(|other| other == event).expect("none is lost");
        for (at, a) in events.iter().enumerate() {
            for b in &events[at + 1..] {
                prop_assert!(commute(a, b) || place(a) < place(b));
            }
        }
    }
}
