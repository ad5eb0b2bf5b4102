//! A transaction for people (a line much like that of Apache's TxnLogToolkit) and for programs (JSON).

use serde_json::{Map, Value, json};
use std::fmt::Write;
use zabra_core::admin::date;
use zabra_core::wire::records::Acl;
use zabra_core::wire::txn::{
    CheckVersionTxn, CloseSessionTxn, CreateContainerTxn, CreateSessionTxn, CreateTtlTxn, CreateTxn, CreateTxnV0,
    DeleteTxn, ErrorTxn, MultiTxn, SetAclTxn, SetDataTxn, TxnDigest, TxnHeader,
};
use zabra_core::wire::{Jute, Malformed, Op, Problem, Reader};

/// A digest behind a transaction takes so much.
const DIGEST_BYTES: usize = 12;

/// A transaction, decoded.
pub struct Transaction<'a> {
    pub header: TxnHeader,
    body: Body<'a>,
    pub digest: Option<TxnDigest>,
}

type Fields<'a> = Vec<(&'static str, Field<'a>)>;

enum Body<'a> {
    One(Fields<'a>),
    Multi(Vec<(i32, Fields<'a>)>),
}

enum Field<'a> {
    Bytes(Option<&'a [u8]>),
    Number(i64),
    Flag(bool),
    Acl(Vec<Acl<'a>>),
    Paths(Vec<&'a [u8]>),
}

impl<'a> Transaction<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Transaction<'a>, Malformed> {
        let mut r = Reader::new(bytes);
        let header = TxnHeader::decode(&mut r)?;
        let body = if header.op == Op::MULTI {
            let parts = MultiTxn::decode(&mut r)?.txns.into_iter().map(|part| {
                let mut inner = Reader::new(part.data.unwrap_or_default());
                Ok((part.op, fields(part.op, &mut inner)?))
            });
            Body::Multi(parts.collect::<Result<_, Malformed>>()?)
        } else {
            Body::One(fields(header.op, &mut r)?)
        };
        let digest = TxnDigest::decode(&mut r).ok();
        Ok(Transaction { header, body, digest })
    }

    pub fn line(&self) -> String {
        let TxnHeader { session, cxid, zxid, time, op } = self.header;
        let mut line = format!("{} session {session:#x} cxid {cxid:#x} zxid {zxid:#x} {} ", date(time), name(op));
        match &self.body {
            Body::One(fields) => line.push_str(&text(fields)),
            Body::Multi(parts) => {
                for (op, fields) in parts {
                    write!(line, "{}:{};", name(*op), text(fields)).expect("a String takes everything");
                }
            }
        }
        line.trim_end().to_string()
    }

    pub fn json(&self, offset: u64) -> Value {
        let TxnHeader { session, cxid, zxid, time, op } = self.header;
        let hex = |number: i64| format!("{number:#x}");
        let mut value = json!({
            "offset": offset, "zxid": hex(zxid), "session": hex(session), "cxid": cxid, "time": time, "type": name(op),
        });
        let body = match &self.body {
            Body::One(fields) => object(fields),
            Body::Multi(parts) => {
                let parts = parts.iter().map(|(op, fields)| json!({ "type": name(*op), "txn": object(fields) }));
                Value::Array(parts.collect())
            }
        };
        value["txn"] = body;
        if let Some(digest) = &self.digest {
            value["digest"] = json!(hex(digest.digest));
        }
        value
    }
}

fn fields<'a>(op: i32, r: &mut Reader<'a>) -> Result<Fields<'a>, Malformed> {
    use Field::{Bytes, Flag, Number, Paths};
    let acl = |acl: Option<Vec<Acl<'a>>>| Field::Acl(acl.unwrap_or_default());
    let path = |path: &'a [u8]| ("path", Bytes(Some(path)));
    Ok(match op {
        Op::CREATE_SESSION => vec![("timeout", Number(CreateSessionTxn::decode(r)?.timeout_ms.into()))],
        Op::CLOSE_SESSION => {
            let start = r.clone();
            match CloseSessionTxn::decode(r) {
                Ok(CloseSessionTxn { paths }) => vec![("paths", Paths(paths))],
                // Older servers write no body; a digest may follow all the same.
                Err(_) if start.left() == 0 || start.left() == DIGEST_BYTES => {
                    *r = start;
                    Vec::new()
                }
                Err(malformed) => return Err(malformed),
            }
        }
        Op::CREATE | Op::CREATE2 => {
            let start = r.clone();
            let CreateTxn { path: at, data, acl: list, ephemeral, parent_cversion } =
                CreateTxn::decode(r).or_else(|malformed| {
                    *r = start;
                    let CreateTxnV0 { path, data, acl, ephemeral } = CreateTxnV0::decode(r).map_err(|_| malformed)?;
                    Ok(CreateTxn { path, data, acl, ephemeral, parent_cversion: -1 })
                })?;
            let version = ("parentCVersion", Number(parent_cversion.into()));
            vec![path(at), ("data", Bytes(data)), ("acl", acl(list)), ("ephemeral", Flag(ephemeral)), version]
        }
        Op::CREATE_TTL => {
            let CreateTtlTxn { path: at, data, acl: list, parent_cversion, ttl } = CreateTtlTxn::decode(r)?;
            let version = ("parentCVersion", Number(parent_cversion.into()));
            vec![path(at), ("data", Bytes(data)), ("acl", acl(list)), version, ("ttl", Number(ttl))]
        }
        Op::CREATE_CONTAINER => {
            let CreateContainerTxn { path: at, data, acl: list, parent_cversion } = CreateContainerTxn::decode(r)?;
            let version = ("parentCVersion", Number(parent_cversion.into()));
            vec![path(at), ("data", Bytes(data)), ("acl", acl(list)), version]
        }
        Op::DELETE | Op::DELETE_CONTAINER => vec![path(DeleteTxn::decode(r)?.path)],
        Op::SET_DATA | Op::RECONFIG => {
            let SetDataTxn { path: at, data, version } = SetDataTxn::decode(r)?;
            vec![path(at), ("data", Bytes(data)), ("version", Number(version.into()))]
        }
        Op::SET_ACL => {
            let SetAclTxn { path: at, acl: list, version } = SetAclTxn::decode(r)?;
            vec![path(at), ("acl", acl(list)), ("version", Number(version.into()))]
        }
        Op::CHECK => {
            let CheckVersionTxn { path: at, version } = CheckVersionTxn::decode(r)?;
            vec![path(at), ("version", Number(version.into()))]
        }
        Op::ERROR => vec![("err", Number(ErrorTxn::decode(r)?.err.into()))],
        other => return Err(r.malformed("transaction type", Problem::Value(other.into()))),
    })
}

/// As Apache's tools name what a transaction does.
fn name(op: i32) -> String {
    let known = match op {
        Op::CREATE_SESSION => "createSession",
        Op::CLOSE_SESSION => "closeSession",
        Op::CREATE => "create",
        Op::CREATE2 => "create2",
        Op::CREATE_TTL => "createTtl",
        Op::CREATE_CONTAINER => "createContainer",
        Op::DELETE => "delete",
        Op::DELETE_CONTAINER => "deleteContainer",
        Op::SET_DATA => "setData",
        Op::SET_ACL => "setACL",
        Op::RECONFIG => "reconfig",
        Op::CHECK => "check",
        Op::MULTI => "multi",
        Op::ERROR => "error",
        other => return format!("unknown {other}"),
    };
    known.to_string()
}

fn text(fields: &Fields<'_>) -> String {
    let texts = fields.iter().map(|(_, field)| match field {
        Field::Bytes(bytes) => bytes.unwrap_or_default().escape_ascii().to_string(),
        Field::Number(number) => number.to_string(),
        Field::Flag(flag) => flag.to_string(),
        Field::Acl(list) => format!("[{}]", list.iter().map(entry).collect::<Vec<_>>().join(" ")),
        Field::Paths(paths) => {
            let paths: Vec<String> = paths.iter().map(|path| path.escape_ascii().to_string()).collect();
            format!("[{}]", paths.join(" "))
        }
    });
    texts.collect::<Vec<_>>().join(",")
}

fn object(fields: &Fields<'_>) -> Value {
    let pairs = fields.iter().map(|(name, field)| {
        let value = match field {
            Field::Bytes(bytes) => bytes.map_or(Value::Null, json_bytes),
            Field::Number(number) => json!(number),
            Field::Flag(flag) => json!(flag),
            Field::Acl(list) => list.iter().map(json_entry).collect(),
            Field::Paths(paths) => paths.iter().map(|path| json_bytes(path)).collect(),
        };
        ((*name).to_string(), value)
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// `31:world:anyone`.
pub fn entry(acl: &Acl<'_>) -> String {
    format!("{}:{}:{}", acl.perms, acl.id.scheme.escape_ascii(), acl.id.id.escape_ascii())
}

pub fn json_entry(acl: &Acl<'_>) -> Value {
    json!({ "perms": acl.perms, "scheme": json_bytes(acl.id.scheme), "id": json_bytes(acl.id.id) })
}

/// Text as text, and what is none as `{"hex": …}`.
pub fn json_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a String takes everything");
                hex
            });
            json!({ "hex": hex })
        }
    }
}
