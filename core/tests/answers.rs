//! Servers that look for a leader answer each other, and no two of them for ever: between two ends of a
//! notification timeout the number of messages is small, whatever the two think of one another.

use std::collections::VecDeque;
use std::sync::Arc;
use zabra_core::config::{Config, Ensemble};
use zabra_core::contract::{Action, Actions, Input, Timer};
use zabra_core::id::{Epoch, ServerId, SessionId, Stamp, Zxid};
use zabra_core::log::{Record, Recovered, Standing};
use zabra_core::replica::Replica;
use zabra_core::rule::AllRules;
use zabra_core::wire::txn::{SetDataTxn, TxnHeader};
use zabra_core::wire::{Jute, Op};
use zabra_core::zab::Notification;

/// What is on its way, oldest first.
type Notes = VecDeque<(ServerId, ServerId, Arc<Notification>)>;

fn ensemble(voters: &[u8]) -> Arc<Ensemble> {
    let text: String = voters.iter().map(|id| format!("server.{id}=h{id}:2888:3888;2181\n")).collect();
    Arc::new(Ensemble::parse((text + "version=0").as_bytes()).expect("a configuration"))
}

fn server(id: u8, voters: &[u8], standing: Standing, out: &mut Actions) -> (ServerId, Replica) {
    with_disk(id, voters, Recovered { standing, ..Recovered::empty() }, out)
}

fn with_disk(id: u8, voters: &[u8], recovered: Recovered, out: &mut Actions) -> (ServerId, Replica) {
    let mut config = Config::new(ServerId(id), ensemble(voters));
    config.reconfig.enabled = true;
    (ServerId(id), Replica::restore(Arc::new(config), recovered, SessionId(1), Stamp(1), out))
}

fn step(server: &mut (ServerId, Replica), input: Input<'_>, notes: &mut Notes) {
    let mut out = Actions::new();
    server.1.step(AllRules, Stamp(1), input, &mut out);
    for action in out.drain() {
        if let Action::Notify { to, notification } = action {
            notes.push_back((server.0, to, notification));
        }
    }
}

/// How many messages arrive until none is left, after each server's timeout has ended once.
fn messages(mut servers: Vec<(ServerId, Replica)>) -> usize {
    exchange(&mut servers)
}

fn exchange(servers: &mut [(ServerId, Replica)]) -> usize {
    let mut notes = Notes::new();
    for server in servers.iter_mut() {
        step(server, Input::Fired { timer: Timer::Notification }, &mut notes);
    }
    for count in 0..1000 {
        let Some((from, to, notification)) = notes.pop_front() else { return count };
        if let Some(server) = servers.iter_mut().find(|(id, _)| *id == to) {
            step(server, Input::Notified { from, notification }, &mut notes);
        }
    }
    panic!("they answer each other for ever: {:?}", notes.front());
}

#[test]
fn two_voters_that_both_lost_their_disks_do_not_answer_each_other_for_ever() {
    let mut out = Actions::new();
    let lost = |id, out: &mut _| server(id, &[1, 2, 3], Standing::Lost, out);
    let servers = vec![lost(1, &mut out), lost(2, &mut out)];
    let count = messages(servers);
    assert!((2..=10).contains(&count), "{count} messages");
}

#[test]
fn a_joiner_with_a_vote_and_a_voter_that_does_not_know_it_do_not_answer_each_other_for_ever() {
    for (joiner, rounds) in [(4, [0, 3]), (4, [3, 0])] {
        let mut out = Actions::new();
        let mut servers = vec![
            server(1, &[1, 2, 3], Standing::Intact, &mut out),
            server(joiner, &[1, 2, 3, joiner], Standing::Intact, &mut out),
        ];
        for (server, rounds) in servers.iter_mut().zip(rounds) {
            // Elections that came to nothing: it hears of a later round, from a server that is gone.
            let text = Arc::clone(&ensemble(&[1, 2, 3]).text);
            let vote = zabra_core::zab::Vote { epoch: Epoch::ZERO, zxid: Zxid::ZERO, leader: ServerId(2) };
            let notification = Notification {
                state: zabra_core::zab::ServerState::Looking,
                vote: Some(vote),
                round: rounds,
                config: text,
            };
            let heard = Input::Notified { from: ServerId(2), notification: Arc::new(notification) };
            step(server, heard, &mut Notes::new());
        }
        let count = messages(servers);
        assert!((2..=20).contains(&count), "{count} messages");
    }
}

#[test]
fn two_joiners_that_do_not_know_each_other_do_not_answer_each_other_for_ever() {
    let mut out = Actions::new();
    let servers = vec![
        server(4, &[1, 2, 3, 4], Standing::Intact, &mut out),
        server(5, &[1, 2, 3, 4, 5], Standing::Intact, &mut out),
    ];
    assert!(messages(servers) <= 20);
}

/// What a disk holds whose log ends with a change that nobody committed.
fn with_change(voters: &[u8]) -> Recovered {
    let zxid = Zxid::new(Epoch(1), 1);
    let text: String = voters.iter().map(|id| format!("server.{id}=h{id}:2888:3888;2181\n")).collect();
    let text = text + &format!("version={:x}", zxid.0);
    let mut bytes = TxnHeader { session: 1, cxid: 1, zxid: zxid.to_wire(), time: 1, op: Op::RECONFIG }.to_bytes();
    SetDataTxn { path: b"/zookeeper/config", data: Some(text.as_bytes()), version: -1 }.encode(&mut bytes);
    let log = vec![Record { zxid, bytes: Arc::from(bytes) }];
    Recovered { accepted: Epoch(1), current: Epoch(1), log, ..Recovered::empty() }
}

#[test]
fn who_is_being_joined_by_the_first_change_ranks_candidates_as_the_others_do() {
    let mut out = Actions::new();
    let (first, changed) = ([1, 2, 3], [1, 2, 3, 5]);
    let mut servers: Vec<_> = [(1, &first[..]), (2, &first[..]), (5, &changed[..])]
        .map(|(id, file)| with_disk(id, file, with_change(&changed), &mut out))
        .into();
    // Server 3 proposed the change and is gone.
    let count = exchange(&mut servers);
    assert!(count <= 60, "{count} messages");
    // The joiner has heard with whom it stands, and begins anew.
    let count = exchange(&mut servers);
    assert!(count <= 60, "{count} messages");
    for server in &mut servers {
        step(server, Input::Fired { timer: Timer::FinalizeWait }, &mut Notes::new());
    }
    let leaders: Vec<_> = servers.iter().map(|(_, replica)| replica.view().elected().map(|vote| vote.leader)).collect();
    assert_eq!(leaders, [Some(ServerId(2)); 3]);
}

#[test]
fn a_joiner_whose_file_is_wrong_and_a_voter_that_ranks_another_first_do_not_tell_each_other_for_ever() {
    let mut out = Actions::new();
    let changed = with_change(&[1, 2, 3, 5]);
    let voter = with_disk(2, &[1, 2, 3], changed.clone(), &mut out);
    let joiner = with_disk(5, &[2, 4, 5], changed, &mut out);
    let count = messages(vec![voter, joiner]);
    assert!((2..=60).contains(&count), "{count} messages");
}
