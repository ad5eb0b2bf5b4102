//! Notifications, and what arrives on an election connection.

use super::server_id;
use crate::id::{Epoch, ServerId, Zxid};
use crate::wire::election::{ElectionStream, End, Handshake, Item, NotificationBody, encode_message};
use crate::wire::{Malformed, Problem};
use crate::zab::{Notification, ServerState, Vote};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What Apache's observers put into every field of a vote that they do not have.
const NO_VOTE: i64 = i64::MIN;
/// The zxid that a server votes with whose disk was lost.
const LOST: i64 = -1;

/// Appends a notification as it stands on the connection, its length before it.
pub fn encode_notification(notification: &Notification, out: &mut Vec<u8>) {
    let (leader, zxid, epoch) = match notification.vote {
        Some(Vote { epoch, zxid, leader }) => (i64::from(leader.0), zxid.to_wire(), i64::from(epoch.0)),
        None => (NO_VOTE, NO_VOTE, NO_VOTE),
    };
    let body = NotificationBody {
        state: notification.state as i32,
        leader,
        zxid,
        round: notification.round as i64,
        epoch,
        config: &notification.config,
    };
    encode_message(&body, out);
}

/// Believes the numbers of a notification, or refuses them.
pub fn decode_notification(body: &NotificationBody<'_>) -> Result<Notification, Malformed> {
    let state = match body.state {
        0 => ServerState::Looking,
        1 => ServerState::Following,
        2 => ServerState::Leading,
        3 => ServerState::Observing,
        state => return Err(Malformed { what: "server state", at: 0, problem: Problem::Value(i64::from(state)) }),
    };
    // A negative round would be the newest of all to a server that counts without a sign.
    let round = u64::try_from(body.round).map_err(|_| Malformed {
        what: "election round",
        at: 20,
        problem: Problem::Value(body.round),
    })?;
    Ok(Notification { state, vote: decode_vote(body)?, round, config: Arc::from(body.config) })
}

fn decode_vote(body: &NotificationBody<'_>) -> Result<Option<Vote>, Malformed> {
    if body.leader == NO_VOTE || body.zxid == NO_VOTE || body.zxid == LOST {
        return Ok(None);
    }
    let leader = server_id(body.leader, "proposed leader", 4)?;
    let epoch = u32::try_from(body.epoch).map_err(|_| Malformed {
        what: "proposed leader's epoch",
        at: 28,
        problem: Problem::Value(body.epoch),
    })?;
    Ok(Some(Vote { epoch: Epoch(epoch), zxid: Zxid::from_wire(body.zxid), leader }))
}

/// What arrives on an election connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElectionItem<'a> {
    /// Who dialled, and where its election port is.
    Handshake {
        from: ServerId,
        handshake: Handshake<'a>,
    },
    Notification(Notification),
}

/// Reads one direction of one election connection, cut anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectionReader {
    stream: ElectionStream,
}

impl ElectionReader {
    pub fn new(end: End) -> Self {
        ElectionReader { stream: ElectionStream::new(end) }
    }

    /// Takes bytes off the input up to the end of an item. `None`: all input is taken.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<ElectionItem<'s>>, Malformed> {
        Ok(match self.stream.next(input)? {
            None => None,
            Some(Item::Notification(body)) => Some(ElectionItem::Notification(decode_notification(&body)?)),
            Some(Item::Handshake(handshake)) => {
                let from = server_id(handshake.server, "dialling server's id", 8)?;
                Some(ElectionItem::Handshake { from, handshake })
            }
        })
    }
}
