//! `zabra-lab verify`: transaction logs, snapshots and data directories, judged by the code by which a
//! server starts from them. Nothing is changed on the disk.

use super::Failed;
use crate::cli::Verify;
use crate::files::ReadOnly;
use crate::voice::Voice;
use serde::Serialize;
use std::fmt::Write;
use std::fs::{File, read_dir};
use std::path::Path;
use zabra_core::id::Zxid;
use zabra_core::log::name::{DIR, FileName, Suffix, in_dir};
use zabra_core::log::record::{HEADER_BYTES, repeats};
use zabra_core::log::{LoadError, Note, Standing, Store, StoreLimits, read_log_file, read_snapshot_file};
use zabra_core::tree::Database;
use zabra_reports::exit::Exit;

/// What was found under one path.
#[derive(Debug, Default, Serialize)]
struct Report {
    path: String,
    /// log, snapshot or directory; nothing if that could not be told
    kind: &'static str,
    ok: bool,
    /// Records of the log.
    records: u64,
    first_zxid: Option<String>,
    last_zxid: Option<String>,
    znodes: Option<usize>,
    sessions: Option<usize>,
    /// How many digests were recomputed and are equal.
    digests: u64,
    /// Where the log's data ends.
    end: Option<u64>,
    /// What a server would put right by itself when it starts.
    notes: Vec<String>,
    damage: Option<Damage>,
}

/// What is wrong, and where.
#[derive(Debug, Serialize)]
struct Damage {
    file: String,
    offset: Option<u64>,
    message: String,
}

impl Damage {
    fn whole(path: &Path, message: impl Into<String>) -> Damage {
        let file = path.display().to_string();
        Damage { message: format!("{file}: {}", message.into()), file, offset: None }
    }
}

impl From<LoadError> for Damage {
    fn from(error: LoadError) -> Damage {
        let message = error.to_string();
        let (file, offset) = match error {
            LoadError::File(error) => (error.path, None),
            LoadError::Rot { file, offset, .. } | LoadError::Gap { file, offset, .. } => (file, Some(offset)),
            LoadError::NoSnapshot { log: file } | LoadError::SnapshotDamaged { file, .. } => (file, None),
            LoadError::BadEpoch { file } => (file, Some(0)),
            LoadError::EpochsContradict { .. } | LoadError::UnreadableTransaction { .. } => (DIR.to_string(), None),
        };
        Damage { file, offset, message }
    }
}

pub fn verify(verify: &Verify, voice: &Voice) -> Result<Exit, Failed> {
    let mut reports = Vec::new();
    for path in &verify.paths {
        let mut report = Report { path: path.display().to_string(), ..Report::default() };
        match judge(path, &mut report) {
            Ok(()) => report.ok = true,
            Err(damage) => report.damage = Some(damage),
        }
        tell(&report, voice);
        reports.push(report);
    }
    voice.document(&serde_json::to_string_pretty(&reports).expect("reports have only string keys"));
    Ok(if reports.iter().all(|report| report.ok) { Exit::Pass } else { Exit::BadScenario })
}

fn tell(report: &Report, voice: &Voice) {
    if let Some(damage) = &report.damage {
        voice.insist(&format!("{} {}", voice.paint.bad("error:"), damage.message));
    }
    let Report { path, kind, records, digests, .. } = report;
    let mut text = match (report.ok, *kind) {
        (false, _) => return,
        (true, "snapshot") => format!("{path}: snapshot"),
        (true, _) => format!("{path}: {kind}, {records} records"),
    };
    let write = "a String takes everything";
    if let (Some(first), Some(last)) = (&report.first_zxid, &report.last_zxid) {
        write!(text, ", {first} to {last}").expect(write);
    }
    if let (Some(znodes), Some(sessions)) = (report.znodes, report.sessions) {
        write!(text, ", {znodes} znodes, {sessions} sessions, {digests} digests agree").expect(write);
    }
    if let Some(end) = report.end {
        write!(text, ", the data ends at byte {end}").expect(write);
    }
    report.notes.iter().for_each(|note| write!(text, "\n  {note}").expect(write));
    voice.tell(&text);
}

fn judge(path: &Path, report: &mut Report) -> Result<(), Damage> {
    let metadata = path.metadata().map_err(|error| Damage::whole(path, error.to_string()))?;
    if metadata.is_dir() {
        report.kind = "directory";
        return directory(path, report);
    }
    openable(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match FileName::parse(name) {
        Some(FileName::Log(_)) => log(path, name, report),
        Some(FileName::Snapshot(zxid, Suffix::None)) => snapshot(path, name, zxid, report),
        Some(FileName::Snapshot(_, Suffix::Gz | Suffix::Snappy)) => Err(compressed(path)),
        Some(FileName::Install(_) | FileName::Truncate(_)) | None => {
            Err(Damage::whole(path, "expected a name as log.ZXID or snapshot.ZXID, with the zxid in hexadecimal"))
        }
    }
}

fn compressed(path: &Path) -> Damage {
    Damage::whole(path, "a compressed snapshot is not read here: decompress it under its name without the suffix")
}

/// The system's own words, which the store does not know.
fn openable(path: &Path) -> Result<(), Damage> {
    let refuse = |error: std::io::Error| Damage::whole(path, error.to_string());
    if !path.metadata().map_err(refuse)?.is_file() {
        return Err(Damage::whole(path, "expected a file"));
    }
    File::open(path).map(drop).map_err(refuse)
}

/// A file's directory, seen as `version-2`.
fn around(path: &Path) -> ReadOnly {
    ReadOnly::new(path.parent().unwrap_or(Path::new("")), None)
}

/// Puts the path that the user wrote in the place of the store's.
fn as_written(damage: Damage, name: &str, path: &Path) -> Damage {
    let file = path.display().to_string();
    Damage { message: damage.message.replacen(&in_dir(name), &file, 1), file, ..damage }
}

/// One log, as the last of its directory: its tail may be torn.
fn log(path: &Path, name: &str, report: &mut Report) -> Result<(), Damage> {
    report.kind = "log";
    let (mut records, mut first, mut last) = (0, None, None);
    let read = read_log_file(&mut around(path), &in_dir(name), &StoreLimits::default(), |file, offset, zxid, bytes| {
        if repeats(last, zxid, bytes) {
            return Ok(());
        }
        if let Some(after) = last.replace(zxid)
            && !Zxid::is_followed_by(after, zxid)
        {
            return Err(LoadError::Gap { file: file.to_string(), offset, after, found: zxid });
        }
        first.get_or_insert(zxid);
        records += 1;
        Ok(())
    });
    let end = read.map_err(|error| as_written(error.into(), name, path))?;
    if end.torn && end.at < HEADER_BYTES {
        let message = format!("{}: offset 0: expected the header of a transaction log", path.display());
        return Err(Damage { offset: Some(0), message, file: path.display().to_string() });
    }
    if end.torn {
        report.notes.push(format!("torn tail from byte {}: a server cuts it when it starts", end.at));
    }
    report.records = records;
    (report.first_zxid, report.last_zxid) = (first.map(|zxid| zxid.to_string()), last.map(|zxid| zxid.to_string()));
    report.end = Some(end.at);
    Ok(())
}

fn snapshot(path: &Path, name: &str, zxid: Zxid, report: &mut Report) -> Result<(), Damage> {
    report.kind = "snapshot";
    let read = read_snapshot_file(&mut around(path), &in_dir(name), zxid, Suffix::None, &StoreLimits::default());
    let decoded = read.map_err(|error| as_written(LoadError::from(error).into(), name, path))?;
    let decoded = decoded.map_err(|error| Damage::whole(path, error.to_string()))?;
    let image = &decoded.image;
    if let Some((at, expected)) = decoded.digest {
        let found = image.digests().apache;
        if at == image.zxid() && found == expected {
            report.digests = 1;
        } else if at == image.zxid() {
            return Err(Damage::whole(path, format!("the digest at {at} is {expected}, its znodes give {found}")));
        } else {
            report.notes.push(format!("written under load: exact only with the log up to {at}"));
        }
    }
    report.last_zxid = Some(zxid.to_string());
    hold(report, image);
    Ok(())
}

fn hold(report: &mut Report, database: &Database) {
    report.znodes = Some(database.tree().len());
    report.sessions = Some(database.sessions().count());
}

/// A data directory: the one that has `version-2`, or that one itself.
fn directory(path: &Path, report: &mut Report) -> Result<(), Damage> {
    let inner = path.join(DIR);
    let (dir, above) = if inner.is_dir() { (inner.as_path(), Some(path)) } else { (path, None) };
    look_over(dir)?;
    let (_, recovered, notes) = open(ReadOnly::new(dir, above)).map_err(|damage| beneath(path, damage))?;
    for note in &notes {
        match note {
            Note::TornTail { file, offset } => {
                report.notes.push(format!("{file}: torn tail from byte {offset}: a server cuts it when it starts"));
            }
            Note::SnapshotSkipped { file, error } => {
                report.notes.push(format!("{file}: {error}; an older snapshot and the log reach as far"));
            }
            Note::FuzzySnapshot { zxid, until } => {
                report.notes.push(format!("the snapshot at {zxid} is exact only with records up to {until}"));
            }
            Note::DigestDiffers { zxid, expected, found } => {
                return Err(differs(dir, *zxid, *expected, *found));
            }
        }
    }
    if recovered.standing == Standing::Lost {
        report.notes.push("it was lost once: such a server has no vote before it is synchronized".to_string());
    }
    let zxid = |record: &zabra_core::log::Record| record.zxid.to_string();
    report.records = recovered.log.len() as u64;
    report.first_zxid = recovered.log.first().map(zxid);
    report.last_zxid = Some(recovered.history_end().to_string());
    let mut database = (*recovered.image).clone();
    for record in recovered.log.iter().filter(|record| record.zxid > recovered.image.zxid()) {
        let applied = database.apply_bytes(&record.bytes);
        let digest = applied
            .map_err(|_| beneath(path, LoadError::UnreadableTransaction { zxid: record.zxid }.into()))?
            .digest
            .map(|carried| carried.digest as u64);
        let found = database.digests().apache;
        match digest {
            Some(expected) if expected != found => return Err(differs(dir, record.zxid, expected, found)),
            Some(_) => report.digests += 1,
            None => {}
        }
    }
    hold(report, &database);
    Ok(())
}

type Opened = (Store<ReadOnly>, zabra_core::log::Recovered, Vec<Note>);

fn open(vfs: ReadOnly) -> Result<Opened, Damage> {
    let (store, recovered) = Store::open(vfs, StoreLimits::default()).map_err(|(_, error)| Damage::from(error))?;
    let notes = store.notes().to_vec();
    Ok((store, recovered, notes))
}

fn beneath(path: &Path, damage: Damage) -> Damage {
    Damage { message: format!("{}: {}", path.display(), damage.message), ..damage }
}

fn differs(dir: &Path, zxid: Zxid, expected: u64, found: u64) -> Damage {
    Damage::whole(dir, format!("after {zxid} the digest is {expected} on disk, the znodes give {found}"))
}

/// Whether there is anything, and whether all of it can be opened.
fn look_over(dir: &Path) -> Result<(), Damage> {
    let refuse = |error: std::io::Error| Damage::whole(dir, error.to_string());
    let mut any = false;
    for entry in read_dir(dir).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let Some(name) = entry.file_name().to_str().and_then(FileName::parse) else { continue };
        openable(&entry.path())?;
        if matches!(name, FileName::Snapshot(_, Suffix::Gz | Suffix::Snappy)) {
            return Err(compressed(&entry.path()));
        }
        any = true;
    }
    match any {
        true => Ok(()),
        false => Err(Damage::whole(dir, "expected files named log.ZXID or snapshot.ZXID")),
    }
}
