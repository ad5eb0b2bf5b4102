//! Fast leader election (reference/zookeeper.md section 3.2; ZkV3_7_0.tla, FLE actions).
//!
//! A LOOKING server votes for the best server that it knows of and tells everyone. When a quorum
//! has sent the same vote in the same round, it waits a moment for something better, then takes
//! its role. A server that finds an ensemble running joins it instead.
//!
//! What election owes the later phases: the elected server's vote is at least as good as every
//! vote in its quorum. Safety does not rest on it (discovery checks histories again).

pub mod links;
mod vote;

use super::effect::Next;
use super::{Ledger, Notification, ServerState, Vote};
use crate::contract::{Action, Ballot, Cx, Event, Joined, Timer};
use crate::id::{ServerId, ServerSet};
use crate::log::Standing;
use crate::rule::{Rule, Rules};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A server without a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Looking {
    stage: Stage,
    /// Whom this server wants; `None` if it has no say and knows nobody yet.
    vote: Option<Vote>,
    /// The votes of this round, by sender.
    received: BTreeMap<ServerId, Ballot>,
    /// What servers say that follow or lead, whatever their round.
    running: BTreeMap<ServerId, Ballot>,
    /// What was answered last, since the own vote was told to all, of each peer that an answer may bring to
    /// answer: its round and vote.
    answered: BTreeMap<ServerId, (u64, Option<Vote>)>,
    /// Peers whose process is not there, as far as is known: nobody waits for their votes.
    unreachable: ServerSet,
    interval_ms: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// No vote leaves before the own writes are durable and the first notification is due.
    Waiting,
    Voting,
    /// A quorum agrees; the finalize wait runs.
    Finalizing,
}

impl Looking {
    /// Begins to look: the first vote leaves when `Timer::Notification` fires and nothing is
    /// pending on disk (rule `DrainBeforeVote`, ZOOKEEPER-4712).
    pub fn new(notification_min_ms: u32) -> Looking {
        Looking {
            stage: Stage::Waiting,
            vote: None,
            received: BTreeMap::new(),
            running: BTreeMap::new(),
            answered: BTreeMap::new(),
            unreachable: ServerSet::EMPTY,
            interval_ms: notification_min_ms,
        }
    }

    pub fn vote(&self) -> Option<Vote> {
        self.vote
    }

    /// For explorers: whether it has said its vote.
    pub fn has_begun(&self) -> bool {
        self.stage != Stage::Waiting
    }

    /// For explorers: forgets the votes that will never count, for the own vote only gets better
    /// while they are kept.
    pub fn forget_worse(&mut self) {
        let mine = self.vote;
        self.received.retain(|_, ballot| Some(ballot.vote) >= mine);
    }

    /// The own writes are durable: a vote that waited for them leaves now.
    pub fn on_durable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        if self.stage == Stage::Waiting && ledger.is_durable() { self.start(cx, ledger) } else { Next::Stay }
    }

    pub fn on_notification_due<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        if self.stage == Stage::Waiting {
            if cx.enforces(Rule::DrainBeforeVote) && !ledger.is_durable() {
                return Next::Stay;
            }
            return self.start(cx, ledger);
        }
        self.interval_ms = self.interval_ms.saturating_mul(2).min(cx.config.notification_max_ms);
        if cx.enforces(Rule::VoteRepeated) {
            self.broadcast(cx, ledger);
        }
        Next::Stay
    }

    /// The finalize wait is over: the vote stands.
    pub fn on_finalize<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        match self.stage {
            Stage::Finalizing => self.decide(cx, ledger),
            Stage::Waiting | Stage::Voting => Next::Stay,
        }
    }

    /// A peer is not there: the finalize wait need not last for its sake (contract section 4). It
    /// never makes up for a vote.
    pub fn on_unreachable<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, peer: ServerId) -> Next {
        self.unreachable.insert(peer);
        match self.stage {
            Stage::Finalizing => self.tally(cx, ledger),
            Stage::Waiting | Stage::Voting => Next::Stay,
        }
    }

    pub fn on_notification<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        from: ServerId,
        n: &Arc<Notification>,
    ) -> Next {
        self.unreachable.remove(from);
        if self.stage == Stage::Waiting {
            ledger.early.insert(from, Arc::clone(n));
            return Next::Stay;
        }
        if !is_plausible(n.round, ledger.round) {
            return Next::Stay;
        }
        let voter = cx.config.voters().contains(from) || !cx.enforces(Rule::VoteFromVoter);
        match n.state {
            ServerState::Looking if voter => self.on_looking(cx, ledger, from, n),
            ServerState::Looking => {
                self.answer(cx, ledger, from, n);
                Next::Stay
            }
            ServerState::Following | ServerState::Leading if voter => self.on_running(cx, ledger, from, n),
            ServerState::Following | ServerState::Leading | ServerState::Observing => Next::Stay,
        }
    }

    /// A new round begins with the vote for itself.
    fn start<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        self.stage = Stage::Voting;
        ledger.round += 1;
        self.vote = ledger.own_vote(cx);
        self.report_vote(cx, ledger);
        self.broadcast(cx, ledger);
        let mut next = self.tally(cx, ledger);
        // The votes that arrived before this server was LOOKING need not be waited for again.
        for (from, n) in core::mem::take(&mut ledger.early) {
            if next == Next::Stay {
                next = self.on_notification(cx, ledger, from, &n);
            }
        }
        next
    }

    fn on_looking<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        from: ServerId,
        n: &Notification,
    ) -> Next {
        let Some(theirs) = n.vote else {
            self.answer(cx, ledger, from, n);
            return Next::Stay;
        };
        if self.vote.is_none() && ledger.own_vote(cx).is_none() {
            // A server without a say joins what the voters have agreed on, never decides with them.
            return Next::Stay;
        }
        if !candidate(cx, theirs.leader) {
            return Next::Stay;
        }
        if n.round > ledger.round {
            ledger.round = n.round;
            self.received.clear();
            self.prefer(cx, ledger, ledger.own_vote(cx).map_or(theirs, |own| better(cx, own, theirs)));
        } else if n.round < ledger.round && cx.enforces(Rule::VoteRound) {
            self.tell(cx, ledger, from);
            return Next::Stay;
        } else if self.vote.is_none_or(|mine| vote::is_better(cx, theirs, mine)) {
            self.prefer(cx, ledger, theirs);
        } else if self.vote != Some(theirs) {
            // Apache stays silent here and lets the peer wait for the next re-broadcast. Where a change is logged the two
            // may rank candidates differently, and would tell each other for ever.
            if cx.config.proposed.is_some() { self.answer(cx, ledger, from, n) } else { self.tell(cx, ledger, from) }
        }
        self.received.insert(from, Ballot { from, state: n.state, round: n.round, vote: theirs });
        self.tally(cx, ledger)
    }

    fn on_running<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        from: ServerId,
        n: &Notification,
    ) -> Next {
        let Some(vote) = n.vote.filter(|v| candidate(cx, v.leader)) else {
            return Next::Stay;
        };
        let ballot = Ballot { from, state: n.state, round: n.round, vote };
        let has_say = ledger.own_vote(cx).is_some();
        if has_say && (n.round == ledger.round || !cx.enforces(Rule::VoteRound)) {
            self.received.insert(from, ballot);
            let next = self.tally(cx, ledger);
            if next != Next::Stay {
                return next;
            }
        }
        self.running.insert(from, ballot);
        self.try_join(cx, ledger, vote)
    }

    /// Joins a running ensemble: a quorum follows this leader, and the leader itself says LEADING.
    ///
    /// A quorum of the configuration in force is enough, as for whoever follows (`has_won`).
    fn try_join<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, vote: Vote) -> Next {
        let same = |r: &Ballot| r.vote.leader == vote.leader && r.vote.epoch == vote.epoch;
        let followers: ServerSet = self.running.iter().filter(|(_, r)| same(r)).map(|(s, _)| *s).collect();
        if cx.enforces(Rule::VoteQuorum) && !cx.config.ensemble.quorum.contains(followers) {
            return Next::Stay;
        }
        let confirmed = self.running.get(&vote.leader).is_some_and(|r| r.state == ServerState::Leading && same(r));
        if vote.leader == cx.config.me || (cx.enforces(Rule::LeaderConfirms) && !confirmed) {
            return Next::Stay;
        }
        let ballots = self.running.values().filter(|r| same(r)).copied().collect();
        ledger.round = self.running.get(&vote.leader).map_or(ledger.round, |r| r.round);
        self.leave(cx, ledger, vote, ballots, Joined::RunningEnsemble)
    }

    /// Adopts a vote and tells everyone.
    fn prefer<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger, vote: Vote) {
        if self.stage == Stage::Finalizing && self.vote != Some(vote) {
            self.stage = Stage::Voting;
            cx.disarm(Timer::FinalizeWait);
        }
        self.vote = Some(vote);
        self.report_vote(cx, ledger);
        self.broadcast(cx, ledger);
    }

    fn report_vote<R: Rules>(&self, cx: &mut Cx<'_, R>, ledger: &Ledger) {
        if let Some(vote) = self.vote {
            cx.report(Event::Voted { vote, round: ledger.round });
        }
    }

    /// Is there a quorum for the own vote? Then the finalize wait begins, or ends at once if no
    /// voter is left that could know better.
    fn tally<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        let supporters = self.supporters(cx, ledger);
        if !self.vote.is_some_and(|vote| has_won(cx, vote, supporters)) {
            if self.stage == Stage::Finalizing {
                self.stage = Stage::Voting;
                cx.disarm(Timer::FinalizeWait);
            }
            return Next::Stay;
        }
        if cx.config.voters().difference(self.unreachable).is_subset(supporters) {
            return self.decide(cx, ledger);
        }
        if self.stage == Stage::Voting {
            self.stage = Stage::Finalizing;
            cx.arm(Timer::FinalizeWait, cx.config.finalize_wait_ms);
        }
        Next::Stay
    }

    /// The servers that sent the own vote in this round, this server included.
    fn supporters<R: Rules>(&self, cx: &Cx<'_, R>, ledger: &Ledger) -> ServerSet {
        let mut supporters: ServerSet =
            self.received.values().filter(|b| Some(b.vote) == self.vote).map(|b| b.from).collect();
        if ledger.own_vote(cx).is_some() {
            supporters.insert(cx.config.me);
        }
        supporters
    }

    fn decide<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &mut Ledger) -> Next {
        let Some(vote) = self.vote else {
            return Next::Stay;
        };
        let mut ballots: Vec<Ballot> = self.received.values().filter(|b| b.vote == vote).copied().collect();
        if ledger.own_vote(cx).is_some() {
            ballots.push(Ballot { from: cx.config.me, state: ServerState::Looking, round: ledger.round, vote });
        }
        self.leave(cx, ledger, vote, ballots, Joined::Election)
    }

    fn leave<R: Rules>(
        &mut self,
        cx: &mut Cx<'_, R>,
        ledger: &mut Ledger,
        vote: Vote,
        ballots: Vec<Ballot>,
        joined: Joined,
    ) -> Next {
        if self.stage == Stage::Finalizing {
            cx.disarm(Timer::FinalizeWait);
        }
        cx.disarm(Timer::Notification);
        ledger.elected = Some(vote);
        cx.report(Event::Elected { vote, round: ledger.round, ballots, joined });
        if vote.leader == cx.config.me { Next::Lead } else { Next::Learn { leader: vote.leader } }
    }

    /// Answers a peer that has no say, or none here. It may think the same of this server and answer in turn, so
    /// it hears one answer to each thing that it says, until this server tells everybody again: whenever it
    /// has something new to say, and when the notification timeout ends. (Apache's servers answer each
    /// other without end here.)
    fn answer<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &Ledger, to: ServerId, n: &Notification) {
        let said = (n.round, n.vote);
        if self.answered.insert(to, said) != Some(said) {
            self.tell(cx, ledger, to);
        }
    }

    fn broadcast<R: Rules>(&mut self, cx: &mut Cx<'_, R>, ledger: &Ledger) {
        self.answered.clear();
        let me = cx.config.me;
        let notification = Arc::new(self.notification(cx, ledger));
        for to in cx.config.voters().iter().filter(|s| *s != me) {
            cx.act(Action::Notify { to, notification: Arc::clone(&notification) });
        }
        cx.arm(Timer::Notification, self.interval_ms);
    }

    fn tell<R: Rules>(&self, cx: &mut Cx<'_, R>, ledger: &Ledger, to: ServerId) {
        let notification = Arc::new(self.notification(cx, ledger));
        cx.act(Action::Notify { to, notification });
    }

    fn notification<R: Rules>(&self, cx: &Cx<'_, R>, ledger: &Ledger) -> Notification {
        Notification {
            state: ServerState::Looking,
            vote: self.vote,
            round: ledger.round,
            config: Arc::clone(&cx.config.ensemble.text),
        }
    }
}

/// A server that has a leader answers one that looks, and keeps its vote for the day when it looks
/// itself.
pub fn answer_looking<R: Rules>(
    cx: &mut Cx<'_, R>,
    ledger: &mut Ledger,
    state: ServerState,
    from: ServerId,
    n: &Arc<Notification>,
) {
    if n.state != ServerState::Looking {
        return;
    }
    // A server whose disk was lost confirms nobody: what it says must not be counted.
    let vote = ledger.elected.filter(|_| ledger.standing == Standing::Intact || !cx.enforces(Rule::EmptyAbstains));
    if cx.config.voters().contains(from) && n.vote.is_some() {
        ledger.early.insert(from, Arc::clone(n));
    }
    let config = Arc::clone(&cx.config.ensemble.text);
    let notification = Arc::new(Notification { state, vote, round: ledger.round, config });
    cx.act(Action::Notify { to: from, notification });
}

/// Whether this server may be voted for: a voter of a configuration in force (ZOOKEEPER-2988),
/// and not of weight 0.
fn candidate<R: Rules>(cx: &Cx<'_, R>, leader: ServerId) -> bool {
    !cx.enforces(Rule::VoteFromVoter) || cx.config.weight(leader) > 0
}

/// Whether a vote has a quorum: of every configuration that counts here if this server is to lead. Whoever follows goes
/// by the one in force. One that is logged here alone may never be committed, and to wait for its quorum too would
/// be to wait for ever; whether the leader leads, discovery decides.
fn has_won<R: Rules>(cx: &Cx<'_, R>, vote: Vote, supporters: ServerSet) -> bool {
    let leads = vote.leader == cx.config.me;
    !cx.enforces(Rule::VoteQuorum)
        || if leads { cx.has_quorum(supporters) } else { cx.config.ensemble.quorum.contains(supporters) }
}

fn better<R: Rules>(cx: &Cx<'_, R>, a: Vote, b: Vote) -> Vote {
    if vote::is_better(cx, b, a) { b } else { a }
}

/// Whether a peer may have come so far. Rounds count elections: one that is near the end of what the wire can
/// carry is a lie or damage, and whoever took it over could soon not say its own any more.
fn is_plausible(round: u64, mine: u64) -> bool {
    const FAR: u64 = 1 << 62;
    const STEP: u64 = 1 << 32;
    round <= mine.max(FAR) + STEP
}
