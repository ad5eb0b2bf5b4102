//! What a connection knew and the next one is told again, for clients that want it
//! ([`Config::remembers`](crate::Config)): identities, and the watches of addWatch.
//!
//! Both travel as raw requests; here their bodies are read again when the server has said yes.

use crate::deframe::frame;
use crate::operation::{Code, Operation};
use crate::watches::WatchTable;
use zabra_core::wire::records::{AddWatchRequest, RequestHeader, WatchesRequest};
use zabra_core::wire::{Jute, Op, ReservedXid};

/// The bodies of the auth packets that were accepted, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    identities: Vec<Vec<u8>>,
}

impl Memory {
    /// A request was answered.
    pub fn note(&mut self, operation: &Operation, code: Code, watches: &mut WatchTable) {
        let Operation::Raw { op, body } = operation else { return };
        if code != Code::Ok {
            return;
        }
        match *op {
            Op::AUTH if !self.identities.contains(body) => self.identities.push(body.clone()),
            Op::ADD_WATCH => {
                let Ok(AddWatchRequest { path, mode }) = AddWatchRequest::from_bytes(body) else { return };
                let table = if mode == 1 { &mut watches.recursive } else { &mut watches.persistent };
                table.insert(path.to_vec());
            }
            Op::REMOVE_WATCHES => {
                let Ok(WatchesRequest { path, kind }) = WatchesRequest::from_bytes(body) else { return };
                watches.remove(path, kind);
            }
            _ => {}
        }
    }

    /// The packets for a new connection, each with the body that it carries.
    pub fn packets(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let packet = |body: &Vec<u8>| {
            let bytes = frame(|out| {
                RequestHeader { xid: ReservedXid::AUTH, op: Op::AUTH }.encode(out);
                out.extend_from_slice(body);
            });
            (bytes, body.clone())
        };
        self.identities.iter().map(packet).collect()
    }

    /// An identity that a server no longer accepts would end every connection.
    pub fn forget(&mut self, body: &[u8]) {
        self.identities.retain(|known| known != body);
    }
}
