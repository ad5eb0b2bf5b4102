//! What a quota's stats say is what a count gives, on every server, at the end.

use super::{Facts, Oracle, Sight, Verdict, Violation};
use zabra_core::id::ServerSet;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quotas;

/// Where workloads put their quota. No other stands below it, and nobody writes its stats.
pub const WATCHED: &[u8] = b"/surface";

impl Oracle for Quotas {
    const ID: &'static str = "quotas";
    const STATES: &'static str = "The stats of a quota say how many znodes and bytes its subtree holds.";
    const SOURCE: &'static str = "reference/zookeeper.md section 2.7";

    fn see(&mut self, _: &Sight<'_>) -> Verdict {
        Ok(())
    }

    fn end(&mut self, facts: &dyn Facts) -> Verdict {
        for server in facts.servers().iter() {
            let Some(view) = facts.view(server) else { continue };
            let tree = view.database().tree();
            let born = |name: &[u8]| {
                let znode = tree.get(&[b"/zookeeper/quota", WATCHED, name].concat())?;
                Some(znode.persisted().czxid)
            };
            // Stats that came first counted what stood there then, and nothing until the limits came, as
            // Apache's do; its tools make the limits first.
            let follows = born(b"/zookeeper_stats").zip(born(b"/zookeeper_limits")).is_some_and(|(s, l)| s > l);
            let Some((said, counted)) = tree.quota_stats(WATCHED) else { continue };
            if follows && said != counted {
                return Err(Violation {
                    oracle: Self::ID,
                    sentence: "the stats of a quota are wrong".to_owned(),
                    facts: [
                        format!("on server {server} they say {}", said.escape_ascii()),
                        format!("a count gives {}", counted.escape_ascii()),
                    ],
                    servers: ServerSet::from_iter([server]),
                    zxid: Some(view.applied()),
                    session: None,
                    path: Some(WATCHED.escape_ascii().to_string()),
                });
            }
        }
        Ok(())
    }
}
