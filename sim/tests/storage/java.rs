//! Apache ZooKeeper's tools and server, when they are there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use zabra_sim::disk::SectorDisk;

/// Java with ZooKeeper's jars: `ZABRA_APACHE_JARS` names their directory.
pub struct Java {
    jars: String,
}

impl Java {
    /// `None`, with a message, when the tests that need it are to be skipped.
    pub fn found() -> Option<Java> {
        let Ok(jars) = std::env::var("ZABRA_APACHE_JARS") else {
            eprintln!("skipped: set ZABRA_APACHE_JARS to a directory with ZooKeeper's jars (and have java)");
            return None;
        };
        Some(Java { jars })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("java");
        command.arg("-cp").arg(format!("{}/*", self.jars));
        command
    }

    /// Runs one of its main classes to the end; returns what it printed.
    pub fn run(&self, class: &str, arguments: &[&str]) -> String {
        let output = self.command().arg(class).args(arguments).output().expect("java runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{class} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Writes the files of a simulated disk to a directory of their own.
    pub fn data_directory(&self, disk: SectorDisk) -> DataDirectory {
        let root = std::env::temp_dir().join(format!("zabra-apache-{}", std::process::id()));
        std::fs::create_dir_all(root.join("version-2")).expect("a directory for files");
        for (name, bytes) in disk.files() {
            std::fs::write(root.join(name), bytes).expect("a file is written");
        }
        DataDirectory { root }
    }

    /// Starts a standalone server on the directory, asks it who it is, and kills it.
    pub fn serve(&self, data: &DataDirectory) -> String {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let mut command = self.command();
        command.args(["-Dzookeeper.4lw.commands.whitelist=*", "-Dzookeeper.admin.enableServer=false"]);
        command.args(["org.apache.zookeeper.server.ZooKeeperServerMain", &port.to_string()]);
        command.arg(&data.root).stdout(Stdio::null()).stderr(Stdio::null());
        let _server = Server(command.spawn().expect("java starts"));
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(report) = ask(port).filter(|report| report.contains("Zxid")) {
                return report;
            }
            assert!(Instant::now() < until, "the server answers within a minute");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"srvr").ok()?;
    let mut report = String::new();
    stream.read_to_string(&mut report).ok()?;
    Some(report)
}

/// Removed when it is dropped.
pub struct DataDirectory {
    root: PathBuf,
}

impl DataDirectory {
    pub fn file(&self, name: &str) -> String {
        self.root.join("version-2").join(name).to_string_lossy().into_owned()
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
