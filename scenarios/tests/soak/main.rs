//! Three processes of the deployed server on loopback, with real files: one after another is ended
//! by SIGKILL while clients work. The clients' histories and the servers' logs go to the same checks
//! as those of every other engine: the witnesses over the whole, the black-box search over each round.
//!
//! `cargo soak` kills fifty times; the tests of every day six times.

#![cfg(not(madsim))]

#[path = "../stack/clients.rs"]
mod clients;
#[path = "../stack/draws.rs"]
#[expect(dead_code, reason = "the stack test draws more")]
mod draws;
#[path = "../stack/judge.rs"]
mod judge;
#[path = "../../../server/tests/serve/process.rs"]
#[expect(
    dead_code,
    clippy::disallowed_types,
    reason = "the server's own tests' processes: real sockets, files and children"
)]
mod process;
mod rounds;

#[test]
fn histories_are_legal_through_six_kills() {
    let report = rounds::run(0, 6);
    println!("{}", report.tell());
    assert!(report.reached_everything(6), "{}", report.tell());
}

/// `ZABRA_KILLS=200 ZABRA_SEED=7`
#[test]
#[ignore = "takes minutes"]
fn histories_are_legal_through_many_kills() {
    let asked = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    let kills = asked("ZABRA_KILLS").unwrap_or(50);
    let report = rounds::run(asked("ZABRA_SEED").unwrap_or(1).into(), kills);
    println!("{}", report.tell());
    assert!(report.reached_everything(kills), "{}", report.tell());
}
