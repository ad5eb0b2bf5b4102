//! Apache's server over TCP.

use super::{Got, Server};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a server may think before it counts as silent.
const PATIENCE: Duration = Duration::from_secs(3);

/// How reading tells that the server has closed a connection.
const ENDS: [ErrorKind; 3] = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];

pub struct Apache {
    port: u16,
    connections: BTreeMap<usize, TcpStream>,
}

impl Apache {
    pub fn at(port: u16) -> Apache {
        Apache { port, connections: BTreeMap::new() }
    }

    fn stream(&mut self, number: usize) -> Option<&mut TcpStream> {
        self.connections.get_mut(&number)
    }

    fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length is not negative")];
        stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

impl Server for Apache {
    fn open(&mut self, number: usize) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        self.connections.insert(number, stream);
    }

    fn send(&mut self, number: usize, bytes: &[u8]) {
        // A connection that the server has closed is noticed by reading.
        let _broken_pipe = self.stream(number).map(|stream| stream.write_all(bytes));
    }

    fn receive(&mut self, number: usize) -> Got {
        let Some(stream) = self.stream(number) else { return Got::Closed };
        match Apache::read(stream) {
            Ok(frame) => Got::Frame(frame),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Got::Silence,
            Err(error) if ENDS.contains(&error.kind()) => Got::Closed,
            Err(error) => panic!("reading from the server: {error}"),
        }
    }

    fn close(&mut self, number: usize) {
        self.connections.remove(&number);
    }
}
