//! A run, told to people and to machines.
//!
//! People read status lines while it runs ([`status`]) and a card when it fails ([`card`]);
//! machines read an exit code ([`exit`]), `report.json` ([`report`]) and JUnit XML ([`junit`]). Whoever wants to
//! understand a run opens its page ([`page`]), or a diagram ([`mermaid`], [`perfetto`]), made of its [`timeline`]. Nothing here runs
//! anything, judges anything or knows the date: a report is a function of a run.

pub mod card;
pub mod exit;
pub mod junit;
pub mod mermaid;
pub mod page;
pub mod paint;
pub mod perfetto;
pub mod report;
pub mod status;
pub mod timeline;
