//! `zabra shell` against a server, and the scripts that stand where `zkCli.sh` and `zkServer.sh` stood.

use crate::process::{PATIENCE, Scratch, Server, free_ports};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

const ZABRA: &str = env!("CARGO_BIN_EXE_zabra");

fn shell(arguments: &[&str], script: &str) -> Output {
    let mut command = Command::new(ZABRA);
    command.arg("shell").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the shell starts");
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// What was said and, behind it, what went wrong; without clocks and sessions.
fn said(output: &Output) -> String {
    let text = format!("{}---\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let plain = |line: &str| match line.split_once(" = ") {
        Some((name @ ("ctime" | "mtime"), _)) => format!("{name} = TIME"),
        Some((name @ "ephemeralOwner", owner)) if owner != "0x0" => format!("{name} = OWNER"),
        Some(_) | None => line.to_owned(),
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shell_speaks_as_zkcli_does() {
    let scratch = Scratch::new("shell");
    let server = Server::start(&scratch, "1", free_ports(1)[0], "");
    server.until_it_serves();
    let at = server.client.to_string();
    let script = "create /app \"some data\"\ncreate -s /app/row- x\ncreate -e /app/e e\nls -s /app\nget -s /app/e\n\
                  create /app\nget /none\nset -v 7 /app x\ndelete /app\nget -w /app\nset /app new\n\
                  addauth digest alice:secret\nwhoami\nsetAcl /app auth::cdrwa,world:anyone:cr\ngetAcl /app\n\
                  setquota -n 5 /app\nlistquota /app\ndelquota /app\nlistquota /app\ngetEphemerals\n\
                  getAllChildrenNumber /app\naddWatch /app\ncreate /app/w\nsync /app\nnonsense\nget /app/\n";
    let output = shell(&["-server", &at], script);
    assert_eq!(output.status.code(), Some(2), "the worst of all: a line that makes no sense");
    insta::assert_snapshot!(said(&output));

    let json = shell(&["--json", "-server", &format!("{at}/app"), "get", "/row-0000000000"], "");
    assert_eq!(said(&json), "{\"data\":\"x\",\"path\":\"/row-0000000000\"}\n---");
    let chroot = format!("{at}/app");
    for (line, code) in [("stat /", 0), ("get /app", 1), ("stat nowhere", 2), ("create -s /c- c", 0)] {
        let words: Vec<&str> = ["-server", &chroot].into_iter().chain(line.split(' ')).collect();
        assert_eq!(shell(&words, "").status.code(), Some(code), "{line}");
    }
    let below = shell(&["-server", &chroot], "ls /\nget -w /row-0000000000\nset /row-0000000000 y\n");
    assert!(said(&below).contains("path:/row-0000000000 "), "an event's path is the shell's: {}", said(&below));
    assert!(said(&below).contains("[c-0000000003, row-0000000000, w]"), "{}", said(&below));
}

#[test]
fn a_shell_whose_reader_has_read_enough_ends_in_good_order() {
    let scratch = Scratch::new("pipe");
    let server = Server::start(&scratch, "1", free_ports(1)[0], "");
    server.until_it_serves();
    let mut command = Command::new(ZABRA);
    command.args(["shell", "-server", &server.client.to_string()]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the shell starts");
    drop(child.stdout.take());
    child.stdin.take().expect("a pipe").write_all(b"help\nhelp\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "---"));
}

#[test]
fn arguments_that_are_no_text_are_paths_or_are_refused() {
    let strange = OsStr::from_bytes(b"/none/\xff");
    let ran = |verbs: &[&str]| Command::new(ZABRA).args(verbs).arg(strange).output().expect("it runs");
    let dump = ran(&["snapshot", "dump"]);
    assert!(
        dump.status.code() == Some(2) && said(&dump).contains("expected a name as snapshot.ZXID"),
        "{}",
        said(&dump)
    );
    let shell = ran(&["shell", "get"]);
    assert!(shell.status.code() == Some(2) && said(&shell).contains("invalid UTF-8"), "{}", said(&shell));
}

#[test]
fn lines_come_again_and_data_may_be_in_base64() {
    let scratch = Scratch::new("again");
    let server = Server::start(&scratch, "1", free_ports(1)[0], "");
    server.until_it_serves();
    let at = server.client.to_string();
    let file = scratch.join("members");
    std::fs::write(&file, "version=1\nserver.1=a:1:2\n").unwrap();
    let script = format!(
        "create -s /n- x\nredo 0\nredo 1\nls /\nset -b /n-0000000000 aGk=\nget /n-0000000000\nget -b /n-0000000000\n\
         set -b /n-0000000000 aGk\nredo 99\nreconfig -file {} -add x\nhistory\n",
        file.display()
    );
    let text = said(&shell(&["-server", &at], &script)).replace(&file.display().to_string(), "FILE");
    insta::assert_snapshot!(text);
}

type Run<'a> = &'a dyn Fn(&str, &[&str]) -> (Option<i32>, String);

/// No server is left behind by a test that fails.
struct Stop<'a>(Run<'a>, &'a str);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        (self.0)("zkServer.sh", &["stop", self.1]);
    }
}

#[test]
fn the_scripts_of_apaches_names_start_ask_and_stop_a_server() {
    let scratch = Scratch::new("scripts");
    let (port, data, config) = (free_ports(1)[0], scratch.join("data"), scratch.join("zoo.cfg"));
    std::fs::create_dir_all(&data).expect("a directory");
    let text = format!("dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n", data.display());
    std::fs::write(&config, text).expect("a configuration");
    let run = |script: &str, arguments: &[&str]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bin").join(script);
        let output = Command::new("sh").arg(path).args(arguments).env("ZABRA", ZABRA).stdin(Stdio::null()).output();
        let output = output.expect("sh runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let config = config.display().to_string();
    let started = run("zkServer.sh", &["start", &config]);
    let _stopped = Stop(&run, &config);
    assert_eq!(started, (Some(0), "STARTED\n".into()));
    assert_eq!(run("zkServer.sh", &["start", &config]).0, Some(1), "it runs already");
    let begun = Instant::now();
    while run("zkServer.sh", &["status", &config]).0 != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "it does not come up");
    }
    let address = format!("Client port found: {port}. Client address: 127.0.0.1. Client SSL: false.\n");
    assert_eq!(run("zkServer.sh", &["status", &config]).1, format!("{address}Mode: standalone\n"));
    let server = format!("127.0.0.1:{port}");
    assert_eq!(run("zkCli.sh", &["-timeout", "5000", "-server", &server, "create", "/a", "b"]).1, "Created /a\n");
    assert_eq!(run("zkCli.sh", &["-r", "-server", &server, "get", "/a"]), (Some(0), "b\n".into()));
    assert_eq!(run("zkServer.sh", &["stop", &config]), (Some(0), "STOPPED\n".into()));
    assert_eq!(run("zkServer.sh", &["status", &config]).0, Some(1));
    let secure = scratch.join("secure.cfg");
    std::fs::write(&secure, "dataDir=/x\nsecureClientPort=1\n").expect("a configuration");
    let (code, text) = run("zkServer.sh", &["status", &secure.display().to_string()]);
    assert!(code == Some(1) && text.contains("secureClientPort alone"), "{text}");
    assert!(run("zkServer.sh", &["version"]).1.starts_with("zabra "));
    assert_eq!(run("zkServer.sh", &["dance"]).0, Some(2));
}
