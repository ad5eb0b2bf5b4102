//! `rules.toml`: which hunts are tried for which rule, and which rules are argued to be redundant.

use crate::engine;
use crate::library::{Library, text};
use crate::place::Misfit;
use serde::Deserialize;
use std::collections::BTreeMap;
use zabra_core::rule::Rule;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Tried for every rule that names none.
    hunts: Vec<String>,
    #[serde(default)]
    rule: BTreeMap<String, Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    hunts: Vec<String>,
    /// Stories that are tried first: schedules that a random walk meets too seldom.
    stories: Vec<String>,
    /// Why nothing need die when this rule alone is off.
    redundant: Option<String>,
    /// Why no model of the exhaustive explorer expresses it.
    unmodelled: Option<String>,
    /// With each of these off as well, the rule's own oracle must object to what it lets pass with the
    /// other one alone off.
    with: Vec<String>,
}

pub struct Matrix {
    hunts: Vec<String>,
    entries: BTreeMap<Rule, (Entry, Vec<Rule>)>,
}

/// One line of the kill matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The rule, and in a pair what it is redundant beside.
    pub off: Vec<Rule>,
    pub hunts: Vec<String>,
    pub stories: Vec<String>,
}

impl Trial {
    pub fn name(&self) -> String {
        self.off.iter().map(|r| r.entry().name).collect::<Vec<_>>().join(" + ")
    }

    /// What is off in the run that shows that this trial's kill is its own: in a pair the partner alone.
    pub fn control(&self) -> &[Rule] {
        &self.off[1..]
    }

    /// In a pair the partner's oracle would speak first, so the rule's own one alone is heeded.
    pub fn heeds(&self) -> Option<&'static str> {
        (self.off.len() > 1).then(|| self.off[0].entry().oracle)
    }
}

impl Matrix {
    pub fn load(library: &Library) -> Result<Matrix, Misfit> {
        let path = library.file("rules.toml");
        let name = path.display().to_string();
        parse(&name, &text(&path)?)
    }

    /// What is tried for a rule: it alone, and the pairs that its argument names.
    pub fn trials(&self, rule: Rule) -> Vec<Trial> {
        let entry = self.entries.get(&rule);
        let hunts = entry.map(|(e, _)| e.hunts.clone()).filter(|h| !h.is_empty()).unwrap_or(self.hunts.clone());
        let stories = entry.map(|(e, _)| e.stories.clone()).unwrap_or_default();
        let pairs = entry.into_iter().flat_map(|(_, with)| with);
        let pairs =
            pairs.map(|other| Trial { off: vec![rule, *other], hunts: hunts.clone(), stories: stories.clone() });
        let alone = Trial { off: vec![rule], hunts: hunts.clone(), stories: stories.clone() };
        std::iter::once(alone).chain(pairs).collect()
    }

    pub fn unmodelled(&self, rule: Rule) -> Option<&str> {
        self.entries.get(&rule)?.0.unmodelled.as_deref()
    }

    pub fn argument(&self, rule: Rule) -> Option<&str> {
        self.entries.get(&rule)?.0.redundant.as_deref()
    }
}

/// Reads a matrix; `name` is its file, for messages.
pub fn parse(name: &str, text: &str) -> Result<Matrix, Misfit> {
    let at = |message: String, word: &str| {
        let start = text.find(word).unwrap_or(0);
        Misfit::at(name, text, start..start + word.len(), message)
    };
    let file: File = toml::from_str(text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        Misfit::at(name, text, span, e.message())
    })?;
    if file.hunts.is_empty() {
        return Err(at("hunts: expected at least one hunt".into(), "hunts"));
    }
    let mut entries = BTreeMap::new();
    for (word, entry) in file.rule {
        let rule = engine::rule(&word).map_err(|e| at(e.words, &word))?;
        let with =
            entry.with.iter().map(|w| engine::rule(w).map_err(|e| at(e.words, w))).collect::<Result<Vec<_>, _>>()?;
        if entry.redundant.is_some() && with.is_empty() {
            return Err(at(format!("{word}: a redundant rule names, in `with`, what it is redundant beside"), &word));
        }
        entries.insert(rule, (entry, with));
    }
    Ok(Matrix { hunts: file.hunts, entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_tried_alone_and_in_its_pairs() {
        let text = "hunts = [\"mixed5\"]\n[rule.LeaderConfirms]\nhunts = [\"three\"]\nredundant = \"r\"\nwith = [\"EpochQuorum\"]\n";
        let matrix = parse("rules.toml", text).unwrap_or_else(|e| panic!("{e}"));
        let names = |rule| matrix.trials(rule).iter().map(|t| (t.name(), t.hunts.join(","))).collect::<Vec<_>>();
        assert_eq!(names(Rule::VoteOrder), [("VoteOrder".into(), "mixed5".into())]);
        let pair = [("LeaderConfirms".into(), "three".into()), ("LeaderConfirms + EpochQuorum".into(), "three".into())];
        assert_eq!(names(Rule::LeaderConfirms), pair);
        let trials = matrix.trials(Rule::LeaderConfirms);
        assert_eq!((trials[0].control(), trials[0].heeds()), (&[][..], None));
        assert_eq!((trials[1].control(), trials[1].heeds()), (&[Rule::EpochQuorum][..], Some("election")));
        assert_eq!(matrix.argument(Rule::LeaderConfirms), Some("r"));
    }

    #[test]
    fn a_wrong_matrix_is_refused_with_its_place() {
        let place = |text: &str| parse("rules.toml", text).err().map(|m| (m.line, m.column));
        assert_eq!(place("hunts = [\"a\"]\n[rule.VoteOder]\n"), Some((2, 7)));
        assert_eq!(place("hunts = [\"a\"]\nhunt = 1\n"), Some((2, 1)));
        assert_eq!(place("hunts = []\n"), Some((1, 1)));
        assert_eq!(place("hunts = [\"a\"]\n[rule.VoteOrder]\nredundant = \"r\"\n"), Some((2, 7)));
    }
}
