//! The keys that Apache's server knows, and which of them this server acts on.

/// What a key is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is obeyed.
    Obeyed,
    /// It is Apache's, and changes nothing here yet.
    Without,
}

/// Obeyed.
const OBEYED: &[&str] = &[
    "dataDir",
    "dataLogDir",
    "clientPort",
    "clientPortAddress",
    "secureClientPort",
    "secureClientPortAddress",
    "ssl.keyStore.location",
    "ssl.keyStore.password",
    "ssl.keyStore.passwordPath",
    "ssl.keyStore.type",
    "ssl.trustStore.location",
    "ssl.trustStore.password",
    "ssl.trustStore.passwordPath",
    "ssl.trustStore.type",
    "ssl.clientAuth",
    "ssl.protocol",
    "ssl.enabledProtocols",
    "ssl.ciphersuites",
    "ssl.crl",
    "ssl.ocsp",
    "ssl.authProvider",
    "ssl.x509.clientCertIdType",
    "ssl.clientHostnameVerification",
    "ssl.handshakeDetectionTimeoutMillis",
    "netty.server.outstandingHandshake.limit",
    "X509AuthenticationProvider.superUser",
    "sslQuorum",
    "portUnification",
    "quorum.auth.enableSasl",
    "quorum.auth.learnerRequireSasl",
    "quorum.auth.serverRequireSasl",
    "sessionRequireClientSASLAuth",
    "enforce.auth.enabled",
    "enforce.auth.schemes",
    "tickTime",
    "initLimit",
    "syncLimit",
    "minSessionTimeout",
    "maxSessionTimeout",
    "maxClientCnxns",
    "maxCnxns",
    "DigestAuthenticationProvider.superDigest",
    "skipACL",
    "enforceQuota",
    "extendedTypesEnabled",
    "allowSaslFailedClients",
    "java.security.auth.login.config",
    "znode.container.checkIntervalMs",
    "znode.container.maxPerMinute",
    "znode.container.maxNeverUsedIntervalMs",
    "peerType",
    "standaloneEnabled",
    "electionAlg",
    "autopurge.snapRetainCount",
    "autopurge.purgeInterval",
    "4lw.commands.whitelist",
    "snapCount",
    "preAllocSize",
    "jute.maxbuffer",
    "readonlymode.enabled",
    "localSessionsEnabled",
    "localSessionsUpgradingEnabled",
    "reconfigEnabled",
    "globalOutstandingLimit",
    "request_throttle_max_requests",
    "request_throttle_stall_time",
    "request_throttle_drop_stale",
    "request_stale_latency_check",
    "throttled_op_wait_time",
    "largeRequestThreshold",
    "largeRequestMaxBytes",
    "zabra.repliesMaxBytes",
    "zabra.requestsMaxBytes",
    "zabra.refusalsLoggedPerSecond",
    "connection_throttle_tokens",
    "connection_throttle_fill_time",
    "connection_throttle_fill_count",
    "connection_throttle_freeze_time",
    "connection_throttle_drop_increase",
    "connection_throttle_drop_decrease",
    "connection_throttle_decrease_ratio",
    "connection_throttle_weight_enabled",
    "connection_throttle_global_session_weight",
    "connection_throttle_local_session_weight",
    "connection_throttle_renew_session_weight",
    "db.autocreate",
    "cnxTimeout",
    "quorumListenOnAllIPs",
    "dynamicConfigFile",
    "metricsProvider.className",
    "metricsProvider.httpHost",
    "metricsProvider.httpPort",
    "metricsProvider.httpsPort",
    "admin.enableServer",
    "admin.serverPort",
    "admin.serverAddress",
    "admin.commandURL",
    "admin.forceHttps",
    "admin.portUnification",
    "admin.needClientAuth",
];

/// Obeyed: families, each key of which begins so.
const OBEYED_FAMILIES: &[&str] = &["server.", "group.", "weight.", "authProvider.", "superUser"];

/// Apache's, without effect here yet.
const WITHOUT: &[&str] = &[
    "metricsProvider.exportJvmInfo",
    "forceSync",
    "leaderServes",
    "commitLogCount",
    "snapSizeLimitInKb",
    "txnLogSizeLimitInKb",
    "fsync.warningthresholdms",
    "snapshot.compression.method",
    "snapshot.trust.empty",
    "snapshotSizeFactor",
    "observerMasterPort",
    "syncEnabled",
    "connectToLearnerMasterLimit",
    "quorumCnxnTimeoutMs",
    "sslQuorumReloadCertFiles",
    "client.certReload",
    "client.portUnification",
    "serverCnxnFactory",
    "audit.enable",
    "digest.enabled",
    "closeSessionTxn.enabled",
    "serializeLastProcessedZxid.enabled",
    "datadir.autocreate",
    "maxBatchSize",
    "flushDelay",
    "maxWriteQueuePollTime",
    "request_stale_connection_check",
    "request_throttler.shutdownTimeout",
    "clientPortListenBacklog",
    "tcpKeepAlive",
    "clientTcpKeepAlive",
    "electionPortBindRetry",
    "watchManagerName",
    "oraclePath",
    "forceSnapshotSync",
    "enableEagerACLCheck",
    "ensembleAuthName",
    "bitHashCacheSize",
    "maxResponseCacheSize",
    "maxGetChildrenResponseCacheSize",
];

/// Families of Apache's, each key of which begins so.
const FAMILIES: &[&str] = &[
    "ssl.",
    "quorum.auth.",
    "quorum.cnxn.",
    "znode.container.",
    "leader.",
    "learner.",
    "multiAddress.",
    "nio.",
    "netty.",
    "commitProcessor.",
    "watcherClean",
    "observer.",
    "observerMaster.",
    "fastleader.",
    "messageTracker.",
    "pathStats.",
    "admin.",
    "jvm.",
    "kerberos.",
    "security.",
    "metricsProvider.",
];

/// What a key is, if anybody knows it.
pub fn standing(key: &str) -> Option<Standing> {
    if OBEYED.contains(&key) || OBEYED_FAMILIES.iter().any(|family| key.starts_with(family)) {
        return Some(Standing::Obeyed);
    }
    let known = WITHOUT.contains(&key) || FAMILIES.iter().any(|family| key.starts_with(family));
    known.then_some(Standing::Without)
}

/// The known key that an unknown one was probably meant to be: at most two letters apart.
pub fn suggestion(key: &str) -> Option<&'static str> {
    let lower = key.to_lowercase();
    let candidates = OBEYED.iter().chain(WITHOUT).map(|known| (distance(&lower, &known.to_lowercase()), *known));
    candidates.min().filter(|(apart, _)| *apart <= 2).map(|(_, known)| known)
}

/// How many letters have to be put, taken or exchanged to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        assert_eq!(suggestion("clientport"), Some("clientPort"));
        assert_eq!(suggestion("tickTme"), Some("tickTime"));
        assert_eq!(suggestion("colour"), None);
        assert_eq!(distance("", "abc"), 3);
    }
}
