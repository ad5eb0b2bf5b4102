//! The shell's session: requests below the chroot, their failures in words, watches as they fire.

use super::print::text;
use super::{Arguments, Failure, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zabra_client::net::{Client, Completion};
use zabra_client::request::{Answer, Request};
use zabra_client::{Code, Config, Operation, Output, Reply, SessionEvent, Target, WatchEvent, WatchKind};

/// Where the shell is connected.
pub(super) struct Link {
    client: Client,
    chroot: String,
    patience: Duration,
}

/// How events are told.
#[derive(Clone)]
pub(super) struct Telling {
    pub json: bool,
    /// Whether changes of the session's own state are told as well.
    pub sessions: bool,
    pub watches: Arc<AtomicBool>,
}

impl Link {
    pub fn open(target: &Target, arguments: &Arguments, telling: Telling) -> Link {
        let servers = (0..).take(target.servers.len()).collect();
        let (read_only, timeout_ms) = (Some(arguments.readonly), arguments.timeout);
        let config = Config { retry_ms: 200, read_only, remembers: true, ..Config::new(servers, timeout_ms) };
        let root = target.chroot.clone();
        let observer = move |output: &Output| telling.tell(output, &root);
        let client = Client::start(target.servers.clone(), config, observer);
        Link { client, chroot: target.chroot.clone(), patience: Duration::from_millis(timeout_ms.into()) }
    }

    /// The path as the server knows it.
    pub fn full(&self, path: &str) -> Vec<u8> {
        let path = if path == "/" && !self.chroot.is_empty() { "" } else { path };
        format!("{}{path}", self.chroot).into_bytes()
    }

    /// The path as the shell knows it.
    pub fn local(&self, path: &[u8]) -> String {
        below(&self.chroot, path)
    }

    pub async fn run(&self, operation: Operation, path: &str) -> Outcome<Reply> {
        let answer = tokio::time::timeout(self.patience, self.client.submit(operation)).await;
        let lost = |what: &str| Err(Failure::refused(format!("KeeperErrorCode = {what} for {path}")));
        match answer {
            Err(_) => lost("ConnectionLoss"),
            Ok(Completion { outcome, .. }) => match outcome {
                zabra_client::Outcome::Done(reply) => Ok(reply),
                zabra_client::Outcome::Failed(code) => Err(Failure::refused(words(code, path))),
                zabra_client::Outcome::Unknown => lost("ConnectionLoss"),
                zabra_client::Outcome::NotSent => Err(Failure::refused("Not connected")),
            },
        }
    }

    pub async fn ask(&self, request: Request, path: &str) -> Outcome<Answer> {
        match self.run(request.operation(), path).await? {
            Reply::Raw(body) => request
                .answer(&body)
                .map_err(|wrong| Failure::refused(format!("unreadable answer for {path}: {wrong:?}"))),
            other => Err(Failure::refused(format!("unexpected answer for {path}: {other:?}"))),
        }
    }

    /// The data of a znode outside of any chroot; none where there is no znode.
    pub async fn data(&self, path: &str) -> Outcome<Option<String>> {
        let read = Operation::GetData { path: path.as_bytes().to_vec(), watch: false };
        match self.run(read, path).await {
            Ok(Reply::Data { data, .. }) => Ok(Some(text(&data.unwrap_or_default()))),
            Err(failure) if failure.is_no_node() => Ok(None),
            Ok(_) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The znode and all below it (full paths), parents first.
    pub async fn subtree(&self, path: Vec<u8>) -> Outcome<Vec<Vec<u8>>> {
        let mut all = vec![path];
        let mut at = 0;
        while let Some(parent) = all.get(at).cloned() {
            at += 1;
            let shown = self.local(&parent);
            let children = match self.run(Operation::GetChildren { path: parent.clone(), watch: false }, &shown).await {
                Ok(Reply::Children(children)) => children,
                // Gone meanwhile.
                Err(failure) if at > 1 && failure.is_no_node() => continue,
                Ok(_) => continue,
                Err(failure) => return Err(failure),
            };
            let parent: &[u8] = if parent == b"/" { b"" } else { &parent };
            let mut names: Vec<Vec<u8>> = children.iter().map(|name| [parent, b"/", name].concat()).collect();
            names.sort();
            all.extend(names);
        }
        Ok(all)
    }

    pub async fn close(&self) {
        drop(tokio::time::timeout(Duration::from_secs(1), self.client.submit(Operation::Close)).await);
    }
}

fn below(chroot: &str, path: &[u8]) -> String {
    let path = text(path);
    match path.strip_prefix(chroot) {
        Some("") => "/".into(),
        Some(rest) if rest.starts_with('/') => rest.into(),
        Some(_) | None => path,
    }
}

/// An error as `zkCli.sh` says it.
fn words(code: Code, path: &str) -> String {
    let known = match code {
        Code::NoNode => "Node does not exist",
        Code::NoChildrenForEphemerals => "Ephemerals cannot have children",
        Code::NodeExists => "Node already exists",
        Code::NotEmpty => "Node not empty",
        Code::NotReadOnly => "Not a read-only call",
        Code::InvalidAcl => "Acl is not valid ",
        Code::NoAuth => "Insufficient permission ",
        Code::BadArguments => "Arguments are not valid ",
        Code::BadVersion => "version No is not valid ",
        Code::QuotaExceeded => "Quota has exceeded ",
        Code::NoWatcher => return format!("KeeperErrorCode = No such watcher for {path}"),
        Code::ReconfigDisabled => return "KeeperErrorCode = Reconfig is disabled".into(),
        other => return format!("KeeperErrorCode = {other:?} for {path}"),
    };
    format!("{known}: {path}")
}

impl Telling {
    fn tell(&self, output: &Output, root: &str) {
        let (kind, path, zxid) = match output {
            Output::Watch(WatchEvent { path, kind, zxid }) if self.watches.load(Ordering::Relaxed) => {
                let kind = match kind {
                    WatchKind::Created => "NodeCreated",
                    WatchKind::Deleted => "NodeDeleted",
                    WatchKind::DataChanged => "NodeDataChanged",
                    WatchKind::ChildrenChanged => "NodeChildrenChanged",
                };
                (kind, below(root, path), zxid.map(|zxid| zxid.to_wire()))
            }
            Output::Session(event) if self.sessions => return self.tell_state(event),
            _ => return,
        };
        if self.json {
            println!("{}", serde_json::json!({ "event": kind, "path": path, "zxid": zxid }));
        } else {
            let zxid = zxid.unwrap_or(-1);
            println!("\nWATCHER::\n\nWatchedEvent state:SyncConnected type:{kind} path:{path} zxid: {zxid}");
        }
    }

    fn tell_state(&self, event: &SessionEvent) {
        let state = match event {
            SessionEvent::Attached { .. } => "SyncConnected",
            SessionEvent::Disconnected => "Disconnected",
            SessionEvent::Ended(zabra_client::Ended::Expired) => "Expired",
            SessionEvent::Ended(_) => "Closed",
            SessionEvent::WatchesRearmed { .. } | SessionEvent::ServerWrong(_) => return,
        };
        println!("\nWATCHER::\n\nWatchedEvent state:{state} type:None path:null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_back_without_the_chroot() {
        assert_eq!(below("/app", b"/app/x"), "/x");
        assert_eq!(below("/app", b"/app"), "/");
        assert_eq!(below("/app", b"/apple"), "/apple");
        assert_eq!(below("", b"/x"), "/x");
    }
}
