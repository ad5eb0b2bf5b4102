//! Writing a snapshot, piece by piece over an image.

use super::{DIGEST_VERSION, END_PATH, Form, OPEN_ACL, SIGNATURE, header};
use crate::log::Image;
use crate::wire::Jute;
use crate::wire::jute::encode_length;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use simd_adler32::Adler32;

/// Writes an image as a file or as a stream. The image is shared, so the server goes on meanwhile.
#[derive(Clone)]
pub struct SnapshotEncoder {
    image: Image,
    form: Form,
    /// Each ACL list's id: its place in the order of lists, from 1.
    acl_ids: BTreeMap<Vec<u8>, i64>,
    stage: Stage,
    adler: Adler32,
}

#[derive(Clone)]
enum Stage {
    Head,
    /// The next znode is the first one behind this (parent, name).
    Znodes {
        behind: Option<(Vec<u8>, Vec<u8>)>,
    },
    Tail,
    Done,
}

impl SnapshotEncoder {
    pub fn new(image: Image, form: Form) -> Self {
        let lists = image.tree().acl_lists().filter(|list| !list.is_null());
        let acl_ids = lists.zip(1..).map(|(list, id)| (list.as_bytes().to_vec(), id)).collect();
        SnapshotEncoder { image, form, acl_ids, stage: Stage::Head, adler: Adler32::new() }
    }

    /// Appends the next piece, of about `piece_bytes` and at most one znode more. Returns whether
    /// there is another.
    pub fn next_piece(&mut self, piece_bytes: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        while out.len() - start < piece_bytes && !matches!(self.stage, Stage::Done) {
            let from = out.len();
            match core::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Head => {
                    self.head(out);
                    self.stage = Stage::Znodes { behind: None };
                }
                Stage::Znodes { behind } => {
                    let limit = start.saturating_add(piece_bytes);
                    self.stage = match self.znodes(behind, limit, out) {
                        Some(last) => Stage::Znodes { behind: Some(last) },
                        None => Stage::Tail,
                    };
                }
                Stage::Tail => {
                    self.tail(from, out);
                    break;
                }
                Stage::Done => {}
            }
            self.adler.write(&out[from..]);
        }
        !matches!(self.stage, Stage::Done)
    }

    fn head(&self, out: &mut Vec<u8>) {
        if self.form == Form::File {
            out.extend_from_slice(&header());
        }
        let sessions = self.image.sessions();
        encode_length(sessions.len(), out);
        for (session, timeout_ms) in sessions {
            session.0.encode(out);
            timeout_ms.encode(out);
        }
        encode_length(self.acl_ids.len(), out);
        for (list, id) in &self.acl_ids {
            id.encode(out);
            out.extend_from_slice(list);
        }
    }

    /// Writes znodes until `out` reaches `limit`; returns the last one's key, or `None` when there
    /// are no more.
    fn znodes(
        &self,
        behind: Option<(Vec<u8>, Vec<u8>)>,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let (parent, name) = behind.as_ref().map_or((&[][..], &[][..]), |(parent, name)| (parent, name));
        let mut path = Vec::new();
        for entry in self.image.tree().iter_from(parent, name) {
            if behind.is_some() && entry.parent == parent && entry.name == name {
                continue;
            }
            path.clear();
            entry.write_path(&mut path);
            path.as_slice().encode(out);
            entry.znode.data().encode(out);
            let acl = entry.znode.acl();
            let id = if acl.is_null() { OPEN_ACL } else { self.acl_ids[acl.as_bytes()] };
            id.encode(out);
            entry.znode.persisted().encode(out);
            if out.len() >= limit {
                return Some((entry.parent.to_vec(), entry.name.to_vec()));
            }
        }
        None
    }

    fn tail(&mut self, from: usize, out: &mut Vec<u8>) {
        END_PATH.encode(out);
        if self.form == Form::Stream {
            SIGNATURE.encode(out);
            return;
        }
        let mut sealed = from;
        self.seal(&mut sealed, out);
        self.image.zxid().to_wire().encode(out);
        DIGEST_VERSION.encode(out);
        (self.image.digests().apache as i64).encode(out);
        self.seal(&mut sealed, out);
        self.image.zxid().to_wire().encode(out);
        self.seal(&mut sealed, out);
    }

    /// The checksum of everything so far, earlier seals included.
    fn seal(&mut self, sealed: &mut usize, out: &mut Vec<u8>) {
        self.adler.write(&out[*sealed..]);
        *sealed = out.len();
        i64::from(self.adler.finish()).encode(out);
        END_PATH.encode(out);
    }
}
