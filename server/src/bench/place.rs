//! The nodes that a load works on, made before and removed after it; and its progress bar.

use super::{Failure, Plan};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zabra_client::net::{Client, Completion};
use zabra_client::{Code, CreateMode, Operation, Outcome, Reply};

/// How long the first answer may take.
const FIRST: Duration = Duration::from_secs(15);
/// Requests under way while nodes are made and removed.
const DEPTH: usize = 256;

type Answer = Pin<Box<dyn Future<Output = Completion> + Send>>;

/// A session that makes the nodes.
pub(super) struct Builder {
    client: Client,
    root: String,
    nodes: u32,
}

impl Builder {
    /// Connects, and makes the root.
    pub async fn start(plan: &Plan) -> Result<Builder, Failure> {
        let client = plan.start(0, |_: &_| {});
        let root = plan.arguments.root.trim_end_matches('/').to_owned();
        let builder = Builder { client, root, nodes: plan.arguments.nodes.max(1) };
        let create = builder.client.submit(Operation::create(&builder.root, b"", CreateMode::Persistent));
        let completion = timeout(FIRST, create).await;
        let completion = completion.map_err(|_| format!("no server of {} answers", plan.arguments.servers))?;
        accept(&builder.root, &completion.outcome)?;
        Ok(builder)
    }

    /// Makes the nodes of the load, or finds them.
    pub async fn nodes(&self, value: Vec<u8>) -> Result<Vec<String>, Failure> {
        let paths: Vec<String> = (0..self.nodes).map(|n| format!("{}/d{n:04}", self.root)).collect();
        let creates = paths.iter().map(|path| Operation::create(path, &value, CreateMode::Persistent));
        self.each(creates.collect()).await?;
        Ok(paths)
    }

    /// Sets the root, so that watches on it fire.
    pub fn touch(&self) -> impl Future<Output = Completion> + Send + use<> {
        let path = self.root.clone().into_bytes();
        self.client.submit(Operation::SetData { path, data: Some(b"touched".to_vec()), version: -1 })
    }

    /// Removes everything, the deepest first.
    pub async fn clear(&self) -> Result<(), Failure> {
        let mut found = vec![self.root.clone()];
        let mut level = found.clone();
        while !level.is_empty() {
            let mut below = Vec::new();
            for paths in level.chunks(DEPTH) {
                let asked: Vec<_> = paths
                    .iter()
                    .map(|path| Operation::GetChildren { path: path.clone().into_bytes(), watch: false })
                    .map(|operation| self.client.submit(operation))
                    .collect();
                for (path, answer) in paths.iter().zip(asked) {
                    if let Outcome::Done(Reply::Children(children)) = answer.await.outcome {
                        below.extend(children.iter().map(|name| format!("{path}/{}", String::from_utf8_lossy(name))));
                    }
                }
            }
            found.extend_from_slice(&below);
            level = below;
        }
        let deletes = found.into_iter().rev().map(|path| Operation::Delete { path: path.into_bytes(), version: -1 });
        self.each(deletes.collect()).await
    }

    /// Submits them all, not too many at once.
    async fn each(&self, operations: Vec<Operation>) -> Result<(), Failure> {
        let mut under_way: VecDeque<Answer> = VecDeque::new();
        for operation in operations {
            if under_way.len() == DEPTH
                && let Some(answer) = under_way.pop_front()
            {
                accept(&self.root, &answer.await.outcome)?;
            }
            under_way.push_back(Box::pin(self.client.submit(operation)));
        }
        for answer in under_way {
            accept(&self.root, &answer.await.outcome)?;
        }
        Ok(())
    }
}

/// What an earlier run left, or another one removed, is no failure.
fn accept(root: &str, outcome: &Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Done(_) | Outcome::Failed(Code::NodeExists | Code::NoNode) => Ok(()),
        Outcome::Failed(code) => Err(format!("the nodes under {root} cannot be made or removed: {code:?}")),
        Outcome::Unknown | Outcome::NotSent => Err(format!("the connection broke while {root} was made or removed")),
    }
}

/// A progress bar on a terminal, for what takes over two seconds.
pub(super) struct Bar {
    task: Option<JoinHandle<()>>,
    bar: ProgressBar,
}

impl Bar {
    pub fn end(self) {
        if let Some(task) = self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

/// Shows how far a load is: by its requests if they are counted, otherwise by the time.
pub(super) fn bar<W: Send + Sync + 'static>(plan: &Plan, warmup: Duration, work: W, done: fn(&W) -> u64) -> Bar {
    let total = warmup + plan.measured();
    let count = plan.arguments.count;
    let bar = ProgressBar::new(count.unwrap_or(u64::try_from(total.as_millis()).unwrap_or(u64::MAX)));
    if count.is_none() && total <= Duration::from_secs(2) {
        return Bar { task: None, bar: ProgressBar::hidden() };
    }
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {msg}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let requests = done(&work);
            shown.set_message(format!("{requests} requests"));
            let elapsed = u64::try_from(shown.elapsed().as_millis()).unwrap_or(u64::MAX);
            shown.set_position(count.map_or(elapsed, |count| requests.min(count)));
        }
    });
    Bar { task: Some(task), bar }
}
