//! One packet.

use super::server_id;
use crate::id::{Epoch, ServerId, SessionId, Xid, Zxid};
use crate::log::snapshot::{Form, SnapshotEncoder};
use crate::log::{Image, Record};
use crate::wire::quorum::{self, Kind, PROTOCOL_VERSION, QuorumPacket, RequestPrefix, SessionTimeout, SessionValid};
use crate::wire::records::Id;
use crate::wire::txn::TxnHeader;
use crate::wire::{Jute, Malformed, Problem, Reader};
use crate::zab::{Identity, LearnerInfo, Packet, Request};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An end of a quorum connection. PING and REVALIDATE mean different things in the two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Leader,
    /// A follower or an observer: the end that dialled.
    Learner,
}

/// What a decoded packet is.
pub(super) enum Decoded {
    Packet(Packet),
    /// SNAP: the stream of an image of this zxid follows.
    Snap(Zxid),
}

/// Where the data of a packet begins.
const DATA_AT: usize = 16;
/// The zxid of packets that have none.
const NO_ZXID: i64 = -1;
/// The same, of a REQUEST whose session is the learner's alone.
const OF_LOCAL_SESSION: i64 = -2;
/// A snapshot is encoded in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// Appends a packet as `from` sends it; for SNAP, the image's stream too.
pub fn encode_packet(packet: &Packet, from: Side, out: &mut Vec<u8>) {
    assert!(sender(packet).is_none_or(|side| side == from), "{} is not sent by a {from:?}", packet.name());
    let bare = |kind, zxid: Zxid| QuorumPacket { kind, zxid: zxid.to_wire(), data: None, auth: None };
    let with = |kind, zxid, data| QuorumPacket { kind, zxid, data: Some(data), auth: None };
    match packet {
        Packet::Request(request) => encode_request(request, out),
        Packet::Proposal(record) => with(Kind::PROPOSAL, record.zxid.to_wire(), &record.bytes).encode(out),
        Packet::Ack(zxid) => bare(Kind::ACK, *zxid).encode(out),
        Packet::Commit(zxid) => bare(Kind::COMMIT, *zxid).encode(out),
        Packet::Ping { zxid, sessions } => match from {
            Side::Leader => bare(Kind::PING, *zxid).encode(out),
            Side::Learner => with(Kind::PING, zxid.to_wire(), &encode_sessions(sessions)).encode(out),
        },
        Packet::Revalidate { session, timeout_ms } => {
            let data = SessionTimeout { session: session.0, timeout_ms: *timeout_ms }.to_bytes();
            with(Kind::REVALIDATE, NO_ZXID, &data).encode(out);
        }
        Packet::Revalidated { session, valid } => {
            let data = SessionValid { session: session.0, valid: *valid }.to_bytes();
            with(Kind::REVALIDATE, NO_ZXID, &data).encode(out);
        }
        Packet::Sync => bare(Kind::SYNC, Zxid::ZERO).encode(out),
        Packet::Inform(record) => with(Kind::INFORM, record.zxid.to_wire(), &record.bytes).encode(out),
        Packet::CommitAndActivate { zxid, leader } => {
            with(Kind::COMMIT_AND_ACTIVATE, zxid.to_wire(), &i64::from(leader.0).to_bytes()).encode(out);
        }
        Packet::InformAndActivate { record, leader } => {
            let mut data = i64::from(leader.0).to_bytes();
            data.extend_from_slice(&record.bytes);
            with(Kind::INFORM_AND_ACTIVATE, record.zxid.to_wire(), &data).encode(out);
        }
        Packet::NewLeader { epoch, config } => with(Kind::NEW_LEADER, epoch.start().to_wire(), config).encode(out),
        Packet::FollowerInfo(info) => encode_info(Kind::FOLLOWER_INFO, info, out),
        Packet::ObserverInfo(info) => encode_info(Kind::OBSERVER_INFO, info, out),
        Packet::LeaderInfo { epoch } => {
            with(Kind::LEADER_INFO, epoch.start().to_wire(), &PROTOCOL_VERSION.to_bytes()).encode(out);
        }
        Packet::AckEpoch { current, last } => {
            // The last of all epochs would read as −1; no ensemble lives through 2^32 elections.
            let epoch = current.map_or(-1, |epoch| epoch.0 as i32);
            with(Kind::ACK_EPOCH, last.to_wire(), &epoch.to_bytes()).encode(out);
        }
        Packet::UpToDate => bare(Kind::UP_TO_DATE, Zxid::from_wire(NO_ZXID)).encode(out),
        Packet::Diff(zxid) => bare(Kind::DIFF, *zxid).encode(out),
        Packet::Trunc(zxid) => bare(Kind::TRUNC, *zxid).encode(out),
        Packet::Snap { zxid, image } => {
            bare(Kind::SNAP, *zxid).encode(out);
            encode_image(image, out);
        }
    }
}

/// Who sends this packet; `None`: both do.
fn sender(packet: &Packet) -> Option<Side> {
    match packet {
        Packet::Ping { .. } => None,
        Packet::Request(_)
        | Packet::Ack(_)
        | Packet::Revalidate { .. }
        | Packet::FollowerInfo(_)
        | Packet::ObserverInfo(_)
        | Packet::AckEpoch { .. } => Some(Side::Learner),
        Packet::Proposal(_)
        | Packet::Commit(_)
        | Packet::Revalidated { .. }
        | Packet::Sync
        | Packet::Inform(_)
        | Packet::CommitAndActivate { .. }
        | Packet::InformAndActivate { .. }
        | Packet::NewLeader { .. }
        | Packet::LeaderInfo { .. }
        | Packet::UpToDate
        | Packet::Diff(_)
        | Packet::Trunc(_)
        | Packet::Snap { .. } => Some(Side::Leader),
    }
}

fn encode_request(request: &Request, out: &mut Vec<u8>) {
    let mut data = Vec::with_capacity(RequestPrefix::MIN + request.body.len());
    RequestPrefix { session: request.session.0, cxid: request.cxid.0, op: request.op }.encode(&mut data);
    data.extend_from_slice(&request.body);
    // Every client's connection has an identity, its address: without any, no client asked, and
    // Apache's servers write null.
    let auth = (!request.auth.is_empty())
        .then(|| request.auth.iter().map(|identity| Id { scheme: &identity.scheme, id: &identity.id }).collect());
    // Apache's servers write −1, and read nothing.
    let zxid = if request.is_local { OF_LOCAL_SESSION } else { NO_ZXID };
    QuorumPacket { kind: Kind::REQUEST, zxid, data: Some(&data), auth }.encode(out);
}

fn encode_info(kind: i32, info: &LearnerInfo, out: &mut Vec<u8>) {
    let data = quorum::LearnerInfo {
        server: i64::from(info.server.0),
        protocol: PROTOCOL_VERSION,
        config_version: info.config_version as i64,
    }
    .to_bytes();
    QuorumPacket { kind, zxid: info.accepted.start().to_wire(), data: Some(&data), auth: None }.encode(out);
}

fn encode_sessions(sessions: &[(SessionId, i32)]) -> Vec<u8> {
    let mut data = Vec::with_capacity(sessions.len() * SessionTimeout::MIN);
    for (session, timeout_ms) in sessions {
        SessionTimeout { session: session.0, timeout_ms: *timeout_ms }.encode(&mut data);
    }
    data
}

fn encode_image(image: &Image, out: &mut Vec<u8>) {
    let mut encoder = SnapshotEncoder::new(Arc::clone(image), Form::Stream);
    while encoder.next_piece(PIECE_BYTES, out) {}
}

/// A packet that `to` received. Data of packets that have none by the protocol is ignored.
pub(super) fn decode(packet: &QuorumPacket<'_>, to: Side) -> Result<Decoded, Malformed> {
    let zxid = Zxid::from_wire(packet.zxid);
    Ok(Decoded::Packet(match (to, packet.kind) {
        (Side::Leader, Kind::REQUEST) => Packet::Request(decode_request(packet)?),
        (Side::Leader, Kind::ACK) => Packet::Ack(zxid),
        (Side::Leader, Kind::PING) => Packet::Ping { zxid, sessions: decode_sessions(packet)? },
        (Side::Leader, Kind::REVALIDATE) => {
            let SessionTimeout { session, timeout_ms } = data(packet, "REVALIDATE", SessionTimeout::from_bytes)?;
            Packet::Revalidate { session: SessionId(session), timeout_ms }
        }
        (Side::Leader, Kind::FOLLOWER_INFO) => Packet::FollowerInfo(decode_info(packet)?),
        (Side::Leader, Kind::OBSERVER_INFO) => Packet::ObserverInfo(decode_info(packet)?),
        (Side::Leader, Kind::ACK_EPOCH) => {
            let epoch = data(packet, "ACKEPOCH", i32::from_bytes)?;
            Packet::AckEpoch { current: (epoch != -1).then_some(Epoch(epoch as u32)), last: zxid }
        }
        (Side::Learner, Kind::PROPOSAL) => Packet::Proposal(decode_record(packet, "PROPOSAL")?),
        (Side::Learner, Kind::COMMIT) => Packet::Commit(zxid),
        (Side::Learner, Kind::PING) => Packet::Ping { zxid, sessions: Vec::new() },
        (Side::Learner, Kind::REVALIDATE) => {
            let SessionValid { session, valid } = data(packet, "REVALIDATE", SessionValid::from_bytes)?;
            Packet::Revalidated { session: SessionId(session), valid }
        }
        (Side::Learner, Kind::SYNC) => Packet::Sync,
        (Side::Learner, Kind::INFORM) => Packet::Inform(decode_record(packet, "INFORM")?),
        (Side::Learner, Kind::COMMIT_AND_ACTIVATE) => {
            Packet::CommitAndActivate { zxid, leader: data(packet, "COMMITANDACTIVATE", |bytes| designated(bytes))?.0 }
        }
        (Side::Learner, Kind::INFORM_AND_ACTIVATE) => {
            let (leader, rest) = data(packet, "INFORMANDACTIVATE", |bytes| designated(bytes))?;
            let record = decode_record(&QuorumPacket { data: Some(rest), ..packet.clone() }, "INFORMANDACTIVATE")?;
            Packet::InformAndActivate { record, leader }
        }
        (Side::Learner, Kind::NEW_LEADER) => {
            Packet::NewLeader { epoch: start_of_epoch(packet)?, config: Arc::from(packet.data.unwrap_or_default()) }
        }
        (Side::Learner, Kind::UP_TO_DATE) => Packet::UpToDate,
        (Side::Learner, Kind::DIFF) => Packet::Diff(zxid),
        (Side::Learner, Kind::TRUNC) => Packet::Trunc(zxid),
        (Side::Learner, Kind::SNAP) => return Ok(Decoded::Snap(zxid)),
        (Side::Learner, Kind::LEADER_INFO) => {
            protocol_version(data(packet, "LEADERINFO", i32::from_bytes)?, DATA_AT)?;
            Packet::LeaderInfo { epoch: start_of_epoch(packet)? }
        }
        (Side::Leader, kind) => return Err(refused("type of a packet to a leader", kind)),
        (Side::Learner, kind) => return Err(refused("type of a packet to a learner", kind)),
    }))
}

fn refused(what: &'static str, kind: i32) -> Malformed {
    Malformed { what, at: 0, problem: Problem::Value(i64::from(kind)) }
}

/// Decodes the data that this packet must have.
fn data<'a, T>(
    packet: &QuorumPacket<'a>,
    what: &'static str,
    decode: impl FnOnce(&'a [u8]) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let Some(data) = packet.data else {
        return Err(Malformed { what, at: DATA_AT - 4, problem: Problem::Length(-1) });
    };
    decode(data).map_err(|malformed| Malformed { what, at: malformed.at + DATA_AT, ..malformed })
}

fn decode_request(packet: &QuorumPacket<'_>) -> Result<Request, Malformed> {
    data(packet, "REQUEST", |bytes| {
        let mut r = Reader::new(bytes);
        let RequestPrefix { session, cxid, op } = Jute::decode(&mut r)?;
        let identity = |id: &Id<'_>| Identity { scheme: Arc::from(id.scheme), id: Arc::from(id.id) };
        Ok(Request {
            session: SessionId(session),
            cxid: Xid(cxid),
            op,
            body: Arc::from(r.rest()),
            auth: packet.auth.iter().flatten().map(identity).collect(),
            is_local: packet.zxid == OF_LOCAL_SESSION,
        })
    })
}

/// The leader of a new configuration, and what stands behind its id.
fn designated(bytes: &[u8]) -> Result<(ServerId, &[u8]), Malformed> {
    let mut r = Reader::new(bytes);
    let leader = server_id(i64::decode(&mut r)?, "designated leader", 0)?;
    Ok((leader, r.rest()))
}

/// A transaction is believed only if its own header says the zxid that its packet says.
fn decode_record(packet: &QuorumPacket<'_>, what: &'static str) -> Result<Record, Malformed> {
    data(packet, what, |bytes| {
        let header = TxnHeader::decode(&mut Reader::new(bytes))?;
        if header.zxid != packet.zxid {
            return Err(Malformed { what, at: ZXID_IN_HEADER, problem: Problem::Value(header.zxid) });
        }
        Ok(Record { zxid: Zxid::from_wire(packet.zxid), bytes: Arc::from(bytes) })
    })
}

/// Where a transaction's header has its zxid: behind session and cxid.
const ZXID_IN_HEADER: usize = 12;

fn decode_info(packet: &QuorumPacket<'_>) -> Result<LearnerInfo, Malformed> {
    let info = data(packet, "learner's info", quorum::LearnerInfo::from_bytes)?;
    protocol_version(info.protocol, DATA_AT + 8)?;
    Ok(LearnerInfo {
        server: server_id(info.server, "learner's id", DATA_AT)?,
        accepted: start_of_epoch(packet)?,
        config_version: info.config_version as u64,
    })
}

/// Later versions than ours are the peer's business; earlier ones lack LEADERINFO and ACKEPOCH.
fn protocol_version(version: i32, at: usize) -> Result<(), Malformed> {
    if version < PROTOCOL_VERSION {
        return Err(Malformed { what: "protocol version", at, problem: Problem::Value(i64::from(version)) });
    }
    Ok(())
}

fn decode_sessions(packet: &QuorumPacket<'_>) -> Result<Vec<(SessionId, i32)>, Malformed> {
    if packet.data.is_none() {
        return Ok(Vec::new());
    }
    data(packet, "PING", |bytes| {
        let mut r = Reader::new(bytes);
        let mut sessions = Vec::with_capacity(bytes.len() / SessionTimeout::MIN);
        while r.left() > 0 {
            let SessionTimeout { session, timeout_ms } = Jute::decode(&mut r)?;
            sessions.push((SessionId(session), timeout_ms));
        }
        Ok(sessions)
    })
}

/// The epoch of a packet whose zxid is the start of one.
fn start_of_epoch(packet: &QuorumPacket<'_>) -> Result<Epoch, Malformed> {
    let zxid = Zxid::from_wire(packet.zxid);
    if zxid != zxid.epoch().start() {
        return Err(Malformed { what: "start of an epoch", at: 4, problem: Problem::Value(packet.zxid) });
    }
    Ok(zxid.epoch())
}
