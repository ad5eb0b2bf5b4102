//! From a failing run to a small story without a seed (design section 3).
//!
//! Works on explicit steps. Delta debugging removes clients, faults, operations and everything else
//! that the violation does not need: a step that does not apply any more is skipped, and what was
//! skipped is dropped. Then stretches without faults are folded into `elect N` and `settle`, as long
//! as the same oracle still objects to the same servers and zxid.

use crate::client::ClientStep;
use crate::oracle::Violation;
use crate::step::Step;
use crate::story::{Command, Expectation, Player, Start, Story, update};
use zabra_core::id::ServerId;

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub start: Start,
    pub commands: Vec<Command>,
    pub violation: Violation,
    /// Steps at first, and of the story when its macros are unfolded.
    pub steps_before: usize,
    pub steps_after: usize,
    pub replays: usize,
}

impl Shrunk {
    /// The story, with its trace: it fails the same oracle, and needs no seed.
    pub fn story(&self) -> String {
        let text = self.text();
        update("shrunk", &text).unwrap_or(text)
    }

    fn text(&self) -> String {
        let mut commands = self.start.commands();
        commands.extend(self.commands.iter().cloned());
        commands.push(Command::Expect(Expectation::Violation(self.violation.oracle.to_owned())));
        commands.iter().map(|command| format!("{command}\n")).collect()
    }

    /// Whether the story, told as a story, fails as it should.
    fn holds(&self) -> bool {
        Story::parse("shrunk", &self.text()).is_ok_and(|story| Player::play(&story).failed.is_none())
    }

    /// The story as commands.
    pub fn commands(&self) -> Story {
        let commands = self.start.commands().into_iter().chain(self.commands.iter().cloned());
        Story { commands: commands.enumerate().map(|(at, command)| (at + 1, command)).collect(), trace: Vec::new() }
    }
}

/// Shrinks recorded steps that end in this oracle's objection; `None` if their replay does not.
/// `replays_max` bounds the work.
///
/// Two ways are gone, and the shorter story is kept: what is minimal in steps may leave the servers so
/// unalike that no macro brings it about, so the beginning is also folded first.
pub fn shrink(start: &Start, steps: &[Step], oracle: &str, replays_max: usize) -> Option<Shrunk> {
    let head_first = go(start, steps, oracle, replays_max / 2, true);
    let used = head_first.as_ref().map_or(0, |shrunk| shrunk.replays);
    let steps_first = go(start, steps, oracle, replays_max - used, false);
    let replays = used + steps_first.as_ref().map_or(0, |shrunk| shrunk.replays);
    let shortest = [steps_first, head_first]
        .into_iter()
        .flatten()
        .filter(Shrunk::holds)
        .min_by_key(|shrunk| shrunk.commands.len());
    shortest.map(|shrunk| Shrunk { replays, ..shrunk })
}

fn go(start: &Start, steps: &[Step], oracle: &str, replays_max: usize, head_first: bool) -> Option<Shrunk> {
    let mut shrinker = Shrinker { start: start.clone(), oracle, replays: 0, replays_max };
    let steps_before = steps.len();
    let all: Vec<Command> = steps.iter().cloned().map(Command::Step).collect();
    let (mut commands, _) = shrinker.replay(&all)?;
    commands = shrinker.without_kinds(commands);
    if head_first {
        commands = shrinker.fold_head(commands);
    }
    commands = shrinker.minimal(commands);
    shrinker.drop_clients(&mut commands);
    let (_, violation) = shrinker.replay_always(&commands)?;
    let (commands, violation) = shrinker.fold(commands, violation);
    let mut player = Player::new(&shrinker.start, false).ok()?;
    commands.iter().for_each(|command| drop(player.command(command)));
    let steps_after = player.steps() as usize;
    Some(Shrunk { start: shrinker.start, commands, violation, steps_before, steps_after, replays: shrinker.replays })
}

/// How many beginnings of different length are tried.
const HEADS: usize = 60;

struct Shrinker<'a> {
    start: Start,
    oracle: &'a str,
    replays: usize,
    replays_max: usize,
}

impl Shrinker<'_> {
    /// Plays these commands; if the oracle objects, the commands that applied, up to there.
    fn replay(&mut self, commands: &[Command]) -> Option<(Vec<Command>, Violation)> {
        (self.replays < self.replays_max).then(|| self.replay_always(commands))?
    }

    fn replay_always(&mut self, commands: &[Command]) -> Option<(Vec<Command>, Violation)> {
        self.replays += 1;
        let mut player = Player::new(&self.start, false).ok()?;
        let mut applied = Vec::new();
        for command in commands {
            let before = player.steps();
            match player.command(command) {
                Ok(()) => applied.push(command.clone()),
                // A macro that gave up halfway has changed the world, and no story can say so.
                Err(_) if player.steps() != before => return None,
                Err(_) => {}
            }
            if player.violation.is_some() {
                break;
            }
        }
        if player.violation.is_none() {
            player.judge_histories();
        }
        let violation = player.violation.filter(|violation| violation.oracle == self.oracle)?;
        Some((applied, violation))
    }

    /// Whole kinds of steps and whole clients at once: most of them are not needed.
    fn without_kinds(&mut self, mut commands: Vec<Command>) -> Vec<Command> {
        let kinds: [fn(&Step) -> bool; 5] = [
            |step| matches!(step, Step::Client { .. }),
            |step| matches!(step, Step::Pause { .. } | Step::Resume { .. } | Step::Stamp { .. }),
            |step| matches!(step, Step::Cut { .. } | Step::Heal { .. }),
            |step| matches!(step, Step::Part { .. } | Step::Break { .. }),
            |step| matches!(step, Step::Crash { .. } | Step::Restart { .. } | Step::Falter { .. } | Step::Wipe { .. }),
        ];
        for kind in kinds {
            commands = self.try_without(commands, |command| matches!(command, Command::Step(step) if kind(step)));
        }
        for client in 0..self.start.clients.len() as u16 {
            let of =
                |command: &Command| matches!(command, Command::Step(Step::Client { client: c, .. }) if *c == client);
            commands = self.try_without(commands, of);
        }
        commands
    }

    fn try_without(&mut self, commands: Vec<Command>, unwanted: impl Fn(&Command) -> bool) -> Vec<Command> {
        let fewer: Vec<Command> = commands.iter().filter(|command| !unwanted(command)).cloned().collect();
        if fewer.len() == commands.len() {
            return commands;
        }
        self.replay(&fewer).map_or(commands, |(applied, _)| applied)
    }

    /// Delta debugging: chunks are removed, from halves down to single commands, until none can be.
    fn minimal(&mut self, mut commands: Vec<Command>) -> Vec<Command> {
        let mut chunk = commands.len().div_ceil(2).max(1);
        loop {
            let before = commands.len();
            // From the end: what follows the cause is needed least.
            let mut end = commands.len();
            while end > 0 && self.replays < self.replays_max {
                let start = end.saturating_sub(chunk);
                let mut fewer = commands[..start].to_vec();
                fewer.extend_from_slice(&commands[end..]);
                if let Some((applied, _)) = self.replay(&fewer) {
                    commands = applied;
                }
                end = start.min(commands.len());
            }
            if self.replays >= self.replays_max || (chunk == 1 && commands.len() == before) {
                return commands;
            }
            if commands.len() == before || chunk > commands.len() {
                chunk = (chunk / 2).max(1);
            }
        }
    }

    /// The longest beginning that can be told as the servers' starts and an election.
    fn fold_head(&mut self, commands: Vec<Command>) -> Vec<Command> {
        let Some((_, violation)) = self.replay(&commands) else { return commands };
        let stride = commands.len().div_ceil(HEADS);
        let heads = (1..=HEADS).rev().map(|part| part * stride).filter(|head| *head <= commands.len());
        for head in heads {
            let (before, after) = commands.split_at(head);
            let starts: Vec<Command> = before.iter().filter(|command| is_start(command)).cloned().collect();
            for leader in (1..=self.start.scenario.ensemble.voters).rev().map(ServerId) {
                let mut candidate = starts.clone();
                candidate.push(Command::Elect(leader));
                candidate.extend_from_slice(after);
                if let Some((applied, seen)) = self.replay(&candidate)
                    && (seen.servers, seen.zxid) == (violation.servers, violation.zxid)
                {
                    return applied;
                }
            }
        }
        commands
    }

    /// Clients that do nothing are left out; the others count from 0.
    fn drop_clients(&mut self, commands: &mut Vec<Command>) {
        let used = |client: u16, commands: &[Command]| {
            commands.iter().any(|c| matches!(c, Command::Step(Step::Client { client: of, .. }) if *of == client))
        };
        for client in (0..self.start.clients.len() as u16).rev() {
            if used(client, commands) {
                continue;
            }
            let mut renamed = commands.clone();
            for command in &mut renamed {
                if let Command::Step(Step::Client { client: of, .. }) = command
                    && *of > client
                {
                    *of -= 1;
                }
            }
            let kept = self.start.clone();
            self.start.clients.remove(usize::from(client));
            if self.replay_always(&renamed).is_some() {
                *commands = renamed;
            } else {
                self.start = kept;
            }
        }
    }

    /// Stretches without faults become `elect N` or `settle`, the longest first; servers and clients that
    /// start within one start before it.
    fn fold(&mut self, mut commands: Vec<Command>, mut violation: Violation) -> (Vec<Command>, Violation) {
        let servers = self.start.scenario.ensemble.voters;
        let mut macros: Vec<Command> = (1..=servers).rev().map(|server| Command::Elect(ServerId(server))).collect();
        macros.push(Command::Settle);
        let mut length = commands.len();
        while length >= 2 && self.replays < self.replays_max {
            let mut at = 0;
            while at + length <= commands.len() && self.replays < self.replays_max {
                let stretch = &commands[at..at + length];
                // Starts that stand between deliveries come before all of them.
                let starts: Vec<Command> = stretch.iter().filter(|command| is_start(command)).cloned().collect();
                if !stretch.iter().all(|command| is_quiet(command) || is_start(command)) || starts.len() + 1 >= length {
                    at += 1;
                    continue;
                }
                let folded = macros.iter().find_map(|shorter| {
                    let mut candidate = commands[..at].to_vec();
                    candidate.extend_from_slice(&starts);
                    candidate.push(shorter.clone());
                    candidate.extend_from_slice(&commands[at + length..]);
                    let (applied, seen) = self.replay(&candidate)?;
                    let same = (seen.servers, seen.zxid) == (violation.servers, violation.zxid);
                    (same && applied.len() < commands.len()).then_some((applied, seen))
                });
                if let Some((applied, seen)) = folded {
                    (commands, violation) = (applied, seen);
                } else {
                    at += 1;
                }
            }
            length = length.min(commands.len()).saturating_sub((length / 4).max(1));
        }
        (self.minimal_same(commands, &violation), violation)
    }

    /// Single commands that folding made superfluous go.
    fn minimal_same(&mut self, mut commands: Vec<Command>, violation: &Violation) -> Vec<Command> {
        let mut at = commands.len();
        while at > 0 && self.replays < self.replays_max {
            at -= 1;
            let mut fewer = commands.clone();
            fewer.remove(at);
            if let Some((applied, seen)) = self.replay(&fewer)
                && (seen.servers, seen.zxid) == (violation.servers, violation.zxid)
            {
                commands = applied;
                at = at.min(commands.len());
            }
        }
        commands
    }
}

/// Whether a command only adds a server or a client to what goes on.
fn is_start(command: &Command) -> bool {
    matches!(command, Command::Step(Step::Restart { .. } | Step::Client { what: ClientStep::Start, .. }))
}

/// Whether a command is no fault and no operation: what a settling world does by itself.
fn is_quiet(command: &Command) -> bool {
    match command {
        Command::Step(step) => match step {
            Step::Deliver { .. }
            | Step::Notify { .. }
            | Step::Meet { .. }
            | Step::Complete { .. }
            | Step::Advance { .. }
            | Step::Fire { .. } => true,
            Step::Client { what, .. } => match what {
                ClientStep::Up { .. } | ClientStep::Down { .. } => true,
                ClientStep::Start
                | ClientStep::Submit(_)
                | ClientStep::Fire(_)
                | ClientStep::Break { .. }
                | ClientStep::Dial { .. }
                | ClientStep::Write { .. }
                | ClientStep::Hang { .. } => false,
            },
            Step::Part { .. }
            | Step::Break { .. }
            | Step::Close { .. }
            | Step::Fail { .. }
            | Step::Crash { .. }
            | Step::Restart { .. }
            | Step::Falter { .. }
            | Step::Wipe { .. }
            | Step::Pause { .. }
            | Step::Resume { .. }
            | Step::Cut { .. }
            | Step::Heal { .. }
            | Step::Stamp { .. } => false,
        },
        Command::Elect(_) | Command::Settle | Command::Connect => true,
        Command::Servers { .. }
        | Command::Set { .. }
        | Command::Groups(_)
        | Command::Without(_)
        | Command::ClientAt { .. }
        | Command::ClientIs { .. }
        | Command::Deliver { .. }
        | Command::Drop { .. }
        | Command::Expect(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;
    use crate::scenario::Scenario;
    use crate::story::{Told, check};

    #[test]
    fn a_shrunk_run_is_a_short_story_that_fails_the_same_oracle() {
        for (rule, oracle) in
            [("AckAfterDurable", "ack_durability"), ("FreshZxid", "zxid"), ("AcceptedDurable", "epochs")]
        {
            let scenario = Scenario { without: vec![rule.to_owned()], ..Scenario::default() };
            let recording = run::record(&scenario, 0).expect("the scenario is usable");
            let found = recording.report.finding.map(|finding| finding.oracle);
            assert_eq!(found.as_deref(), Some(oracle), "{rule}");
            let shrunk = shrink(&recording.start, &recording.steps, oracle, 2000).expect("its steps show it");
            assert!(shrunk.commands.len() < 40, "{rule}: {} commands", shrunk.commands.len());
            assert_eq!(check("shrunk", &shrunk.story()), Ok(Told::Same), "{rule}");
        }
    }
}
