//! `zabra snapshot`: the tree in a snapshot.

use super::file::{OneFile, create_whole, open_content};
use super::transaction::{entry, json_bytes, json_entry};
use super::{Failed, warn};
use crate::exit::Exit;
use crate::packed;
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use std::cmp::Ordering;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zabra_core::admin::date;
use zabra_core::id::Zxid;
use zabra_core::log::name::{FileName, Suffix};
use zabra_core::log::snapshot::Decoded;
use zabra_core::log::{StoreLimits, read_snapshot_file};
use zabra_core::tree::{Database, Entry};

#[derive(Clone, Debug, Subcommand)]
pub enum SnapshotVerb {
    /// Writes every znode, and the sessions.
    Dump {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As objects of JSON, one in a line.
        #[arg(long)]
        json: bool,
        /// The data too, and not its length alone.
        #[arg(long)]
        data: bool,
    },
    /// Says whether a server can start from it.
    Verify {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Writes it anew: compressed, otherwise, or not at all. The file that is there stays.
    Convert {
        file: PathBuf,
        /// What `snapshot.compression.method` may be.
        #[arg(long, value_enum)]
        to: Method,
        /// In place of one beside it, with the suffix that belongs to it.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Says which znodes are in one alone (- and +), and which differ (~) and in what.
    Compare { before: PathBuf, after: PathBuf },
}

/// A form in which Apache's servers store snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    None,
    Gz,
    Snappy,
}

impl Method {
    fn suffix(self) -> Suffix {
        match self {
            Method::None => Suffix::None,
            Method::Gz => Suffix::Gz,
            Method::Snappy => Suffix::Snappy,
        }
    }
}

pub(super) fn run(verb: &SnapshotVerb, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, Failed> {
    match verb {
        SnapshotVerb::Dump { files, json, data } => {
            for file in files {
                let (zxid, decoded) = read(file)?;
                if *json { dump_json(&decoded.image, *data, out)? } else { dump(zxid, &decoded, *data, out)? }
            }
            Ok(Exit::Finished)
        }
        SnapshotVerb::Verify { files } => {
            let mut worst = Exit::Finished;
            for file in files {
                match read(file).and_then(|(_, decoded)| verify(file, &decoded, out)) {
                    Ok(()) => {}
                    Err(Failed::Said(Exit::DataDir, what)) => {
                        warn(err, what);
                        worst = Exit::DataDir;
                    }
                    Err(failed) => return Err(failed),
                }
            }
            Ok(worst)
        }
        SnapshotVerb::Convert { file, to, output } => convert(file, to.suffix(), output.as_deref(), out),
        SnapshotVerb::Compare { before, after } => {
            let ((_, one), (_, other)) = (read(before)?, read(after)?);
            compare(&one.image, &other.image, out)
        }
    }
}

fn read(path: &Path) -> Result<(Zxid, Decoded), Failed> {
    let said = |exit, what: String| Failed::Said(exit, format!("{}: {what}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (zxid, suffix) = match FileName::parse(name) {
        Some(FileName::Snapshot(zxid, suffix)) => (zxid, suffix),
        Some(FileName::Log(_) | FileName::Install(_) | FileName::Truncate(_)) | None => {
            let what = "expected a name as snapshot.ZXID, with the zxid in hexadecimal";
            return Err(said(Exit::Invocation, what.into()));
        }
    };
    let mut file = OneFile::open_snapshot(path, suffix).map_err(|what| Failed::Said(Exit::Invocation, what))?;
    let read = read_snapshot_file(&mut file, &path.display().to_string(), zxid, suffix, &StoreLimits::default());
    let decoded = read.map_err(|error| Failed::Said(Exit::DataDir, error.to_string()))?;
    Ok((zxid, decoded.map_err(|error| said(Exit::DataDir, error.to_string()))?))
}

fn dump(zxid: Zxid, decoded: &Decoded, with_data: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let tree = decoded.image.tree();
    writeln!(out, "ZNode Details (count={}):", tree.len())?;
    for znode in tree.iter() {
        writeln!(out, "----\n{}", path_of(&znode).escape_ascii())?;
        let stat = znode.znode.persisted();
        writeln!(out, "  cZxid = {:#016x}\n  ctime = {}", stat.czxid, date(stat.ctime))?;
        writeln!(out, "  mZxid = {:#016x}\n  mtime = {}", stat.mzxid, date(stat.mtime))?;
        writeln!(out, "  pZxid = {:#016x}\n  cversion = {}", stat.pzxid, stat.cversion)?;
        writeln!(out, "  dataVersion = {}\n  aclVersion = {}", stat.version, stat.aversion)?;
        writeln!(out, "  ephemeralOwner = {:#016x}", stat.ephemeral_owner)?;
        let acl: Vec<String> = znode.znode.acl().entries().map(|acl| entry(&acl)).collect();
        writeln!(out, "  acl = {}", acl.join(" "))?;
        let data = znode.znode.data().unwrap_or_default();
        if with_data {
            writeln!(out, "  data = {}", data.escape_ascii())?;
        } else {
            writeln!(out, "  dataLength = {}", data.len())?;
        }
    }
    writeln!(out, "----\nSession Details (sid, timeout, ephemeralCount):")?;
    for (session, timeout_ms) in decoded.image.sessions() {
        writeln!(out, "{:#016x}, {timeout_ms}, {}", session.0, tree.ephemerals(session).count())?;
    }
    if let Some((at, digest)) = decoded.digest {
        writeln!(out, "Target zxid digest is: {:x}, {digest}", at.to_wire())?;
    }
    writeln!(out, "----\nLast zxid: {:#x}", zxid.to_wire())?;
    Ok(())
}

fn dump_json(image: &Database, with_data: bool, out: &mut dyn Write) -> Result<(), Failed> {
    for znode in image.tree().iter() {
        let stat = znode.znode.persisted();
        let hex = |number: i64| format!("{number:#x}");
        let acl: Vec<_> = znode.znode.acl().entries().map(|acl| json_entry(&acl)).collect();
        let mut value = json!({
            "path": json_bytes(&path_of(&znode)), "czxid": hex(stat.czxid), "ctime": stat.ctime,
            "mzxid": hex(stat.mzxid), "mtime": stat.mtime, "pzxid": hex(stat.pzxid), "cversion": stat.cversion,
            "version": stat.version, "aversion": stat.aversion, "ephemeralOwner": hex(stat.ephemeral_owner),
            "acl": acl, "dataLength": znode.znode.data().map_or(0, <[u8]>::len),
        });
        if with_data {
            value["data"] = znode.znode.data().map_or(serde_json::Value::Null, json_bytes);
        }
        writeln!(out, "{value}")?;
    }
    for (session, timeout_ms) in image.sessions() {
        let ephemerals = image.tree().ephemerals(session).count();
        let session = format!("{:#x}", session.0);
        writeln!(out, "{}", json!({ "session": session, "timeout": timeout_ms, "ephemerals": ephemerals }))?;
    }
    Ok(())
}

fn verify(path: &Path, decoded: &Decoded, out: &mut dyn Write) -> Result<(), Failed> {
    let (name, image) = (path.display(), &decoded.image);
    let found = image.digests().apache;
    let digest = match decoded.digest {
        None => "without a digest".to_string(),
        Some((at, expected)) if at == image.zxid() && found != expected => {
            let what = format!("{name}: the digest at {at} is {expected}, its znodes give {found}");
            return Err(Failed::Said(Exit::DataDir, what));
        }
        Some((at, _)) if at == image.zxid() => "its digest is right".to_string(),
        Some((at, _)) => format!("written under load: exact only with the log up to {at}"),
    };
    let (znodes, sessions) = (image.tree().len(), image.sessions().len());
    writeln!(out, "{name}: {znodes} znodes, {sessions} sessions, {digest}")?;
    Ok(())
}

/// The new file appears under its name when it is whole, and holds what the old one does, byte for byte.
fn convert(path: &Path, suffix: Suffix, output: Option<&Path>, out: &mut dyn Write) -> Result<Exit, Failed> {
    let (zxid, _) = read(path)?;
    let name = FileName::Snapshot(zxid, suffix).path();
    let name = name.rsplit('/').next().unwrap_or_default();
    let target = output.map_or_else(|| path.with_file_name(name), Path::to_path_buf);
    let refused = |error: io::Error| Failed::Said(Exit::Invocation, format!("{}: {error}", path.display()));
    let mut source = open_content(path).map_err(refused)?;
    let bytes = create_whole(&target, |file| Ok(packed::pack(&mut source, suffix, file)?))?;
    writeln!(out, "{}: {bytes} bytes", target.display())?;
    Ok(Exit::Finished)
}

fn compare(before: &Database, after: &Database, out: &mut dyn Write) -> Result<Exit, Failed> {
    let (mut left, mut right) = (before.tree().iter().peekable(), after.tree().iter().peekable());
    let mut count = 0u64;
    loop {
        // Both come in the same order.
        let side = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => (one.parent, one.name).cmp(&(other.parent, other.name)),
        };
        let line = match side {
            Ordering::Less => left.next().map(|one| format!("- {}", path_of(&one).escape_ascii())),
            Ordering::Greater => right.next().map(|one| format!("+ {}", path_of(&one).escape_ascii())),
            Ordering::Equal => left.next().zip(right.next()).and_then(|(one, other)| difference(&one, &other)),
        };
        if let Some(line) = line {
            count += 1;
            writeln!(out, "{line}")?;
        }
    }
    for (session, timeout_ms) in before.sessions() {
        if after.session_timeout(session) != Some(timeout_ms) {
            count += 1;
            writeln!(out, "- session {:#x} {timeout_ms}", session.0)?;
        }
    }
    for (session, timeout_ms) in after.sessions() {
        if before.session_timeout(session) != Some(timeout_ms) {
            count += 1;
            writeln!(out, "+ session {:#x} {timeout_ms}", session.0)?;
        }
    }
    writeln!(out, "{count} differences; digests {} and {}", before.digests().apache, after.digests().apache)?;
    Ok(if count == 0 { Exit::Finished } else { Exit::Unexpected })
}

fn difference(one: &Entry<'_>, other: &Entry<'_>) -> Option<String> {
    let (left, right) = (&one.znode, &other.znode);
    let differs = [
        ("data", left.data() != right.data()),
        ("acl", left.acl() != right.acl()),
        ("stat", left.persisted() != right.persisted()),
    ];
    let what: Vec<&str> = differs.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect();
    (!what.is_empty()).then(|| format!("~ {} {}", path_of(one).escape_ascii(), what.join(" ")))
}

fn path_of(znode: &Entry<'_>) -> Vec<u8> {
    let mut path = Vec::new();
    znode.write_path(&mut path);
    if path.is_empty() { b"/".to_vec() } else { path }
}
