//! multiRead: several reads of one state (reference/zookeeper.md section 1.8). Each fails on its own.

use super::Service;
use super::access::Perms;
use super::reply::{Address, reply};
use crate::contract::Cx;
use crate::rule::Rules;
use crate::wire::multi::{ReadPart, decode_multi_read, encode_end, encode_error, encode_read_header};
use crate::wire::records::GetDataReply;
use crate::wire::{Code, Jute, Op};
use alloc::vec::Vec;

impl Service {
    /// The answer is bounded, for one frame can name a large znode very often.
    pub(super) fn read_many<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Address,
        body: &[u8],
        known: usize,
    ) -> Result<(), Code> {
        let parts = decode_multi_read(body)?;
        let mut results = Vec::new();
        for ReadPart { op, path } in parts {
            match self.readable(cx, to, known, path, Perms::READ) {
                Err(code) => encode_error(code.to_wire(), &mut results),
                Ok(znode) => {
                    encode_read_header(op, &mut results);
                    match op {
                        Op::GET_DATA => GetDataReply { data: znode.data(), stat: znode.stat() }.encode(&mut results),
                        _ => self.encode_children(path, &znode, &mut results),
                    }
                }
            }
            if results.len() > cx.config.limits.reply_bytes {
                return Err(Code::BadArguments);
            }
        }
        encode_end(&mut results);
        reply(cx, to, self.applied(), 0, |out| out.extend_from_slice(&results));
        Ok(())
    }
}
