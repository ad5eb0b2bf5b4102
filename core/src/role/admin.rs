//! A server's role, as operators may know it.

use super::{Peer, Role};
use crate::admin::{Learners, Phase, Server};
use crate::config::Config;
use crate::request::Service;
use crate::zab::{Kind, Leading, Learning, Stage};

pub(crate) fn admin<'a>(config: &'a Config, peer: &'a Peer, service: &'a Service) -> Server<'a> {
    let (phase, leader, learners) = match &peer.role {
        Role::Looking(_) => (Phase::Election, None, Learners::default()),
        Role::Following(learning) | Role::Observing(learning) => {
            (phase_of_learner(learning), Some(learning.leader()), Learners::default())
        }
        Role::Leading(leading) => (phase_of_leader(leading.stage()), Some(config.me), learners(leading)),
    };
    Server {
        config,
        state: peer.role.state(),
        phase,
        serving: peer.role.is_serving() || service.is_read_only(),
        read_only: service.is_read_only(),
        leader,
        current_epoch: peer.ledger.current,
        service,
        learners,
    }
}

fn phase_of_learner(learning: &Learning) -> Phase {
    if learning.is_serving() {
        Phase::Broadcast
    } else if learning.is_discovering() {
        Phase::Discovery
    } else {
        Phase::Synchronization
    }
}

fn phase_of_leader(stage: Stage) -> Phase {
    match stage {
        Stage::Discovery | Stage::Accepting(_) | Stage::Acknowledging(_) | Stage::Recording(_) => Phase::Discovery,
        Stage::Synchronization(_) => Phase::Synchronization,
        Stage::Broadcast(_) => Phase::Broadcast,
    }
}

fn learners(leading: &Leading) -> Learners {
    let mut counts = Learners { pending_syncs: leading.syncs_len() as u64, ..Learners::default() };
    for learner in leading.learners() {
        counts.all += 1;
        match learner.kind {
            Kind::Follower => counts.synced_followers += u64::from(learner.stage.is_synced()),
            Kind::Observer => counts.synced_observers += u64::from(learner.stage.is_synced()),
        }
    }
    counts
}
