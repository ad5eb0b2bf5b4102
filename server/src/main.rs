//! The `zabra` command.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use zabra::bench;
use zabra::config::{self, Problem, Settings, Severity};
use zabra::console::{complain, say};
use zabra::exit::Exit;
use zabra::offline::{self, SnapshotVerb, TxnlogVerb};
use zabra::{prompt, serve, word};

/// A write allocates on one thread and is freed on another, some dozens of times: a fifth of its CPU with the system's
/// allocator (docs/decisions/0032-allocator.md).
#[cfg(not(madsim))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A ZooKeeper-compatible server.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs a server: of this zoo.cfg, or alone on 127.0.0.1:2181 with its data in ./zabra-data.
    Serve {
        config: Option<PathBuf>,
        /// What log lines look like.
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
        /// What is logged: error, warn, info, debug or trace, also by target (zabra::shell=debug).
        #[arg(long, env = "ZABRA_LOG", default_value = "info")]
        log: String,
    },
    /// Loads a ZooKeeper-compatible ensemble and says what it bore.
    Bench(bench::Arguments),
    /// Looks at transaction logs, and mends them.
    Txnlog {
        #[command(subcommand)]
        verb: TxnlogVerb,
    },
    /// Looks at snapshots.
    Snapshot {
        #[command(subcommand)]
        verb: SnapshotVerb,
    },
    /// Asks servers what zkCli.sh asks them, in its words. Lines that are typed are kept in ~/.zabra_history, but not those
    /// that begin with addauth.
    Shell(prompt::Arguments),
    /// Sends a four-letter word, and writes the answer.
    Word(word::Arguments),
    /// Looks at configurations.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
}

#[derive(Subcommand)]
enum ConfigVerb {
    /// Says everything that is wrong with a zoo.cfg, with its line.
    Check {
        config: PathBuf,
        /// Takes a warning for an error.
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    match Command::parse_from(prompt::as_zkcli(std::env::args_os())).verb {
        Verb::Serve { config, log_format, log } => serve(config, log_format, &log),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Txnlog { verb } => offline::run_txnlog(&verb),
        Verb::Snapshot { verb } => offline::run_snapshot(&verb),
        Verb::Shell(arguments) => prompt::run(&arguments),
        Verb::Word(arguments) => word::run(&arguments),
        Verb::Config { verb: ConfigVerb::Check { config, strict } } => check(&config, strict),
    }
    .into()
}

fn serve(config: Option<PathBuf>, format: LogFormat, log: &str) -> Exit {
    let Ok(targets) = log.parse::<Targets>() else {
        complain(format_args!("--log: expected a level or TARGET=LEVEL, separated by commas, found {log:?}"));
        return Exit::Invocation;
    };
    let registry = tracing_subscriber::registry().with(targets).with(LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
    let settings = match config.as_deref().map(config::read) {
        None => Settings::alone(),
        Some(Ok((settings, warnings))) => {
            print(&warnings);
            settings
        }
        Some(Err(problems)) => {
            print(&problems);
            return Exit::Invocation;
        }
    };
    end_at_a_panic();
    serve::serve(settings)
}

/// A broken assertion ends the process, whichever task or thread it is in: what was acknowledged is
/// on the disk, and a server that goes on without one of its tasks helps nobody.
fn end_at_a_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
}

fn check(config: &std::path::Path, strict: bool) -> Exit {
    let problems = match config::read(config) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    print(&problems);
    let worst = problems.iter().map(|problem| problem.severity).min();
    if worst != Some(Severity::Error)
        && let Err(Exit::Unexpected) = say(format_args!("{}: a server can start with it", config.display()))
    {
        return Exit::Unexpected;
    }
    let is_bad = worst == Some(Severity::Error) || strict && worst.is_some();
    if is_bad { Exit::Invocation } else { Exit::Finished }
}

fn print(problems: &[Problem]) {
    for problem in problems {
        complain(problem);
    }
}
