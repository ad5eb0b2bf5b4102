//! Members in a file of their own (`dynamicConfigFile`), as Apache's servers write it, and whether they may
//! change while the servers run.

use super::Check;
use crate::config::problem::Problem;
use crate::config::text::entries;
use std::path::Path;
use zabra_core::config::Reconfig;

impl Check {
    /// The members that stand in a file of their own; its lines are counted on from those of this file.
    /// Returns its name.
    pub(super) fn take_dynamic(&mut self, own_lines: usize, open: impl Fn(&Path) -> Option<String>) -> Option<String> {
        let entry = self.entries.get("dynamicConfigFile")?.clone();
        let Some(text) = open(Path::new(&entry.value)) else {
            let text = format!("dynamicConfigFile: expected a file that can be read, found {:?}", entry.value);
            self.error(Some(entry.line), text);
            return None;
        };
        let mut members = entries(&text);
        members.retain(|member| member.key != "version");
        for member in &mut members {
            member.line += own_lines;
            if !["server.", "group.", "weight."].iter().any(|family| member.key.starts_with(family)) {
                let text = format!("expected server, group and weight lines and version only, found {}", member.key);
                self.error(Some(member.line), text);
            }
        }
        self.take(members);
        Some(entry.value)
    }
}

impl Check {
    pub(super) fn reconfig(&mut self) -> Reconfig {
        let enabled = self.flag("reconfigEnabled").unwrap_or(false);
        let may_be_alone = self.flag("standaloneEnabled").unwrap_or(true);
        Reconfig { enabled, voters_min: if may_be_alone { 2 } else { 1 } }
    }

    /// The version of the members' configuration: what the name of their file ends in, in hex.
    pub(super) fn version(&self) -> u64 {
        let file = self.entries.get("dynamicConfigFile").map(|entry| entry.value.as_str());
        let ending = file.and_then(|file| file.rsplit_once('.')).map(|(_, ending)| ending);
        ending.and_then(|ending| u64::from_str_radix(ending, 16).ok()).unwrap_or(0)
    }
}

/// Gives the problems behind the lines of the first file the name and the lines of the second.
pub(super) fn place(problems: &mut [Problem], dynamic: Option<String>, own_lines: usize) {
    let Some(dynamic) = dynamic else { return };
    for problem in problems.iter_mut().filter(|problem| problem.line > Some(own_lines)) {
        problem.file.clone_from(&dynamic);
        problem.line = problem.line.map(|line| line - own_lines);
    }
}
