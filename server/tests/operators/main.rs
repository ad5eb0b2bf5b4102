//! What operators ask a server, over its real ports.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test of the real thing uses real sockets, files and processes"
)]

#[expect(dead_code, reason = "the tests of the service use the rest")]
#[path = "../serve/client.rs"]
mod client;
mod http;
#[expect(dead_code, reason = "the tests of the service use the rest")]
#[path = "../serve/process.rs"]
mod process;
mod words;
