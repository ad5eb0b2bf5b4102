use super::*;
use std::path::Path;
use zabra_core::config::{Ensemble, RequestThrottle};
use zabra_core::id::ServerId;

/// What a text gives: its problems, or what the server would start with.
fn check(text: &str, myid: Option<&str>) -> String {
    let open = |path: &Path| myid.filter(|_| path == Path::new("data/myid")).map(str::to_string);
    let lines = |problems: Vec<Problem>| problems.iter().map(|p| format!("{p}\n")).collect::<String>();
    match parse("zoo.cfg", text, open) {
        Err(problems) => lines(problems),
        Ok((settings, problems)) => {
            let Settings { me, members, client, tick_ms, session_min_ms, session_max_ms, purge, .. } = &settings;
            let members: Vec<_> = members.iter().map(|(id, member)| format!("{id}={member}")).collect();
            let client = client.as_ref().map(Host::to_string);
            let quorum = format!("voters {} observers {}", settings.quorum.voters(), settings.observers);
            format!(
                "{}me {me} {quorum} members {members:?}\nclient {client:?} tick {tick_ms} sessions \
                 {session_min_ms}..{session_max_ms} purge {purge:?} words {:?}",
                lines(problems),
                settings.words
            )
        }
    }
}

#[test]
fn a_lone_server_needs_a_directory_and_a_port() {
    insta::assert_snapshot!(check("dataDir=data\nclientPort=2181\ntickTime=2000\n", None), @r#"
me 1 voters {1} observers {} members []
client Some("0.0.0.0:2181") tick 2000 sessions 4000..40000 purge None words Some({"srvr"})
"#);
}

#[test]
fn an_ensemble_with_an_observer_is_read() {
    let text = "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=data\nclientPort=2181\nautopurge.purgeInterval=1\n\
                server.1=a:2888:3888\nserver.2=b:2888:3888:participant;2182\nserver.3=[::1]:2888:3888:observer;[::1]:2183\n\
                4lw.commands.whitelist=srvr, ruok\n";
    insta::assert_snapshot!(check(text, Some("2\n")), @r#"
me 2 voters {1,2} observers {3} members ["1=a:2888:3888:participant", "2=b:2888:3888:participant;0.0.0.0:2182", "3=[::1]:2888:3888:observer;[::1]:2183"]
client Some("0.0.0.0:2181") tick 2000 sessions 4000..40000 purge Some(3) words Some({"ruok", "srvr"})
"#);
}

#[test]
fn every_problem_is_said_at_once() {
    let text = "tickTime=fast\nclientPort=70000\nclientPortadress=1.2.3.4\nsnapCont=5\nsslQuorum=true\nserver.1=a:2888\n\
                server.164=b:2888:3888\nserver.2=c:2888:3888:king\nmaxSessionTimeout=10\ntickTime=2000\nminSessionTimeout=20\n";
    insta::assert_snapshot!(check(text, None), @r#"
zoo.cfg:2: error: clientPort: expected a number from 1 to 65535, found "70000"
zoo.cfg:3: warning: unknown key clientPortadress: did you mean clientPortAddress?
zoo.cfg:4: warning: unknown key snapCont: did you mean snapCount?
zoo.cfg:5: error: sslQuorum: expected false: TLS between servers is not supported
zoo.cfg:6: error: server.1: expected an election port from 0 to 65535, found ""
zoo.cfg:7: error: server.164: expected a server id from 1 to 127
zoo.cfg:8: error: server.2: expected the role participant or observer, found "king"
zoo.cfg:10: warning: tickTime stands on line 1 too: this one counts
zoo.cfg:11: error: minSessionTimeout: expected at most maxSessionTimeout, that is 10, found 20
zoo.cfg: error: dataDir is missing: expected the directory of snapshots and logs
"#);
}

#[test]
fn a_member_needs_its_id_and_its_line() {
    let text = "dataDir=data\nserver.1=a:1:2\nserver.2=b:1:2\n";
    insta::assert_snapshot!(check(text, None), @r#"
data/myid: error: is missing: expected a file with this server's id, a number from 1 to 127
zoo.cfg: error: initLimit is missing: expected a number of ticks
zoo.cfg: error: syncLimit is missing: expected a number of ticks
zoo.cfg: warning: clientPort is missing: no client can come
"#);
    insta::assert_snapshot!(check(text, Some("x")), @r#"
data/myid:1: error: expected this server's id, a number from 1 to 127, found "x"
zoo.cfg: error: initLimit is missing: expected a number of ticks
zoo.cfg: error: syncLimit is missing: expected a number of ticks
zoo.cfg: warning: clientPort is missing: no client can come
"#);
    insta::assert_snapshot!(check(text, Some("3")), @r#"
data/myid:1: error: zoo.cfg: expected a line server.3=… for this server's id
zoo.cfg: error: initLimit is missing: expected a number of ticks
zoo.cfg: error: syncLimit is missing: expected a number of ticks
zoo.cfg: warning: clientPort is missing: no client can come
"#);
}

#[test]
fn groups_and_weights_make_another_quorum() {
    let servers: String = (1..=4).map(|n| format!("server.{n}=h{n}:2888:3888\n")).collect();
    let text = format!("dataDir=data\ninitLimit=5\nsyncLimit=2\n{servers}group.1=1:2\ngroup.2=3:4\nweight.1=0\n");
    let (settings, _) = parse("zoo.cfg", &text, |_| Some("1".into())).unwrap();
    assert_eq!((settings.quorum.weight(ServerId(1)), settings.quorum.weight(ServerId(2))), (0, 1));
    let core = settings.core();
    let text_of_all = String::from_utf8_lossy(&core.ensemble.text).into_owned();
    assert!(text_of_all.ends_with("group.1=1:2\ngroup.2=3:4\nweight.1=0\nversion=0"), "{text_of_all}");
    let read = Ensemble::parse(text_of_all.as_bytes()).map(|ensemble| ensemble.quorum);
    assert_eq!(read.as_ref(), Ok(&core.ensemble.quorum), "whoever reads the text counts by groups too");
    let text = text.replace("group.2=3:4", "group.2=3:2");
    insta::assert_snapshot!(check(&text, Some("1")), @r#"
zoo.cfg: error: group lines: expected each server in one group, found 2 in two
zoo.cfg: warning: clientPort is missing: no client can come
"#);
}

#[test]
fn a_members_text_is_read_back_as_itself() {
    for line in ["h:1:2:participant", "h:1:2:observer;0.0.0.0:3", "[::1]:1:2|g:1:2:participant;[::]:3"] {
        let member = Member::parse(line).unwrap();
        assert_eq!(member.to_string(), line);
    }
}

#[test]
fn members_may_stand_in_a_file_of_their_own_and_its_problems_are_said_there() {
    let text = "dataDir=data\ninitLimit=5\nsyncLimit=2\ndynamicConfigFile=members\n";
    let read = |members: &'static str| {
        let open = move |path: &Path| match path.to_str() {
            Some("members") => Some(members.to_string()),
            _ => Some("2".to_string()),
        };
        parse("zoo.cfg", text, open)
    };
    let (settings, problems) = read("version=100000000\nserver.1=a:1:2;3\nserver.2=b:1:2;4\n").unwrap();
    assert_eq!((settings.members.len(), settings.client.unwrap().port, problems), (2, 4, vec![]));
    let problems = read("server.1=a:1:2\ntickTime=5\nserver.2=b:1\n").unwrap_err();
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(problems[0], "members:1: warning: one server line makes no ensemble: the server is alone");
    assert_eq!(
        problems[1],
        "members:2: error: expected server, group and weight lines and version only, found tickTime"
    );
    assert_eq!(problems[2], "members:3: error: server.2: expected an election port from 0 to 65535, found \"\"");
    let problems = parse("zoo.cfg", text, |_| None).unwrap_err();
    let expected = "zoo.cfg:4: error: dynamicConfigFile: expected a file that can be read, found \"members\"";
    assert_eq!(problems[0].to_string(), expected);
}

#[test]
fn what_asks_for_a_protection_that_is_not_there_is_an_error() {
    let text = "dataDir=data\nclientPort=1\nsslQuorum=true\nquorum.auth.enableSasl=true\nsessionRequireClientSASLAuth=true\n\
                portUnification=false\nadmin.forceHttps=true\nadmin.portUnification=true\nadmin.needClientAuth=true\n\
                metricsProvider.httpsPort=7443\n";
    insta::assert_snapshot!(check(text, None), @r#"
zoo.cfg:3: error: sslQuorum: expected false: TLS between servers is not supported
zoo.cfg:4: error: quorum.auth.enableSasl: expected false: SASL between servers is not supported
zoo.cfg:5: error: sessionRequireClientSASLAuth: nobody can be known by the scheme "sasl" in this server
zoo.cfg:7: error: admin.forceHttps: expected false: TLS on operators' ports is not supported
zoo.cfg:8: error: admin.portUnification: expected false: TLS on operators' ports is not supported
zoo.cfg:9: error: admin.needClientAuth: expected false: TLS on operators' ports is not supported
zoo.cfg:10: error: metricsProvider.httpsPort: expected -1, found "7443": TLS on operators' ports is not supported
"#);
    let text = "dataDir=data\nclientPort=1\nadmin.forceHttps=false\nmetricsProvider.httpsPort=-1\n";
    assert_eq!(parse("zoo.cfg", text, |_| None).unwrap().1, vec![]);
}

#[test]
fn clients_may_have_to_be_known_by_a_scheme_by_which_somebody_can_be() {
    let text = "dataDir=data\nclientPort=1\nenforce.auth.enabled=true\nenforce.auth.schemes=digest, x509,kerberos\n";
    insta::assert_snapshot!(check(text, None), @r#"
zoo.cfg:4: error: enforce.auth.schemes: nobody can be known by the scheme "x509" in this server
zoo.cfg:4: error: enforce.auth.schemes: nobody can be known by the scheme "kerberos" in this server
"#);
    insta::assert_snapshot!(check("dataDir=data\nclientPort=1\nenforce.auth.enabled=true\n", None), @r#"
zoo.cfg:3: error: enforce.auth.enabled: expected enforce.auth.schemes too
"#);
    let text = "dataDir=data\nclientPort=1\nenforce.auth.enabled=true\nenforce.auth.schemes= digest,ip\n";
    let required = parse("zoo.cfg", text, |_| None).unwrap().0.core().access.required;
    assert_eq!(required.iter().map(|scheme| &**scheme).collect::<Vec<_>>(), ["digest", "ip"]);
    let text = "dataDir=data\nclientPort=1\nenforce.auth.schemes=digest\n";
    assert!(parse("zoo.cfg", text, |_| None).unwrap().0.core().access.required.is_empty(), "nothing is enforced");
}

#[test]
fn a_secure_port_wants_stores_whose_kinds_are_known() {
    insta::assert_snapshot!(check("dataDir=data\nsecureClientPort=1\n", None), @r#"
zoo.cfg:2: error: secureClientPort: expected ssl.keyStore.location beside it, a file with this server's key and certificate
zoo.cfg:2: error: secureClientPort: expected ssl.trustStore.location beside it, a file with the certificates of those who issue clients' certificates, or ssl.clientAuth=none
"#);
    let text = "dataDir=data\nsecureClientPort=1\nssl.keyStore.location=/k/keys\nssl.trustStore.location=/k/t.jks\n\
                ssl.trustStore.passwordPath=/k/none\nssl.clientAuth=maybe\nssl.enabledProtocols=TLSv1,SSLv4\nssl.crl=true\n\
                ssl.x509.clientCertIdType=SAN\nclient.certReload=true\n";
    insta::assert_snapshot!(check(text, None), @r#"
zoo.cfg:3: error: ssl.keyStore.type: expected JKS, PEM or PKCS12, or a name that ends so, found ""
zoo.cfg:5: error: ssl.trustStore.passwordPath: /k/none cannot be read: expected a file with the password
zoo.cfg:6: error: ssl.clientAuth: expected none, want or need, found "maybe"
zoo.cfg:7: warning: ssl.enabledProtocols: TLSv1 is too weak and is not spoken
zoo.cfg:7: error: ssl.enabledProtocols: expected TLSv1.2 or TLSv1.3, found "SSLv4"
zoo.cfg:7: error: ssl.enabledProtocols: expected TLSv1.2 or TLSv1.3 among them
zoo.cfg:8: error: ssl.crl: expected false: to look for revoked certificates is not supported
zoo.cfg:9: error: ssl.x509.clientCertIdType: expected SUBJECT, found "SAN"
zoo.cfg:10: warning: client.certReload has no effect in this server yet
"#);
    let text = "dataDir=data\nclientPort=1\nsecureClientPort=2\nssl.keyStore.location=/k/a.pem\nssl.keyStore.password=hush\n\
                ssl.clientAuth=none\n";
    let (settings, problems) = parse("zoo.cfg", text, |_| None).unwrap();
    let secure = settings.secure.unwrap();
    assert_eq!((problems, secure.host.port, secure.client_auth), (vec![], 2, ClientAuth::None));
    assert_eq!((secure.key_store.kind, secure.key_store.password.reveal()), (StoreKind::Pem, "hush"));
    assert!(settings.initial.contains("ssl.keyStore.password=***\n") && !settings.initial.contains("hush"));
    assert!(settings.access.x509);
}

#[test]
fn one_server_is_an_ensemble_where_no_server_may_be_alone() {
    let text = "dataDir=data\nclientPort=1\ninitLimit=5\nsyncLimit=2\nstandaloneEnabled=false\n";
    let expected = "zoo.cfg:5: error: standaloneEnabled: expected true, or at least one server line\n";
    assert_eq!(check(text, Some("1")), expected);
    let settings = |text: &str| parse("zoo.cfg", text, |_| Some("4".into())).unwrap();
    let (alone, problems) = settings(&format!("{}server.4=a:1:2\n", text.replace("false", "true")));
    assert!(alone.is_alone() && problems.len() == 1, "{problems:?}");
    let (one, problems) = settings(&format!("{text}server.4=a:1:2\n"));
    assert!(!one.is_alone() && one.me == ServerId(4) && problems.is_empty(), "{problems:?}");
}

#[test]
fn an_address_may_be_of_ipv6() {
    for (value, shown) in [("[::1]", "[::1]:5"), ("::", "[::]:5"), ("10.0.0.1", "10.0.0.1:5")] {
        let text = format!("dataDir=data\nclientPort=5\nclientPortAddress={value}\n");
        let (settings, _) = parse("zoo.cfg", &text, |_| None).unwrap();
        assert_eq!(settings.client.unwrap().to_string(), shown);
    }
}

#[test]
fn a_scheme_that_is_asked_for_and_has_no_users_is_said() {
    let text =
        "dataDir=data\nclientPort=1\nauthProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n";
    let (settings, problems) = parse("zoo.cfg", text, |_| None).unwrap();
    assert!(settings.access.sasl.is_none());
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let expected = "zoo.cfg:3: warning: nobody is known by SASL: expected java.security.auth.login.config beside it, a \
                    JAAS file with the users";
    assert_eq!(problems, [expected]);
}

#[test]
fn what_bounds_requests_and_replies_is_read_and_an_excess_is_said() {
    let text = "dataDir=data\nclientPort=1\nrequest_throttle_max_requests=5\nzookeeper.request_throttle_stall_time=7\n\
                request_stale_latency_check=true\nthrottled_op_wait_time=9\nlargeRequestThreshold=1000\n\
                largeRequestMaxBytes=2000\nzabra.repliesMaxBytes=100000000\nzabra.requestsMaxBytes=200000000\nzabra.refusalsLoggedPerSecond=3\n";
    let (settings, problems) = parse("zoo.cfg", text, |_| None).unwrap();
    assert_eq!((problems, settings.refusals_logged), (vec![], 3));
    assert_eq!((settings.replies_bytes, settings.begun_bytes), (100_000_000, 200_000_000));
    let config = settings.core();
    let throttle = RequestThrottle { max_requests: 5, stall_ms: 7, drops_stale: true, wait_ms: 9 };
    assert_eq!(config.throttle, throttle);
    assert_eq!((config.limits.large_request_bytes, config.limits.large_request_bytes_of_all), (Some(1000), 2000));
    let plain = "dataDir=data\nclientPort=1\nrequest_throttle_drop_stale=false\nlargeRequestThreshold=-1\n";
    let (settings, problems) = parse("zoo.cfg", plain, |_| None).unwrap();
    assert_eq!(problems, []);
    assert_eq!((settings.requests, settings.large), (RequestThrottle::default(), (None, 100 << 20)));
    let wrong = "dataDir=data\nclientPort=1\nlargeRequestThreshold=0\nzabra.repliesMaxBytes=9\nrequest_throttle_drop_stale=maybe\n\
                 request_stale_connection_check=false\nrequest_throttle_max_request=7\n";
    insta::assert_snapshot!(check(wrong, None), @r#"
zoo.cfg:3: error: largeRequestThreshold: expected a number from 1 to 2147483647, found "0"
zoo.cfg:4: error: zabra.repliesMaxBytes: expected a number from 67108864 to 4294967295, found "9"
zoo.cfg:5: error: request_throttle_drop_stale: expected true or false, found "maybe"
zoo.cfg:6: warning: request_stale_connection_check has no effect in this server yet
zoo.cfg:7: warning: unknown key request_throttle_max_request: did you mean request_throttle_max_requests?
"#);
}
