//! The checks of the `tidy` test: what a reviewer would otherwise have to say again and again.
//!
//! Each module answers one question about the tree and returns sentences; an empty list means that
//! all is well. Checking never writes; `cargo xtask ratchet` does.

pub mod edges;
pub mod explore_page;
pub mod interop;
pub mod layers;
pub mod peers;
pub mod sizes;
pub mod source;
pub mod words;
