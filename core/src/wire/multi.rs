//! The requests of multi and multiRead, and the results of both (reference/zookeeper.md section 1.8):
//! operations one after the other, each behind a header, and an end marker.

use super::jute::{Jute, Malformed, Problem, Reader};
use super::op::{Code, Op};
use super::records::{
    Acl, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MultiHeader, PathReply, ReadRequest,
    SetDataRequest, Stat,
};
use alloc::vec::Vec;

/// A create of any kind: what the three request records of creates say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnyCreate<'a> {
    /// create, create2, createContainer or createTTL.
    pub op: i32,
    pub path: &'a [u8],
    pub data: Option<&'a [u8]>,
    pub acl: Option<Vec<Acl<'a>>>,
    pub flags: i32,
    /// −1 where the record has none.
    pub ttl: i64,
}

impl<'a> AnyCreate<'a> {
    /// Reads the record that belongs to the operation code of a create.
    pub fn decode(op: i32, r: &mut Reader<'a>) -> Result<Self, Malformed> {
        if op == Op::CREATE_TTL {
            let CreateTtlRequest { path, data, acl, flags, ttl } = CreateTtlRequest::decode(r)?;
            return Ok(AnyCreate { op, path, data, acl, flags, ttl });
        }
        let CreateRequest { path, data, acl, flags } = CreateRequest::decode(r)?;
        Ok(AnyCreate { op, path, data, acl, flags, ttl: -1 })
    }
}

/// One operation of a multi.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part<'a> {
    Create(AnyCreate<'a>),
    Delete(DeleteRequest<'a>),
    SetData(SetDataRequest<'a>),
    Check(CheckVersionRequest<'a>),
}

impl Part<'_> {
    /// The operation code under which the log and the reply know it: a create is known by what it
    /// creates.
    pub fn op(&self) -> i32 {
        match self {
            Part::Create(create) => match create.flags {
                4 => Op::CREATE_CONTAINER,
                5 | 6 => Op::CREATE_TTL,
                _ if create.op == Op::CREATE_TTL => Op::CREATE,
                _ => create.op,
            },
            Part::Delete(_) => Op::DELETE,
            Part::SetData(_) => Op::SET_DATA,
            Part::Check(_) => Op::CHECK,
        }
    }
}

/// One operation of a multiRead. The watch flag is read and means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadPart<'a> {
    /// getData or getChildren.
    pub op: i32,
    pub path: &'a [u8],
}

/// Reads a multi's request.
pub fn decode_multi<'a>(body: &'a [u8]) -> Result<Vec<Part<'a>>, Malformed> {
    decode_parts(body, |op, r| {
        Ok(match op {
            Op::CREATE | Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL => Part::Create(AnyCreate::decode(op, r)?),
            Op::DELETE => Part::Delete(Jute::decode(r)?),
            Op::SET_DATA => Part::SetData(Jute::decode(r)?),
            Op::CHECK => Part::Check(Jute::decode(r)?),
            other => return Err(r.malformed("operation of a multi", Problem::Value(i64::from(other)))),
        })
    })
}

/// Reads a multiRead's request.
pub fn decode_multi_read<'a>(body: &'a [u8]) -> Result<Vec<ReadPart<'a>>, Malformed> {
    decode_parts(body, |op, r| match op {
        Op::GET_DATA | Op::GET_CHILDREN => {
            let ReadRequest { path, .. } = ReadRequest::decode(r)?;
            Ok(ReadPart { op, path })
        }
        other => Err(r.malformed("operation of a multiRead", Problem::Value(i64::from(other)))),
    })
}

fn decode_parts<'a, T>(
    body: &'a [u8],
    decode: impl Fn(i32, &mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut r = Reader::new(body);
    let mut parts = Vec::new();
    loop {
        let MultiHeader { op, done, .. } = MultiHeader::decode(&mut r)?;
        if done {
            return Ok(parts);
        }
        parts.push(decode(op, &mut r)?);
    }
}

/// Writes the request of a multi or a multiRead: for clients and tests.
pub fn encode_request<'a>(parts: impl IntoIterator<Item = (i32, &'a [u8])>, out: &mut Vec<u8>) {
    for (op, body) in parts {
        MultiHeader { op, done: false, err: -1 }.encode(out);
        out.extend_from_slice(body);
    }
    encode_end(out);
}

/// The result of one operation that changed something, by its code.
pub fn encode_result(op: i32, path: &[u8], stat: Option<&Stat>, out: &mut Vec<u8>) {
    let header = |op| MultiHeader { op, done: false, err: 0 };
    match (op, stat) {
        (Op::CREATE2 | Op::CREATE_CONTAINER | Op::CREATE_TTL, Some(stat)) => {
            header(Op::CREATE2).encode(out);
            PathReply { path }.encode(out);
            stat.encode(out);
        }
        (Op::CREATE, _) => {
            header(op).encode(out);
            PathReply { path }.encode(out);
        }
        (Op::SET_DATA, Some(stat)) => {
            header(op).encode(out);
            stat.encode(out);
        }
        _ => header(op).encode(out),
    }
}

/// The header of a read's result; its body follows.
pub fn encode_read_header(op: i32, out: &mut Vec<u8>) {
    MultiHeader { op, done: false, err: 0 }.encode(out);
}

/// An operation that failed, or was not tried (code 0 before the failing one).
pub fn encode_error(err: i32, out: &mut Vec<u8>) {
    MultiHeader { op: Op::ERROR, done: false, err }.encode(out);
    err.encode(out);
}

/// Behind the last operation or result.
pub fn encode_end(out: &mut Vec<u8>) {
    MultiHeader { op: Op::ERROR, done: true, err: -1 }.encode(out);
}

/// One result of a multi or a multiRead, as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartResult<'a> {
    Created { path: &'a [u8], stat: Option<Stat> },
    Deleted,
    Set(Stat),
    Checked,
    Data { data: Option<&'a [u8]>, stat: Stat },
    Children(Vec<&'a [u8]>),
    Failed(i32),
}

/// Reads the results of a multi or a multiRead.
pub fn decode_results(body: &[u8]) -> Result<Vec<PartResult<'_>>, Malformed> {
    decode_parts(body, |op, r| {
        Ok(match op {
            Op::CREATE => PartResult::Created { path: Jute::decode(r)?, stat: None },
            Op::CREATE2 => PartResult::Created { path: Jute::decode(r)?, stat: Some(Jute::decode(r)?) },
            Op::DELETE => PartResult::Deleted,
            Op::SET_DATA => PartResult::Set(Jute::decode(r)?),
            Op::CHECK => PartResult::Checked,
            Op::GET_DATA => PartResult::Data { data: Jute::decode(r)?, stat: Jute::decode(r)? },
            Op::GET_CHILDREN => PartResult::Children(Jute::decode(r)?),
            Op::ERROR => PartResult::Failed(i32::decode(r)?),
            other => return Err(r.malformed("result of a multi", Problem::Value(i64::from(other)))),
        })
    })
}

/// What a failed multi's place shows that was not tried.
pub const NOT_TRIED: i32 = Code::RuntimeInconsistency.to_wire();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::Id;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn a_request_ends_with_its_marker_and_not_before() {
        let delete = DeleteRequest { path: b"/a", version: 3 }.to_bytes();
        let mut body = Vec::new();
        encode_request([(Op::DELETE, &delete[..])], &mut body);
        assert_eq!(decode_multi(&body), Ok(vec![Part::Delete(DeleteRequest { path: b"/a", version: 3 })]));
        for cut in 0..body.len() {
            assert!(decode_multi(&body[..cut]).is_err(), "{cut} bytes of {}", body.len());
        }
        assert!(decode_multi_read(&body).is_err(), "a multiRead has no deletes");
    }

    #[test]
    fn a_create_is_known_by_what_it_creates() {
        let acl = Some(vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }]);
        let create =
            |op, flags| Part::Create(AnyCreate { op, path: b"/a", data: None, acl: acl.clone(), flags, ttl: -1 });
        let known = |op, flags| create(op, flags).op();
        assert_eq!(known(Op::CREATE, 1), Op::CREATE);
        assert_eq!(known(Op::CREATE2, 0), Op::CREATE2);
        assert_eq!(known(Op::CREATE2, 4), Op::CREATE_CONTAINER);
        assert_eq!(known(Op::CREATE_TTL, 6), Op::CREATE_TTL);
        assert_eq!(known(Op::CREATE_TTL, 0), Op::CREATE);
    }

    #[test]
    fn results_are_read_as_they_were_written() {
        let mut out = Vec::new();
        encode_result(Op::CREATE, b"/a", None, &mut out);
        encode_result(Op::CHECK, b"/a", None, &mut out);
        encode_result(Op::DELETE, b"/a", None, &mut out);
        encode_error(-101, &mut out);
        encode_end(&mut out);
        let created = PartResult::Created { path: b"/a", stat: None };
        let read = decode_results(&out).expect("written above");
        assert_eq!(read, [created, PartResult::Checked, PartResult::Deleted, PartResult::Failed(-101)]);
        insta::assert_snapshot!(out.escape_ascii().to_string(), @r"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02/a\x00\x00\x00\r\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\xff\xff\xff\x9b\xff\xff\xff\x9b\xff\xff\xff\xff\x01\xff\xff\xff\xff");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_multi(&bytes);
            let _ = decode_multi_read(&bytes);
            let _ = decode_results(&bytes);
        }
    }
}
