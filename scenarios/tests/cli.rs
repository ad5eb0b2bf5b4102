//! The command as a user meets it: wrong words, wrong files, and what it answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

fn lab(args: &[&str]) -> Output {
    let out = folder("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
    command.args(args).arg("--out").arg(out).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
    command.output().expect("the lab starts")
}

/// Checks the exit code, that all of `words` stand on stderr, and that nothing panicked.
fn refuses(args: &[&str], code: i32, words: &[&str]) {
    let output = lab(args);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{talk}");
    assert!(!talk.contains("panicked"), "{args:?}\n{talk}");
    for word in words {
        assert!(talk.contains(word), "{args:?} does not say {word:?}\n{talk}");
    }
}

fn file(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder("files").join(name);
    fs::write(&path, text).expect("the target folder is writable");
    path.display().to_string()
}

#[test]
fn wrong_words_are_usage() {
    refuses(&[], 2, &["Usage"]);
    refuses(&["hunt"], 2, &["--all"]);
    refuses(&["hunts", "--all"], 2, &["hunt"]);
    refuses(&["hunt", "--all", "--sedes", "4"], 2, &["--sedes", "--seeds"]);
    refuses(&["hunt", "--all", "mixed5"], 2, &["cannot be used with"]);
    refuses(&["run"], 2, &["<SCENARIO>"]);
    refuses(&["hunt", "--all", "--jobs", "0"], 2, &["--jobs"]);
    refuses(&["hunt", "--all", "--for", "soon"], 2, &["no duration", "60s"]);
    refuses(&["hunt", "--all", "--shard", "3/2"], 2, &["no shard", "I/N"]);
    refuses(&["replay", "mixed5"], 2, &["--seed"]);
    refuses(&["hunt", "--all", "--for", "1s", "--check-determinism"], 2, &["--seeds"]);
    refuses(&["hunt", "--all", "--seeds", "0..2", "--seed", "1"], 2, &["--seeds A..B"]);
}

#[test]
fn bad_seeds_are_usage() {
    for seed in ["", "x", "-1", "0x", "1.5", "0x10000000000000000", "٣"] {
        refuses(&["run", "mixed5", "--seed", seed], 2, &["seed"]);
    }
    refuses(&["hunt", "--all", "--seeds", "5..5"], 2, &["empty"]);
    refuses(&["hunt", "--all", "--seeds", "9..2"], 2, &["empty"]);
}

#[test]
fn unknown_rules_are_usage_with_a_suggestion() {
    refuses(&["rules", "VoteOder"], 2, &["VoteOder", "did you mean VoteOrder?"]);
    refuses(&["run", "mixed5", "--seed", "1", "--without", "Nonsense"], 2, &["Nonsense"]);
}

#[test]
fn missing_scenarios_are_named_with_a_suggestion() {
    refuses(&["run", "mixd5", "--seed", "1"], 3, &["mixd5", "did you mean mixed5?"]);
    refuses(&["hunt", "mixed5", "no/such/file.toml", "--seeds", "1"], 3, &["no/such/file.toml", "no such file"]);
    refuses(&["replay", "no/such/story.scn"], 3, &["no/such/story.scn"]);
}

#[test]
fn wrong_hunt_files_are_refused_with_file_line_and_column() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        (
            "key.toml",
            "name = \"key\"\n[ensemble]\nvoter = 3\n",
            ":3:1:",
            &["unknown field `voter`", "did you mean voters?"],
        ),
        ("table.toml", "name = \"table\"\n\n[fautls]\n", ":3:2:", &["unknown field `fautls`", "did you mean faults?"]),
        ("type.toml", "name = \"type\"\n[ensemble]\nvoters = \"3\"\n", ":3:10:", &["expected u8"]),
        ("toml.toml", "name = \"toml\"\n[ensemble\n", ":2:10:", &[]),
        ("none.toml", "name = \"none\"\n[ensemble]\nvoters = 0\n", ":3:10:", &["at least one voter"]),
        ("many.toml", "name = \"many\"\n[ensemble]\nvoters = 200\nobservers = 100\n", ":2:2:", &["at most 63"]),
        (
            "groups.toml",
            "name = \"groups\"\n[ensemble]\nvoters = 3\ngroups = [[1], [2], [9]]\n",
            ":4:10:",
            &["server 9 is no voter"],
        ),
        (
            "weight.toml",
            "name = \"weight\"\n[ensemble]\ngroups = [[1, 2, 3]]\nweights = { a = 1 }\n",
            ":4:",
            &["no server id"],
        ),
        ("tick.toml", "name = \"tick\"\n[ensemble]\ntick_ms = 0\n", ":3:11:", &["at least 1 ms"]),
        ("range.toml", "name = \"range\"\n[phases]\nsafety_ms = [9, 1]\n", ":3:13:", &["[least, most]"]),
        ("ppm.toml", "name = \"ppm\"\n[faults.crash]\non_ppm = 2_000_000\n", ":3:10:", &["at most 1000000"]),
        ("mark.toml", "name = \"mark\"\ndemands = [\"elektion\"]\n", ":2:11:", &["did you mean election?"]),
        ("other.toml", "name = \"another\"\n", ":1:8:", &["called as its file"]),
        ("neg.toml", "name = \"neg\"\n[ensemble]\nvoters = -3\n", ":3:10:", &["-3"]),
        ("raw.toml", "name = \"raw\"\n[clients]\ncount = 1\nraw = 2\n", ":4:7:", &["part of the count"]),
    ];
    for (name, text, place, words) in cases {
        let path = file(name, text);
        refuses(&["run", &path, "--seed", "1"], 3, &[&format!("{name}{place}")]);
        refuses(&["hunt", &path, "--seeds", "1"], 3, words);
    }
}

#[test]
fn files_that_are_no_text_are_refused() {
    let path = file("bytes.toml", b"name = \"bytes\"\nabout = \"\xff\xfe\"\n");
    refuses(&["run", &path, "--seed", "1"], 3, &["bytes.toml:2:10:", "UTF-8"]);
    let folder = folder("files").join("folder.toml");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    refuses(&["run", &folder.display().to_string(), "--seed", "1"], 3, &["folder.toml"]);
}

#[test]
fn an_empty_library_or_shard_runs_nothing() {
    let empty = folder("empty").display().to_string();
    refuses(&["hunt", "--all", "--seeds", "3", "--library", &empty], 4, &["no hunt"]);
    refuses(&["hunt", "one", "--seeds", "1", "--shard", "2/2"], 4, &[]);
    refuses(&["list", "story", "--library", &empty], 4, &[]);
}

#[test]
fn a_report_that_cannot_be_written_is_the_tools_fault() {
    let blocked = file("blocked", "a file where a folder should be");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
    command.args([
        "hunt",
        "three",
        "--seeds",
        "0..20",
        "--without",
        "VoteQuorum",
        "--without",
        "CommitQuorum",
        "--out",
        &blocked,
    ]);
    let output = command.output().expect("the lab starts");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(talk.contains("cannot be written") && !talk.contains("panicked"), "{talk}");
}

#[test]
fn a_rule_that_is_off_is_caught_shrunk_and_replayed_without_the_seed() {
    let out = folder("killed").display().to_string();
    let lab = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
        command.args(args).args(["--out", &out]).env("NO_COLOR", "1").output().expect("the lab starts")
    };
    let shrunk = lab(&["shrink", "mixed5", "--seed", "0", "--without", "AckAfterDurable"]);
    let card = String::from_utf8_lossy(&shrunk.stdout).into_owned();
    assert_eq!(shrunk.status.code(), Some(20), "{card}");
    assert!(card.lines().count() <= 25 && card.contains("ack_durability") && card.contains("shrunk"), "{card}");
    let story = Path::new(&out).join("mixed5-0x0").join("story.scn").display().to_string();
    let text = fs::read_to_string(&story).expect("the story was saved");
    assert!(text.lines().take_while(|line| *line != "---").count() <= 40, "{text}");
    assert_eq!(lab(&["replay", &story]).status.code(), Some(20));
    // With another trace recorded, the failure did not happen again.
    let other = file("other.scn", text.replace("\n---\n", "\n---\nnothing of the kind\n"));
    refuses(&["replay", &other], 25, &[]);
}

#[test]
fn a_new_story_is_recorded_and_then_plays_as_recorded() {
    let commands = "# Three servers elect the third.\nservers 3\nelect 3\nexpect leader 3\n";
    let story = file("new.scn", commands);
    let untold = lab(&["replay", &story]);
    assert_eq!(untold.status.code(), Some(25));
    assert!(String::from_utf8_lossy(&untold.stdout).contains("--record"), "{untold:?}");
    assert_eq!(lab(&["replay", &story, "--record"]).status.code(), Some(0));
    let text = fs::read_to_string(&story).expect("the story was written");
    assert!(text.starts_with(commands) && text.contains("\n---\n1 starts at 0.0\n"), "{text}");
    assert_eq!(lab(&["replay", &story]).status.code(), Some(0));
    // What cannot be played is not recorded, and a hunt's run is not a story.
    let commands = "servers 3\nelect 3\ndeliver 3>1 PROPOSAL\n";
    let story = file("cannot.scn", commands);
    assert_eq!(lab(&["replay", &story, "--record"]).status.code(), Some(25));
    assert_eq!(fs::read_to_string(&story).expect("the story is there"), commands);
    refuses(&["replay", "mixed5", "--record"], 2, &["--record"]);
}

#[test]
fn wrong_stories_are_refused_with_file_and_line() {
    refuses(&["run", &file("verb.scn", "servers 3\nexplode 2\n")], 3, &["verb.scn:2:", "explode"]);
    refuses(&["run", &file("none.scn", "servers 0\n")], 3, &["none.scn:1:"]);
    refuses(&["run", &file("bytes.scn", b"servers 3\n\xff\n")], 3, &["bytes.scn:2:", "UTF-8"]);
    refuses(&["replay", &file("late.scn", "servers 3\n"), "--seed", "1"], 2, &["--seed"]);
}

#[test]
fn the_seed_is_printed_before_the_run_and_json_is_one_document() {
    let output = lab(&["run", "one", "--seed", "0x2a", "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("one seed 0x2a\n"));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("stdout holds one document");
    assert_eq!((document["schema"].as_str(), document["run"]["seed"].as_str()), (Some("zabra-report/1"), Some("0x2a")));
    assert_eq!(document["run"]["verdict"], "pass");
}

#[test]
fn a_hunt_ends_with_a_table_and_the_same_seeds_give_the_same_hashes() {
    let hashes = |jobs: &str| {
        let output = lab(&["hunt", "one", "three", "--seeds", "0..3", "--jobs", jobs, "--json", "--hashes"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("stdout holds one document");
        document["runs"].clone()
    };
    let first = hashes("1");
    assert_eq!(first.as_array().map(Vec::len), Some(6));
    assert_eq!(first, hashes("3"));
    let table = lab(&["hunt", "one", "--seeds", "2"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.starts_with("hunt ") && table.trim_end().ends_with("no violation"), "{table}");
}

#[test]
fn two_processes_agree_on_every_hash() {
    let output = lab(&["hunt", "three", "--seeds", "0..4", "--check-determinism"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_library_lists_itself_and_the_schema_is_fresh() {
    let list = lab(&["list", "hunt"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.lines().count() >= 12 && list.contains("mixed5"), "{list}");
    let schema = lab(&["schema"]);
    let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("hunt.schema.json"))
        .expect("a schema is committed");
    assert_eq!(String::from_utf8_lossy(&schema.stdout), committed, "cargo lab schema > scenarios/hunt.schema.json");
}

#[test]
fn every_hunt_of_the_library_runs() {
    let output = lab(&["hunt", "--all", "--seeds", "0..1", "--no-demands"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_saved_failure_becomes_a_page() {
    let (out, library) = (folder("page"), Path::new(env!("CARGO_MANIFEST_DIR")));
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zabra-lab"));
        command.args(args).arg("--library").arg(library).arg("--out").arg(&out).env("NO_COLOR", "1");
        command.output().expect("the lab starts")
    };
    let hunted = run(&["hunt", "mixed5", "--seeds", "0..1", "--without", "CommitQuorum", "--fail-fast"]);
    assert_eq!(hunted.status.code(), Some(20));
    let card = String::from_utf8_lossy(&hunted.stdout).into_owned();
    let options = format!("--library {} --out {}", library.display(), out.display());
    assert!(card.contains(&format!("cargo lab replay mixed5 --seed 0x0 --without CommitQuorum {options}")), "{card}");
    let saved = out.join("mixed5-0x0").display().to_string();
    let told = run(&["report", &saved, "--html"]);
    assert_eq!(told.status.code(), Some(20), "{}", String::from_utf8_lossy(&told.stderr));
    let page = fs::read_to_string(out.join("mixed5-0x0/report.html")).expect("the page is there");
    assert!(page.contains("The whole run") && page.contains("CommitQuorum"));
    fs::write(out.join("mixed5-0x0/story.scn"), "servers 1\n").expect("the target folder is writable");
    let beside = String::from_utf8_lossy(&run(&["report", &saved]).stderr).into_owned();
    assert!(beside.contains("of another failure"), "{beside}");
    fs::remove_file(out.join("mixed5-0x0/story.scn")).expect("the story is there");
    let changed = fs::read_to_string(out.join("mixed5-0x0/report.json")).expect("the report is there");
    fs::write(out.join("mixed5-0x0/report.json"), changed.replace("\"trace_hash\": \"0x", "\"trace_hash\": \"0x1"))
        .expect("the target folder is writable");
    let other = run(&["report", &saved]);
    assert_eq!(other.status.code(), Some(25), "another trace is another run");
    assert!(String::from_utf8_lossy(&other.stderr).contains("not the run that was saved"));
}

#[test]
fn what_cannot_be_reported_is_refused() {
    refuses(&["report", "mixed5"], 2, &["--seed"]);
    refuses(&["report", "no/such"], 3, &["no/such"]);
    refuses(&["report", &folder("nothing").display().to_string()], 3, &["report.json"]);
    refuses(&["report", &file("report.scn", "servers 3\nelekt 3\n")], 3, &["report.scn:2"]);
}

#[test]
fn two_runs_are_compared_line_by_line() {
    let told = |args: &[&str]| String::from_utf8_lossy(&lab(args).stdout).into_owned();
    let same = told(&["diff", "one@1", "one@1"]);
    assert!(same.contains("\nthe same: "), "{same}");
    let parted = told(&["diff", "mixed5@0", "--without", "CommitQuorum", "--lines", "1"]);
    let lines: Vec<&str> = parted.lines().collect();
    assert!(lines[1].starts_with("A ") && lines[2].starts_with("B ") && lines[2].contains("commits"), "{parted}");
    assert!(parted.contains("B mixed5@0: quorum: ") && parted.contains("the same for "), "{parted}");
    refuses(&["diff", "mixed5", "mixed5@2"], 2, &["mixed5@0x2a"]);
}

#[test]
fn junit_names_the_hunts_and_what_broke() {
    let path = folder("junit").join("hunt.xml");
    let name = path.display().to_string();
    let args = ["hunt", "one", "mixed5", "--seeds", "0..1", "--without", "CommitQuorum", "--junit", &name];
    assert_eq!(lab(&args).status.code(), Some(20));
    let xml = fs::read_to_string(path).expect("the file is there");
    assert!(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\"") && xml.contains("type=\"quorum\""), "{xml}");
    assert!(xml.contains("cargo lab replay mixed5 --seed 0x0 --without CommitQuorum"), "{xml}");
}
