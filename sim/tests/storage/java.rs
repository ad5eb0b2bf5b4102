//! Apache ZooKeeper's tools and server, when they are there.
//!
//! `ZABRA_APACHE_JARS` names directories with ZooKeeper's jars, one for each version, separated as in
//! `PATH`. Without it Debian's package (`libzookeeper-java`) is taken if it is installed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Java with the jars of one version of ZooKeeper.
pub struct Java {
    /// Where the jars come from, for messages.
    pub from: String,
    class_path: String,
}

const DEBIAN: &str = "/usr/share/java";

/// What Debian's ZooKeeper needs: the manifest of its jar leaves some out.
const DEBIAN_JARS: &[&str] = &[
    "zookeeper",
    "zookeeper-jute",
    "slf4j-api",
    "slf4j-log4j12",
    "log4j-1.2",
    "metrics-core",
    "snappy-java",
    "commons-cli",
    "commons-io",
    "findbugs-annotations",
    "jackson-annotations",
    "jackson-core",
    "jackson-databind",
    "netty-buffer",
    "netty-codec",
    "netty-common",
    "netty-handler",
    "netty-resolver",
    "netty-transport",
    "netty-transport-native-epoll",
    "netty-transport-native-unix-common",
];

impl Java {
    /// Every version that is there. None, with a message, when what needs one is to be skipped.
    pub fn all() -> Vec<Java> {
        let found = match std::env::var_os("ZABRA_APACHE_JARS") {
            Some(directories) => std::env::split_paths(&directories).map(|path| Java::of(&path)).collect(),
            None => Java::of_debian().into_iter().collect::<Vec<_>>(),
        };
        if found.is_empty() {
            eprintln!("skipped: no ZooKeeper (install zookeeper, or name its jars' directory in ZABRA_APACHE_JARS)");
        }
        let java = Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match java {
            Ok(status) if status.success() => found,
            Ok(_) | Err(_) => {
                eprintln!("skipped: no java");
                Vec::new()
            }
        }
    }

    fn of(directory: &Path) -> Java {
        let from = directory.display().to_string();
        assert!(directory.is_dir(), "ZABRA_APACHE_JARS: {from} is no directory");
        Java { class_path: format!("{from}/*"), from }
    }

    fn of_debian() -> Option<Java> {
        let jar = |name: &&str| Path::new(DEBIAN).join(format!("{name}.jar"));
        jar(&"zookeeper").exists().then(|| {
            let jars = DEBIAN_JARS.iter().map(jar).map(|path| path.display().to_string()).collect::<Vec<_>>();
            Java { from: "Debian's package".to_string(), class_path: jars.join(":") }
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("java");
        command.arg("-cp").arg(&self.class_path);
        command
    }

    /// Runs one of its main classes to the end; returns what it printed.
    pub fn run(&self, class: &str, arguments: &[&str]) -> String {
        let output = self.command().arg(class).args(arguments).output().expect("java runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{class} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Starts a standalone server on the directory and waits until it serves. It ends when it is dropped.
    pub fn serve(&self, data: &DataDirectory) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let (config, log) = (data.root.join("zoo.cfg"), data.root.join("server.log"));
        let text = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime={TICK_MS}\nmaxClientCnxns=0\n\
             admin.enableServer=false\n4lw.commands.whitelist=*\nextendedTypesEnabled=true\nenforceQuota=true\n\
             DigestAuthenticationProvider.superDigest={SUPER}\n",
            data.root.display()
        );
        std::fs::write(&config, text).expect("a configuration is written");
        let mut command = self.command();
        // What fades by itself takes a zxid when the clock says so: not during a comparison of answers.
        command.arg("-Dznode.container.checkIntervalMs=3600000");
        command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(config);
        let log = std::fs::File::create(&log).expect("a file for the server's words");
        command.stderr(log.try_clone().expect("one file, two names")).stdout(log);
        let mut server = Server { child: command.spawn().expect("java starts"), port };
        let until = Instant::now() + Duration::from_secs(60);
        while server.report().is_none() {
            let words = || std::fs::read_to_string(data.root.join("server.log")).unwrap_or_default();
            assert!(server.is_running(), "{}: the server ended: {}", self.from, words());
            assert!(Instant::now() < until, "{}: the server serves within a minute: {}", self.from, words());
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }
}

/// The superuser of the servers: its password is `secret`.
pub const SUPER: &str = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/// Long enough that no session expires during a test: a timeout is at least two ticks.
pub const TICK_MS: u32 = 60_000;

/// A data directory of its own for one server. Removed when it is dropped.
pub struct DataDirectory {
    root: PathBuf,
}

impl DataDirectory {
    pub fn empty() -> DataDirectory {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("zabra-apache-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        DataDirectory::at(std::env::temp_dir().join(name))
    }

    /// At this place, with what stands there.
    pub fn at(root: PathBuf) -> DataDirectory {
        std::fs::create_dir_all(root.join("version-2")).expect("a directory for files");
        DataDirectory { root }
    }

    /// With these files.
    pub fn of<N: AsRef<Path>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, B)>) -> DataDirectory {
        let data = DataDirectory::empty();
        for (name, bytes) in files {
            std::fs::write(data.root.join(name), bytes).expect("a file is written");
        }
        data
    }

    pub fn file(&self, name: &str) -> String {
        self.root.join("version-2").join(name).to_string_lossy().into_owned()
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// A running server of Apache's. Killed when it is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// What it answers to `srvr`, once it serves.
    pub fn report(&self) -> Option<String> {
        self.answer("srvr").filter(|report| report.contains("Zxid"))
    }

    /// What it answers to a four-letter word.
    pub fn answer(&self, word: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // Before the server listens, the system may connect a local port to itself.
        let is_itself = stream.local_addr().ok() == stream.peer_addr().ok();
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok().filter(|()| !is_itself)?;
        stream.write_all(word.as_bytes()).ok()?;
        let mut report = String::new();
        stream.read_to_string(&mut report).ok()?;
        Some(report)
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
