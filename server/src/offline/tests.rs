#![expect(clippy::disallowed_methods, reason = "fixtures are files")]

use super::file::create_whole;
use super::snapshot::Method;
use super::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zabra_core::log::record::{encode_header, encode_record};
use zabra_core::log::snapshot::{Form, SnapshotEncoder};
use zabra_core::tree::Database;
use zabra_core::wire::records::{Acl, Id};
use zabra_core::wire::txn::{CreateSessionTxn, CreateTxn, DeleteTxn, MultiTxn, SetDataTxn, Txn, TxnHeader};
use zabra_core::wire::{Jute, Op};

/// A directory of its own for each test, empty, and gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("zabra-offline-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn transaction(counter: i64, op: i32, body: &[u8]) -> Vec<u8> {
    let header =
        TxnHeader { session: 0x0100_0000_0000_0007, cxid: 9, zxid: 1 << 32 | counter, time: 1_795_400_000_000, op };
    [header.to_bytes(), body.to_vec()].concat()
}

fn create(path: &[u8], data: &[u8]) -> Vec<u8> {
    let anyone = Acl { perms: 31, id: Id { scheme: b"world", id: b"anyone" } };
    CreateTxn { path, data: Some(data), acl: Some(vec![anyone]), ephemeral: false, parent_cversion: 1 }.to_bytes()
}

fn transactions() -> Vec<Vec<u8>> {
    let set = SetDataTxn { path: b"/a", data: Some(b"\xff\n"), version: 1 }.to_bytes();
    let delete = DeleteTxn { path: b"/a" }.to_bytes();
    let made = create(b"/b", b"two");
    let part = |op, data| Txn { op, data: Some(data) };
    let multi = MultiTxn { txns: vec![part(Op::CREATE, &made[..]), part(Op::DELETE, &delete[..])] }.to_bytes();
    vec![
        transaction(1, Op::CREATE_SESSION, &CreateSessionTxn { timeout_ms: 4000 }.to_bytes()),
        transaction(2, Op::CREATE, &create(b"/a", b"one")),
        transaction(3, Op::SET_DATA, &set),
        transaction(4, Op::MULTI, &multi),
        transaction(5, Op::CLOSE_SESSION, b""),
    ]
}

/// A log, and where its data ends.
fn log() -> (Vec<u8>, usize) {
    let mut bytes = encode_header().to_vec();
    transactions().iter().for_each(|transaction| encode_record(transaction, &mut bytes));
    let end = bytes.len();
    bytes.resize(end + 100, 0);
    (bytes, end)
}

/// What a tool says, without the directory: its output, its complaints, its code, its error.
fn said(scratch: &Scratch, tool: impl FnOnce(&mut dyn Write, &mut dyn Write) -> Result<Exit, Failed>) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = match tool(&mut out, &mut err) {
        Ok(exit) => format!("{exit:?}"),
        Err(Failed::Said(exit, what)) => format!("{exit:?}: {what}"),
        Err(Failed::Output(error)) => error.to_string(),
    };
    let text = String::from_utf8([out, err].concat()).unwrap() + &ended;
    text.replace(&format!("{}/", scratch.0.display()), "")
}

fn dump(scratch: &Scratch, path: &Path, json: bool) -> String {
    let verb = TxnlogVerb::Dump { files: vec![path.to_path_buf()], json };
    said(scratch, |out, err| txnlog::run(&verb, out, err))
}

fn verify(scratch: &Scratch, path: &Path) -> String {
    let verb = TxnlogVerb::Verify { files: vec![path.to_path_buf()] };
    said(scratch, |out, err| txnlog::run(&verb, out, err))
}

#[test]
fn a_log_is_written_out_line_by_line() {
    let scratch = Scratch::new("dump");
    let path = scratch.file("log.100000001", &log().0);
    insta::assert_snapshot!(dump(&scratch, &path, false), @r#"
ZooKeeper transaction log log.100000001
Mon Nov 23 02:13:20 UTC 2026 session 0x100000000000007 cxid 0x9 zxid 0x100000001 createSession 4000
Mon Nov 23 02:13:20 UTC 2026 session 0x100000000000007 cxid 0x9 zxid 0x100000002 create /a,one,[31:world:anyone],false,1
Mon Nov 23 02:13:20 UTC 2026 session 0x100000000000007 cxid 0x9 zxid 0x100000003 setData /a,\xff\n,1
Mon Nov 23 02:13:20 UTC 2026 session 0x100000000000007 cxid 0x9 zxid 0x100000004 multi create:/b,two,[31:world:anyone],false,1;delete:/a;
Mon Nov 23 02:13:20 UTC 2026 session 0x100000000000007 cxid 0x9 zxid 0x100000005 closeSession
EOF reached after 5 txns.
Finished
"#);
    insta::assert_snapshot!(dump(&scratch, &path, true), @r#"
{"cxid":9,"offset":16,"session":"0x100000000000007","time":1795400000000,"txn":{"timeout":4000},"type":"createSession","zxid":"0x100000001"}
{"cxid":9,"offset":65,"session":"0x100000000000007","time":1795400000000,"txn":{"acl":[{"id":"anyone","perms":31,"scheme":"world"}],"data":"one","ephemeral":false,"parentCVersion":1,"path":"/a"},"type":"create","zxid":"0x100000002"}
{"cxid":9,"offset":155,"session":"0x100000000000007","time":1795400000000,"txn":{"data":{"hex":"ff0a"},"path":"/a","version":1},"type":"setData","zxid":"0x100000003"}
{"cxid":9,"offset":216,"session":"0x100000000000007","time":1795400000000,"txn":[{"txn":{"acl":[{"id":"anyone","perms":31,"scheme":"world"}],"data":"two","ephemeral":false,"parentCVersion":1,"path":"/b"},"type":"create"},{"txn":{"path":"/a"},"type":"delete"}],"type":"multi","zxid":"0x100000004"}
{"cxid":9,"offset":332,"session":"0x100000000000007","time":1795400000000,"txn":{},"type":"closeSession","zxid":"0x100000005"}
Finished
"#);
    insta::assert_snapshot!(verify(&scratch, &path), @r#"
log.100000001: 5 transactions, 1.1 to 1.5, the data ends at byte 377
Finished
"#);
}

#[test]
fn a_damaged_log_says_where_and_its_repair_is_a_new_file_of_what_stands_before() {
    let scratch = Scratch::new("repair");
    let (mut bytes, end) = log();
    bytes[end - 20] ^= 1;
    let path = scratch.file("log.100000001", &bytes);
    let text = dump(&scratch, &path, true);
    insta::assert_snapshot!(text.lines().last().unwrap(), @r#"DataDir: log.100000001: offset 332: expected a record with its checksum"#);
    insta::assert_snapshot!(verify(&scratch, &path), @r#"
log.100000001: 4 transactions, 1.1 to 1.4, the data ends at byte 332
  torn tail from byte 332: a server cuts it when it starts
Finished
"#);
    let verb = TxnlogVerb::Repair { file: path.clone(), output: None };
    insta::assert_snapshot!(said(&scratch, |out, err| txnlog::run(&verb, out, err)), @r#"
log.100000001.repaired: 4 transactions, 332 bytes; cut at offset 332: expected a record with its checksum
Finished
"#);
    assert_eq!(fs::read(&path).unwrap(), bytes, "the log itself stays");
    let repaired = scratch.0.join("log.100000001.repaired");
    insta::assert_snapshot!(verify(&scratch, &repaired), @r#"
log.100000001.repaired: 4 transactions, 1.1 to 1.4, the data ends at byte 332
Finished
"#);
    insta::assert_snapshot!(said(&scratch, |out, err| txnlog::run(&verb, out, err)), @r#"Invocation: log.100000001.repaired: entity already exists"#);
}

#[test]
fn a_repair_that_fails_leaves_nothing_and_the_next_is_not_in_its_way() {
    let scratch = Scratch::new("midway");
    let path = scratch.0.join("log.1.repaired");
    let names = || {
        let names = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    let full = create_whole(&path, |file| {
        file.write_all(b"a half")?;
        Err(io::Error::from(io::ErrorKind::StorageFull).into())
    });
    assert!(matches!(full, Err(Failed::Said(Exit::Invocation, _))), "{full:?}");
    assert_eq!(names(), "");
    // What is left when a machine stops midway.
    scratch.file("log.1.repaired.tmp", &[7; 1000]);
    let (bytes, end) = log();
    let verb = TxnlogVerb::Repair { file: scratch.file("log.1", &bytes), output: None };
    let done = said(&scratch, |out, err| txnlog::run(&verb, out, err));
    assert!(done.ends_with("nothing was damaged\nFinished"), "{done}");
    fs::remove_file(scratch.0.join("log.1")).unwrap();
    assert_eq!((fs::read(&path).unwrap(), names().as_str()), (bytes[..end].to_vec(), "log.1.repaired"));
}

#[test]
fn what_stands_behind_a_damage_does_not_come_into_a_repaired_log() {
    let scratch = Scratch::new("rot");
    let (mut bytes, _) = log();
    bytes[60] ^= 1;
    let path = scratch.file("log.100000001", &bytes);
    insta::assert_snapshot!(verify(&scratch, &path), @r#"
log.100000001: offset 16: expected a record with its checksum; this is damage, not a torn tail. Repair: restore the file from a copy; or, if a quorum of the other servers is up, move the directory version-2 away and start: this server then takes everything from the leader and has no vote before.
DataDir
"#);
    let verb = TxnlogVerb::Repair { file: path, output: Some(scratch.0.join("log.1")) };
    insta::assert_snapshot!(said(&scratch, |out, err| txnlog::run(&verb, out, err)), @r#"
log.1: 0 transactions, 16 bytes; cut at offset 16: expected a record with its checksum
warning: the new file lacks what was acknowledged and stood behind the damage: log.100000001: offset 16: expected a record with its checksum; this is damage, not a torn tail. Repair: restore the file from a copy; or, if a quorum of the other servers is up, move the directory version-2 away and start: this server then takes everything from the leader and has no vote before.
Finished
"#);
    let strange = scratch.file("log.2", b"what?");
    insta::assert_snapshot!(dump(&scratch, &strange, false), @r#"DataDir: log.2: offset 0: expected the header of a transaction log"#);
    insta::assert_snapshot!(dump(&scratch, &scratch.0.join("log.3"), false), @r#"Invocation: log.3: No such file or directory (os error 2)"#);
}

fn snapshot(count: usize) -> Vec<u8> {
    let mut database = Database::new();
    for transaction in transactions().iter().take(count) {
        database.apply_bytes(transaction).unwrap();
    }
    let mut encoder = SnapshotEncoder::new(Arc::new(database), Form::File);
    let mut bytes = Vec::new();
    while encoder.next_piece(1 << 16, &mut bytes) {}
    bytes
}

#[test]
fn a_snapshot_whose_znodes_do_not_give_its_digest_is_damaged() {
    let scratch = Scratch::new("digest");
    // Behind the tree's seal: zxid, version, digest, seal, last zxid, seal. A seal is a checksum of all before it.
    let mut bytes = snapshot(3);
    let seal = [0, 0, 0, 1, b'/'];
    let (digest, last) = (bytes.len() - 13 - 8 - 13 - 8, bytes.len() - 13);
    bytes[digest + 7] ^= 1;
    for at in [digest + 8, last] {
        assert_eq!(bytes[at + 8..at + 13], seal);
        let sum = u64::from(zabra_core::log::record::adler32(&bytes[..at]));
        bytes[at..at + 8].copy_from_slice(&sum.to_be_bytes());
    }
    let files = vec![scratch.file("snapshot.100000003", &bytes), scratch.file("snapshot.100000004", &snapshot(4))];
    let verb = SnapshotVerb::Verify { files };
    insta::assert_snapshot!(said(&scratch, |out, err| snapshot::run(&verb, out, err)), @"
snapshot.100000004: 5 znodes, 1 sessions, its digest is right
snapshot.100000003: the digest at 1.3 is 8481657279, its znodes give 8481657278
DataDir
");
}

#[test]
fn a_snapshot_is_written_out() {
    let scratch = Scratch::new("snapshot");
    let before = scratch.file("snapshot.100000003", &snapshot(3));
    let dump = |json, data| {
        let verb = SnapshotVerb::Dump { files: vec![before.clone()], json, data };
        said(&scratch, |out, err| snapshot::run(&verb, out, err))
    };
    let text = dump(false, false);
    let parts: Vec<&str> = text.split("----\n").collect();
    assert_eq!((parts.len(), parts[0]), (8, "ZNode Details (count=5):\n"));
    insta::assert_snapshot!(parts[2], @r#"
/a
  cZxid = 0x00000100000002
  ctime = Mon Nov 23 02:13:20 UTC 2026
  mZxid = 0x00000100000003
  mtime = Mon Nov 23 02:13:20 UTC 2026
  pZxid = 0x00000100000002
  cversion = 0
  dataVersion = 1
  aclVersion = 0
  ephemeralOwner = 0x00000000000000
  acl = 31:world:anyone
  dataLength = 2
"#);
    insta::assert_snapshot!(parts[6..].concat(), @r#"
Session Details (sid, timeout, ephemeralCount):
0x100000000000007, 4000, 0
Target zxid digest is: 100000003, 8481657278
Last zxid: 0x100000003
Finished
"#);
    let text = dump(true, true);
    insta::assert_snapshot!(text.lines().find(|line| line.contains("\"/a\"")).unwrap(), @r#"{"acl":[{"id":"anyone","perms":31,"scheme":"world"}],"aversion":0,"ctime":1795400000000,"cversion":0,"czxid":"0x100000002","data":{"hex":"ff0a"},"dataLength":2,"ephemeralOwner":"0x0","mtime":1795400000000,"mzxid":"0x100000003","path":"/a","pzxid":"0x100000002","version":1}"#);
}

#[test]
fn snapshots_are_judged_and_compared() {
    let scratch = Scratch::new("judged");
    let before = scratch.file("snapshot.100000003", &snapshot(3));
    let after = scratch.file("snapshot.100000004", &snapshot(4));
    let verb = SnapshotVerb::Verify { files: vec![before.clone(), after.clone()] };
    insta::assert_snapshot!(said(&scratch, |out, err| snapshot::run(&verb, out, err)), @r#"
snapshot.100000003: 5 znodes, 1 sessions, its digest is right
snapshot.100000004: 5 znodes, 1 sessions, its digest is right
Finished
"#);
    let verb = SnapshotVerb::Compare { before: before.clone(), after };
    insta::assert_snapshot!(said(&scratch, |out, err| snapshot::run(&verb, out, err)), @r#"
~ / stat
- /a
+ /b
3 differences; digests 8481657278 and 3933744136
Unexpected
"#);
    let verb = SnapshotVerb::Compare { before: before.clone(), after: before.clone() };
    assert!(said(&scratch, |out, err| snapshot::run(&verb, out, err)).ends_with("Finished"));
    let cut = fs::read(&before).unwrap();
    let cut = scratch.file("snapshot.1", &cut[..cut.len() - 1]);
    let verb = SnapshotVerb::Dump { files: vec![cut], json: false, data: false };
    insta::assert_snapshot!(said(&scratch, |out, err| snapshot::run(&verb, out, err)), @r#"DataDir: snapshot.1: it ends at byte 604, before it is complete"#);
}

#[test]
fn a_snapshot_is_converted_there_and_back() {
    let scratch = Scratch::new("convert");
    let plain = scratch.file("snapshot.100000003", &snapshot(3));
    let convert = |file: &Path, to| {
        let verb = SnapshotVerb::Convert { file: file.to_path_buf(), to, output: None };
        said(&scratch, |out, err| snapshot::run(&verb, out, err))
    };
    for (method, name) in [(Method::Gz, "snapshot.100000003.gz"), (Method::Snappy, "snapshot.100000003.snappy")] {
        let packed = scratch.0.join(name);
        assert!(convert(&plain, method).ends_with("Finished"));
        assert!(convert(&plain, method).starts_with("Invocation: "), "what is there stays");
        let verify = SnapshotVerb::Verify { files: vec![packed.clone()] };
        assert!(said(&scratch, |out, err| snapshot::run(&verify, out, err)).contains("its digest is right"));
        let back = SnapshotVerb::Convert { file: packed, to: Method::None, output: Some(scratch.0.join("back")) };
        assert!(said(&scratch, |out, err| snapshot::run(&back, out, err)).ends_with("Finished"));
        assert_eq!(fs::read(scratch.0.join("back")).unwrap(), snapshot(3));
        fs::remove_file(scratch.0.join("back")).unwrap();
    }
    let cut = fs::read(scratch.0.join("snapshot.100000003.gz")).unwrap();
    let cut = scratch.file("snapshot.4.gz", &cut[..cut.len() / 2]);
    assert!(convert(&cut, Method::None).starts_with("DataDir: "), "a damaged one is not made to look whole");
    assert!(!scratch.0.join("snapshot.4").exists());
}
