//! Who asks the tables: some only look things up, some work out what is missing.

use super::{CableOp, Judgement, Judgements, Miss, PairsOp, Parts, Talked};
use crate::interned::election::election;
use crate::interned::index::{Id, hash_of};
use crate::interned::react::Stimulus;
use zabra_core::id::{ServerId, ServerSet};
use zabra_sim::link::Link;
use zabra_sim::world::Cable;

/// Who may look things up; and perhaps work them out.
pub trait Known {
    fn parts(&self) -> &Parts;
    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Result<Id, Miss>;
    fn cable(&mut self, cable: Id, op: CableOp) -> Result<Id, Miss>;
    fn dial(&mut self, from: ServerId, peer: ServerId) -> Result<Id, Miss>;
    fn talk(&mut self, pairs: Id, op: PairsOp) -> Result<Talked, Miss>;
    fn judge(&mut self, ghost: Id, reaction: Id) -> Result<Id, Miss>;
    fn judge_election(&mut self, ghost: Id, election: Id) -> Result<Id, Miss>;
    /// The election of `who` among these machines, the pairs being the last of `state`.
    fn elect(&mut self, state: &[Id], who: ServerSet) -> Result<Id, Miss>;
}

/// Looks things up only: many may at once.
pub struct Reader<'a>(pub &'a Parts);

/// Looks things up; judges what was not judged yet, for later.
pub struct Judge<'a> {
    pub parts: &'a Parts,
    pub judged: &'a mut Judgements,
}

/// Looks things up and works out what is missing.
pub struct Learner<'a>(pub &'a mut Parts);

impl Known for Reader<'_> {
    fn parts(&self) -> &Parts {
        self.0
    }

    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Result<Id, Miss> {
        self.0.react.get(&(machine, stimulus)).ok_or(Miss)
    }

    fn cable(&mut self, cable: Id, op: CableOp) -> Result<Id, Miss> {
        self.0.cable.get(&(cable, op)).ok_or(Miss)
    }

    fn dial(&mut self, from: ServerId, peer: ServerId) -> Result<Id, Miss> {
        let fresh = Cable { ends: [from, peer], link: Link::dial() };
        self.0.cables.find(&fresh).ok_or(Miss)
    }

    fn talk(&mut self, pairs: Id, op: PairsOp) -> Result<Talked, Miss> {
        self.0.talk.get(&(pairs, op)).map(|at| self.0.talked(at)).ok_or(Miss)
    }

    fn judge(&mut self, ghost: Id, reaction: Id) -> Result<Id, Miss> {
        if self.0.reaction(reaction).is_silent() {
            return Ok(ghost);
        }
        self.0.judge.get(&(ghost, reaction)).ok_or(Miss)
    }

    fn judge_election(&mut self, ghost: Id, election: Id) -> Result<Id, Miss> {
        self.0.judge_election.get(&(ghost, election)).ok_or(Miss)
    }

    fn elect(&mut self, state: &[Id], who: ServerSet) -> Result<Id, Miss> {
        // A boxed key is built only for a question that was not asked before.
        self.0.elect.find((state, who), |(known, set)| **known == *state && *set == who).ok_or(Miss)
    }
}

impl Known for Judge<'_> {
    fn parts(&self) -> &Parts {
        self.parts
    }

    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Result<Id, Miss> {
        Reader(self.parts).react(machine, stimulus)
    }

    fn cable(&mut self, cable: Id, op: CableOp) -> Result<Id, Miss> {
        Reader(self.parts).cable(cable, op)
    }

    fn dial(&mut self, from: ServerId, peer: ServerId) -> Result<Id, Miss> {
        Reader(self.parts).dial(from, peer)
    }

    fn talk(&mut self, pairs: Id, op: PairsOp) -> Result<Talked, Miss> {
        Reader(self.parts).talk(pairs, op)
    }

    fn judge(&mut self, ghost: Id, reaction: Id) -> Result<Id, Miss> {
        Reader(self.parts).judge(ghost, reaction).inspect_err(|Miss| {
            let asked = (ghost, reaction);
            if self.judged.asked.get(&asked).is_none() {
                self.judged.asked.insert(asked, 0);
                let ghost = self.parts.work_judge(ghost, reaction);
                self.judged.made.push(Judgement { asked, hash: hash_of(&ghost), ghost });
            }
        })
    }

    fn judge_election(&mut self, ghost: Id, election: Id) -> Result<Id, Miss> {
        Reader(self.parts).judge_election(ghost, election)
    }

    fn elect(&mut self, state: &[Id], who: ServerSet) -> Result<Id, Miss> {
        Reader(self.parts).elect(state, who)
    }
}

impl Known for Learner<'_> {
    fn parts(&self) -> &Parts {
        self.0
    }

    fn react(&mut self, machine: Id, stimulus: Stimulus) -> Result<Id, Miss> {
        Reader(self.0).react(machine, stimulus).or_else(|Miss| {
            let reaction = self.0.work_react(machine, stimulus);
            self.0.react.insert((machine, stimulus), reaction);
            Ok(reaction)
        })
    }

    fn cable(&mut self, cable: Id, op: CableOp) -> Result<Id, Miss> {
        Reader(self.0).cable(cable, op).or_else(|Miss| {
            let after = self.0.work_cable(cable, op);
            self.0.cable.insert((cable, op), after);
            Ok(after)
        })
    }

    fn dial(&mut self, from: ServerId, peer: ServerId) -> Result<Id, Miss> {
        Ok(self.0.intern_cable(Cable { ends: [from, peer], link: Link::dial() }))
    }

    fn talk(&mut self, pairs: Id, op: PairsOp) -> Result<Talked, Miss> {
        Reader(self.0).talk(pairs, op).or_else(|Miss| {
            let talked = self.0.work_talk(pairs, op);
            self.0.talk.insert((pairs, op), talked);
            Ok(self.0.talked(talked))
        })
    }

    fn judge(&mut self, ghost: Id, reaction: Id) -> Result<Id, Miss> {
        Reader(self.0).judge(ghost, reaction).or_else(|Miss| {
            let after = self.0.work_judge(ghost, reaction);
            let after = self.0.intern_ghost(after);
            self.0.judge.insert((ghost, reaction), after);
            Ok(after)
        })
    }

    fn judge_election(&mut self, ghost: Id, election: Id) -> Result<Id, Miss> {
        Reader(self.0).judge_election(ghost, election).or_else(|Miss| {
            let reactions = self.0.elected(election).reactions.clone();
            let after = reactions.iter().try_fold(ghost, |ghost, reaction| self.judge(ghost, *reaction))?;
            self.0.judge_election.insert((ghost, election), after);
            Ok(after)
        })
    }

    fn elect(&mut self, state: &[Id], who: ServerSet) -> Result<Id, Miss> {
        Reader(self.0).elect(state, who).or_else(|Miss| {
            let elected = election(self, state, who)?;
            self.0.elected.push(elected);
            let id = self.0.elected.len() as Id - 1;
            self.0.elect.insert((state.into(), who), id);
            Ok(id)
        })
    }
}
