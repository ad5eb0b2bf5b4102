//! The page: one HTML file for a run, a story or a counterexample, which asks nobody for anything.
//!
//! The page itself is static (`viewer.html`, `.css`, `.js`); what differs is one JSON document inside
//! of it, in which `<` is written `\u003c`, so no text of a run can end it. The viewer puts text in as
//! text. Times are integers, everything of 64 bits is a string.

mod data;

use crate::report::Report;
use crate::timeline::Timeline;

const HTML: &str = include_str!("viewer.html");
const STYLE: &str = include_str!("viewer.css");
const SCRIPT: &str = include_str!("viewer.js");

pub const SCHEMA: &str = "zabra-page/1";

/// What a page tells: what stands above, and one timeline or two.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// `mixed5 seed 0x2a`, or a story's name.
    pub title: String,
    pub verdict: String,
    pub exit: u8,
    pub oracle: String,
    /// What the oracle promises, and where that comes from.
    pub states: String,
    pub source: String,
    pub sentence: String,
    pub facts: Vec<String>,
    /// Whom the violation names.
    pub servers: Vec<u8>,
    pub without: Vec<String>,
    pub causes: Vec<String>,
    pub shrunk: Option<String>,
    /// Commands that show it again, with a word for each.
    pub again: Vec<(String, String)>,
    pub numbers: Vec<(String, String)>,
    pub faults: Vec<(String, u64)>,
    /// Name, count, and what it means.
    pub marks: Vec<(String, u64, String)>,
    /// What a reader must know before he believes the rest.
    pub notes: Vec<String>,
    pub views: Vec<View>,
}

/// One timeline, under a name.
#[derive(Clone, Debug)]
pub struct View {
    pub name: String,
    pub about: String,
    /// When the violation was seen, in the timeline's unit.
    pub at: Option<u64>,
    pub timeline: Timeline,
}

impl Page {
    /// What a report says, without timelines.
    pub fn of(report: &Report) -> Page {
        let finding = report.findings.first();
        let property =
            finding.and_then(|f| report.properties.iter().find(|p| p.id == f.property && p.kind == "always"));
        let (run, stats) = (&report.run, &report.stats);
        let simulated = format!("{}.{:03} s", run.sim_ns / 1_000_000_000, run.sim_ns / 1_000_000 % 1000);
        let numbers = [
            ("simulated", simulated),
            ("steps", run.steps.to_string()),
            ("messages", stats.delivered.to_string()),
            ("writes", stats.writes.to_string()),
            ("reads", stats.reads.to_string()),
            ("unknown outcomes", stats.unknown.to_string()),
            ("trace", run.determinism.trace_hash.clone()),
            ("exit", run.exit.to_string()),
            (report.tool.name, report.tool.version.to_owned()),
        ];
        let marks = report.properties.iter().filter(|p| p.kind == "sometimes");
        Page {
            title: format!("{} seed {}", run.scenario, run.seed),
            verdict: crate::exit::Exit::ALL
                .into_iter()
                .find(|exit| exit.code() == run.exit)
                .map_or(run.verdict, crate::exit::Exit::word)
                .to_owned(),
            exit: run.exit,
            oracle: finding.map(|f| f.property.clone()).unwrap_or_default(),
            states: property.map(|p| p.text.clone()).unwrap_or_default(),
            source: property.map(|p| p.source.clone()).unwrap_or_default(),
            sentence: finding.map_or_else(|| "every oracle is content".to_owned(), |f| f.msg.clone()),
            facts: finding.map(|f| f.explain.iter().map(|e| e.text.clone()).collect()).unwrap_or_default(),
            servers: finding
                .map(|f| f.servers.iter().filter_map(|s| s.trim_start_matches('n').parse().ok()).collect())
                .unwrap_or_default(),
            without: run.without.clone(),
            causes: finding.map(|f| f.necessary.iter().map(|n| n.what.clone()).collect()).unwrap_or_default(),
            shrunk: finding.and_then(|f| shrunk(f.shrink.first()?.steps, f.shrink.last()?.steps)),
            again: report.repro.iter().map(|r| (r.label.clone(), r.cmd.clone())).collect(),
            numbers: numbers.into_iter().map(|(word, value)| (word.to_owned(), value)).collect(),
            faults: report.coverage.faults.iter().map(|(name, count)| (name.clone(), *count)).collect(),
            marks: marks.map(|p| (p.id.clone(), p.held, p.text.clone())).collect(),
            notes: Vec::new(),
            views: Vec::new(),
        }
    }

    /// The file.
    pub fn html(&self) -> String {
        let json = self.json().replace('<', "\\u003c");
        let mut html = String::with_capacity(HTML.len() + STYLE.len() + SCRIPT.len() + json.len());
        let mut rest = HTML;
        for (mark, text) in [
            ("/*TITLE*/", escape(&format!("{} · {}", self.title, if self.exit == 0 { "PASS" } else { "FAIL" }))),
            ("/*STYLE*/", STYLE.to_owned()),
            ("/*DATA*/", json),
            ("/*SCRIPT*/", SCRIPT.to_owned()),
        ] {
            let (before, after) = rest.split_once(mark).expect("the marks stand in the page, in this order");
            html.push_str(before);
            html.push_str(&text);
            rest = after;
        }
        html + rest
    }

    /// The document inside of it.
    pub fn json(&self) -> String {
        serde_json::to_string(&data::Data::of(self)).expect("a page has only string keys")
    }
}

fn shrunk(before: usize, after: usize) -> Option<String> {
    (before != after).then(|| format!("{before} -> {after} steps"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
pub(crate) mod tests;
