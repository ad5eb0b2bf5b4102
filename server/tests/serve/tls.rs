//! TLS for clients: who is let in, as whom, and who is not.

use crate::client::Client;
use crate::process::{PATIENCE, Scratch, Server, free_ports};
use crate::raw::Raw;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zabra_client::CreateMode;
use zabra_core::wire::records::{Acl, CreateRequest, Id};
use zabra_core::wire::{Jute, Op};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of this name and its key.
fn issued(by: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Zebras, Inc.");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap(), key)
}

/// A server with a secure port, and whom it believes.
struct Secured {
    scratch: Scratch,
    server: Server,
    port: SocketAddr,
    authority: Issuer,
}

impl Secured {
    fn start(name: &str, more: &str) -> Secured {
        let scratch = Scratch::new(name);
        let authority = authority("the authority");
        let (certificate, key) = issued(&authority, "server");
        let (keys, trusted) = (scratch.join("keys.pem"), scratch.join("trusted.pem"));
        fs::write(&keys, key.serialize_pem() + &certificate.pem()).unwrap();
        fs::write(&trusted, authority.pem()).unwrap();
        let ports = free_ports(2);
        let config = format!(
            "secureClientPort={}\nsecureClientPortAddress=127.0.0.1\nssl.keyStore.location={}\n\
             ssl.trustStore.location={}\n{more}",
            ports[1],
            keys.display(),
            trusted.display()
        );
        let server = Server::start(&scratch, "tls", ports[0], &config);
        drop(Client::connect(&[server.client]));
        Secured { scratch, server, port: SocketAddr::from(([127, 0, 0, 1], ports[1])), authority }
    }

    /// A stream that shows a certificate of this issuer and name. The handshake is made with its first bytes.
    fn dial(&self, shows: Option<(&Issuer, &str)>) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some((authority, name)) => {
                let (certificate, key) = issued(authority, name);
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let socket = TcpStream::connect(self.port).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(connection, socket)
    }

    /// Whether somebody who shows this is answered.
    fn answers(&self, shows: Option<(&Issuer, &str)>) -> bool {
        let mut stream = self.dial(shows);
        let mut answer = [0; 4];
        stream.write_all(b"ruok").and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == *b"imok"
    }

    /// A session of somebody whose certificate has this name.
    fn enter(&self, name: &str) -> Raw {
        Raw::over(Box::new(self.dial(Some((&self.authority, name)))), 0, &[0; 16]).expect("a session")
    }

    /// Waits for a line with this in it.
    fn says(&self, what: &str) {
        let began = Instant::now();
        let log = || fs::read_to_string(self.scratch.join("tls.log")).unwrap();
        while !log().contains(what) {
            assert!(began.elapsed() < PATIENCE, "no line says {what:?}:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many handshakes have failed.
    fn failures(&self) -> u32 {
        let metrics = self.server.ask("mntr");
        let line = metrics.lines().find_map(|line| line.strip_prefix("zk_unsuccessful_handshake"));
        line.expect("the metric").trim().parse().unwrap()
    }
}

#[test]
fn a_client_is_known_by_its_certificate_and_lists_can_name_it() {
    let secured = Secured::start("tls-known", "");
    let mut ann = secured.enter("ann");
    let named = Id { scheme: b"x509", id: b"CN=ann,O=Zebras\\, Inc." };
    let acl = Some(vec![Acl { perms: 31, id: named }]);
    let create = CreateRequest { path: b"/ann", data: Some(b"hers"), acl, flags: 0 }.to_bytes();
    ann.demand(&[(Op::CREATE, create)]);
    let get = [(Op::GET_DATA, read(b"/ann"))];
    const NO_AUTH: i32 = -102;
    assert_eq!(ann.ask(&get)[0].0, 0);
    assert_eq!(secured.enter("bob").ask(&get)[0].0, NO_AUTH);
    assert_eq!(secured.enter("ann").ask(&get)[0].0, 0, "a name and not a connection");
    assert_eq!(Raw::enter(secured.server.client.port()).ask(&get)[0].0, NO_AUTH, "the port without TLS");
    assert_eq!(secured.failures(), 0);
}

#[test]
fn whom_nobody_trusted_knows_is_refused_and_others_are_served_meanwhile() {
    let secured = Secured::start("tls-refused", "");
    let mut client = Client::connect(&[secured.server.client]);
    client.create("/t", b"", CreateMode::Persistent);
    assert!(secured.answers(Some((&secured.authority, "ann"))));
    assert!(!secured.answers(Some((&authority("the authority"), "ann"))), "another of the same name");
    secured.says("a TLS handshake failed: invalid peer certificate");
    assert!(!secured.answers(None));
    secured.says("peer sent no certificates");
    let mut plain = TcpStream::connect(secured.port).unwrap();
    plain.write_all(&[0, 0, 0, 45, 0, 0, 0, 0]).unwrap();
    secured.says("what came is no TLS");
    assert_eq!(secured.failures(), 3);
    client.demand(Client::set("/t", b"x"));
    assert_eq!(client.attached, 1);
    assert!(secured.answers(Some((&secured.authority, "ann"))));
}

#[test]
fn handshakes_that_do_not_end_are_few_and_short() {
    let limits = "ssl.handshakeDetectionTimeoutMillis=1500\nnetty.server.outstandingHandshake.limit=2\n";
    let secured = Secured::start("tls-slow", limits);
    let began = Instant::now();
    let silent = [TcpStream::connect(secured.port).unwrap(), TcpStream::connect(secured.port).unwrap()];
    secured.server.ask("ruok");
    assert!(!secured.answers(Some((&secured.authority, "ann"))), "there is no room");
    secured.says("too many TLS handshakes at once");
    secured.says("it took longer than 1500 ms");
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "its connection is closed");
    }
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert!(secured.answers(Some((&secured.authority, "ann"))), "there is room again");
}

#[test]
fn certificates_are_asked_for_as_the_configuration_says() {
    let none = Secured::start("tls-none", "ssl.clientAuth=none\nssl.enabledProtocols=TLSv1.2\n");
    assert!(none.answers(None));
    let want = Secured::start("tls-want", "ssl.clientAuth=want\n");
    assert!(want.answers(None) && want.answers(Some((&want.authority, "ann"))));
    assert!(!want.answers(Some((&authority("a stranger"), "ann"))));
}

#[test]
fn a_large_answer_and_a_large_request_pass() {
    let secured = Secured::start("tls-large", "");
    let mut ann = secured.enter("ann");
    let anyone = Id { scheme: b"world", id: b"anyone" };
    let data = vec![7; 900_000];
    let acl = Some(vec![Acl { perms: 31, id: anyone }]);
    ann.demand(&[(Op::CREATE, CreateRequest { path: b"/large", data: Some(&data), acl, flags: 0 }.to_bytes())]);
    let reads = vec![(Op::GET_DATA, read(b"/large")); 20];
    for (error, body) in ann.ask(&reads) {
        assert_eq!((error, &body[4..900_004]), (0, &data[..]));
    }
}

#[test]
fn the_shell_and_the_bench_speak_tls() {
    let secured = Secured::start("tls-tools", "");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_zabra")).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (certificate, key) = issued(&secured.authority, "ann");
    let path = |name: &str, text: String| {
        let path = secured.scratch.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (cert, key_file) = (path("ann.pem", certificate.pem()), path("ann.key", key.serialize_pem()));
    let both = path("both.pem", key.serialize_pem() + &certificate.pem());
    let (ca, other) = (path("ca.pem", secured.authority.pem()), path("other.pem", authority("a stranger").pem()));
    let (by_name, by_address) = (format!("localhost:{}", secured.port.port()), secured.port.to_string());
    let shows = ["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key_file];
    let shell = |options: &[&str], at: &str, command: &[&str]| {
        run(&[&["shell", "-timeout", "4000", "-server", at], options, command].concat())
    };
    assert_eq!(shell(&shows, &by_name, &["create", "/t", "secret"]).1, "Created /t\n");
    let (_, known, _) = shell(&shows, &by_name, &["whoami"]);
    assert!(known.contains("x509: CN=ann"), "{known}");
    let (code, _, wrong) = shell(&shows, &by_address, &["get", "/t"]);
    assert!(code == Some(1) && wrong.contains("not valid for name"), "{wrong}");
    let strange = ["--tls-ca", &other, "--tls-cert", &cert, "--tls-key", &key_file];
    let (code, _, wrong) = shell(&strange, &by_name, &["get", "/t"]);
    assert!(code == Some(1) && wrong.contains("UnknownIssuer"), "{wrong}");
    assert_eq!(shell(&["--tls-ca", &ca], &by_name, &["get", "/t"]).0, Some(1), "it shows no certificate");
    let wrong = shell(&["--tls-ca", &ca, "--tls-cert", &cert], &by_name, &["get", "/t"]);
    assert!(wrong.0 == Some(2) && wrong.2.contains("it has no private key"), "{wrong:?}");
    let config = path(
        "client.cfg",
        format!(
            "zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location={both}\n\
             zookeeper.ssl.trustStore.location={ca}\nzookeeper.ssl.hostnameVerification=false\n"
        ),
    );
    assert_eq!(shell(&["-client-configuration", &config], &by_address, &["get", "/t"]).1, "secret\n");
    let bench = ["bench", "set", "--servers", &by_name, "--connections", "2", "--outstanding", "8", "--count", "50"];
    let (code, report, wrong) = run(&[&bench[..], &shows].concat());
    assert_eq!(code, Some(0), "{report}{wrong}");
}

/// A getData without a watch.
fn read(path: &[u8]) -> Vec<u8> {
    let length = u32::try_from(path.len()).unwrap().to_be_bytes();
    [&length[..], path, &[0]].concat()
}
