//! Which configurations count, for the oracles that judge quorums (catalogue I-CONFIG; reference/zookeeper.md
//! section 3.10).
//!
//! What a server says that it goes by is taken from its word ([`Claims`]). Whether its word is true is worked out
//! from histories ([`Configurations`]): a reconfiguration is a record like any other, so which ones are
//! committed, and which stand in a server's history, is known without asking anybody.

use super::{Fact, Sight};
use std::collections::BTreeMap;
use zabra_core::config::Ensemble;
use zabra_core::contract::Event;
use zabra_core::id::{ServerId, ServerSet, Zxid};
use zabra_core::log::Record;
use zabra_core::quorum::Quorum;
use zabra_core::wire::txn::{SetDataTxn, TxnHeader};
use zabra_core::wire::{Jute, Op, Reader};

/// What each server says that it goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claims {
    /// The configuration that the world began with: of who has said nothing else.
    first: Quorum,
    said: BTreeMap<ServerId, Claim>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Claim {
    active: Quorum,
    proposed: Option<Quorum>,
    /// That of the newer one.
    version: Zxid,
}

impl Claims {
    pub fn new(ensemble: &Ensemble) -> Self {
        Claims { first: ensemble.quorum.clone(), said: BTreeMap::new() }
    }

    pub fn follow(&mut self, sight: &Sight<'_>) {
        if let Fact::Reported(Event::Configured { version, voters, proposed }) = sight.fact {
            let claim = Claim { active: voters.clone(), proposed: proposed.clone(), version: Zxid(*version) };
            self.said.insert(sight.server, claim);
        }
    }

    /// The configuration that is in force for a server.
    pub fn active(&self, server: ServerId) -> &Quorum {
        self.said.get(&server).map_or(&self.first, |claim| &claim.active)
    }

    /// The one beside it that it has logged.
    pub fn proposed(&self, server: ServerId) -> Option<&Quorum> {
        self.said.get(&server)?.proposed.as_ref()
    }

    fn version(&self, server: ServerId) -> Zxid {
        self.said.get(&server).map_or(Zxid::ZERO, |claim| claim.version)
    }

    /// Those that count for a server.
    pub fn of(&self, server: ServerId) -> impl Iterator<Item = &Quorum> {
        std::iter::once(self.active(server)).chain(self.proposed(server))
    }

    /// Whether these are a quorum of all that count for a server.
    pub fn have_quorum(&self, server: ServerId, servers: ServerSet) -> bool {
        self.of(server).all(|quorum| quorum.contains(servers))
    }

    /// The voters of all that count for a server.
    pub fn voters(&self, server: ServerId) -> ServerSet {
        self.of(server).fold(ServerSet::EMPTY, |voters, quorum| voters.union(quorum.voters()))
    }
}

/// The configurations of all histories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Configurations {
    pub claims: Claims,
    /// By the zxid that committed them; the first one is not among them.
    committed: BTreeMap<Zxid, Quorum>,
    /// The reconfigurations in each server's history, above its image.
    logged: BTreeMap<ServerId, BTreeMap<Zxid, Quorum>>,
}

impl Configurations {
    pub fn new(ensemble: &Ensemble) -> Self {
        Configurations { claims: Claims::new(ensemble), committed: BTreeMap::new(), logged: BTreeMap::new() }
    }

    /// After a fact was judged.
    pub fn follow(&mut self, sight: &Sight<'_>) {
        self.claims.follow(sight);
        match sight.fact {
            Fact::Reported(event) => self.follow_event(sight.server, event),
            Fact::Booted { recovered } => {
                let log: BTreeMap<Zxid, Quorum> = recovered.log.iter().filter_map(configuration_in).collect();
                match log.is_empty() {
                    true => drop(self.logged.remove(&sight.server)),
                    false => drop(self.logged.insert(sight.server, log)),
                }
            }
            Fact::Crashed | Fact::Destroyed { .. } => {}
        }
    }

    fn follow_event(&mut self, server: ServerId, event: &Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "an oracle names the events that concern it")]
        match event {
            Event::Proposed { record } | Event::Accepted { record } => {
                if let Some((zxid, quorum)) = configuration_in(record) {
                    self.logged.entry(server).or_default().insert(zxid, quorum);
                }
            }
            Event::Truncated { after } => self.keep(server, |zxid| zxid <= *after),
            Event::ImageInstalled { .. } => self.keep(server, |_| false),
            Event::Committed { zxid, .. } => self.commits(server, *zxid, *zxid),
            Event::Established { initial_end, .. } => self.commits(server, Zxid::ZERO, *initial_end),
            _ => {}
        }
    }

    fn keep(&mut self, server: ServerId, keeps: impl Fn(Zxid) -> bool) {
        if let Some(logged) = self.logged.get_mut(&server) {
            logged.retain(|zxid, _| keeps(*zxid));
            if logged.is_empty() {
                self.logged.remove(&server);
            }
        }
    }

    /// What this server has logged from here to there is committed.
    fn commits(&mut self, server: ServerId, from: Zxid, to: Zxid) {
        let logged = self.logged.get(&server).into_iter().flat_map(|logged| logged.range(from..=to));
        self.committed.extend(logged.map(|(zxid, quorum)| (*zxid, quorum.clone())));
    }

    /// The configurations that count for a server: those that it says, and those in its history that it
    /// does not speak of.
    pub fn of(&self, server: ServerId) -> impl Iterator<Item = &Quorum> {
        self.claims.of(server).chain(self.above(server, self.claims.version(server)).map(|(_, quorum)| quorum))
    }

    /// The reconfigurations in a server's history above a zxid.
    pub fn above(&self, server: ServerId, zxid: Zxid) -> impl Iterator<Item = (Zxid, &Quorum)> {
        let logged = self.logged.get(&server).into_iter().flatten();
        logged.filter(move |(at, _)| **at > zxid).map(|(at, quorum)| (*at, quorum))
    }

    /// The newest configuration that is known to be committed below a zxid, whoever knows it.
    pub fn committed_below(&self, zxid: Zxid) -> (Zxid, &Quorum) {
        let newest = self.committed.range(..zxid).next_back().map(|(at, quorum)| (*at, quorum));
        newest.unwrap_or((Zxid::ZERO, &self.claims.first))
    }

    /// The one that this record committed.
    pub fn committed_at(&self, zxid: Zxid) -> Option<&Quorum> {
        self.committed.get(&zxid)
    }

    /// The one that stands in a server's history at this zxid.
    pub fn logged_at(&self, server: ServerId, zxid: Zxid) -> Option<&Quorum> {
        self.logged.get(&server)?.get(&zxid)
    }
}

/// The configuration that a record proposes, if it is a reconfiguration.
fn configuration_in(record: &Record) -> Option<(Zxid, Quorum)> {
    const OP_AT: std::ops::Range<usize> = 28..32;
    if record.bytes.get(OP_AT)? != Op::RECONFIG.to_be_bytes().as_slice() {
        return None;
    }
    let mut r = Reader::new(&record.bytes);
    let text = TxnHeader::decode(&mut r).and_then(|_| SetDataTxn::decode(&mut r)).ok()?.data?;
    Some((record.zxid, Ensemble::parse(text).ok()?.quorum))
}
