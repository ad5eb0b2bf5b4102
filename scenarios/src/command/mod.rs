//! The verbs of `zabra-lab`, one file each.

pub mod bugs;
pub mod check;
pub mod diff;
pub mod doctor;
pub mod explore;
pub mod hunt;
pub mod kills;
pub mod list;
pub mod replay;
pub mod report;
pub mod rules;
pub mod run;
pub mod shrink;
pub mod verify;

use crate::place::Misfit;
use std::fmt;
use zabra_reports::exit::Exit;

/// Why a command gave up: what to say, and how to exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub exit: Exit,
    pub words: String,
}

impl Failed {
    pub fn usage(words: impl Into<String>) -> Failed {
        Failed { exit: Exit::Usage, words: words.into() }
    }

    pub fn tool(words: impl Into<String>) -> Failed {
        Failed { exit: Exit::ToolFault, words: words.into() }
    }
}

impl From<Misfit> for Failed {
    fn from(misfit: Misfit) -> Failed {
        Failed { exit: Exit::BadScenario, words: misfit.to_string() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
