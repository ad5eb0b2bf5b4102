//! The arguments of `zabra-lab`. Every verb takes the same words for the same things.

use crate::seeds::{Seed, Seeds, Shard, Span};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Parser, Debug)]
#[command(name = "zabra-lab", version, about = "Hunts a replayable ZooKeeper for violations, replays them, shrinks them", after_help = exit_help())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub talk: Talk,
}

fn exit_help() -> String {
    format!("Exit codes (the worst one wins):\n{}", zabra_reports::exit::table())
}

/// Where reports go if nothing else is said.
pub const OUT: &str = "out";

/// How results are told.
#[derive(Args, Clone, Debug)]
pub struct Talk {
    /// One JSON document on stdout; talk stays on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Colours: only on a terminal if auto
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say only what failed
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; twice, everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// No bar and no lines every ten seconds
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Where reports and stories of failures go
    #[arg(long, global = true, default_value = OUT, value_name = "DIR")]
    pub out: PathBuf,
    /// The folder with hunts/, stories/ and regressions/
    #[arg(long, global = true, value_name = "DIR")]
    pub library: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run one hunt with one seed, or one story
    Run(Run),
    /// Run many seeds of many hunts, on all cores
    Hunt(Hunt),
    /// Run a saved failure or a story again and compare what happens with what was recorded
    Replay(Replay),
    /// Find the smallest schedule that still violates the same property
    Shrink(Shrink),
    /// Tell a run, a story or a saved failure: as a card, as a page, as a diagram
    Report(Report),
    /// Take every order of what can happen, up to a bound
    Check(Check),
    /// Walk through a model in the browser, move by move
    Explore(Explore),
    /// Switch off every safety rule, one at a time: each must be caught
    Rules(Rules),
    /// Bring documented bugs back, and find each with the shortest trace
    Bugs(Bugs),
    /// Compare two runs or stories: how far their traces are the same, and what comes then
    Diff(Diff),
    /// Look whether this lab can be relied on: its library, its folders, the same seed twice
    Doctor,
    /// Name what the library holds
    List(List),
    /// Print the JSON schema of hunt files
    Schema,
    /// Check transaction logs, snapshots and data directories, and change nothing
    Verify(Verify),
}

/// Which rules are off.
#[derive(Args, Clone, Debug, Default)]
pub struct Without {
    /// Switch this safety rule off (may be repeated)
    #[arg(long, value_name = "RULE")]
    pub without: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Run {
    /// A name of the library, or a file
    pub scenario: String,
    /// 0x2a or 42; drawn and printed if not given
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Option<Seed>,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Args, Debug)]
pub struct Hunt {
    /// Names of the library, or files
    pub scenarios: Vec<String>,
    /// Every hunt of the library
    #[arg(long, conflicts_with = "scenarios")]
    pub all: bool,
    /// The first seed; drawn and printed if not given
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Option<Seed>,
    /// N runs in total, dealt over the hunts; or the seeds A..B in each of them
    #[arg(long, value_name = "N|A..B")]
    pub seeds: Option<Seeds>,
    /// Hunt for so long: 60s, 10m
    #[arg(long = "for", value_name = "TIME")]
    pub time: Option<Span>,
    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Only the I-th of N parts of the runs
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Stop at the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Stop after so many failures
    #[arg(long, value_name = "N", default_value = "10")]
    pub max_failures: NonZeroUsize,
    /// Run the same seeds again in a second process and compare the trace hashes
    #[arg(long)]
    pub check_determinism: bool,
    /// List every run with its trace hash in the JSON document
    #[arg(long)]
    pub hashes: bool,
    /// JUnit XML for CI: a case per hunt
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// A hunt whose demanded marks stay at zero passes all the same
    #[arg(long)]
    pub no_demands: bool,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Args, Debug)]
pub struct Replay {
    /// A story, a saved failure, or a hunt together with --seed
    pub file: String,
    /// The seed of the hunt's run: 0x2a or 42
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Option<Seed>,
    /// Write what happens behind the story's commands, in place of what was recorded there
    #[arg(long, conflicts_with = "seed")]
    pub record: bool,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Args, Debug)]
pub struct Shrink {
    /// A name of the library, or a file
    pub scenario: String,
    /// The seed of the run that fails: 0x2a or 42
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Seed,
    /// Stop shrinking after so many replays
    #[arg(long, value_name = "N", default_value_t = 4000)]
    pub tries: usize,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Args, Debug)]
pub struct Report {
    /// The folder of a saved failure, a story, or a hunt together with --seed
    pub what: String,
    /// The seed of the hunt's run: 0x2a or 42
    #[arg(long, allow_hyphen_values = true)]
    pub seed: Option<Seed>,
    /// One HTML page with everything in it; without a file, report.html beside the other files of the run
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub html: Option<Option<PathBuf>>,
    /// A Mermaid sequence diagram of the last events, for issues; without a file, story.mmd
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub mermaid: Option<Option<PathBuf>>,
    /// A trace for Perfetto and chrome://tracing; without a file, trace.perfetto.json
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub perfetto: Option<Option<PathBuf>>,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// HUNT@SEED, a story, or the folder of a saved failure
    pub first: String,
    /// The same of the other; the first one's if not given, which --without makes another
    pub second: Option<String>,
    /// How many lines around the place where they part
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub lines: usize,
    /// Switch this safety rule off in the second (may be repeated)
    #[arg(long, value_name = "RULE")]
    pub without: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Check {
    /// election, broadcast, full or service; all of them if not given
    pub model: Option<String>,
    /// The bound to start from
    #[arg(long, value_enum, default_value_t = Preset::Quick)]
    pub preset: Preset,
    /// One number of the bound: servers, writes, crashes, breaks, elections or epochs, timeouts;
    /// drops, duplicates, reorders of election messages; of service also script=NAME, operations and
    /// pipelined (may be repeated)
    #[arg(long, value_name = "K=V")]
    pub bound: Vec<String>,
    /// Of each search. If not given: several bounds go side by side, a thread each; one bound takes
    /// all cores, in broadcast and service one, where more do not help
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// Stop after so long; what was left is said
    #[arg(long = "for", value_name = "TIME")]
    pub time: Option<Span>,
    /// Make every move of every state, also those that commute: a counterexample is a shortest one then
    #[arg(long)]
    pub whole: bool,
    /// What the disks hold at the start of an election: every server the same, or different things in one way
    /// or in every way
    #[arg(long, value_enum, default_value_t = Histories::Even)]
    pub histories: Histories,
    /// Store the whole graph, and ask whether a stable state can be reached from every state without a fault
    #[arg(long, conflicts_with_all = ["whole", "walks"])]
    pub liveness: bool,
    /// Not every order, but so many random walks down from the start: nothing is exhausted
    #[arg(long, value_name = "N")]
    pub walks: Option<u64>,
    /// Of the random walks
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "walks")]
    pub seed: u64,
    /// Keep 64 bits of each state under this key, not the state: not exact; a second key should agree
    #[arg(long, value_name = "KEY")]
    pub fingerprint: Option<u64>,
    /// JUnit XML for CI: a case per bound
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Stop when states and their index take so many MiB: 4096 if not given, 8192 of the presets deep and huge. Searches
    /// side by side have equal parts of it
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
    #[command(flatten)]
    pub without: Without,
}

impl Check {
    /// How many bytes states and their index may take.
    pub fn memory(&self) -> u64 {
        let preset = match self.preset {
            Preset::Small | Preset::Quick => 4096,
            Preset::Deep | Preset::Huge => 8192,
        };
        self.memory.unwrap_or(preset) << 20
    }
}

#[derive(Args, Debug)]
pub struct Explore {
    /// election, broadcast, full or service
    pub model: String,
    /// The bound to start from: its first
    #[arg(long, value_enum, default_value_t = Preset::Small)]
    pub preset: Preset,
    /// One number of the bound, as for check (may be repeated)
    #[arg(long, value_name = "K=V")]
    pub bound: Vec<String>,
    /// Where the page is, on 127.0.0.1; 0 for any free port
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub port: u16,
    #[command(flatten)]
    pub without: Without,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Histories {
    /// All are empty
    Even,
    /// One way to differ
    Uneven,
    /// Every way, one search each
    All,
}

/// Bounds with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// Less than a second
    Small,
    /// Less than a minute on two cores
    Quick,
    /// Less than half an hour on two cores, with 8 GiB
    Deep,
    /// What nobody waits for
    Huge,
}

#[derive(Args, Debug)]
pub struct Rules {
    /// Only these rules
    pub rules: Vec<String>,
    /// At most so many seeds for each rule
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub seeds: u64,
    /// At most so much CPU time for each rule
    #[arg(long = "for", value_name = "TIME", default_value = "60s")]
    pub time: Span,
    /// The first seed
    #[arg(long, default_value = "0x0")]
    pub seed: Seed,
    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// JUnit XML for CI: a case per rule
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Who looks for a violation: seeds of the simulator, or the exhaustive explorer, bound after bound
    #[arg(long, value_enum, default_value_t = Engine::Sim)]
    pub engine: Engine,
}

/// Who looks for a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Sim,
    Check,
}

#[derive(Args, Debug)]
pub struct Bugs {
    /// At most so long for each
    #[arg(long = "for", value_name = "TIME", default_value = "60s")]
    pub time: Span,
    /// All cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// Files named log.ZXID or snapshot.ZXID, version-2 directories, or the directories they stand in
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub struct List {
    /// hunt, story, regression, rule or mark; everything if not given
    #[arg(value_enum)]
    pub what: Option<What>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    Hunt,
    Story,
    Regression,
    Rule,
    Mark,
}
