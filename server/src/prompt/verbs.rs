//! What each verb asks the server, and what is said of the answer.

use super::link::Link;
use super::print::{Said, acl, perms, text};
use super::words::Command;
use super::{Failure, Outcome, base64, quota};
use crate::config::entries;
use serde_json::{Value, json};
use zabra_client::request::{Answer, Kind, Request};
use zabra_client::{Grant, Operation, Reply};

pub(super) async fn perform(link: &Link, command: &Command) -> Outcome<Said> {
    match command.verb {
        "create" => create(link, command).await,
        "set" => {
            let (path, word) = (command.path()?, command.word(1).unwrap_or_default());
            let data = if command.has("b") { base64::decode(word) } else { Some(word.as_bytes().to_vec()) };
            let data = data.ok_or_else(|| Failure::invocation("-b: expected data in base64"))?;
            let set = Operation::SetData { path: link.full(path), data: Some(data), version: command.version()? };
            Ok(stat_of(link.run(set, path).await?, command.has("s")))
        }
        "get" => get(link, link.full(command.path()?), command.path()?, command).await,
        "config" => get(link, b"/zookeeper/config".to_vec(), "/zookeeper/config", command).await,
        "stat" => {
            let path = command.path()?;
            let exists = Operation::Exists { path: link.full(path), watch: command.has("w") };
            Ok(stat_of(link.run(exists, path).await?, true))
        }
        "ls" => ls(link, command).await,
        "delete" => {
            let path = command.path()?;
            let delete = Operation::Delete { path: link.full(path), version: command.version()? };
            link.run(delete, path).await.map(|_| Said::nothing())
        }
        "deleteall" => delete_all(link, command.path()?).await,
        "sync" => {
            let path = command.path()?;
            link.run(Operation::Sync { path: link.full(path) }, path).await?;
            Ok(Said::new("Sync is OK", json!({ "synced": path })))
        }
        "getAcl" => get_acl(link, command).await,
        "setAcl" => set_acl(link, command).await,
        "listquota" => quota::list(link, command.path()?).await,
        "setquota" => quota::set(link, command, command.path()?).await,
        "delquota" => quota::delete(link, command, command.path()?).await,
        _ => perform_other(link, command).await,
    }
}

async fn perform_other(link: &Link, command: &Command) -> Outcome<Said> {
    let (request, path) = match command.verb {
        "addauth" => {
            let word = |at| command.word(at).unwrap_or_default().as_bytes().to_vec();
            (Request::Auth { scheme: word(0), auth: word(1) }, "the identity")
        }
        "addWatch" => {
            let recursive = match command.text("m") {
                None | Some("PERSISTENT_RECURSIVE") => true,
                Some("PERSISTENT") => false,
                Some(other) => return Err(Failure::invocation(format!("-m: no mode {other}"))),
            };
            (Request::AddWatch { path: link.full(command.path()?), recursive }, command.path()?)
        }
        "removewatches" => {
            let kind = if command.has("c") {
                1
            } else if command.has("d") {
                2
            } else {
                3
            };
            (Request::RemoveWatches { path: link.full(command.path()?), kind }, command.path()?)
        }
        "getEphemerals" => (Request::GetEphemerals { prefix: link.full(command.path()?) }, command.path()?),
        "getAllChildrenNumber" => (Request::GetAllChildrenNumber { path: link.full(command.path()?) }, command.path()?),
        "whoami" => (Request::WhoAmI, "whoami"),
        "reconfig" => {
            let list = |option| command.text(option).map(|list| list.to_lowercase().into_bytes());
            let (joining, leaving) = (list("add"), list("remove"));
            let members = command.text("file").map(members_of).transpose()?.or_else(|| list("members"));
            let modes = [command.has("file"), command.has("members"), command.has("add") || command.has("remove")];
            if modes.into_iter().filter(|is_used| *is_used).count() != 1 {
                return Err(Failure::invocation("reconfig: expected -members, -file, or -add and -remove"));
            }
            // As `zkCli.sh` reads it, and as the configuration's text has it.
            let version = command.text("v").map(|text| i64::from_str_radix(text, 16)).transpose();
            let config =
                version.map_err(|_| Failure::invocation("-v: expected a version in hexadecimal"))?.unwrap_or(-1);
            (Request::Reconfig { joining, leaving, members, config }, "/zookeeper/config")
        }
        other => return Err(Failure::invocation(format!("{other}: no such request"))),
    };
    Ok(match link.ask(request, path).await? {
        Answer::Paths(paths) => {
            let mut paths: Vec<String> = paths.iter().map(|path| link.local(path)).collect();
            paths.sort();
            Said::new(format!("[{}]", paths.join(", ")), json!({ "paths": paths }))
        }
        Answer::Number(number) => Said::new(number.to_string(), json!({ "number": number })),
        Answer::Identities(ids) => {
            let ids: Vec<(String, String)> = ids.iter().map(|(scheme, user)| (text(scheme), text(user))).collect();
            let lines = ids.iter().map(|(scheme, user)| format!("\n{scheme}: {user}")).collect::<String>();
            Said::new(format!("Auth scheme: User{lines}"), json!({ "identities": ids }))
        }
        Answer::Data { data, stat } => {
            let data = text(&data.unwrap_or_default());
            let said = Said::new(format!("Committed new configuration:\n{data}"), json!({ "data": data }));
            said.with(command.has("s").then_some(&stat))
        }
        Answer::Created { .. } | Answer::Acl { .. } | Answer::Stat(_) | Answer::Parts(_) | Answer::Done => {
            Said::nothing()
        }
    })
}

/// The members that a dynamic configuration's file names.
#[expect(clippy::disallowed_methods, reason = "a file that the command names")]
fn members_of(file: &str) -> Outcome<Vec<u8>> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::invocation(format!("{file}: {error}")))?;
    let kept = entries(&text)
        .into_iter()
        .filter(|entry| ["server.", "group", "weight"].iter().any(|family| entry.key.starts_with(family)));
    let lines: Vec<String> = kept.map(|entry| format!("{}={}", entry.key, entry.value)).collect();
    if lines.is_empty() {
        return Err(Failure::invocation(format!("{file}: expected server lines")));
    }
    Ok(lines.join(",").into_bytes())
}

async fn create(link: &Link, command: &Command) -> Outcome<Said> {
    let path = command.path()?;
    let ttl = command.number("t")?;
    let kind = match (command.has("e"), command.has("s"), command.has("c"), ttl) {
        (false, false, false, None) => Kind::Persistent,
        (true, false, false, None) => Kind::Ephemeral,
        (false, true, false, None) => Kind::PersistentSequential,
        (true, true, false, None) => Kind::EphemeralSequential,
        (false, false, true, None) => Kind::Container,
        (false, false, false, Some(ttl)) => Kind::Ttl(ttl),
        (false, true, false, Some(ttl)) => Kind::SequentialTtl(ttl),
        (_, _, true, _) => return Err(Failure::invocation("-c cannot be combined with -s, -e or -t")),
        (true, _, _, Some(_)) => return Err(Failure::invocation("TTLs cannot be used with Ephemeral znodes")),
    };
    let acl = command.word(2).map_or_else(|| Ok(Grant::open()), acl).map_err(Failure::invocation)?;
    let data = command.word(1).map(|data| data.as_bytes().to_vec());
    let request = Request::Create { path: link.full(path), data, acl, kind };
    let Answer::Created { path, stat } = link.ask(request, path).await? else { return Ok(Said::nothing()) };
    let path = link.local(&path);
    Ok(Said::new(format!("Created {path}"), json!({ "created": path, "czxid": stat.czxid })))
}

async fn get(link: &Link, path: Vec<u8>, shown: &str, command: &Command) -> Outcome<Said> {
    let read = Operation::GetData { path, watch: command.has("w") };
    let Reply::Data { data, stat } = link.run(read, shown).await? else { return Ok(Said::nothing()) };
    let shape = |data: Vec<u8>| if command.has("b") { base64::encode(&data) } else { text(&data) };
    let data = data.map(shape);
    let said = Said::new(data.as_deref().unwrap_or("null"), json!({ "path": shown, "data": data }));
    Ok(said.with(command.has("s").then_some(&stat)))
}

async fn ls(link: &Link, command: &Command) -> Outcome<Said> {
    let path = command.path()?;
    if command.has("R") {
        let paths: Vec<String> = link.subtree(link.full(path)).await?.iter().map(|path| link.local(path)).collect();
        return Ok(Said::new(paths.join("\n"), json!({ "paths": paths })));
    }
    let read = Operation::GetChildren2 { path: link.full(path), watch: command.has("w") };
    let Reply::Children2 { children, stat } = link.run(read, path).await? else { return Ok(Said::nothing()) };
    let mut names: Vec<String> = children.iter().map(|name| text(name)).collect();
    names.sort();
    let said = Said::new(format!("[{}]", names.join(", ")), json!({ "path": path, "children": names }));
    Ok(said.with(command.has("s").then_some(&stat)))
}

async fn delete_all(link: &Link, path: &str) -> Outcome<Said> {
    let all = link.subtree(link.full(path)).await?;
    for path in all.iter().rev().filter(|path| *path != b"/") {
        let shown = link.local(path);
        match link.run(Operation::Delete { path: path.clone(), version: -1 }, &shown).await {
            Err(failure) if !failure.is_no_node() => return Err(failure),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Said::new("", json!({ "deleted": all.len() })))
}

async fn get_acl(link: &Link, command: &Command) -> Outcome<Said> {
    let path = command.path()?;
    let Answer::Acl { acl, stat } = link.ask(Request::GetAcl { path: link.full(path) }, path).await? else {
        return Ok(Said::nothing());
    };
    let line = |grant: &Grant| format!("'{},'{}\n: {}", text(&grant.scheme), text(&grant.id), perms(grant.perms));
    let lines: Vec<String> = acl.iter().map(line).collect();
    let entry = |grant: &Grant| -> Value {
        json!({ "scheme": text(&grant.scheme), "id": text(&grant.id), "perms": perms(grant.perms) })
    };
    let entries: Vec<Value> = acl.iter().map(entry).collect();
    let said = Said::new(lines.join("\n"), json!({ "path": path, "acl": entries }));
    Ok(said.with(command.has("s").then_some(&stat)))
}

async fn set_acl(link: &Link, command: &Command) -> Outcome<Said> {
    let path = command.path()?;
    let acl = acl(command.word(1).unwrap_or_default()).map_err(Failure::invocation)?;
    let version = command.version()?;
    let full = link.full(path);
    let paths = if command.has("R") { link.subtree(full).await? } else { vec![full] };
    let mut said = Said::nothing();
    for path in paths {
        let shown = link.local(&path);
        if let Answer::Stat(stat) = link.ask(Request::SetAcl { path, acl: acl.clone(), version }, &shown).await? {
            said = Said::nothing().with(command.has("s").then_some(&stat));
        }
    }
    Ok(said)
}

fn stat_of(reply: Reply, is_wanted: bool) -> Said {
    let stat = if let Reply::Stat(stat) = &reply { Some(stat) } else { None };
    Said::nothing().with(stat.filter(|_| is_wanted))
}
