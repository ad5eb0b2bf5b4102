//! `zabra-lab replay`: a saved failure or a story again. It must happen again, or the exit says that
//! it did not.

use super::{Failed, run};
use crate::cli::{Replay, Talk};
use crate::engine;
use crate::library::{Item, Kind, Library, text};
use crate::place::Misfit;
use crate::voice::Voice;
use serde_json::json;
use zabra_reports::exit::Exit;
use zabra_sim::story::{self, Player, Story, Told, WrongLine};

pub fn replay(args: &Replay, talk: &Talk, voice: &Voice) -> Result<Exit, Failed> {
    let library = Library::find(talk.library.as_deref());
    let item = library.named(&args.file, &[Kind::Hunt, Kind::Story, Kind::Regression])?;
    match (item.kind, args.seed) {
        (Kind::Hunt, _) if args.record => Err(Failed::usage("--record is for stories: a hunt's run is its seed")),
        (Kind::Hunt, Some(seed)) => {
            let scenario = engine::loaded(&item, &args.without.without)?;
            voice.insist(&format!("{} seed {seed}", scenario.name));
            run::one(&args.file, &scenario, seed.0, talk, voice)
        }
        (Kind::Hunt, None) => Err(Failed::usage("a hunt is replayed with its --seed")),
        (Kind::Story | Kind::Regression, Some(_)) => Err(Failed::usage("a story needs no --seed")),
        (Kind::Story | Kind::Regression, None) => {
            if args.record {
                record(&item)?;
            }
            story(&item, voice)
        }
    }
}

/// Writes the trace that the commands make, unless one of them cannot be done: then the file stays as it is.
fn record(item: &Item) -> Result<(), Failed> {
    let file = item.path.display().to_string();
    let before = text(&item.path)?;
    let recorded = crate::pool::guarded(|| story::update(&file, &before).ok());
    let Ok(Some(after)) = recorded else { return Ok(()) };
    if matches!(story::check(&file, &after), Ok(Told::Same)) {
        std::fs::write(&item.path, after).map_err(|error| Failed::tool(format!("{file}: {error}")))?;
    }
    Ok(())
}

/// Plays a story and compares what happens with what was recorded.
pub fn story(item: &Item, voice: &Voice) -> Result<Exit, Failed> {
    let file = item.path.display().to_string();
    let text = text(&item.path)?;
    let misfit = |wrong: WrongLine| Misfit::on_line(&file, &text, wrong.line, format!("expected {}", wrong.expected));
    let parsed = Story::parse(&file, &text).map_err(misfit)?;
    let played = crate::pool::guarded(|| (Player::play(&parsed), story::check(&file, &text)));
    let (played, told) = match played {
        Ok((played, told)) => (played, told.map_err(misfit)?),
        Err(panicked) => {
            voice.tell(&format!(
                "{}  {}  panicked at {}: {}",
                voice.paint.bad("FAIL"),
                item.name,
                panicked.place,
                panicked.message
            ));
            return Ok(Exit::Panic);
        }
    };
    let (exit, words) = match &told {
        Told::Same => match &played.violation {
            Some(violation) => (Exit::Safety, format!("{}: {}", violation.oracle, violation.sentence)),
            None => (Exit::Pass, "as recorded".to_string()),
        },
        Told::Different { .. } if parsed.trace.is_empty() => {
            (Exit::NotReproduced, "no trace is recorded behind its commands: --record writes it".to_string())
        }
        Told::Different { line, recorded, played } => {
            (Exit::NotReproduced, format!("line {line} of the trace\n  recorded  {recorded}\n  played    {played}"))
        }
        Told::Failed { line, why } => (Exit::NotReproduced, Misfit::on_line(&file, &text, *line, why).to_string()),
    };
    if voice.verbose > 0 {
        voice.say(&played.trace.join("\n"));
    }
    let word = if exit == Exit::Pass { voice.paint.good("PASS") } else { voice.paint.bad("FAIL") };
    let facts = played.violation.iter().flat_map(|v| v.facts.iter()).map(|f| format!("\n  · {f}")).collect::<String>();
    voice.tell(&format!("{word}  {}  {words}{facts}", item.name));
    let document = json!({
        "schema": "zabra-story/1", "story": item.name, "verdict": exit.word(), "exit": exit.code(), "msg": words,
        "oracle": played.violation.as_ref().map(|v| v.oracle), "trace": played.trace,
    });
    voice.document(&serde_json::to_string_pretty(&document).expect("a document has only string keys"));
    Ok(exit)
}
