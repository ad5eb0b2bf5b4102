//! The spectator that writes a timeline down.

use super::faults::bands;
use super::flight::Flight;
use super::{Answer, Band, Cut, EVENTS, Event, Kind, Lane, Operation, Span, State, Timeline, Unit};
use std::collections::{BTreeMap, VecDeque};
use zabra_client::{Outcome, Output};
use zabra_core::contract::Event as Reported;
use zabra_core::id::ServerId;
use zabra_core::zab::ServerState;
use zabra_sim::client::{ClientEvent, ClientStep};
use zabra_sim::oracle::{Fact, Sight};
use zabra_sim::plan::Plan;
use zabra_sim::run::Spectator;
use zabra_sim::step::{Job, Step};
use zabra_sim::time::Micros;
use zabra_sim::trace::print::{operation_text, outcome_text};
use zabra_sim::world::World;

/// Writes down what happens, the last of it.
pub struct Recorder {
    unit: Unit,
    /// At most so many events and so many operations.
    most: usize,
    now: u64,
    events: VecDeque<Event>,
    spans: Vec<Span>,
    /// What each server is, and since when.
    states: BTreeMap<u8, Span>,
    operations: VecDeque<Operation>,
    open: BTreeMap<(u16, u32), Operation>,
    handles: BTreeMap<u16, u32>,
    submits: Option<(u16, String)>,
    told: Option<(Lane, Kind, String)>,
    flight: Flight,
    cut: Cut,
}

impl Recorder {
    pub fn new(unit: Unit) -> Recorder {
        Recorder::of_at_most(unit, EVENTS)
    }

    pub fn of_at_most(unit: Unit, most: usize) -> Recorder {
        Recorder {
            unit,
            most,
            now: 0,
            events: VecDeque::new(),
            spans: Vec::new(),
            states: BTreeMap::new(),
            operations: VecDeque::new(),
            open: BTreeMap::new(),
            handles: BTreeMap::new(),
            submits: None,
            told: None,
            flight: Flight::default(),
            cut: Cut::default(),
        }
    }

    /// Everything, when the run is over. A violation, if there was one, is its last event; a plan tells the faults.
    pub fn finish(
        mut self,
        servers: Vec<(u8, bool)>,
        clients: u16,
        violation: Option<&str>,
        plan: Option<&Plan>,
    ) -> Timeline {
        let end = self.now;
        let bands = plan.map_or_else(Vec::new, |plan| bands(plan, end));
        self.flight.rest(end).into_iter().for_each(|event| self.keep(event));
        if let Some(words) = violation {
            self.note(Lane::World, Kind::Violation, words.to_owned());
        }
        let spans = self.spans(&servers, end);
        let mut operations: Vec<Operation> = self.operations.into_iter().chain(self.open.into_values()).collect();
        operations.sort_by_key(|operation| (operation.from, operation.client));
        let begin = |band: &Band| Event {
            at: band.from,
            kind: Kind::Fault,
            lane: Lane::World,
            text: format!("fault: {}", band.text),
            message: None,
        };
        let mut events: Vec<Event> = bands.iter().map(begin).chain(self.events).collect();
        events.sort_by_key(|event| event.at);
        // Probes come after the clients that the scenario counts.
        let seen = operations.iter().map(|operation| operation.client.saturating_add(1)).max().unwrap_or(0);
        let clients = clients.max(seen);
        let cut = Cut { pings: self.flight.pings, ..self.cut };
        Timeline { unit: self.unit, servers, clients, end, events, spans, bands, operations, cut }
    }

    /// What each server was from the first moment to the last: down, before it was anything.
    fn spans(&mut self, servers: &[(u8, bool)], end: u64) -> Vec<Span> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.extend(std::mem::take(&mut self.states).into_values().map(|span| Span { until: end, ..span }));
        for (server, _) in servers {
            let until = spans.iter().filter(|span| span.server == *server).map(|span| span.from).min().unwrap_or(end);
            spans.push(Span { server: *server, from: 0, until, state: State::Down, epoch: 0 });
        }
        spans.retain(|span| span.from < span.until || span.until == end);
        spans.sort_by_key(|span| (span.server, span.from));
        spans
    }

    fn moment(&self, now: Micros) -> u64 {
        match self.unit {
            Unit::Micros => now.0,
            Unit::Steps => now.0 / 1000,
        }
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == self.most {
            self.events.pop_front();
            self.cut.events += 1;
        }
        self.events.push_back(event);
    }

    fn note(&mut self, lane: Lane, kind: Kind, text: String) {
        self.keep(Event { at: self.now, kind, lane, text, message: None });
    }

    fn becomes(&mut self, server: ServerId, state: State, epoch: u32) {
        let (now, server) = (self.now, server.0);
        let fresh = Span { server, from: now, until: now, state, epoch };
        match self.states.insert(server, fresh) {
            Some(before) if before.state == state && before.epoch == epoch => {
                self.states.insert(server, before);
            }
            Some(before) => self.spans.push(Span { until: now, ..before }),
            None => {}
        }
    }

    fn said(&mut self, client: u16, output: &Output) {
        let (lane, now) = (Lane::Client(client), self.now);
        match output {
            Output::Completed { handle, outcome, .. } => {
                let Some(operation) = self.open.remove(&(client, handle.0)) else { return };
                let answer = outcome_text(outcome);
                self.note(lane, Kind::Client, format!("{} → {answer}", operation.text));
                if self.operations.len() == self.most {
                    self.operations.pop_front();
                    self.cut.operations += 1;
                }
                self.operations.push_back(Operation { until: Some(now), outcome: class(outcome), answer, ..operation });
            }
            Output::Sent { .. }
            | Output::Watch(_)
            | Output::Session(_)
            | Output::Connect { .. }
            | Output::Send(_)
            | Output::Hang
            | Output::Arm { .. }
            | Output::Disarm { .. } => {}
        }
    }

    /// A line of the trace, unless a message or an operation tells the same.
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let (lane, rest) = match words.as_slice() {
            ["client", id, rest @ ..] => {
                let id: &str = id.trim_end_matches(':');
                (id.parse().map_or(Lane::World, Lane::Client), rest)
            }
            [id, rest @ ..] => (id.parse().map_or(Lane::World, Lane::Server), rest),
            [] => return,
        };
        let kind = match (lane, rest.first().copied().unwrap_or_default()) {
            (Lane::Server(_), "→" | "⇒") | (Lane::Client(_), "xid" | "unsent") => return,
            (Lane::Client(_), _) => Kind::Client,
            (_, "append" | "truncate" | "save" | "install" | "sync" | "checkpoint" | "read") => Kind::Storage,
            (_, "commits" | "applies") => Kind::Commit,
            (_, "dials" | "hangs" | "refuses") => Kind::Connection,
            (_, "crashes" | "starts" | "stops:" | "leads" | "resigns" | "cuts" | "has") => Kind::State,
            (_, "plans" | "forgets") => Kind::Sync,
            _ if rest.get(1) == Some(&"→") => Kind::State,
            _ => Kind::Other,
        };
        let text = if lane == Lane::World { line.to_owned() } else { rest.join(" ") };
        self.note(lane, kind, text);
    }
}

fn class(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Done(_) => Answer::Done,
        Outcome::Failed(_) => Answer::Failed,
        Outcome::Unknown => Answer::Unknown,
        Outcome::NotSent => Answer::NotSent,
    }
}

impl Spectator for Recorder {
    fn see(&mut self, sight: &Sight<'_>) {
        self.now = self.moment(sight.now);
        let epoch = sight.view.map_or(0, |view| view.current_epoch().0);
        let before = self.states.get(&sight.server.0).map_or(State::Down, |span| span.state);
        match sight.fact {
            Fact::Booted { .. } => self.becomes(sight.server, State::Looking, epoch),
            Fact::Crashed | Fact::Destroyed { .. } | Fact::Reported(Reported::Stopped { .. }) => {
                self.becomes(sight.server, State::Down, 0);
            }
            Fact::Reported(Reported::Role { state, .. }) => self.becomes(sight.server, state_of(*state), epoch),
            Fact::Reported(Reported::Established { epoch, .. }) => self.becomes(sight.server, State::Leading, epoch.0),
            Fact::Reported(_) if before != State::Down => self.becomes(sight.server, before, epoch),
            Fact::Reported(_) => {}
        }
    }

    fn step(&mut self, now: Micros, world: &World, step: &Step) {
        self.now = self.moment(now);
        self.flight.before(world, step);
        self.submits = None;
        self.told = told(step);
        if let Step::Client { client, what: ClientStep::Submit(operation) } = step {
            self.submits = Some((*client, operation_text(operation)));
        }
    }

    fn took(&mut self, now: Micros, world: &World, lines: &[String]) {
        self.now = self.moment(now);
        self.flight.after(self.now, world).into_iter().for_each(|event| self.keep(event));
        if let Some((lane, kind, text)) = self.told.take() {
            self.note(lane, kind, text);
        }
        if let Some((client, text)) = self.submits.take() {
            let handle = self.handles.entry(client).or_default();
            let key = (client, *handle);
            *handle += 1;
            let open = Operation {
                client,
                from: self.now,
                until: None,
                text: text.clone(),
                outcome: Answer::Open,
                answer: String::new(),
            };
            self.open.insert(key, open);
            self.note(Lane::Client(client), Kind::Client, text);
        }
        for (client, event) in &world.learned {
            if let ClientEvent::Said(output) = event {
                self.said(*client, output);
            }
        }
        lines.iter().for_each(|line| self.line(line));
    }
}

fn state_of(state: ServerState) -> State {
    match state {
        ServerState::Looking => State::Looking,
        ServerState::Following => State::Following,
        ServerState::Leading => State::Leading,
        ServerState::Observing => State::Observing,
    }
}

/// What a step says that neither a message nor the printer says.
fn told(step: &Step) -> Option<(Lane, Kind, String)> {
    let (lane, kind) = match step {
        Step::Fire { server, .. } => (Lane::Server(server.0), Kind::Timer),
        Step::Complete { server, job: Job::Sync | Job::Checkpoint | Job::ReadLog } | Step::Advance { server } => {
            (Lane::Server(server.0), Kind::Storage)
        }
        Step::Fail { server, .. }
        | Step::Wipe { server }
        | Step::Falter { server, .. }
        | Step::Pause { server }
        | Step::Resume { server } => (Lane::Server(server.0), Kind::Fault),
        Step::Part { .. } | Step::Break { .. } | Step::Close { .. } | Step::Cut { .. } | Step::Heal { .. } => {
            (Lane::World, Kind::Fault)
        }
        Step::Client { client, what: ClientStep::Break { .. } } => (Lane::Client(*client), Kind::Fault),
        Step::Deliver { .. }
        | Step::Notify { .. }
        | Step::Meet { .. }
        | Step::Crash { .. }
        | Step::Restart { .. }
        | Step::Stamp { .. }
        | Step::Client { .. } => return None,
    };
    let text = step.to_string();
    let server = format!(" {}", if let Lane::Server(id) = lane { id.to_string() } else { "-".to_owned() });
    Some((lane, kind, text.replacen(&server, "", 1)))
}
