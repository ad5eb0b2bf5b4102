//! Server processes on loopback, in a directory of their own.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server: of this package's tests, or, for those of others that share this file, the one that
/// stands beside them. Cargo builds it there if it does not; by the words that make it the one that the
/// whole workspace's tests have built, or every library would be compiled anew for it.
fn binary() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_zabra") {
        return PathBuf::from(path);
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let test = std::env::current_exe().unwrap();
        let dir = test.ancestors().nth(2).unwrap();
        let profile = dir.file_name().and_then(|name| name.to_str()).unwrap().replace("debug", "dev");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--quiet", "--workspace", "--no-run", "--test", "serve", "--profile", &profile]);
        let built = cargo.stdout(Stdio::null()).status().unwrap();
        assert!(built.success(), "the server cannot be built");
        dir.join("zabra")
    };
    BUILT.get_or_init(build).clone()
}

/// A directory that is gone when the test has passed.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("zabra-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The servers' own lines, for a test that fails.
    fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ext| ext == "log") {
                text += &format!(
                    "--- {}\n{}",
                    entry.path().display(),
                    fs::read_to_string(entry.path()).unwrap_or_default()
                );
            }
        }
        text
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Ports that nobody uses now, below those that the system gives to outgoing connections: the port of
/// a server that was killed must not be taken before it is back.
pub fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 21_000 + (std::process::id() % 50) as u16 * 200;
    let mut ports = Vec::new();
    while ports.len() < count {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports.push(port);
        }
    }
    ports
}

/// One server.
pub struct Server {
    config: PathBuf,
    log: PathBuf,
    pub client: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// A server of this configuration, which lacks only the port and what every test wants.
    pub fn start(scratch: &Scratch, name: &str, port: u16, config: &str) -> Server {
        let dir = scratch.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("myid"), name).unwrap();
        let path = scratch.join(&format!("{name}.cfg"));
        let text = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime=500\npreAllocSize=64\n\
             4lw.commands.whitelist=*\n{config}",
            dir.display()
        );
        fs::write(&path, text).unwrap();
        let client = SocketAddr::from(([127, 0, 0, 1], port));
        let log = scratch.join(&format!("{name}.log"));
        let mut server = Server { config: path, log, client, child: None };
        server.restart();
        server
    }

    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(binary());
        command.arg("serve").arg(&self.config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until it answers.
    pub fn until_it_serves(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.mode().is_empty() {
            assert!(Instant::now() < deadline, "waited in vain for the server");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and what the process says at its end.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().unwrap();
        assert!(sent.success());
        child.wait().unwrap()
    }

    /// Waits for a server that ends by itself.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.take().expect("it runs").wait().unwrap().code()
    }

    /// Memory of the process that is in use, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let id = self.child.as_ref().expect("it runs").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// CPU time of the process, in hundredths of a second.
    pub fn cpu_ticks(&self) -> u64 {
        let id = self.child.as_ref().expect("it runs").id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        // Behind the name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The answer to a four-letter word; empty if nobody is there.
    pub fn ask(&self, word: &str) -> String {
        let mut text = String::new();
        let asked = TcpStream::connect(self.client).and_then(|mut stream| {
            stream.write_all(word.as_bytes())?;
            stream.read_to_string(&mut text)
        });
        if asked.is_ok() { text } else { String::new() }
    }

    pub fn mode(&self) -> String {
        let text = self.ask("srvr");
        text.lines().find_map(|line| line.strip_prefix("Mode: ")).unwrap_or_default().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Three servers that are one ensemble.
pub fn ensemble(scratch: &Scratch, more: &str) -> Vec<Server> {
    let ports = free_ports(9);
    let lines: String =
        (0..3).map(|i| format!("server.{}=127.0.0.1:{}:{}\n", i + 1, ports[3 + i], ports[6 + i])).collect();
    let config = format!("initLimit=10\nsyncLimit=4\n{lines}{more}");
    (0..3).map(|i| Server::start(scratch, &(i + 1).to_string(), ports[i], &config)).collect()
}

/// Waits for a leader, and says which server it is.
pub fn leader(servers: &[Server]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(at) = servers.iter().position(|server| server.mode() == "leader") {
            return at;
        }
        assert!(Instant::now() < deadline, "waited in vain for a leader");
        std::thread::sleep(Duration::from_millis(20));
    }
}
