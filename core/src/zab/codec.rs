//! Packets and notifications as bytes, and back (reference/zookeeper.md sections 3.1, 3.3, 3.6).
//!
//! This is where numbers from the network become typed or are refused: server ids, epochs, the
//! zxid of a transaction against that of its packet, and types that do not travel in this
//! direction. How the streams are cut is `wire`'s, what a snapshot is is `log::snapshot`'s.

mod packet;
mod reader;
mod vote;

pub use packet::{Side, encode_packet};
pub use reader::PacketReader;
pub use vote::{ElectionItem, ElectionReader, decode_notification, encode_notification};

use crate::id::ServerId;
use crate::wire::{Malformed, Problem};

/// Ids above 127 do not fit a [`crate::id::ServerSet`]; they are refused, never cut short.
fn server_id(wire: i64, what: &'static str, at: usize) -> Result<ServerId, Malformed> {
    match u8::try_from(wire) {
        Ok(id @ 1..=127) => Ok(ServerId(id)),
        Ok(_) | Err(_) => Err(Malformed { what, at, problem: Problem::Value(wire) }),
    }
}

#[cfg(test)]
mod tests;
