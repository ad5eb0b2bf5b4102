//! Quotas, which are znodes under `/zookeeper/quota` that clients write (reference/zookeeper.md 2.5).

use super::link::Link;
use super::print::{Said, text};
use super::words::Command;
use super::{Failure, Outcome};
use serde_json::json;
use zabra_client::{CreateMode, Operation};

const ROOT: &str = "/zookeeper/quota";
const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

/// Limits in the order in which they are written; −1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits([i64; 4]);

/// The option of each limit, and its name.
const NAMES: [(&str, &str); 4] = [("n", "count"), ("b", "bytes"), ("B", "byteHardLimit"), ("N", "countHardLimit")];

impl Limits {
    fn parse(data: &str) -> Limits {
        let mut limits = [-1; 4];
        for field in data.split([',', ';']) {
            let Some((name, value)) = field.trim_end_matches('=').split_once('=') else { continue };
            if let Some(at) = NAMES.iter().position(|(_, known)| *known == name) {
                limits[at] = value.parse().unwrap_or(-1);
            }
        }
        Limits(limits)
    }

    fn line(self) -> String {
        let [count, bytes, hard_bytes, hard_count] = self.0;
        format!("count={count},bytes={bytes}=;byteHardLimit={hard_bytes};countHardLimit={hard_count}")
    }
}

/// For fuzzing: what is read of limits is read again of what is written of them.
pub(super) fn examine(data: &str) {
    let limits = Limits::parse(data);
    assert_eq!(Limits::parse(&limits.line()), limits);
}

/// The znode of a path's quota, whatever the chroot is: quotas are of the whole tree.
fn place(link: &Link, path: &str) -> String {
    let full = text(&link.full(path));
    if full == "/" { ROOT.into() } else { format!("{ROOT}{full}") }
}

pub(super) async fn list(link: &Link, path: &str) -> Outcome<Said> {
    let place = place(link, path);
    let mut said = format!("absolute path is {place}/{LIMITS}");
    let (limits, stats) =
        (link.data(&format!("{place}/{LIMITS}")).await?, link.data(&format!("{place}/{STATS}")).await?);
    let Some(limits) = limits else {
        said.push_str(&format!("\nquota for {path} does not exist."));
        return Ok(Said::new(said, json!({ "path": path, "limits": null })));
    };
    let stats = stats.unwrap_or_default();
    said.push_str(&format!("\nOutput quota for {path} {limits}\nOutput stat for {path} {stats}"));
    Ok(Said::new(said, json!({ "path": path, "limits": limits, "stats": stats })))
}

pub(super) async fn set(link: &Link, command: &Command, path: &str) -> Outcome<Said> {
    let asked = NAMES.iter().map(|(option, _)| command.number(option)).collect::<Outcome<Vec<_>>>()?;
    if asked.iter().flatten().count() == 0 {
        return Err(Failure::invocation("setquota -n|-b|-N|-B val path"));
    }
    for ((option, _), value) in NAMES.iter().zip(&asked) {
        let least = i64::from(option.eq_ignore_ascii_case("n"));
        if value.is_some_and(|value| value < least) {
            return Err(Failure::invocation(format!("-{option}: expected at least {least}")));
        }
    }
    link.run(Operation::Exists { path: link.full(path), watch: false }, path).await?;
    let place = place(link, path);
    no_other_quota(link, path, &place).await?;
    let file = format!("{place}/{LIMITS}");
    let old = link.data(&file).await?;
    let mut limits = Limits::parse(old.as_deref().unwrap_or_default());
    for (limit, value) in limits.0.iter_mut().zip(&asked) {
        *limit = value.unwrap_or(*limit);
    }
    let line = limits.line();
    if old.is_some() {
        write(link, &file, &line).await?;
    } else {
        for (at, _) in place.match_indices('/').skip(3).chain([(place.len(), "")]) {
            make(link, &place[..at], "").await?;
        }
        make(link, &file, &line).await?;
        make(link, &format!("{place}/{STATS}"), "count=0,bytes=0").await?;
    }
    Ok(Said::new("", json!({ "path": path, "limits": line })))
}

pub(super) async fn delete(link: &Link, command: &Command, path: &str) -> Outcome<Said> {
    let place = place(link, path);
    let file = format!("{place}/{LIMITS}");
    let Some(old) = link.data(&file).await? else {
        return Err(Failure::refused(format!("Quota does not exist for {path}")));
    };
    let mut limits = Limits::parse(&old);
    let mut is_part = false;
    for (limit, (option, _)) in limits.0.iter_mut().zip(NAMES) {
        if command.has(option) {
            (*limit, is_part) = (-1, true);
        }
    }
    if is_part {
        write(link, &file, &limits.line()).await?;
        return Ok(Said::nothing());
    }
    for name in [LIMITS, STATS] {
        remove(link, &format!("{place}/{name}")).await?;
    }
    // Parents that nobody else needs go too.
    let mut parent = place.as_str();
    while parent.len() > ROOT.len() && remove(link, parent).await.is_ok() {
        parent = parent.rsplit_once('/').map_or("", |(above, _)| above);
    }
    Ok(Said::nothing())
}

/// A quota below or above another one is refused, as by every client.
async fn no_other_quota(link: &Link, path: &str, place: &str) -> Outcome<()> {
    let ends = place.match_indices('/').map(|(at, _)| at).filter(|at| *at > ROOT.len());
    for end in ends {
        if link.data(&format!("{}/{LIMITS}", &place[..end])).await?.is_some() {
            let above = link.local(&place.as_bytes()[ROOT.len()..end]);
            return Err(Failure::refused(format!("{path} has a parent {above} which has a quota")));
        }
    }
    let below = match link.subtree(place.as_bytes().to_vec()).await {
        Ok(below) => below,
        Err(failure) if failure.is_no_node() => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let own = format!("{place}/{LIMITS}").into_bytes();
    match below.iter().find(|other| other.ends_with(LIMITS.as_bytes()) && **other != own) {
        Some(other) => {
            Err(Failure::refused(format!("{path} has a child {} which has a quota", text(&other[ROOT.len()..]))))
        }
        None => Ok(()),
    }
}

async fn make(link: &Link, path: &str, data: &str) -> Outcome<()> {
    match link.run(Operation::create(path, data.as_bytes(), CreateMode::Persistent), path).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.message.starts_with("Node already exists") => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn write(link: &Link, path: &str, data: &str) -> Outcome<()> {
    let data = Some(data.as_bytes().to_vec());
    link.run(Operation::SetData { path: path.as_bytes().to_vec(), data, version: -1 }, path).await.map(drop)
}

async fn remove(link: &Link, path: &str) -> Outcome<()> {
    link.run(Operation::Delete { path: path.as_bytes().to_vec(), version: -1 }, path).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written_also_by_older_clients() {
        let line = "count=3,bytes=10=;byteHardLimit=12;countHardLimit=4";
        assert_eq!(Limits::parse(line).line(), line);
        assert_eq!(Limits::parse("count=5,bytes=-1"), Limits([5, -1, -1, -1]));
    }
}
