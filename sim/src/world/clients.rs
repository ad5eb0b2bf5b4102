//! Client connections: streams of bytes, cut anywhere, between a client and a server. What a client
//! makes of them is in [`super::sessions`].

use super::{Effect, Inapplicable, Line, World};
use crate::client::ClientStep;
use crate::disk::Disk;
use crate::link::{End, Item, Link, Side};
use crate::step::Step;
use std::net::{IpAddr, Ipv4Addr};
use zabra_core::contract::{ClientOrigin, Input, Span};
use zabra_core::id::{ClientId, ServerId};
use zabra_core::wire::{Deframer, Item as DeframedItem};

impl<D: Disk> World<D> {
    /// A client's n-th oldest connection.
    pub fn find_line(&self, client: u16, nth: u8) -> Option<u32> {
        let mine =
            self.line_ages.iter().copied().filter(|line| self.lines.get(*line).map(|l| l.client) == Some(client));
        mine.into_iter().nth(usize::from(nth))
    }

    /// The name of a connection in a step.
    pub fn name_line(&self, line: u32) -> Option<(u16, u8)> {
        let client = self.lines.get(line)?.client;
        let older = self.line_ages.iter().take_while(|other| **other != line);
        let older = older.filter(|other| self.lines.get(**other).map(|l| l.client) == Some(client));
        Some((client, older.count() as u8))
    }

    /// A client dials a server. Returns the connection.
    pub fn dial_line(&mut self, client: u16, server: ServerId) -> u32 {
        let deframer = Deframer::new(self.machine(server).config.limits.frame_bytes);
        let line = self.lines.insert(Line { client, server, link: Link::dial(), deframer });
        self.line_ages.push(line);
        self.effects.push(Effect::Streamed { line, to: Side::Listener });
        line
    }

    fn bury_line(&mut self, line: u32) {
        if self.lines.get(line).is_some_and(|l| l.link.dead()) {
            self.lines.remove(line);
            self.line_ages.retain(|other| *other != line);
            self.effects.push(Effect::LineGone { line });
        }
    }

    /// The client sends bytes.
    pub fn write_line(&mut self, line: u32, bytes: Vec<u8>) {
        if self.lines.get_mut(line).is_some_and(|l| l.link.send(Side::Dialer, bytes)) {
            self.effects.push(Effect::Streamed { line, to: Side::Listener });
        }
    }

    /// The client closes its end.
    pub fn close_line(&mut self, line: u32) {
        if self.lines.get_mut(line).is_some_and(|l| l.link.close(Side::Dialer)) {
            self.effects.push(Effect::Streamed { line, to: Side::Listener });
        }
        self.bury_line(line);
    }

    /// What a client sent arrives at the server: all of the oldest write, or so many bytes of it.
    pub fn stream_up(&mut self, line: u32, bytes: Option<u32>) -> Result<(), Inapplicable> {
        let held = self.lines.get_mut(line).ok_or(Inapplicable)?;
        let server = held.server;
        if held.link.inbound(Side::Listener).is_empty() || self.machine(server).paused {
            return Err(Inapplicable);
        }
        let held = self.lines.get_mut(line).ok_or(Inapplicable)?;
        let end = held.link.end(Side::Listener);
        match held.link.take(Side::Listener).ok_or(Inapplicable)? {
            Item::Syn => self.listen_line(line, server),
            Item::Accept | Item::Refuse => {}
            Item::Carry(mut chunk) => {
                let rest = bytes.filter(|n| (*n as usize) < chunk.len()).map(|n| chunk.split_off(n as usize));
                if let Some(rest) = rest {
                    held.link.put_back(Side::Listener, rest);
                    self.effects.push(Effect::Streamed { line, to: Side::Listener });
                }
                if let End::Open { slot } = end {
                    self.frames(line, server, ClientId(slot), &chunk);
                }
            }
            Item::End | Item::Lost => {
                if let End::Open { slot } = end {
                    self.release(server, ClientId(slot));
                }
                self.bury_line(line);
                if let End::Open { slot } = end {
                    self.input(server, Input::ClientClosed { client: ClientId(slot) });
                }
            }
        }
        Ok(())
    }

    fn listen_line(&mut self, line: u32, server: ServerId) {
        let up = self.machine(server).up() && !self.barred.contains(server);
        let slot = up.then(|| self.machine_mut(server).clients.insert((line, Side::Listener)));
        let Some(held) = self.lines.get_mut(line) else { return };
        let client = held.client;
        let told = match slot {
            Some(slot) => held.link.accept(slot),
            None => held.link.refuse(),
        };
        if told {
            self.effects.push(Effect::Streamed { line, to: Side::Dialer });
        }
        match slot {
            Some(slot) => {
                let address = IpAddr::V4(Ipv4Addr::new(10, 0, (client >> 8) as u8, client as u8));
                let from = ClientOrigin { address, subject: None };
                self.input(server, Input::ClientOpened { client: ClientId(slot), from });
            }
            None => self.bury_line(line),
        }
    }

    /// The complete frames among what has arrived are given to the server, one by one; what they
    /// command is performed after the last, as a shell does at the end of its turn.
    fn frames(&mut self, line: u32, server: ServerId, client: ClientId, chunk: &[u8]) {
        let Some(held) = self.lines.get_mut(line) else { return };
        let machine = &mut self.machines[usize::from(server.0) - 1];
        let mut input = chunk;
        let over = loop {
            match held.deframer.next(&mut input) {
                Ok(Some(DeframedItem::Frame(frame))) => {
                    machine.step(Input::ClientFrame { client, frame }, &mut self.out);
                    self.happened = super::Happened::Stepped(server);
                }
                Ok(None) => break false,
                // An operator's word is answered by the shell, which then closes; so does a length
                // that no frame has.
                Ok(Some(DeframedItem::FourLetterWord(_))) | Err(_) => break true,
            }
        };
        self.perform(server);
        if over && self.release(server, client).is_some() {
            self.close_server_end(line);
            if self.machine(server).up() {
                self.input(server, Input::ClientClosed { client });
            }
        }
    }

    /// The server's name of this connection is free again; what the step reported of it still counts.
    fn release(&mut self, server: ServerId, client: ClientId) -> Option<u32> {
        let (line, _) = self.machine_mut(server).clients.remove(client.0)?;
        if let Some(held) = self.lines.get(line) {
            self.dropped.push((server, client, held.client));
        }
        Some(line)
    }

    fn close_server_end(&mut self, line: u32) {
        if self.lines.get_mut(line).is_some_and(|l| l.link.close(Side::Listener)) {
            self.effects.push(Effect::Streamed { line, to: Side::Dialer });
        }
        self.bury_line(line);
    }

    /// What a server sent arrives at the client.
    pub fn stream_down(&mut self, line: u32, bytes: Option<u32>) -> Result<(), Inapplicable> {
        let held = self.lines.get_mut(line).ok_or(Inapplicable)?;
        let client = held.client;
        match held.link.take(Side::Dialer).ok_or(Inapplicable)? {
            Item::Syn => {}
            Item::Accept => {
                held.link.open(u32::from(client));
                self.client_connected(client, line);
            }
            Item::Carry(mut chunk) => {
                let rest = bytes.filter(|n| (*n as usize) < chunk.len()).map(|n| chunk.split_off(n as usize));
                if let Some(rest) = rest {
                    held.link.put_back(Side::Dialer, rest);
                    self.effects.push(Effect::Streamed { line, to: Side::Dialer });
                }
                self.client_received(client, line, &chunk);
            }
            Item::Refuse | Item::End | Item::Lost => {
                self.bury_line(line);
                self.client_lost(client, line);
            }
        }
        Ok(())
    }

    pub fn sever_line(&mut self, line: u32, keep: [u16; 2]) -> Result<(), Inapplicable> {
        let held = self.lines.get_mut(line).ok_or(Inapplicable)?;
        let told = held.link.sever(keep.map(usize::from));
        for side in Side::BOTH {
            if told[side as usize] {
                self.effects.push(Effect::Streamed { line, to: side });
            }
        }
        self.bury_line(line);
        Ok(())
    }

    fn send_to_client(&mut self, server: ServerId, client: ClientId, frame: Span) {
        let Some(&(line, side)) = self.machine(server).clients.get(client.0) else { return };
        let bytes = self.out.bytes(frame).to_vec();
        if self.lines.get_mut(line).is_some_and(|l| l.link.send(side, bytes)) {
            self.effects.push(Effect::Streamed { line, to: side.other() });
        }
    }

    pub(super) fn reply(&mut self, server: ServerId, client: ClientId, frame: Span) {
        self.send_to_client(server, client, frame);
    }

    pub(super) fn watch(&mut self, server: ServerId, clients: Span, frame: Span) {
        let clients = self.out.watchers(clients).to_vec();
        for client in clients {
            self.send_to_client(server, client, frame);
        }
    }

    pub(super) fn drop_client(&mut self, server: ServerId, client: ClientId) {
        if let Some(line) = self.release(server, client) {
            self.close_server_end(line);
        }
    }

    /// Reading is switched off or on. The bytes wait in the stream.
    pub(super) fn throttle(&mut self, server: ServerId, client: ClientId, off: bool) {
        if let Some(&(line, _)) = self.machine(server).clients.get(client.0) {
            self.effects.push(Effect::Throttled { line, off });
        }
    }

    /// The process is gone: every client's connection ends after what was sent.
    pub(super) fn end_lines(&mut self, server: ServerId) {
        for line in self.line_ages.clone() {
            if self.lines.get(line).is_some_and(|l| l.server == server) {
                self.close_server_end(line);
            }
        }
    }

    pub(super) fn client_deliveries(&self, steps: &mut Vec<Step>) {
        for line in &self.line_ages {
            let (Some(held), Some((client, nth))) = (self.lines.get(*line), self.name_line(*line)) else { continue };
            if !held.link.inbound(Side::Listener).is_empty() && !self.machine(held.server).paused {
                steps.push(Step::Client { client, what: ClientStep::Up { nth, bytes: None } });
            }
            if !held.link.inbound(Side::Dialer).is_empty() {
                steps.push(Step::Client { client, what: ClientStep::Down { nth, bytes: None } });
            }
        }
    }
}
