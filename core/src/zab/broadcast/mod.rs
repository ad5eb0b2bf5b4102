//! Broadcast: proposals, acknowledgements, commits in zxid order (Zab paper phase 3;
//! reference/zookeeper.md section 3.7), and the quorum sync.

mod leader;
mod learner;
mod sync;

pub use sync::QuorumSync;
