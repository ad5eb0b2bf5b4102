//! The configurations that count, carried from the history (which decides them) to everything that asks: the
//! context of the next handler, the role, the driver.

use super::Replica;
use crate::config::{Config, Ensemble};
use crate::contract::{Action, Actions, Cx, Event};
use crate::log::Image;
use crate::rule::Rules;
use crate::tree::Database;
use crate::zab::{Configured, Effect, Next};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The configuration that a database holds; none where nobody has ever changed it.
fn of(database: &Database) -> Option<Ensemble> {
    let text = database.tree().get(CONFIG)?.data().filter(|text| !text.is_empty())?;
    Ensemble::parse(text).ok()
}

const CONFIG: &[u8] = b"/zookeeper/config";

/// What counts at start: the configuration of the disk, if it is newer than the file's.
pub(super) fn restored(config: &Config, image: &Image) -> Configured {
    let mut configured = Configured::new(config);
    of(image).into_iter().for_each(|ensemble| configured.adopt(ensemble));
    configured
}

impl Replica {
    /// At start. Nothing has come into force that the disk does not hold: no checkpoint hurries. Where the
    /// ensemble can change, what this server goes by is said in any case.
    pub(super) fn begin(mut self, out: &mut Actions) -> Replica {
        let checkpoints = self.checkpoints.clone();
        if !self.take_configuration(out) && self.config.reconfig.enabled {
            self.report_configuration(out);
        }
        Replica { checkpoints, ..self }
    }

    fn report_configuration(&self, out: &mut Actions) {
        let (active, proposed) = (&self.config.ensemble, self.config.proposed.as_ref());
        let version = proposed.unwrap_or(active).version;
        let proposed = proposed.map(|proposed| proposed.quorum.clone());
        out.report(Event::Configured { version, voters: active.quorum.clone(), proposed });
    }

    /// The leader's image replaces the tree, and brings its configuration.
    pub(super) fn install<R: Rules>(&mut self, cx: &mut Cx<'_, R>, image: Image) {
        of(&image).into_iter().for_each(|ensemble| self.peer.ledger.configured.adopt(ensemble));
        self.service.install(cx, image);
    }

    /// What was just done may have changed the configurations that count: the role hears of it at once.
    pub(super) fn heed<R: Rules>(&mut self, cx: &mut Cx<'_, R>, next: Next, effects: &mut Vec<Effect>) -> Next {
        let before = self.config.ensemble.version;
        if !self.take_configuration(cx.out) || self.config.ensemble.version == before {
            return next;
        }
        let config = Arc::clone(&self.config);
        let activated = self.peer.on_activated(&mut cx.with(&config), effects);
        if next == Next::Stay { activated } else { next }
    }

    /// Whether they have changed.
    pub(super) fn take_configuration(&mut self, out: &mut Actions) -> bool {
        let configured = &self.peer.ledger.configured;
        let (active, proposed) = (configured.active(), configured.proposed());
        let is_same = |a: &Arc<Ensemble>, b: &Arc<Ensemble>| Arc::ptr_eq(a, b) || a == b;
        let same_proposed = match (proposed, &self.config.proposed) {
            (Some(mine), Some(theirs)) => is_same(mine, theirs),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if same_proposed && is_same(active, &self.config.ensemble) {
            return false;
        }
        if active.version != self.config.ensemble.version {
            self.checkpoints.hurry();
        }
        let (active, proposed) = (Arc::clone(active), proposed.cloned());
        out.push(Action::Configure { active: Arc::clone(&active), proposed: proposed.clone() });
        self.config = Arc::new(Config { ensemble: active, proposed, ..(*self.config).clone() });
        self.report_configuration(out);
        true
    }
}
