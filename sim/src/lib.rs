//! The world of a simulated ensemble, its faults, its oracles and its explorers' shared parts.

pub mod client;
pub mod disk;
pub mod fault;
pub mod history;
pub mod link;
pub mod machine;
pub mod marks;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod step;
pub mod story;
pub mod time;
pub mod trace;
pub mod world;
