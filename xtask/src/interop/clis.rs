//! The command lines that come with ZooKeeper, against Zabra and against Apache's own server.
//!
//! Apache's `zkCli.sh` and the C client's `cli_mt` are told the lines of a script
//! (`xtask/interop/zkcli.txt`, `cli_mt.txt`), once on `zabra serve` and once on Apache's server alone
//! with the same configuration, and what they say is compared command by command, without what no two
//! servers share (see `plain`). Differences that are meant stand in `xtask/interop/clis.toml` with the
//! reason; a listed command that does not differ is a failure as well.

use super::console::{Client, Console};
use super::plain::plain;
use super::servers::{Apache, Running};
use super::{Interop, build, known};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's package zookeeper-bin has it, and where a build of one's own may.
const CLI_MT: [&str; 2] = ["/usr/lib/zookeeper/bin/cli_mt", "/usr/local/bin/cli_mt"];
const DIFFERENCES: &str = "xtask/interop/clis.toml";

/// What a client said to each line of its script.
type Said = Vec<(String, Vec<String>)>;

/// Runs every client that is there on both servers: what was seen, a line for each.
pub fn clis(root: &Path) -> Result<String, Interop> {
    let versions = Apache::all().map_err(Interop::Unavailable)?;
    let meant = known(&root.join(DIFFERENCES))?;
    let binary = build(root)?;
    let home = root.join("target/interop/clis");
    let (mut seen, mut wrong, mut differed) = (String::new(), String::new(), BTreeSet::new());
    for apache in &versions {
        println!("telling the command lines of {} the same on both servers", apache.name);
        let clients = clients(root, apache)?;
        let ours = || ask_all(&clients, || Running::zabra(&binary, &home.join("zabra")));
        let theirs = || ask_all(&clients, || Running::apache(apache, &home.join("apache")));
        let (ours, theirs) = std::thread::scope(|scope| {
            let theirs = scope.spawn(theirs);
            (ours(), theirs.join())
        });
        let theirs = theirs.map_err(|_| Interop::Failed("a thread panicked".into()))?;
        let (ours, theirs) = (ours.map_err(Interop::Failed)?, theirs.map_err(Interop::Failed)?);
        for (client, (ours, theirs)) in clients.iter().zip(ours.iter().zip(&theirs)) {
            transcript(ours, &home.join(format!("{}-on-zabra.txt", client.name)))?;
            transcript(theirs, &home.join(format!("{}-on-apache.txt", client.name)))?;
            let found = compare(client.name, ours, theirs);
            let unknown = found.iter().filter(|(command, _)| !meant.contains_key(*command));
            wrong
                .extend(unknown.map(|(command, diff)| format!("{} ({}): {command}\n{diff}", client.name, apache.name)));
            let _infallible = writeln!(
                seen,
                "{} ({}): {} commands, {} answered differently, all meant",
                client.name,
                apache.name,
                ours.len(),
                found.len()
            );
            differed.extend(found.into_keys());
        }
    }
    for command in meant.keys().filter(|command| !differed.contains(*command)) {
        let _infallible = writeln!(wrong, "answered alike, but stands in {DIFFERENCES}: {command}");
    }
    if wrong.is_empty() { Ok(seen.trim_end().to_owned()) } else { Err(Interop::Failed(wrong.trim_end().to_owned())) }
}

/// The clients that can be had, with their scripts.
fn clients(root: &Path, apache: &Apache) -> Result<Vec<Client>, Interop> {
    let script = |name: &str| {
        let path = root.join("xtask/interop").join(name);
        std::fs::read_to_string(&path).map_err(|error| Interop::Failed(format!("{}: {error}", path.display())))
    };
    let class_path = apache.class_path.clone();
    let zk_cli = move |server: &str| {
        let mut command = Command::new("java");
        command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", &class_path]);
        command.args(["org.apache.zookeeper.ZooKeeperMain", "-server", server]);
        command
    };
    let mut clients = vec![Client {
        name: "zkCli.sh",
        start: Box::new(zk_cli),
        script: script("zkcli.txt")?,
        event: "WatchedEvent ",
        // Refused by the client itself, whatever the server is.
        mark: ("redo 99999999", "Command index out of range"),
    }];
    if let Some(binary) = CLI_MT.iter().map(PathBuf::from).find(|path| path.exists()) {
        let cli_mt = move |server: &str| {
            let mut command = Command::new(&binary);
            command.arg(server);
            command
        };
        clients.push(Client {
            name: "cli_mt",
            start: Box::new(cli_mt),
            script: script("cli_mt.txt")?,
            event: "Watcher ",
            mark: ("delete /end-of-answer", "/end-of-answer: rc = -101"),
        });
    } else {
        println!("skipped: cli_mt of the C client (Debian: apt-get install zookeeper-bin)");
    }
    Ok(clients)
}

/// Every client's script, each on a server that has nothing yet.
fn ask_all(clients: &[Client], server: impl Fn() -> Result<Running, String>) -> Result<Vec<Said>, String> {
    clients.iter().map(|client| ask(client, &server()?.address())).collect()
}

fn ask(client: &Client, address: &str) -> Result<Said, String> {
    let mut console = Console::open(client, address)?;
    let mut said = Said::new();
    let lines = client.script.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let (events, command) = match line.strip_prefix('~').and_then(|rest| rest.split_once(' ')) {
            Some((count, command)) => (count.parse().map_err(|_| format!("{line}: no number behind ~"))?, command),
            None => (0, line),
        };
        let answer = if command == "quit" {
            // Whether a client still tells of its own end depends on which of its threads is quicker.
            console.quit(command)?.into_iter().filter(|line| !line.starts_with(client.event)).collect()
        } else {
            console.ask(&command.replace("{server}", address), events)?
        };
        said.push((command.to_owned(), plain(&answer, address, client.event)));
    }
    Ok(said)
}

/// What was compared, for whoever wants to read it.
fn transcript(said: &Said, path: &Path) -> Result<(), Interop> {
    let mut text = String::new();
    for (command, lines) in said {
        let _infallible = writeln!(text, "> {command}");
        lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
    }
    std::fs::write(path, text).map_err(|error| Interop::Failed(format!("{}: {error}", path.display())))
}

/// The commands whose answers differ, with the lines of both. The name of a command is its line; the
/// second and later ones of the same line have their number behind it.
fn compare(client: &str, ours: &Said, theirs: &Said) -> BTreeMap<String, String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences = BTreeMap::new();
    for ((command, ours), (_, theirs)) in ours.iter().zip(theirs) {
        let time = times.entry(command).or_default();
        *time += 1;
        if ours == theirs {
            continue;
        }
        let number = if *time == 1 { String::new() } else { format!(" #{time}") };
        let mut diff = String::new();
        for (sign, said, other) in [('-', theirs, ours), ('+', ours, theirs)] {
            for line in said {
                let sign = if other.contains(line) { ' ' } else { sign };
                let _infallible = writeln!(diff, "  {sign} {line}");
            }
        }
        differences.insert(format!("{client}: {command}{number}"), format!("  --- Apache's server, +++ Zabra\n{diff}"));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_answered_differently_is_named_with_both_answers() {
        let said = |answers: &[&str]| -> Said {
            answers.iter().map(|answer| ("get /a".to_owned(), vec!["same".to_owned(), (*answer).to_owned()])).collect()
        };
        assert!(compare("cli", &said(&["1", "2"]), &said(&["1", "2"])).is_empty());
        let found = compare("cli", &said(&["1", "2"]), &said(&["1", "3"]));
        let (command, diff) = found.first_key_value().expect("one differs");
        assert_eq!(command, "cli: get /a #2");
        assert!(diff.contains("  - 3\n") && diff.contains("  + 2\n") && diff.contains("    same\n"), "{diff}");
    }
}
