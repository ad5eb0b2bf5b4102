//! `zabra-lab verify` as an operator meets it: whole files, torn ones, damaged ones, and what is no
//! file at all. Each damage has its exit code and a message that names the place; nothing panics.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use zabra_core::log::record::{decode_log, encode_record};

const PASS: i32 = 0;
const UNUSABLE: i32 = 3;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/golden").join(name)
}

/// A copy of a golden directory for one test.
fn copy(of: &str, test: &str) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verify").join(test);
    let _absent = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).expect("the target folder is writable");
    for entry in fs::read_dir(golden(of)).expect("golden files") {
        let entry = entry.expect("a golden file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
    to
}

fn lab(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
    command.arg("verify").args(args).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
    command.output().expect("the lab starts")
}

/// Checks the exit code and that all of `words` are said. Returns everything said.
fn says(path: &Path, code: i32, words: &[&str]) -> String {
    let output = lab(&[path.to_str().expect("a path in UTF-8")]);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}: {said}", path.display());
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{} does not say {word:?}: {said}", path.display());
    }
    said
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).expect("a file");
    change(&mut bytes);
    fs::write(file, bytes).expect("the target folder is writable");
}

/// Where the second record of a log starts.
fn second_record(log: &[u8]) -> usize {
    let length = u32::from_be_bytes(log[24..28].try_into().expect("four bytes"));
    16 + 12 + length as usize + 1
}

#[test]
fn whole_directories_logs_and_snapshots_pass() {
    for server in ["apache-3.8.0", "apache-3.9.5", "zabra"] {
        says(&golden(server), PASS, &["directory", "to 0.46", "digests agree"]);
    }
    says(&golden("zabra/log.1"), PASS, &["log, 28 records, 0.1 to 0.28"]);
    says(&golden("zabra/snapshot.1c"), PASS, &["snapshot", "1 digests agree"]);
    says(&golden("apache-3.9.5/log.28"), PASS, &["log"]);
}

#[test]
fn nothing_on_the_disk_is_changed() {
    let dir = copy("zabra", "unchanged");
    let log = dir.join("log.1d");
    change(&log, |bytes| bytes.truncate(second_record(bytes) + 20));
    let before = fs::read(&log).expect("a file");
    says(&dir, PASS, &["log.1d: torn tail from byte"]);
    assert_eq!(fs::read(&log).expect("a file"), before);
    assert_eq!(fs::read_dir(&dir).expect("a directory").count(), fs::read_dir(golden("zabra")).expect("it").count());
}

#[test]
fn the_document_says_the_same_for_machines() {
    let output = lab(&["--json", golden("zabra").to_str().expect("a path"), golden("none").to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(UNUSABLE));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document on stdout");
    assert_eq!((&document[0]["ok"], &document[0]["last_zxid"]), (&true.into(), &"0.46".into()));
    assert_eq!((&document[0]["kind"], &document[0]["damage"]), (&"directory".into(), &serde_json::Value::Null));
    assert_eq!(document[1]["ok"], false);
    assert!(document[1]["damage"]["file"].as_str().is_some_and(|file| file.ends_with("none")), "{document}");
}

#[test]
fn a_torn_tail_is_no_damage() {
    let log = copy("apache-3.9.5", "torn").join("log.28");
    change(&log, |bytes| bytes.truncate(second_record(bytes) + 20));
    says(&log, PASS, &["1 records", "torn tail from byte", "a server cuts it"]);
}

#[test]
fn an_error_that_repeats_the_zxid_before_it_is_passed_over_and_other_records_are_not() {
    let dir = copy("apache-3.9.5", "repeated");
    let log = dir.join("log.28");
    let last = || decode_log(&fs::read(&log).expect("a file")).0.pop().expect("a record").1;
    let append = |transaction: &[u8]| {
        change(&log, |bytes| {
            let mut record = Vec::new();
            encode_record(transaction, &mut record);
            let at = decode_log(bytes).1 as usize;
            bytes[at..at + record.len()].copy_from_slice(&record);
        });
    };
    // The header of the last transaction with the type of an error, and a code.
    let error = [&last()[..28], &(-1i32).to_be_bytes(), &(-6i32).to_be_bytes()].concat();
    append(&error);
    for path in [&dir, &log] {
        says(path, PASS, &["0.46"]);
    }
    says(&log, PASS, &["7 records"]);
    let again = last();
    assert_eq!(again, error);
    append(&[&error[..28], &20i32.to_be_bytes(), &30_000i32.to_be_bytes()].concat());
    for path in [&dir, &log] {
        says(path, UNUSABLE, &["log.28: offset", "expected the record after 0.46, found 0.46"]);
    }
}

#[test]
fn rot_before_the_mark_is_refused_with_file_and_offset() {
    let dir = copy("zabra", "rot");
    let log = dir.join("log.1d");
    change(&log, |bytes| bytes[40] ^= 1);
    for path in [&dir, &log] {
        says(path, UNUSABLE, &["log.1d: offset 16: expected a record with its checksum", "this is damage", "Repair"]);
    }
}

#[test]
fn records_that_became_zeros_are_refused() {
    let dir = copy("zabra", "zeros");
    change(&dir.join("log.1d"), |bytes| {
        let from = second_record(bytes);
        let until = bytes.len() - 5000;
        bytes[from..until].fill(0);
    });
    says(&dir, UNUSABLE, &["log.1d: offset", "expected a record"]);
}

#[test]
fn a_missing_log_in_the_middle_is_a_gap() {
    let dir = copy("apache-3.8.0", "gap");
    fs::remove_file(dir.join("snapshot.17")).expect("it was there");
    fs::remove_file(dir.join("log.1")).expect("it was there");
    says(&dir, UNUSABLE, &["log.18: offset 16: expected the record after 0.0, found 0.24"]);
}

#[test]
fn a_length_that_lies_is_refused_without_taking_its_memory() {
    let log = copy("apache-3.9.5", "length").join("log.1");
    for lie in [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xfe], [0, 0x10, 0, 0]] {
        change(&log, |bytes| bytes[24..28].copy_from_slice(&lie));
        says(&log, UNUSABLE, &["log.1: offset 16: expected"]);
    }
}

#[test]
fn what_does_not_begin_as_a_log_is_refused() {
    let dir = copy("zabra", "header");
    let log = dir.join("log.77");
    for bytes in [&b"ZKLG\0\0"[..], b"#!/bin/sh\necho this is no log\n", &[0xff; 70_000], &[0; 10]] {
        fs::write(&log, bytes).expect("the target folder is writable");
        says(&log, UNUSABLE, &["log.77: offset 0: expected the header of a transaction log"]);
    }
    fs::write(&log, b"").expect("the target folder is writable");
    says(&log, PASS, &["0 records"]);
}

#[test]
fn damaged_snapshots_are_refused_with_their_byte() {
    let dir = copy("zabra", "snapshot");
    let snapshot = dir.join("snapshot.1c");
    let whole = fs::read(&snapshot).expect("a file");
    let damaged = |hurt: &dyn Fn(&mut Vec<u8>), words: &[&str]| {
        fs::write(&snapshot, &whole).expect("the target folder is writable");
        change(&snapshot, hurt);
        says(&snapshot, UNUSABLE, &[&["snapshot.1c: "], words].concat());
    };
    damaged(&|bytes| bytes[0] = b'X', &["at byte 0"]);
    damaged(&|bytes| bytes.truncate(whole.len() / 2), &["it ends at byte"]);
    damaged(&|bytes| bytes.truncate(3), &["it ends at byte 3"]);
    damaged(&Vec::clear, &["it ends at byte 0"]);
    damaged(&|bytes| bytes[16..20].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]), &["byte"]);
    damaged(&|bytes| bytes[whole.len() / 2] ^= 0x10, &["byte"]);
    // The log alone reaches as far: a server starts, and says what it passed over.
    says(&dir, PASS, &["snapshot.1c: ", "an older snapshot and the log reach as far"]);
    fs::remove_file(dir.join("snapshot.0")).expect("it was there");
    says(&dir, UNUSABLE, &["snapshot.1c", "no older snapshot"]);
}

#[test]
fn every_byte_of_a_log_may_be_wrong_and_nothing_panics() {
    let log = copy("zabra", "bytes").join("log.1");
    let whole = fs::read(&log).expect("a file");
    for at in (0..400).step_by(23).chain([whole.len() - 1, whole.len() - 4100]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&log, bytes).expect("the target folder is writable");
        let code = lab(&[log.to_str().expect("a path")]).status.code();
        assert!(matches!(code, Some(PASS | UNUSABLE)), "byte {at}: {code:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let dir = copy("zabra", "unreadable");
    says(&dir.join("log.none"), UNUSABLE, &["log.none: No such file or directory"]);
    says(&dir.join("currentEpoch"), UNUSABLE, &["currentEpoch: expected a name as log.ZXID or snapshot.ZXID"]);
    fs::create_dir_all(dir.join("log.99")).expect("the target folder is writable");
    says(&dir, UNUSABLE, &["log.99: expected a file"]);
    says(&dir.join("log.99"), UNUSABLE, &["log.99: expected files named log.ZXID or snapshot.ZXID"]);
    fs::remove_dir(dir.join("log.99")).expect("it was made");
    fs::write(dir.join("currentEpoch"), b"seven").expect("the target folder is writable");
    says(&dir, UNUSABLE, &["currentEpoch: offset 0: expected an epoch in decimal"]);
    fs::write(dir.join("snapshot.5.gz"), b"").expect("the target folder is writable");
    says(&dir, UNUSABLE, &["snapshot.5.gz: a compressed snapshot is not read here"]);
    assert_eq!(lab(&[]).status.code(), Some(2), "no path is a wrong use");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = copy("zabra", "forbidden");
    let log = dir.join("log.1d");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).expect("the owner may");
    if fs::File::open(&log).is_ok() {
        return eprintln!("skipped: this user may read everything");
    }
    for path in [&dir, &log] {
        says(path, UNUSABLE, &["log.1d: Permission denied"]);
    }
}
