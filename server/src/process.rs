//! What the system tells of this process and of its machine.
#![expect(clippy::disallowed_methods, reason = "the environment and /proc are what operators ask for")]

use std::fs;
use std::path::Path;

/// Open files, how many may be, and memory in use.
pub fn gauges() -> Vec<(&'static str, u64)> {
    let mut gauges = Vec::new();
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        gauges.push(("open_file_descriptor_count", open.count() as u64));
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits.lines().find(|line| line.starts_with("Max open files"));
    if let Some(most) = most.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()) {
        gauges.push(("max_file_descriptor_count", most));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    if let Some(kib) = resident.and_then(|kib| kib.parse::<u64>().ok()) {
        gauges.push(("process_resident_memory_bytes", kib << 10));
    }
    gauges
}

/// Names and values, as `envi` gives them; what is Java's alone is left out.
pub fn environment(version: &str) -> Vec<(String, String)> {
    let file = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_string()).unwrap_or_default();
    let variable = |name| std::env::var(name).unwrap_or_default();
    let dir = std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_default();
    let pairs = [
        ("zookeeper.version", version.to_string()),
        ("host.name", file("/proc/sys/kernel/hostname")),
        ("os.name", capital(std::env::consts::OS)),
        ("os.arch", if std::env::consts::ARCH == "x86_64" { "amd64" } else { std::env::consts::ARCH }.into()),
        ("os.version", file("/proc/sys/kernel/osrelease")),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", dir),
    ];
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Bytes of the files in a directory.
pub fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(|file| file.is_file()).map(|file| file.len()).sum()
}

/// The newest snapshot in a directory: its zxid, and when it was written, in milliseconds.
pub fn newest_snapshot(dir: &Path) -> Option<(u64, i64)> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let snapshots = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let zxid = u64::from_str_radix(name.strip_prefix("snapshot.")?, 16).ok()?;
        let written = entry.metadata().ok()?.modified().ok()?;
        let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some((zxid, i64::try_from(since.as_millis()).ok()?))
    });
    snapshots.max()
}
