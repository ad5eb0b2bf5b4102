//! An interactive client on pipes: it is told a line, and its answer is read to the end.
//!
//! No client says where its answer ends. Behind every line it is told a second one, which it answers
//! always alike and after the first.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// How long an event is waited for: one that does not come is a difference, not a failure.
const EVENTS: Duration = Duration::from_secs(5);

/// A client, and how to talk to it.
pub(super) struct Client {
    pub name: &'static str,
    /// Its command line, for a server's address.
    pub start: Box<dyn Fn(&str) -> Command + Send + Sync>,
    pub script: String,
    /// How the line of an event begins.
    pub event: &'static str,
    /// The line behind every line, and what it is answered.
    pub mark: (&'static str, &'static str),
}

pub(super) struct Console<'a> {
    client: &'a Client,
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl<'a> Console<'a> {
    /// Starts the client and waits until it is connected.
    pub fn open(client: &'a Client, address: &str) -> Result<Console<'a>, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", client.name);
        let (reader, writer) = std::io::pipe().map_err(wrong)?;
        let mut command = (client.start)(address);
        // One pipe for both, so that their order is kept.
        let command = command.stdin(Stdio::piped()).stdout(writer.try_clone().map_err(wrong)?).stderr(writer);
        let mut process = command.spawn().map_err(wrong)?;
        let input = process.stdin.take().ok_or("no input")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        // The client's own pipe ends are in the command: it must go for the reader to see the end.
        let mut console = Console { client, process, input, lines };
        console.answer("the connection", 1)?;
        Ok(console)
    }

    /// Tells it a line: what it said, with so many events.
    pub fn ask(&mut self, line: &str, events: usize) -> Result<Vec<String>, String> {
        self.tell(line)?;
        self.answer(line, events)
    }

    /// Tells it to end: its last words and how it ended.
    pub fn quit(&mut self, line: &str) -> Result<Vec<String>, String> {
        self.tell(line)?;
        let (mut said, deadline) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(format!("{}: it does not end", self.client.name)),
            }
        }
        let status = self.process.wait().map_err(|error| error.to_string())?;
        said.push(format!("({status})"));
        Ok(said)
    }

    fn tell(&mut self, line: &str) -> Result<(), String> {
        let told = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
        told.map_err(|error| format!("{}: {line}: {error}", self.client.name))
    }

    fn answer(&mut self, line: &str, events: usize) -> Result<Vec<String>, String> {
        let (question, mark) = self.client.mark;
        self.tell(question)?;
        let (mut said, mut is_answered, begun) = (Vec::new(), false, Instant::now());
        loop {
            let seen = said.iter().filter(|line: &&String| line.starts_with(self.client.event)).count();
            if is_answered && seen >= events {
                return Ok(said);
            }
            let patience = if is_answered { EVENTS } else { PATIENCE };
            match self.lines.recv_timeout(patience.saturating_sub(begun.elapsed())) {
                Ok(line) if line == mark => is_answered = true,
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout) if is_answered => return Ok(said),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(format!("{}: {line}: no answer, but\n{}", self.client.name, said.join("\n")));
                }
            }
        }
    }
}
