//! `server.N` lines: where a member of the ensemble listens, and whether it votes.

use std::fmt;
use std::net::IpAddr;

/// A host and a port, unresolved: names are resolved when they are dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

impl Host {
    /// A name without the brackets that an IPv6 address may have.
    pub fn plain(name: &str) -> String {
        name.trim_start_matches('[').trim_end_matches(']').into()
    }

    /// Whether it stands for every address of the machine, of IPv4 and IPv6.
    pub fn is_everywhere(&self) -> bool {
        self.name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

/// Whether a member votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Participant,
    Observer,
}

/// One member, as its line says: `host:quorumPort:electionPort[:role][;[host:]clientPort]`. Several
/// addresses are separated by `|`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    pub quorum: Vec<Host>,
    pub election: Vec<Host>,
    pub part: Part,
    pub client: Option<Host>,
}

/// What a client's address stands for when a line names none.
const EVERYWHERE: &str = "0.0.0.0";

impl Member {
    /// Reads a line's value, or says what was expected.
    pub fn parse(value: &str) -> Result<Member, String> {
        let mut sections = value.split(';');
        let peers = sections.next().unwrap_or_default();
        let client = sections.next().map(parse_client).transpose()?;
        if let Some(secure) = sections.next() {
            parse_client(secure)?;
        }
        if sections.next().is_some() {
            return Err("at most two parts behind ';': the client's and the secure address".into());
        }
        let mut member = Member { quorum: Vec::new(), election: Vec::new(), part: Part::Participant, client };
        for (index, address) in peers.split('|').enumerate() {
            let (name, rest) = host_name(address)?;
            let mut fields = rest.split(':');
            member.quorum.push(Host { name: name.into(), port: port(fields.next(), "a quorum port")? });
            member.election.push(Host { name: name.into(), port: port(fields.next(), "an election port")? });
            match fields.next().map(str::trim) {
                None => {}
                Some("participant") => member.part = Part::Participant,
                Some("observer") => member.part = Part::Observer,
                Some(other) => return Err(format!("the role participant or observer, found {other:?}")),
            }
            if fields.next().is_some() {
                return Err(format!("host:quorumPort:electionPort[:role], found {address:?} (address {})", index + 1));
            }
        }
        Ok(member)
    }
}

/// A host, with brackets around an IPv6 address, and what stands behind the colon after it.
fn host_name(address: &str) -> Result<(&str, &str), String> {
    let address = address.trim();
    let split = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:"),
        None => address.split_once(':'),
    };
    match split {
        Some((name, rest)) if !name.is_empty() => Ok((name, rest)),
        Some(_) | None => Err(format!("host:quorumPort:electionPort[:role], found {address:?}")),
    }
}

fn port(text: Option<&str>, what: &str) -> Result<u16, String> {
    let text = text.map_or("", str::trim);
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(format!("{what} from 1 to 65535, found {text:?}")),
    }
}

fn parse_client(text: &str) -> Result<Host, String> {
    let text = text.trim();
    let (name, digits) = match text.rsplit_once(':') {
        Some((name, digits)) => (Host::plain(name), digits),
        None => (EVERYWHERE.into(), text),
    };
    Ok(Host { name, port: port(Some(digits), "a client port")? })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// As a dynamic configuration's text has it.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (quorum, election)) in self.quorum.iter().zip(&self.election).enumerate() {
            let bar = if index > 0 { "|" } else { "" };
            write!(f, "{bar}{quorum}:{}", election.port)?;
        }
        f.write_str(match self.part {
            Part::Participant => ":participant",
            Part::Observer => ":observer",
        })?;
        match &self.client {
            Some(client) => write!(f, ";{client}"),
            None => Ok(()),
        }
    }
}
