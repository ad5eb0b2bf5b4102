//! The keys about SASL: whether there is a provider, where the users stand, who is the superuser.

use super::super::jaas;
use super::super::problem::{Problem, Severity};
use super::Check;
use std::path::Path;
use std::sync::Arc;
use zabra_core::config::Sasl;

/// Apache's class of the scheme.
const PROVIDER: &str = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
const X509: &str = "org.apache.zookeeper.server.auth.X509AuthenticationProvider";
/// What Java calls the file of users.
const USERS: &str = "java.security.auth.login.config";

impl Check {
    /// The secret is filled in when a server starts.
    pub(super) fn sasl(&mut self, open: impl Fn(&Path) -> Option<String>) -> Option<Arc<Sasl>> {
        let mut wanted = None;
        let providers: Vec<_> = self.with_prefix("authProvider.").collect();
        for (line, class) in providers {
            match class.as_str() {
                PROVIDER => wanted = Some(line),
                // It is there with a secure client port.
                X509 => {}
                other => {
                    self.warn(line, format!("the provider {other} has no effect in this server: expected {PROVIDER}"))
                }
            }
        }
        let lets_failed_stay = self.flag("allowSaslFailedClients").unwrap_or_default();
        let superusers = self.with_prefix("superUser").map(|(_, user)| Arc::from(user)).collect();
        let users = self.entries.get(USERS).map(|entry| (entry.line, entry.value.clone()));
        match (wanted, users) {
            (None, _) => None,
            // As Apache's: with a provider and no users the scheme is not there.
            (Some(line), None) => {
                let text = format!("nobody is known by SASL: expected {USERS} beside it, a JAAS file with the users");
                self.warn(line, text);
                None
            }
            (Some(_), Some((line, file))) => {
                let Some(text) = open(Path::new(&file)) else {
                    self.error(Some(line), format!("{USERS}: {file} cannot be read: expected a JAAS file"));
                    return None;
                };
                match jaas::users(&text) {
                    Ok(users) if users.is_empty() => {
                        self.warn(line, format!("{file} has no section Server: nobody is known by SASL"));
                        None
                    }
                    Ok(users) => Some(Arc::new(Sasl { users, superusers, lets_failed_stay, secret: [0; 32] })),
                    Err(jaas::Misread { line, expected }) => {
                        let text = format!("expected {expected}");
                        self.problems.push(Problem { severity: Severity::Error, file, line: Some(line), text });
                        None
                    }
                }
            }
        }
    }

    /// Lines and values of the keys that begin so.
    fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (usize, String)> {
        let of = self.entries.iter().filter(move |(key, _)| key.starts_with(prefix));
        of.map(|(_, entry)| (entry.line, entry.value.clone()))
    }
}
