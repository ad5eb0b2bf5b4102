//! Clients at their end of a connection.

use super::{Effect, Inapplicable, World};
use crate::client::{ClientEvent, ClientKind, ClientStep};
use crate::disk::Disk;
use crate::link::Side;
use zabra_client::{Handle, Input, Operation, Output, Timer};
use zabra_core::id::{ClientId, ServerId};

impl<D: Disk> World<D> {
    pub(super) fn client_step(&mut self, client: u16, what: &ClientStep) -> Result<(), Inapplicable> {
        if usize::from(client) >= self.clients.len() {
            return Err(Inapplicable);
        }
        let line = |world: &Self, nth| world.find_line(client, nth).ok_or(Inapplicable);
        match what {
            ClientStep::Start => self.client_input(client, Input::Start),
            ClientStep::Submit(operation) => self.submit(client, operation.clone()),
            ClientStep::Fire(timer) => self.client_input(client, Input::Fired(*timer)),
            ClientStep::Up { nth, bytes } => self.stream_up(line(self, *nth)?, *bytes),
            ClientStep::Down { nth, bytes } => self.stream_down(line(self, *nth)?, *bytes),
            ClientStep::Break { nth, keep } => self.sever_line(line(self, *nth)?, *keep),
            ClientStep::Dial { server } => self.raw_dial(client, *server),
            ClientStep::Write { nth, bytes } => {
                let line = line(self, *nth)?;
                self.write_line(line, bytes.clone());
                Ok(())
            }
            ClientStep::Hang { nth } => {
                let line = line(self, *nth)?;
                self.close_line(line);
                Ok(())
            }
        }
    }

    fn raw_dial(&mut self, client: u16, server: ServerId) -> Result<(), Inapplicable> {
        self.known(server)?;
        self.dial_line(client, server);
        Ok(())
    }

    /// A client is asked for an operation. Its handle is the number of operations before it.
    pub fn submit(&mut self, client: u16, operation: Operation) -> Result<(), Inapplicable> {
        let held = &mut self.clients[usize::from(client)];
        let handle = Handle(held.submitted);
        held.submitted += 1;
        self.client_input(client, Input::Submit { handle, operation })
    }

    pub fn client_fire(&mut self, client: u16, timer: Timer) -> Result<(), Inapplicable> {
        self.client_input(client, Input::Fired(timer))
    }

    pub fn client_start(&mut self, client: u16) -> Result<(), Inapplicable> {
        self.client_input(client, Input::Start)
    }

    fn client_input(&mut self, client: u16, input: Input<'_>) -> Result<(), Inapplicable> {
        let ClientKind::Session(session) = &mut self.clients[usize::from(client)].kind else {
            return Err(Inapplicable);
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        session.step(input, &mut outputs);
        for output in outputs.drain(..) {
            self.client_output(client, output);
        }
        self.outputs = outputs;
        Ok(())
    }

    fn client_output(&mut self, client: u16, output: Output) {
        let line = self.clients[usize::from(client)].line;
        if let Some(printer) = &mut self.printer {
            printer.client(client, &output);
        }
        match output {
            Output::Connect { server } => {
                let line = self.dial_line(client, ServerId(server as u8));
                self.clients[usize::from(client)].line = Some(line);
            }
            Output::Send(bytes) => {
                if let Some(line) = line {
                    self.write_line(line, bytes);
                }
            }
            Output::Hang => {
                if let Some(line) = self.clients[usize::from(client)].line.take() {
                    self.close_line(line);
                }
            }
            Output::Arm { timer, after_ms } => self.effects.push(Effect::ClientArmed { client, timer, after_ms }),
            Output::Disarm { timer } => self.effects.push(Effect::ClientDisarmed { client, timer }),
            Output::Sent { .. } | Output::Completed { .. } | Output::Watch(_) | Output::Session(_) => {
                self.learned.push((client, ClientEvent::Said(output)));
            }
        }
    }

    /// Whether this connection of a server is, or was before the last step ended it, a raw client's.
    pub fn is_raw(&self, server: ServerId, client: ClientId) -> bool {
        let line = self.machine(server).clients.get(client.0).and_then(|(line, _)| self.lines.get(*line));
        let dropped = || self.dropped.iter().find(|d| (d.0, d.1) == (server, client)).map(|d| d.2);
        let whose = line.map(|line| line.client).or_else(dropped);
        whose.is_some_and(|whose| self.clients[usize::from(whose)].kind == ClientKind::Raw)
    }

    /// Whether this connection is the one that a well-behaved client uses.
    fn in_use(&self, client: u16, line: u32) -> bool {
        self.clients[usize::from(client)].line == Some(line)
    }

    pub(super) fn client_connected(&mut self, client: u16, line: u32) {
        if self.in_use(client, line) {
            let taken = self.client_input(client, Input::Connected);
            assert!(taken.is_ok(), "a raw client has no connection in use");
        }
    }

    pub(super) fn client_received(&mut self, client: u16, line: u32, bytes: &[u8]) {
        if self.in_use(client, line) {
            let taken = self.client_input(client, Input::Received(bytes));
            assert!(taken.is_ok(), "a raw client has no connection in use");
        } else if self.clients[usize::from(client)].kind == ClientKind::Raw {
            self.learned.push((client, ClientEvent::Received { line, bytes: bytes.to_vec() }));
        }
    }

    pub(super) fn client_lost(&mut self, client: u16, line: u32) {
        if self.in_use(client, line) {
            self.clients[usize::from(client)].line = None;
            let taken = self.client_input(client, Input::Disconnected);
            assert!(taken.is_ok(), "a raw client has no connection in use");
        } else if self.clients[usize::from(client)].kind == ClientKind::Raw {
            self.learned.push((client, ClientEvent::Lost { line }));
        }
    }

    /// Whether anything waits on its way to this side of a client's connection.
    pub fn line_waits(&self, line: u32, to: Side) -> bool {
        self.lines.get(line).is_some_and(|held| !held.link.inbound(to).is_empty())
    }
}
