//! The lab: the library of hunts, stories and regressions, and the `zabra-lab` command that runs
//! them. It is the edge between runs, which are values, and the machine: files, threads, wall time.

pub mod bugs;
pub mod cli;
pub mod command;
pub mod engine;
pub mod files;
pub mod hunt_file;
pub mod kills;
pub mod library;
pub mod matrix;
pub mod place;
pub mod pool;
pub mod seeds;
pub mod voice;

use clap::Parser;
use cli::{Cli, Command};
use command::{
    Failed, bugs as library_of_bugs, check, diff, doctor, explore, hunt, list, replay, report, rules, run, shrink,
    verify,
};
use std::process::ExitCode;
use voice::Voice;
use zabra_reports::exit::Exit;

/// Reads the arguments, does what they say, and exits with the documented code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _closed_pipe = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Pass.code() });
        }
    };
    let voice = Voice::of(&cli.talk);
    let exit = dispatch(&cli, &voice).unwrap_or_else(|failed| {
        voice.insist(&format!("{} {failed}", voice.paint.bad("error:")));
        failed.exit
    });
    ExitCode::from(exit.code())
}

fn dispatch(cli: &Cli, voice: &Voice) -> Result<Exit, Failed> {
    match &cli.command {
        Command::Run(args) => run::run(args, &cli.talk, voice),
        Command::Hunt(args) => hunt::hunt(args, &cli.talk, voice),
        Command::Replay(args) => replay::replay(args, &cli.talk, voice),
        Command::Shrink(args) => shrink::shrink(args, &cli.talk, voice),
        Command::Report(args) => report::report(args, &cli.talk, voice),
        Command::Check(args) => check::check(args, &cli.talk, voice),
        Command::Explore(args) => explore::explore(args, voice),
        Command::Rules(args) => rules::rules(args, &cli.talk, voice),
        Command::Bugs(args) => library_of_bugs::bugs(args, voice),
        Command::Diff(args) => diff::diff(args, &cli.talk, voice),
        Command::Doctor => doctor::doctor(&cli.talk, voice),
        Command::List(args) => list::list(args, &cli.talk, voice),
        Command::Schema => Ok(list::schema(voice)),
        Command::Verify(args) => verify::verify(args, voice),
    }
}
