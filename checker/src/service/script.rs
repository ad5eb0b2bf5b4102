//! What the clients do.

use zabra_client::{Config, CreateMode, Grant, Operation};
use zabra_sim::story::client_config;

/// What each client does in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Script {
    /// Writes and reads of one node.
    Register,
    /// Sequential nodes under one parent, some of them ephemeral.
    Sequence,
    /// A client watches a node of the other, who goes.
    Watch,
    /// Both want one ephemeral node, and who has it gives it up.
    Lock,
}

impl Script {
    pub const ALL: [Script; 4] = [Script::Register, Script::Sequence, Script::Watch, Script::Lock];

    pub fn name(self) -> &'static str {
        match self {
            Script::Register => "register",
            Script::Sequence => "sequence",
            Script::Watch => "watch",
            Script::Lock => "lock",
        }
    }

    /// The operations of a client, all of them.
    fn all(self, client: usize) -> Vec<Operation> {
        match (self, client) {
            (Script::Register, 0) => vec![set("/", "a"), get("/", false), set("/", "b")],
            (Script::Register, _) => vec![set("/", "c"), get("/", false), get("/", false)],
            (Script::Sequence, 0) => {
                let (kept, gone) = (CreateMode::PersistentSequential, CreateMode::EphemeralSequential);
                vec![create("/s", gone), create("/s", kept), Operation::Close]
            }
            (Script::Sequence, _) => {
                let kept = CreateMode::PersistentSequential;
                vec![create("/s", kept), create("/s", kept), children("/")]
            }
            (Script::Watch, 0) => vec![create("/e", CreateMode::Ephemeral), Operation::Close],
            (Script::Watch, _) => vec![exists("/e", true), exists("/e", true), get("/e", false)],
            (Script::Lock, 0) => vec![create("/l", CreateMode::Ephemeral), delete("/l"), get("/l", false)],
            (Script::Lock, _) => vec![create("/l", CreateMode::Ephemeral), Operation::Close],
        }
    }
}

/// A script, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scripts {
    pub script: Script,
    /// So many operations of each client, at most.
    pub operations: u8,
    /// Whether a client sends a request before the one before it is answered.
    pub pipelined: bool,
}

impl Scripts {
    pub const FIRST: Scripts = Scripts { script: Script::Register, operations: 1, pipelined: false };

    pub fn clients(self) -> usize {
        2
    }

    /// The clients of an ensemble of so many servers.
    pub fn configs(self, servers: u8) -> Vec<Config> {
        (0..self.clients()).map(|client| client_config(super::servers_of(client, servers), super::TIMEOUT_MS)).collect()
    }

    /// How many operations a client has.
    pub fn count(self, client: usize) -> u32 {
        self.script.all(client).len().min(usize::from(self.operations)) as u32
    }

    /// The operation that a client submits after so many others.
    pub fn next(self, client: usize, submitted: u32) -> Option<Operation> {
        let all = self.script.all(client);
        all.into_iter().take(usize::from(self.operations)).nth(submitted as usize)
    }
}

fn create(path: &str, mode: CreateMode) -> Operation {
    Operation::Create { path: path.into(), data: Some(Vec::new()), acl: Grant::open(), mode }
}

fn set(path: &str, data: &str) -> Operation {
    Operation::SetData { path: path.into(), data: Some(data.into()), version: -1 }
}

fn get(path: &str, watch: bool) -> Operation {
    Operation::GetData { path: path.into(), watch }
}

fn exists(path: &str, watch: bool) -> Operation {
    Operation::Exists { path: path.into(), watch }
}

fn children(path: &str) -> Operation {
    Operation::GetChildren { path: path.into(), watch: false }
}

fn delete(path: &str) -> Operation {
    Operation::Delete { path: path.into(), version: -1 }
}
