//! Histories made by hand: what no order explains, beside what one does.

use super::*;

fn event(session: i64, kind: Kind) -> Event {
    Event { at: 0, client: session as u32, session, kind }
}

/// Sessions 1 to 3 are open; what follows is given.
fn history(events: impl IntoIterator<Item = Event>) -> History {
    let opened = (1..=3).map(|session| event(session, Kind::Attached { fresh: true }));
    History { events: opened.chain(events).collect(), ..History::default() }
}

fn ask(session: i64, xid: i32, call: Call) -> Event {
    event(session, Kind::Invoke { xid, call })
}

/// The zxid means nothing here.
fn got(session: i64, xid: i32, answer: Answer) -> Event {
    event(session, Kind::Return { xid, zxid: 99, answer })
}

/// Asked and answered at once.
fn done(session: i64, xid: i32, call: Call, answer: Answer) -> [Event; 2] {
    [ask(session, xid, call), got(session, xid, answer)]
}

fn create(path: &str, flags: i32) -> Call {
    Call::Create { path: path.into(), data: Some("0".into()), flags, granted: 1 }
}

fn created(path: &str) -> Answer {
    Answer::Created { path: path.into() }
}

fn set(data: &str, version: i32) -> Call {
    Call::SetData { path: "/r".into(), data: Some(data.into()), version }
}

fn stat(version: i32) -> Answer {
    Answer::Stat(Stat { version, data_length: 1, czxid: 7, mzxid: 8, ctime: 9, ..Stat::default() })
}

fn read() -> Call {
    Call::GetData { path: "/r".into(), watch: false }
}

fn data(data: &str, version: i32) -> Answer {
    let Answer::Stat(stat) = stat(version) else { panic!("a stat") };
    Answer::Data { data: Some(data.into()), stat }
}

fn sync() -> Call {
    Call::Sync { path: "/r".into() }
}

fn synced() -> Answer {
    Answer::Synced { path: "/r".into() }
}

#[test]
fn reads_may_be_late_but_not_behind_their_own_session() {
    let begun = || [done(1, 1, create("/r", 0), created("/r")), done(1, 2, set("1", -1), stat(1))].concat();
    let late = [begun(), done(2, 1, read(), data("0", 0)).into()].concat();
    assert!(explained(&search(&history(late))));
    let own = [begun(), done(1, 3, read(), data("0", 0)).into()].concat();
    assert!(search(&history(own)).is_refusal());
    let backwards = [begun(), done(2, 1, read(), data("1", 1)).into(), done(2, 2, read(), data("0", 0)).into()];
    assert!(search(&history(backwards.concat())).is_refusal());
}

#[test]
fn a_sync_makes_reads_fresh() {
    let begun = || [done(1, 1, create("/r", 0), created("/r")), done(1, 2, set("1", -1), stat(1))].concat();
    let fresh = [begun(), done(2, 1, sync(), synced()).into(), done(2, 2, read(), data("1", 1)).into()].concat();
    assert!(explained(&search(&history(fresh))));
    let stale = [begun(), done(2, 1, sync(), synced()).into(), done(2, 2, read(), data("0", 0)).into()].concat();
    assert!(search(&history(stale)).is_refusal());
}

#[test]
fn a_stale_write_is_refused() {
    // The version that a write must find was over before it was invoked.
    let events = [
        done(1, 1, create("/r", 0), created("/r")),
        done(1, 2, set("1", -1), stat(1)),
        done(2, 1, set("2", 0), stat(1)),
    ];
    assert!(search(&history(events.concat())).is_refusal());
    let right = Answer::Error(-103);
    let events =
        [done(1, 1, create("/r", 0), created("/r")), done(1, 2, set("1", -1), stat(1)), done(2, 1, set("2", 0), right)];
    assert!(explained(&search(&history(events.concat()))));
}

#[test]
fn a_lost_update_is_refused() {
    // Two compare-and-sets of the same version both succeed.
    let begun = || Vec::from(done(1, 1, create("/r", 0), created("/r")));
    let both = vec![ask(1, 2, set("1", 0)), ask(2, 1, set("2", 0)), got(1, 2, stat(1)), got(2, 1, stat(1))];
    assert!(search(&history([begun(), both].concat())).is_refusal());
    let one = vec![ask(1, 2, set("1", 0)), ask(2, 1, set("2", 0)), got(1, 2, Answer::Error(-103)), got(2, 1, stat(1))];
    assert!(explained(&search(&history([begun(), one].concat()))));
    // An acknowledged write is gone.
    let gone = [begun(), done(1, 2, set("1", -1), stat(1)).into(), done(2, 1, set("2", -1), stat(1)).into()];
    assert!(search(&history(gone.concat())).is_refusal());
}

#[test]
fn a_sequential_name_is_given_once_and_in_real_time() {
    let name = |n: u32| created(&format!("/q{n:010}"));
    let twice = vec![ask(1, 1, create("/q", 2)), ask(2, 1, create("/q", 2)), got(1, 1, name(0)), got(2, 1, name(0))];
    assert!(search(&history(twice)).is_refusal());
    let overlapping =
        vec![ask(1, 1, create("/q", 2)), ask(2, 1, create("/q", 2)), got(1, 1, name(1)), got(2, 1, name(0))];
    assert!(explained(&search(&history(overlapping))));
    let apart = [done(1, 1, create("/q", 2), name(1)), done(2, 1, create("/q", 2), name(0))].concat();
    assert!(search(&history(apart)).is_refusal());
}

#[test]
fn a_sessions_order_is_kept() {
    let pipelined = |first: Answer, second: Answer| {
        vec![ask(1, 1, create("/r", 0)), ask(1, 2, set("1", -1)), got(1, 1, first), got(1, 2, second)]
    };
    assert!(explained(&search(&history(pipelined(created("/r"), stat(1))))));
    assert!(search(&history(pipelined(created("/r"), Answer::Error(-101)))).is_refusal());
    let swapped =
        vec![ask(1, 1, create("/r", 0)), ask(1, 2, read()), got(1, 2, data("0", 0)), got(1, 1, created("/r"))];
    assert!(search(&history(swapped)).is_refusal());
}

#[test]
fn a_write_of_unknown_outcome_may_be_applied_once() {
    let unknown = || {
        let mut events = Vec::from(done(1, 1, create("/r", 0), created("/r")));
        events.extend([ask(1, 2, set("1", -1)), event(1, Kind::Disconnected)]);
        events
    };
    for (answer, explains) in [(data("0", 0), true), (data("1", 1), true), (data("1", 2), false)] {
        let events = [unknown(), done(2, 1, read(), answer).into()].concat();
        assert_eq!(explained(&search(&history(events))), explains);
    }
    // What the session does later stands behind it: it can no longer come.
    let attached = event(1, Kind::Attached { fresh: false });
    let never =
        [unknown(), vec![attached], done(1, 3, read(), data("0", 0)).into(), { done(2, 1, sync(), synced()).into() }];
    let late = [never.concat(), done(2, 2, read(), data("1", 1)).into()].concat();
    assert!(search(&history(late)).is_refusal());
}

#[test]
fn an_ephemeral_goes_with_its_session_and_not_without() {
    let exists = || Call::Exists { path: "/e".into(), watch: false };
    let begun = || Vec::from(done(1, 1, create("/e", 1), created("/e")));
    let gone =
        [begun(), done(2, 1, sync(), synced()).into(), done(2, 2, exists(), Answer::Error(-101)).into()].concat();
    assert!(explained(&search(&history(gone.clone()))), "the session may have expired");
    let alive = [gone, done(1, 2, create("/f", 0), created("/f")).into()].concat();
    assert!(search(&history(alive)).is_refusal(), "but then it cannot write");
    let owner = Answer::Stat(Stat { owner: 1, data_length: 1, ..Stat::default() });
    let told = || [begun(), vec![event(1, Kind::Expired)], done(2, 1, sync(), synced()).into()].concat();
    let stays = [told(), done(2, 2, exists(), owner).into()].concat();
    assert!(search(&history(stays)).is_refusal());
}
