//! What clients say: the steps of a conversation, and the frames in them.

use super::play::op_of;
use zabra_core::wire::multi::encode_request;
use zabra_core::wire::records::{Acl, AuthPacket, CreateRequest, DeleteRequest, Id, PathRequest, ReadRequest};
use zabra_core::wire::records::{RequestHeader, SetDataRequest};
use zabra_core::wire::{Jute, Op, ReservedXid};

/// One thing that a client does. `usize` is the number of a connection.
#[derive(Clone, Debug)]
pub enum Step {
    Open(usize),
    Connect(usize, Opening),
    /// Frames that are written at once; each is answered, or the connection ends.
    Frames(usize, Vec<Vec<u8>>),
    /// Bytes as they are, a length included; the first answer is waited for.
    Raw(usize, Vec<u8>),
    Close(usize),
}

impl Step {
    pub fn closes_a_session(&self) -> bool {
        match self {
            Step::Frames(_, frames) => frames.iter().any(|frame| op_of(frame) == Op::CLOSE_SESSION),
            Step::Open(_) | Step::Connect(..) | Step::Raw(..) | Step::Close(_) => false,
        }
    }
}

/// A ConnectRequest. Session ids are the server's, so a session is named by its number: the order
/// in which the conversation met them.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub session: Who,
    pub password: Shown,
    pub timeout_ms: i32,
    pub last_zxid: Seen,
    pub read_only: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
pub enum Who {
    New,
    Session(usize),
    /// An id that no server gives out.
    Stranger(i64),
}

#[derive(Clone, Copy, Debug)]
pub enum Shown {
    Right,
    Wrong,
    Empty,
    Null,
}

#[derive(Clone, Copy, Debug)]
pub enum Seen {
    Nothing,
    /// The server's last zxid and so many more.
    Last(i64),
    Negative,
}

impl Opening {
    pub const NEW: Opening = Opening {
        session: Who::New,
        password: Shown::Empty,
        timeout_ms: 200_000,
        last_zxid: Seen::Nothing,
        read_only: Some(false),
    };

    pub fn again(session: usize) -> Opening {
        Opening { session: Who::Session(session), password: Shown::Right, ..Opening::NEW }
    }
}

/// A connection with a new session.
pub fn enter(connection: usize) -> [Step; 2] {
    [Step::Open(connection), Step::Connect(connection, Opening::NEW)]
}

pub fn say(connection: usize, frame: Vec<u8>) -> Step {
    Step::Frames(connection, vec![frame])
}

/// The frame of a request.
pub fn request<'a>(xid: i32, op: i32, body: &impl Jute<'a>) -> Vec<u8> {
    let mut frame = RequestHeader { xid, op }.to_bytes();
    body.encode(&mut frame);
    frame
}

/// A request whose body is these bytes, whatever they mean.
pub fn bare(xid: i32, op: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = RequestHeader { xid, op }.to_bytes();
    frame.extend_from_slice(body);
    frame
}

pub fn ping() -> Vec<u8> {
    bare(ReservedXid::PING, Op::PING, &[])
}

pub fn leave(xid: i32) -> Vec<u8> {
    bare(xid, Op::CLOSE_SESSION, &[])
}

pub fn everyone() -> Vec<Acl<'static>> {
    vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }]
}

pub fn create(xid: i32, path: &[u8], data: Option<&[u8]>, flags: i32) -> Vec<u8> {
    request(xid, Op::CREATE, &CreateRequest { path, data, acl: Some(everyone()), flags })
}

pub fn create2(xid: i32, path: &[u8], data: Option<&[u8]>, flags: i32) -> Vec<u8> {
    request(xid, Op::CREATE2, &CreateRequest { path, data, acl: Some(everyone()), flags })
}

pub fn delete(xid: i32, path: &[u8], version: i32) -> Vec<u8> {
    request(xid, Op::DELETE, &DeleteRequest { path, version })
}

pub fn set_data(xid: i32, path: &[u8], data: Option<&[u8]>, version: i32) -> Vec<u8> {
    request(xid, Op::SET_DATA, &SetDataRequest { path, data, version })
}

/// exists, getData, getChildren, getChildren2.
pub fn read(xid: i32, op: i32, path: &[u8], watch: bool) -> Vec<u8> {
    request(xid, op, &ReadRequest { path, watch })
}

/// A multi or a multiRead of these requests, whose xids count for nothing.
pub fn multi(xid: i32, op: i32, parts: Vec<Vec<u8>>) -> Vec<u8> {
    let mut frame = RequestHeader { xid, op }.to_bytes();
    encode_request(parts.iter().map(|part| (op_of(part), &part[8..])), &mut frame);
    frame
}

/// An operation inside a multi, with these bytes as its body.
pub fn part(op: i32, body: &[u8]) -> Vec<u8> {
    bare(0, op, body)
}

pub fn auth(scheme: &[u8], auth: &[u8]) -> Vec<u8> {
    request(ReservedXid::AUTH, Op::AUTH, &AuthPacket { kind: 0, scheme, auth: Some(auth) })
}

pub fn sync(xid: i32, path: &[u8]) -> Vec<u8> {
    request(xid, Op::SYNC, &PathRequest { path })
}
