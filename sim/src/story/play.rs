//! A story, played: the world takes its steps, the oracles watch, the printer writes the trace.

use super::parse::{Command, Delivery, Expectation, Key, Story};
use super::settle::{Stepper, elect, settle};
use crate::client::{Client, ClientEvent, ClientStep};
use crate::link::{Item, Side};
use crate::machine::Storage;
use crate::oracle::{Fact, Sight, Violation};
use crate::run::{Judge, Spectator};
use crate::scenario::{DiskModel, Scenario, Unusable};
use crate::step::Step;
use crate::time::Micros;
use crate::trace::print::{Printer, packet_name, word};
use crate::world::{Happened, World};
use std::cell::RefCell;
use std::rc::Rc;
use zabra_client::Handle;
use zabra_core::id::{ServerId, ServerSet};
use zabra_core::zab::ServerState;

/// What playing came to.
#[derive(Clone, Debug, Default)]
pub struct Played {
    pub trace: Vec<String>,
    /// The line of the command that could not be done, or of the expectation that did not hold.
    pub failed: Option<(usize, String)>,
    pub violation: Option<Violation>,
    pub steps: u64,
}

/// What a schedule starts from: an ensemble with all servers down, and its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub scenario: Scenario,
    pub clients: Vec<zabra_client::Config>,
}

/// A client without servers is a raw one.
fn client_of(config: &zabra_client::Config) -> Client {
    if config.servers.is_empty() { Client::raw() } else { Client::session(config.clone()) }
}

/// How the clients of a world are configured.
pub fn client_config(servers: Vec<u32>, timeout_ms: u32) -> zabra_client::Config {
    let mut config = zabra_client::Config::new(servers, timeout_ms);
    config.retry_ms = (timeout_ms / 8).max(1);
    config
}

impl Start {
    /// A command before the servers are there; the last of them brings the player.
    fn take(&mut self, command: &Command, spectator: Option<&Watcher>) -> Result<Option<Player>, String> {
        let ensemble = &mut self.scenario.ensemble;
        match command {
            Command::Without(rules) => {
                self.scenario.without.extend(rules.iter().map(|rule| rule.entry().name.to_owned()));
            }
            Command::Set { key: Key::WindowBytes, value } => ensemble.window_bytes = u64::from(*value),
            Command::Set { key: Key::CheckpointRecords, value } => ensemble.checkpoint_records = *value,
            Command::Set { key: Key::CounterEnd, value } => ensemble.counter_end = *value,
            Command::Set { key: Key::SectorDisk, value } => {
                self.scenario.disk.model = if *value == 0 { DiskModel::Record } else { DiskModel::Sector };
            }
            Command::Set { key: Key::Spares, value } => {
                ensemble.spares = u8::try_from(*value).map_err(|_| format!("{value} spares are too many"))?;
                ensemble.reconfig = true;
            }
            Command::Groups(groups) => ensemble.groups.clone_from(groups),
            Command::Servers { voters, observers, down } => {
                (ensemble.voters, ensemble.observers) = (*voters, *observers);
                let mut player = Player::new(self, true).map_err(|unusable| unusable.to_string())?;
                player.spectator = spectator.cloned();
                if !down {
                    for server in player.world.servers() {
                        player.step(&Step::Restart { server })?;
                    }
                }
                return Ok(Some(player));
            }
            Command::Connect
            | Command::Elect(_)
            | Command::Settle
            | Command::ClientAt { .. }
            | Command::ClientIs { .. }
            | Command::Deliver { .. }
            | Command::Drop { .. }
            | Command::Step(_)
            | Command::Expect(_) => return Err("the servers are not there yet".to_owned()),
        }
        Ok(None)
    }

    /// The commands that bring this start about.
    pub fn commands(&self) -> Vec<Command> {
        let ensemble = &self.scenario.ensemble;
        let usual = Scenario::default().ensemble;
        let mut commands = Vec::new();
        let named = |name: &String| zabra_core::rule::Rule::ALL.iter().copied().find(|rule| rule.entry().name == name);
        let rules: Vec<_> = self.scenario.without.iter().filter_map(named).collect();
        if !rules.is_empty() {
            commands.push(Command::Without(rules));
        }
        if ensemble.window_bytes != usual.window_bytes {
            let value = u32::try_from(ensemble.window_bytes).unwrap_or(u32::MAX);
            commands.push(Command::Set { key: Key::WindowBytes, value });
        }
        if ensemble.checkpoint_records != usual.checkpoint_records {
            commands.push(Command::Set { key: Key::CheckpointRecords, value: ensemble.checkpoint_records });
        }
        if ensemble.counter_end != usual.counter_end {
            commands.push(Command::Set { key: Key::CounterEnd, value: ensemble.counter_end });
        }
        if self.scenario.disk.model == DiskModel::Sector {
            commands.push(Command::Set { key: Key::SectorDisk, value: 1 });
        }
        if ensemble.reconfig {
            commands.push(Command::Set { key: Key::Spares, value: ensemble.spares.into() });
        }
        if !ensemble.groups.is_empty() {
            commands.push(Command::Groups(ensemble.groups.clone()));
        }
        commands.push(Command::Servers { voters: ensemble.voters, observers: ensemble.observers, down: true });
        commands.extend(self.clients.iter().enumerate().map(|(client, config)| Command::ClientIs {
            client: client as u16,
            servers: config.servers.clone(),
            timeout_ms: config.timeout_ms,
        }));
        commands
    }
}

/// A world that takes explicit steps under the oracles.
pub struct Player {
    pub world: World,
    judge: Judge,
    pub violation: Option<Violation>,
    /// Counts steps: the time of what the oracles are shown.
    steps: u64,
    pub trace: Vec<String>,
    spectator: Option<Watcher>,
}

/// Who looks on while a story is played.
pub type Watcher = Rc<RefCell<dyn Spectator>>;

/// Milliseconds of a step, for oracles that look at time.
const STEP_US: u64 = 1000;

impl Player {
    /// An ensemble, all servers down, with these clients. `voice`: whether the trace is written.
    pub fn new(start: &Start, voice: bool) -> Result<Player, Unusable> {
        let (model, window) = (start.scenario.disk.model, start.scenario.ensemble.window_bytes);
        let storage = || Storage::new(model, window);
        let mut world = World::new(start.scenario.configs()?, start.scenario.without()?, storage);
        world.clients.extend(start.clients.iter().map(client_of));
        if voice {
            world.printer = Some(Printer::new(world.machines.len()));
        }
        let judge = Judge::new(&world, &start.scenario.oracles);
        Ok(Player { world, judge, violation: None, steps: 0, trace: Vec::new(), spectator: None })
    }

    pub fn play(story: &Story) -> Played {
        Player::play_heeding(story, &[])
    }

    /// Only these oracles are heeded; all of them if none is named.
    pub fn play_heeding(story: &Story, oracles: &[String]) -> Played {
        Player::play_before(story, oracles, None)
    }

    /// Somebody looks on; a step counts as a millisecond.
    pub fn play_before(story: &Story, oracles: &[String], spectator: Option<&Watcher>) -> Played {
        let mut start = Start::default();
        start.scenario.oracles = oracles.to_vec();
        let mut player: Option<Player> = None;
        let mut expected = None;
        for (line, command) in &story.commands {
            let done = match &mut player {
                None => start.take(command, spectator).map(|begun| player = begun),
                Some(player) => {
                    if let Command::Expect(Expectation::Violation(oracle)) = command {
                        expected = Some(oracle.clone());
                        player.judge_histories();
                        player.judge_end();
                    }
                    player.command(command)
                }
            };
            if let Err(why) = done {
                let (trace, violation, steps) =
                    player.map_or_else(Default::default, |p| (p.trace, p.violation, p.steps));
                return Played { trace, failed: Some((*line, why)), violation, steps };
            }
        }
        let Some(player) = player else { return Played::default() };
        let last = story.commands.last().map_or(0, |(line, _)| *line);
        let unexpected = player.violation.as_ref().filter(|_| expected.is_none());
        let failed = unexpected.map(|violation| (last, format!("{}: {}", violation.oracle, violation.sentence)));
        Played { trace: player.trace, failed, violation: player.violation, steps: player.steps }
    }

    /// How many single steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn command(&mut self, command: &Command) -> Result<(), String> {
        match command {
            Command::Servers { .. } | Command::Without(_) | Command::Set { .. } | Command::Groups(_) => {
                Err("the servers are there already".to_owned())
            }
            Command::ClientIs { client, servers, timeout_ms } => self.client_is(*client, servers, *timeout_ms),
            Command::Connect => {
                for at in 0..self.world.pairs.len() {
                    let (a, b) = (self.world.pairs[at].a, self.world.pairs[at].b);
                    if self.world.can_meet(a, b) {
                        self.step(&Step::Meet { a, b })?;
                    }
                }
                Ok(())
            }
            Command::Elect(leader) => elect(self, *leader).map_err(|unsettled| unsettled.0),
            Command::Settle => settle(self).map_err(|unsettled| unsettled.0),
            Command::ClientAt { client, server } => self.client_at(*client, *server),
            Command::Deliver { from, to, nth, what } => self.deliver(*from, *to, *nth, what),
            Command::Drop { from, to } => self.step(&Step::Break { a: *from, b: *to, nth: 0, keep: [0, 0] }),
            Command::Step(step) => self.step(step),
            Command::Expect(expectation) => self.expect(expectation),
        }
    }

    /// One explicit step; it must apply.
    fn step(&mut self, step: &Step) -> Result<(), String> {
        if self.try_step(step) { Ok(()) } else { Err(format!("`{step}` does not apply here")) }
    }

    /// One step, if it applies.
    pub fn try_step(&mut self, step: &Step) -> bool {
        if let Step::Client { client, what: ClientStep::Submit(operation) } = step
            && let Some(held) = self.world.clients.get(usize::from(*client))
        {
            self.judge.recorder.submitted(u32::from(*client), Handle(held.submitted), operation);
        }
        if let Some(spectator) = &self.spectator {
            spectator.borrow_mut().step(Micros((self.steps + 1) * STEP_US), &self.world, step);
        }
        let done = self.world.apply(step).is_ok();
        let lines = self.world.printer.as_mut().map(Printer::take).unwrap_or_default();
        if let (true, Some(spectator)) = (done, &self.spectator) {
            spectator.borrow_mut().took(Micros((self.steps + 1) * STEP_US), &self.world, &lines);
        }
        self.world.effects.clear();
        self.trace.extend(lines);
        if done {
            self.steps += 1;
            self.observe();
            self.hear();
        }
        done
    }

    /// What clients submit and learn is recorded, for the histories.
    fn hear(&mut self) {
        let now = Micros(self.steps * STEP_US);
        for (client, event) in std::mem::take(&mut self.world.learned) {
            if let ClientEvent::Said(output) = event {
                self.judge.recorder.saw(now, u32::from(client), &output);
            }
        }
    }

    fn observe(&mut self) {
        let happened = std::mem::take(&mut self.world.happened);
        match &happened {
            Happened::Nothing => {}
            Happened::Stepped(server) => self.see_events(*server),
            Happened::Booted(server, recovered) => {
                self.see(*server, Fact::Booted { recovered });
                self.see_events(*server);
            }
            Happened::Crashed { server, .. } => self.see(*server, Fact::Crashed),
            Happened::Destroyed(server, held) => self.see(*server, Fact::Destroyed { held: *held }),
        }
    }

    fn see_events(&mut self, server: ServerId) {
        let events = self.world.out.events().to_vec();
        for event in &events {
            self.see(server, Fact::Reported(event));
        }
    }

    fn see(&mut self, server: ServerId, fact: Fact<'_>) {
        let machine = self.world.machine(server);
        let now = Micros(self.steps * STEP_US);
        let sight = Sight { now, server, fact, view: machine.view(), disk: machine.durable() };
        if let Some(spectator) = &self.spectator {
            spectator.borrow_mut().see(&sight);
        }
        if let (Err(violation), None) = (self.judge.see(&sight), &self.violation) {
            self.object(violation);
        }
    }

    /// The clients' histories so far are judged.
    pub fn judge_histories(&mut self) {
        if let (None, Err(violation)) = (&self.violation, self.judge.histories()) {
            self.object(violation);
        }
    }

    /// What only the end of a run can show. A story that expects no violation may stop in the middle of things.
    fn judge_end(&mut self) {
        if let (None, Err(violation)) = (&self.violation, self.judge.states(&self.world)) {
            self.object(violation);
        }
    }

    fn object(&mut self, violation: Violation) {
        if self.world.printer.is_some() {
            self.trace.push(format!("X {}: {}", violation.oracle, violation.sentence));
        }
        self.violation.get_or_insert(violation);
    }

    fn client_is(&mut self, client: u16, servers: &[u32], timeout_ms: u32) -> Result<(), String> {
        let known = self.world.clients.len();
        if usize::from(client) != known {
            return Err(format!("clients count from 0, without gaps; the next is {known}"));
        }
        if let Some(server) = servers.iter().find(|s| **s == 0 || **s as usize > self.world.machines.len()) {
            return Err(format!("there is no server {server}"));
        }
        self.world.clients.push(client_of(&client_config(servers.to_vec(), timeout_ms)));
        Ok(())
    }

    fn client_at(&mut self, client: u16, server: ServerId) -> Result<(), String> {
        let known = self.world.clients.len();
        if usize::from(client) > known || !self.world.servers().any(|s| s == server) {
            return Err(format!("clients count from 0, without gaps; the next is {known}"));
        }
        if usize::from(client) == known {
            let timeout_ms = self.world.machine(server).config.session_timeout_max_ms;
            self.world.clients.push(Client::session(client_config(vec![u32::from(server.0)], timeout_ms)));
        }
        self.step(&Step::Client { client, what: ClientStep::Start })?;
        settle(self).map_err(|unsettled| unsettled.0)?;
        let attached = self.world.clients[usize::from(client)].state().is_some_and(zabra_client::Session::is_attached);
        if attached { Ok(()) } else { Err(format!("client {client} gets no session at server {server}")) }
    }

    fn deliver(&mut self, from: ServerId, to: ServerId, nth: u8, what: &Delivery) -> Result<(), String> {
        let step = Step::Deliver { from, to, nth };
        match what {
            Delivery::All => {
                while self.try_step(&step) {}
                Ok(())
            }
            Delivery::Packet(name) => {
                let next = self.next(from, to, nth);
                if next.as_deref() != Some(name) {
                    let found = next.unwrap_or_else(|| "nothing".to_owned());
                    return Err(format!("the next from {from} to {to} is {found}, not {name}"));
                }
                self.step(&step)
            }
        }
    }

    /// The name of the next item of a direction.
    fn next(&self, from: ServerId, to: ServerId, nth: u8) -> Option<String> {
        let (cable, side): (u32, Side) = self.world.find_cable(from, to, nth)?;
        let name = match self.world.cables.get(cable)?.link.inbound(side).front()? {
            Item::Syn => "SYN",
            Item::Accept => "ACCEPT",
            Item::Refuse => "REFUSE",
            Item::Carry(packet) => packet_name(packet),
            Item::End | Item::Lost => "END",
        };
        Some(name.to_owned())
    }

    fn expect(&self, expectation: &Expectation) -> Result<(), String> {
        let role = |server: ServerId, wanted: ServerState| {
            let found = self.role(server)?;
            if found.0 == Some(wanted) {
                Ok(())
            } else {
                Err(format!("server {server} is {}, not {}", found.1, word(wanted)))
            }
        };
        match expectation {
            Expectation::Leader(server) => role(*server, ServerState::Leading),
            Expectation::Follower(server) => role(*server, ServerState::Following),
            Expectation::Observer(server) => role(*server, ServerState::Observing),
            Expectation::Looking(server) => role(*server, ServerState::Looking),
            Expectation::Down(server) => match self.role(*server)? {
                (None, _) => Ok(()),
                (Some(_), found) => Err(format!("server {server} is {found}, not down")),
            },
            Expectation::Committed(server, zxid) => {
                self.role(*server)?;
                let found = self.world.machine(*server).view().map(|view| view.committed());
                if found == Some(*zxid) { Ok(()) } else { Err(format!("server {server} has committed {found:?}")) }
            }
            Expectation::History(server, zxid) => {
                self.role(*server)?;
                let found = self.world.machine(*server).view().map(|view| view.history_end());
                if found == Some(*zxid) { Ok(()) } else { Err(format!("the history of {server} ends at {found:?}")) }
            }
            Expectation::Violation(oracle) => match &self.violation {
                Some(violation) if violation.oracle == oracle => Ok(()),
                Some(violation) => Err(format!("{} objected: {}", violation.oracle, violation.sentence)),
                None => Err("no oracle has objected".to_owned()),
            },
            Expectation::Pass => match &self.violation {
                None => Ok(()),
                Some(violation) => Err(format!("{} objected: {}", violation.oracle, violation.sentence)),
            },
        }
    }

    fn role(&self, server: ServerId) -> Result<(Option<ServerState>, String), String> {
        let servers: ServerSet = self.world.servers().collect();
        if !servers.contains(server) {
            return Err(format!("there is no server {server}"));
        }
        let Some(view) = self.world.machine(server).view() else { return Ok((None, "down".to_owned())) };
        let of = view.leader().filter(|leader| *leader != server).map_or(String::new(), |leader| format!(" {leader}"));
        Ok((Some(view.state()), format!("{}{of}", word(view.state()))))
    }
}

impl Stepper for Player {
    fn world(&self) -> &World {
        &self.world
    }

    fn take(&mut self, step: &Step) -> bool {
        self.try_step(step)
    }
}
