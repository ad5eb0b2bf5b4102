//! `zabra-lab doctor`: whether this lab can be relied on here, before a night of hunting is spent.

use super::Failed;
use crate::cli::Talk;
use crate::engine;
use crate::hunt_file;
use crate::library::{Kind, Library, text};
use crate::matrix::Matrix;
use crate::pool;
use crate::voice::Voice;
use serde_json::json;
use std::fs;
use zabra_reports::exit::Exit;
use zabra_reports::report::hex;
use zabra_sim::story::{Story, Told, check};

/// Of the seeds that run twice.
const SEEDS: u64 = 3;

/// What was looked at, and what is wrong with it if something is.
struct Look {
    what: &'static str,
    found: Result<String, String>,
}

pub fn doctor(talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let looks = [
        Look { what: "build", found: Ok(build()) },
        Look { what: "hunts", found: hunts(&library) },
        Look { what: "stories", found: stories(&library) },
        Look {
            what: "rules",
            found: Matrix::load(&library).map(|_| "rules.toml is read".to_owned()).map_err(|e| e.to_string()),
        },
        Look { what: "files", found: writable(talk) },
        Look { what: "same seed", found: twice(&library) },
    ];
    for look in &looks {
        let (word, text) = match &look.found {
            Ok(text) => (voice.paint.good("ok  "), text),
            Err(text) => (voice.paint.bad("FAIL"), text),
        };
        voice.tell(&format!("{word}  {:<10} {text}", look.what));
    }
    let well = looks.iter().all(|look| look.found.is_ok());
    let told = |look: &Look| {
        let (Ok(text) | Err(text)) = &look.found;
        json!({ "what": look.what, "ok": look.found.is_ok(), "msg": text })
    };
    let looks: Vec<_> = looks.iter().map(told).collect();
    let document = json!({ "schema": "zabra-doctor/1", "ok": well, "looks": looks });
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    Ok(if well { Exit::Pass } else { Exit::ToolFault })
}

fn build() -> String {
    let how = if cfg!(debug_assertions) { "with debug assertions" } else { "without debug assertions" };
    format!("zabra-lab {} {how}, {} threads", env!("CARGO_PKG_VERSION"), pool::cores())
}

fn hunts(library: &Library) -> Result<String, String> {
    let hunts = library.all(Kind::Hunt).map_err(|misfit| misfit.to_string())?;
    for hunt in &hunts {
        hunt_file::load(hunt).map_err(|misfit| misfit.to_string())?;
    }
    if hunts.is_empty() {
        Err("there are none (--library DIR)".to_owned())
    } else {
        Ok(format!("{} are read", hunts.len()))
    }
}

fn stories(library: &Library) -> Result<String, String> {
    let mut count = 0;
    for kind in [Kind::Story, Kind::Regression] {
        for item in library.all(kind).map_err(|misfit| misfit.to_string())? {
            let file = item.path.display().to_string();
            let text = text(&item.path).map_err(|misfit| misfit.to_string())?;
            Story::parse(&file, &text).map_err(|wrong| wrong.to_string())?;
            let told = pool::guarded(|| check(&file, &text)).map_err(|p| format!("{file}: {}", p.message))?;
            if told != Ok(Told::Same) {
                return Err(format!("{file} is not as recorded: cargo lab replay {file}"));
            }
            count += 1;
        }
    }
    Ok(format!("{count} are as recorded"))
}

fn writable(talk: &Talk) -> Result<String, String> {
    let probe = talk.out.join(".doctor");
    engine::save(&talk.out, ".doctor", "").map_err(|failed| failed.to_string())?;
    fs::remove_file(&probe).map_err(|e| format!("{}: {e}", probe.display()))?;
    Ok(format!("{} can be written", talk.out.display()))
}

/// Each hunt, some seeds, twice: the traces are the same.
fn twice(library: &Library) -> Result<String, String> {
    let hunts = library.all(Kind::Hunt).map_err(|misfit| misfit.to_string())?;
    let mut runs = 0;
    for hunt in hunts.iter().take(4) {
        let scenario = hunt_file::load(hunt).map_err(|misfit| misfit.to_string())?;
        for seed in 0..SEEDS {
            let [a, b] = [0, 1].map(|_| engine::play(&scenario, seed, None).report.trace_hash);
            if a != b {
                return Err(format!("{} seed {}: {} and then {}", hunt.name, hex(seed), hex(a), hex(b)));
            }
            runs += 1;
        }
    }
    Ok(format!("{runs} runs of {} hunts are the same the second time", hunts.len().min(4)))
}
