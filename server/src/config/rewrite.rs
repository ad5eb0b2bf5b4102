//! The configuration in force, kept for the next start, as Apache's servers keep it: the members go to a file
//! beside `zoo.cfg` whose name ends in their configuration's version, and `zoo.cfg` names that file
//! (reference/zookeeper.md section 3.10).
//!
//! Each file is written under another name, made durable and renamed, the members' file first: whoever starts
//! after a crash finds the old configuration or the new one.

#![expect(clippy::disallowed_types, reason = "the configuration's own files, once for each new ensemble")]

use super::text::entries;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zabra_core::id::ServerId;

/// Keeps the members of `text`, which are in force, for the server that `file` starts.
pub fn keep(file: &Path, me: ServerId, version: u64, text: &str) -> io::Result<()> {
    plan(file, me, version, text)?.iter().try_for_each(|(path, text)| replace(path, text))
}

/// The files that are replaced, one after the other: the one that names the others is the last.
#[expect(clippy::disallowed_methods, reason = "the configuration's own files, once for each new ensemble")]
fn plan(file: &Path, me: ServerId, version: u64, text: &str) -> io::Result<Vec<(PathBuf, String)>> {
    let file = fs::canonicalize(file)?;
    let mut members: Vec<&str> = text.lines().filter(|line| !line.starts_with("version=")).collect();
    members.sort_unstable();
    let dynamic = beside(&file, &format!(".dynamic.{version:x}"));
    let before = fs::read_to_string(&file)?;
    let after = pointing_to(me, &before, &dynamic, text);
    let mut files = vec![(dynamic, members.join("\n"))];
    if !before.lines().any(|line| key(line) == "dynamicConfigFile") {
        // What an operator wrote about members is not lost.
        files.push((beside(&file, ".bak"), before));
    }
    files.push((file, after));
    Ok(files)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The file's own lines without those about members, and where these stand now.
fn pointing_to(me: ServerId, before: &str, dynamic: &Path, members: &str) -> String {
    let own = format!("server.{me}=");
    let clients_stand_there = members.lines().any(|line| line.starts_with(&own) && line.contains(';'));
    let mut after = String::new();
    for line in before.lines() {
        let key = key(line);
        let is_members = ["server.", "group.", "weight."].iter().any(|family| key.starts_with(family))
            || matches!(key.as_str(), "dynamicConfigFile" | "peerType");
        let is_client = clients_stand_there && matches!(key.as_str(), "clientPort" | "clientPortAddress");
        if !is_members && !is_client {
            after.push_str(line);
            after.push('\n');
        }
    }
    after.push_str(&format!("dynamicConfigFile={}\n", dynamic.display()));
    after
}

fn key(line: &str) -> String {
    entries(line).into_iter().next().map(|entry| entry.key).unwrap_or_default()
}

/// A file is the old one or the new one, whatever happens.
#[expect(clippy::disallowed_methods, reason = "as above")]
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = beside(path, ".tmp");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;

    const BEFORE: &str = "# ours\ntickTime=2000\ninitLimit=5\nsyncLimit=2\nreconfigEnabled=true\ndataDir=DIR\n\
        clientPort=2181\nserver.1=a:2888:3888;2181\nserver.2=b:2888:3888;2181\npeerType=participant\n";

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test of files")]
    fn a_server_starts_again_with_the_configuration_that_came_into_force() {
        let dir = std::env::temp_dir().join(format!("zabra-keep-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        let file = dir.join("zoo.cfg");
        fs::write(&file, BEFORE.replace("DIR", &dir.display().to_string())).expect("written");
        fs::write(dir.join("myid"), "2").expect("written");
        let text = "server.2=b:2888:3888:participant;0.0.0.0:2182\nserver.10=c:2888:3888:observer;0.0.0.0:2181\n\
            version=10000000a";
        keep(&file, ServerId(2), 0x1_0000_000a, text).expect("kept");
        let after = fs::read_to_string(&file).expect("there");
        assert!(
            after.starts_with("# ours\ntickTime=2000\n") && !after.contains("clientPort") && !after.contains("server.")
        );
        let (settings, warnings) = read(&file).expect("a configuration");
        assert_eq!((settings.version, warnings.len()), (0x1_0000_000a, 0));
        assert_eq!(settings.client.as_ref().map(|host| host.port), Some(2182));
        assert!(settings.members[&ServerId(10)].observes);
        assert_eq!(*settings.core().ensemble.text, *text.as_bytes());
        let members = fs::read_to_string(dir.join("zoo.cfg.dynamic.10000000a")).expect("there");
        assert_eq!(
            members,
            "server.10=c:2888:3888:observer;0.0.0.0:2181\nserver.2=b:2888:3888:participant;0.0.0.0:2182"
        );
        assert!(fs::read_to_string(dir.join("zoo.cfg.bak")).expect("there").contains("server.1=a"));
        keep(&file, ServerId(2), 0x1_0000_000b, text).expect("kept again");
        assert_eq!(read(&file).expect("a configuration").0.version, 0x1_0000_000b);
        fs::remove_dir_all(&dir).expect("removed");
    }

    /// What a server starts with from this file: its configuration's version, who votes and who observes.
    fn started(file: &Path) -> (u64, String, String) {
        let (settings, _) = read(file).expect("a configuration");
        (settings.version, settings.quorum.voters().to_string(), settings.observers.to_string())
    }

    /// A crash leaves the files that were renamed before it, and of the next one a draft that may be cut anywhere.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test of files")]
    fn whatever_a_crash_interrupts_the_next_start_finds_one_configuration() {
        let dir = std::env::temp_dir().join(format!("zabra-crash-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        let file = dir.join("zoo.cfg");
        fs::write(&file, BEFORE.replace("DIR", &dir.display().to_string())).expect("written");
        fs::write(dir.join("myid"), "2").expect("written");
        let first = "server.2=b:2888:3888:participant;2182\nserver.10=c:2888:3888:observer;2181\nversion=a";
        let second = "server.2=b:2888:3888:participant;2183\nserver.10=c:2888:3888:participant;2181\nversion=b";
        let mut old = (0, "{1,2}".to_string(), "{}".to_string());
        for (version, text, observers) in [(0xa, first, "{10}"), (0xb, second, "{}")] {
            let voters = if observers == "{}" { "{2,10}" } else { "{2}" };
            let new = (version, voters.to_string(), observers.to_string());
            let files = plan(&file, ServerId(2), version, text).expect("a plan");
            assert_eq!(files.len(), if version == 0xa { 3 } else { 2 });
            for (done, (path, contents)) in files.iter().enumerate() {
                for cut in [0, contents.len() / 2, contents.len()] {
                    fs::write(beside(path, ".tmp"), &contents[..cut]).expect("written");
                    assert_eq!(started(&file), old, "{done} files were renamed, the next was cut at {cut}");
                }
                replace(path, contents).expect("replaced");
            }
            assert_eq!(started(&file), new);
            // Whoever starts from the old one hears of the new one again, and keeps it then.
            keep(&file, ServerId(2), version, text).expect("kept again");
            assert_eq!(started(&file), new);
            old = new;
        }
        fs::remove_dir_all(&dir).expect("removed");
    }
}
