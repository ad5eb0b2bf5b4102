//! Where a client connects: `host:port,host:port/chroot`, as every ZooKeeper client takes it.

use crate::net::Address;

/// The port of a host that names none.
const PORT: u16 = 2181;

/// The servers of a connect string, and the path under which the client lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub servers: Vec<Address>,
    /// Empty where there is none, otherwise a path without a slash at its end.
    pub chroot: String,
}

impl Target {
    /// Reads a connect string; the error says what was expected.
    pub fn parse(text: &str) -> Result<Target, String> {
        let (hosts, chroot) = match text.find('/') {
            Some(at) => (&text[..at], text[at..].trim_end_matches('/')),
            None => (text, ""),
        };
        let servers = hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).map(address);
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        if servers.is_empty() {
            return Err(format!("expected host:port, several separated by commas, found {text:?}"));
        }
        Ok(Target { servers, chroot: chroot.to_owned() })
    }
}

fn address(text: &str) -> Result<Address, String> {
    let bad = || format!("expected host:port, found {text:?}");
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or_else(bad)?)),
        Some(None) => return Err(bad()),
        None => match text.split_once(':') {
            None => (text, None),
            // More than one colon is an IPv6 address without its brackets.
            Some((_, rest)) if rest.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
        },
    };
    let port = port.map_or(Ok(PORT), |port| port.parse().map_err(|_| bad()))?;
    if host.is_empty() {
        return Err(bad());
    }
    Ok(Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Vec<String>, String), String> {
        let Target { servers, chroot } = Target::parse(text)?;
        Ok((servers.into_iter().map(|Address { host, port }| format!("{host} {port}")).collect(), chroot))
    }

    #[test]
    fn a_connect_string_has_servers_and_perhaps_a_chroot() {
        assert_eq!(parsed("a:1,b"), Ok((vec!["a 1".into(), "b 2181".into()], String::new())));
        assert_eq!(parsed("a:1, b:2/app/x/"), Ok((vec!["a 1".into(), "b 2".into()], "/app/x".into())));
        assert_eq!(parsed("[::1]:5/"), Ok((vec!["::1 5".into()], String::new())));
        assert_eq!(parsed("::1"), Ok((vec!["::1 2181".into()], String::new())));
    }

    #[test]
    fn what_is_no_server_is_said() {
        assert_eq!(parsed("a:b"), Err("expected host:port, found \"a:b\"".into()));
        for nothing in ["", ",", "/app", ":1", "[::1", "[::1]5"] {
            assert!(parsed(nothing).is_err(), "{nothing}");
        }
    }
}
