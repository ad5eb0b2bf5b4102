//! The world of a simulated ensemble, its faults, its oracles and its explorers' shared parts.

pub mod disk;
pub mod history;
pub mod oracle;
pub mod rules;
pub mod time;
