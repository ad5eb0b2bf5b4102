//! Where words go: data on stdout, talk on stderr, colour and bars only where a person looks.

use crate::cli::{Color, Talk};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};
use zabra_reports::paint::Paint;

/// How this command speaks.
pub struct Voice {
    pub paint: Paint,
    pub json: bool,
    pub quiet: bool,
    pub verbose: u8,
    progress: bool,
    terminal: bool,
}

impl Voice {
    pub fn of(talk: &Talk) -> Voice {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let terminal = stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let forced = set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0");
        let colour = match talk.color {
            Color::Always => true,
            Color::Never => false,
            // One answer for both streams: a pipe behind either gets no colours.
            Color::Auto => !set("NO_COLOR") && ((terminal && stdout().is_terminal()) || forced),
        };
        Voice {
            paint: if colour { Paint::Ansi } else { Paint::Plain },
            json: talk.json,
            quiet: talk.quiet,
            verbose: talk.verbose,
            progress: !talk.no_progress && !talk.quiet,
            terminal,
        }
    }

    /// Talk: what a person wants to know meanwhile.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.insist(text);
        }
    }

    /// Talk that quiet does not silence.
    pub fn insist(&self, text: &str) {
        let _closed_pipe = writeln!(stderr(), "{}", text.trim_end());
    }

    /// The result, for people: on stdout, unless a JSON document goes there.
    pub fn tell(&self, text: &str) {
        if self.json {
            self.insist(text);
        } else {
            let _closed_pipe = writeln!(stdout(), "{}", text.trim_end());
        }
    }

    /// The result, for machines.
    pub fn document(&self, json: &str) {
        if self.json {
            let _closed_pipe = writeln!(stdout(), "{}", json.trim_end());
        }
    }
}

/// A bar where a person looks, a line every ten seconds elsewhere.
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    began: Instant,
    said: Instant,
    total: Option<u64>,
    limit: Option<Duration>,
}

const EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// `total` runs, or as many as fit into `limit`.
    pub fn new(voice: &Voice, total: Option<u64>, limit: Option<Duration>) -> Progress {
        let began = Instant::now();
        let bar = (voice.progress && voice.terminal).then(|| {
            let length = total.or(limit.map(|l| l.as_secs().max(1)));
            let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let style = ProgressStyle::with_template("{spinner} [{bar:30}] {msg}").expect("a valid template");
            bar.with_style(style.progress_chars("=> "))
        });
        Progress { bar, lines: voice.progress && !voice.terminal, began, said: began, total, limit }
    }

    pub fn update(&mut self, done: u64, failed: u64) {
        let began = self.began;
        let position = if self.total.is_some() { done } else { began.elapsed().as_secs() };
        let (total, limit) = (self.total, self.limit);
        self.show(position, || line(began, total, limit, done, failed));
    }

    /// Says how far a search is; the words are built only when they are shown.
    pub fn show(&mut self, position: u64, line: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(line());
        } else if self.lines && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let _closed_pipe = writeln!(stderr(), "{}", line());
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(began: Instant, total: Option<u64>, limit: Option<Duration>, done: u64, failed: u64) -> String {
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let tenths = done.saturating_mul(10_000) / millis;
    let of = match (total, limit) {
        (Some(total), _) => format!("{done}/{total} runs"),
        (None, Some(limit)) => format!("{done} runs, {}/{} s", millis / 1000, limit.as_secs()),
        (None, None) => format!("{done} runs"),
    };
    format!("[{of}] {}.{} runs/s, {failed} failed", tenths / 10, tenths % 10)
}
