//! `zabra-lab rules`: the kill matrix. Every rule off, one at a time; an oracle must notice.
//!
//! Which hunts are tried for a rule, and why a rule is redundant if it is, stands in `rules.toml`
//! of the library. A seed that also fails with every rule on kills nothing. Survivors make the
//! command fail, unless the file argues why the rule is redundant and a pair with it dies: the rule's
//! own oracle must then object to a seed at which it is content with the partner alone off.

use super::Failed;
use crate::cli::{Engine, Rules, Talk};
use crate::engine;
use crate::library::{Kind, Library, text};
use crate::matrix::{Matrix, Trial};
use crate::place::Misfit;
use crate::pool::{self, Go};
use crate::voice::Voice;
use serde_json::json;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Instant;
use zabra_core::rule::Rule;
use zabra_reports::exit::Exit;
use zabra_reports::junit::{Case, Fault};
use zabra_reports::paint::Paint;
use zabra_reports::report::hex;
use zabra_sim::scenario::Scenario;
use zabra_sim::story::{Player, Story, WrongLine};

/// What a trial came to.
struct Tried {
    trial: Trial,
    runs: u64,
    busy_ms: u64,
    wall_ms: u64,
    killed: Option<Kill>,
}

struct Kill {
    /// The hunt, or the story.
    hunt: String,
    /// None for a story.
    seed: Option<u64>,
    oracle: String,
    steps: u64,
    sentence: String,
    trace_hash: u64,
}

pub fn rules(args: &Rules, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    if args.engine == Engine::Check {
        return super::kills::kills(args, talk, voice);
    }
    let library = Library::find(talk.library.as_deref());
    let matrix = Matrix::load(&library)?;
    let wanted = match args.rules.as_slice() {
        [] => Rule::ALL.to_vec(),
        names => names.iter().map(|name| engine::rule(name)).collect::<Result<_, _>>()?,
    };
    voice.insist(&format!("{} rules, first seed {}", wanted.len(), args.seed));
    let mut tried = Vec::new();
    voice.say(&header());
    for trial in wanted.iter().flat_map(|rule| matrix.trials(*rule)) {
        let result = attempt(args, trial, &library)?;
        voice.say(&result.line(voice.paint));
        tried.push(result);
        if pool::interrupted().load(Ordering::Relaxed) {
            break;
        }
    }
    let survivors = survivors(&matrix, &tried);
    let cases = || tried.iter().map(|t| t.case(survivors.contains(&t.trial.name()), args)).collect();
    engine::save_junit(args.junit.as_deref(), "zabra-lab rules", cases)?;
    voice.document(&document(args, &matrix, &tried, &survivors));
    voice.tell(&summary(&matrix, &tried, &survivors, voice));
    let interrupted = pool::interrupted().load(Ordering::Relaxed);
    Ok(match (tried.is_empty(), survivors.is_empty()) {
        (true, _) => Exit::NothingRan,
        (false, false) => Exit::Inconclusive,
        (false, true) if interrupted => Exit::Interrupted,
        (false, true) => Exit::Pass,
    })
}

/// Plays the trial's stories, then hunts, with these rules off until something dies or the budget ends.
fn attempt(args: &Rules, trial: Trial, library: &Library) -> Result<Tried, Failed> {
    let began = Instant::now();
    let killed = told(&trial, library)?;
    let wall_ms = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut tried = Tried { trial, runs: 1, busy_ms: wall_ms(), wall_ms: wall_ms(), killed };
    if tried.killed.is_some() {
        return Ok(tried);
    }
    tried.runs = 0;
    hunt(args, &mut tried, library)?;
    tried.wall_ms = wall_ms();
    Ok(tried)
}

/// The names of rules, as a scenario has them.
fn names(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(|r| r.entry().name.to_string()).collect()
}

/// The first of the trial's stories to which an oracle objects, as it does not with the rule on.
fn told(trial: &Trial, library: &Library) -> Result<Option<Kill>, Failed> {
    let heeds: Vec<String> = trial.heeds().into_iter().map(str::to_owned).collect();
    for word in &trial.stories {
        let item = library.named(word, &[Kind::Story, Kind::Regression])?;
        let file = item.path.display().to_string();
        let text = text(&item.path)?;
        let misfit =
            |wrong: WrongLine| Misfit::on_line(&file, &text, wrong.line, format!("expected {}", wrong.expected));
        let story = Story::parse(&file, &text).map_err(misfit)?;
        let played = Player::play_heeding(&story.clone().with_rules_off(&trial.off), &heeds);
        let Some(violation) = played.violation else { continue };
        if Player::play_heeding(&story.with_rules_off(trial.control()), &heeds).violation.is_none() {
            return Ok(Some(Kill {
                hunt: item.name,
                seed: None,
                oracle: violation.oracle.to_owned(),
                steps: played.steps,
                sentence: violation.sentence,
                trace_hash: 0,
            }));
        }
    }
    Ok(None)
}

fn hunt(args: &Rules, tried: &mut Tried, library: &Library) -> Result<(), Failed> {
    let trial = &tried.trial;
    let heeds: Vec<String> = trial.heeds().into_iter().map(str::to_owned).collect();
    let hunt = |word: &String| {
        let mut scenario = engine::loaded(&library.named(word, &[Kind::Hunt])?, &names(&trial.off))?;
        scenario.oracles.clone_from(&heeds);
        Ok(scenario)
    };
    let hunts: Vec<Scenario> = trial.hunts.iter().map(hunt).collect::<Result<_, Failed>>()?;
    let control = names(trial.control());
    let is_kill = |oracle: &str| trial.heeds().is_none_or(|heeded| oracle == heeded);
    let of = |index: u64| {
        (&hunts[(index % hunts.len() as u64) as usize], args.seed.0.wrapping_add(index / hunts.len() as u64))
    };
    let task = |index| {
        let (scenario, seed) = of(index);
        let played = engine::play(scenario, seed, None);
        // A seed that fails all the same with the rule on says nothing of this rule.
        let sound = || {
            let control = Scenario { without: control.clone(), ..scenario.clone() };
            engine::play(&control, seed, None).report.finding.is_none_or(|finding| !is_kill(&finding.oracle))
        };
        let finding = played.report.finding.as_ref().filter(|finding| is_kill(&finding.oracle));
        let kill = finding.filter(|_| sound()).map(|finding| Kill {
            hunt: scenario.name.clone(),
            seed: Some(seed),
            oracle: finding.oracle.clone(),
            steps: played.report.steps,
            sentence: finding.sentence.clone(),
            trace_hash: played.report.trace_hash,
        });
        (played.millis, kill)
    };
    let mut first = u64::MAX;
    let (mut runs, mut busy_ms, mut killed) = (0, tried.busy_ms, None);
    pool::run(args.jobs.unwrap_or_else(pool::cores), Some(args.seeds), task, |result| {
        if let Some((index, (millis, kill))) = result {
            runs += 1;
            busy_ms += millis;
            if kill.is_some() && index < first {
                (first, killed) = (index, kill);
            }
        }
        let over = killed.is_some() || busy_ms >= args.time.0 || pool::interrupted().load(Ordering::Relaxed);
        if over { Go::Stop } else { Go::On }
    });
    (tried.runs, tried.busy_ms, tried.killed) = (runs, busy_ms, killed);
    Ok(())
}

fn header() -> String {
    format!(
        "{:<44} {:<22} {:<22} {:>8} {:>7} {:>9} {:>8}",
        "rule off", "killed by", "hunt", "seed", "runs", "steps", "seconds"
    )
}

impl Tried {
    /// A test case: it fails if the rule should have been missed and nobody missed it.
    fn case(&self, survives: bool, args: &Rules) -> Case {
        let name = self.trial.name();
        let again =
            format!("cargo lab rules {} --seed {} --seeds {}", self.trial.off[0].entry().name, args.seed, args.seeds);
        let fault = survives.then(|| Fault {
            kind: "survivor".to_owned(),
            message: format!("{name} is off, and no oracle objects in {} runs", self.runs),
            card: format!("{}\n{again}\n", self.line(Paint::Plain)),
        });
        let by = self.killed.as_ref().map(|kill| ("killed_by".to_owned(), kill.oracle.clone()));
        let properties = [("runs".to_owned(), self.runs.to_string())].into_iter().chain(by).collect();
        Case { name, millis: self.busy_ms, properties, fault }
    }

    fn line(&self, paint: Paint) -> String {
        let seconds = format!("{}.{}", self.busy_ms / 1000, self.busy_ms % 1000 / 100);
        let (name, runs) = (self.trial.name(), self.runs);
        match &self.killed {
            Some(kill) => {
                let expected = self.trial.off[0].entry().oracle;
                let other = if kill.oracle == expected { "" } else { " *" };
                let (oracle, seed) = (format!("{}{other}", kill.oracle), kill.seed.map_or("story".into(), hex));
                format!("{name:<44} {oracle:<22} {:<22} {seed:>8} {runs:>7} {:>9} {seconds:>8}", kill.hunt, kill.steps)
            }
            None => {
                let survives = paint.warn(&format!("{:<22}", "survives"));
                format!("{name:<44} {survives} {:<14} {:>8} {runs:>7} {:>9} {seconds:>8}", "", "", "")
            }
        }
    }
}

/// Trials that nothing died of, where something had to.
fn survivors(matrix: &Matrix, tried: &[Tried]) -> Vec<String> {
    let alive = tried.iter().filter(|t| t.killed.is_none());
    alive
        .filter(|t| t.trial.off.len() > 1 || matrix.argument(t.trial.off[0]).is_none())
        .map(|t| t.trial.name())
        .collect()
}

fn summary(matrix: &Matrix, tried: &[Tried], survivors: &[String], voice: &Voice) -> String {
    let mut text = String::new();
    if voice.quiet {
        text = header() + "\n";
        tried.iter().for_each(|t| text += &(t.line(voice.paint) + "\n"));
    }
    for t in tried.iter().filter(|t| t.killed.is_none() && t.trial.off.len() == 1) {
        if let Some(argument) = matrix.argument(t.trial.off[0]) {
            writeln!(text, "{} is redundant: {argument}", t.trial.name()).expect("a String takes everything");
        }
    }
    let dead = tried.iter().filter(|t| t.killed.is_some()).count();
    let millis: u64 = tried.iter().map(|t| t.wall_ms).sum();
    let star = "(* another oracle than its entry names)";
    let verdict = if survivors.is_empty() {
        voice.paint.good("no survivor")
    } else {
        voice.paint.bad(&format!("survivors: {}", survivors.join(", ")))
    };
    text + &format!("{dead} of {} killed in {} s {star}; {verdict}", tried.len(), millis / 1000)
}

fn document(args: &Rules, matrix: &Matrix, tried: &[Tried], survivors: &[String]) -> String {
    let trial = |t: &Tried| {
        let kill = t.killed.as_ref().map(|k| {
            json!({
                "oracle": k.oracle, "hunt": k.hunt, "seed": k.seed.map(hex), "steps": k.steps, "msg": k.sentence,
                "trace_hash": hex(k.trace_hash),
            })
        });
        let entry = t.trial.off[0].entry();
        json!({
            "off": t.trial.off.iter().map(|r| r.entry().name).collect::<Vec<_>>(), "sentence": entry.sentence, "source": entry.source,
            "expected": entry.oracle, "redundant": matrix.argument(t.trial.off[0]), "runs": t.runs, "busy_ms": t.busy_ms, "killed": kill,
        })
    };
    let document = json!({
        "schema": "zabra-rules/1", "first_seed": args.seed.to_string(), "budget_seeds": args.seeds, "budget_ms": args.time.0,
        "rules": tried.iter().map(trial).collect::<Vec<_>>(), "survivors": survivors,
    });
    serde_json::to_string_pretty(&document).expect("a document has only string keys")
}
