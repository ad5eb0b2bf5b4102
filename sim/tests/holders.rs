//! Contract section 6: the parts are shared, not the loop. Two holders of one world, side by side: one
//! takes whole steps by name, chosen from `enabled()`; the other keeps a heap of what its parts said
//! they caused and applies to the part that the heap names. After every step every part is equal, and
//! whatever `enabled()` lists stands in the heap, so that no holder forgets what the other would do.

use zabra_client::{CreateMode, Operation};
use zabra_core::contract::Timer;
use zabra_core::id::ServerId;
use zabra_sim::client::{Client, ClientStep};
use zabra_sim::disk::RecordDisk;
use zabra_sim::link::Side;
use zabra_sim::scenario::Scenario;
use zabra_sim::step::{Job, Step, Survivors};
use zabra_sim::story::client_config;
use zabra_sim::world::{Effect, Happened, Inapplicable, World};

const SERVERS: u8 = 3;
const MOVES: usize = 150;

/// What a heap names: a part, and what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Cable(u32, Side),
    Note { from: ServerId, to: ServerId },
    Meet { a: ServerId, b: ServerId },
    Timer(ServerId, Timer),
    Job(ServerId, Job),
    Line(u32, Side),
}

struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

struct Holders {
    /// Takes steps by name.
    whole: World<RecordDisk>,
    /// Takes what its heap names.
    parts: World<RecordDisk>,
    heap: Vec<Due>,
    submitted: u32,
}

fn world() -> World<RecordDisk> {
    let mut scenario = Scenario::default();
    scenario.ensemble.voters = SERVERS;
    scenario.ensemble.observers = 0;
    let mut world = World::new(scenario.configs().expect("a usable ensemble"), None, RecordDisk::new);
    world.clients.push(Client::session(client_config((1..=u32::from(SERVERS)).collect(), 10_000)));
    world.clients.push(Client::raw());
    world
}

impl Holders {
    fn new() -> Holders {
        let mut holders = Holders { whole: world(), parts: world(), heap: Vec::new(), submitted: 0 };
        for server in 1..=SERVERS {
            holders.both(&Step::Restart { server: ServerId(server) });
        }
        holders.both(&Step::Client { client: 0, what: ClientStep::Start });
        holders
    }

    /// A step of the plan: both take it by name.
    fn both(&mut self, step: &Step) {
        let whole = self.whole.apply(step);
        let parts = self.parts.apply(step);
        assert_eq!(whole, parts, "{step}");
        self.compare(step);
    }

    /// The part that a due thing names, in words that both worlds know.
    fn name(&self, due: Due) -> Option<Step> {
        Some(match due {
            Due::Cable(cable, to) => {
                let (from, to, nth) = self.parts.name_cable(cable, to)?;
                Step::Deliver { from, to, nth }
            }
            Due::Note { from, to } => Step::Notify { from, to },
            Due::Meet { a, b } => Step::Meet { a, b },
            Due::Timer(server, timer) => Step::Fire { server, timer },
            Due::Job(server, job) => Step::Complete { server, job },
            Due::Line(line, to) => {
                let (client, nth) = self.parts.name_line(line)?;
                let what = match to {
                    Side::Listener => ClientStep::Up { nth, bytes: None },
                    Side::Dialer => ClientStep::Down { nth, bytes: None },
                };
                Step::Client { client, what }
            }
        })
    }

    /// The heap's choice is applied to its part; the other world takes the step of that name.
    fn due(&mut self, at: usize) {
        let due = self.heap.swap_remove(at);
        let Some(step) = self.name(due) else { return };
        let whole = self.whole.apply(&step);
        let world = &mut self.parts;
        world.out.clear();
        world.happened = Happened::Nothing;
        world.learned.clear();
        let parts: Result<(), Inapplicable> = match due {
            Due::Cable(cable, to) => world.deliver(cable, to),
            Due::Note { from, to } => world.notify(from, to),
            Due::Meet { a, b } => world.meet(a, b),
            Due::Timer(server, timer) => world.fire(server, timer),
            Due::Job(server, job) => world.complete(server, job),
            Due::Line(line, Side::Listener) => world.stream_up(line, None),
            Due::Line(line, Side::Dialer) => world.stream_down(line, None),
        };
        assert_eq!(whole, parts, "{step}");
        // A pair that is apart is dialled again until it meets.
        if let (Due::Meet { a, b }, Err(Inapplicable)) = (due, parts)
            && self.parts.pair(a, b).is_some_and(|pair| !pair.up)
        {
            self.heap.push(due);
        }
        self.compare(&step);
    }

    fn compare(&mut self, step: &Step) {
        let (whole, parts) = (&self.whole, &self.parts);
        assert_eq!(whole.machines, parts.machines, "after {step}");
        assert_eq!((&whole.cables, &whole.ages), (&parts.cables, &parts.ages), "after {step}");
        assert_eq!(whole.pairs, parts.pairs, "after {step}");
        assert_eq!((&whole.lines, &whole.line_ages), (&parts.lines, &parts.line_ages), "after {step}");
        assert_eq!(whole.clients, parts.clients, "after {step}");
        assert_eq!((&whole.cuts, whole.barred), (&parts.cuts, parts.barred), "after {step}");
        assert_eq!((&whole.out, &whole.happened), (&parts.out, &parts.happened), "after {step}");
        assert_eq!((&whole.effects, &whole.learned), (&parts.effects, &parts.learned), "after {step}");
        self.whole.effects.clear();
        for effect in std::mem::take(&mut self.parts.effects) {
            self.heap.extend(due_of(effect));
        }
        if let Step::Restart { server } = step {
            // Peers that had something to say while it was down dial again.
            let pairs = self.parts.pairs.iter().filter(|pair| pair.a == *server || pair.b == *server);
            self.heap.extend(pairs.map(|pair| Due::Meet { a: pair.a, b: pair.b }));
        }
        self.nothing_is_forgotten(step);
    }

    /// What `enabled()` lists, the heap names.
    fn nothing_is_forgotten(&self, after: &Step) {
        let named: Vec<Step> = self.heap.iter().filter_map(|due| self.name(*due)).collect();
        for step in self.whole.enabled() {
            assert!(named.contains(&step), "after {after} nothing will bring `{step}` about");
        }
    }

    fn fault(&mut self, lots: &mut Lots) {
        let server = ServerId(1 + lots.below(usize::from(SERVERS)) as u8);
        let peer = ServerId(1 + server.0 % SERVERS);
        let keep = [lots.below(3) as u16, lots.below(3) as u16];
        let survivors = [Survivors::Nothing, Survivors::Everything, Survivors::Drawn(lots.below(64) as u64)];
        let path = format!("/n{}", self.submitted).into_bytes();
        let create = Operation::Create { path, data: None, acl: Vec::new(), mode: CreateMode::Persistent };
        let step = match lots.below(8) {
            0 => Step::Crash { server, survivors: survivors[lots.below(3)] },
            1 | 2 => Step::Restart { server },
            3 => Step::Break { a: server, b: peer, nth: 0, keep },
            4 => Step::Part { a: server, b: peer },
            5 => Step::Client { client: 0, what: ClientStep::Break { nth: 0, keep } },
            6 => Step::Client { client: 1, what: ClientStep::Dial { server } },
            _ => {
                self.submitted += 1;
                Step::Client { client: 0, what: ClientStep::Submit(create) }
            }
        };
        self.both(&step);
    }
}

fn due_of(effect: Effect) -> Option<Due> {
    match effect {
        Effect::Sent { cable, to } => Some(Due::Cable(cable, to)),
        Effect::Noted { from, to } => Some(Due::Note { from, to }),
        Effect::Apart { a, b } => Some(Due::Meet { a, b }),
        Effect::Armed { server, timer, .. } => Some(Due::Timer(server, timer)),
        Effect::Synced { server } => Some(Due::Job(server, Job::Sync)),
        Effect::Checkpointing { server } => Some(Due::Job(server, Job::Checkpoint)),
        Effect::LogAsked { server } => Some(Due::Job(server, Job::ReadLog)),
        Effect::Streamed { line, to } => Some(Due::Line(line, to)),
        Effect::CableGone { .. }
        | Effect::LineGone { .. }
        | Effect::Disarmed { .. }
        | Effect::Touched { .. }
        | Effect::ClientArmed { .. }
        | Effect::ClientDisarmed { .. }
        | Effect::Throttled { .. }
        | Effect::Stopped { .. }
        | Effect::Unbootable { .. } => None,
    }
}

fn schedules(count: u64) {
    for seed in 0..count {
        let (mut holders, mut lots) = (Holders::new(), Lots(seed));
        for _ in 0..MOVES {
            if holders.heap.is_empty() || lots.below(12) == 0 {
                holders.fault(&mut lots);
            } else {
                let at = lots.below(holders.heap.len());
                holders.due(at);
            }
        }
    }
}

/// Contract section 6: ten thousand schedules through both.
#[test]
fn both_holders_agree_on_every_part_after_every_step() {
    schedules(10_000);
}
