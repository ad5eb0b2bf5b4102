//! The keys of the admin server and of the metrics.

use super::Check;
use crate::config::{Admin, Host};

/// What Apache's `metricsProvider.className` may be here.
const PROVIDERS: [&str; 2] = [
    "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
];

impl Check {
    /// Off unless it is switched on, as in Apache's next version.
    pub(super) fn admin(&mut self) -> Option<Admin> {
        let host = self.host("admin.serverAddress", "admin.serverPort").unwrap_or_else(|| Host {
            name: self.text("admin.serverAddress").unwrap_or_else(|| "0.0.0.0".into()),
            port: 8080,
        });
        let url = self.text("admin.commandURL").unwrap_or_else(|| "/commands".into());
        if !url.starts_with('/') || url.len() < 2 {
            let line = self.entries.get("admin.commandURL").map(|entry| entry.line);
            self.error(line, format!("admin.commandURL: expected a path, found {url:?}"));
        }
        let url = url.trim_end_matches('/').to_string();
        self.flag("admin.enableServer").unwrap_or(false).then_some(Admin { host, url })
    }

    /// Where `/metrics` is served: if a port is named and the provider is the one for Prometheus.
    pub(super) fn metrics(&mut self) -> Option<Host> {
        let host = self.host("metricsProvider.httpHost", "metricsProvider.httpPort");
        let class = self.entries.get("metricsProvider.className")?.clone();
        match PROVIDERS.iter().position(|known| *known == class.value) {
            Some(0) => {
                let port = 7000;
                let name = self.text("metricsProvider.httpHost").unwrap_or_else(|| "0.0.0.0".into());
                host.or_else(|| (!self.entries.contains_key("metricsProvider.httpPort")).then_some(Host { name, port }))
            }
            Some(_) => None,
            None => {
                let text = format!("metricsProvider.className: expected {}, found {:?}", PROVIDERS[0], class.value);
                self.warn(class.line, text);
                None
            }
        }
    }

    fn host(&mut self, name: &str, port: &str) -> Option<Host> {
        let port = self.number(port, 1, 65_535)?;
        let name = self.text(name).unwrap_or_else(|| "0.0.0.0".into());
        Some(Host { name, port: u16::try_from(port).expect("the range was looked at") })
    }

    fn text(&self, key: &str) -> Option<String> {
        self.entries.get(key).map(|entry| entry.value.clone())
    }
}
