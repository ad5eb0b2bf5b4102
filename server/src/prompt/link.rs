//! The shell's session: requests below the chroot, their failures in words, watches as they fire.

use super::print::text;
use super::{Arguments, Failure, Outcome};
use crate::console::{complain, mention};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime;
use zabra_client::net::{Address, Client, Completion, Observer};
use zabra_client::request::{Answer, Request};
use zabra_client::{
    Code, Config, Handle, Operation, Output, Reply, SessionEvent, Target, Transport, WatchEvent, WatchKind,
};

/// Where the shell is connected.
pub(super) struct Link {
    client: Client,
    chroot: String,
    patience: Duration,
}

/// Asks for children from a thread that may block: what completes a path.
pub(super) struct Names {
    client: Client,
    chroot: String,
    runtime: runtime::Handle,
}

impl Names {
    pub fn of(&self, path: &str) -> Vec<String> {
        let children = Operation::GetChildren { path: above(&self.chroot, path), watch: false };
        let submitted = self.client.submit(children);
        let answer = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(1), submitted).await });
        match answer.map(|completion| completion.outcome) {
            Ok(zabra_client::Outcome::Done(Reply::Children(names))) => names.iter().map(|name| text(name)).collect(),
            Ok(_) | Err(_) => Vec::new(),
        }
    }
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
    pub fn open(target: &Target, transport: Transport, arguments: &Arguments, telling: Telling) -> Link {
        let servers = (0..).take(target.servers.len()).collect();
        let (read_only, timeout_ms) = (Some(arguments.readonly), arguments.timeout);
        let config = Config { retry_ms: 200, read_only, remembers: true, ..Config::new(servers, timeout_ms) };
        let teller = Teller {
            telling,
            root: target.chroot.clone(),
            is_secure: !matches!(transport, Transport::Plain),
            said: String::new(),
        };
        let client = Client::start_over(transport, target.servers.clone(), config, teller);
        Link { client, chroot: target.chroot.clone(), patience: Duration::from_millis(timeout_ms.into()) }
    }

    /// The path as the server knows it.
    pub fn full(&self, path: &str) -> Vec<u8> {
        above(&self.chroot, path)
    }

    pub fn names(&self) -> Names {
        Names { client: self.client.clone(), chroot: self.chroot.clone(), runtime: runtime::Handle::current() }
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
        let Reply::Raw(body) = self.run(request.operation(), path).await? else {
            return Err(Failure::refused(format!("unexpected answer for {path}")));
        };
        request.answer(&body).map_err(|wrong| Failure::refused(format!("unreadable answer for {path}: {wrong:?}")))
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

fn above(chroot: &str, path: &str) -> Vec<u8> {
    let path = if path == "/" && !chroot.is_empty() { "" } else { path };
    format!("{chroot}{path}").into_bytes()
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
    const KNOWN: [(Code, &str); 10] = [
        (Code::NoNode, "Node does not exist"),
        (Code::NoChildrenForEphemerals, "Ephemerals cannot have children"),
        (Code::NodeExists, "Node already exists"),
        (Code::NotEmpty, "Node not empty"),
        (Code::NotReadOnly, "Not a read-only call"),
        (Code::InvalidAcl, "Acl is not valid "),
        (Code::NoAuth, "Insufficient permission "),
        (Code::BadArguments, "Arguments are not valid "),
        (Code::BadVersion, "version No is not valid "),
        (Code::QuotaExceeded, "Quota has exceeded "),
    ];
    if code == Code::NoWatcher {
        return format!("KeeperErrorCode = No such watcher for {path}");
    }
    if code == Code::ReconfigDisabled {
        return "KeeperErrorCode = Reconfig is disabled".into();
    }
    match KNOWN.iter().find(|(known, _)| *known == code) {
        Some((_, words)) => format!("{words}: {path}"),
        None => format!("KeeperErrorCode = {code:?} for {path}"),
    }
}

/// Tells what happens to a session.
struct Teller {
    telling: Telling,
    root: String,
    is_secure: bool,
    /// Why the last server could not be reached.
    said: String,
}

impl Observer for Teller {
    fn submitted(&mut self, _: Handle, _: &Operation) {}

    fn saw(&mut self, output: &Output) {
        self.telling.tell(output, &self.root);
    }

    /// Without TLS a server that is not there is all that there can be; with it, certificates are not believed.
    fn refused(&mut self, server: &Address, why: &io::Error) {
        let text = format!("{}:{}: {why}", server.host, server.port);
        if self.is_secure && self.said != text {
            complain(&text);
            self.said = text;
        }
    }
}

impl Telling {
    fn tell(&self, output: &Output, root: &str) {
        if let Output::Session(event) = output
            && self.sessions
        {
            return self.tell_state(event);
        }
        let Output::Watch(WatchEvent { path, kind, zxid }) = output else { return };
        if !self.watches.load(Ordering::Relaxed) {
            return;
        }
        let kind = match kind {
            WatchKind::Created => "NodeCreated",
            WatchKind::Deleted => "NodeDeleted",
            WatchKind::DataChanged => "NodeDataChanged",
            WatchKind::ChildrenChanged => "NodeChildrenChanged",
        };
        let (path, zxid) = (below(root, path), zxid.map(|zxid| zxid.to_wire()));
        if self.json {
            mention(serde_json::json!({ "event": kind, "path": path, "zxid": zxid }));
        } else {
            let zxid = zxid.unwrap_or(-1);
            let event = format_args!("WatchedEvent state:SyncConnected type:{kind} path:{path} zxid: {zxid}");
            mention(format_args!("\nWATCHER::\n\n{event}"));
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
        mention(format_args!("\nWATCHER::\n\nWatchedEvent state:{state} type:None path:null"));
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
