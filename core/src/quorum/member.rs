//! One member's line, `server.N=host:quorumPort:electionPort[:role][;[clientHost:]clientPort[;[host:]securePort]]`:
//! the one place that reads it, from a server's own files and from a dynamic configuration, and the one that
//! writes it (reference/zookeeper.md section 3.10). What is accepted is what Apache's `QuorumPeer.QuorumServer`
//! accepts, but for names of hosts that would not be read back; which member may be there, others decide.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// What stands behind the `=` of a member's line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Several are separated by `|`.
    pub addresses: Vec<Address>,
    pub observes: bool,
    pub client: Option<Host>,
    pub secure: Option<Host>,
}

/// Where a member listens for the others: port 0 can be written, and nobody can be reached there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    pub host: String,
    pub quorum: u16,
    pub election: u16,
}

/// A host and a port, unresolved: names are resolved when they are dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

/// Why a text is no member: what was expected, and what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub expected: Expected,
    pub found: String,
}

/// What a part of a member's line has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Address,
    QuorumPort,
    ElectionPort,
    /// The quorum port and the election port are one.
    TwoPorts,
    Role,
    /// The addresses of one member have different roles.
    OneRole,
    Client,
    /// More stands behind `;` than there is a meaning for.
    TwoClients,
}

/// What a client's address stands for when a line names none.
const EVERYWHERE: &str = "0.0.0.0";

impl Member {
    /// Empty parts at the end of a line, or of an address, count as absent, as Java's `split` has it.
    pub fn parse(spec: &str) -> Result<Member, Malformed> {
        let spec = spec.trim();
        let mut sections = spec.trim_end_matches(';').split(';');
        let peers = sections.next().unwrap_or_default();
        let mut host = || sections.next().filter(|text| !text.is_empty()).map(client).transpose();
        let (client, secure) = (host()?, host()?);
        if sections.next().is_some() {
            return Err(Expected::TwoClients.found(spec));
        }
        let (mut addresses, mut role) = (Vec::new(), None);
        for text in peers.trim_end_matches('|').split('|') {
            let (address, observes) = address(text)?;
            match (role, observes) {
                (Some(said), Some(other)) if said != other => return Err(Expected::OneRole.found(peers)),
                (None, said) => role = said,
                (Some(_), _) => {}
            }
            addresses.push(address);
        }
        Ok(Member { addresses, observes: role.unwrap_or(false), client, secure })
    }

    /// Where it listens for those that follow it.
    pub fn quorum_hosts(&self) -> Vec<Host> {
        self.addresses.iter().map(|at| Host { name: at.host.clone(), port: at.quorum }).collect()
    }

    /// Where it listens for votes.
    pub fn election_hosts(&self) -> Vec<Host> {
        self.addresses.iter().map(|at| Host { name: at.host.clone(), port: at.election }).collect()
    }

    /// Whether the two cannot both listen: a port of the same host is named by both. Addresses that are every
    /// server's own, the wildcard and the loopback, are left out, as Apache does.
    pub fn collides(&self, other: &Member) -> bool {
        let theirs: Vec<(&str, u16)> = other.listens().collect();
        self.listens().any(|mine| theirs.contains(&mine))
    }

    fn listens(&self) -> impl Iterator<Item = (&str, u16)> {
        let peers = self.addresses.iter().flat_map(|a| [(a.host.as_str(), a.quorum), (a.host.as_str(), a.election)]);
        let clients = self.client.iter().chain(&self.secure).map(|host| (host.name.as_str(), host.port));
        peers.chain(clients).filter(|(host, _)| !is_anyones(host))
    }
}

impl Host {
    /// A name without the brackets that an IPv6 address may have.
    pub fn plain(name: &str) -> String {
        name.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    /// Whether it stands for every address of the machine, of IPv4 and IPv6.
    pub fn is_everywhere(&self) -> bool {
        self.name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

impl Expected {
    fn found(self, text: &str) -> Malformed {
        Malformed { expected: self, found: text.to_string() }
    }
}

fn is_anyones(host: &str) -> bool {
    matches!(host, "0.0.0.0" | "::" | "::1" | "localhost") || host.starts_with("127.")
}

/// One address, and whether it says that the member observes.
fn address(text: &str) -> Result<(Address, Option<bool>), Malformed> {
    let (host, fields) = host_and_fields(text.trim_end_matches(':')).ok_or_else(|| Expected::Address.found(text))?;
    let mut fields = fields.split(':');
    let quorum = port(fields.next().unwrap_or_default(), Expected::QuorumPort)?;
    let election = port(fields.next().unwrap_or_default(), Expected::ElectionPort)?;
    if quorum == election {
        return Err(Expected::TwoPorts.found(text));
    }
    let role = fields.next().map(|role| match role.trim().to_ascii_lowercase().as_str() {
        "participant" => Ok(false),
        "observer" => Ok(true),
        _ => Err(Expected::Role.found(role)),
    });
    if fields.next().is_some() {
        return Err(Expected::Address.found(text));
    }
    Ok((Address { host: host.to_owned(), quorum, election }, role.transpose()?))
}

fn client(text: &str) -> Result<Host, Malformed> {
    let fields = text.trim_end_matches(':');
    let (name, digits) = match fields.contains(':') {
        true => host_and_fields(fields).ok_or_else(|| Expected::Client.found(text))?,
        false => (EVERYWHERE, fields),
    };
    let port = digits.parse().map_err(|_| Expected::Client.found(text))?;
    Ok(Host { name: name.to_owned(), port })
}

/// A host, with brackets around an IPv6 address, and what stands behind the colon after it.
fn host_and_fields(text: &str) -> Option<(&str, &str)> {
    let split = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:"),
        None => text.split_once(':'),
    };
    split.filter(|(host, _)| is_name(host))
}

/// Whether a text that has this name in it is read back as it was written.
fn is_name(host: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || c.is_control() || "[]=,\\".contains(c);
    !host.is_empty() && !host.contains(strange)
}

fn port(text: &str, expected: Expected) -> Result<u16, Malformed> {
    text.parse().map_err(|_| expected.found(text))
}

struct Bracketed<'a>(&'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Bracketed(&self.name), self.port)
    }
}

/// As a dynamic configuration's text has it: the role always stands there.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Address { host, quorum, election }) in self.addresses.iter().enumerate() {
            write!(f, "{}{}:{quorum}:{election}", if index == 0 { "" } else { "|" }, Bracketed(host))?;
        }
        f.write_str(if self.observes { ":observer" } else { ":participant" })?;
        if let Some(client) = &self.client {
            write!(f, ";{client}")?;
        }
        if let Some(secure) = &self.secure {
            write!(f, "{};{secure}", if self.client.is_none() { ";" } else { "" })?;
        }
        Ok(())
    }
}

/// As it stands behind "expected".
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, found {:?}", self.expected, self.found)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expected::Address => "host:quorumPort:electionPort[:role]",
            Expected::QuorumPort => "a quorum port from 0 to 65535",
            Expected::ElectionPort => "an election port from 0 to 65535",
            Expected::TwoPorts => "a quorum port and another election port",
            Expected::Role => "the role participant or observer",
            Expected::OneRole => "one role at all addresses of a member",
            Expected::Client => "a client port from 0 to 65535, or host:clientPort",
            Expected::TwoClients => "at most two parts behind ';': the client's and the secure address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn again(spec: &str) -> String {
        Member::parse(spec).map_or_else(|why| format!("{:?}", why.expected), |member| member.to_string())
    }

    #[test]
    fn a_members_line_is_read_and_written_as_apache_does() {
        for (line, written) in [
            ("h:2:3", "h:2:3:participant"),
            ("h:2:3:Observer;4", "h:2:3:observer;0.0.0.0:4"),
            ("h:2:3: OBSERVER ", "h:2:3:observer"),
            ("[::1]:2:3;[fe80::1]:4", "[::1]:2:3:participant;[fe80::1]:4"),
            ("a:2:3|b:2:3:observer;c:4;5", "a:2:3|b:2:3:observer;c:4;0.0.0.0:5"),
            ("a:2:3:observer|b:2:3", "a:2:3|b:2:3:observer"),
            ("a:2:3;;5", "a:2:3:participant;;0.0.0.0:5"),
            ("a:0:3;0", "a:0:3:participant;0.0.0.0:0"),
            ("a:2:3:;4:;;", "a:2:3:participant;0.0.0.0:4"),
        ] {
            assert_eq!(again(line), written, "{line}");
        }
    }

    #[test]
    fn what_is_no_member_is_refused_with_what_was_expected() {
        for (line, expected) in [
            ("", "Address"),
            ("h", "Address"),
            (":2:3", "Address"),
            ("[::1:2:3", "Address"),
            ("h:2:3:observer:1", "Address"),
            ("a\nb:2:3", "Address"),
            ("h:x:3", "QuorumPort"),
            ("h:2", "ElectionPort"),
            ("h:2:70000", "ElectionPort"),
            ("h:2: 3", "ElectionPort"),
            ("h:2:2", "TwoPorts"),
            ("h:2:3:voter", "Role"),
            ("h:2:3:observer|g:2:3:participant", "OneRole"),
            ("h:2:3;x", "Client"),
            ("h:2:3;::1:4", "Client"),
            ("h:2:3;1;2;3", "TwoClients"),
        ] {
            assert_eq!(again(line), expected, "{line}");
        }
        let why = Member::parse("h:2:x").expect_err("no port");
        assert_eq!(why.to_string(), "an election port from 0 to 65535, found \"x\"");
    }

    #[test]
    fn two_members_collide_on_a_port_of_one_host_that_is_not_everyones() {
        let member = |spec| Member::parse(spec).expect("a member");
        assert!(member("a:2:3").collides(&member("b:5:6;a:3")));
        assert!(!member("a:2:3").collides(&member("b:2:3")));
        assert!(!member("127.0.0.1:2:3;4").collides(&member("127.0.0.1:2:3;4")));
    }

    fn host() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9.-]{1,8}", Just("::1".to_owned()), Just("fe80::1%eth0".to_owned())]
    }

    fn member() -> impl Strategy<Value = Member> {
        let address = (host(), any::<u16>(), any::<u16>()).prop_map(|(host, quorum, election)| Address {
            host,
            quorum,
            election: if election == quorum { election.wrapping_add(1) } else { election },
        });
        let named = || proptest::option::of((host(), any::<u16>()).prop_map(|(name, port)| Host { name, port }));
        (proptest::collection::vec(address, 1..4), any::<bool>(), named(), named())
            .prop_map(|(addresses, observes, client, secure)| Member { addresses, observes, client, secure })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(member in member()) {
            prop_assert_eq!(Member::parse(&member.to_string()), Ok(member));
        }

        #[test]
        fn what_is_read_is_written_so_that_it_is_read_again(line in "[a\\[\\]:;|0-9 =,observ\n-]{0,24}") {
            if let Ok(member) = Member::parse(&line) {
                let written = member.to_string();
                prop_assert!(!written.contains('\n'), "{:?} is more than one line", written);
                prop_assert_eq!(Member::parse(&written), Ok(member));
            }
        }
    }
}
