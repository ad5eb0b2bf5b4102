//! The members of an ensemble as the text of a dynamic configuration has them (reference/zookeeper.md
//! section 3.10): read, changed and written again. What is allowed to change is decided by the leader's
//! preparation of a reconfiguration; where members really are, by who dials them.

use super::{Malformed, Member, Quorum, QuorumError};
use crate::id::{ServerId, ServerSet};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// The members, by id. Ids beyond what a [`ServerSet`] holds may stand here, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub servers: BTreeMap<u64, Member>,
    /// `group.N` lines; none where a majority decides.
    pub groups: BTreeMap<u64, Vec<u64>>,
    pub weights: BTreeMap<u64, u32>,
    /// As the text says: the zxid that committed it.
    pub version: u64,
}

/// Why a text is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not UTF-8, or a line that does not belong here.
    Line,
    /// A server's line has another form.
    Member(Malformed),
    /// Something that has to be a number is none.
    Number,
    /// A server's id that cannot be counted: above 127.
    Id(u64),
    Quorum(QuorumError),
}

impl Members {
    /// Reads a text as Java reads properties, as far as configurations need it.
    pub fn parse(text: &[u8]) -> Result<Members, Unreadable> {
        let text = core::str::from_utf8(text).map_err(|_| Unreadable::Line)?;
        let mut members = Members::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!'])) {
            let end = line.find(|c: char| matches!(c, '=' | ':') || c.is_whitespace()).ok_or(Unreadable::Line)?;
            let (key, rest) = line.split_at(end);
            let rest = rest.trim_start();
            members.take(key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim())?;
        }
        Ok(members)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), Unreadable> {
        let id = |prefix: &str| key.strip_prefix(prefix).map(number::<u64>);
        if let Some(id) = id("server.") {
            self.servers.insert(id?, Member::parse(value).map_err(Unreadable::Member)?);
        } else if let Some(id) = id("group.") {
            let servers: Result<Vec<u64>, _> = value.split(':').map(|server| number(server.trim())).collect();
            self.groups.insert(id?, servers?);
        } else if let Some(id) = id("weight.") {
            self.weights.insert(id?, number(value)?);
        } else if key == "version" {
            self.version = u64::from_str_radix(value, 16).map_err(|_| Unreadable::Number)?;
        } else {
            return Err(Unreadable::Line);
        }
        Ok(())
    }

    /// The text that notifications, NEWLEADER and `/zookeeper/config` carry: the version stands last, in hex,
    /// and no line ends behind it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let written = self.write(&mut text);
        written.expect("a String takes everything");
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for (id, member) in &self.servers {
            writeln!(out, "server.{id}={member}")?;
        }
        for (id, servers) in &self.groups {
            write!(out, "group.{id}=")?;
            for (index, server) in servers.iter().enumerate() {
                write!(out, "{}{server}", if index == 0 { "" } else { ":" })?;
            }
            out.push('\n');
        }
        for (id, weight) in &self.weights {
            writeln!(out, "weight.{id}={weight}")?;
        }
        write!(out, "version={:x}", self.version)
    }

    /// How many vote.
    pub fn voters_len(&self) -> usize {
        self.servers.values().filter(|member| !member.observes).count()
    }

    /// The voters that can be counted.
    pub fn voters(&self) -> ServerSet {
        self.of(false)
    }

    /// The observers that can be counted: the others are listed and cannot join.
    pub fn observers(&self) -> ServerSet {
        self.of(true)
    }

    fn of(&self, observes: bool) -> ServerSet {
        let those = self.servers.iter().filter(|(_, member)| member.observes == observes);
        those.filter_map(|(id, _)| server_id(*id).ok()).collect()
    }

    /// The first id that cannot be counted.
    pub fn uncountable(&self) -> Option<u64> {
        self.servers.keys().copied().find(|id| server_id(*id).is_err())
    }

    /// What a quorum is.
    pub fn quorum(&self) -> Result<Quorum, Unreadable> {
        let voters = self.servers.iter().filter(|(_, member)| !member.observes).map(|(id, _)| server_id(*id));
        let voters = voters.collect::<Result<ServerSet, _>>()?;
        if self.groups.is_empty() {
            return Quorum::majority(voters).map_err(Unreadable::Quorum);
        }
        let set = |servers: &Vec<u64>| servers.iter().map(|id| server_id(*id)).collect::<Result<ServerSet, _>>();
        let groups = self.groups.values().map(set).collect::<Result<Vec<ServerSet>, _>>()?;
        let weights = self.weights.iter().map(|(id, weight)| Ok((server_id(*id)?, *weight)));
        let weights = weights.collect::<Result<BTreeMap<ServerId, u32>, Unreadable>>()?;
        let quorum = Quorum::hierarchical(groups, weights).map_err(Unreadable::Quorum)?;
        match voters.difference(quorum.voters()).union(quorum.voters().difference(voters)).iter().next() {
            None => Ok(quorum),
            Some(stray) => Err(Unreadable::Quorum(QuorumError::NoGroup(stray))),
        }
    }
}

fn number<T: core::str::FromStr>(text: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|_| Unreadable::Number)
}

fn server_id(id: u64) -> Result<ServerId, Unreadable> {
    match u8::try_from(id).map(ServerId) {
        Ok(server) if server.0 > 0 && server <= ServerId::MAX => Ok(server),
        Ok(_) | Err(_) => Err(Unreadable::Id(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Expected;
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn a_text_says_who_votes_and_its_version() {
        let text = "server.2=b:2:3:observer;0.0.0.0:4\nserver.10=j:2:3:participant\nserver.200=z:2:3:observer\nversion=10000000a";
        let members = Members::parse(text.as_bytes()).expect("a configuration");
        assert_eq!(members.text(), text);
        assert_eq!(members.version, 0x1_0000_000a);
        assert_eq!((members.voters().to_string(), members.observers().to_string()), ("{10}".into(), "{2}".into()));
        assert_eq!(members.uncountable(), Some(200));
        assert!(members.quorum().is_ok(), "an observer that cannot be counted does not vote either");
    }

    #[test]
    fn groups_and_weights_are_kept() {
        let text =
            "server.1=a:2:3:participant\nserver.2=b:2:3:participant\ngroup.1=1\ngroup.2=2\nweight.2=0\nversion=0";
        let members = Members::parse(text.as_bytes()).expect("a configuration");
        assert_eq!(members.text(), text);
        assert!(members.quorum().expect("groups").contains([ServerId(1)].into_iter().collect()));
        let astray = Members::parse(text.replace("group.2=2", "group.2=3").as_bytes()).expect("a configuration");
        assert!(matches!(astray.quorum(), Err(Unreadable::Quorum(_))));
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for (text, why) in [
            ("tickTime=2000", Unreadable::Line),
            ("some thing", Unreadable::Line),
            ("server.x=a:2:3", Unreadable::Number),
            ("server.1=a", Unreadable::Member(Malformed { expected: Expected::Address, found: "a".into() })),
            ("version=xyz", Unreadable::Number),
        ] {
            assert_eq!(Members::parse(text.as_bytes()), Err(why), "{text}");
        }
        assert_eq!(Members::parse(&[0xff]), Err(Unreadable::Line));
        let nobody = Members::parse(b"server.1=a:2:3:observer").expect("a text");
        assert_eq!(nobody.quorum(), Err(Unreadable::Quorum(QuorumError::NoVoters)));
        let far = Members::parse(b"server.300=a:2:3").expect("a text");
        assert_eq!(far.quorum(), Err(Unreadable::Id(300)));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_read(text: Vec<u8>) {
            if let Ok(members) = Members::parse(&text) {
                let written = members.text();
                prop_assert_eq!(Members::parse(written.as_bytes()).map(|m| m.text()), Ok(written));
                drop(members.quorum());
            }
        }
    }
}
