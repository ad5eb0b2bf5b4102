//! Servers of one peer on loopback, three or one, and what the machine knows about their processes.

use super::Peer;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Client ports from here; quorum and election ports above them.
const PORT: u16 = 23_810;

pub(crate) struct Ensemble {
    peer: Peer,
    home: PathBuf,
    size: u16,
    servers: Vec<Child>,
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ensemble {
    /// Writes the configurations of so many servers that have nothing yet.
    pub fn fresh(peer: &Peer, home: &Path, size: u16) -> Result<Ensemble, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", home.display());
        let _absent = std::fs::remove_dir_all(home);
        for id in 1..=size {
            let data = home.join(id.to_string());
            std::fs::create_dir_all(&data).map_err(wrong)?;
            std::fs::write(data.join("myid"), format!("{id}\n")).map_err(wrong)?;
            let mut text = format!(
                "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={}\nmaxClientCnxns=0\n\
                 admin.enableServer=false\n4lw.commands.whitelist=*\n",
                data.display(),
                PORT + id
            );
            // A server alone has no list of members.
            for other in 1..=(if size > 1 { size } else { 0 }) {
                text.push_str(&format!("server.{other}=127.0.0.1:{}:{}\n", PORT + 10 + other, PORT + 20 + other));
            }
            std::fs::write(home.join(format!("{id}.cfg")), text).map_err(wrong)?;
        }
        Ok(Ensemble { peer: peer.clone(), home: home.to_owned(), size, servers: Vec::new() })
    }

    /// As many servers of another peer, with what the servers of this one have on their disks; these must not run.
    pub fn handed_to(&self, peer: &Peer, home: &Path) -> Result<Ensemble, String> {
        assert!(self.servers.is_empty(), "what a server is writing is not copied");
        let handed = Ensemble::fresh(peer, home, self.size)?;
        for id in 1..=self.size {
            let data = |home: &Path| home.join(id.to_string()).join("version-2");
            copy_files(&data(&self.home), &data(home)).map_err(|error| format!("{}: {error}", home.display()))?;
        }
        Ok(handed)
    }

    pub fn start(&mut self) -> Result<(), String> {
        for id in 1..=self.size {
            let config = self.home.join(format!("{id}.cfg"));
            let log = File::create(self.home.join(format!("{id}.log"))).map_err(|error| error.to_string())?;
            let line = match &self.peer {
                Peer::Zabra { binary } => {
                    format!("exec '{}' serve --log warn '{}'", binary.display(), config.display())
                }
                Peer::Apache { jars } => format!(
                    "exec java -cp '{}/*' org.apache.zookeeper.server.quorum.QuorumPeerMain '{}'",
                    jars.display(),
                    config.display()
                ),
            };
            let server = Command::new("sh")
                .args(["-c", &format!("ulimit -n $(ulimit -Hn); {line}")])
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(|error| error.to_string())?)
                .stderr(log)
                .spawn();
            self.servers.push(server.map_err(|error| format!("a server could not be started: {error}"))?);
        }
        Ok(())
    }

    /// Ends all servers at once.
    pub fn kill(&mut self) {
        for server in &mut self.servers {
            let _gone = server.kill();
        }
        for mut server in self.servers.drain(..) {
            let _gone = server.wait();
        }
    }

    /// The connect string.
    pub fn servers(&self) -> String {
        (1..=self.size).map(|id| format!("127.0.0.1:{}", PORT + id)).collect::<Vec<_>>().join(",")
    }

    /// The process that leads, by what it says itself.
    pub fn leader(&self) -> Result<u32, String> {
        for (server, port) in self.servers.iter().zip(PORT + 1..) {
            let said = words(port).unwrap_or_default();
            if said.contains("Mode: leader") {
                return Ok(server.id());
            }
        }
        Err("no server says that it leads".into())
    }

    /// User and system time of all servers so far, in milliseconds.
    pub fn cpu_ms(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for server in &self.servers {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap_or_default();
            // The command's name may hold spaces: the fields begin behind its bracket.
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            // Of a hundred ticks per second.
            sum = (sum.0 + 10 * ticks(11), sum.1 + 10 * ticks(12));
        }
        sum
    }

    /// The resident memory of the largest server.
    pub fn rss_mib(&self) -> Option<u64> {
        self.memory_mib("VmRSS:")
    }

    /// The largest resident memory that a server had since [`Ensemble::forget_peak`].
    pub fn peak_mib(&self) -> Option<u64> {
        self.memory_mib("VmHWM:")
    }

    pub fn forget_peak(&self) -> Result<(), String> {
        for server in &self.servers {
            let path = format!("/proc/{}/clear_refs", server.id());
            std::fs::write(&path, "5").map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(())
    }

    fn memory_mib(&self, field: &str) -> Option<u64> {
        let status = |server: &Child| std::fs::read_to_string(format!("/proc/{}/status", server.id())).ok();
        self.servers.iter().filter_map(status).filter_map(|status| largest_mib(&status, field)).max()
    }

    /// A command that prints the `status` of every server.
    pub fn status_command(&self) -> String {
        let files: Vec<String> = self.servers.iter().map(|server| format!("/proc/{}/status", server.id())).collect();
        format!("cat {}", files.join(" "))
    }

    /// How many snapshots all servers have written, and kept.
    pub fn snapshots(&self) -> usize {
        let is_snapshot = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("snapshot.");
        let dirs = (1..=self.size).map(|id| self.home.join(id.to_string()).join("version-2"));
        let files = dirs.filter_map(|dir| dir.read_dir().ok()).flatten().flatten();
        files.filter(|file| is_snapshot(&file.file_name())).count()
    }
}

/// Copies the files of a data directory. Servers never write to a snapshot that has its name: those are linked.
fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with("snapshot.") {
            std::fs::hard_link(entry.path(), target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The largest value of a field in the `status` of one or more processes.
pub(crate) fn largest_mib(status: &str, field: &str) -> Option<u64> {
    let lines = status.lines().filter(|line| line.starts_with(field));
    let kib = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.max().map(|kib| kib / 1024)
}

fn words(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"srvr")?;
    let mut said = String::new();
    let _until_it_closes = stream.read_to_string(&mut said);
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_handed_over_can_be_cut_and_the_giver_keeps_its_own() {
        let home = std::env::temp_dir().join(format!("zabra-peers-{}", std::process::id()));
        let (from, to) = (home.join("from"), home.join("to"));
        std::fs::create_dir_all(&from).unwrap();
        for name in ["snapshot.1", "log.2"] {
            std::fs::write(from.join(name), name).unwrap();
        }
        copy_files(&from, &to).unwrap();
        assert_eq!(std::fs::read(to.join("snapshot.1")).unwrap(), b"snapshot.1");
        File::options().write(true).open(to.join("log.2")).unwrap().set_len(0).unwrap();
        assert_eq!(std::fs::read(from.join("log.2")).unwrap(), b"log.2");
        drop(std::fs::remove_dir_all(home));
    }
}
