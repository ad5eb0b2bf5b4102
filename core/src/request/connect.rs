//! The two records that open a session (reference/zookeeper.md section 1.3). They stand in a frame
//! of their own, without a header, and end with a flag that old clients leave out.

use crate::wire::jute::{Jute, Malformed, Reader};
use alloc::vec::Vec;

/// What a client sends first: 44 bytes with a password of 16, 45 with the flag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectRequest<'a> {
    pub protocol: i32,
    pub last_zxid_seen: i64,
    pub timeout_ms: i32,
    /// 0 asks for a new session.
    pub session: i64,
    pub password: Option<&'a [u8]>,
    /// `None`: the client does not know the flag, and gets an answer without it.
    pub read_only: Option<bool>,
}

/// The answer. A refusal has timeout 0, session 0 and 16 zero bytes as password.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectResponse<'a> {
    pub protocol: i32,
    pub timeout_ms: i32,
    pub session: i64,
    pub password: Option<&'a [u8]>,
    /// Present exactly if the request had it.
    pub read_only: Option<bool>,
}

impl<'a> Jute<'a> for ConnectRequest<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.protocol.encode(out);
        self.last_zxid_seen.encode(out);
        self.timeout_ms.encode(out);
        self.session.encode(out);
        self.password.encode(out);
        encode_flag(self.read_only, out);
    }

    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(ConnectRequest {
            protocol: Jute::decode(r)?,
            last_zxid_seen: Jute::decode(r)?,
            timeout_ms: Jute::decode(r)?,
            session: Jute::decode(r)?,
            password: Jute::decode(r)?,
            read_only: decode_flag(r)?,
        })
    }
}

impl<'a> Jute<'a> for ConnectResponse<'a> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.protocol.encode(out);
        self.timeout_ms.encode(out);
        self.session.encode(out);
        self.password.encode(out);
        encode_flag(self.read_only, out);
    }

    fn decode(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(ConnectResponse {
            protocol: Jute::decode(r)?,
            timeout_ms: Jute::decode(r)?,
            session: Jute::decode(r)?,
            password: Jute::decode(r)?,
            read_only: decode_flag(r)?,
        })
    }
}

fn encode_flag(flag: Option<bool>, out: &mut Vec<u8>) {
    if let Some(flag) = flag {
        flag.encode(out);
    }
}

fn decode_flag(r: &mut Reader<'_>) -> Result<Option<bool>, Malformed> {
    match r.left() {
        0 => Ok(None),
        1.. => bool::decode(r).map(Some),
    }
}
