//! The explorer of our own: level by level, so that the first violation is a nearest one and counts
//! are exact; on interned states, so that the core runs once for each thing that can happen to it.
//!
//! A batch of the level is expanded by all threads, which only look things up; what was not worked
//! out yet is done by one of them; then each thread adds the new states of its shard.

use super::ample::{self, Passed, Trail};
use super::faults::{self, Choice};
use super::guests;
use super::index::Id;
use super::parts::{Asker, Ghost, Known, Learner, Memory, Parts, Sizes};
use super::spent;
use super::store::{Batch, Shard, place};
use super::walk::{Act, Came, Now, Shape, WORDS_MAX};
use crate::moves::Move;
use crate::plain::Plain;
use crate::state::State;
use stateright::Model;
#[expect(clippy::disallowed_types, reason = "threads share the tables: see `parts::Asker`")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use zabra_sim::oracle::Violation;
use zabra_sim::step::Step;

/// So many states are expanded before the new ones are added.
const BATCH: usize = 1 << 14;
/// So many a thread takes at a time.
const SHARE: usize = 1 << 8;
const NO_PARENT: u32 = u32::MAX;
/// More messages than can be on their way to nobody's use.
const FORGOTTEN_MAX: usize = 64;

/// How a search is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub states: usize,
    /// States of which not every move was made.
    pub reduced: usize,
    /// Moves made beside them, each the only one that its state needed; some more than once.
    pub passed: u64,
    pub transitions: u64,
    /// The level that is being expanded.
    pub depth: usize,
    /// States that were not expanded yet.
    pub frontier: usize,
    /// What states and their index take.
    pub bytes: usize,
    /// Steps of the core so far.
    pub core_steps: usize,
}

/// Whether a search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    On,
    Stop,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to expand.
    Exhausted,
    Violated,
    /// It was stopped: states were left.
    Stopped,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Explored {
    pub end: End,
    pub progress: Progress,
    /// Elections that the budget cut off.
    pub cut: u64,
    pub reached: Vec<&'static str>,
    pub counterexample: Option<Counterexample>,
    pub sizes: Sizes,
    /// Distinct local states, as oracles see them.
    pub local: usize,
    /// Reactions that came out differently, or with another hash, when worked out again at the end.
    pub unequal: usize,
    /// Distinct parts with one long hash.
    pub clashes: usize,
}

/// A nearest violation, as the plain model tells it.
#[derive(Clone, Debug)]
pub struct Counterexample {
    pub violation: Violation,
    pub moves: Vec<Move>,
    /// The same as steps of the world, from all servers down.
    pub steps: Vec<Step>,
}

/// A search on its way.
struct Explorer {
    #[expect(clippy::disallowed_types, reason = "see its import")]
    parts: Mutex<Parts>,
    shards: Vec<Shard>,
    /// For each shard, the states of the level.
    level: Vec<std::ops::Range<usize>>,
    shape: Shape,
    reduce: bool,
    forget: bool,
    tally: Tally,
    depth: usize,
    first: Vec<u32>,
}

/// What expanding reads besides the tables of parts.
struct Ground<'a> {
    shards: &'a [Shard],
    shape: Shape,
    reduce: bool,
    /// Whether states are kept without what no later move depends on (decision 0025).
    forget: bool,
}

impl<'a> Ground<'a> {
    fn words(&self, state: u32) -> &'a [u32] {
        let shards = self.shards.len() as u32;
        self.shards[(state % shards) as usize].get(state / shards)
    }

    fn moved(&self, state: u32) -> u8 {
        let shards = self.shards.len() as u32;
        self.shards[(state % shards) as usize].moved(state / shards)
    }
}

/// What expanding came to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    expanded: usize,
    transitions: u64,
    cut: u64,
    reached: u8,
    reduced: usize,
    passed: u64,
}

impl Tally {
    fn pass(&mut self, passed: Passed) {
        self.passed += passed.states;
        self.reached |= passed.reached;
    }

    fn add(&mut self, other: Tally) {
        self.expanded += other.expanded;
        self.transitions += other.transitions;
        self.cut += other.cut;
        self.reached |= other.reached;
        self.reduced += other.reduced;
        self.passed += other.passed;
    }
}

/// A thread's own: what it found for each shard.
struct Hand {
    found: Vec<Batch>,
    tally: Tally,
    acts: Vec<Act>,
    choices: Vec<Choice>,
    ahead: Vec<Act>,
    trail: Trail,
    memory: Memory,
}

/// The numbers of a plain state's parts.
pub fn intern(shape: Shape, state: &State, parts: &mut Parts) -> Now {
    let machines: Vec<Id> = state.world.machines.iter().map(|m| parts.intern_machine(m.clone())).collect();
    let bundles: Vec<Id> = shape.bundles(&state.world.pairs).map(|pairs| parts.intern_pairs(pairs.to_vec())).collect();
    let ghost = Ghost { oracles: state.oracles.clone(), violation: state.violation.clone() };
    let ghost = parts.intern_ghost(ghost);
    let mut now = Now::new(shape, &machines, &bundles, ghost, state.budget);
    for slot in &state.world.ages {
        let cable = state.world.cables.get(*slot).expect("a cable of an age is there").clone();
        now.put(*slot as u8, parts.intern_cable(cable));
    }
    if let (Some(script), Some(notes)) = (shape.kind.script(), &state.notes) {
        parts.follow(script);
        guests::intern(&mut now, state, notes, parts);
    }
    now
}

/// How a search is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    pub threads: usize,
    /// Whether moves are left out that commute with those that are made (decision 0018).
    pub reduce: bool,
}

/// Searches every move of every state: see [`search`].
pub fn explore(model: &Plain, threads: usize, watch: impl FnMut(&Progress) -> Go) -> Explored {
    search(model, Search { threads, reduce: false }, watch)
}

/// Searches until nothing is left, a violation is found, or `watch` stops it.
pub fn search(model: &Plain, how: Search, watch: impl FnMut(&Progress) -> Go) -> Explored {
    search_under(None, model, how, watch)
}

/// The same; under a key states that were expanded are kept as fingerprints of 64 bits, so that two
/// states may be taken for one: what such a search exhausts is no proof, and a second key should agree.
pub fn search_under(key: Option<u64>, model: &Plain, how: Search, mut watch: impl FnMut(&Progress) -> Go) -> Explored {
    let threads = how.threads.max(1);
    let mut parts = Parts::new();
    let start = model.init_states().pop().expect("a model has an initial state");
    let mut shape = Shape::of(&model.bound);
    if how.reduce {
        shape.silence = spent::silence(model, &start, &mut parts);
    }
    let first = intern(shape, &start, &mut parts);
    #[expect(clippy::disallowed_types, reason = "see its import")]
    let parts = Mutex::new(parts);
    let mut explorer = Explorer {
        parts,
        shards: (0..threads).map(|_| Shard::under(key)).collect(),
        level: vec![0..0; threads],
        shape,
        // Where clients are, nobody knows which moves are enough.
        reduce: how.reduce && shape.kind.script().is_none(),
        forget: how.reduce && shape.kind.talks() && model.obeys_all(),
        tally: Tally::default(),
        depth: 0,
        first: first.pack(&mut [0; WORDS_MAX]).to_vec(),
    };
    let (hash, shard) = place(&explorer.first, threads);
    explorer.shards[shard].add(hash, NO_PARENT, faults::ALL, &explorer.first);
    explorer.tally.transitions = 1;
    let (end, violated) = explorer.run(&mut watch);
    let counterexample = violated.map(|state| explorer.tell(model, state));
    let reached = shape.kind.milestones().iter().enumerate().filter(|(at, _)| explorer.tally.reached & 1 << at != 0);
    let progress = explorer.progress();
    let parts = explorer.parts.get_mut().expect("no thread has panicked");
    Explored {
        end,
        progress,
        cut: explorer.tally.cut,
        reached: reached.map(|(_, name)| *name).collect(),
        counterexample,
        sizes: parts.sizes(),
        local: parts.local_states(),
        unequal: parts.unequal_reactions() + parts.unequal_forgotten() + parts.unequal_spent(),
        clashes: parts.clashes(),
    }
}

impl Explorer {
    fn run(&mut self, watch: &mut impl FnMut(&Progress) -> Go) -> (End, Option<u32>) {
        let mut hands: Vec<Hand> = self.shards.iter().map(|_| Hand::of(self.shards.len())).collect();
        let none = vec![0; self.shards.len()];
        if let Some(first) = self.violated(&none) {
            // What leads to the first state is objected to already.
            return (End::Violated, Some(first));
        }
        loop {
            self.level = self.shards.iter().zip(&self.level).map(|(s, l)| l.end..s.len()).collect();
            self.shards.iter_mut().zip(&self.level).for_each(|(shard, level)| shard.begin_level(level.start));
            if self.level.iter().all(std::ops::Range::is_empty) {
                return (End::Exhausted, None);
            }
            for shard in 0..self.shards.len() {
                let range = self.level[shard].clone();
                for start in range.clone().step_by(BATCH) {
                    let batch = start..(start + BATCH).min(range.end);
                    let before: Vec<usize> = self.shards.iter().map(Shard::len).collect();
                    self.expand(shard, batch, &mut hands);
                    self.add(&mut hands);
                    if let Some(violated) = self.violated(&before) {
                        return (End::Violated, Some(violated));
                    }
                    if watch(&self.progress()) == Go::Stop {
                        return (End::Stopped, None);
                    }
                }
            }
            self.depth += 1;
        }
    }

    fn progress(&self) -> Progress {
        let states = self.shards.iter().map(Shard::len).sum();
        Progress {
            states,
            reduced: self.tally.reduced,
            passed: self.tally.passed,
            transitions: self.tally.transitions,
            depth: self.depth,
            frontier: states - self.tally.expanded,
            bytes: self.shards.iter().map(Shard::bytes).sum(),
            core_steps: self.parts.lock().expect("no thread has panicked").sizes().reactions,
        }
    }

    /// The number of a state among all shards.
    fn name(&self, shard: usize, local: usize) -> u32 {
        u32::try_from(local * self.shards.len() + shard).expect("states are numbered in 32 bits")
    }

    fn ground(&self) -> Ground<'_> {
        Ground { shards: &self.shards, shape: self.shape, reduce: self.reduce, forget: self.forget }
    }

    /// Expands some states of one shard, all hands at once.
    #[expect(clippy::disallowed_methods, reason = "which thread expands a state changes nothing that is reported")]
    fn expand(&mut self, shard: usize, batch: std::ops::Range<usize>, hands: &mut [Hand]) {
        let (explorer, next, end) = (&*self, AtomicUsize::new(batch.start), batch.end);
        let work = |hand: &mut Hand| {
            let (ground, mut memory) = (explorer.ground(), std::mem::take(&mut hand.memory));
            let mut asker = Asker::of(&explorer.parts, &mut memory);
            loop {
                let start = next.fetch_add(SHARE, Ordering::Relaxed);
                if start >= end {
                    break;
                }
                for local in start..(start + SHARE).min(end) {
                    hand.expand(explorer.name(shard, local), &ground, &mut asker);
                }
            }
            hand.memory = memory;
        };
        // A handful of states is not worth a thread.
        let busy = hands.len().min((batch.len() / SHARE).max(1));
        if busy > 1 {
            std::thread::scope(|scope| {
                hands[..busy].iter_mut().for_each(|hand| drop(scope.spawn(|| work(hand))));
            });
        } else {
            work(&mut hands[0]);
        }
        hands.iter_mut().for_each(|hand| self.tally.add(std::mem::take(&mut hand.tally)));
    }

    /// Adds what the hands have found, each thread to its shard.
    #[expect(clippy::disallowed_methods, reason = "shards are disjoint: the order among them changes nothing")]
    fn add(&mut self, hands: &mut [Hand]) {
        let found: usize = hands.iter().flat_map(|hand| &hand.found).map(Batch::len).sum();
        if hands.len() == 1 || found < SHARE {
            let found = &*hands;
            let shards = self.shards.iter_mut().enumerate();
            shards.for_each(|(at, shard)| found.iter().for_each(|hand| shard.take(&hand.found[at])));
        } else {
            let found = &*hands;
            std::thread::scope(|scope| {
                for (at, shard) in self.shards.iter_mut().enumerate() {
                    scope.spawn(move || found.iter().for_each(|hand| shard.take(&hand.found[at])));
                }
            });
        }
        hands.iter_mut().flat_map(|hand| &mut hand.found).for_each(Batch::clear);
    }

    /// The first of the new states that an oracle objected to.
    fn violated(&self, before: &[usize]) -> Option<u32> {
        let parts = self.parts.lock().expect("no thread has panicked");
        before.iter().enumerate().find_map(|(at, before)| {
            let shard = &self.shards[at];
            let objected = |local: &usize| self.shape.objects(parts.facts(), shard.get(*local as u32));
            (*before..shard.len()).find(objected).map(|local| self.name(at, local))
        })
    }

    /// The way to a state, in the words of the plain model, which walks it as well.
    fn tell(&mut self, model: &Plain, state: u32) -> Counterexample {
        let shards = self.shards.len() as u32;
        let mut way = vec![state];
        while let Some(parent) = way.last().map(|s| self.shards[(s % shards) as usize].parent(s / shards))
            && parent != NO_PARENT
        {
            way.push(parent);
        }
        way.reverse();
        let mut plain = model.init_states().pop().expect("a model has an initial state");
        let mut now = intern(self.shape, &plain, self.parts.get_mut().expect("no thread has panicked"));
        plain.told = model.start().told;
        let (mut moves, mut words) = (Vec::new(), self.first.clone());
        for child in way.into_iter().skip(1) {
            let places;
            if self.forget {
                places = self.acts_to(&mut now, child);
            } else {
                (places, words) = self.acts_between(&words, child);
            }
            for at in places {
                let mut actions = Vec::new();
                model.actions(&plain, &mut actions);
                let action = actions.swap_remove(at);
                plain = model.next_state(&plain, action.clone()).expect("the plain model makes the same move");
                moves.push(action);
            }
        }
        let violation = plain.objection().expect("the plain model comes to the same violation");
        let violation = Violation::clone(violation);
        Counterexample { violation, moves, steps: plain.told.unwrap_or_default() }
    }

    /// Which of a state's moves leads to this child, and those that follow by themselves: each by its
    /// place among the moves of its state. The words of the child as well.
    fn acts_between(&mut self, parent: &[u32], child: u32) -> (Vec<usize>, Vec<u32>) {
        let now = Now::unpack(parent, self.shape);
        let shards = self.shards.len() as u32;
        let learner = &mut Learner(self.parts.get_mut().expect("no thread has panicked"));
        let (mut acts, mut ahead, mut choices) = (Vec::new(), Vec::new(), Vec::new());
        now.acts(learner, &mut acts);
        let passes = self.reduce && !self.shape.kind.talks();
        if passes {
            faults::choices(&now, &acts, faults::ALL, learner, &mut choices);
        } else {
            choices.extend(acts.iter().enumerate().map(|(at, act)| Choice::of(at, *act)));
        }
        for choice in choices {
            let mut next = now;
            let mut way = vec![choice.at];
            if next.choose(choice, learner) != Came::State {
                continue;
            }
            way.extend(choice.learns.map(|side| now.place_of_learning(choice.act, side, learner)));
            if passes {
                ample::run(&mut next, learner, &mut ahead, |_| false, |at| way.push(at));
            }
            let words = next.pack(&mut [0; WORDS_MAX]).to_vec();
            if self.shards[(child % shards) as usize].is(child / shards, &words) {
                return (way, words);
            }
        }
        unreachable!("a state is reached from its parent")
    }

    /// The same where states were kept without some of what they held: it is still there in `now`, and
    /// may have to arrive first.
    fn acts_to(&mut self, now: &mut Now, child: u32) -> Vec<usize> {
        let shards = self.shards.len() as u32;
        let (mut way, mut acts) = (Vec::new(), Vec::new());
        let learner = &mut Learner(self.parts.get_mut().expect("no thread has panicked"));
        let kept = |now: &Now, learner: &mut Learner<'_>| {
            let (mut kept, mut words) = (*now, [0; WORDS_MAX]);
            kept.forget(learner);
            kept.pack(&mut words).to_vec()
        };
        for _ in 0..FORGOTTEN_MAX {
            let here = kept(now, learner);
            let mut idle = None;
            now.acts(learner, &mut acts);
            for (at, act) in acts.iter().enumerate() {
                let mut next = *now;
                if next.make(*act, learner) != Came::State {
                    continue;
                }
                let after = kept(&next, learner);
                if self.shards[(child % shards) as usize].is(child / shards, &after) {
                    *now = next;
                    way.push(at);
                    return way;
                }
                if idle.is_none() && matches!(act, Act::Notify { .. }) && after == here {
                    idle = Some((at, next));
                }
            }
            let (at, next) = idle.expect("a state is reached from its parent");
            way.push(at);
            *now = next;
        }
        unreachable!("what was forgotten arrives")
    }
}

impl Hand {
    fn of(shards: usize) -> Hand {
        Hand {
            found: (0..shards).map(|_| Batch::default()).collect(),
            tally: Tally::default(),
            acts: Vec::new(),
            choices: Vec::new(),
            ahead: Vec::new(),
            trail: Trail::default(),
            memory: Memory::new(),
        }
    }

    /// Makes the moves of a state.
    fn expand<K: Known>(&mut self, state: u32, ground: &Ground<'_>, known: &mut K) {
        let now = Now::unpack(ground.words(state), ground.shape);
        let mut choices = std::mem::take(&mut self.choices);
        self.choose(&now, ground.moved(state), ground, known, &mut choices);
        for choice in &choices {
            match self.step(state, now, *choice, ground, known) {
                Came::State => self.tally.transitions += 1,
                Came::Nothing => {}
                Came::Cut => self.tally.cut += 1,
            }
        }
        self.choices = choices;
    }

    /// The moves that are to be made of a state.
    fn choose<K: Known>(
        &mut self,
        now: &Now,
        moved: u8,
        ground: &Ground<'_>,
        known: &mut K,
        choices: &mut Vec<Choice>,
    ) {
        choices.clear();
        now.acts(known, &mut self.acts);
        self.tally.reached |= now.reached(known);
        self.tally.expanded += 1;
        let all = self.acts.iter().enumerate().map(|(at, act)| Choice::of(at, *act));
        if !ground.reduce {
            choices.extend(all);
        } else if let Some(server) = ample::choose(now, &self.acts, known) {
            choices.extend(all.filter(|choice| ample::server_of(now, choice.act, known) == Some(server)));
            self.tally.reduced += 1;
        } else if ground.shape.kind.talks() {
            // Which faults commute with what is said in an election is not known.
            choices.extend(all);
        } else {
            faults::choices(now, &self.acts, moved, known, choices);
        }
    }

    /// Makes a move, and those that follow by themselves.
    fn step<K: Known>(&mut self, parent: u32, now: Now, choice: Choice, ground: &Ground<'_>, known: &mut K) -> Came {
        let (mut next, mut buffer) = (now, [0; WORDS_MAX]);
        let came = next.choose(choice, known);
        if came != Came::State {
            return came;
        }
        if ground.forget {
            next.forget(known);
        }
        let mut words = next.pack(&mut buffer);
        let (mut hash, mut shard) = place(words, self.found.len());
        if !ground.reduce || ground.shape.kind.talks() {
            self.found[shard].push(hash, parent, faults::ALL, words);
            return came;
        }
        if ground.shards[shard].is_settled(hash, words) {
            return came;
        }
        let moved = faults::moved(&now, choice.act, &next, known);
        let passed = self.trail.run(&mut next, known, &mut self.ahead);
        self.tally.pass(passed);
        words = next.pack(&mut buffer);
        (hash, shard) = place(words, self.found.len());
        self.found[shard].push(hash, parent, moved, words);
        came
    }
}
