//! What `zabra txnlog` and `zabra snapshot` read: any file, plain or compressed, is written out, verified, compared with
//! itself, or said to be damaged; never by a panic.

use zabra::offline::examine;
use zabra_core::log::name::Suffix;
use zabra_core::log::record::encode_header;

pub fn holds(bytes: &[u8]) {
    let [kind, rest @ ..] = bytes else { return };
    match kind % 5 {
        0 => examine::log(rest),
        // Behind a proper beginning: without it nothing else is looked at.
        1 => examine::log(&[&encode_header()[..], rest].concat()),
        2 => examine::snapshot(rest, Suffix::None),
        3 => examine::snapshot(rest, Suffix::Gz),
        _ => examine::snapshot(rest, Suffix::Snappy),
    }
}
