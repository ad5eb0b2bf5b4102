//! Raw clients: sockets that behave as badly as they like.
//!
//! They pipeline, send stale and malformed frames, cut frames, ask for sessions that are not theirs
//! or with wrong passwords, and take their session to another server while the old connection still
//! has requests on its way. Nothing is promised to them; their sessions are foreign to the history.

use super::explorer::Explorer;
use super::operator::Operator;
use super::report::Outcome;
use super::surface::Surface;
use crate::client::ClientStep;
use crate::random::Draws;
use crate::scenario::Scenario;
use crate::step::Step;
use zabra_client::{CreateMode, Operation};
use zabra_core::id::ServerId;
use zabra_core::wire::records::{ConnectRequest, ConnectResponse};
use zabra_core::wire::{Jute, Reader};

/// What a raw client knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    session: i64,
    password: Vec<u8>,
    xid: i32,
    /// Connections whose ConnectResponse has not come.
    asked: Vec<u32>,
    manner: Manner,
    /// Whether it may be content with a read-only server.
    read_only: bool,
}

/// What a raw client is there for.
#[derive(Clone, Debug, Default)]
pub(super) enum Manner {
    #[default]
    Nonsense,
    /// Uses the whole service, decently.
    Surface(Surface),
    /// Changes the ensemble.
    Operator(Operator),
}

impl Manner {
    /// Of the raw clients those of the surface come first, then the operators.
    pub(super) fn new(scenario: &Scenario, at: u16) -> Manner {
        let (spec, ensemble) = (&scenario.clients, &scenario.ensemble);
        if at < spec.surface {
            Manner::Surface(Surface::new(at))
        } else if at - spec.surface < spec.operators {
            Manner::Operator(Operator::new(ensemble.servers(), ensemble.voters_min, spec.one_by_one))
        } else {
            Manner::Nonsense
        }
    }
}

impl Raw {
    pub(super) fn new(manner: Manner, read_only: bool) -> Raw {
        Raw { manner, read_only, ..Raw::default() }
    }

    /// What it writes first on a new connection: mostly a decent request for its session.
    fn connect(&self, draws: &mut Draws) -> Vec<u8> {
        let own = self.session != 0 && draws.chance(800_000);
        let wrong = [7; 16];
        let password = if draws.chance(850_000) { self.password.as_slice() } else { &wrong };
        let request = ConnectRequest {
            protocol: 0,
            last_zxid_seen: if draws.chance(50_000) { i64::MAX } else { 0 },
            timeout_ms: draws.between(0, 8000) as i32,
            session: if own { self.session } else { 0 },
            password: Some(if own { password } else { &[0; 16] }),
            read_only: draws.chance(500_000).then_some(self.read_only),
        };
        framed(|out| request.encode(out))
    }

    /// What it writes to a connection: a pipeline of requests, or nonsense.
    fn write(&mut self, draws: &mut Draws) -> Vec<u8> {
        match &mut self.manner {
            Manner::Nonsense => {}
            Manner::Surface(surface) => return surface.write(draws, &mut self.xid),
            Manner::Operator(operator) => return operator.write(draws, &mut self.xid),
        }
        match draws.below(10) {
            0 => framed(|out| out.extend((0..draws.below(60)).map(|_| draws.word() as u8))),
            1 => (-1i32).to_be_bytes().to_vec(),
            2 => i32::MAX.to_be_bytes().to_vec(),
            3 => self.request(draws).split_off(3),
            4 => {
                let mut cut = self.request(draws);
                cut.truncate(cut.len() / 2);
                cut
            }
            _ => (0..=draws.below(5)).flat_map(|_| self.request(draws)).collect(),
        }
    }

    fn request(&mut self, draws: &mut Draws) -> Vec<u8> {
        // An old number comes again now and then.
        self.xid = if draws.chance(950_000) { self.xid + 1 } else { self.xid };
        let path = format!("/r{}", draws.below(4)).into_bytes();
        let operation = match draws.below(6) {
            0 => Operation::create(&format!("/raw{}", draws.below(3)), b"raw", CreateMode::Ephemeral),
            1 => Operation::Delete { path, version: -1 },
            2 => Operation::GetData { path, watch: true },
            3 => Operation::Sync { path },
            4 => Operation::create("/queue/raw-", b"", CreateMode::Raw(draws.below(9) as i32)),
            _ => Operation::SetData { path, data: Some(b"raw".to_vec()), version: -1 },
        };
        operation.frame(self.xid)
    }
}

fn framed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0; 4];
    write(&mut out);
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}

impl Explorer<'_> {
    /// A raw client's turn.
    pub(super) fn raw_turn(&mut self, client: u16) {
        let open =
            self.world.line_ages.iter().filter(|l| self.world.lines.get(**l).is_some_and(|l| l.client == client));
        let open = open.count() as u32;
        let servers = self.servers.len() as u32;
        let (draws, raw) = self.load.raw(client);
        let choice = draws.below(10);
        if open == 0 || (open < 3 && choice < 3) {
            let server = ServerId(1 + draws.below(servers) as u8);
            let hello = raw.connect(draws);
            self.raw_step(client, ClientStep::Dial { server });
            let line = *self.world.line_ages.last().expect("it was dialled just now");
            self.load.raw(client).1.asked.push(line);
            self.raw_step(client, ClientStep::Write { nth: open as u8, bytes: hello });
        } else if choice < 9 {
            let bytes = raw.write(draws);
            let nth = draws.below(open) as u8;
            self.raw_step(client, ClientStep::Write { nth, bytes });
        } else {
            let nth = draws.below(open) as u8;
            self.raw_step(client, ClientStep::Hang { nth });
        }
    }

    fn raw_step(&mut self, client: u16, what: ClientStep) {
        let step = Step::Client { client, what };
        self.tell(|_| Some(step.clone()));
        self.world.begin();
        if self.world.apply(&step).is_ok() {
            self.after();
        }
    }

    /// The first frame of a connection says which session it got.
    pub(super) fn raw_received(&mut self, client: u16, line: u32, bytes: &[u8]) {
        let raw = self.load.raw(client).1;
        if let Manner::Surface(surface) = &raw.manner
            && let Some(violation) = surface.leak(bytes)
        {
            self.ending.get_or_insert(Outcome::Safety(Box::new(violation)));
        }
        let raw = self.load.raw(client).1;
        let Some(at) = raw.asked.iter().position(|asked| *asked == line) else { return };
        raw.asked.remove(at);
        let Some(frame) = bytes.get(4..) else { return };
        let Ok(response) = ConnectResponse::decode(&mut Reader::new(frame)) else { return };
        if response.session != 0 {
            raw.session = response.session;
            raw.password = response.password.unwrap_or_default().to_vec();
            self.judge.recorder.foreign(response.session);
        }
    }

    pub(super) fn raw_lost(&mut self, client: u16, line: u32) {
        self.load.raw(client).1.asked.retain(|asked| *asked != line);
    }

    /// A raw client falls silent: the liveness phase is for the others.
    pub(super) fn silence_raw(&mut self) {
        for client in self.load.raw_clients() {
            while self.world.find_line(client, 0).is_some() {
                let before = self.world.line_ages.len();
                self.raw_step(client, ClientStep::Hang { nth: 0 });
                if self.world.line_ages.len() == before {
                    break;
                }
            }
        }
    }
}
