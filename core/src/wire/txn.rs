//! Transaction records: what logs and proposals carry (`org.apache.zookeeper.txn`,
//! reference/zookeeper.md sections 1.8, 2 and 4.2).
//!
//! A transaction's bytes are `TxnHeader`, the body of its type, and an optional `TxnDigest`.

use super::jute::record;
use super::records::Acl;
use alloc::vec::Vec;

record! {
    /// Stands before every transaction. `op` is an operation code, −1 for a failed write.
    TxnHeader { session: i64, cxid: i32, zxid: i64, time: i64, op: i32 }
    /// The tree's digest after the transaction (section 2.9).
    TxnDigest { version: i32, digest: i64 }
    /// Logs of servers before 3.4 hold this form, without the parent's cversion.
    CreateTxnV0<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, ephemeral: bool }
    CreateTxn<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, ephemeral: bool, parent_cversion: i32 }
    CreateTtlTxn<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, parent_cversion: i32, ttl: i64 }
    CreateContainerTxn<'a> { path: &'a [u8], data: Option<&'a [u8]>, acl: Option<Vec<Acl<'a>>>, parent_cversion: i32 }
    DeleteTxn<'a> { path: &'a [u8] }
    SetDataTxn<'a> { path: &'a [u8], data: Option<&'a [u8]>, version: i32 }
    CheckVersionTxn<'a> { path: &'a [u8], version: i32 }
    SetAclTxn<'a> { path: &'a [u8], acl: Option<Vec<Acl<'a>>>, version: i32 }
    CreateSessionTxn { timeout_ms: i32 }
    CloseSessionTxn<'a> { paths: Vec<&'a [u8]> }
    ErrorTxn { err: i32 }
    /// One operation of a multi: its type and its body as a buffer.
    Txn<'a> { op: i32, data: Option<&'a [u8]> }
    MultiTxn<'a> { txns: Vec<Txn<'a>> }
}
