//! multi: several operations in one transaction, all or none (reference/zookeeper.md section 1.8).
//!
//! One draft sees them all, so each is checked against what those before it would do. A multi that
//! fails is logged all the same, with what came before the failure as it was: who applies it looks
//! for the error first, and applies nothing.

use super::super::ahead::Draft;
use super::create::{self, Kind};
use super::{Asker, change};
use crate::wire::multi::{NOT_TRIED, Part};
use crate::wire::txn::ErrorTxn;
use crate::wire::{Code, Jute, Op, jute};
use alloc::vec::Vec;

/// Appends the body of a multi's transaction. Returns what it drafted, and whether every operation passed.
pub(super) fn draft<'a>(
    mut draft: Draft<'a>,
    asker: &Asker<'_>,
    may_write: Result<(), Code>,
    parts: &[Part<'_>],
    out: &mut Vec<u8>,
) -> (Draft<'a>, bool) {
    jute::encode_length(parts.len(), out);
    let mut failed = false;
    for part in parts {
        let start = out.len();
        let result = match failed {
            true => Err(NOT_TRIED),
            false => {
                begin(part.op(), out);
                one(&mut draft, asker, may_write, part, out).map_err(Code::to_wire)
            }
        };
        if let Err(err) = result {
            failed = true;
            out.truncate(start);
            begin(Op::ERROR, out);
            ErrorTxn { err }.encode(out);
        }
        end(start, out);
    }
    (draft, !failed)
}

fn one(
    draft: &mut Draft<'_>,
    asker: &Asker<'_>,
    may_write: Result<(), Code>,
    part: &Part<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    match part {
        Part::Create(request) => {
            let kind = Kind::of(request)?;
            may_write?;
            create::draft(draft, asker, request, kind, out)
        }
        Part::Delete(request) => {
            may_write?;
            change::draft_delete(draft, asker, request, out)
        }
        Part::SetData(request) => {
            may_write?;
            change::draft_set_data(draft, asker, request, out)
        }
        Part::Check(request) => {
            may_write?;
            change::draft_check(draft, asker, request, out)
        }
    }
}

/// The type of an operation and room for its length.
fn begin(op: i32, out: &mut Vec<u8>) {
    op.encode(out);
    0i32.encode(out);
}

/// Puts the length of the body before it.
fn end(start: usize, out: &mut [u8]) {
    let body = start + 8;
    let length = i32::try_from(out.len() - body).expect("a multi is bounded by its frame");
    out[body - 4..body].copy_from_slice(&length.to_be_bytes());
}
