//! One server alone, Zabra's or Apache's, of the same configuration.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEBIAN: &str = "/usr/share/java/zookeeper.jar";
/// Not for the class path: without them the shell reads lines as they are, and nobody logs.
const UNWANTED: [&str; 4] = ["jline", "log4j", "logback", "slf4j-simple"];

/// A version of Apache's ZooKeeper that is on this machine.
pub(super) struct Apache {
    pub name: String,
    pub class_path: String,
}

impl Apache {
    /// All that `ZABRA_APACHE_JARS` names, or Debian's; why there is none.
    pub fn all() -> Result<Vec<Apache>, String> {
        let java = Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !java.is_ok_and(|status| status.success()) {
            return Err("zkCli.sh and cli_mt: java is needed (Debian: apt-get install default-jre-headless)".into());
        }
        match std::env::var_os("ZABRA_APACHE_JARS") {
            Some(directories) => std::env::split_paths(&directories).map(|path| Apache::of(&path)).collect(),
            None if Path::new(DEBIAN).exists() => {
                Ok(vec![Apache { name: "Debian's package".into(), class_path: DEBIAN.into() }])
            }
            None => Err("zkCli.sh and cli_mt: ZooKeeper's jars are needed (Debian: apt-get install zookeeper \
                         zookeeper-bin; or name their directory in ZABRA_APACHE_JARS)"
                .into()),
        }
    }

    fn of(directory: &Path) -> Result<Apache, String> {
        let listed =
            directory.read_dir().map_err(|error| format!("ZABRA_APACHE_JARS: {}: {error}", directory.display()));
        let mut jars: Vec<String> = Vec::new();
        for entry in listed?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".jar") && !UNWANTED.iter().any(|unwanted| name.starts_with(unwanted)) {
                jars.push(entry.path().display().to_string());
            }
        }
        jars.sort();
        let version = jars.iter().find_map(|jar| {
            let version = jar.rsplit('/').next()?.strip_prefix("zookeeper-")?.strip_suffix(".jar")?;
            version.starts_with(|first: char| first.is_ascii_digit()).then(|| format!("Apache {version}"))
        });
        let name = version.unwrap_or_else(|| directory.display().to_string());
        Ok(Apache { name, class_path: jars.join(":") })
    }
}

/// A server that ends when it is dropped.
pub(super) struct Running {
    process: Child,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Running {
    pub fn zabra(binary: &Path, home: &Path) -> Result<Running, String> {
        let mut command = Command::new(binary);
        command.args(["serve", "--log", "warn"]);
        Running::start(command, home)
    }

    pub fn apache(version: &Apache, home: &Path) -> Result<Running, String> {
        let mut command = Command::new("java");
        command.args(["-Xmx256m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", &version.class_path]);
        // What fades by itself takes a zxid when the clock says so: not during a comparison.
        command.arg("-Dznode.container.checkIntervalMs=3600000");
        command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain");
        Running::start(command, home)
    }

    fn start(mut command: Command, home: &Path) -> Result<Running, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", home.display());
        let _absent = std::fs::remove_dir_all(home);
        std::fs::create_dir_all(home.join("data")).map_err(wrong)?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(wrong)?.port();
        let config = home.join("zoo.cfg");
        let text = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime=2000\nadmin.enableServer=false\n\
             4lw.commands.whitelist=*\nextendedTypesEnabled=true\nenforceQuota=true\n",
            home.join("data").display()
        );
        std::fs::write(&config, text).map_err(wrong)?;
        let log = File::create(home.join("log")).map_err(wrong)?;
        let command = command.arg(&config).stdin(Stdio::null()).stdout(log.try_clone().map_err(wrong)?).stderr(log);
        let mut running = Running { process: command.spawn().map_err(wrong)?, port };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if words(port).is_ok_and(|said| said.contains("Mode:")) {
                return Ok(running);
            }
            if running.process.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("a server did not come up: see {}", home.join("log").display()))
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn words(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"srvr")?;
    let mut said = String::new();
    let _until_it_closes = stream.read_to_string(&mut said);
    Ok(said)
}
