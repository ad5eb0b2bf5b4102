//! The keys about who may do what, and about what goes by itself.

use super::Check;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use zabra_core::config::{Access, Fading};

impl Check {
    pub(super) fn access(&mut self, open: impl Fn(&Path) -> Option<String>) -> Access {
        let super_digest = self.entries.get("DigestAuthenticationProvider.superDigest");
        let super_digest = super_digest.map(|entry| Arc::from(entry.value.as_bytes()));
        let x509_super = self.entries.get("X509AuthenticationProvider.superUser").cloned();
        if self.flag("extendedTypesEnabled") == Some(false) {
            let line = self.entries["extendedTypesEnabled"].line;
            self.warn(
                line,
                "extendedTypesEnabled=false: znodes with a time to live are always there in this server".into(),
            );
        }
        let sasl = self.sasl(open);
        let x509 = self.entries.contains_key("secureClientPort");
        let required = self.required(sasl.is_some(), x509);
        Access {
            super_digest,
            x509,
            x509_super: x509_super.map(|entry| Arc::from(entry.value.as_bytes())),
            skip_acl: self.flag("skipACL").unwrap_or_default(),
            enforce_quota: self.flag("enforceQuota").unwrap_or_default(),
            required,
            sasl,
        }
    }

    /// The schemes of which a client has to be known by one. One by which nobody can be known is an error, as
    /// it is for Apache.
    fn required(&mut self, has_sasl: bool, has_x509: bool) -> BTreeSet<Arc<str>> {
        let by_sasl = self.flag("sessionRequireClientSASLAuth").unwrap_or_default();
        let is_enforced = self.flag("enforce.auth.enabled").unwrap_or_default();
        let schemes = self.entries.get("enforce.auth.schemes").cloned();
        let (key, line, schemes): (_, _, Vec<String>) = match (by_sasl, is_enforced, schemes) {
            (true, _, _) => ("sessionRequireClientSASLAuth", None, vec!["sasl".into()]),
            (false, false, _) => return BTreeSet::new(),
            (false, true, Some(entry)) if !entry.value.trim().is_empty() => {
                let schemes = entry.value.split(',').map(|scheme| scheme.trim().to_string());
                ("enforce.auth.schemes", Some(entry.line), schemes.collect())
            }
            (false, true, _) => {
                let line = self.entries["enforce.auth.enabled"].line;
                self.error(Some(line), "enforce.auth.enabled: expected enforce.auth.schemes too".into());
                return BTreeSet::new();
            }
        };
        let line = line.or_else(|| self.entries.get(key).map(|entry| entry.line));
        for scheme in &schemes {
            let is_there = match scheme.as_str() {
                "ip" | "digest" => true,
                "sasl" => has_sasl,
                "x509" => has_x509,
                _ => false,
            };
            if !is_there {
                self.error(line, format!("{key}: nobody can be known by the scheme {scheme:?} in this server"));
            }
        }
        schemes.into_iter().map(Arc::from).collect()
    }

    pub(super) fn fading(&mut self) -> Fading {
        let plain = Fading::default();
        let mut number = |key: &str, min, plain| self.number(key, min, i32::MAX as u32).unwrap_or(plain);
        Fading {
            check_ms: number("znode.container.checkIntervalMs", 1, plain.check_ms),
            per_minute: number("znode.container.maxPerMinute", 1, plain.per_minute),
            never_used_ms: number("znode.container.maxNeverUsedIntervalMs", 0, plain.never_used_ms),
        }
    }
}
