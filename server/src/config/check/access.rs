//! The keys about who may do what, and about what goes by itself.

use super::Check;
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
        Access {
            super_digest,
            x509: self.entries.contains_key("secureClientPort"),
            x509_super: x509_super.map(|entry| Arc::from(entry.value.as_bytes())),
            skip_acl: self.flag("skipACL").unwrap_or_default(),
            enforce_quota: self.flag("enforceQuota").unwrap_or_default(),
            sasl: self.sasl(open),
        }
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
