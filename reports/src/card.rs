//! The failure card: the last thing printed for a failure, at most 25 lines, nothing after it.
//!
//! One sentence, the two facts that contradict each other, the cause, how small it became, and the
//! commands that show it again.

use crate::exit::Exit;
use crate::paint::Paint;

/// A failure as the card and `report.json` tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub scenario: String,
    pub seed: u64,
    /// Safety, liveness, a panic or a difference between two runs.
    pub exit: Exit,
    /// The oracle's id; `panic` and `determinism` for what no oracle judges.
    pub oracle: String,
    /// What the oracle promises, in one sentence.
    pub states: String,
    /// What happened instead, in one sentence.
    pub sentence: String,
    /// The two facts that contradict each other.
    pub facts: Vec<String>,
    /// Virtual time of the violation, in microseconds.
    pub at_us: u64,
    pub servers: Vec<u8>,
    pub zxid: Option<String>,
    pub session: Option<String>,
    pub path: Option<String>,
    /// Rules that were switched off, if any.
    pub without: Vec<String>,
    /// What the failure needs: dropping any one of these makes it pass.
    pub causes: Vec<String>,
    pub shrink: Option<Shrink>,
    /// Commands that show it again, with a word for each.
    pub again: Vec<(String, String)>,
    pub trace_hash: u64,
}

/// What shrinking achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrink {
    pub steps_before: usize,
    pub steps_after: usize,
    /// Lines of the story, folded.
    pub lines: usize,
    pub tries: usize,
    pub millis: u64,
}

const LINES: usize = 25;
const WIDTH: usize = 118;

impl Failure {
    /// The card, at most 25 lines.
    pub fn card(&self, paint: Paint) -> String {
        let mut lines = vec![self.headline(paint)];
        if !self.states.is_empty() {
            lines.extend(wrap(&self.states, "  promised ", 3));
        }
        lines.extend(wrap(&self.sentence, "  ", 4));
        for fact in self.facts.iter().take(2) {
            lines.extend(wrap(fact, "  · ", 3));
        }
        if !self.without.is_empty() {
            lines.extend(wrap(&self.without.join(", "), "  without  ", 2));
        }
        if !self.causes.is_empty() {
            lines.extend(wrap(&self.causes.join("; "), "  needs    ", 4));
        }
        if let Some(s) = self.shrink {
            let seconds = format!("{}.{} s", s.millis / 1000, s.millis % 1000 / 100);
            let size =
                format!("shrunk   {} -> {} steps, {} lines, in {seconds}", s.steps_before, s.steps_after, s.lines);
            lines.push(format!("  {size} ({} tries)", s.tries));
        }
        for (word, command) in self.again.iter().take(LINES - 1 - lines.len().min(LINES - 1)) {
            lines.push(format!("  {word:<8} {}", paint.strong(command)));
        }
        lines.truncate(LINES - 1);
        lines.push(paint.faint(&format!("  trace {:#018x}   exit {}", self.trace_hash, self.exit.code())));
        lines.join("\n") + "\n"
    }

    fn headline(&self, paint: Paint) -> String {
        let (fail, oracle) = (paint.bad("FAIL"), paint.strong(&self.oracle));
        let at = format!("at {}.{:03} ms", self.at_us / 1000, self.at_us % 1000);
        format!("{fail}  {}   seed {:#x}   {oracle}   {at}", self.scenario, self.seed)
    }

    /// What makes two failures the same failure: not the seed, nor the time.
    pub fn signature(&self) -> String {
        format!("{}|{}", self.exit.word(), self.oracle)
    }
}

/// `text` in at most `most` lines of the card's width; what does not fit ends in `…`.
fn wrap(text: &str, first: &str, most: usize) -> Vec<String> {
    let indent = " ".repeat(first.chars().count());
    let mut lines = vec![first.to_string()];
    let mut used = indent.len();
    for word in text.split_whitespace() {
        let width = word.chars().count();
        let fresh = used == indent.len();
        if !fresh && used + 1 + width > WIDTH {
            if lines.len() == most {
                lines.last_mut().expect("there is a first line").push_str(" …");
                return lines;
            }
            lines.push(indent.clone());
            used = indent.len();
        }
        let line = lines.last_mut().expect("there is a first line");
        if used > indent.len() {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += width;
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Failure {
        Failure {
            scenario: "mixed5".into(),
            seed: 0x1f3a9c,
            exit: Exit::Safety,
            oracle: "ack_durability".into(),
            states: "an ACK leaves only when everything up to it is durable".into(),
            sentence: "server 2 sent ACK 3.17 while its durable history ended at 3.16".into(),
            facts: vec![
                "ACK 3.17 left server 2 at 1617.200 ms".into(),
                "write w9 of server 2 holds 3.17 and is not durable".into(),
            ],
            at_us: 1_617_200,
            servers: vec![2],
            zxid: Some("3.17".into()),
            session: None,
            path: None,
            without: vec!["AckAfterDurable".into()],
            causes: vec!["crash of server 2 at 1616.100 ms".into()],
            shrink: Some(Shrink { steps_before: 812, steps_after: 23, lines: 9, tries: 140, millis: 4123 }),
            again: vec![
                ("again".into(), "cargo lab replay mixed5 --seed 0x1f3a9c --without AckAfterDurable".into()),
                ("small".into(), "cargo lab replay out/mixed5-0x1f3a9c/story.scn".into()),
                ("report".into(), "out/mixed5-0x1f3a9c/report.json".into()),
            ],
            trace_hash: 0xdead_beef,
        }
    }

    #[test]
    fn a_card_reads_like_this() {
        insta::assert_snapshot!(sample().card(Paint::Plain), @r#"
        FAIL  mixed5   seed 0x1f3a9c   ack_durability   at 1617.200 ms
          promised an ACK leaves only when everything up to it is durable
          server 2 sent ACK 3.17 while its durable history ended at 3.16
          · ACK 3.17 left server 2 at 1617.200 ms
          · write w9 of server 2 holds 3.17 and is not durable
          without  AckAfterDurable
          needs    crash of server 2 at 1616.100 ms
          shrunk   812 -> 23 steps, 9 lines, in 4.1 s (140 tries)
          again    cargo lab replay mixed5 --seed 0x1f3a9c --without AckAfterDurable
          small    cargo lab replay out/mixed5-0x1f3a9c/story.scn
          report   out/mixed5-0x1f3a9c/report.json
          trace 0x00000000deadbeef   exit 20
        "#);
    }

    #[test]
    fn a_card_never_exceeds_25_lines() {
        let long = "word ".repeat(2000);
        let failure = Failure {
            sentence: long.clone(),
            facts: vec![long.clone(), long.clone()],
            causes: vec![long; 9],
            again: vec![("again".into(), "command".into()); 40],
            ..sample()
        };
        let card = failure.card(Paint::Plain);
        assert_eq!(card.lines().count(), 25);
        assert!(card.trim_end().ends_with("exit 20"), "the exit code stays the last line");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let plain = sample().card(Paint::Plain);
        let mut painted = sample().card(Paint::Ansi);
        for code in ["1;31", "1", "2", "0"] {
            painted = painted.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(painted, plain);
    }
}
