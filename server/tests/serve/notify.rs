//! What systemd is told: when the server serves, and when it ends.

use crate::client::Client;
use crate::process::{PATIENCE, Scratch, free_ports};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

/// A child that does not outlive a test that fails.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn systemd_is_told_when_clients_can_come_and_when_the_server_ends() {
    let scratch = Scratch::new("notify");
    let socket = UnixDatagram::bind(scratch.join("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = free_ports(1)[0];
    let config = scratch.join("zoo.cfg");
    let text = format!("dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n", scratch.join("data").display());
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra"));
    command.arg("serve").arg(&config).env("NOTIFY_SOCKET", scratch.join("notify")).stderr(Stdio::null());
    let mut child = Guard(command.spawn().unwrap());
    let hear = || {
        let mut said = [0; 256];
        let length = socket.recv(&mut said).expect("a datagram");
        String::from_utf8(said[..length].to_vec()).unwrap()
    };
    assert!(hear().starts_with("READY=1\n"));
    drop(Client::connect(&[SocketAddr::from(([127, 0, 0, 1], port))]));
    let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.0.id())).status().unwrap();
    assert!(sent.success());
    assert_eq!(hear(), "STOPPING=1");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
