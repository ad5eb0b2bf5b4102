//! Exit codes: stable, documented, and the worst one wins.

use std::fmt::Write;

/// How a command ended, from best to worst. 126 to 165 belong to the shell, but for 130.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    Pass,
    /// Ended by the user before anything was found.
    Interrupted,
    /// The budget ended before there was a verdict, or a demanded mark stayed at zero.
    Inconclusive,
    NothingRan,
    /// The saved failure did not happen again.
    NotReproduced,
    Usage,
    BadScenario,
    ToolFault,
    NonDeterminism,
    Liveness,
    Panic,
    Safety,
}

impl Exit {
    pub const ALL: [Exit; 12] = [
        Exit::Pass,
        Exit::ToolFault,
        Exit::Usage,
        Exit::BadScenario,
        Exit::NothingRan,
        Exit::Safety,
        Exit::Liveness,
        Exit::Panic,
        Exit::NonDeterminism,
        Exit::Inconclusive,
        Exit::NotReproduced,
        Exit::Interrupted,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::ToolFault => 1,
            Exit::Usage => 2,
            Exit::BadScenario => 3,
            Exit::NothingRan => 4,
            Exit::Safety => 20,
            Exit::Liveness => 21,
            Exit::Panic => 22,
            Exit::NonDeterminism => 23,
            Exit::Inconclusive => 24,
            Exit::NotReproduced => 25,
            Exit::Interrupted => 130,
        }
    }

    pub const fn means(self) -> &'static str {
        match self {
            Exit::Pass => "everything that ran passed",
            Exit::ToolFault => "the lab itself failed (a file could not be written, a thread could not start)",
            Exit::Usage => "wrong arguments",
            Exit::BadScenario => {
                "a scenario, story, saved failure or data file cannot be used; the message names the file and the place in it"
            }
            Exit::NothingRan => "nothing ran: no scenario, no seed or an empty shard",
            Exit::Safety => "a safety property was violated",
            Exit::Liveness => "a liveness property was violated",
            Exit::Panic => "a server or the world panicked",
            Exit::NonDeterminism => "the same seed gave two different runs",
            Exit::Inconclusive => "no verdict within the budget, or a mark that the hunt demands stayed at zero",
            Exit::NotReproduced => "the saved failure did not happen again",
            Exit::Interrupted => "interrupted before anything was found",
        }
    }

    /// One word for JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Exit::Pass => "pass",
            Exit::ToolFault => "tool-fault",
            Exit::Usage => "usage",
            Exit::BadScenario => "bad-scenario",
            Exit::NothingRan => "nothing-ran",
            Exit::Safety => "safety",
            Exit::Liveness => "liveness",
            Exit::Panic => "panic",
            Exit::NonDeterminism => "nondeterminism",
            Exit::Inconclusive => "inconclusive",
            Exit::NotReproduced => "not-reproduced",
            Exit::Interrupted => "interrupted",
        }
    }
}

/// The table of exit codes, for `--help` and the README.
pub fn table() -> String {
    let mut text = String::new();
    for exit in Exit::ALL {
        writeln!(text, "{:>5}  {}", exit.code(), exit.means()).expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_wins() {
        let seen = [Exit::Pass, Exit::Inconclusive, Exit::Safety, Exit::Liveness];
        assert_eq!(seen.into_iter().max(), Some(Exit::Safety));
        assert!(Exit::Interrupted > Exit::Pass && Exit::Interrupted < Exit::NothingRan);
    }

    #[test]
    fn the_table_lists_every_code_once() {
        insta::assert_snapshot!(table(), @r#"
          0  everything that ran passed
          1  the lab itself failed (a file could not be written, a thread could not start)
          2  wrong arguments
          3  a scenario, story, saved failure or data file cannot be used; the message names the file and the place in it
          4  nothing ran: no scenario, no seed or an empty shard
         20  a safety property was violated
         21  a liveness property was violated
         22  a server or the world panicked
         23  the same seed gave two different runs
         24  no verdict within the budget, or a mark that the hunt demands stayed at zero
         25  the saved failure did not happen again
        130  interrupted before anything was found
        "#);
    }
}
