//! The laws of the fuzz targets, on their seeds, on seeds that are damaged everywhere, and on random bytes: so they hold,
//! and compile, wherever nobody fuzzes. `fuzz/README.md` says which decoder each is of.
#![expect(clippy::wildcard_enum_match_arm, reason = "a law looks at what it is about, and lets the rest pass")]

mod bytes;
#[path = "../../../fuzz/laws/client.rs"]
mod client;
#[path = "../../../fuzz/laws/client_port.rs"]
mod client_port;
#[path = "../../../fuzz/laws/configuration.rs"]
mod configuration;
#[path = "../../../fuzz/laws/directory.rs"]
mod directory;
#[path = "../../../fuzz/laws/election_port.rs"]
mod election_port;
#[path = "../../../fuzz/laws/epoch_file.rs"]
mod epoch_file;
#[path = "../../../fuzz/laws/key_store.rs"]
mod key_store;
#[path = "../../../fuzz/laws/log_file.rs"]
mod log_file;
#[path = "../../../fuzz/laws/member.rs"]
mod member;
#[path = "../../../fuzz/laws/offline.rs"]
mod offline;
#[path = "../../../fuzz/laws/prompt.rs"]
mod prompt;
#[path = "../../../fuzz/laws/quorum_port.rs"]
mod quorum_port;
#[path = "../../../fuzz/laws/replies.rs"]
mod replies;
#[path = "../../../fuzz/laws/service.rs"]
mod service;
#[path = "../../../fuzz/laws/snapshot.rs"]
mod snapshot;
#[path = "../../../fuzz/laws/transaction.rs"]
mod transaction;

/// One test for each law.
macro_rules! laws {
    ($($name:ident: $law:path;)*) => {$(
        #[test]
        fn $name() {
            bytes::check(stringify!($name), $law);
        }
    )*};
}

laws! {
    client: client::holds;
    client_port: client_port::holds;
    configuration: configuration::holds;
    directory: directory::holds;
    election_port: election_port::holds;
    epoch_file: epoch_file::holds;
    key_store: key_store::holds;
    log_file: log_file::holds;
    member: member::holds;
    offline: offline::holds;
    prompt: prompt::holds;
    quorum_port: quorum_port::holds;
    replies: replies::holds;
    service: service::holds;
    snapshot: snapshot::holds;
    transaction: transaction::holds;
}

/// Found by `directory`: the next start had forgotten it.
#[test]
fn an_accepted_epoch_stands_in_a_new_servers_directory_that_holds_nothing_else() {
    directory::holds(&[1, 0, 1, b'1', 0, 0, 0]);
}
