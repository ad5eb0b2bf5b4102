//! One server's storage on both disks at once, driven by the same actions.

use zabra_core::id::{Epoch, SessionId, Zxid};
use zabra_core::log::name::INITIALIZE;
use zabra_core::log::{Image, Record, Recovered, Standing, Store, StoreLimits};
use zabra_core::tree::Database;
use zabra_core::wire::Jute;
use zabra_core::wire::records::{Acl, Id};
use zabra_core::wire::txn::{CreateTxn, TxnHeader};
use zabra_sim::disk::{RecordDisk, SectorDisk, StorageAction, Survivors};

/// What a script may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Append,
    Sync,
    Truncate,
    Accept,
    Current,
    /// Install an image that is ahead of the log, or one that is behind its end.
    InstallAhead,
    InstallBehind,
    Checkpoint,
}

impl Act {
    pub const ALL: [Act; 8] = [
        Act::Append,
        Act::Sync,
        Act::Truncate,
        Act::Accept,
        Act::Current,
        Act::InstallAhead,
        Act::InstallBehind,
        Act::Checkpoint,
    ];
}

/// The store over sectors, the model, and what the server knows.
#[derive(Clone)]
pub struct Pair {
    store: Store<SectorDisk>,
    model: RecordDisk,
    base: Database,
    records: Vec<Record>,
    accepted: Epoch,
    current: Epoch,
    /// As of the last `Sync`: position, accepted and current epoch, end of the history.
    synced: (u64, Epoch, Epoch, Zxid),
    /// As of the last completion.
    acknowledged: Zxid,
    floor: u64,
    groups: u32,
}

pub fn limits() -> StoreLimits {
    // Two or three records to a segment, so that scripts roll; a few pieces to a snapshot.
    StoreLimits {
        segment_bytes: 12 * 1024,
        short_bytes: 7 * 1024,
        window_bytes: u64::MAX,
        buffer_bytes: 6000,
        piece_bytes: 300,
        sync_bytes: 500,
        ..StoreLimits::default()
    }
}

impl Pair {
    pub fn new() -> Pair {
        let mut disk = SectorDisk::new();
        disk.put(INITIALIZE, b"");
        Pair::on(disk, RecordDisk::new())
    }

    pub fn lost() -> Pair {
        let mut model = RecordDisk::new();
        model.destroy();
        Pair::on(SectorDisk::new(), model)
    }

    fn on(disk: SectorDisk, model: RecordDisk) -> Pair {
        let (store, recovered) = Store::open(disk, limits()).map_err(|(_, error)| error).expect("it starts");
        assert_eq!(recovered, model.recover());
        let mut pair = Pair {
            store,
            model,
            base: Database::new(),
            records: Vec::new(),
            accepted: Epoch::ZERO,
            current: Epoch::ZERO,
            synced: (0, Epoch::ZERO, Epoch::ZERO, Zxid::ZERO),
            acknowledged: Zxid::ZERO,
            floor: 0,
            groups: 0,
        };
        pair.act(Act::Accept);
        pair.act(Act::Sync);
        pair.complete();
        pair
    }

    fn end(&self) -> Zxid {
        self.records.last().map_or(self.base.zxid(), |record| record.zxid.max(self.base.zxid()))
    }

    /// Issues the action to both disks, if it makes sense now; returns the position before it.
    pub fn act(&mut self, act: Act) -> Option<u64> {
        let from = self.position();
        match act {
            Act::Append => {
                let record = self.next_record();
                self.records.push(record.clone());
                self.issue(StorageAction::Append(record));
            }
            Act::Sync => {
                self.issue(StorageAction::Sync);
                self.synced = (self.position(), self.accepted, self.current, self.end());
                self.groups += 1;
            }
            Act::Truncate => {
                let keep = self.records.len().checked_sub(2)?;
                let after = self.records[keep].zxid;
                if after < self.base.zxid() {
                    return None;
                }
                self.records.truncate(keep + 1);
                self.synced.3 = self.synced.3.min(after);
                self.acknowledged = self.acknowledged.min(after);
                self.issue(StorageAction::Truncate { after });
            }
            Act::Accept => {
                self.accepted = self.accepted.next();
                self.issue(StorageAction::SaveAccepted(self.accepted));
            }
            Act::Current => {
                // Accepted before current, durably: the rule that keeps the files consistent.
                if self.synced.1 == self.current {
                    return None;
                }
                self.current = self.synced.1;
                self.issue(StorageAction::SaveCurrent(self.current));
            }
            Act::InstallAhead => {
                let mut image = self.database_at(self.end());
                for _ in 0..2 {
                    let zxid = image.zxid().next().expect("few records");
                    apply(&mut image, &record(zxid.max(Zxid::new(Epoch(1), 1))));
                }
                self.install(image);
            }
            Act::InstallBehind => {
                let keep = self.records.len().checked_sub(2)?;
                let zxid = self.records[keep].zxid.max(self.base.zxid());
                let image = self.database_at(zxid);
                self.install(image);
            }
            Act::Checkpoint => {
                let zxid = self.synced.3;
                if zxid <= self.base.zxid() {
                    return None;
                }
                // A checkpoint is taken of what is known to be durable, and committed.
                self.complete();
                self.checkpoint(zxid);
            }
        }
        Some(from)
    }

    fn install(&mut self, image: Database) {
        self.records.clear();
        self.synced.3 = self.synced.3.min(image.zxid());
        self.acknowledged = self.acknowledged.min(image.zxid());
        self.base = image.clone();
        self.issue(StorageAction::Install(Image::new(image)));
    }

    fn checkpoint(&mut self, zxid: Zxid) {
        self.base = self.database_at(zxid);
        self.issue(StorageAction::Checkpoint(Image::new(self.base.clone())));
        // In pieces, and often not to the end.
        for _ in 0..zxid.0 % 60 {
            self.store.prepare_piece().expect("no faults");
        }
        while self.store.advance_checkpoint().expect("no faults").is_none() {}
        // As a server does it: behind each checkpoint, as much as may go.
        self.store.purge(0).expect("no faults");
        self.model.complete_checkpoint();
    }

    fn issue(&mut self, action: StorageAction) {
        self.store.perform(&action).expect("no faults");
        self.model.issue(action);
    }

    /// Completes every barrier issued so far, on both disks.
    pub fn complete(&mut self) {
        while self.model.completable() {
            self.model.complete();
        }
        self.floor = self.floor.max(self.synced.0);
        self.store.vfs_mut().settle(self.synced.0);
        self.acknowledged = self.synced.3;
        self.groups = 0;
    }

    pub fn groups(&self) -> u32 {
        self.groups
    }

    pub fn position(&self) -> u64 {
        self.store.vfs().position()
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The end of the history that was reported durable. A lost server acknowledges nothing before
    /// its synchronization is complete.
    pub fn acknowledged(&self) -> Zxid {
        match self.model.recover().standing {
            Standing::Intact => self.acknowledged,
            Standing::Lost => Zxid::ZERO,
        }
    }

    /// Every image that the record disk allows: any number of barriers completed, then any crash.
    pub fn allowed(&self) -> Vec<Recovered> {
        let mut model = self.model.clone();
        let mut images = Vec::new();
        loop {
            images.extend(model.crash_choices().into_iter().map(|keep| model.clone().crash(keep)));
            if !model.completable() {
                return images;
            }
            model.complete();
        }
    }

    /// What the record disk holds when every action survives.
    pub fn nothing_lost(&self) -> Recovered {
        let mut model = self.model.clone();
        while model.completable() {
            model.complete();
        }
        let all = u32::MAX;
        model.crash(Survivors { history: all, accepted: all, current: all, checkpoint: true })
    }

    /// What the store finds after a crash of a copy of the disk.
    pub fn crashed(&self, cut: u64, strict: bool, choose: &mut dyn FnMut(u64) -> u64) -> Recovered {
        self.clone().crash(cut, strict, choose, false)
    }

    /// Crashes, recovers, and goes on from there. Crashes in each step of the recovery, too, if asked.
    pub fn crash(&mut self, cut: u64, strict: bool, choose: &mut dyn FnMut(u64) -> u64, again: bool) -> Recovered {
        let mut disk = self.store.vfs().clone();
        disk.strict = strict;
        disk.crash_at(cut, &mut |bound| choose(bound));
        let from = disk.position();
        let (store, recovered) = open(disk, || format!("cut at {cut} (strict: {strict})"));
        if again {
            interrupt_recovery(&store, from, &recovered, choose);
        }
        self.store = store;
        let position = self.position();
        self.store.vfs_mut().settle(position);
        self.model = RecordDisk::holding(recovered.clone());
        self.base = (*recovered.image).clone();
        self.records = recovered.log.clone();
        (self.accepted, self.current) = (recovered.accepted, recovered.current);
        self.synced = (position, self.accepted, self.current, recovered.history_end());
        (self.acknowledged, self.floor, self.groups) = (recovered.history_end(), position, 0);
        recovered
    }

    fn next_record(&self) -> Record {
        let end = self.end();
        let epoch = self.synced.2.max(Epoch(1)).max(end.epoch());
        record(if epoch > end.epoch() { Zxid::new(epoch, 1) } else { end.next().expect("few records") })
    }

    fn database_at(&self, zxid: Zxid) -> Database {
        let mut database = self.base.clone();
        for record in self.records.iter().filter(|record| record.zxid <= zxid && record.zxid > self.base.zxid()) {
            apply(&mut database, record);
        }
        database
    }
}

/// Whether an image is one of these, but for the oldest records of the window, which a purge takes: the
/// record disk knows no files. Everything behind the image must be there.
pub fn is_one_of(found: &Recovered, allowed: &[Recovered]) -> bool {
    let same = |allowed: &Recovered| {
        let Some(purged) = allowed.log.len().checked_sub(found.log.len()) else { return false };
        let window_only = allowed.log[..purged].iter().all(|record| record.zxid <= found.image.zxid());
        window_only && *found == Recovered { log: allowed.log[purged..].to_vec(), ..allowed.clone() }
    };
    allowed.iter().any(same)
}

fn open(disk: SectorDisk, told: impl Fn() -> String) -> (Store<SectorDisk>, Recovered) {
    match Store::open(disk, limits()) {
        Ok(opened) => opened,
        Err((disk, error)) => panic!("{}: {error}\n{}", told(), Dump(disk)),
    }
}

/// A crash between any two calls of a recovery, which began at a position: the next recovery finds
/// the same, for what the first one read is durable.
fn interrupt_recovery(store: &Store<SectorDisk>, from: u64, recovered: &Recovered, choose: &mut dyn FnMut(u64) -> u64) {
    for cut in from..store.vfs().position() {
        let mut disk = store.vfs().clone();
        disk.crash_at(cut, &mut |bound| choose(bound));
        let told = || format!("call {} of a recovery", cut - from);
        let (_, again) = open(disk, told);
        assert!(again == *recovered, "{}: {}", told(), tell(&again, core::slice::from_ref(recovered)));
    }
}

/// A create, a few bytes to a few sectors long.
pub fn record(zxid: Zxid) -> Record {
    let path = format!("/n{}", zxid.0 % 50);
    let size = [10, 700, 2900, 4000][zxid.counter() as usize % 4];
    let data = vec![zxid.0 as u8; size];
    let header = TxnHeader { session: SessionId::NONE.0, cxid: 1, zxid: zxid.to_wire(), time: 1, op: 1 };
    let acl = vec![Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } }];
    let body =
        CreateTxn { path: path.as_bytes(), data: Some(&data), acl: Some(acl), ephemeral: false, parent_cversion: -1 };
    let mut bytes = header.to_bytes();
    body.encode(&mut bytes);
    Record { zxid, bytes: bytes.into() }
}

fn apply(database: &mut Database, record: &Record) {
    database.apply_bytes(&record.bytes).expect("a create");
}

/// A found image and the allowed ones, a line each.
pub fn tell(found: &Recovered, allowed: &[Recovered]) -> String {
    let line = |image: &Recovered| {
        let log: Vec<Zxid> = image.log.iter().map(|record| record.zxid).collect();
        let (accepted, current, zxid, digests) =
            (image.accepted, image.current, image.image.zxid(), image.image.digests());
        format!("accepted {accepted} current {current} image {zxid} {digests:x?} log {log:?} {:?}", image.standing)
    };
    let allowed: Vec<String> = allowed.iter().map(line).collect();
    format!("found\n  {}\nallowed\n  {}", line(found), allowed.join("\n  "))
}

struct Dump(SectorDisk);

impl std::fmt::Display for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, bytes) in self.0.files() {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            writeln!(f, "{name}: {} bytes, zeros from {end}", bytes.len())?;
        }
        Ok(())
    }
}

/// SplitMix64: enough for choices, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
