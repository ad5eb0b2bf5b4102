//! `zabra txnlog`: the transactions of logs.

use super::file::{OneFile, Uncreated, create_whole};
use super::transaction::Transaction;
use super::{Failed, warn};
use crate::exit::Exit;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use zabra_core::id::Zxid;
use zabra_core::log::record::{HEADER_BYTES, Item, Scanner, Source, repeats};
use zabra_core::log::{LoadError, StoreLimits, read_log_file};

/// A copy is made in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, Subcommand)]
pub enum TxnlogVerb {
    /// Writes every transaction in a line.
    Dump {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As objects of JSON, one in a line.
        #[arg(long)]
        json: bool,
    },
    /// Says whether a server would take the log as it is, and what it would do about its end.
    Verify {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Writes what stands before the first damage into a new file; the log itself stays as it is.
    Repair {
        file: PathBuf,
        /// The new file; FILE.repaired unless it is named. It must not be there. Until it is whole it is called .tmp.
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

pub(super) fn run(verb: &TxnlogVerb, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failed> {
    match verb {
        TxnlogVerb::Dump { files, json } => {
            for file in files {
                dump(file, *json, out)?;
            }
            Ok(Exit::Finished)
        }
        TxnlogVerb::Verify { files } => {
            let mut worst = Exit::Finished;
            for file in files {
                if let Err(what) = verify(file, out)? {
                    warn(err, what);
                    worst = Exit::DataDir;
                }
            }
            Ok(worst)
        }
        TxnlogVerb::Repair { file, output } => {
            let mut name = file.clone().into_os_string();
            name.push(".repaired");
            repair(file, output.as_ref().unwrap_or(&PathBuf::from(name)), out, err)
        }
    }
}

/// A log that begins as one, ready to be read.
fn open(path: &Path) -> Result<Scanner<OneFile>, Failed> {
    let source = OneFile::open(path).map_err(|what| Failed::Said(Exit::Invocation, what))?;
    let mut scanner = Scanner::new(source, StoreLimits::default().record_bytes);
    match scanner.header() {
        Ok(true) => Ok(scanner),
        Ok(false) => Err(damaged(path, 0, "the header of a transaction log")),
        Err(_) => Err(unreadable(path)),
    }
}

fn damaged(path: &Path, at: u64, expected: &str) -> Failed {
    Failed::Said(Exit::DataDir, format!("{}: offset {at}: expected {expected}", path.display()))
}

fn unreadable(path: &Path) -> Failed {
    Failed::Said(Exit::DataDir, format!("{}: input/output error", path.display()))
}

fn dump(path: &Path, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let mut scanner = open(path)?;
    if !json {
        writeln!(out, "ZooKeeper transaction log {}", path.display())?;
    }
    let mut count = 0u64;
    loop {
        match scanner.read_item().map_err(|_| unreadable(path))? {
            Item::Record { at, bytes, .. } => {
                let transaction = Transaction::decode(bytes).map_err(|malformed| {
                    let what = format!("{}: offset {at}: expected a transaction: {malformed}", path.display());
                    Failed::Said(Exit::DataDir, what)
                })?;
                if json {
                    writeln!(out, "{}", transaction.json(at))?;
                } else {
                    writeln!(out, "{}", transaction.line())?;
                }
                count += 1;
            }
            Item::End { .. } => break,
            Item::Damage { at, what } => return Err(damaged(path, at, what.expected())),
        }
    }
    if !json {
        writeln!(out, "EOF reached after {count} txns.")?;
    }
    Ok(())
}

/// What a server that starts from it would find, as the last log of its directory. The inner error is the
/// log's, the outer one the tool's.
fn verify(path: &Path, out: &mut dyn Write) -> Result<Result<(), String>, Failed> {
    let mut file = OneFile::open(path).map_err(|what| Failed::Said(Exit::Invocation, what))?;
    let name = path.display().to_string();
    let (mut count, mut first, mut last) = (0u64, None, None);
    let each = |file: &str, offset, zxid, bytes: &[u8]| {
        if repeats(last, zxid, bytes) {
            return Ok(());
        }
        if let Some(after) = last.replace(zxid)
            && !Zxid::is_followed_by(after, zxid)
        {
            return Err(LoadError::Gap { file: file.to_string(), offset, after, found: zxid });
        }
        if Transaction::decode(bytes).is_err() {
            return Err(LoadError::Rot { file: file.to_string(), offset, expected: "a transaction that is known" });
        }
        first.get_or_insert(zxid);
        count += 1;
        Ok(())
    };
    let end = match read_log_file(&mut file, &name, &StoreLimits::default(), each) {
        Ok(end) => end,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if end.torn && end.at < HEADER_BYTES {
        return Ok(Err(format!("{name}: offset 0: expected the header of a transaction log")));
    }
    write!(out, "{name}: {count} transactions")?;
    if let (Some(first), Some(last)) = (first, last) {
        write!(out, ", {first} to {last}")?;
    }
    writeln!(out, ", the data ends at byte {}", end.at)?;
    if end.torn {
        writeln!(out, "  torn tail from byte {}: a server cuts it when it starts", end.at)?;
    }
    Ok(Ok(()))
}

fn repair(path: &Path, output: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failed> {
    let mut scanner = open(path)?;
    let mut count = 0u64;
    let (end, damage) = loop {
        match scanner.read_item().map_err(|_| unreadable(path))? {
            Item::Record { .. } => count += 1,
            Item::End { at } => break (at, None),
            Item::Damage { at, what } => break (at, Some(what)),
        }
    };
    let mut judged = OneFile::open(path).map_err(|what| Failed::Said(Exit::Invocation, what))?;
    let name = path.display().to_string();
    if let Err(error) = read_log_file(&mut judged, &name, &StoreLimits::default(), |_, _, _, _| Ok(())) {
        warn(
            err,
            format_args!("warning: the new file lacks what was acknowledged and stood behind the damage: {error}"),
        );
    }
    create_whole(output, |target| copy(path, end, target))?;
    let what = damage.map_or("nothing was damaged".to_string(), |damage| {
        format!("cut at offset {end}: expected {}", damage.expected())
    });
    writeln!(out, "{}: {count} transactions, {end} bytes; {what}", output.display())?;
    Ok(Exit::Finished)
}

/// Copies what stands before `end`.
fn copy(path: &Path, end: u64, target: &mut dyn Write) -> Result<(), Uncreated> {
    let mut source = OneFile::open(path).map_err(|what| Failed::Said(Exit::Invocation, what))?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < end {
        let wanted = usize::try_from(end - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let got = Source::read_at(&mut source, at, &mut piece[..wanted]).map_err(|_| unreadable(path))?;
        if got == 0 {
            return Err(damaged(path, at, "the bytes that were there a moment ago").into());
        }
        target.write_all(&piece[..got])?;
        at += got as u64;
    }
    Ok(())
}
