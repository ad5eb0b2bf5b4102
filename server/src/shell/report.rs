//! What the core reports, as log lines: an operator's part of it. Facts of single transactions and
//! requests are not logged.

use zabra_core::contract::{Event, LocalTurn};

pub fn log(event: &Event) {
    match event {
        Event::Role { state, leader } => {
            let leader = leader.map(|leader| leader.0);
            tracing::info!(role = ?state, leader, "role");
        }
        Event::Elected { vote, round, joined, .. } => {
            tracing::info!(leader = %vote.leader, epoch = %vote.epoch, zxid = %vote.zxid, round, how = ?joined, "elected");
        }
        Event::EpochProposed { epoch, .. } => tracing::info!(%epoch, "epoch proposed"),
        Event::SyncPlanned { learner, mode, peer, end } => {
            tracing::info!(%learner, ?mode, from = %peer, to = %end, "synchronization planned");
        }
        Event::Established { epoch, acked, initial_end } => {
            tracing::info!(%epoch, with = %acked, from = %initial_end, "leadership established");
        }
        Event::UpToDate { epoch, leader, committed } => {
            tracing::info!(%epoch, %leader, %committed, "up to date: serving");
        }
        Event::ReadOnly { serves: true } => tracing::warn!("no quorum: read-only clients are served"),
        Event::ReadOnly { serves: false } => tracing::info!("read-only clients are not served any more"),
        Event::Truncated { after } => tracing::info!(%after, "history cut"),
        Event::ImageInstalled { zxid } => tracing::info!(%zxid, "the leader's tree installed"),
        Event::SyncAborted { mode } => tracing::warn!(?mode, "synchronization aborted"),
        Event::LearnerLost { learner, heard } => tracing::warn!(%learner, left = %heard, "learner lost"),
        Event::Resigned { epoch, why } => tracing::warn!(%epoch, ?why, "leadership ends"),
        Event::PeerRefused { why } => tracing::warn!(why, "a server's connection is refused"),
        Event::DigestMismatch { zxid, carried, computed } => {
            tracing::error!(%zxid, carried, computed, "the tree differs from the one that made this transaction");
        }
        Event::LocalSession { session, turn: LocalTurn::Expires } => tracing::info!(%session, "local session expired"),
        Event::LocalSession { session, turn } => tracing::debug!(%session, ?turn, "local session"),
        Event::SessionExpiring { session } => tracing::info!(%session, "session expired"),
        Event::SessionAttached { session, timeout_ms, .. } => tracing::debug!(%session, timeout_ms, "session attached"),
        Event::SessionRefused { session } => tracing::debug!(%session, "session refused"),
        Event::Configured { version, voters, proposed: None } => {
            tracing::info!(version = format_args!("{version:x}"), voters = %voters.voters(), "configuration in force");
        }
        Event::Configured { version, voters, proposed: Some(next) } => {
            let (voters, next) = (voters.voters(), next.voters());
            tracing::info!(version = format_args!("{version:x}"), %voters, %next, "configuration proposed");
        }
        Event::Stopped { fault } => tracing::error!(?fault, "the server stops itself: a restart recovers"),
        Event::Voted { .. }
        | Event::EpochAccepted { .. }
        | Event::EpochAcked { .. }
        | Event::NewLeaderAcked { .. }
        | Event::Proposed { .. }
        | Event::Accepted { .. }
        | Event::Acked { .. }
        | Event::Committed { .. }
        | Event::Applied { .. }
        | Event::PacketIgnored { .. }
        | Event::SessionOwned { .. }
        | Event::Prepared { .. }
        | Event::Requested { .. }
        | Event::Replied { .. }
        | Event::Throttled { .. }
        | Event::LargeRequestRefused { .. }
        | Event::SyncAnswered { .. } => {}
    }
}
