//! The ensemble that changes while its servers run: where its members listen, and what the next start of this
//! one will find. Who they are was decided by the core.

use super::State;
use crate::config::{Member, keep};
use std::collections::BTreeMap;
use zabra_core::config::Ensemble;
use zabra_core::id::ServerId;
use zabra_core::quorum::Members;

impl State {
    /// From now on these configurations count.
    pub(super) fn configure(&mut self, active: &Ensemble, proposed: Option<&Ensemble>) {
        let mut members = proposed.map(members).unwrap_or_default();
        members.extend(self::members(active));
        self.meet(members.keys().copied());
        self.members = members;
        let settings = &self.settings;
        if !settings.reconfig.enabled || active.version <= self.kept {
            return;
        }
        let (Some(file), Ok(text)) = (&settings.file, std::str::from_utf8(&active.text)) else { return };
        match keep(file, settings.me, active.version, text) {
            Ok(()) => {
                self.kept = active.version;
                tracing::info!(file = %file.display(), version = format_args!("{:x}", active.version), "configuration kept")
            }
            Err(error) => {
                // The log has it: the next start counts both configurations until it hears more. The next change
                // tries again.
                tracing::error!(file = %file.display(), %error, "the configuration cannot be kept");
            }
        }
    }
}

/// The members that a configuration's text names, as far as they can be counted: the core has read it, so it
/// can be read.
fn members(ensemble: &Ensemble) -> BTreeMap<ServerId, Member> {
    let members = Members::parse(&ensemble.text).inspect_err(|why| {
        tracing::error!(?why, version = format_args!("{:x}", ensemble.version), "a configuration cannot be read");
    });
    let servers = members.map(|members| members.servers).unwrap_or_default();
    let countable =
        |id: u64| u8::try_from(id).ok().map(ServerId).filter(|id| (ServerId(1)..=ServerId::MAX).contains(id));
    servers.into_iter().filter_map(|(id, member)| Some((countable(id)?, member))).collect()
}
