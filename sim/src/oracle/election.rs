//! How a server leaves LOOKING: the votes that it counted are of one round and for one candidate,
//! and a running ensemble is joined on its leader's own word.
//!
//! Whether those who voted are a quorum of voters is `quorum`'s question.

use super::{Fact, Oracle, Sight, Verdict};
use zabra_core::contract::{Ballot, Event, Joined};
use zabra_core::id::ServerSet;
use zabra_core::zab::{ServerState, Vote};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Election;

impl Election {
    fn elected(sight: &Sight<'_>, vote: Vote, round: u64, ballots: &[Ballot], joined: Joined) -> Verdict {
        let me = sight.server;
        let elected = format!("server {me} leaves LOOKING for {} in round {round}", vote.leader);
        let mut senders = ServerSet::EMPTY;
        for ballot in ballots {
            let counted = format!(
                "it counted the vote of {} ({:?}) for {} as {}, {} in round {}",
                ballot.from, ballot.state, ballot.vote.leader, ballot.vote.epoch, ballot.vote.zxid, ballot.round
            );
            let breaks = |sentence: &str| Err(sight.breaks(Self::ID, sentence, &elected, counted).with(ballot.from));
            if senders.contains(ballot.from) {
                return breaks("a server was counted twice in an election");
            }
            senders.insert(ballot.from);
            if ballot.vote.leader != vote.leader {
                return breaks("a vote for somebody else was counted");
            }
            if joined == Joined::Election && ballot.round != round {
                return breaks("a vote of another round was counted");
            }
            let looking = ballot.state == ServerState::Looking;
            if looking && joined == Joined::Election && ballot.vote != vote {
                return breaks("a vote for the same server with another history was counted");
            }
            if looking && joined == Joined::RunningEnsemble && ballot.from != me {
                return breaks("a server that looks for a leader was counted as one that has a leader");
            }
        }
        let confirmed =
            vote.leader == me || ballots.iter().any(|b| b.from == vote.leader && b.state == ServerState::Leading);
        if joined == Joined::RunningEnsemble && !confirmed {
            let heard = format!("{} has not said that it leads", vote.leader);
            let sentence = "a server joined a running ensemble without its leader's word";
            return Err(sight.breaks(Self::ID, sentence, elected, heard).with(vote.leader));
        }
        Ok(())
    }
}

impl Oracle for Election {
    const ID: &'static str = "election";
    const STATES: &'static str = "A server leaves LOOKING with equal votes of its own round, each server counted once, or joins a running ensemble whose leader itself says LEADING.";
    const SOURCE: &'static str = "catalogue 20; ZOOKEEPER-1514, 975";

    fn see(&mut self, sight: &Sight<'_>) -> Verdict {
        match sight.fact {
            Fact::Reported(Event::Elected { vote, round, ballots, joined }) => {
                Election::elected(sight, *vote, *round, ballots, *joined)
            }
            Fact::Reported(_) | Fact::Booted { .. } | Fact::Crashed | Fact::Destroyed { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, ballot, vote, z};
    use super::*;

    fn elected(ballots: Vec<Ballot>, joined: Joined) -> Event {
        Event::Elected { vote: vote(1, z(1, 5), 3), round: 2, ballots, joined }
    }

    fn stage() -> Stage<Election> {
        Stage::new(Election)
    }

    fn says(state: ServerState, ballot: Ballot) -> Ballot {
        Ballot { state, ..ballot }
    }

    #[test]
    fn equal_votes_of_one_round_elect() {
        let v = vote(1, z(1, 5), 3);
        stage().ok(1, elected(vec![ballot(1, 2, v), ballot(3, 2, v)], Joined::Election));
    }

    #[test]
    fn a_running_ensemble_is_joined_on_its_leaders_word() {
        let v = vote(2, z(1, 5), 3);
        let ballots = vec![says(ServerState::Following, ballot(2, 7, v)), says(ServerState::Leading, ballot(3, 7, v))];
        stage().ok(1, elected(ballots, Joined::RunningEnsemble));
    }

    #[test]
    fn a_vote_of_another_round_is_caught() {
        let v = vote(1, z(1, 5), 3);
        stage().caught(1, elected(vec![ballot(1, 2, v), ballot(3, 1, v)], Joined::Election), "another round");
    }

    #[test]
    fn unequal_votes_are_caught() {
        let v = vote(1, z(1, 5), 3);
        let other = vote(1, z(1, 5), 2);
        stage().caught(1, elected(vec![ballot(1, 2, v), ballot(2, 2, other)], Joined::Election), "somebody else");
        let older = vote(1, z(1, 4), 3);
        stage().caught(1, elected(vec![ballot(1, 2, v), ballot(2, 2, older)], Joined::Election), "another history");
    }

    #[test]
    fn a_vote_counted_twice_is_caught() {
        let v = vote(1, z(1, 5), 3);
        stage().caught(1, elected(vec![ballot(3, 2, v), ballot(3, 2, v)], Joined::Election), "counted twice");
    }

    #[test]
    fn joining_without_the_leaders_word_is_caught() {
        let v = vote(2, z(1, 5), 3);
        let ballots =
            vec![says(ServerState::Following, ballot(2, 7, v)), says(ServerState::Following, ballot(4, 7, v))];
        stage().caught(1, elected(ballots, Joined::RunningEnsemble), "leader's word");
        let ballots = vec![ballot(2, 7, v), says(ServerState::Leading, ballot(3, 7, v))];
        stage().caught(1, elected(ballots, Joined::RunningEnsemble), "one that has a leader");
    }
}
