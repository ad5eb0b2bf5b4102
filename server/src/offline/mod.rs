//! Tools for the files of a data directory, while no server needs to run: `zabra txnlog` and
//! `zabra snapshot`. They read by the code by which a server reads, compressed snapshots too, and change no file that exists.
//!
//! What is found goes to the standard output, what is wrong to the standard error. Exit codes: 0, 1
//! (snapshots that differ), 2 (a file that cannot be opened, or written), 3 (a file that is damaged).

#[doc(hidden)]
pub mod examine;
mod file;
mod snapshot;
mod transaction;
mod txnlog;

pub use snapshot::SnapshotVerb;
pub use txnlog::TxnlogVerb;

use crate::console::{complain, said};
use crate::exit::Exit;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};

/// Why a tool ends without having done all of its work.
#[derive(Debug)]
enum Failed {
    /// With what is said, and how the process ends.
    Said(Exit, String),
    Output(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Output(error)
    }
}

pub fn run_txnlog(verb: &TxnlogVerb) -> Exit {
    run(|out, err| txnlog::run(verb, out, err))
}

pub fn run_snapshot(verb: &SnapshotVerb) -> Exit {
    run(|out, err| snapshot::run(verb, out, err))
}

fn run(tool: impl FnOnce(&mut dyn Write, &mut dyn Write) -> Result<Exit, Failed>) -> Exit {
    let mut out = BufWriter::new(io::stdout().lock());
    let ended = tool(&mut out, &mut io::stderr()).and_then(|exit| out.flush().map(|()| exit).map_err(Failed::from));
    match ended {
        Ok(exit) => exit,
        Err(Failed::Output(error)) => said(Err(error)).err().unwrap_or(Exit::Unexpected),
        Err(Failed::Said(exit, what)) => {
            drop(out.flush());
            complain(what);
            exit
        }
    }
}

/// Says what is wrong, and goes on; where nobody can be told, nobody is.
fn warn(err: &mut dyn Write, what: impl Display) {
    drop(writeln!(err, "{what}"));
}

#[cfg(test)]
mod tests;
