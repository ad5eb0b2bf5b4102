//! The ensemble that changes while its servers run: where its members listen, and what the next start of this
//! one will find. Who they are was decided by the core.

use super::State;
use crate::config::{Member, keep};
use std::collections::BTreeMap;
use zabra_core::config::Ensemble;
use zabra_core::id::ServerId;

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
        self.kept = active.version;
        let (Some(file), Ok(text)) = (&settings.file, std::str::from_utf8(&active.text)) else { return };
        match keep(file, settings.me, active.version, text) {
            Ok(()) => {
                tracing::info!(file = %file.display(), version = format_args!("{:x}", active.version), "configuration kept")
            }
            Err(error) => {
                // The log has it: the next start counts both configurations until it hears more.
                tracing::error!(file = %file.display(), %error, "the configuration cannot be kept");
            }
        }
    }
}

/// The members that a configuration's text names, as far as they can be dialled.
fn members(ensemble: &Ensemble) -> BTreeMap<ServerId, Member> {
    let text = String::from_utf8_lossy(&ensemble.text);
    let lines = text.lines().filter_map(|line| line.strip_prefix("server.")?.split_once('='));
    let members = lines.filter_map(|(id, spec)| Some((ServerId(id.trim().parse().ok()?), Member::parse(spec).ok()?)));
    members.filter(|(id, _)| (1..=ServerId::MAX.0).contains(&id.0)).collect()
}
